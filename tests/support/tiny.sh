# Sourced (after world.sh) by the tests that run sweeps of the tiny models: the models, a sweep, and
# what tells that two runs came to the same.
cd "$work" || exit 1
mkdir zoo && "$TOOLS/make_tiny_models" zoo || exit 1
export GGDM_ZOO=$work/zoo

# sweep STEPS SAMPLES KAPPA DURATION > FILE.  x0 is clipped and kappa is to be such that most pixels
# stay within the range: clamped ones would hide small errors.
sweep() {
    cat <<YAML
name: tiny
model: tiny-ddpm
sampler: {kind: ddpm, steps: $1, variance: fixed_large, clip_x0: true}
guidance:
  kind: gradient
  gradient: xt-full
  loss: {kind: classifier, model: tiny-cnn, form: nll, target: 0}
sweep:
  kappa: [$3]
  duration: [$4]
samples: $2
seed: 11
judge: tiny-judge
YAML
}

digests() { (cd "$1/archive" && sha256sum c*/samples.tar c*/samples.npz); }

# same RUN: its archives are those of the run called reference.
same() { digests reference >want && digests "$1" >got && [ -s want ] && cmp want got; }

# descendants PID: the processes that it started, and theirs.
descendants() {
    local child
    for child in $(pgrep -P "$1"); do
        echo "$child"
        descendants "$child"
    done
}
