#!/bin/bash
# Prompts from file to picture: an axis out of a file, with what the judge is to see beside it; the same
# images however they are made; and what is refused before anything is started.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/prompts.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

printf '# two\na man with glasses\n\nblond hair\r\n' >prompts.txt
cat >p.yaml <<'YAML'
name: p
model: tiny-ddpm
sampler: {kind: ddpm, steps: 8, clip_x0: true}
guidance:
  kind: gradient
  loss: {kind: clip, model: tiny-clip, cutouts: 3, cut_scale: 1.5, cut_power: 2}
sweep:
  zip:
    prompt: "@prompts.txt"
    target: [glasses, "hair_colour:blond"]
  kappa: [0, 0.5]
samples: 3
judge: tiny-attributes
sheet: 3
YAML
pixels() { (cd "$1/archive" && sha256sum c*/samples.npz c*/samples.tar); }
column() { awk -F, -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i; next } { print c ? $c : "?" }' "$1/summary.csv" | paste -sd' '; }

timeout 120 "$GGDM" run p.yaml --run p --workers 2 >p.out 2>p.err && grep -q "9 distinct images" p.out &&
    [ "$(column p prompt)" = "a man with glasses a man with glasses blond hair blond hair" ] &&
    [ "$(column p target)" = "glasses glasses hair_colour:blond hair_colour:blond" ] &&
    [[ "$(column p clip_mean) $(column p judge_accuracy)" =~ ^(-?[0-9.e-]+ ?){8}$ ]] &&
    grep -q "accuracy by the judge for the target of each cell" p.out
report $? "prompts of a file as an axis, joined with what the judge is to see" || cat p.err p.out p/summary.csv
# The images of a cell side by side where prompts go down; in a square where they are in headings.
sed 's/  kappa: .*/  kappa: [0, 1, 2]\n  seed: [1, 2, 3, 4]/' p.yaml >three.yaml
"$GGDM" plan p.yaml --run new >out 2>err && grep -q "sheet .* 2 x 2, 3 images of each: 426 x 154 pixels" out && [ "$(od -An -tx1 -j16 -N8 p/figures/sheet-tiles.png | tr -d " ")" = 000001aa0000009a ] &&
    "$GGDM" plan three.yaml >out 2>err && grep -q "sheet .* 4 x 6, 3 images of each: 574 x 858 pixels" out
report $? "a plan says how large the sheet of prompts will be" || cat out err
tar xOf p/archive/c0003/samples.tar c0003_000001.json >side.json
tar xOf p/archive/c0001/samples.tar c0001_000001.json >other.json
grep -q '"prompt": "blond hair"' side.json && grep -q '"target": "hair_colour:blond", "judge.target.class": 0' side.json &&
    grep -q '"target": "glasses", "judge.target.class": 1' other.json
report $? "the prompt stands beside each image, and its class among the answers to one question" || cat side.json other.json

# counted CELL CLASS: the share of its images whose likeliest answer is this one.
counted() { for i in 0 1 2; do tar xOf "p/archive/$1/samples.tar" "$1_00000$i.json"; done | grep -o '"judge": {"label": [0-9]*' | awk -v c="$2" '{ n += $3 == c } END { printf "%.6g", n / NR }'; }
read -ra right <<<"$(column p judge_accuracy)"
[ "${right[0]}" = "$(counted c0000 1)" ] && [ "${right[1]}" = "$(counted c0001 1)" ] && [ "${right[2]}" = "$(counted c0002 0)" ] && [ "${right[3]}" = "$(counted c0003 0)" ] &&
    [ "${right[0]}${right[1]}${right[2]}${right[3]}" != 0000 ]
report $? "right is the likeliest answer to the target's question" || cat p/summary.csv
mv prompts.txt gone.txt
"$GGDM" run p/sweep.yaml >again.out 2>again.err && grep -q 'prompt: \["a man with glasses", "blond hair"\]' p/sweep.yaml &&
    ! "$GGDM" plan p.yaml >gone.out 2>gone.err && grep -q "p.yaml:9:13: field 'sweep.zip.prompt': cannot open prompts.txt" gone.err
report $? "a run goes on without the file of prompts" || cat again.err gone.err
"$GGDM" verify p --sample 9 >out 2>err && grep -q "9 of 9 images computed again .* all the same to the bit" out &&
    "$GGDM" replay p --cell c0003 --image 2 --out way >out 2>err && grep -q "c0003 image 2: the same to the bit" out && grep -q "^step,t,clamped,loss.clip,norm.clip,cosine.clip$" way/steps.csv
