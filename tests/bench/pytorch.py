#!/usr/bin/python3
"""The same networks with the same weights under Debian's PyTorch and under ggdm, alternating.

    /usr/bin/python3 tests/bench/pytorch.py GGDM [ROUNDS]      (make bench-pytorch)

Both get the same two threads.  PyTorch runs f32 in evaluation mode, without gradients where none are
wanted, with and without channels_last; the faster of the two counts and is named.  Before anything is
measured the f32 outputs of both are compared.  Prints tables, writes build/bench/pytorch*.csv.

Measured: mnist-ddpm forward and the guided step xt-full with mnist-cnn's NLL (models/zoo), batch 32;
a training step of mnist-ddpm (forward, backward, clipping, AdamW, EMA), batch 64; and the geometry of
google/ddpm-cifar10-32 with random weights, batch 4."""

import json
import os
import struct
import sys
import tempfile
import time

import numpy as np
import torch

import common

sys.path.insert(0, os.path.join(common.ROOT, "tests", "golden"))
from make_goldens import write_safetensors  # noqa: E402
from torch_networks import CNN, UNet2D  # noqa: E402

THREADS = 2
SECONDS = 1  # of one measurement in one round
TRAIN_BATCH, TRAIN_STEPS = 64, 24
ALPHA_BAR = 0.08  # of a timestep in the middle; its value changes no time
CASES = {  # name: model, guide, batch
    "mnist-ddpm": ("models/zoo/mnist-ddpm", "models/zoo/mnist-cnn", 32),
    "ddpm-cifar10-32": ("tests/bench/ddpm-cifar10-32.json", "tests/bench/cifar-cnn.json", 4),
}
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def read_safetensors(path):
    with open(path, "rb") as f:
        size = struct.unpack("<Q", f.read(8))[0]
        header, data = json.loads(f.read(size)), f.read()
    header.pop("__metadata__", None)
    kinds = {"F32": "<f4", "F16": "<f2"}
    read = lambda v: np.frombuffer(data[slice(*v["data_offsets"])], kinds[v["dtype"]]).reshape(v["shape"]).astype("<f4")
    return {k: torch.from_numpy(read(v)) for k, v in header.items()}


def load(kind, path):
    """The network of a directory with its weights, or of a config.json with random ones, in f32."""
    path = os.path.join(common.ROOT, path)
    folder = os.path.isdir(path)
    with open(os.path.join(path, "config.json") if folder else path) as f:
        net = kind(json.load(f), seed=1)
    if folder:
        name = "diffusion_pytorch_model" if kind is UNet2D else "model"
        net.params = read_safetensors(os.path.join(path, name + ".safetensors"))
    else:  # the first run makes the parameters
        size, channels = net.config["sample_size"], net.config["in_channels"]
        net.forward(torch.zeros(1, channels, size, size, dtype=torch.float64),
                    torch.zeros(1, dtype=torch.float64), None)
        net.params = {k: v.detach().float() for k, v in net.params.items()}
    return net


def to_format(net, memory_format):
    net.params = {k: v.detach().contiguous(memory_format=memory_format) if v.dim() == 4 else v
                  for k, v in net.params.items()}


class Guided:
    """Forward and guided step of one case in one memory format."""

    def __init__(self, model, guide, batch, memory_format):
        self.unet, self.cnn = load(UNet2D, model), load(CNN, guide)
        to_format(self.unet, memory_format)
        to_format(self.cnn, memory_format)
        size, channels = self.unet.config["sample_size"], self.unet.config["in_channels"]
        self.x = torch.randn(batch, channels, size, size).contiguous(memory_format=memory_format)
        self.t = torch.full((batch,), 500.0)
        self.target = torch.zeros(batch, 1, dtype=torch.long)

    @torch.inference_mode()
    def forward(self):
        return self.unet.forward(self.x, self.t, None)

    def guided(self):
        x = self.x.detach().requires_grad_()
        eps = self.unet.forward(x, self.t, None)
        x0 = (x - (1 - ALPHA_BAR) ** 0.5 * eps) / ALPHA_BAR**0.5
        nll = -self.cnn.forward(x0, None, None).gather(1, self.target).sum()
        return torch.autograd.grad(nll, x)[0]


class Training:
    """A training step as models/train does it: MSE on the noise, clipping, AdamW, EMA."""

    def __init__(self, model, memory_format):
        self.unet = load(UNet2D, model)
        to_format(self.unet, memory_format)
        self.unet.params = {k: torch.nn.Parameter(v) for k, v in self.unet.params.items()}
        self.params = list(self.unet.params.values())
        self.ema = [p.detach().clone() for p in self.params]
        self.optimizer = torch.optim.AdamW(self.params, lr=1e-4, weight_decay=0.0, foreach=True)
        self.x, self.noise = (torch.randn(TRAIN_BATCH, 1, 28, 28).contiguous(memory_format=memory_format)
                              for _ in range(2))
        self.t = torch.arange(TRAIN_BATCH).float() * 15

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.mse_loss(self.unet.forward(self.x, self.t, None), self.noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.params, 1.0)
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_mul_(self.ema, 0.999)
            torch._foreach_add_(self.ema, [p.detach() for p in self.params], alpha=0.001)


