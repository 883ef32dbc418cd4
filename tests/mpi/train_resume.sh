#!/bin/bash
# A data-parallel training killed with SIGKILL half way and started again ends in the same weights,
# to the bit, as one that was left alone; images and captions that are told apart have the whole batch
# as negatives, however many ranks divide it.
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

# ---- contrastive: the loss of a batch of 16 on one rank, and on two ----

mkdir pairs words
python3 - <<'EOF'
import json, random, struct, zipfile
random.seed(1)
names = ["zero", "one", "two", "three", "four", "five", "six", "seven"]
for split, n in (("train", 64), ("test", 16)):
    head = "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 8, 8, 3), }" % n
    head += " " * (117 - len(head)) + "\n"
    pixels = bytes(random.randrange(256) for _ in range(n * 192))
    with zipfile.ZipFile("pairs/%s.npz" % split, "w") as z:
        z.writestr("arr_0.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + pixels)
    with open("pairs/%s.jsonl" % split, "w") as f:
        for i in range(n):
            f.write(json.dumps({"caption": names[i % 8] + " " + names[i // 8]}) + "\n")
letters = "abcdefghijklmnopqrstuvwxyz"
tokens = list(letters) + [c + "</w>" for c in letters] + ["<|startoftext|>", "<|endoftext|>"]
json.dump({t: i for i, t in enumerate(tokens)}, open("words/vocab.json", "w"))
open("words/merges.txt", "w").write("#version: 0.2\n")
EOF
tower='"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2'
cat >net.json <<JSON
{"_class_name": "CLIPModel", "projection_dim": 8,
 "text_config": {$tower, "max_position_embeddings": 14, "vocab_size": 54, "eos_token_id": 53},
 "vision_config": {$tower, "image_size": 8, "patch_size": 4}}
JSON
cat >c.yaml <<'YAML'
name: pairs
objective: contrastive
config: net.json
tokenizer: words
data: {dir: pairs}
images: 320
batch: 16
optimizer: {lr: 0.01, warmup_steps: 5}
evaluate_steps: 10
curve_steps: 1
YAML
for n in 1 2; do
    timeout 120 mpirun --oversubscribe --bind-to none --mca mpi_yield_when_idle 1 -n $n \
        "$GGDM" train c.yaml --out pairs$n --threads 1 >>out 2>&1 || tail -n 2 out
done
paste -d, pairs1/curve.csv pairs2/curve.csv | awk -F, '
    NR > 1 { n++; if ($3 < 1 || ($3 - $14) ^ 2 > 1e-8 || ($6 - $17) ^ 2 > 1e-8) bad = $0 }
    END { if (n != 20 || bad) { print "# " n " rows, " bad; exit 1 } }'
report $? "pairs of images and captions: one rank and two have the same losses"
exit "$failed"
