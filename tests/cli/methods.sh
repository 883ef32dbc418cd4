#!/bin/bash
# Methods are data: what one can select and set, alone and together, as axes, and what comes of it.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/methods.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

# spec GUIDANCE AXES [KEY...] > FILE: a sweep of the tiny models in 8 steps.
spec() {
    printf 'name: m\nmodel: tiny-ddpm\nsampler: {kind: ddpm, steps: 8, clip_x0: true}\nsamples: 3\n'
    echo 'judge: tiny-judge'
    printf '%s\n' "${1:+guidance: $1}" "${2:+sweep: $2}" "${@:3}"
}
# run NAME [ARG...]: NAME.yaml into the run directory NAME, without a world.
run() { timeout 120 "$GGDM" run "$1.yaml" --run "$1" --workers 0 "${@:2}" >"$1.out" 2>"$1.err"; }
pixels() { (cd "$1/archive" && sha256sum "$2/samples.npz" | cut -d' ' -f1); }
# column RUN NAME: that of summary.csv.
column() { awk -F, -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i; next } { print c ? $c : "?" }' "$1/summary.csv" | paste -sd' '; }
recipes() { "$GGDM" plan "$1.yaml" --recipe "${@:2}" | grep -v "^#"; }
cnn='{kind: classifier, model: tiny-cnn, target: 3}'

# The named kind is a setting of the general form.
spec "{kind: gradient, gradient: x0, loss: $cnn}" '{kappa: [0, 0.5], duration: [2, {start_step: 3, length: 4}]}' >named.yaml
spec "{terms: [{name: a, loss: $cnn, gradient: x0}]}" '{guidance.a.weight: [0, 0.5], window: [2, {start_step: 3, length: 4}]}' >general.yaml
recipes named >named.txt && recipes general | cmp - named.txt && [ "$(wc -l <named.txt)" -eq 3 ]
report $? "a named kind and its expansion by hand are the same recipes" || cat named.txt

is_named() { digest=$(sed -n "s/^# \([0-9a-f]\{64\}\) is $1$/\1/p" names.txt) && [ -n "$digest" ] && grep -q "^c.*$digest" names.txt; }
"$GGDM" plan named.yaml --recipe >names.txt && [ "$(grep -c '^#' names.txt)" -eq 2 ] && is_named tiny-ddpm && is_named tiny-cnn
report $? "the names of what stands in recipes by digest" || cat names.txt

# Guidances side by side: each cell's recipe is that of its guidance alone; windows, too, can be axes.
of="of: [{name: a, kind: gradient, loss: $cnn, kappa: 0.5}, {name: b, terms: [{name: t, loss: {kind: tv}, apply: x0, gradient: x0}]}]"
spec "{kind: one-of, $of}" '{use: [a, b], guidance.b.t.window: [3, 8]}' >both.yaml
spec "{terms: [{name: t, loss: {kind: tv}, apply: x0, gradient: x0, window: 3}]}" '' >one.yaml
recipes both >both.txt && [ "$(wc -l <both.txt)" -eq 3 ] && [ "$(sed -n 's/^c0002 //p' both.txt)" = "$(recipes one | sed 's/^c0000 //')" ] &&
    run both && [ "$(pixels both c0000)" = "$(pixels both c0001)" ] && [ "$(column both use)" = "a a b b" ] &&
    ! "$GGDM" plan both.yaml --set use=c 2>err && grep -q "value 'c', expected one of a, b" err
report $? "guidances side by side, as an axis" || cat both.txt both.err err

# Shares of the chain: half of 8 steps, half of 4.
spec "{kind: gradient, loss: $cnn}" '{kappa: 0.5, duration: [0.5, 4], steps: [4, 8]}' | sed 's/steps: 8, //' >shares.yaml
recipes shares >shares.txt
[ "$(wc -l <shares.txt)" -eq 3 ] && grep -q '^c0000 .*\[\[2,{"terms"' shares.txt && grep -q '^c0001 .*\[\[4,{"terms"' shares.txt
report $? "a duration may be a share of the steps, which are an axis" || cat shares.txt

# Two terms with windows of their own, one of them a loss without a network.
spec "{terms: [{name: digit, loss: $cnn, window: 0.5}, {name: smooth, loss: {kind: tv}, weight: 2, gradient: x0, window: {start_step: 2, length: 4}}]}" \
    '{guidance.smooth.weight: [0, 2]}' >terms.yaml
