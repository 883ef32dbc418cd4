#!/usr/bin/python3
"""What a user gains: the grid of Figure 4 of the GGDM paper (kappa x duration, in small) by `ggdm run`
and by a script in PyTorch that goes through it cell by cell (grid_pytorch.py), taking turns.

    /usr/bin/python3 tests/bench/grid.py GGDM [ROUNDS]      (make bench-grid)

Both make the same images of the same cells in as many steps with the same networks in f32, judge them
and write them. script has the batch and the memory format that were fastest here.

Every row of the first table is a run of its own.  Those of ggdm are made once more with a quarter of the
steps: what does not grow with the steps is start-up, scores, archives and figures, "start-up" for short;
the script says itself when it samples.  The factors are ratios of two rows, without start-up, and each
begins where the one before ends, so that their product is the whole.  Writes build/bench/grid*.csv."""

import csv
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

import numpy as np
import torch

import common
import grid_pytorch

THREADS = 2
STEPS, QUARTER, SAMPLES, SEED = 20, 5, 16, 0
KAPPAS, SHARES = (0, 0.3, 3), (0, 0.2, 0.4, 0.6, 0.8, 1)
IMAGES = SAMPLES * len(KAPPAS) * len(SHARES)
# A cell (kappa 0.3, duration 16) and how many of its images; what their pixels may differ on average.
# Rounding makes it about 0.002, a kappa that is wrong by 1 % about 1.  (Guidance that is ten times
# stronger makes differences that one can see of the last bits of f32.)
CHECKED, TOLERANCE = (10, 4), 0.05

# name: who, workers or threads, options, what the row says
RUNS = {
    "script, 1 thread": ("script", 1, ()),
    "script, 2 threads": ("script", 2, ()),
    "each cell apart, 1 worker": ("apart", 1, ()),
    "--no-share, 1 worker": ("grid", 1, ("--no-share",)),
    "1 worker": ("grid", 1, ()),
    "2 workers": ("grid", 2, ()),
    "2 workers, bf16": ("grid", 2, ("--set", "precision=bf16")),
}
FACTORS = {  # ratios of the times of rows: of two, or of two such ratios
    "speed of a step: one thread each, every cell computed": (("script, 1 thread", "each cell apart, 1 worker"),),
    "cells that are the same are computed once": (("each cell apart, 1 worker", "--no-share, 1 worker"),),
    "steps that cells have in common are computed once": (("--no-share, 1 worker", "1 worker"),),
    "the second core: ours by theirs": (("1 worker", "2 workers"), ("script, 1 thread", "script, 2 threads")),
}
WHOLE = "script, 2 threads", "2 workers"


def sweep(folder, steps, apart):
    """The grid, or the same cells with a seed each, so that no two have anything in common."""
    durations = [round(share * steps) for share in SHARES]
    cells = [(k, d) for k in KAPPAS for d in durations]
    kappas, of_cells = zip(*cells)
    axes = (f"zip: {{kappa: {[*kappas]}, duration: {[*of_cells]}, seed: {[*range(len(cells))]}}}"
            if apart else f"kappa: {[*KAPPAS]}\n  duration: {durations}")
    path = os.path.join(folder, "sweep.yaml")
    with open(path, "w") as f:
        f.write(f"""name: grid
model: mnist-ddpm
sampler: {{kind: ddpm, steps: {steps}, variance: fixed_large}}
guidance:
  kind: gradient
  gradient: xt-full
  loss: {{kind: classifier, model: mnist-cnn, form: nll, target: {grid_pytorch.TARGET}}}
sweep:
  {axes}
samples: {SAMPLES}
{"" if apart else f"seed: {SEED}"}
judge: mnist-judge
precision: fp32
""")
    return path


# ---- runs ----------------------------------------------------------------------------------------


def clocked(command, without=()):
    """Standard output of a command, and its seconds: by the clock and of CPU, its children's too."""
    env = {k: v for k, v in os.environ.items() if k not in without}
    used = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    cpu, begun = used(), time.perf_counter()
    done = subprocess.run([*map(str, command)], cwd=common.ROOT, text=True, capture_output=True, env=env)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout, (time.perf_counter() - begun, used() - cpu)


