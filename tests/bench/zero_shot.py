#!/usr/bin/python3
"""How well a CLIP model tells the attributes of `ggdm data faces` by words alone: of each group the
prompt whose embedding is nearest to the image's, on the first images of the test set.

    tests/bench/zero_shot.py GGDM MODEL [DATA] [N]

MODEL is a directory, DATA that of the faces (data/faces), N the number of images (2000).
"""
import json
import os
import sys
import tempfile

import numpy as np

import common
from pytorch import read_safetensors, write_safetensors

PROMPTS = {
    "glasses": {"no": "a person without glasses", "yes": "a person with glasses"},
    "hat": {"no": "a person without a hat", "yes": "a person with a hat"},
    "beard": {"no": "a person without a beard", "yes": "a person with a beard"},
    "smile": {"no": "a person who is not smiling", "yes": "a smiling person"},
    "hair_length": {name: f"a person with {name} hair" for name in ["short", "long"]},
    "hair_colour": {
        name: f"a person with {name} hair" for name in ["blond", "brown", "black", "red", "grey"]
    },
    "clothes_colour": {
        name: f"a person in {name} clothes" for name in ["red", "green", "blue", "yellow"]
    },
}


def embeddings(program, model, images, texts):
    """Of images [N, H, W, C] in bytes and of texts, both of length one."""
    with open(os.path.join(model, "config.json")) as f:
        context = json.load(f)["text_config"]["max_position_embeddings"]
    ids = np.zeros((len(texts), context), np.int64)
    for row, text in zip(ids, texts):
        found = common.ggdm(program, "model", "tokenize", model, text).split()
        row[: len(found)] = [int(i) for i in found]
    pixels = images.transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
    with tempfile.TemporaryDirectory() as folder:
        before, behind = os.path.join(folder, "in"), os.path.join(folder, "out")
        write_safetensors(before, {"x": pixels, "ids": ids}, {})
        common.ggdm(program, "model", "apply", model, "--in", before, "--out", behind)
        made = read_safetensors(behind)
    return [made[name].numpy() / made[name].norm(dim=1, keepdim=True).numpy() for name in ("y", "y_text")]


def main():
    program, model = (os.path.abspath(path) for path in sys.argv[1:3])
    data = sys.argv[3] if len(sys.argv) > 3 else "data/faces"
    n = int(sys.argv[4]) if len(sys.argv) > 4 else 2000
    images = np.load(os.path.join(data, "test.npz"))["arr_0"][:n]
    with open(os.path.join(data, "test.jsonl")) as f:
        attributes = [json.loads(line)["attributes"] for line in f][:n]
    print(f"| attribute | right, n = {len(images)} | chance |\n|---|---:|---:|")
    for group, prompts in PROMPTS.items():
        names = list(prompts)
        seen, asked = embeddings(program, model, images, prompts.values())
        nearest = (seen @ asked.T).argmax(axis=1)
        right = np.mean([names[i] == a[group] for i, a in zip(nearest, attributes)])
        print(f"| {group} | {100 * right:.1f} % | {100 / len(names):.0f} % |")


if __name__ == "__main__":
    main()
