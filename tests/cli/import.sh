#!/bin/bash
# Weights as PyTorch's users have them: `ggdm model import` makes models of them that give PyTorch's
# numbers, and refuses what cannot be, without running or leaving anything.
#   GGDM=PROGRAM tests/cli/import.sh
set -u
. "$(dirname "$0")/../support/world.sh"
cd "$work" || exit 1
python=/usr/bin/python3 vjp=
if ! $python -c "import importlib.util as u; exit(not (u.find_spec('torch') and u.find_spec('numpy')))" 2>/dev/null; then
    echo "1..0 # SKIP python3-torch is not installed"
    exit 0
fi
$python "$root/tests/support/import_torch.py" >log 2>&1 || { sed 's/^/# /' log; report 1 "PyTorch writes files"; exit 1; }

# imports NAME CASE SOURCE [OPTION...] [-- WORD...]: a model with PyTorch's numbers; the words are said.
imports() {
    local name=$1 case=$2 ok=0
    shift 2
    local args=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do args+=("$1") && shift; done
    rm -rf made
    { "$GGDM" model import "${args[@]}" --out made && "$GGDM" model verify made &&
        "$GGDM" model apply made --in "$case.x.safetensors" --out y.safetensors --precision fp32 $vjp; } >out 2>&1 || ok=1
    [ "$(grep -o 'digest [0-9a-f]*' out | sort -u | wc -l)" -eq 1 ] || { echo "# its digest is another"; ok=1; }
    [ $# -gt 0 ] && shift
    for word; do grep -qF -e "$word" out || { echo "# not said: $word"; ok=1; }; done
    echo "$name y $case" >>compared
    cp y.safetensors "y$(wc -l <compared).safetensors" 2>/dev/null || ok=1
    [ $ok -eq 0 ] || sed 's/^/# /' out
    report $ok "$name"
}

# refuses 'WORDS' SOURCE [OPTION...]: with these words, and nothing is made.
refuses() {
    local words=$1 ok=0
    shift
    "$GGDM" model import "$@" --out none/at/all >out 2>&1
    [ $? -eq 2 ] || { echo "# another exit code"; ok=1; }
    grep -qF -e "$words" out || { echo "# not said: $words"; ok=1; }
    [ ! -e none ] || { echo "# something is left"; ok=1; }
    [ $ok -eq 0 ] || sed 's/^/# /' out
    report $ok "refused: $words"
}

imports "one of the dicts of a training, wrapped" unet training --state model -- "UNet2DModel of diffusers, PyTorch (zip), its 'model'" "1 tensor whose names do not begin with 'module.' left out"
imports "views into one storage, legacy form" unet views/weights.pth -- "PyTorch (legacy)"
imports "old names, F64, with a schedule" unet old -- "tensors of F64 rounded to F32"
cmp -s old/scheduler_config.json made/scheduler_config.json && cmp -s old/config.json made/config.json &&
    grep -q "$(sha256sum <old/diffusion_pytorch_model.bin | cut -c 1-64)" made/README.md
report $? "config and schedule are the source's, the card has its SHA-256"
imports "several files of safetensors, F16" half shards -- "UNet2DModel of diffusers, safetensors"
[ "$(grep -c '^| `.*safetensors' made/README.md)" -eq 2 ]
report $? "the card names both"
imports "several files of torch.save" half bins -- "UNet2DModel of diffusers, PyTorch (several files)"
[ "$(grep -c '^| `.*bin' made/README.md)" -eq 2 ]
report $? "the card names both of these, too"
imports "BF16, with a config from elsewhere" half bf16.pt --config old/config.json -- "bf16.pt: UNet2DModel of diffusers, PyTorch (zip)"
imports "CLIP of OpenAI, F16" clip clip-openai.pt -- "CLIP of OpenAI" "3 tensors of integers left out"
mv made hf && imports "CLIPModel of Hugging Face" clip hf/model.safetensors -- "CLIPModel of Hugging Face, safetensors"
cmp -s hf/model.safetensors made/model.safetensors
report $? "which is what became of that of OpenAI"
echo '{"do_normalize": true, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}' >hf/preprocessor_config.json
rm -r made && { "$GGDM" model import hf --out made && "$GGDM" model verify made; } >out 2>&1 &&
    cmp -s hf/preprocessor_config.json made/preprocessor_config.json && [ "$(grep -o 'digest [0-9a-f]*' out | sort -u | wc -l)" -eq 1 ]
report $? "how its pixels are normalised goes with it"

vjp=--vjp
imports "layers as PyTorch prints them, with mean and std" net net -- "TorchSequential, PyTorch (zip)" "1 tensor of integers left out"
imports "layers with names, of images in [0, 1], wrapped" named named/weights.pt -- "TorchSequential, PyTorch (legacy)"

imports "guided-diffusion: FiLM, residual blocks up and down, classes, learned variance" adm adm.pt --config adm.json -- "U-Net of guided-diffusion, PyTorch (zip)"
grep -q '"beta_schedule": "squaredcos_cap_v2"' made/scheduler_config.json && grep -q learned_range made/scheduler_config.json
report $? "its schedule is that of the flags"
imports "improved-diffusion" improved ema_0.9999_200000.pt --config improved.json -- "PyTorch (legacy)"
imports "a classifier of noisy images, attention pool" attention attention.pt --config classifier.json -- "classifier of guided-diffusion"
imports "adaptive pool" adaptive adaptive.pt --config classifier.json
imports "spatial pool" spatial spatial.pt --config classifier.json
imports "the GGDM repository's U-Net, as it is" labml labml.pt --config raw.json -- "U-Net of the GGDM repository"
imports "of pixels in [0, 1]" pixels labml.pt --config pixels.json
imports "its LeNet of 32 pixels" lenet lenet.pth -- "LeNet of the GGDM repository"
imports "its LeNet of 128 pixels" lenet-large lenet-large.pth -- "larger LeNet of the GGDM repository"
refuses "do not tell image_size, num_heads or num_head_channels, and use_new_attention_order: expected" adm.pt
echo '{"image_size": 8, "num_head": 2}' >typo.json
refuses "typo.json: field 'num_head': unknown" adm.pt --config typo.json

refuses "several sets of weights, 'model.module' (144 tensors), 'ema' (144 tensors): choose one by --state NAME" training
refuses "no weights 'emma', expected one of 'model.module'" training --state emma
refuses "tensor 'conv_in.weight', element [1, 0, 2, 0]: value nan, expected finite" nan
refuses "tensor 'conv_in.bias' is missing" few
refuses "tensor 'conv_out.weight' is missing, expected shape [1, 8, 3, 3] by config.json (tensors of integers, of which there are 1," few.pt --config few/config.json
mv training/config.json . && refuses "whose shapes do not tell all of it: expected its config.json" training/last.pt --state ema && rm config.json
refuses "weights of a UNet2DConditionModel of diffusers, whose shapes do not tell all of it" condition.pt
refuses "it asks for posix.system, which is not among the few names" evil.pt
refuses "it asks for posix.system, which is not among the few names" evil.pth
[ ! -e executed ]
report $? "nothing was run"
refuses "it asks for torch.nn.modules.linear.Linear" module.pt
refuses "a TorchScript archive" script.pt
refuses "1 tensor, among them 'some.weight', of no known layout" unknown.pt
refuses "a pointer of Git LFS" pointer.pt
refuses "no such file or directory" nowhere.pt
"$GGDM" model import old --out made >out 2>&1
[ $? -eq 2 ] && grep -q "made: is there already" out
report $? "what is there is kept"
"$GGDM" model verify old >out 2>&1 && grep -q "old: could be imported as a UNet2DModel: 144 tensors" out
report $? "verify looks without making anything"

$python - <<'PY' >out 2>&1
import json, struct
import numpy as np

def read(path):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + n])
    at = lambda range: np.frombuffer(data[8 + n + range[0]:8 + n + range[1]], "<f4")
    return {name: at(t["data_offsets"]) for name, t in head.items() if name != "__metadata__"}

for i, line in enumerate(open("compared"), 1):
    name, case = line.rstrip().rsplit(" y ", 1)
    got, want = read(f"y{i}.safetensors"), read(case + ".want.safetensors")
    off = max(abs(got[k] - want[k]).max() / abs(want[k]).max() for k in want)
    print(f"{off:.1e} {name}")
    assert off < 5e-6, name
PY
report $? "all give PyTorch's numbers"
sed 's/^/# /' out
exit $failed