def script(folder, threads, batch, layout):
    out, whole = clocked([sys.executable, grid_pytorch.__file__, "run", os.path.join(folder, "pngs"),
                          "--threads", threads, "--batch", batch, "--layout", layout, "--steps", STEPS,
                          "--images", SAMPLES, "--kappa", *KAPPAS,
                          "--duration", *(round(share * STEPS) for share in SHARES)])
    said = json.loads(out)
    return whole, said["sampling"], said["right"]


def ours(program, folder, kind, workers, options):
    times = {}
    for steps in QUARTER, STEPS:
        out = os.path.join(folder, "run")
        shutil.rmtree(out, ignore_errors=True)
        _, times[steps] = clocked([program, "run", sweep(folder, steps, kind == "apart"), "--run", out,
                                   "--workers", workers, "--threads", 1, *options], ["LD_LIBRARY_PATH"])
    with open(os.path.join(out, "summary.csv")) as f:
        rows = list(csv.DictReader(f))
    if sum(int(row["n"]) for row in rows) != IMAGES:
        raise SystemExit(f"{out}: not all {IMAGES} images are there")
    sampling = [(b - a) * STEPS / (STEPS - QUARTER) for a, b in zip(times[QUARTER], times[STEPS])]
    return times[STEPS], sampling, rows


# ---- is it the same work? ------------------------------------------------------------------------


