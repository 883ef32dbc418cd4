#!/bin/bash
# The named kinds of guidance from outside: each runs and does something, its examples are sweeps that
# the program takes, and what does not go together is refused with file, line and reason.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/presets.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

# spec GUIDANCE AXES [SAMPLER] > FILE: a sweep of the tiny models in 6 steps.
spec() {
    printf 'name: p\nmodel: tiny-ddpm\nsampler: {%s, steps: 6, clip_x0: true}\nsamples: 2\n' "${3:-kind: ddpm}"
    printf '%s\n' "guidance: {$1}" "sweep: {$2}"
}
run() { timeout 120 "$GGDM" run "$1.yaml" --run "$1" --workers 0 "${@:2}" >"$1.out" 2>"$1.err"; }
pixels() { (cd "$1/archive" && sha256sum "$2/samples.npz" | cut -d' ' -f1); }
cnn='loss: {kind: classifier, model: tiny-cnn, target: 3}'
noisy='model: tiny-noisy, target: 3'

# Without strength the images are those without guidance, else others; strengths are axes.
n=0
while IFS='|' read -r guidance axis; do
    n=$((n + 1))
    spec "$guidance" "$axis" >"run$n.yaml"
    run "run$n" && [ "$(pixels "run$n" c0000)" != "$(pixels "run$n" c0001)" ] &&
        [ "$(pixels "run$n" c0000)" = "$(pixels run1 c0000)" ] && head -1 "run$n/summary.csv" | grep -q "${axis%%:*}"
    report $? "${guidance%%,*}, ${axis%%:*}" || cat "run$n.err"
done <<EOF2
kind: dps, $cnn|weight: [0, 0.5]
kind: classifier, $noisy|s: [0, 5]
kind: classifier-score, $noisy|s: [0, 5]
kind: mpgd, $cnn|weight: [0, 0.5]
kind: freedom, $cnn, repeats: 2, repeats_window: 3|weight: [0, 0.2]
kind: universal, $cnn|weight: [0, 0.5]
kind: lgd, $cnn, samples: 2|weight: [0, 0.5]
kind: elucd, model: tiny-cnn, target: 3|weight: [0, 2]
kind: tfg, $cnn, samples: 2, mu: 0|rho: [0, 0.5]
kind: tfg, $cnn, samples: 2, rho: 0, iterations: 2|mu: [0, 0.5]
EOF2
spec "kind: tfg, $cnn, samples: 2" 'smoothing: [0, 0.01, 1]' >smooth.yaml
run smooth && [ "$(for c in 0 1 2; do pixels smooth c000$c; done | sort -u | wc -l)" -eq 3 ]
report $? "tfg, smoothing" || cat smooth.err

# refused NAME TEXT GUIDANCE AXES [SAMPLER]: the sweep is refused with these words.
refused() {
    spec "${@:3}" >wrong.yaml
    ! run wrong && grep -qF -- "$2" wrong.err && [ ! -e wrong ]
    report $? "refused: $1" || cat wrong.err
    rm -rf wrong
}
refused "a classifier that is not told t" \
    "wrong.yaml:5:37: field 'guidance.model': model 'tiny-cnn' is a GgdmCNN that is not told t, expected a noise-aware classifier" \
    "kind: classifier, model: tiny-cnn, target: 3" "s: 1"
refused "the same of the other form, as an axis" "wrong.yaml:6:38: field 'sweep.guidance.model[1]': model 'tiny-cnn' is a GgdmCNN that is not told t" \
    "kind: classifier-score, target: 3" "guidance.model: [tiny-noisy, tiny-cnn]"
refused "a mean without a variance" "wrong.yaml:5:11: field 'guidance': apply: mean does nothing with sampler 'ddim', which draws no noise here" \
    "kind: classifier, $noisy" "s: 1" "kind: ddim"
refused "the same in one cell" "apply: mean does nothing with sampler 'ddim'" \
    "kind: elucd, model: tiny-cnn, target: 3" "eta: [1, 0]" "kind: ddim"
refused "a window beyond the chain" "wrong.yaml:5:68: field 'guidance.window': value '7', expected a number of steps from 0 to 6" \
    "kind: classifier, $noisy, window: 7" "s: 1"
refused "repeats beyond the chain" "field 'guidance.repeats_window'" \
    "kind: freedom, $cnn, repeats_window: {start_step: 5, length: 2}" "weight: 1"
refused "a picture of another size" "wrong.yaml:5:47: field 'guidance.loss.image': $root/examples/pictures/two.png is 28x28x1, expected 8x8x1" \
    "kind: dps, loss: {kind: l2, image: $root/examples/pictures/two.png}" "weight: 1"
refused "a class beyond the guide's" "'10', expected a class of model 'tiny-noisy', 0 to 9" \
    "kind: classifier, model: tiny-noisy, target: 10" "s: 1"
refused "a temperature of another form" "field 'guidance.loss.tau2': form: nll has no tau2, expected form: elucd" \
    "kind: dps, loss: {kind: classifier, model: tiny-cnn, target: 3, tau2: 2}" "weight: 1"
refused "a layer that is not there" "field 'guidance.loss.layer': model 'tiny-cnn' has no layer 'layers.4', expected one in front of its last" \
    "kind: dps, loss: {kind: perceptual, model: tiny-cnn, layer: layers.4, image: $root/examples/pictures/two.png}" "weight: 1"
cp -r "$GGDM_ZOO/tiny-noisy" other && echo '{"beta_schedule": "squaredcos_cap_v2"}' >other/scheduler_config.json
refused "a guide of another noise schedule" "wrong.yaml:5:43: field 'guidance.model': classifier './other' was trained with another noise schedule than 'tiny-ddpm': expected" \
    "kind: classifier-score, model: ./other, target: 3" "s: 1"

# A plain classifier at x is a term that one may try.
spec "terms: [{at: xt, apply: mean, $cnn}]" "weight: 5" >plain.yaml
run plain && [ "$(pixels plain c0000)" != "$(pixels run1 c0000)" ]
report $? "a plain classifier at x as a term" || cat plain.err

# A sampler that keeps eps beside guidance that moves it is noted, once.
spec "kind: classifier-score, $noisy" "s: [1, 2, 5]" "kind: ddim" >keeps.yaml
"$GGDM" plan keeps.yaml >keeps.out && [ "$(grep -c 'note .*eps_follows_x0' keeps.out)" -eq 1 ] &&
    "$GGDM" plan keeps.yaml --set sampler.eps_follows_x0=true >follows.out && ! grep -q eps_follows_x0 follows.out
report $? "a sampler that keeps eps is noted" || cat keeps.out

wrong=0
for example in "$root"/examples/*.yaml; do
    GGDM_ZOO='' "$GGDM" plan "$example" >out 2>&1 && continue
    cat out
    wrong=1
done
report $wrong "the examples are sweeps"
exit "$failed"
