#!/bin/bash
# A data-parallel training killed with SIGKILL half way and started again ends in the same weights,
# to the bit, as one that was left alone.
#   GGDM=PROGRAM tests/mpi/train_resume.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/train.sh"
cd "$work" || exit 1

idx_data data
recipe 32000 >r.yaml

train() {
    timeout 120 mpirun --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 -n 2 \
        "$GGDM" train r.yaml --out "$1" --threads 1 >>out 2>&1
}

# The processes of this test that are ranks of a training into killed/.
ranks() {
    for p in $(pgrep -f -- "train r.yaml --out killed"); do
        [ "$(readlink "/proc/$p/exe")" = "$(realpath "$GGDM")" ] &&
            [ "$(readlink "/proc/$p/cwd")" = "$(realpath .)" ] && echo "$p"
    done
}

train whole
report $? "training on 2 ranks ends well"

train killed &
for ((i = 0; i < 1200; i++)); do # until the first checkpoint is there
    [ -e killed/checkpoint.safetensors ] && break
    sleep 0.02
done
kill -KILL $(ranks | tail -n 1)
wait
[ ! -e killed/model.safetensors ]
report $? "killed half way it leaves no model"
train killed
report $? "the same command continues to the end"
cmp whole/model.safetensors killed/model.safetensors
report $? "the weights are the same to the bit"
exit "$failed"
