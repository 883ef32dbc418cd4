#!/bin/bash
# GGDM_DEADLINE: a run has everything saved by then and ends with 75; continued, it makes the bytes of
# an undisturbed one.
#   GGDM=PROGRAM TOOLS=DIR tests/mpi/deadline.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/supervised.sh"

sweep_of 30 >small.yaml
start reference --workers 2
wait "$pid"
report $? "reference run" && [ "$failed" -eq 0 ] || { show reference; exit 1; }

# until_deadline SECONDS: a run with so much time, whose units take four seconds longer than they would.
until_deadline() {
    local rc
    LD_PRELOAD=$TOOLS/poison.so GGDM_SLOW=4000 GGDM_DEADLINE=$(($(date +%s) + $1)) \
        "$GGDM" run small.yaml --run timed --workers 2 --batch 4 --threads 1 >timed.out 2>timed.err
    rc=$?
    read -r done total < <("$TOOLS/count_images" timed)
    echo "# $1 s: exit code $rc, $done of $total images"
    [ $rc -eq 75 ] && grep -aq "as the time of the job is over" timed.err
}
until_deadline 5 && [ "$done" -eq 0 ] && [ "$("$TOOLS/ask_store" timed 'SELECT count(*) FROM event WHERE to_state = "running"')" -eq 0 ]
report $? "no time: no unit is issued, exit code 75" && [ "$failed" -eq 0 ] || show timed

begun=$SECONDS
until_deadline 45 && [ "$done" -gt 0 ] && [ "$done" -lt "$total" ] && [ $((SECONDS - begun)) -lt 45 ]
report $? "a little time: some units are made, and the run ends before the deadline" && [ "$failed" -eq 0 ] || show timed

start timed --workers 2
wait "$pid" && same timed && at_rest timed
report $? "continued: the same bytes"
exit "$failed"
