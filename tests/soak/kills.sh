#!/bin/bash
# Promise 2 again and again: kill -9 of a worker, the coordinator, mpirun, the supervisor, or all of
# them, at random moments of runs that are continued until they are done.  After every run: archives
# with the bytes of an undisturbed one, no unit left, every image once.  UNTIL=1: of a sweep that ends
# itself, also the same numbers of images and what was decided.
# 200 cycles take about ten minutes on 2 cores.
#   CYCLES=200 SEED=1 GGDM=PROGRAM TOOLS=DIR tests/soak/kills.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/supervised.sh"
cycles=${CYCLES:-200}
RANDOM=${SEED:-1}
echo "# seed ${SEED:-1}, $cycles cycles"

sweep_of 60 >small.yaml
[ -z "${UNTIL:-}" ] || {
    sed -i '/^samples/d; s/target: 0/target: 2/' small.yaml
    echo "until: {measure: guide, halfwidth: 0.12, at_most: 60, block: 10}" >>small.yaml
}
start reference --workers 2
wait "$pid"
report $? "reference run" && [ "$failed" -eq 0 ] || { show reference; exit 1; }

# A unit that three times dies with its worker is rightly set apart, so no run loses more than two
# workers by kill -9.
whom=(worker coordinator mpirun supervisor all)
declare -A killed=()
done_cycles=0 run=0

# one_kill: wait some time, kill somebody; 1 when the run ended before.
one_kill() {
    local victim=${whom[RANDOM % 5]}
    [ "$victim" = worker ] && [ "$workers_killed" -ge 2 ] && victim=coordinator
    sleep "$((RANDOM % 3)).$((RANDOM % 10))"
    at_work "$name" 0 >/dev/null || return 1
    case $victim in
        worker) kill -9 "$worker" && workers_killed=$((workers_killed + 1)) ;;
        coordinator) kill -9 "$coordinator" ;;
        mpirun) kill -9 "$mpirun" ;;
        supervisor) kill -9 "$pid" ;;
        all) kill -9 "$pid" "$mpirun" $(pgrep -P "$mpirun") ;;
    esac 2>/dev/null
    killed[$victim]=$((${killed[$victim]:-0} + 1))
    done_cycles=$((done_cycles + 1))
    if [ "$victim" = supervisor ] || [ "$victim" = all ]; then
        wait "$pid" 2>/dev/null
        start "$name" --workers 2
    fi
    return 0
}

while [ $done_cycles -lt "$cycles" ]; do
    run=$((run + 1)) name=run$run workers_killed=0 kills=0
    start "$name" --workers 2
    while [ $kills -lt 5 ] && one_kill; do kills=$((kills + 1)); done
    wait "$pid"
    rc=$?
    [ $rc -eq 0 ] && same "$name" && at_rest "$name" && cmp reference/summary.csv "$name/summary.csv"
    report $? "run $run: $kills kills ($done_cycles of $cycles)"
    [ "$failed" -eq 0 ] || { echo "# exit code $rc"; show "$name"; exit 1; }
    rm -rf "$name" "$name".*
done
for victim in "${!killed[@]}"; do echo "# $victim: ${killed[$victim]} kills"; done
exit "$failed"
