#!/bin/bash
# Promise 6 of docs/DESIGN.md: stored images are computed again, alone and from their stored recipes,
# and are the same to the bit, however the run was made; one that is not is noticed.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/replay.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

# ---- verify ----

sweep 12 4 "0, 0.5, 2" "0, 6, 12" >small.yaml
timeout 120 "$GGDM" run small.yaml --run r --workers 2 --batch 5 >out 2>&1
says 0 "all images of a run of two workers, shared prefixes" "20 of 20 images computed again" "all the same to the bit" -- \
    "$GGDM" verify r --sample 100
says 0 "some of them, chosen by a seed" "5 of 20 images computed again" "--seed 7)" -- "$GGDM" verify r --sample 5 --seed 7
cp -r r changed && "$TOOLS/change_pixel" changed 5 3
says 1 "a pixel that was changed" "c0005 image 3: 1 of 64 values of pixels differ" "20 of 20 images" "1 differs" -- \
    "$GGDM" verify changed --sample 20
"$TOOLS/ask_store" changed "UPDATE sample SET data = x'00' WHERE idx = 1 RETURNING 1" >out
says 1 "bytes that are no image" "image 1: what is stored is no such image" "6 differ" -- "$GGDM" verify changed
GGDM_ISA=ref timeout 120 "$GGDM" run small.yaml --run plain --workers 0 >out 2>&1
says 0 "the run's instruction set is pinned" "(ref, fp32; " "all the same to the bit" -- "$GGDM" verify plain
says 2 "an instruction set that is less" "in fp32 with the instruction set" "GGDM_ISA has at most 'ref'" -- \
    env GGDM_ISA=ref "$GGDM" verify r
says 2 "no run" "nowhere: no such run directory" -- "$GGDM" verify nowhere

# While a run goes on, from what is there of it.
sweep 500 1 "0.5" "500" | sed '/^seed/d; s/^sweep:/&\n  seed: {from: 1, to: 1000, step: 1}/' >long.yaml # a unit each
"$GGDM" run long.yaml --run long --workers 0 >out.long 2>&1 &
running=$!
for _ in $(seq 200); do
    "$GGDM" verify long --sample 2 >out 2>err && break
    sleep 0.1
done
{ kill -9 $running && wait $running; } 2>/dev/null
grep -q "^2 of [0-9]* images computed again .* all the same to the bit" out && grep -q "its snapshot of" err && [ ! -e long/summary.csv ]
report $? "images of a run that goes on" || cat out err out.long

# Every sampler with every kind of guidance, repeats and windows, on its own and in any company.
for sampler in "kind: ddpm, clip_x0: true" "kind: ddim, eta: 0.5" "kind: heun" "kind: dpmpp-2m"; do
    cat >many.yaml <<YAML
name: many
model: tiny-null
condition: {label: 3}
sampler: {$sampler, steps: 6}
guidance:
  kind: one-of
  of:
    - {name: gradient, kind: gradient, gradient: xt-full, kappa: 0.5, duration: {start_step: 1, length: 3}, loss: &guide {kind: classifier, model: tiny-cnn, target: 0}}
    - {name: mpgd, kind: mpgd, weight: 0.5, loss: *guide}
    - {name: freedom, kind: freedom, weight: 0.5, repeats: 2, loss: *guide}
    - {name: universal, kind: universal, iterations: 2, window: 3, loss: *guide}
    - {name: lgd, kind: lgd, samples: 3, loss: *guide}
    - {name: tfg, kind: tfg, iterations: 2, loss: *guide}
    - {name: free, kind: classifier-free, s: 3}
    - {name: terms, terms: [{weight: 0.2, loss: *guide}, {weight: 0.1, loss: {kind: tv}, window: 4}]}
sweep: {use: [gradient, mpgd, freedom, universal, lgd, tfg, free, terms]}
samples: 3
YAML
    name=$(cut -d' ' -f2 <<<"$sampler" | tr -d ,)
    timeout 120 "$GGDM" run many.yaml --run "$name" --workers 0 >out 2>&1
    says 0 "$sampler: eight guidances" "24 of 24" "all the same to the bit" -- "$GGDM" verify "$name" --sample 24
done

# ---- replay ----

