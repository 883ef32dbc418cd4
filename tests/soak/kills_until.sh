#!/bin/bash
# The same (kills.sh) of a sweep that ends itself: what is killed between rounds, before and after a
# decision, decides as an undisturbed run does.
UNTIL=1 CYCLES=${CYCLES:-50} exec "$(dirname "$0")/kills.sh"
