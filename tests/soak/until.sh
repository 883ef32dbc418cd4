#!/bin/bash
# 1,000 simulated sweeps that stop by themselves: what their intervals and races promise holds
# (docs/decisions/020-until.md; the numbers are in docs/RESULTS.md).
#   TESTS=DIR-OF-THE-C-TESTS tests/soak/until.sh
set -u
. "$(dirname "$0")/../support/world.sh"
tests=${TESTS:-$root/build/release/tests}
log=$work/log
GGDM_SWEEPS=1000 "$tests/unit/test_until" >"$log" 2>&1
rc=$?
grep -aE "half width|race:|equals:|ERROR|FAILED" "$log"
exit $rc
