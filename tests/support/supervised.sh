# Sourced by the tests of the supervisor (after world.sh): runs of the tiny models in the background,
# their processes, and what must hold in the end.
. "$root/tests/support/tiny.sh"

# sweep_of SAMPLES > FILE: one that takes some seconds.
sweep_of() { sweep 200 "$1" "0, 0.5, 2" "0, 100, 200"; }

# number RUN KEY: the first number of that name in its status file.
number() { sed -n "s/.*\"$2\": \([0-9][0-9]*\).*/\1/p" "$1/status.json" 2>/dev/null | head -n 1; }

# at_rest RUN: nothing is left undone or running, every image is there once.
at_rest() {
    local done total
    rm -rf look && mkdir look && cp "$1"/ggdm.db* look/ && rm -f look/*.owner* || return 1
    read -r done total < <("$TOOLS/count_images" look)
    [ "$(number "$1" running)" = 0 ] && [ -n "$total" ] && [ "$done" = "$total" ]
}

# start RUN ARG...: a run in the background, as $pid; its messages go to $work/NAME.err, where NAME is
# the last part of RUN.
start() {
    local run=$1
    shift
    "$GGDM" run small.yaml --run "$run" --batch 4 --threads 1 "$@" >"${run##*/}.out" 2>"${run##*/}.err" &
    pid=$!
}

# done_images RUN
done_images() { sed -n '/"images"/,/}/s/.*"done": \([0-9]*\).*/\1/p' "$1/status.json" 2>/dev/null; }

# reached RUN N: N images are done.
reached() {
    local n
    n=$(done_images "$1")
    [ "${n:-0}" -ge "$2" ]
}

# at_work RUN N: wait until N images are done and a coordinator lives; sets $mpirun, $coordinator,
# $worker to process ids.  Fails when the run ends before.
at_work() {
    while sleep 0.05 && kill -0 "$pid" 2>/dev/null; do
        reached "$1" "$2" || continue
        mpirun=$(pgrep -P "$pid" mpirun | head -n 1)
        coordinator=$(number "$1" pid)
        [ -n "$mpirun" ] && [ -n "$coordinator" ] && [ "$(ps -o ppid= -p "$coordinator" | tr -d ' ')" = "$mpirun" ] || continue
        worker=$(pgrep -P "$mpirun" | grep -vx "$coordinator" | head -n 1)
        [ -n "$worker" ] && return 0
    done
    echo "# the run ended before $2 images"
    return 1
}

# restarts RUN TEXT: the supervisor said so, in one line.
restarts() { grep -aq "world [0-9]* was lost: .*$2" "$1.err"; }

# show RUN: its messages, as diagnostics.
show() { sed 's/\r/\n/g; s/^/# /' "${1##*/}.err" | tail -n 20; }