run terms && recipes terms >terms.txt && grep -q '^c0001 .*"runs":\[\[2,.*\[4,.*\[6,.*\[8,{}\]\]' terms.txt &&
    grep -q '^c0000 .*"runs":\[\[4,[^\[]*\[[^\[]*\],\[8,{}\]\]' terms.txt &&
    [ "$(pixels terms c0000)" != "$(pixels terms c0001)" ] && [ "$(column terms cell)" = "c0000 c0001" ] &&
    head -1 terms/summary.csv | grep -q 'guidance.smooth.weight' && [[ "$(column terms tv_mean)" =~ ^[0-9.e-]+\ [0-9.e-]+$ ]]
report $? "two terms with windows of their own; the mean of a loss is a column" || cat terms.err terms.txt terms/summary.csv

# A sum of losses: of one member it is that member.
spec "{kind: gradient, loss: {kind: sum, of: [$cnn, {name: smooth, kind: tv, weight: 0.5}]}, kappa: 0.5}" '{guidance.loss.smooth.weight: [0, 0.5, 3]}' >sum.yaml
spec "{kind: gradient, loss: $cnn, kappa: 0.5}" '' >alone.yaml
run sum && run alone && [ "$(pixels sum c0000)" = "$(pixels alone c0000)" ] &&
    [ "$(recipes sum | sed 's/^c0000 //;q')" = "$(recipes alone | sed 's/^c0000 //')" ] &&
    [ "$(pixels sum c0001)" != "$(pixels sum c0002)" ]
report $? "a sum of losses; with a member of weight 0 it is the rest" || cat sum.err alone.err

# Another sampler, its parameters as axes.
spec '' '{eta: [0, 1], spacing: [leading, trailing]}' | sed 's/kind: ddpm, steps: 8, clip_x0: true/kind: ddim, steps: 8/' >ddim.yaml
run ddim && [ "$(for c in 0 1 2 3; do pixels ddim c000$c; done | sort -u | wc -l)" -eq 4 ] &&
    [ "$(column ddim spacing)" = "leading trailing leading trailing" ]
report $? "ddim with eta and spacing as axes" || cat ddim.err

# Seeds and models as axes: another seed shares nothing, one model under two names shares all.
ln -s "$GGDM_ZOO/tiny-ddpm" same && spec "{kind: gradient, loss: $cnn, kappa: 0.5}" '{model: [tiny-ddpm, tiny-other, ./same], seed: [0, 1]}' |
    grep -v '^model:' >models.yaml
run models && [ "$(for c in 0 1 2 3; do pixels models c000$c; done | sort -u | wc -l)" -eq 4 ] &&
    [ "$(pixels models c0000)" = "$(pixels models c0004)" ] && grep -q "12 distinct images" models.out &&
    [ "$(column models model)" = "tiny-ddpm tiny-ddpm tiny-other tiny-other ./same ./same" ]
report $? "models and seeds as axes" || cat models.err models.out
spec "{kind: gradient, loss: {kind: classifier, target: 1}, kappa: 0.5}" '{guidance.loss.model: [tiny-cnn, tiny-judge]}' >guides.yaml
run guides && [ "$(pixels guides c0000)" != "$(pixels guides c0001)" ] && [[ "$(column guides guide_accuracy)" =~ ^[0-9.]+\ [0-9.]+$ ]]
report $? "two guides as an axis" || cat guides.err

# Labels of a class-conditional network.
spec '' '{label: [0, 7]}' 'condition: {}' | sed 's/tiny-ddpm/tiny-labels/' >labels.yaml
run labels && [ "$(pixels labels c0000)" != "$(pixels labels c0001)" ] && [ "$(column labels label)" = "0 7" ] &&
    [[ "$(column labels judge_accuracy)" =~ ^[0-9.]+\ [0-9.]+$ ]]
report $? "the label of a condition as an axis; the judge looks for it" || cat labels.err
spec '' '' | sed 's/tiny-ddpm/tiny-labels/' >unlabelled.yaml
spec '' '' 'condition: {label: 3}' >surplus.yaml
spec '' '{label: [0, 10]}' 'condition: {}' | sed 's/tiny-ddpm/tiny-labels/' >beyond.yaml
! run unlabelled && grep -q "unlabelled.yaml:2:8: field 'model': model 'tiny-labels' wants a label, expected condition" unlabelled.err && ! run surplus &&
    grep -q "surplus.yaml:8:20: field 'condition.label': model 'tiny-ddpm' takes no label" surplus.err && ! run beyond && grep -q "beyond.yaml:7:.* '10', expected a class of model 'tiny-labels', 0 to 9" beyond.err
