#!/bin/bash
# The wish to stop is never lost: while mpirun and the ranks start, while units run, and when a
# coordinator does not hear it.
#   GGDM=PROGRAM TOOLS=DIR tests/mpi/stop.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/supervised.sh"

sweep_of 4000 >small.yaml # minutes

# ends NAME SECONDS: process $pid does, within so many.
ends() {
    timeout "$2" tail --pid="$pid" -f /dev/null
    if kill -0 "$pid" 2>/dev/null; then
        report 1 "$1 ends"
        kill -TERM "$pid"
        sleep 0.2
        kill -TERM "$pid"
    fi
    wait "$pid"
    rc=$?
}

good=0
for delay in 0.05 0.12 0.25; do
    start stopped --workers 1
    sleep $delay
    kill -TERM "$pid"
    ends "TERM after $delay s" 9
    [ $rc -eq 75 ] || [ $rc -eq 143 ] || { echo "# TERM after $delay s: exit code $rc" && good=1 && show stopped; }
done
report $good "a run that is stopped while it starts ends, and says that it goes on"

# The signal does not reach the coordinator at first: it is said again until it is heard.
start stopped --workers 1
at_work stopped 1 || exit 1
kill -STOP "$coordinator" "$mpirun"
kill -TERM "$pid"
sleep 1.5
kill -CONT "$mpirun" "$coordinator"
ends "a run that hears it late" 14
[ $rc -eq 75 ] && grep -q "interrupted with" stopped.err && [ "$(number stopped running)" = 0 ]
report $? "a run that hears it late saves its units and says so" || show stopped

exit $failed
