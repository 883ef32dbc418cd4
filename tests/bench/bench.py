#!/usr/bin/python3
"""Everything that `make bench` measures: ops, networks, a sweep with 1 and 2 workers, training, memory.

    python3 tests/bench/bench.py GGDM [PART...]      parts: ops networks sweep training memory

Prints Markdown tables (docs/BENCHMARKS.md holds the current ones), writes build/bench/PART.csv.
Measurements of the same thing are repeated in rounds, all others between them, so that a change of
the machine's load reaches all of them."""

import csv
import json
import os
import subprocess
import sys
import tempfile
import time

import common

MODEL, GUIDE = "models/zoo/mnist-ddpm", "models/zoo/mnist-cnn"
THREADS = len(os.sched_getaffinity(0))
ROUNDS = 3
BATCHES = (1, 8, 32, 128)


def precisions(program):
    return common.precisions(common.machine(program)["isa"])


def ops(program):
    for precision in precisions(program):
        r = json.loads(common.ggdm(program, "bench", "ops", "--precision", precision, "--threads", THREADS))
        print(f"{precision}, batch {r['batch']}, threads {r['threads']}, {r['isa']}: large matrix product "
              f"{r['peak_gflops']:.0f} GFLOP/s, sums in memory {r['memory_gbytes_per_second']:.1f} GB/s")
        for op in r["ops"]:
            yield {"op": op["op"].replace(" (model)", ""), "precision": precision, "n": op["n"],
                   "median us": op["median_us"], "best us": op["best_us"],
                   "with gradient us": op["with_gradient_us"], "GFLOP/s": op["gflops"],
                   "share of peak": op["flops_share"], "GB/s": op["gbytes_per_second"],
                   "share of memory": op["bandwidth_share"]}


def networks(program):
    cases = [(p, b) for p in precisions(program) for b in BATCHES]
    runs = {case: [] for case in cases}
    for _ in range(ROUNDS):
        for precision, batch in cases:
            runs[precision, batch].append(
                common.network(program, MODEL, GUIDE, batch, THREADS, precision, "--seconds", 1))
    for (precision, batch), of in runs.items():
        row = {"precision": precision, "batch": batch, "n": sum(r["forward_runs"] for r in of)}
        for what in "forward", "guided":
            row |= {f"{what} ms/image": common.median([r[what + "_ms_per_image"] for r in of]),
                    f"{what} best": min(r[what + "_best_ms_per_image"] for r in of)}
        row["peak GFLOP/s"] = max(r["peak_gflops"] for r in of)
        row["share of peak"] = of[0]["forward_gflop_per_image"] / row["forward best"] * 1e3 / row["peak GFLOP/s"]
        yield row


def figure4(folder, precision, steps, samples, kappa="[0, 0.01, 0.03, 0.1, 1]", every=10):
    path = os.path.join(folder, f"sweep-{precision}.yaml")
    with open(path, "w") as f:
        f.write(f"""name: bench
model: {os.path.join(common.ROOT, MODEL)}
sampler: {{kind: ddpm, steps: {steps}, variance: fixed_large}}
guidance:
  kind: gradient
  gradient: xt-full
  loss: {{kind: classifier, model: {os.path.join(common.ROOT, GUIDE)}, form: nll, target: 0}}
sweep:
  kappa: {kappa}
  duration: {{from: 0, to: {steps}, step: {steps // every}}}
samples: {samples}
seed: 0
judge: {os.path.join(common.ROOT, "models/zoo/mnist-judge")}
precision: {precision}
""")
    return path


def run_sweep(program, sweep, out, workers, *more):
    """Wall seconds of `ggdm run`, start-up and archives included, and the images it made."""
    subprocess.run(["rm", "-rf", out], check=True)
    begun = time.perf_counter()
    common.ggdm(program, "run", sweep, "--run", out, "--workers", workers, "--threads", 1, *more)
    seconds = time.perf_counter() - begun
    with open(os.path.join(out, "summary.csv")) as f:
        return seconds, sum(int(row["n"]) for row in csv.DictReader(f))


def sweep(program):
    """Figure 4 of the paper in small.  Start-up and archives cost the same for few steps as for many:
    the rate is that of the difference between a longer and a shorter run."""
    steps, samples = (10, 40), 8
    for precision in precisions(program)[-1:]:
        with tempfile.TemporaryDirectory() as folder:
            seconds = {}
            for _ in range(ROUNDS):
                for workers in (1, 2):
                    for n in steps:
                        s, images = run_sweep(program, figure4(folder, precision, n, samples),
                                              os.path.join(folder, "run"), workers)
                        seconds.setdefault((workers, n), []).append(s)
        rates = {}
        for workers in (1, 2):
            short, long = (seconds[workers, n] for n in steps)
            rates[workers] = [images / (b - a) for a, b in zip(short, long)]
        for workers in (1, 2):
            yield {"precision": precision, "workers": workers, "images": images,
                   "steps": f"{steps[1]} less {steps[0]}", "n": ROUNDS,
                   "images/s": common.median(rates[workers]), "best": max(rates[workers]),
                   "against one worker": common.median([a / b for a, b in zip(rates[workers], rates[1])])}


def training(program):
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(common.ROOT, MODEL, "config.json")
        rates = {}
        for _ in range(ROUNDS):
            for precision in precisions(program):
                recipe = common.training_recipe(folder, config, precision, 64)
                rates.setdefault(precision, []).append(
                    common.train(program, recipe, os.path.join(folder, "out"), THREADS, 24))
    for precision, of in rates.items():
        yield {"precision": precision, "batch": 64, "n": ROUNDS, "samples/s": common.median(of), "best": max(of)}


def worker_memory(run):
    """Peak resident kilobytes of rank 1 of the world that works on run; None while there is none."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as f:
                arguments = f.read().split("\0")
            with open(f"/proc/{pid}/environ") as f:
                rank = "OMPI_COMM_WORLD_RANK=1" in f.read().split("\0")
            if not rank or run not in arguments:
                continue
            with open(f"/proc/{pid}/status") as f:
                return int(next(l for l in f if l.startswith("VmHWM")).split()[1])
        except (OSError, StopIteration):
            continue
    return None


def memory(program):
    with tempfile.TemporaryDirectory() as folder:
        for precision in precisions(program):
            out = os.path.join(folder, precision)
            command = [program, "run", figure4(folder, precision, 20, 64, "[0.01]", 1), "--run", out, "--workers", "1",
                       "--threads", "1", "--batch", "64"]
            with subprocess.Popen(command, cwd=common.ROOT, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) as process:
                peak = 0
                while process.poll() is None:
                    peak = max(peak, worker_memory(out) or 0)
                    time.sleep(0.05)
            if process.returncode or not peak:
                raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}, peak {peak}")
            yield {"precision": precision, "batch": 64, "worker's peak resident MB": peak * 1024 / 1e6}


PARTS = {"ops": ops, "networks": networks, "sweep": sweep, "training": training, "memory": memory}


def main():
    program = os.path.abspath(sys.argv[1])
    wanted = sys.argv[2:] or list(PARTS)
    info = common.machine(program) | {"threads": THREADS}
    print(common.describe(info))
    for part in wanted:
        if part not in PARTS:
            raise SystemExit(f"bench.py: {part}, expected one of: {' '.join(PARTS)}")
        print(f"\n### {part}\n", flush=True)
        rows = list(PARTS[part](program))
        print(common.table(rows))
        print("\nwritten:", common.write_csv(part, rows, info), flush=True)


if __name__ == "__main__":
    main()
