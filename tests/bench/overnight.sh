#!/bin/bash
# A large run on a real Slurm of two virtual nodes, interrupted by all that may happen to a job: a
# requeue, preemption, the death of each node, scancel (and a time limit of ten minutes, where STEPS
# makes it last so long).  6000 images in 30 cells of the shipped models, about ten minutes on two idle
# cores.  In the end a row of cells is computed once more, without Slurm and disturbance, and compared.
#   GGDM=PROGRAM TOOLS=DIR tests/bench/overnight.sh OUT
# OUT/timeline.txt: what happened when, with the images done; OUT/result.txt: cost and throughput;
# OUT/run: the run with its logs.  SHARE=10: the jobs' share of the machine, as nice value.
set -u
out=$(mkdir -p "${1:?expected a directory for the results}" && cd "$1" && pwd) || exit 2
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/slurm.sh"
run=$out/run
cd "$out" || exit 2
rm -rf run row ./*.txt

# sweep KAPPAS > FILE
sweep() {
    cat <<YAML
name: overnight
model: mnist-ddpm
sampler: {kind: ddpm, steps: ${STEPS:-50}, variance: fixed_large, clip_x0: true}
guidance:
  kind: gradient
  gradient: xt-full
  loss: {kind: classifier, model: mnist-cnn, form: nll, target: 3}
sweep:
  kappa: $1
  duration: {from: $((${STEPS:-50} / 5)), to: ${STEPS:-50}, step: $((${STEPS:-50} / 5))}
samples: ${SAMPLES:-200}
seed: 5
judge: mnist-judge
checkpoint: 20
YAML
}
sweep '[0.01, 0.03, 0.1, 0.3, 1, 3]' >overnight.yaml

# Ranks on other nodes are of another session than the job's script.
cat >"$work/gentle" <<'SH'
#!/bin/sh
echo "${SHARE:-0}" >/proc/self/autogroup 2>/dev/null
exec "$@"
SH
chmod +x "$work/gentle"

begun=$(date +%s)
images() { sed -n '/"images"/,/}/s/.*"'"$1"'": \([0-9]*\).*/\1/p' "$run/status.json" 2>/dev/null; }
note() {
    printf '%s %6d s  %5s of %s images  %s\n' "$(date +%T)" $(($(date +%s) - begun)) "$(images 'done')" \
        "$(images total)" "$*" | tee -a timeline.txt
}
submit() {
    job=$("$GGDM" submit overnight.yaml --run "$run" --nodes 2 --tasks-per-node 1 --time "${TIME:-10}" \
        --setup "echo ${SHARE:-0} >/proc/self/autogroup" \
        --setup "export OMPI_MCA_orte_launch_agent='$work/gentle orted'" 2>>submit.txt) || return 1
    note "job $job is submitted"
}

# The state of the job, watched every 2 s: what it says is noted, the time it has nodes is counted.
# False when it has ended.
busy=0 life=0 seen=$begun
watch() {
    local restarts now
    sleep 2
    restarts=$(restarts_of "$job") now=$(date +%s)
    in_state "$job" RUNNING && busy=$((busy + now - seen))
    seen=$now
    if [ "${restarts:-$life}" != "$life" ]; then
        life=$restarts
        note "job $job was started again ($life)"
    fi
    ! ended "$job"
}
until_done() { # PERCENT of the images
    local n total
    while watch; do
        n=$(images 'done') total=$(images total)
        [ "$(state "$job")" = RUNNING ] && [ "${n:-0}" -ge $((${total:-1000000} * $1 / 100)) ] && return 0
    done
    note "job $job has ended: $(state "$job")"
    return 1
}
interrupt() {
    submit || return 1
    until_done 8 && note "scontrol requeue" && scontrol requeue "$job" || return 1
    until_done 22 && note "preemption by a higher partition, without grace" || return 1
    sbatch -p high -N 2 --exclusive -t 1 -o /dev/null --wrap 'sleep 10' >/dev/null
    until_done 36 && note "node 2 dies" && kill -9 $(node_processes 2) || return 1
    until_done 45 && start_node 2 && note "node 2 is back" || return 1
    until_done 52 && note "scancel, and the same command again" && scancel "$job" || return 1
    await 60 ended "$job"
    life=0
    submit || return 1
    until_done 68 && note "the node with the coordinator dies" || return 1
    kill -9 $(node_processes 1)
    await 120 in_state "$job" PENDING || await 60 alive_again "$job" 1
    start_node 1 && note "node 1 is back"
    until_done 84 && note "scontrol requeue" && scontrol requeue "$job" || return 1
    while watch; do :; done
    note "job $job has ended: $(state "$job")"
    in_state "$job" COMPLETED
}
interrupt
report $? "interrupted again and again, and done"

{
    echo "images     $(images 'done') of $(images total), in $(($(wc -l <"$run/summary.csv") - 1)) cells"
    echo "wall time  $(($(date +%s) - begun)) s, of which $busy s with nodes"
    echo "cost       $(awk -v s=$busy 'BEGIN { printf "%.2f", 2 * s / 3600 }') core-hours (2 cores)"
    echo "throughput $(awk -v n="$(images 'done')" -v s=$busy 'BEGIN { printf "%.2f", n / (s ? s : 1) }') images/s while it had nodes"
    echo "lives      $(grep -ach 'life [0-9]*: on' "$run"/log/*.log | paste -sd+ | bc)"
    echo "worlds     $(grep -ach 'world [0-9]* was lost' "$run"/log/*.log | paste -sd+ | bc) lost without a new life"
} | tee result.txt

# The row of kappa 0.3, cells 15 to 19, alone and undisturbed.
sweep '[0.3]' >row.yaml
same_row() {
    local i
    "$GGDM" run row.yaml --run row --workers 2 >row.txt 2>&1 || return 1
    for i in 0 1 2 3 4; do
        cmp row/archive/c000$i/samples.npz run/archive/c00$((15 + i))/samples.npz || return 1
    done
}
same_row
report $? "a row of five cells computed without Slurm and disturbance: the same bytes" | tee -a result.txt
exit "$failed"