report $? "a label that is missing, surplus or beyond the model's" || cat unlabelled.err surplus.err beyond.err

# Classifier-free guidance: s and w are the same recipes, s = 1 is the label alone, terms stand beside it.
free() { spec "$@" 'samples: 2' | sed 's/tiny-ddpm/tiny-null/;/^samples: 3/d'; }
free '{kind: classifier-free}' '{s: [0, 1, 2.14], label: [3, 4]}' >s.yaml
free '{kind: classifier-free, label: 7}' '{w: [-1, 0, 1.14], guidance.label: [3, 4]}' >w.yaml
free '' '{label: [3, 4]}' >label.yaml
run s && run label && [ "$(column s label)" = "3 4 3 4 3 4" ] && [[ "$(column s judge_accuracy)" =~ ^[0-9.]+(\ [0-9.]+){5}$ ]] &&
    recipes s >s.txt && recipes w | cmp - s.txt && [ "$(recipes label | cut -d' ' -f2)" = "$(sed -n '3,4s/^c.... //p' s.txt)" ] &&
    [ "$(for c in 0 1 2 3 4 5; do pixels s c000$c; done | sort -u | wc -l)" -eq 6 ] &&
    [ "$(pixels s c0002) $(pixels s c0003)" = "$(pixels label c0000) $(pixels label c0001)" ]
report $? "classifier-free guidance in both conventions; without strength it is the label, or none" || cat s.err label.err s.txt
free "{kind: classifier-free, label: 3, s: 2, window: {start_step: 2, length: 3}, terms: [{name: a, loss: $cnn, window: 4}], recurrence: {repeats: 2, window: 3}}" '' >beside.yaml
free "{eps: {kind: classifier-free, s: 2, window: {start_step: 2, length: 3}}, terms: [{loss: $cnn, window: 4}], recurrence: {repeats: 2, window: 3}}" '' 'condition: {label: 3}' >beside2.yaml
run beside && recipes beside >beside.txt && recipes beside2 | cmp - beside.txt &&
    grep -q '"runs":\[\[2,{"terms":[^\[]*\[[^\[]*\[3,{"eps":{"kind":"classifier-free","s":2},"terms":.*\[5,{"eps":{"kind":"classifier-free","s":2}}\],\[8,{}\]\]' beside.txt
report $? "classifier-free guidance in a window, with a term and recurrence in others" || cat beside.err beside.txt
# The other sources of eps; autoguidance wants no label.
free '{kind: one-of, of: [{name: free, kind: classifier-free, s: 3}, {name: scaled, kind: classifier-free, s: 3, rescale: 0.7}, {name: apg, eps: {kind: apg, s: 3, longest: 0.3, parallel: 0}}, {name: zero, eps: {kind: cfg-zero, s: 3}}]}' \
    '{use: [free, scaled, apg, zero], guidance.scaled.label: 3}' >kinds.yaml
spec '{eps: {kind: autoguidance, weak: tiny-other}}' '{s: [0, 1, 2]}' >auto.yaml
spec '' '' >itself.yaml
sed 's/tiny-ddpm/tiny-other/' itself.yaml >other.yaml
run kinds && [ "$(for c in 0 1 2 3; do pixels kinds c000$c; done | sort -u | wc -l)" -eq 4 ] && run auto && run itself && run other &&
    [ "$(pixels auto c0001)" = "$(pixels itself c0000)" ] && [ "$(pixels auto c0000)" = "$(pixels other c0000)" ] && [ "$(pixels auto c0002)" != "$(pixels auto c0001)" ]
report $? "classifier-free guidance side by side with its relatives; autoguidance from one model to another" || cat kinds.err auto.err
free '{kind: classifier-free, label: 3, s: 2, w: 1}' '' >both.yaml
free '{kind: classifier-free, label: 3}' '' >neither.yaml
free '{kind: classifier-free, label: 3, s: 2, window: 9}' '' >long.yaml
free '{kind: classifier-free, label: 3, s: 2}' '' 'condition: {label: 4}' >two.yaml
free '{kind: classifier-free, label: 3, s: 2}' '' | sed 's/tiny-null/tiny-ddpm/' >plain.yaml
free '{kind: classifier-free, label: 3, s: 2}' '' | sed 's/tiny-null/tiny-labels/' >nonull.yaml
refused() { ! "$GGDM" plan "$1.yaml" >"$1.out" 2>"$1.err" && grep -q "$1.yaml:$2" "$1.err" || { cat "$1.err"; false; }; }
refused both "5:54: field 'guidance.w': value '1', expected s or w, not both" && refused neither "5:11: field 'guidance': expected s or w" &&
    refused long "5:59: field 'guidance.window': value '9', expected a number of steps from 0 to 8" &&
    refused two "5:42: field 'guidance.label': value '3', expected that of condition.label, which is 4" &&
    refused plain "2:8: field 'model': model 'tiny-ddpm' takes no label and no prompt, expected a class-conditional" &&
    refused nonull "2:8: field 'model': model 'tiny-labels' has no label of no class"