member() { tar xOf "$1/archive/$2/samples.tar" "$2_$3"; }
says 0 "an image and its way" "c0005 image 3: the same to the bit; final.png, strip.png, way.gif, steps.csv, replay.json in way" -- \
    "$GGDM" replay r --cell c0005 --image 3 --every 2 --out way
member r c0005 000003.png | cmp - way/final.png
report $? "final.png has the bytes of the archive"
[ "$(sed -n 1p way/steps.csv)" = "step,t,clamped,loss.classifier,norm.classifier,cosine.classifier" ] && [ "$(wc -l <way/steps.csv)" -eq 13 ] &&
    [ "$(cut -d, -f1 way/steps.csv | tail -n +2 | paste -sd' ')" = "0 1 2 3 4 5 6 7 8 9 10 11" ] && ! grep -q ",," way/steps.csv
report $? "steps.csv has a line for each step" || cat way/steps.csv
# Seven steps and the image, of 8 x 8 pixels seven times as large in frames of 2: 60 + 8 * 60 wide.
[ "$(od -An -tx1 -j16 -N8 way/strip.png | tr -d ' ')" = "0000021c00000084" ] && grep -q "ggdm:recipe" way/strip.png &&
    [ "$(head -c6 way/way.gif)" = GIF89a ] && grep -q '"same": true' way/replay.json
report $? "strip.png is as large as it has columns, way.gif is a GIF"
"$GGDM" replay r --cell 5 --image 3 --every 2 --out again --threads 2 >out && diff -r way again
report $? "once more, with two threads: the same bytes"
says 0 "an unguided one, below the run, by a condition" "c0000 image 0: the same to the bit" "r/replay/c0000/000000" -- \
    "$GGDM" replay r --cell "kappa=0,duration=0"
[ "$(sed -n 1p r/replay/c0000/000000/steps.csv)" = "step,t,clamped" ]
report $? "has no terms"
says 0 "steps that are made twice" "the same to the bit" -- "$GGDM" replay heun --cell use=freedom --out twice
[ "$(cut -d, -f1-3 twice/steps.csv | paste -sd' ')" = "step,t,repeat 0,999,0 0,999,1 1,799,0 1,799,1 2,599,0 2,599,1 3,400,0 3,400,1 4,200,0 4,200,1 5,0,0 5,0,1" ]
report $? "have a line for each repeat" || cat twice/steps.csv
says 0 "terms that come and go" "the same to the bit" -- "$GGDM" replay heun --cell use=terms --image 2 --out terms
[ "$(sed -n 1p terms/steps.csv | tr , '\n' | grep -c tv)" -eq 3 ] && [ "$(grep -c ",,,$" terms/steps.csv)" -eq 2 ]
report $? "are empty where they do not act" || cat terms/steps.csv
says 1 "a pixel that was changed" "error: c0005 image 3 is not what the run has stored: 1 of 64 values of pixels differ" -- \
    "$GGDM" replay changed --cell c0005 --image 3 --out other
cmp way/final.png other/final.png && grep -q '"same": false' other/replay.json && grep -q '"differing": 1,' other/replay.json
report $? "what is right is beside it"
says 2 "several cells" "--cell: value 'kappa=2' means 3 cells, expected one" -- "$GGDM" replay r --cell kappa=2
says 2 "no cell" "--cell is missing: the run has 9 cells, expected one of them, as c0000" -- "$GGDM" replay r
says 2 "an image that is not there" "--image: value '4', expected 0 to 3, as c0005 has 4" -- "$GGDM" replay r --cell 5 --image 4

# ---- models ----

cp -r r moved && sed -i "s#$work/zoo#$work/nowhere#" moved/models.json && mkdir kept && mv zoo/tiny-judge kept
says 0 "models that moved are found by name; the judge is not needed" "all the same to the bit" -- "$GGDM" verify moved
mv zoo/tiny-cnn kept && cp -r kept/tiny-judge zoo/tiny-cnn
says 2 "another model of that name" " image " "model 'tiny-cnn' (" "has the digest" "expected" -- "$GGDM" verify moved --seed 1
rm -r zoo/tiny-cnn
says 2 "a model that is gone" "model 'tiny-cnn' (" "of the run in moved (its models.json can say where): " "not found" -- "$GGDM" replay moved --cell 5
says 0 "of which an unguided image has no need" "the same to the bit" -- "$GGDM" replay moved --cell 0
exit $failed
