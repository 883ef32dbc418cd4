"""What the benchmarks share: running ggdm, the state of the machine, tables and CSV files.
Python's standard library only."""

import csv
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.join(ROOT, "tests", "bench")
OUT = os.path.join(ROOT, "build", "bench")


def ggdm(program, *args, **env):
    """Standard output of a call; a failing one ends the benchmark with its message."""
    done = subprocess.run([program, *map(str, args)], cwd=ROOT, text=True, capture_output=True,
                          env={**os.environ, **env})
    if done.returncode:
        raise SystemExit(f"{' '.join([program, *map(str, args)])}: exit status "
                         f"{done.returncode}\n{done.stderr}")
    return done.stdout


def network(program, model, guide, batch, threads, precision, *more):
    """One call of `ggdm bench network`: its JSON object."""
    return json.loads(ggdm(program, "bench", "network", model, "--guide", guide, "--json",
                           "--batch", batch, "--threads", threads, "--precision", precision, *more))


def classifier(program, model, batch, threads, precision, *more):
    """The same of a classifier alone."""
    return json.loads(ggdm(program, "bench", "network", model, "--json", "--batch", batch,
                           "--threads", threads, "--precision", precision, *more))


def precisions(isa):
    """bf16 only where the CPU has its products."""
    return ("fp32", "bf16") if isa in ("avx512_bf16", "amx") else ("fp32",)


def median(values):
    return statistics.median(values)


def spread(values):
    """Half the interquartile range relative to the median: the noise of a repeated measurement."""
    if len(values) < 4:
        return (max(values) - min(values)) / 2 / median(values)
    q = statistics.quantiles(values, n=4)
    return (q[2] - q[0]) / 2 / median(values)


# ---- other programs ------------------------------------------------------------------------------

SECONDS = 1  # of one measurement


def timed(f, images):
    """Milliseconds per image of each call of f within SECONDS, at least two, after one that warms up."""
    f()
    times, begun = [], time.perf_counter()
    while len(times) < 2 or time.perf_counter() - begun < SECONDS:
        t = time.perf_counter()
        f()
        times.append(1e3 * (time.perf_counter() - t) / images)
    return times


def serve(peer):
    """Lets peers.py use an object from another process: says what it is, then answers each line of
    standard input, the name of a method and its arguments, by a line.  All is JSON."""
    print(json.dumps({"versions": peer.versions(), "ways": peer.ways}), flush=True)
    for line in sys.stdin:
        ask = json.loads(line)
        print(json.dumps(getattr(peer, ask.pop("do"))(**ask)), flush=True)


# ---- training ------------------------------------------------------------------------------------


def write_idx(path, dims, data):
    with open(path, "wb") as f:
        f.write(struct.pack(f">HBB{len(dims)}I", 0, 8, len(dims), *dims) + data)


def training_recipe(folder, config, precision, batch):
    """A recipe over 1024 random images of MNIST's size, written into folder; its path.  Speed does
    not depend on what is on the images."""
    rng = random.Random(0)
    data = os.path.join(folder, "data")
    os.makedirs(data, exist_ok=True)
    for split, n in ("train", 1024), ("t10k", 128):
        write_idx(os.path.join(data, f"{split}-images-idx3-ubyte"), (n, 28, 28), rng.randbytes(n * 784))
        write_idx(os.path.join(data, f"{split}-labels-idx1-ubyte"), (n,), bytes(i % 10 for i in range(n)))
    path = os.path.join(folder, f"{precision}.yaml")
    with open(path, "w") as f:
        f.write(f"""name: bench
objective: ddpm
config: {config}
seed: 1
precision: {precision}
data: {{dir: {data}, part: all}}
diffusion: {{timesteps: 1000, beta_start: 1e-4, beta_end: 0.02}}
images: 10000000
batch: {batch}
optimizer: {{lr: 1e-4, lr_floor: 1e-5, warmup_steps: 10, weight_decay: 0.0, clip: 1.0, ema: 0.999}}
evaluate_steps: 1000000
curve_steps: 1
checkpoint: {{steps: 1000000}}
""")
    return path


def train(program, recipe, out, threads, steps):
    """Images per second of `ggdm train` over the last 20 of so many steps."""
    subprocess.run(["rm", "-rf", out], check=True)
    done = subprocess.run([program, "train", recipe, "--out", out, "--threads", str(threads),
                           "--stop-after", str(steps)], cwd=ROOT, text=True, capture_output=True)
    if done.returncode != 75:  # interrupted, as asked
        raise SystemExit(f"ggdm train {recipe}: exit status {done.returncode}\n{done.stderr}")
    with open(os.path.join(out, "curve.csv")) as f:
        return float(list(csv.DictReader(f))[-1]["images_per_second"])


# ---- what the figures belong to ------------------------------------------------------------------


def machine(program):
    """Commit, CPU, cores and load, as pairs for the head of a table."""
    git = lambda *a: subprocess.run(["git", *a], cwd=ROOT, text=True, capture_output=True).stdout.strip()
    with open("/proc/cpuinfo") as f:
        cpu = next((l.split(":")[1].strip() for l in f if l.startswith("model name")), "unknown")
    versions = {l.split(None, 1)[0]: l.split(None, 1)[1].strip()
                for l in ggdm(program, "version").splitlines()[1:] if len(l.split(None, 1)) > 1}
    return {"commit": git("rev-parse", "--short", "HEAD") + ("+changes" if git("status", "--porcelain", "-uno") else ""),
            "cpu": cpu, "cores": len(os.sched_getaffinity(0)), "isa": versions.get("best", "").replace("ISA", "").strip(),
            "onednn": versions.get("oneDNN", "unknown"), "load": f"{os.getloadavg()[0]:.1f}"}


def describe(info):
    return ", ".join(f"{k} {v}" for k, v in info.items())


def write_csv(name, rows, info):
    """build/bench/NAME.csv: every row with what the machine was."""
    os.makedirs(OUT, exist_ok=True)
    path = os.path.join(OUT, name + ".csv")
    with open(path, "w", newline="") as f:
        out = csv.DictWriter(f, [*rows[0], *info])
        out.writeheader()
        out.writerows({**row, **info} for row in rows)
    return os.path.relpath(path, ROOT)


def cell(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def table(rows):
    """The rows as a Markdown table."""
    lines = ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
    lines += ["| " + " | ".join(map(cell, row.values())) + " |" for row in rows]
    return "\n".join(lines)
