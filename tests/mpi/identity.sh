#!/bin/bash
# Promises 1 and 2 of DESIGN.md: the archives of a sweep are the same to the byte, whatever the
# number of workers, batch and threads, and after kill -9 half way.
#   GGDM=PROGRAM TOOLS=DIR tests/mpi/identity.sh
set -u
. "$(dirname "$0")/../support/world.sh"
cd "$work" || exit 1
mkdir zoo && "$TOOLS/make_tiny_models" zoo || exit 1
export GGDM_ZOO=$work/zoo

# sweep STEPS SAMPLES > FILE
sweep() {
    cat <<YAML
name: identity
model: tiny-ddpm
sampler: {kind: ddpm, steps: $1, variance: fixed_large}
guidance:
  kind: gradient
  gradient: xt-full
  loss: {kind: classifier, model: tiny-cnn, form: nll, target: 0}
sweep:
  kappa: [0, 0.02, 0.1]
  duration: [0, $(($1 / 2)), $1]
samples: $2
seed: 11
judge: tiny-judge
YAML
}

digests() { (cd "$1/archive" && sha256sum c*/samples.tar c*/samples.npz); }

# same RUN: its archives are those of the run called reference.
same() {
    digests reference >want && digests "$1" >got && [ "$(wc -l <want)" -eq 18 ] && cmp want got
}

run() { timeout 120 "$GGDM" run small.yaml "$@" >out 2>&1; }

sweep 12 4 >small.yaml
run --run reference --workers 1 --batch 32 --threads 1
report $? "reference run: 1 worker, batch 32, 1 thread" && [ "$failed" -eq 0 ] || { cat out; exit 1; }

n=0
while read -r workers batch threads; do
    run --run "r$n" --workers "$workers" --batch "$batch" --threads "$threads" && same "r$n"
    report $? "$workers workers, batch $batch, $threads threads: the same bytes"
    n=$((n + 1))
done <<LIST
0 32 1
1 1 1
2 32 1
2 1 2
3 32 2
3 5 1
LIST

# The same in bf16, on machines that have it; elsewhere the error says so.
{ sweep 12 4 && echo "precision: bf16"; } >bf16.yaml
run_bf16() { timeout 120 "$GGDM" run bf16.yaml "$@" >out 2>&1; }
if run_bf16 --run b0 --workers 1 --batch 32 --threads 1; then
    digests b0 >b0.sums
    digests reference | cmp -s - b0.sums
    report $((! $?)) "bf16: other bytes than fp32"
    run_bf16 --run b1 --workers 2 --batch 5 --threads 2 && digests b1 | cmp -s - b0.sums
    report $? "bf16: 2 workers, batch 5, 2 threads: the same bytes"
else
    grep -q "bf16.yaml:.*precision.*needs the instruction set avx512_bf16 or amx" out
    report $? "bf16 is refused on this machine"
fi

# A PATH with the plotter but without mpirun: what follows must not start a world.
mkdir bin
for tool in gnuplot sh; do ln -s "$(command -v $tool)" bin/ 2>/dev/null; done
no_world() { timeout 60 env PATH="$work/bin" "$GGDM" run small.yaml "$@" >out 2>&1; }
times() { find "$1" -type f ! -name 'ggdm.db*' -printf '%p %T@ %s\n' | sort; }

# Nothing is left: nothing changes.
finished_again() {
    times reference >before
    no_world --run reference || return 1
    times reference >after
    cmp before after
}
finished_again
report $? "a finished run ends at once with 0"

cp -r reference lost && rm -r lost/archive/c0003 lost/summary.csv
no_world --run lost && same lost && cmp -s reference/summary.csv lost/summary.csv
report $? "deleted results are written again, the same"

# ---- interruption: a longer sweep, killed whenever it has done a bit more ----

images_done() { grep -A1 '"images"' "$1/status.json" 2>/dev/null | grep -o '"done": [0-9]*' | grep -o '[0-9]*'; }

sweep 60 12 >small.yaml
rm -rf reference
run --run reference --workers 2
report $? "longer reference run"

# wait_for_more RUN COUNT: until more images are done (or 60 s).
wait_for_more() {
    for _ in $(seq 600); do
        [ "$(images_done "$1" || echo 0)" -gt "$2" ] 2>/dev/null && return 0
        sleep 0.1
    done
    return 1
}

# Processes of the world: the descendants of a process we started.
descendants() {
    local child
    for child in $(pgrep -P "$1"); do
        echo "$child"
        descendants "$child"
    done
}

# killed RUN WHOM: start, kill -9 when something is done, continue with other settings.
killed() {
    timeout 300 "$GGDM" run small.yaml --run "$1" --workers 2 --batch 4 >out.first 2>&1 &
    local pid=$! victims
    wait_for_more "$1" 0
    sleep "0.$((RANDOM % 9))"
    victims=$(descendants $pid)
    case $2 in
        all) kill -9 $pid $victims ;;
        worker) kill -9 "$(echo "$victims" | tail -n 1)" ;;
        coordinator) kill -9 "$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$1/status.json")" ;;
        mpirun) kill -9 "$(for p in $victims; do
            [ "$(cat /proc/"$p"/comm 2>/dev/null)" = mpirun ] && echo "$p"; done | head -n 1)" ;;
        parent) # of mpirun: the process the user started (under timeout)
            kill -9 "$(echo "$victims" | head -n 1)" ;;
    esac 2>/dev/null
    wait $pid 2>/dev/null
    for _ in $(seq 100); do # the world goes down by itself
        local left=0 p
        for p in $victims; do [ -d "/proc/$p" ] && left=1; done
        [ $left -eq 0 ] && break
        sleep 0.1
    done
    [ $left -eq 0 ] || { echo "# processes left behind: $victims"; kill -9 $victims; return 1; }
    echo "# $(images_done "$1") images were done when the $2 was killed"
    run --run "$1" --workers 1 && same "$1"
}

for whom in all worker coordinator mpirun parent; do
    killed "killed-$whom" $whom
    report $? "kill -9 of $whom half way, then continued: the same bytes"
done

# A polite stop: exit code 75, nothing running in the store, continued to the same bytes.
interrupted() {
    "$GGDM" run small.yaml --run "$1" --workers 2 --batch 4 >out.first 2>&1 &
    local pid=$!
    wait_for_more "$1" 0
    kill -"$2" $pid
    wait $pid
    local rc=$?
    [ $rc -eq 75 ] || [ $rc -eq 0 ] || { echo "# exit code $rc, expected 75"; cat out.first; return 1; }
    echo "# exit code $rc with $(images_done "$1") images done"
    run --run "$1" --workers 1 && same "$1"
}
for signal in INT TERM USR1; do
    interrupted "stopped-$signal" $signal
    report $? "SIG$signal stops with 75, then continued: the same bytes"
done
exit "$failed"
