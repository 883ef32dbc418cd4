#!/bin/bash
# Do two builds make the same pixels?  The examples, and what they leave out (gradients, forms,
# variances, clipping, windows, classes, bf16 where the machine has it), shortened to 50 steps and 4
# images, run by both; samples.npz of every cell must be the same bytes.
#
#   tests/bench/pixels.sh OLD-GGDM NEW-GGDM
#
# "Methods are data" was compared so with commit 11624ae: git worktree add /tmp/old 11624ae.
set -euo pipefail
old=$(realpath "$1") new=$(realpath "$2") here=$(realpath "$(dirname "$0")/../..")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

# sweep NAME SAMPLER GUIDANCE LOSS AXES [MORE]
sweep() {
    cat > "$1.yaml" <<YAML
name: $1
model: mnist-ddpm
sampler: {kind: ddpm, steps: 50$2}
guidance:
  kind: gradient
  gradient: $3
  loss: {kind: classifier, model: mnist-cnn$4}
sweep: {$5}
samples: 4
seed: 0
judge: mnist-judge
precision: ${6:-fp32}
YAML
}

# The chain of an example at 50 steps: durations keep their share of it.
shorten() {
    awk '
        /^sampler:/ { match($0, /steps: [0-9]+/); full = substr($0, RSTART + 7, RLENGTH - 7)
                      sub(/steps: [0-9]+/, "steps: 50") }
        /^samples:/ { $0 = "samples: 4" }
        /^  duration:/ {
            line = $0; out = ""
            while (match(line, /[0-9]+/)) {
                out = out substr(line, 1, RSTART - 1) int(substr(line, RSTART, RLENGTH) * 50 / full)
                line = substr(line, RSTART + RLENGTH)
            }
            $0 = out line
        }
        { print }' "$1"
}

for example in "$here"/examples/*.yaml; do
    shorten "$example" > "$(basename "$example")"
done
sweep affine "" xt-affine "" "kappa: [0, 0.5], duration: [0, 20, 50], target: [0, 7]"
sweep estimate ", variance: fixed_small" x0 ", form: prob, target: 3" \
      "kappa: [0.2, 2], duration: [10, {start_step: 20, length: 15}, {start_step: 35, length: 15}]"
sweep clipped ", clip_x0: true" xt-full ", form: prob" \
      "zip: {kappa: [0.1, 1, 5], target: [1, 2, 9]}, duration: [25, 50]"
if grep -qw avx512_bf16 /proc/cpuinfo; then
    sweep half "" xt-full ", target: 4" "kappa: [0, 1], duration: [30, 50]" bf16
fi

status=0
for file in *.yaml; do
    name=$(basename "$file" .yaml)
    "$old" run "$file" --run "old/$name" --workers 1 > "$name.old.log" 2>&1 || { cat "$name.old.log"; exit 1; }
    "$new" run "$file" --run "new/$name" --workers 1 > "$name.new.log" 2>&1 || { cat "$name.new.log"; exit 1; }
    cells=0
    for npz in old/"$name"/archive/*/samples.npz; do
        cells=$((cells + 1))
        cmp -s "$npz" "new${npz#old}" || { echo "$name: ${npz#old/} differs"; status=1; }
    done
    echo "$name: $cells cells compared"
done
exit $status
