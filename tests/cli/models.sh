#!/bin/bash
# Models as people bring them: what is assumed for them is said, what is wrong with them is named,
# and a run finds them from wherever it is continued.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/models.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"
weights=diffusion_pytorch_model.safetensors

# ---- what is assumed ----

sweep 8 2 "0, 0.02" "0, 8" >tiny.yaml
note="zoo/tiny-ddpm/scheduler_config.json is not there: assumed are num_train_timesteps 1000, beta_schedule linear"
says 0 "plan says what is assumed without a scheduler_config.json" "  note  " "$note" -- "$GGDM" plan tiny.yaml
[ "$(grep -c "assumed" out)" -eq 1 ] && "$GGDM" plan tiny.yaml --json 2>&1 | grep -A1 '"notes": \[' | grep -qF "$note"
report $? "once, and in the JSON"
says 0 "a run" -- "$GGDM" run tiny.yaml -w 0 && grep -qF "$note" runs/tiny/report.html
report $? "its report says it, too"

mkdir -p pipe/scheduler && cp -r zoo/tiny-ddpm pipe/unet
echo '{"_class_name": "DDPMPipeline", "scheduler": ["diffusers", "DDPMScheduler"], "unet": ["diffusers", "UNet2DModel"]}' >pipe/model_index.json
schedule() { echo "{\"num_train_timesteps\": 1000, \"beta_schedule\": \"linear\", \"beta_start\": 0.0001, \"beta_end\": 0.02, \"prediction_type\": \"epsilon\"${1:-}}" >pipe/scheduler/scheduler_config.json; }
sed 's/^model: .*/model: pipe/' tiny.yaml >pipe.yaml
schedule
says 0 "a pipeline" -- "$GGDM" plan pipe.yaml && ! grep -q "note" out
report $? "nothing is assumed"
schedule ', "timestep_spacing": "trailing"'
says 0 "a spacing that is the model's" "scheduler_config.json says timestep_spacing trailing: so is sampler.spacing, which the sweep does not set" -- "$GGDM" plan pipe.yaml
says 0 "it stands in the recipe" '"sampler":{"kind":"ddpm","steps":8,"clip_x0":true,"spacing":"trailing"}' -- "$GGDM" plan pipe.yaml --recipe
"$GGDM" schedule pipe --steps 8 2>/dev/null >of_model && "$GGDM" schedule --steps 8 --spacing trailing | cmp -s - of_model
report $? "ggdm schedule follows it, too"
sed 's/steps: 8/steps: 8, spacing: leading/' pipe.yaml >own.yaml
says 0 "the sweep's own word holds" '"sampler":{"kind":"ddpm","steps":8,"clip_x0":true}' -- "$GGDM" plan own.yaml --recipe
sed 's/steps: 8/steps: 1000/' pipe.yaml >long.yaml
says 0 "of all timesteps there is one chain" '"sampler":{"kind":"ddpm","clip_x0":true}' -- "$GGDM" plan long.yaml --recipe
schedule ', "variance_type": "learned"'
says 2 "a variance that is not there" "pipe.yaml:2:" "scheduler/scheduler_config.json: field 'variance_type': value 'learned', expected fixed_large" -- "$GGDM" plan pipe.yaml
schedule

# ---- what is wrong ----

