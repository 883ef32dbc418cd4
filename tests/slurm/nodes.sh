#!/bin/bash
# Nodes that fail under a job: one of two, the one with the coordinator, and one of which only Slurm's
# daemon dies.  The run ends by itself with the bytes of an undisturbed one.
#   GGDM=PROGRAM TOOLS=DIR tests/slurm/nodes.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/slurm.sh"
. "$root/tests/support/supervised.sh"

sweep_of 40 >small.yaml
start reference --workers 2
wait "$pid" || { show reference; exit 1; }

slow=2000 # milliseconds a unit waits before it is done
# submit RUN ARG...: $job
submit() {
    local run=$1
    shift
    job=$("$GGDM" submit small.yaml --run "$run" --batch 4 --tasks-per-node 2 --time 10 \
        --setup "export LD_PRELOAD=$TOOLS/poison.so GGDM_SLOW=$slow" "$@" 2>submit.err) || {
        show submit
        return 1
    }
}

done_well() {
    await 200 in_state "$2" COMPLETED && [ "$(restarts_of "$2")" -eq "$3" ] && same "$1" && at_rest "$1" &&
        return 0
    show_job "$1" "$2"
    return 1
}

# half_lost LAUNCHER
half_lost() {
    await 60 all_idle
    submit "$1" --nodes 2 --launcher "$1" && await 60 reached "$1" 4 || return 1
    kill -9 $(node_processes 2)
    done_well "$1" "$job" 0 && grep -aq "host ${nodename}2 does not answer and is left out" "$1"/log/*.log
}
half_lost mpirun
report $? "one of two nodes dies: a new world on the other, in the same allocation: the same bytes"
start_node 2
half_lost srun
report $? "the same where srun starts the ranks"
start_node 2

# (Slurm gives the job its nodes again when both are there.)
watched() { squeue -h -s -j "$1" -o %j | grep -qx watch; }
script_lost() {
    await 60 all_idle
    submit script --nodes 2 && await 60 reached script 4 && await 20 watched "$job" || return 1
    kill -9 $(node_processes 1)
    await 150 in_state "$job" PENDING
    start_node 1
    done_well script "$job" 1
}
script_lost
report $? "the node with the script and the coordinator dies: another requeues the job: the same bytes"

worker_lost() {
    await 60 all_idle
    submit worker --nodes 2 --launcher srun && await 60 reached worker 4 || return 1
    kill -9 "$(node_processes 2 | xargs ps -o pid=,comm= -p | awk '$2 == "ggdm" { print $1; exit }')"
    done_well worker "$job" 0 && grep -aq "worker [1-4] on ${nodename}2 died of signal 9 (Killed); the unit" worker/log/*.log
}
worker_lost
report $? "a worker dies under srun: its unit counts the loss: the same bytes"

lost() {
    await 60 all_idle
    submit lost --nodes 1 && await 60 reached lost 4 || return 1
    [ "$(number lost pid)" ] && kill -9 $(node_processes 1)
    done_well lost "$job" 1 && grep -q "life 2: on ${nodename}2" lost/log/*.log
}
lost
report $? "the node of the job dies: requeued on the other: the same bytes"
start_node 1

# The job must still run when Slurm misses the slurmd (10 s of silence, seen up to 25 s later).
unseen() {
    local slow=6000
    await 60 all_idle
    submit unseen --nodes 1 && await 60 reached unseen 4 || return 1
    kill -9 "$(cat "$cluster/pid/slurmd-${nodename}1.pid")"
    done_well unseen "$job" 1
}
unseen
report $? "only slurmd dies, and its job lives on unseen: one owner at a time, the same bytes"
exit "$failed"
