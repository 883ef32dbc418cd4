# Sourced (after world.sh) by the tests of `ggdm train`: data and a recipe for a tiny classifier.

# idx_data DIR: IDX files of 60 (train) and 20 (t10k) images of 8 x 8 pixels, the program's own bytes.
idx_data() {
    local split name n hex i
    mkdir -p "$1"
    for split in train:60:3c t10k:20:14; do
        IFS=: read -r name n hex <<<"$split"
        { printf "\x00\x00\x08\x03\x00\x00\x00\x$hex\x00\x00\x00\x08\x00\x00\x00\x08"
          tail -c +4097 "$GGDM" | head -c $((n * 64)); } >"$1/$name-images-idx3-ubyte"
        { printf "\x00\x00\x08\x01\x00\x00\x00\x$hex"
          for ((i = 0; i < n; i++)); do printf "\x0$((i % 10))"; done; } >"$1/$name-labels-idx1-ubyte"
    done
}

# recipe IMAGES > FILE, with net.json beside it: a checkpoint every 20 steps.
recipe() {
    cat >net.json <<'JSON'
{"_class_name": "GgdmCNN", "sample_size": 8, "in_channels": 1, "num_classes": 10,
 "layers": [{"conv": 8, "kernel": 3, "act": "silu"}, {"pool": "avg", "size": 2}, {"flatten": true}]}
JSON
    cat <<YAML
name: tiny
objective: classifier
config: net.json
images: $1
batch: 16
data: {dir: data}
optimizer: {warmup_steps: 5}
augment: {rotate: 10, noise: 0.1, noise_share: 1}
evaluate_steps: 10000
curve_steps: 1000
checkpoint: {steps: 20, seconds: 0}
YAML
}
