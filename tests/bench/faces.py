#!/usr/bin/python3
"""The guided step of faces by words, faces-ddpm guided through faces-clip, under Debian's PyTorch and
under ggdm, alternating: the forward pass of the U-Net, and with the gradient of minus the cosine to x_t.

    /usr/bin/python3 tests/bench/faces.py GGDM [ROUNDS]      (a part of make bench-pytorch)

Both have the shipped weights, a batch of 8 and the same two threads.  PyTorch runs f32, the transformer
through its fused functions, the U-Net in whichever memory format is faster here.  The networks are
compared in their own golden tests.

Prints milliseconds of an image by the clock and of CPU time; writes build/bench/faces.csv."""

import json
import os
import sys

import torch
import torch.nn.functional as F

import common
from clip import Vision, blas, timed
from pytorch import ALPHA_BAR, FORMATS, load, read_safetensors, to_format
from torch_networks import UNet2D

MODEL, GUIDE = "models/zoo/faces-ddpm", "models/zoo/faces-clip"
THREADS, BATCH, SECONDS = 2, 8, 2


def load_clip():
    folder = os.path.join(common.ROOT, GUIDE)
    with open(os.path.join(folder, "config.json")) as f:
        net = Vision({**json.load(f), "architectures": ["CLIPModel"]}, seed=1)
    net.params = read_safetensors(os.path.join(folder, "model.safetensors"))
    return net


class Guided:
    """Forward pass and guided step in one memory format of the U-Net."""

    def __init__(self, memory_format):
        self.unet, self.clip = load(UNet2D, MODEL), load_clip()
        to_format(self.unet, memory_format)
        size, channels = self.unet.config["sample_size"], self.unet.config["in_channels"]
        self.x = torch.randn(BATCH, channels, size, size).contiguous(memory_format=memory_format)
        self.t = torch.full((BATCH,), 500.0)
        self.text = torch.randn(BATCH, self.clip.vision["projection_dim"])

    @torch.inference_mode()
    def forward(self):
        return self.unet.forward(self.x, self.t, None)

    def guided(self):
        x = self.x.detach().requires_grad_()
        x0 = (x - (1 - ALPHA_BAR) ** 0.5 * self.unet.forward(x, self.t, None)) / ALPHA_BAR**0.5
        low, high = x0.amin((1, 2, 3), True), x0.amax((1, 2, 3), True)
        image = self.clip.image(2 * (x0 - low) / (high - low) - 1, None)
        return torch.autograd.grad(-F.cosine_similarity(image, self.text).sum(), x)[0]


def ours(program, precision):
    r = common.network(program, MODEL, GUIDE, BATCH, THREADS, precision, "--seconds", SECONDS)
    return {what: {"median": r[what + "_ms_per_image"], "best": r[what + "_best_ms_per_image"],
                   "CPU": r[what + "_cpu_ms_per_image"]} for what in ("forward", "guided")}


def theirs(steps, what):
    """PyTorch's figures in the format in which it was faster this time."""
    return min((timed(getattr(step, what)) for step in steps.values()), key=lambda t: t["CPU"])


def rows_of(rounds):
    for what in "forward", "guided":
        for figure in "median", "best", "CPU":
            choose = min if figure == "best" else common.median
            row = {"measured": what, "figure": figure, "n": len(rounds)}
            row |= {who: choose([r[who][what][figure] for r in rounds]) for who in ("PyTorch", "fp32", "bf16")}
            yield row | {f"{p} ratio": row["PyTorch"] / row[p] for p in ("fp32", "bf16")}


def main():
    program = os.path.abspath(sys.argv[1])
    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    steps = {name: Guided(memory_format) for name, memory_format in FORMATS.items()}
    info = common.machine(program) | {"pytorch": torch.__version__, "blas": blas(), "threads": THREADS, "batch": BATCH}
    print(common.describe(info), flush=True)
    rounds = []
    for i in range(int(sys.argv[2]) if len(sys.argv) > 2 else 3):
        rounds.append({"PyTorch": {what: theirs(steps, what) for what in ("forward", "guided")},
                       **{p: ours(program, p) for p in ("fp32", "bf16")}})
        print(f"round {i + 1} done, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    rows = list(rows_of(rounds))
    print(common.table(rows))
    print("load afterwards", f"{os.getloadavg()[0]:.1f}; written:", common.write_csv("faces", rows, info))


if __name__ == "__main__":
    main()