def philox_normals(seed, a, b, n):
    """common/philox.h: normals of (seed, stream of the sampler, image a, step b)."""
    low = np.uint64(0xFFFFFFFF)
    c = [np.arange(n // 4, dtype=np.uint64), *(np.full(n // 4, v, np.uint64) for v in (b, a, 0))]
    key = [np.uint64(seed), np.uint64(0)]
    for _ in range(10):
        p, q = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [q >> np.uint64(32) ^ c[1] ^ key[0], q & low, p >> np.uint64(32) ^ c[3] ^ key[1], p & low]
        key = [k + np.uint64(w) & low for k, w in zip(key, (0x9E3779B9, 0xBB67AE85))]
    z = np.empty((n // 4, 4))
    for i in 0, 2:
        radius = np.sqrt(-2 * np.log((c[i] + 1.0) * 2.0**-32))
        z[:, i], z[:, i + 1] = (radius * f(2 * np.pi * (c[i + 1] * 2.0**-32)) for f in (np.cos, np.sin))
    return z.reshape(-1).astype(np.float32)


def compare_pixels(run):
    """Says how the script's images of one cell of a finished run differ, from the same noise."""
    cell, n = CHECKED
    kappa, share = KAPPAS[cell // len(SHARES)], SHARES[cell % len(SHARES)]
    size = grid_pytorch.SIZE
    normals = lambda i: np.stack([philox_normals(SEED, image, i, size * size) for image in range(n)])
    noise = lambda i: torch.from_numpy(normals(i)).reshape(n, 1, size, size)
    x = grid_pytorch.Sampler(STEPS, "contiguous").sample(n, kappa, round(share * STEPS), noise)
    with zipfile.ZipFile(os.path.join(run, "archive", f"c{cell:04d}", "samples.npz")) as z:
        archived = np.load(io.BytesIO(z.read("arr_0.npy")))[:n, :, :, 0]
    difference = np.abs(grid_pytorch.pixels(x)[:, 0].astype(int) - archived)
    if difference.mean() > TOLERANCE:
        raise SystemExit(f"c{cell:04d}: from the same noise pixels differ by {difference.mean():.2g} of 255 on "
                         f"average, at most {TOLERANCE} was expected: not the same work")
    return (f"kappa {kappa}, duration {share * STEPS:.0f}: {n} images from the same noise differ by "
            f"{difference.mean():.1g} of 255 on average, by {difference.max()} at most")


def compare_accuracies(right, rows):
    """How many cells of the script lie within our intervals."""
    inside = sum(float(row["judge_accuracy_lo"]) <= r / SAMPLES <= float(row["judge_accuracy_hi"])
                 for r, row in zip(right, rows))
    total = sum(float(row["judge_accuracy"]) for row in rows) / len(rows)
    return (f"targets seen by the judge in all cells: script {sum(right) / IMAGES:.1%}, ggdm {total:.1%}; "
            f"the script is within our 95 % interval in {inside} of {len(rows)} cells")


# ---- tables --------------------------------------------------------------------------------------


class Times:
    """Of each run and round: clock and CPU seconds with start-up, and without."""

    def __init__(self):
        self.rounds = {}

    def add(self, name, whole, sampling):
        self.rounds.setdefault(name, []).append((*whole, *sampling))
        print(f"{name}: {whole[0]:.1f} s, {whole[1]:.1f} s of CPU", file=sys.stderr, flush=True)

    def rows(self):
        for name, of in self.rounds.items():
            clock, cpu, clock_sampling, cpu_sampling = map(common.median, zip(*of))
            yield {"run": name, "n": len(of), "s": clock, "CPU s": cpu, "images/s": IMAGES / clock,
                   "images/CPU s": IMAGES / cpu, "start-up s": clock - clock_sampling,
                   "images/s without start-up": IMAGES / clock_sampling,
                   "images/CPU s without": IMAGES / cpu_sampling}

    def ratio(self, pairs, column):
        """The median over the rounds."""
        of = lambda pair, i: self.rounds[pair[0]][i][column] / self.rounds[pair[1]][i][column]
        return common.median(of(pairs[0], i) / (of(pairs[1], i) if len(pairs) > 1 else 1)
                             for i in range(len(self.rounds[WHOLE[0]])))

    def factors(self):
        product = {"clock": 1, "CPU": 1}
        columns = {"clock": 2, "CPU": 3}
        row = lambda what, values: {"factor": what, "by the clock": values["clock"], "by CPU time": values["CPU"]}
        for what, pairs in FACTORS.items():
            of = {k: self.ratio(pairs, c) for k, c in columns.items()}
            product = {k: product[k] * of[k] for k in product}
            yield row(what, of)
        yield row("their product", product)
        yield row("the whole, without start-up", {k: self.ratio((WHOLE,), c) for k, c in columns.items()})
        yield row("the whole, with start-up", {k: self.ratio((WHOLE,), c - 2) for k, c in columns.items()})
        if "2 workers, bf16" in self.rounds:
            yield row("apart: bf16 in place of f32",
                      {k: self.ratio((("2 workers", "2 workers, bf16"),), c) for k, c in columns.items()})


def fastest(folder):
    """Batch and layout of the script: those of the least time for an unguided and a guided step."""
    rows = json.loads(clocked([sys.executable, grid_pytorch.__file__, "probe", "--threads", THREADS])[0])
    print(common.table(rows), flush=True)
    best = min(rows, key=lambda row: row["unguided ms"] + row["guided ms"])
    return min(best["batch"], SAMPLES), best["layout"]


def main():
    program = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    info = common.machine(program) | {"pytorch": torch.__version__, "threads": THREADS}
    torch.set_num_threads(THREADS)
    print(common.describe(info), flush=True)
    print(f"kappa in {KAPPAS} x duration in {SHARES} of {STEPS} steps, {SAMPLES} images of each: {IMAGES} images",
          flush=True)
    names = [n for n in RUNS if "bf16" not in n or info["isa"] in ("avx512_bf16", "amx")]
    times = Times()
    with tempfile.TemporaryDirectory() as folder:
        batch, layout = fastest(folder)
        print(f"the script has batches of {batch}, {layout}")
        for i in range(rounds):
            for name in names:
                kind, workers, options = RUNS[name]
                if kind == "script":
                    whole, sampling, right = script(folder, workers, batch, layout)
                else:
                    whole, sampling, rows = ours(program, folder, kind, workers, options)
                times.add(name, whole, sampling)
                if i == 0 and name == WHOLE[1]:
                    print(compare_pixels(os.path.join(folder, "run")))
                    print(compare_accuracies(right, rows), flush=True)
    table, factors = list(times.rows()), list(times.factors())
    print(common.table(table), common.table(factors), sep="\n\n")
    gain = {row["factor"]: row["by the clock"] for row in factors}
    print("in the time of an image of the script a user has {:.1f} of ggdm's, {:.1f} with start-up".format(
        gain["the whole, without start-up"], gain["the whole, with start-up"]))
    print("written:", common.write_csv("grid", table, info), common.write_csv("grid-factors", factors, info))


if __name__ == "__main__":
    main()
