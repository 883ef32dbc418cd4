#!/bin/bash
# Long units go on from their checkpoints: after kill -9 of a worker, after a polite stop, with and
# without MPI, to the bytes of an uninterrupted run.
#   GGDM=PROGRAM TOOLS=DIR tests/mpi/checkpoint.sh
set -u
. "$(dirname "$0")/../support/world.sh"
cd "$work" || exit 1
mkdir zoo && "$TOOLS/make_tiny_models" zoo || exit 1
export GGDM_ZOO=$work/zoo

# Few units of many steps, so that each of them lasts.
cat >long.yaml <<'YAML'
name: checkpoint
model: tiny-ddpm
sampler: {kind: ddpm, steps: 1000, clip_x0: true}
guidance:
  kind: gradient
  gradient: xt-full
  loss: {kind: classifier, model: tiny-cnn, form: nll, target: 0}
sweep:
  kappa: [0, 2]
  duration: [0, 500, 1000]
samples: 6
seed: 11
judge: tiny-judge
precision: fp32
checkpoint: 0.1s
YAML

digests() { (cd "$1/archive" && sha256sum c*/samples.tar c*/samples.npz); }
same() { digests reference >want && digests "$1" >got && [ "$(wc -l <want)" -eq 12 ] && cmp want got; }
run() { timeout 120 "$GGDM" run long.yaml "$@" >>out 2>&1; }

# ask RUN SQL: from a copy, the database has one owner.
ask() {
    rm -rf look && mkdir look && cp "$1"/ggdm.db* look/ && "$TOOLS/ask_store" look "$2"
}

run --run reference --workers 1 && [ "$(ask reference 'SELECT count(*) FROM checkpoint')" -eq 0 ]
report $? "a finished run keeps no checkpoints" && [ "$failed" -eq 0 ] || { cat out; exit 1; }

descendants() {
    local child
    for child in $(pgrep -P "$1"); do
        echo "$child"
        descendants "$child"
    done
}

# to_checkpoint RUN ARGS: start it as $pid and wait until a unit that runs has a checkpoint behind
# step 100; then its coordinator $coordinator stands still.
to_checkpoint() {
    local name=$1 try
    shift
    for try in 1 2 3 4 5; do
        rm -rf "$name"
        timeout 300 "$GGDM" run long.yaml --run "$name" "$@" >out.first 2>&1 &
        pid=$!
        while sleep 0.1 && kill -0 $pid 2>/dev/null; do
            coordinator=$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$name/status.json" 2>/dev/null)
            [ "/proc/$coordinator/exe" -ef "$GGDM" ] && kill -STOP "$coordinator" || continue
            [ "$(ask "$name" 'SELECT count(*) FROM checkpoint WHERE step > 100')" -gt 0 ] 2>/dev/null &&
                return 0
            kill -CONT "$coordinator"
        done
        wait $pid
        echo "# try $try ended before it was stopped"
    done
    return 1
}

# At every claim the step where the unit goes on is that of its latest checkpoint.
resumed() { ask "$1" "SELECT count(*) FROM event WHERE message LIKE 'goes on at step %'"; }

killed() {
    local pid coordinator victims step
    to_checkpoint killed --workers 1 --batch 4 || return 1
    step=$(ask killed 'SELECT max(step) FROM checkpoint')
    victims=$(descendants $pid)
    kill -9 $(for p in $victims; do # the ranks that do not coordinate
        [ "$p" != "$coordinator" ] && [ "$(ps -o ppid= "$p")" = "$(ps -o ppid= "$coordinator")" ] &&
            echo "$p"; done)
    kill -CONT "$coordinator" 2>/dev/null
    wait $pid 2>/dev/null
    run --run killed --workers 1 --batch 5 && same killed || return 1
    ask killed "SELECT coalesce(max(message), 'none') FROM event
                WHERE message LIKE 'goes on at step %'" >went_on
    echo "# checkpoint at step $step when the worker was killed, the unit $(cat went_on)"
    [ "$(sed 's/.* //' went_on)" -ge "$step" ]
}
killed
report $? "a killed worker's unit goes on from its checkpoint: the same bytes"

# stopped RUN ARGS
stopped() {
    local pid coordinator victims rc begin
    to_checkpoint "$@" || return 1
    victims=$(descendants $pid)
    begin=$(date +%s)
    kill -USR1 "$(echo "$victims" | head -n 1)" # ggdm, under timeout
    kill -CONT "$coordinator"
    wait $pid
    rc=$?
    echo "# exit code $rc after $(($(date +%s) - begin)) s"
    [ $rc -eq 75 ] && [ $(($(date +%s) - begin)) -le 10 ] || return 1
    [ "$(ask "$1" "SELECT count(*) FROM unit WHERE state = 'running'")" -eq 0 ] || return 1
    run --run "$1" --workers 0 --batch 3 --threads 2 && same "$1" && [ "$(resumed "$1")" -gt 0 ]
}
stopped with-mpi --workers 1
report $? "stopped and continued without MPI: from the checkpoint, the same bytes"
stopped without-mpi --workers 0
report $? "the same, stopped without MPI"

exit "$failed"
