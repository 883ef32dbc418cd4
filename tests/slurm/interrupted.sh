#!/bin/bash
# What may happen to a job on its way: its time limit, a requeue, preemption, scancel.  It goes on by
# itself (after scancel: by the same command), and ends with the bytes of an undisturbed run.
#   GGDM=PROGRAM TOOLS=DIR tests/slurm/interrupted.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/slurm.sh"
. "$root/tests/support/supervised.sh"

sweep_of 40 >small.yaml
start reference --workers 2
wait "$pid" || { show reference; exit 1; }

# submit RUN ARG...: $job, whose units take a second longer than they would ($slow: milliseconds).
slow=1000
submit() {
    local run=$1
    shift
    job=$("$GGDM" submit small.yaml --run "$run" --batch 4 --tasks-per-node 2 \
        --setup "export LD_PRELOAD=$TOOLS/poison.so GGDM_SLOW=$slow" "$@" 2>submit.err) || {
        show submit
        return 1
    }
}

# done_well RUN JOB SECONDS RESTARTS: the job completes in time, having been started again so often.
done_well() {
    await "$3" in_state "$2" COMPLETED && [ "$(restarts_of "$2")" -ge "$4" ] && same "$1" &&
        at_rest "$1" && return 0
    show_job "$1" "$2"
    return 1
}

# The limit of a minute is the shortest there is: two jobs at once, each with a node.  One is told by
# a signal that its time is up, the other's coordinator knows it by itself.
limits() {
    slow=3000
    submit signalled --nodes 1 --tasks-per-node 1 --time 1 && signalled=$job || return 1
    "$GGDM" submit small.yaml --run clocked --batch 4 --nodes 1 --tasks-per-node 1 --time 1 --dry-run \
        --setup "export LD_PRELOAD=$TOOLS/poison.so GGDM_SLOW=$slow" 2>/dev/null |
        grep -v '#SBATCH --signal' >clocked.sbatch
    mkdir -p clocked/log && cp small.yaml clocked/sweep.yaml
    clocked=$(sbatch --parsable clocked.sbatch) || return 1
    slow=1000
}
limits
report $? "two jobs of a minute that need longer"
done_well signalled "$signalled" 240 1 && grep -q "code 75" signalled/log/*.log
report $? "time limit: drained by the signal, requeued, finished: the same bytes"
done_well clocked "$clocked" 240 1 && grep -aq "as the time of the job is over" clocked/log/*.log
report $? "time limit without a signal: drained by the clock, requeued, finished: the same bytes"

requeued() {
    submit requeued --nodes 2 --time 10 && await 60 reached requeued 8 || return 1
    scontrol requeue "$job"
    done_well requeued "$job" 150 1
}
requeued
report $? "scontrol requeue in the middle: the same bytes"

preempted() {
    local other
    submit preempted --nodes 2 --time 10 && await 60 reached preempted 8 || return 1
    other=$(sbatch --parsable -p high -N 2 --exclusive -t 1 -o /dev/null --wrap 'sleep 3')
    await 30 in_state "$other" RUNNING || return 1
    done_well preempted "$job" 150 1
}
preempted
report $? "preempted without grace by a higher partition: the same bytes"

cancelled() {
    local first begun
    submit cancelled --nodes 2 --time 10 && await 60 reached cancelled 8 || return 1
    first=$job
    scancel "$job"
    await 30 ended "$job" && in_state "$job" CANCELLED || { show_job cancelled "$job"; return 1; }
    begun=$SECONDS # the record of its owner, who was on another host, is not waited for a minute
    submit cancelled --nodes 1 --time 10 && [ "$job" != "$first" ] && [ $((SECONDS - begun)) -lt 45 ] &&
        done_well cancelled "$job" 150 0
}
cancelled
report $? "scancel, and the same command again: the same bytes"

# A site without requeue: a job after this one goes on.
forbidden() {
    local first next
    submit forbidden --nodes 1 --time 10 || return 1
    first=$job
    scontrol update jobid="$job" requeue=0
    await 60 reached forbidden 8 && scancel -b -s USR1 "$job" && await 60 ended "$job" || return 1
    next=$(tail -n 1 forbidden/slurm.jobs)
    [ "$next" != "$first" ] && done_well forbidden "$next" 150 0
}
forbidden
report $? "where requeue is not allowed, a job after this one goes on: the same bytes"
exit "$failed"
