#!/usr/bin/python3
"""CLIP ViT-B/32's image encoder under Debian's PyTorch and under ggdm, alternating: forward, and
forward with the gradient of an embedding to the images, as guidance takes it.

    /usr/bin/python3 tests/bench/clip.py GGDM [ROUNDS]

Both have the same random weights, a batch of 8 and the same two threads.  PyTorch runs f32 through its
fused functions, in inference mode where no gradient is wanted, and else with gradients to the images
alone.  Before anything is measured embeddings and gradients of both are compared.

Prints milliseconds of an image by the clock and of CPU time, which other work on the machine disturbs
less, and the share of the rate of a large matrix product that `ggdm bench` measures in the same call
(of all operations of the products, over the time of everything); writes build/bench/clip.csv."""

import json
import os
import sys
import tempfile
import time

import torch

import common
from pytorch import Vision, blas, read_safetensors, write_safetensors

CONFIG = os.path.join(common.HERE, "clip-vit-b32.json")
THREADS, BATCH, SECONDS = 2, 8, 2


class Torch:
    def __init__(self):
        with open(CONFIG) as f:
            self.net = Vision(json.load(f), seed=1)
        size = self.net.vision["image_size"]
        self.x = torch.randn(BATCH, 3, size, size)
        self.gy = torch.randn(BATCH, self.net.vision["projection_dim"])
        with torch.no_grad():
            self.net.forward(self.x[:1].double(), None, None)  # makes the weights
        self.net.params = {k: v.detach().float() for k, v in self.net.params.items()}

    @torch.inference_mode()
    def forward(self):
        return self.net.forward(self.x, None, None)

    def gradient(self):
        x = self.x.detach().requires_grad_()
        return torch.autograd.grad(self.net.forward(x, None, None), x, self.gy)[0]


def timed(f):
    """Of each call within SECONDS, at least three: milliseconds of an image by the clock, and of CPU time."""
    f()
    wall, cpu, begun = [], [], time.perf_counter()
    while len(wall) < 3 or time.perf_counter() - begun < SECONDS:
        w, c = time.perf_counter(), time.process_time()
        f()
        wall.append(1e3 * (time.perf_counter() - w) / BATCH)
        cpu.append(1e3 * (time.process_time() - c) / BATCH)
    return {"median": common.median(wall), "best": min(wall), "CPU": common.median(cpu)}


def write_model(net, folder):
    with open(CONFIG) as source, open(os.path.join(folder, "config.json"), "w") as f:
        f.write(source.read())
    weights = {k: v.numpy() for k, v in net.params.items()}
    write_safetensors(os.path.join(folder, "model.safetensors"), weights, {})


def compare_outputs(program, folder, theirs):
    """Largest differences of embedding and gradient, relative to the largest value of each."""
    source, target = (os.path.join(folder, n) for n in ("in.safetensors", "out.safetensors"))
    write_safetensors(source, {"x": theirs.x.numpy(), "gy": theirs.gy.numpy()}, {})
    common.ggdm(program, "model", "apply", folder, "--vjp", "--in", source, "--out", target, "--precision", "fp32")
    ours, errors = read_safetensors(target), []
    for name, want in ("y", theirs.forward()), ("gx", theirs.gradient()):
        errors.append(((ours[name] - want).abs().max() / want.abs().max()).item())
        if not errors[-1] < 1e-3:
            raise SystemExit(f"{name}: differs by {errors[-1]:.1e} of the largest value: not the same network")
    return errors


def ours(program, folder, precision):
    r = common.classifier(program, folder, BATCH, THREADS, precision, "--seconds", SECONDS)
    return r, {what: {"median": r[what + "_ms_per_image"], "best": r[what + "_best_ms_per_image"],
                      "CPU": r[what + "_cpu_ms_per_image"]} for what in ("forward", "gradient")}


def rows_of(rounds):
    for what in "forward", "gradient":
        theirs = [r["torch"][what] for r in rounds]
        row = {"measured": what, "n": len(rounds), "PyTorch ms": common.median([t["median"] for t in theirs]),
               "PyTorch best": min(t["best"] for t in theirs), "PyTorch CPU ms": common.median([t["CPU"] for t in theirs])}
        for p in "fp32", "bf16":
            mine = [r[p][what] for r in rounds]
            ratio = lambda key: common.median([a[key] / b[key] for a, b in zip(theirs, mine)])
            row |= {f"{p} ms": common.median([m["median"] for m in mine]), f"{p} best": min(m["best"] for m in mine),
                    f"{p} CPU ms": common.median([m["CPU"] for m in mine]), f"{p} ratio": ratio("median"),
                    f"{p} ratio of bests": row["PyTorch best"] / min(m["best"] for m in mine),
                    f"{p} CPU ratio": ratio("CPU"),
                    f"{p} share of peak": common.median([r[p + " shares"][what] for r in rounds])}
        yield row


def main():
    program = os.path.abspath(sys.argv[1])
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    theirs = Torch()
    info = common.machine(program) | {"pytorch": torch.__version__, "blas": blas(), "threads": THREADS, "batch": BATCH}
    print(common.describe(info), flush=True)
    rounds, peaks = [], {"fp32": [], "bf16": []}
    with tempfile.TemporaryDirectory() as folder:
        write_model(theirs.net, folder)
        errors = compare_outputs(program, folder, theirs)
        print("f32: embeddings differ by {:.1e} of the largest value, gradients by {:.1e}".format(*errors), flush=True)
        for i in range(n):
            rounds.append({"torch": {"forward": timed(theirs.forward), "gradient": timed(theirs.gradient)}})
            for p in peaks:
                r, rounds[-1][p] = ours(program, folder, p)
                rounds[-1][p + " shares"] = {"forward": r["peak_share"], "gradient": r["gradient_peak_share"]}
                peaks[p].append(r["peak_gflops"])
            print(f"round {i + 1} of {n} done, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
    rows = list(rows_of(rounds))
    for p in "fp32", "bf16":
        print(common.table([{k: v for k, v in row.items() if not k.startswith("bf16" if p == "fp32" else "fp32")} for row in rows]))
        print(f"large matrix product, {p}: {max(peaks[p]):.0f} GFLOP/s at best, {min(peaks[p]):.0f} at worst")
    print("load afterwards", f"{os.getloadavg()[0]:.1f}; written:", common.write_csv("clip", rows, info))


if __name__ == "__main__":
    main()