cp -r zoo/tiny-cnn bad-cnn && printf '\0\0\300\177' | dd of=bad-cnn/model.safetensors bs=1 seek=$(($(stat -c %s bad-cnn/model.safetensors) - 4)) conv=notrunc status=none
says 2 "weights that are not finite do not verify" ".bias', element [9]: value nan" -- "$GGDM" model verify bad-cnn
says 2 "nor are they applied" ".bias', element [9]: value nan" -- "$GGDM" model apply bad-cnn --in bad-cnn/model.safetensors --out none
sed 's/^judge: .*/judge: bad-cnn/' tiny.yaml >bad.yaml
says 2 "and no run begins with them" "bad.yaml:13:8: field 'judge': bad-cnn: tensor" -- "$GGDM" run bad.yaml -w 0 --run none
[ ! -e none ]
report $? "nothing is made"
says 2 "a file is no model" "model 'tiny.yaml' is a file, expected a directory" "ggdm model import FILE" -- "$GGDM" model info tiny.yaml
says 2 "nor is one by its path" "model './tiny.yaml' is a file" -- "$GGDM" model info ./tiny.yaml
mkdir several && echo '{"weight_map": {"a": "pytorch_model-00001-of-00001.bin"}}' >several/pytorch_model.bin.index.json
touch several/pytorch_model-00001-of-00002.bin several/pytorch_model-00002-of-00002.bin
says 2 "several files of torch.save" "several/pytorch_model.bin.index.json: tensor 'a': cannot open several/pytorch_model-00001-of-00001.bin" -- "$GGDM" model import several --out none
says 2 "the name of weights that have none" "no weights 'ema': there is one set of them, without a name, expected no --state" -- "$GGDM" model import zoo/tiny-cnn --state ema --out none
cp -r zoo/tiny-ddpm pickled && mv pickled/$weights pickled/diffusion_pytorch_model.bin
says 2 "weights of PyTorch" "there is diffusion_pytorch_model.bin: \`ggdm model import DIR --out NEW\`" -- "$GGDM" model info pickled
says 0 "could be imported" "pickled: could be imported as a UNet2DModel" -- "$GGDM" model verify pickled
cp -r zoo/tiny-ddpm absurd && truncate -s 100G absurd/$weights
says 2 "weights of 100 GB that cannot be: at once" "cover" -- timeout 5 "$GGDM" model verify absurd

sed 's/^samples: 2/sample: 2/' tiny.yaml >bad.yaml
says 2 "a key that is nearly one" "bad.yaml:11:1: field 'sample': unknown key, did you mean 'samples'?" -- "$GGDM" plan bad.yaml
sed 's/^  gradient/\tgradient/' tiny.yaml >bad.yaml
says 2 "a tab" "bad.yaml:6:1: a tab, expected spaces" -- "$GGDM" plan bad.yaml
sed 's/loss: {kind: classifier, model: tiny-cnn,/loss: {<<: {kind: classifier, model: none}, model: tiny-cnn,/' tiny.yaml >merge.yaml
says 0 "a merge key makes the same sweep" -- "$GGDM" run merge.yaml --run runs/tiny

# ---- which there are ----

says 0 "the shipped models" "mnist-ddpm           UNet2DModel               28 x 28 x 1         1539329      5.9 MiB  \`model' of a sweep" "trained apart" -- env -u GGDM_ZOO "$GGDM" model list
[ "$(grep -c "^  mnist-cnn " out)" -eq 1 ]
report $? "each once"
mkdir mine && cp -r --sparse=always zoo/tiny-cnn absurd pipe mine/
says 0 "one's own" "guide (\`guidance.loss.model') or \`judge', 10 classes" "absurd               cannot be used: mine/absurd/$weights" "pipe                 UNet2DModel" -- "$GGDM" model list mine
says 0 "what they take" "\`model' of a sweep, with a \`condition.label'" "guide (\`guidance.loss.model', also at x_t) or \`judge', 10 classes" -- "$GGDM" model list zoo
says 0 "the null label is none of the classes" "classes     10" "null label  10" "takes       x, t, label" -- "$GGDM" model info zoo/tiny-null
sed 's/tiny-ddpm/tiny-null/' tiny.yaml >label.yaml
echo 'condition: {label: 10}' >>label.yaml
says 2 "and of no sweep" "field 'condition.label': value '10', expected a class of model" "0 to 9" -- "$GGDM" plan label.yaml
says 0 "a classifier of noisy images is told the timestep" "takes       x, t" "gives       logits, features" -- "$GGDM" model info zoo/tiny-noisy
says 2 "no such directory" "nosuch: no such directory" -- "$GGDM" model list nosuch

