#!/bin/bash
# A data-parallel training killed with SIGKILL half way and started again ends in the same weights,
# to the bit, as one that was left alone.
#   GGDM=PROGRAM tests/mpi/train_resume.sh
set -u
. "$(dirname "$0")/../support/world.sh"
cd "$work" || exit 1

# IDX files of 60 (train) and 20 (t10k) images of 8 x 8 pixels, the program's own bytes.
mkdir data
for split in train:60:3c t10k:20:14; do
    IFS=: read -r name n hex <<<"$split"
    { printf "\x00\x00\x08\x03\x00\x00\x00\x$hex\x00\x00\x00\x08\x00\x00\x00\x08"
      tail -c +4097 "$GGDM" | head -c $((n * 64)); } >data/"$name"-images-idx3-ubyte
    { printf "\x00\x00\x08\x01\x00\x00\x00\x$hex"
      for ((i = 0; i < n; i++)); do printf "\x0$((i % 10))"; done; } >data/"$name"-labels-idx1-ubyte
done
cat >net.json <<'JSON'
{"_class_name": "GgdmCNN", "sample_size": 8, "in_channels": 1, "num_classes": 10,
 "layers": [{"conv": 8, "kernel": 3, "act": "silu"}, {"pool": "avg", "size": 2}, {"flatten": true}]}
JSON
cat >r.yaml <<'YAML'
name: tiny
objective: classifier
config: net.json
images: 32000
batch: 16
data: {dir: data}
optimizer: {warmup_steps: 5}
augment: {rotate: 10, noise: 0.1, noise_share: 1}
evaluate_steps: 10000
curve_steps: 1000
checkpoint: {steps: 100, seconds: 0}
YAML

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
