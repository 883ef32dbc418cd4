#!/bin/bash
# `ggdm evaluate`: metrics of cells, computed once, where they are seen, and what is refused.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/evaluate.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

sweep 8 4 "0, 0.5" "0, 4, 8" >a.yaml
sweep 8 6 "0, 0.5" "0, 8" >more.yaml
run() { timeout 120 "$GGDM" run --workers 0 "$@" >out 2>err; }
# evaluate CODE RUN FEATURES [ARG...]: of the metric vendi.
evaluate() {
    timeout 60 "$GGDM" evaluate "$2" --metrics vendi --features "$3" "${@:4}" >out 2>err
    [ $? -eq "$1" ]
}
run a.yaml --run r || cat err

evaluate 0 r tiny-judge && grep -q "6 numbers computed, 0 there already, of features tiny-judge:features@" err &&
    grep -q "vendi by tiny-judge:features@.* for target 0, n = 4 images" out &&
    head -1 r/summary.csv | grep -q ',vendi,vendi_lo,vendi_hi,vendi_n,key$' && grep -q '{"name":"vendi",' r/report.html
report $? "a metric is a column of summary and report, and a table" || cat out err
cp r/summary.csv once.csv
OMP_NUM_THREADS=2 evaluate 0 r tiny-judge:features --json && grep -q "0 numbers computed, 6 there already" err && cmp once.csv r/summary.csv &&
    [ "$(grep -c '"metric": "vendi"' out)" -eq 6 ] && "$TOOLS/ask_store" r "DELETE FROM result WHERE cell > 2 RETURNING cell" >/dev/null &&
    OMP_NUM_THREADS=2 evaluate 0 r tiny-judge && grep -q "3 numbers computed, 3 there already" err && cmp once.csv r/summary.csv
report $? "what is there is not computed again, what is lost is the same again" || cat out err

# Cells that are added, in a run that goes on; other features are other columns.
run more.yaml --run r --add && evaluate 0 r tiny-judge && grep -q "4 numbers computed, 6 there already" err &&
    evaluate 0 r pixels && head -1 r/summary.csv | grep -q ',vendi (pixels),' && head -1 r/summary.csv | grep -q ',vendi (tiny-judge:features@' &&
    "$GGDM" doctor r >out && run more.yaml --run r && grep -q "^  vendi by pixels" out
report $? "cells that are added, and other features" || cat out err
cp r/summary.csv once.csv

refused() { evaluate 2 r "$1" && grep -q "$2" err && [ ! -s out ]; }
refused "$root/models/zoo/two-gaussians-judge" "c0000: image 0: 8 x 8 x 1, expected 2 x 2 x 1, as .*two-gaussians-judge takes them" &&
    refused tiny-ddpm "tiny-ddpm is a UNet2DModel, which gives no features of images, expected a classifier" &&
    refused tiny-judge:x "has no layer 'x', expected features or logits" && refused tiny-jugde "did you mean 'tiny-judge'" && cmp once.csv r/summary.csv
report $? "features that do not fit are refused, and leave no number" || cat out err
# No number: of images that diverged, and of features that are not finite.
sed 's/, clip_x0: true//' a.yaml >wild.yaml
run wild.yaml --run wild && evaluate 1 wild pixels && grep -q "vendi: 6 numbers could not be given: fewer images than needed (2)" err &&
    ! head -1 wild/summary.csv | grep -q vendi
report $? "too few images have no number" || cat out err
cp -r zoo odd
weights=odd/tiny-judge/model.safetensors
head=$((8 + $(od -An -tu8 -N8 "$weights"))) size=$(stat -c %s "$weights")
{
    head -c "$head" "$weights"
    printf '\xe6\xb1\x61\x7f%.0s' $(seq $(((size - head) / 4))) # 3e38
} >odd/huge && mv odd/huge "$weights"
run a.yaml --run plain && rm plain/models.json && GGDM_ZOO=$PWD/odd evaluate 1 plain tiny-judge && grep -qE "c0000: feature [0-9]+ of image 0 is -?(inf|nan), not finite: no number" err &&
    ! head -1 plain/summary.csv | grep -q vendi
report $? "features that are not finite have no number" || cat out err

# A sweep that asks for metrics has them in the end, of all images; again there is nothing to do.
{
    cat a.yaml
    printf 'evaluate:\n  - {metrics: vendi, features: tiny-judge}\n  - {metrics: [vendi]}\n'
} >asks.yaml
for how in "0" "2"; do
    timeout 120 "$GGDM" run asks.yaml --run asks$how --workers $how >out 2>err &&
        grep -q "evaluating: vendi by tiny-judge" err && grep -q "6 numbers computed, 0 there already, of features pixels" err &&
        [ "$(grep -c "^  vendi by tiny-judge" out)" -eq 1 ] && grep -q '{"name":"vendi (pixels)",' asks$how/report.html &&
        cp out once && run asks.yaml --run asks$how && [ "$(grep -c "0 numbers computed, 6 there already" err)" -eq 2 ] && cmp once out
    report $? "a sweep that asks for metrics, --workers $how" || cat out err
done
cmp asks0/summary.csv asks2/summary.csv
report $? "... the same whoever computes them"
{ cat a.yaml && echo "evaluate: {metrics: vendi, features: $root/models/zoo/two-gaussians-judge}"; } >misfit.yaml
run misfit.yaml --run misfit
[ $? -eq 2 ] && grep -q "expected 2 x 2 x 1" err && grep -q "not all is evaluated.*; images, archives and summary are in" err && grep -q "accuracy by the judge" out
report $? "where metrics fail, the rest is told" || cat out err
"$GGDM" plan asks.yaml >out && grep -q "^  then           vendi by tiny-judge$" out && grep -q "^                 vendi by pixels$" out
report $? "a plan says which metrics follow" || cat out
{ cat a.yaml && echo 'evaluate: {metrics: kid, features: tiny-judge, reference: none-test}'; } >later.yaml
"$GGDM" plan later.yaml >out 2>err && grep -q "reference none-test: no data/none is there" err && ! run later.yaml --run later &&
    grep -q "in later, and the same command goes on" err && [ -s later/report.html ]
report $? "a reference that is not there is said before, and keeps no images from being made" || cat out err
wrong() { { cat a.yaml && printf 'evaluate: %s\n' "$1"; } >wrong.yaml && run wrong.yaml --run none; [ $? -eq 2 ] && grep -q "wrong.yaml:[0-9]*:[0-9]*: field 'evaluate.*$2" err && [ ! -e none ]; }
wrong '{metrics: vendy}' "value 'vendy', expected a metric" && wrong '{features: pixels}' "missing field 'metrics'" && wrong 'vendi' "expected a map" &&
    wrong '{metrics: kid, features: tiny-judge, reference: mnist-tset}' "expected NAME-train or NAME-test" && wrong '{metrics: vendi, features: tiny-jugde}' "did you mean" && wrong '{metrics: vendi, layer: x}' "unknown" && wrong '[]' "from 1 to 16"
report $? "what of it is wrong is said before anything is made" || cat out err
exit "$failed"
