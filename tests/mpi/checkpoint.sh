#!/bin/bash
# Long units go on from their checkpoints: after kill -9 of a worker, after a polite stop, with and
# without MPI, to the bytes of an uninterrupted run.
#   GGDM=PROGRAM TOOLS=DIR tests/mpi/checkpoint.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

# Few units of many steps, so that each of them lasts.
{ sweep 1000 6 "0, 2" "0, 500, 1000" && echo "checkpoint: 0.1s"; } >long.yaml

run() { timeout 120 "$GGDM" run long.yaml "$@" >>out 2>&1; }

# ask RUN SQL: from a copy, the database has one owner.
ask() {
    rm -rf look && mkdir look && cp "$1"/ggdm.db* look/ && "$TOOLS/ask_store" look "$2"
}

run --run reference --workers 1 && [ "$(digests reference | wc -l)" -eq 12 ] &&
    [ "$(ask reference 'SELECT count(*) FROM checkpoint')" -eq 0 ]
report $? "a finished run keeps no checkpoints" && [ "$failed" -eq 0 ] || { cat out; exit 1; }

# ranks_beside PID: the other processes of its world.
ranks_beside() { pgrep -P "$(ps -o ppid= "$1" | xargs)" | grep -vx "$1"; }

# to_checkpoint RUN ARGS: start it as $pid and wait until a unit that runs has a checkpoint in its
# middle; then its coordinator $coordinator and the workers $workers stand still.
to_checkpoint() {
    local name=$1 try
    shift
    for try in 1 2 3 4 5; do
        rm -rf "$name"
        timeout 300 "$GGDM" run long.yaml --run "$name" "$@" >out.first 2>&1 &
        pid=$!
        while sleep 0.1 && kill -0 $pid 2>/dev/null; do
            coordinator=$(sed -n 's/.*"pid": \([0-9]*\).*/\1/p' "$name/status.json" 2>/dev/null)
            [ "/proc/$coordinator/exe" -ef "$GGDM" ] || continue
            workers=$(ranks_beside "$coordinator" | xargs)
            kill -STOP "$coordinator" $workers || continue
            [ "$(ask "$name" 'SELECT count(*) FROM checkpoint WHERE step BETWEEN 100 AND 800')" -gt 0 ] 2>/dev/null &&
                return 0
            kill -CONT "$coordinator" $workers
        done
        wait $pid
        echo "# try $try ended before it was stopped"
    done
    return 1
}

# At every claim the step where the unit goes on is that of its latest checkpoint.
resumed() { ask "$1" "SELECT count(*) FROM event WHERE message LIKE 'goes on at step %'"; }

killed() {
    local pid coordinator workers step
    to_checkpoint killed --workers 1 --batch 4 || return 1
    step=$(ask killed 'SELECT max(step) FROM checkpoint WHERE step <= 800')
    kill -9 $workers
    kill -CONT "$coordinator"
    wait $pid 2>/dev/null
    run --run killed --workers 1 --batch 5 && same killed || return 1
    ask killed "SELECT coalesce(max(CAST(substr(message, length('goes on at step ') + 1) AS INTEGER)), 0)
                FROM event WHERE message LIKE 'goes on at step %'" >went_on
    echo "# checkpoint at step $step when the worker was killed, the unit went on at $(cat went_on)"
    [ "$(cat went_on)" -ge "$step" ]
}
killed
report $? "a killed worker's unit goes on from its checkpoint: the same bytes"

# fraction RUN: of the work, as its status says.
fraction() { sed -nE 's/.*"fraction": ([0-9.e-]+).*/\1/p' "$1/status.json"; }

# stopped RUN ARGS
stopped() {
    local pid coordinator workers rc begin before
    to_checkpoint "$@" || return 1
    begin=$(date +%s)
    before=$(fraction "$1")
    kill -USR1 "$(pgrep -P $pid)" # ggdm, under timeout
    kill -CONT "$coordinator" $workers
    wait $pid
    rc=$?
    echo "# exit code $rc after $(($(date +%s) - begin)) s"
    [ $rc -eq 75 ] && [ $(($(date +%s) - begin)) -le 10 ] || return 1
    echo "# $before of the work before it was stopped, $(fraction "$1") at rest"
    awk "BEGIN { exit !($(fraction "$1") >= $before && $(fraction "$1") > 0) }" || return 1
    [ "$(ask "$1" "SELECT count(*) FROM unit WHERE state = 'running'")" -eq 0 ] || return 1
    run --run "$1" --workers 0 --batch 3 --threads 2 && same "$1" && [ "$(resumed "$1")" -gt 0 ]
}
stopped with-mpi --workers 1
report $? "stopped and continued without MPI: from the checkpoint, the same bytes"
stopped without-mpi --workers 0
report $? "the same, stopped without MPI"

# Each alone, from its beginning.
for name in killed with-mpi without-mpi; do
    "$GGDM" verify $name --sample 3 >>verified 2>&1
done
[ "$(grep -c "3 of 18 images computed again .* all the same to the bit" verified)" -eq 3 ]
report $? "images of resumed units are those that are computed alone" || cat verified

exit "$failed"
