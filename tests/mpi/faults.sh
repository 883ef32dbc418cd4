#!/bin/bash
# The supervisor of `ggdm run`: whatever dies or hangs, the run goes on by itself and ends with the
# bytes of an undisturbed one; a unit that kills its worker is set apart.
#   GGDM=PROGRAM TOOLS=DIR tests/mpi/faults.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/supervised.sh"

sweep_of 60 >small.yaml
start reference --workers 2
wait "$pid"
report $? "reference run" && [ "$failed" -eq 0 ] || { show reference; exit 1; }

# survives RUN WHOM SIGNAL TEXT: one fault in the middle; the run ends by itself, with 0.
survives() {
    local rc victim begun
    start "$1" --workers 2
    at_work "$1" 8 || return 1
    victim=${!2}
    begun=$SECONDS
    kill "-$3" "$victim"
    while ! restarts "$1" "$4" && kill -0 "$pid" 2>/dev/null; do sleep 0.2; done
    at_work "$1" $(($(done_images "$1") + 1)) && echo "# $2, SIG$3: images again after $((SECONDS - begun)) s"
    wait "$pid"
    rc=$?
    [ $rc -eq 0 ] && same "$1" && at_rest "$1" && restarts "$1" "$4" && return 0
    echo "# exit code $rc"
    show "$1"
    return 1
}
survives worker-killed worker KILL "worker [12] on .* died of signal 9"
report $? "kill -9 of a worker: goes on by itself, the same bytes"
survives coordinator-killed coordinator KILL "no unit is to blame"
report $? "kill -9 of the coordinator: goes on by itself, the same bytes"
survives mpirun-killed mpirun KILL "mpirun died of signal 9"
report $? "kill -9 of mpirun: goes on by itself, the same bytes"

# Both at once: each takes the 15 s of silence that are allowed.
(survives worker-stopped worker STOP "was silent for" >stopped.log) &
stopped=$!
survives coordinator-stopped coordinator STOP "its coordinator was silent"
report $? "a coordinator that stands still is replaced, the same bytes"
wait $stopped
report $? "a worker that stands still is replaced, the same bytes"
cat stopped.log

# A second start on the same directory, while the first lives.
refused() {
    local rc
    start twice --workers 1
    at_work twice 1 || return 1
    timeout 60 "$GGDM" run small.yaml --run twice --workers 1 >second.err 2>&1
    rc=$?
    wait "$pid" || return 1
    sed 's/^/# /' second.err
    [ $rc -eq 2 ] && grep -q "in use by another ggdm run" second.err && same twice
}
refused
report $? "a second start is refused with 2, the first is not disturbed"

# The supervisor is killed: all of it ends, and the same command works at once.
again() {
    start orphaned --workers 2
    at_work orphaned 8 || return 1
    kill -9 "$pid"
    wait "$pid" 2>/dev/null
    start orphaned --workers 2
    wait "$pid" && same orphaned && at_rest orphaned
}
again
report $? "kill -9 of the supervisor, the same command at once: the same bytes"

# A unit that kills its worker whenever it runs (tests/mpi/poison.c): after three losses it is
# quarantined and everything else is done; put back when the cause is gone, it finishes.
poisoned() {
    local rc
    LD_PRELOAD=$TOOLS/poison.so GGDM_POISON=3 \
        "$GGDM" run small.yaml --run poisoned --batch 4 --threads 1 --workers 2 \
        >poisoned.out 2>poisoned.err
    rc=$?
    [ $rc -eq 1 ] && [ "$(number poisoned quarantined)" = 1 ] && [ "$(number poisoned ready)" = 0 ] &&
        [ "$(grep -ac 'the unit it ran counts a loss' poisoned.err)" -eq 3 ] || {
        echo "# exit code $rc"
        show poisoned
        return 1
    }
    "$GGDM" retry poisoned >retry.out 2>&1 || { sed 's/^/# /' retry.out; return 1; }
    start poisoned --workers 2
    wait "$pid" && same poisoned && at_rest poisoned
}
poisoned
report $? "a unit that kills its worker is quarantined after 3 losses, all else is done; retry finishes it"
exit "$failed"