report $? "its images are computed again, cut-outs too, without that file" || cat out err
mv gone.txt prompts.txt

timeout 120 "$GGDM" run p.yaml --run one --workers 0 --batch 1 >one.out 2>one.err
pixels p >want
pixels one >got
[ -s want ] && cmp want got && [ "$(grep -c samples.npz want)" -eq 4 ] && ! grep c0001/samples.npz want | grep -q "$(sed -n '/c0000\/samples.npz/s/ .*//p' want)"
report $? "the same bytes from any batch and number of workers, cut-outs too" || cat one.err want got

# A guide of several questions, too, is told its class by name or number.
printf 'name: g\nmodel: tiny-ddpm\nsampler: {kind: ddpm, steps: 8}\nsamples: 3\njudge: tiny-attributes\nsweep: {target: [glasses, 1, "hair_colour:grey"]}\nguidance: {kind: gradient, kappa: 1, loss: {kind: classifier, model: tiny-attributes}}\n' >g.yaml
"$GGDM" plan g.yaml --recipe >g.out 2>g.err && [ "$(grep -c '"target":1}' g.out)" -eq 1 ] && [ "$(grep -c '"target":4}' g.out)" -eq 1 ]
report $? "names of classes are numbers in recipes" || cat g.out g.err

# refused NAME LINE:COLUMN-AND-MESSAGE < CHANGES of p.yaml (sed): nothing is written.
refused() {
    sed -f - p.yaml >"$1.yaml"
    ! "$GGDM" run "$1.yaml" --run "$1" --workers 0 >"$1.out" 2>"$1.err" && [ ! -e "$1" ] && grep -q -- "$2" "$1.err" || { cat "$1.err"; false; }
}
cp -r zoo/tiny-words/unet alone && cp -r zoo/tiny-clip untaught && rm untaught/vocab.json untaught/merges.txt
refused long 'long.yaml:9:14: field .sweep.zip.prompt\[0\].: text .* has 31 tokens with those of start and end, expected at most 24' <<<'s/"@prompts.txt"/["twenty-eight letters are too much", b]/' &&
    refused empty "empty.yaml:9:17: field 'sweep.zip.prompt\[1\]': value '', expected a text .* not blank" <<<'s/"@prompts.txt"/[a, ""]/' &&
    refused blank "blank.yaml:6:48: field 'guidance.loss.prompt': value ' ', expected a text .* not blank" <<<'s/cutouts: 3/prompt: " ", &/; /    prompt:/d' &&
    refused judge "judge.yaml:13:47: field 'judge.prompt': value '', expected a text .* not blank" <<<'s/judge: tiny-attributes/judge: {kind: clip, model: tiny-clip, prompt: ""}/' &&
    refused class "class.yaml:10:23: field 'sweep.zip.target\[1\]': value 'hare', expected a class of model 'tiny-attributes': glasses:no, " <<<'s/"hair_colour:blond"/hare/' &&
    refused names "names.yaml:10:14: field 'sweep.zip.target\[0\]': value 'glasses', expected a number: the classes of model 'tiny-judge' have no names" <<<'s/tiny-attributes/tiny-judge/' &&
    refused guide "guide.yaml:6:29: field 'guidance.loss.model': model 'tiny-cnn' is a GgdmCNN, expected a network of images and texts, as CLIP is" <<<'s/tiny-clip/tiny-cnn/' &&
    refused untold "prompts.txt:2:1: model .*untaught reads no prompts: it has no tokenizer" <<<'s/tiny-clip/.\/untaught/' &&
    refused whole "whole.yaml:6:.*each cut-out would be all of it; expected cut_scale above 1" <<<'s/, cut_scale: 1.5//' &&
    refused given "given.yaml:15:21: field 'condition.prompt': model 'tiny-ddpm' takes no prompt" <<<'s/    prompt:/    guidance.loss.prompt:/; $a condition: {prompt: a}' &&
    refused wants "wants.yaml:2:8: field 'model': model 'tiny-words' wants a prompt" <<<'s/tiny-ddpm/tiny-words/' &&
    refused nobody "nobody.yaml:15:21: field 'condition.prompt': there is no .encoder. beside it, and none in the directory of model './alone'" <<<'s/tiny-ddpm/.\/alone/; s/    prompt:/    guidance.loss.prompt:/; $a condition: {prompt: a}'
report $? "what cannot be is refused at its place, and nothing is written"
printf 'good\nb\303\n' >prompts.txt
refused bytes "prompts.txt:2: byte 2 is 0xc3, expected UTF-8 without control characters" <<<''
report $? "a file of prompts that is not UTF-8"
