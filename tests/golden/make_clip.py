#!/usr/bin/python3
"""Write the golden files of CLIP, tests/golden/data/clip*.safetensors: see make_goldens.py, whose
format and tolerances they have.

    /usr/bin/python3 tests/golden/make_clip.py [NAME...]

Instead of x, or with it, a file has text [N,T] I32.  y is [N, 1] exp(logit_scale) cosine of image n
and text n where the network has both, else the embedding, or where the metadata say so
("output": "sequence") the last hidden states."""

import json
import sys

import numpy as np
import torch

from make_goldens import finish
from torch_clip import Clip


def tower(width, heads, layers=2, **more):
    return {"hidden_size": width, "intermediate_size": 2 * width, "num_attention_heads": heads,
            "num_hidden_layers": layers, **more}


def model(kind, **more):
    return {"architectures": [kind], "model_type": "clip", **more}


# NAME: (config, images, t, ids, output)
CASES = {
    # As in files of OpenAI: eos_token_id 2 means the highest id; a key of transformers' that is ignored.
    "clip": (model("CLIPModel", projection_dim=6,
                   text_config=tower(8, 2, vocab_size=23, max_position_embeddings=7, eos_token_id=2),
                   vision_config=tower(12, 3, image_size=12, patch_size=4, attention_dropout=0.0)),
             True, None, [[20, 3, 1, 22, 22, 22, 22], [20, 9, 22, 0, 0, 0, 0]], None),
    # Told t, the other form of GELU, one grey channel, patches that do not fill the image.
    "clip_noised": (model("CLIPModel", projection_dim=5,
                          text_config=tower(8, 1, 1, vocab_size=11, max_position_embeddings=5, eos_token_id=7,
                                            hidden_act="gelu", layer_norm_eps=1e-3),
                          vision_config=tower(8, 2, 1, image_size=11, patch_size=5, num_channels=1,
                                              hidden_act="gelu", layer_norm_eps=1e-3, _time_embedding=True)),
                    True, [3, 400], [[10, 3, 7, 10, 7], [9, 8, 2, 2, 7]], None),
    # What Stable Diffusion's U-Net looks at.
    "clip_text": (model("CLIPTextModel", **tower(8, 4, vocab_size=17, max_position_embeddings=6, eos_token_id=2,
                                                 hidden_act="gelu_new", projection_dim=4)),
                  False, None, [[15, 3, 4, 16, 16, 16], [15, 16, 16, 16, 16, 16], [15, 1, 2, 3, 4, 16]], "sequence"),
    "clip_text_projected": (model("CLIPTextModelWithProjection",
                                  **tower(8, 4, 1, vocab_size=17, max_position_embeddings=6, eos_token_id=5,
                                          hidden_act="gelu_pytorch_tanh", projection_dim=4)),
                            False, None, [[15, 3, 5, 16, 5, 16], [15, 5, 1, 2, 3, 4]], None),
    "clip_vision": (model("CLIPVisionModelWithProjection",
                          **tower(8, 2, image_size=8, patch_size=4, projection_dim=5)), True, None, None, None),
}


def make(name, seed):
    config, images, t, ids, output = CASES[name]
    rng = np.random.default_rng(1000 + seed)
    torch.manual_seed(seed)
    f32 = lambda *shape: torch.from_numpy(rng.standard_normal(shape).astype(np.float32))
    net = Clip(config, seed, output)
    size, channels = net.vision["image_size"], net.vision["num_channels"]
    case = {"x": f32(2, size, size, channels) if images else None,
            "t": None if t is None else torch.tensor(t, dtype=torch.float32),
            "label": None if ids is None else torch.tensor(ids), "target": None, "gy": None}
    inputs = {k: case[k] for k in ("x", "t") if case[k] is not None}
    if ids is not None:
        inputs["text"] = torch.tensor(ids, dtype=torch.int32)
    metadata = {"config": json.dumps(config)}
    if output:
        metadata["output"] = output
    finish(name, net, case, inputs, f32, metadata)


def main():
    torch.set_num_threads(1)
    for seed, name in enumerate(CASES):
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            make(name, seed + 100)


if __name__ == "__main__":
    main()