# ---- where it is ----

unset GGDM_ZOO
mkdir -p project/models elsewhere
cp -r zoo/* project/models/
sed 's#tiny-\(ddpm\|cnn\|judge\)#models/tiny-\1#' tiny.yaml >project/s.yaml
cd elsewhere
says 0 "models beside the sweep file" -- "$GGDM" plan ../project/s.yaml
cd ../project
says 0 "a run of models with relative paths" -- "$GGDM" run s.yaml -w 0
cd "$work" && cp -r project/runs/tiny before && rm project/runs/tiny/summary.csv project/s.yaml
cd elsewhere
says 0 "goes on from its own copy of the sweep alone" -- "$GGDM" run ../project/runs/tiny/sweep.yaml
cmp ../before/summary.csv ../project/runs/tiny/summary.csv && [ ! -e runs ]
report $? "in its own directory"
says 0 "plan of that copy" "-> ../project/runs/tiny" -- "$GGDM" plan ../project/runs/tiny/sweep.yaml
mv ../project/models/tiny-cnn .
says 2 "a model that is gone" "field 'guidance.loss.model': model 'models/tiny-cnn': no such directory" -- "$GGDM" plan ../project/runs/tiny/sweep.yaml

# ---- token ids ----

cd "$work" || exit 1
clip=$root/models/zoo/faces-clip
says 0 "tokenize" "49406 320 1125 539 320 2368 49407" -- "$GGDM" model tokenize "$clip" "a photo of a cat"
printf 'a dog\n\nIt\xe2\x80\x99s\r\n' >words.txt
says 0 "of the lines of a file" "49406 320 1929 49407" "49406 585 568 49407" -- "$GGDM" model tokenize "$clip" @words.txt
[ "$(wc -l <out)" -eq 3 ]
report $? "a line for each, an empty one too"
says 0 "as JSON" '{"text": "a dog", "context": ' '"ids": [49406, 320, 1929, 49407]}' -- "$GGDM" model tokenize "$clip" "a dog" --json
long=$(printf 'dog %.0s' {1..99})
says 2 "a text that is too long" "has 101 tokens with those of start and end, expected at most" -- "$GGDM" model tokenize "$clip" "$long"
says 0 "is cut where that is wished" "1929 49407" -- "$GGDM" model tokenize "$clip" "$long" --truncate
printf 'good\na\x07b\n' >words.txt
says 2 "control characters" "words.txt:2: text, byte 2: control character U+0007" -- "$GGDM" model tokenize "$clip" @words.txt
says 2 "no text" "tokenize: expected texts behind the model" -- "$GGDM" model tokenize "$clip"
says 2 "no file" "text '@': expected the name of a file" -- "$GGDM" model tokenize "$clip" @
says 2 "no tokenizer" "zoo/tiny-cnn: there is no tokenizer, expected vocab.json and merges.txt" -- "$GGDM" model tokenize zoo/tiny-cnn a

# ---- what docs/MODELS.md exports from PyTorch ----

cd "$work" || exit 1
awk '/^```python/ { on = 1; next } /^```/ { on = 0 } on' "$root/docs/MODELS.md" >export.py
if /usr/bin/python3 -c "import torch" 2>/dev/null; then
    /usr/bin/python3 export.py && "$GGDM" model import net --out my-cnn >out 2>&1 &&
        "$GGDM" model apply my-cnn --in x.safetensors --out y.safetensors >>out 2>&1 &&
        /usr/bin/python3 -c "
import numpy
y, want = (numpy.frombuffer(open(f, 'rb').read()[-160:], '<f4') for f in ('y.safetensors', 'want.safetensors'))
assert abs(y - want).max() < 1e-5, (y, want)"
    report $? "a classifier from PyTorch, as docs/MODELS.md exports it" || sed 's/^/# /' out
else
    echo "ok $((tap_number + 1)) - a classifier from PyTorch # SKIP python3-torch is not installed"
fi
exit $failed
