#!/bin/bash
# Density and coverage at the size of prdc's README (docs/OPERATIONS.md, "Metrics of cells").
#   TESTS=DIR-OF-THE-C-TESTS tests/soak/prdc.sh
set -u
. "$(dirname "$0")/../support/world.sh"
tests=${TESTS:-$root/build/release/tests}
unset OMP_NUM_THREADS
GGDM_TEST="*wide*" GGDM_IMAGES=10000 "$tests/unit/test_neighbours"