def timed(f, images):
    """Milliseconds per image of each call of f within SECONDS, at least three."""
    f()
    times, begun = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begun < SECONDS:
        t = time.perf_counter()
        f()
        times.append(1e3 * (time.perf_counter() - t) / images)
    return times


def compare_outputs(program, folder):
    """Largest difference of the f32 outputs of mnist-ddpm, relative to the largest value."""
    model = CASES["mnist-ddpm"][0]
    net = load(UNet2D, model)
    torch.manual_seed(0)
    x, t = torch.randn(2, 1, 28, 28), torch.tensor([500, 20])
    with torch.inference_mode():
        want = net.forward(x, t.float(), None)
    source, target = (os.path.join(folder, n) for n in ("in.safetensors", "out.safetensors"))
    write_safetensors(source, {"x": x.numpy(), "t": t.numpy()}, {})
    common.ggdm(program, "model", "apply", model, "--in", source, "--out", target, "--precision", "fp32")
    error = (read_safetensors(target)["y"] - want).abs().max() / want.abs().max()
    if not error < 1e-4:
        raise SystemExit(f"mnist-ddpm: outputs differ by {error:.1e} of the largest value: not the same network")
    return error.item()


class Results:
    """Samples of (what, of whom): milliseconds per image, over the rounds."""

    def __init__(self):
        self.samples = {}

    def add(self, what, who, median, best):
        self.samples.setdefault(what, {}).setdefault(who, []).append((median, best))

    def summary(self, what, who):
        rounds = self.samples[what][who]
        return common.median([m for m, _ in rounds]), min(b for _, b in rounds)

    def rows(self):
        for what, of in self.samples.items():
            layout = min((w for w in of if w in FORMATS), key=lambda w: self.summary(what, w)[1])
            # In every round, and for the best, PyTorch has the layout in which it was faster then.
            theirs = [min(both)[0] for both in zip(*(of[w] for w in FORMATS))]
            best = self.summary(what, layout)[1]
            row = {"measured": what, "n": len(theirs), "PyTorch fp32 ms": common.median(theirs), "best": best,
                   "best layout": layout}
            for who in ("fp32", "bf16"):
                ours, ours_best = self.summary(what, who)
                ratios = [a / b[0] for a, b in zip(theirs, of[who])]
                row |= {f"ggdm {who} ms": ours, f"{who} best": ours_best,
                        f"{who} ratio": common.median(ratios), f"{who} ratio of bests": best / ours_best}
            yield row


def measure_torch(results, what, who, f, images):
    times = timed(f, images)
    print(f"{what}, {who}: {min(times):.3f} ms", file=sys.stderr, flush=True)
    results.add(what, who, common.median(times), min(times))


def one_round(program, folder, steps, trainings, recipes, results, peaks):
    for name, (model, guide, batch) in CASES.items():
        for layout in FORMATS:
            step = steps[name, layout]
            measure_torch(results, f"{name} forward", layout, step.forward, batch)
            measure_torch(results, f"{name} guided step", layout, step.guided, batch)
        for precision in ("fp32", "bf16"):
            r = common.network(program, model, guide, batch, THREADS, precision, "--seconds", SECONDS)
            peaks.setdefault(precision, []).append((r["peak_gflops"], r["isa"]))
            for what in ("forward", "guided"):
                results.add(f"{name} {what}{' step' * (what == 'guided')}", precision,
                            r[what + "_ms_per_image"], r[what + "_best_ms_per_image"])
    for layout, training in trainings.items():
        measure_torch(results, "mnist-ddpm training step", layout, training.step, TRAIN_BATCH)
    for precision, recipe in recipes.items():
        ms = 1e3 / common.train(program, recipe, os.path.join(folder, "out"), THREADS, TRAIN_STEPS)
        results.add("mnist-ddpm training step", precision, ms, ms)


def main():
    program = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    torch.set_num_threads(THREADS)
    info = common.machine(program) | {"pytorch": torch.__version__, "threads": THREADS}
    print(common.describe(info), flush=True)
    results, peaks = Results(), {}
    with tempfile.TemporaryDirectory() as folder:
        print(f"f32 outputs of mnist-ddpm differ by {compare_outputs(program, folder):.1e} "
              "of the largest value", flush=True)
        steps = {(name, layout): Guided(*case, FORMATS[layout])
                 for name, case in CASES.items() for layout in FORMATS}
        model = CASES["mnist-ddpm"][0]
        trainings = {layout: Training(model, FORMATS[layout]) for layout in FORMATS}
        config = os.path.join(common.ROOT, model, "config.json")
        recipes = {p: common.training_recipe(folder, config, p, TRAIN_BATCH) for p in ("fp32", "bf16")}
        for i in range(rounds):
            one_round(program, folder, steps, trainings, recipes, results, peaks)
            print(f"round {i + 1} of {rounds} done", file=sys.stderr, flush=True)
    rows = list(results.rows())
    print(common.table(rows))
    for precision, values in peaks.items():
        print(f"large matrix product, {precision}: best {max(values)[0]:.0f} GFLOP/s ({values[0][1]})")
    print("written:", common.write_csv("pytorch", rows, info))


if __name__ == "__main__":
    main()