report $? "classifier-free guidance that cannot be is refused at its place"

# Models of other images: a judge that takes those of one of them is missing with the others; one
# that takes none, and a guide that does not fit, are refused.
spec '' '{model: [tiny-ddpm, tiny-wide]}' | grep -v '^model:' >sizes.yaml
note="scorer 'judge' does not take the images of model 'tiny-wide' and is missing there"
"$GGDM" plan sizes.yaml | grep -q "note *$note" && run sizes && grep -q "$note" sizes/report.html && [[ "$(column sizes judge_confidence)" =~ ^[0-9.]+\ *$ ]] &&
    [ "$(column sizes n)" = "3 3" ] && "$GGDM" doctor sizes >doctor && timeout 60 "$GGDM" run sizes.yaml --run sizes >out 2>&1
report $? "a judge that does not fit a model's images is missing there" || cat sizes.err out sizes/summary.csv
sed 's/tiny-ddpm, //' sizes.yaml >never.yaml
spec "{kind: gradient, loss: $cnn}" '{kappa: [0, 0.5]}' | sed 's/tiny-ddpm/tiny-wide/;/^judge/d' >misguided.yaml
! run never && grep -q "never.yaml:4:8: field 'judge': classifier 'tiny-judge' takes images of 8x8x1, expected 16x16x1" never.err &&
    ! run misguided && grep -q "misguided.yaml:5:60: field 'guidance.loss.model': classifier 'tiny-cnn' takes images of 8x8x1, expected 16x16x1" misguided.err
report $? "a judge without a model, and a guide that does not fit are refused with their places" || cat never.err misguided.err

# Judges: a list; one that comes later scores what is there.
spec "{kind: gradient, loss: $cnn}" '{kappa: [0, 0.5]}' >more.yaml
sed '/^judge: .*/d' more.yaml >judged.yaml
sed -i 's/^judge: .*/judge: [tiny-judge, {name: strict, model: tiny-cnn}]/' more.yaml
run judged && pixels judged c0001 >before && timeout 120 "$GGDM" run more.yaml --run judged --add --workers 0 >out 2>err &&
    grep -q "0 new, 2 already done.* 2 to be scored" err && [ "$(pixels judged c0001)" = "$(cat before)" ] &&
    [ "$(column judged strict_accuracy | cut -d' ' -f3-)" = "$(column judged guide_accuracy | cut -d' ' -f3-)" ] && "$GGDM" doctor judged >doctor
report $? "a judge that is added scores the images that are there" || cat judged.err err doctor judged/summary.csv
sed 's/^samples: 3/samples: 5/' judged.yaml >grown.yaml
timeout 120 "$GGDM" run grown.yaml --run judged --add --workers 0 >out 2>err && run grown &&
    [ "$(pixels judged c0005)" = "$(pixels grown c0001)" ] && [ "$(column judged n)" = "3 3 3 3 5 5" ]
report $? "more samples are added: those that are lacking are made" || cat err judged/summary.csv

# --set, and going on with it.
run alone --set kappa=2 --set samples=2 --run set && grep -q '^set:' set/sweep.yaml && timeout 60 "$GGDM" run alone.yaml --run set --set kappa=2 --set samples=2 >out 2>&1 &&
    timeout 60 "$GGDM" run set/sweep.yaml --run set >out 2>&1 && ! timeout 60 "$GGDM" run alone.yaml --run set >out 2>err && grep -q "another sweep" err &&
    [ "$(column set n)" = "2" ]
report $? "--set makes another sweep, which goes on as the same command or as RUN/sweep.yaml" || cat out err

# The tables.
"$GGDM" methods | grep -q '^  ddim ' && "$GGDM" methods gradient | grep -q 'kappa (κ)' && [ "$("$GGDM" methods loss | grep -c '^loss ')" -ge 3 ] &&
    ! "$GGDM" methods gradeint >out 2>err && grep -q "did you mean 'gradient'" err
report $? "ggdm methods lists kinds and their parameters"
exit "$failed"
