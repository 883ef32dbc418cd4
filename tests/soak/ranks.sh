#!/bin/bash
# Many more ranks than cores start, run and shut down, again and again: no cycle may hang.
#   GGDM=PROGRAM TOOLS=DIR [CYCLES=50] [RANKS=64] [LIMIT=600] tests/soak/ranks.sh
set -u
. "$(dirname "$0")/../support/world.sh"
cycles=${CYCLES:-50} ranks=${RANKS:-64} limit=${LIMIT:-600} # LIMIT: seconds of one cycle
. "$root/tests/support/tiny.sh"

sweep 4 64 "0, 1" 4 >many.yaml

cycle() {
    local begun=$SECONDS rc
    timeout -k 10 "$limit" "$GGDM" run many.yaml --run "r$1" --workers $((ranks - 1)) >out 2>&1
    rc=$?
    echo "# cycle $1: exit code $rc after $((SECONDS - begun)) s"
    [ $rc -eq 0 ] && [ "$(ls "r$1"/archive/c*/samples.tar | wc -l)" -eq 2 ] || { cat out; return 1; }
    rm -rf "r$1"
}

for i in $(seq "$cycles"); do
    cycle "$i"
    report $? "cycle $i of $cycles with $ranks ranks"
done
exit "$failed"
