#!/usr/bin/python3
"""A sweep over guidance strength and duration, cell by cell, as a script in PyTorch does it: what
tests/bench/grid.py measures `ggdm run` against.

    grid_pytorch.py probe --threads N                                  which batch and layout are fastest
    grid_pytorch.py run OUT.PNGS --threads N --batch B --layout L ...   the sweep

The model, the guide and the judge of models/zoo in f32, DDPM with the larger variance, and Algorithm 1
of the GGDM paper: x_{t-1} -= kappa grad NLL(x0-hat(x_t)), the gradient through the U-Net.  Unguided
steps record nothing.  Prints one JSON object; times are pairs of seconds, by the clock and of CPU."""

import argparse
import json
import os
import time

import torch
from PIL import Image

from pytorch import FORMATS, load, to_format
from torch_networks import CNN, UNet2D

T, TARGET, SIZE = 1000, 0, 28
BATCHES = (8, 32, 64, 128)


def now():
    return time.perf_counter(), time.process_time()


def since(begun):
    return [b - a for a, b in zip(begun, now())]


class Sampler:
    def __init__(self, steps, layout):
        self.layout = FORMATS[layout]
        self.unet, self.guide = load(UNet2D, "models/zoo/mnist-ddpm"), load(CNN, "models/zoo/mnist-cnn")
        for net in self.unet, self.guide:
            to_format(net, self.layout)
        bars = torch.cumprod(1 - torch.linspace(1e-4, 0.02, T, dtype=torch.float64), 0)
        times = [i * (T // steps) for i in reversed(range(steps))]
        # Of each step: timestep, alpha-bar there, and where it leads.
        self.chain = list(zip(times, bars[times].tolist(), bars[times[1:]].tolist() + [1.0]))

    def step(self, x, i, kappa, z):
        """x_{t-1} of x_t in the i-th step, guided if kappa is not 0."""
        t, bar, bar_next = self.chain[i]
        alpha = bar / bar_next
        beta = 1 - alpha
        with torch.set_grad_enabled(kappa != 0):
            x = x.detach().requires_grad_(kappa != 0)
            eps = self.unet.forward(x, torch.full((len(x),), float(t)), None)
            if kappa:
                x0 = (x - (1 - bar) ** 0.5 * eps) / bar**0.5
                gradient, = torch.autograd.grad(-self.guide.forward(x0, None, None)[:, TARGET].sum(), x)
        with torch.no_grad():
            x = (x - beta / (1 - bar) ** 0.5 * eps) / alpha**0.5
            if i + 1 < len(self.chain):
                x += beta**0.5 * z(i + 1)
            return x - kappa * gradient if kappa else x

    def sample(self, n, kappa, duration, z):
        """n images, guided in the first so many steps; z(0) is x_T, z(i) the noise that leads there."""
        x = z(0)
        for i in range(len(self.chain)):
            x = self.step(x, i, kappa if i < duration else 0, z)
        return x

    def noise(self, n):
        return lambda i: torch.randn(n, 1, SIZE, SIZE).contiguous(memory_format=self.layout)


def pixels(x):
    return (127.5 * (x + 1) + 0.5).clamp(0, 255).to(torch.uint8).numpy()


def probe(args):
    """Milliseconds of an unguided and a guided step, an image, of every batch and layout."""
    rows = []
    for layout in FORMATS:
        sampler = Sampler(2, layout)
        for batch in BATCHES:
            z = sampler.noise(batch)
            x, best = z(0), {}
            for kappa in (0, 1) * 3:  # the first of each is a warm-up as well
                begun = now()
                sampler.step(x, 0, kappa, z)
                best[kappa] = min(best.get(kappa, 1e9), since(begun)[0])
            rows.append({"batch": batch, "layout": layout, "unguided ms": 1e3 * best[0] / batch,
                         "guided ms": 1e3 * best[1] / batch})
    print(json.dumps(rows))


def run(args):
    torch.manual_seed(0)
    sampler = Sampler(args.steps, args.layout)
    os.makedirs(args.out, exist_ok=True)
    started = now()
    cells = []
    for kappa in args.kappa:
        for duration in args.duration:
            images = []
            for first in range(0, args.images, args.batch):
                n = min(args.batch, args.images - first)
                images.append(sampler.sample(n, kappa, duration, sampler.noise(n)))
            cells.append(torch.cat(images))
    sampling = since(started)
    judge, right = load(CNN, "models/zoo/mnist-judge"), []
    with torch.no_grad():
        for c, images in enumerate(cells):
            right.append(int((judge.forward(images, None, None).argmax(1) == TARGET).sum()))
            for i, image in enumerate(pixels(images)):
                Image.fromarray(image[0]).save(f"{args.out}/c{c:04d}-{i:06d}.png")
    print(json.dumps({"sampling": sampling, "right": right}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for name, does in (("probe", probe), ("run", run)):
        command = commands.add_parser(name)
        command.set_defaults(does=does)
        command.add_argument("--threads", type=int, required=True)
    command.add_argument("out")
    command.add_argument("--layout", choices=FORMATS, required=True)
    for name in ("steps", "images", "batch"):
        command.add_argument("--" + name, type=int, required=True)
    command.add_argument("--kappa", type=float, nargs="+", required=True)
    command.add_argument("--duration", type=int, nargs="+", required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.does(args)


if __name__ == "__main__":
    main()
