#!/bin/bash
# `ggdm submit` on a real Slurm of two nodes: a job from its submission to archives with the bytes of
# a local run, and what comes before: site.yaml, --dry-run, refusals.
#   GGDM=PROGRAM TOOLS=DIR tests/slurm/submit.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/slurm.sh"
. "$root/tests/support/supervised.sh"

sweep 20 >small.yaml
start reference --workers 2 # while the cluster does its work
submit=("$GGDM" submit small.yaml --batch 4 --tasks-per-node 2 --time 5)

finished() {
    local job
    job=$("${submit[@]}" --run two-nodes --nodes 2 2>submit.err) || { show submit; return 1; }
    await 60 ended "$job"
    in_state "$job" COMPLETED && same two-nodes && at_rest two-nodes &&
        grep -q "ggdm ended with code 0" two-nodes/log/slurm-"$job".log && return 0
    show_job two-nodes "$job"
    return 1
}
wait "$pid" || { show reference; exit 1; }
finished
report $? "a job on two nodes: the same bytes as a local run"
exit "$failed"
