#!/usr/bin/python3
"""This revision against another one, alternating, on the same machine in the same minutes.

    python3 tests/bench/compare.py GGDM REV [ROUNDS]      (make bench-compare REV=...)

The other revision is built in a git worktree below build/.  A figure is a regression when the median
of the ratios of the rounds is above 1 by more than 2 % and by more than twice their spread.  The exit
status is 1 when there is one."""

import os
import subprocess
import sys
import tempfile

import common

MODEL, GUIDE = "models/zoo/mnist-ddpm", "models/zoo/mnist-cnn"
THREADS = len(os.sched_getaffinity(0))
LEAST = 0.02


def build(rev):
    """The program of a revision, built in a worktree of its own that is kept for the next time."""
    commit = subprocess.run(["git", "rev-parse", "--verify", "--quiet", rev + "^{commit}"], cwd=common.ROOT,
                            text=True, capture_output=True).stdout.strip()
    if not commit:
        raise SystemExit(f"compare.py: {rev}, expected a revision that git knows")
    tree = os.path.join(common.ROOT, "build", "compare", commit[:12])
    if not os.path.isdir(tree):
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", tree, commit], cwd=common.ROOT, check=True)
    subprocess.run(["make", "--silent", f"-j{THREADS}", "all"], cwd=tree, check=True, stdout=subprocess.DEVNULL)
    return os.path.join(tree, "build", "release", "ggdm")


def seconds_option(program):
    """--seconds came with this benchmark: older programs measure as long as they want."""
    return ["--seconds", 1] if "--seconds" in common.ggdm(program, "bench", "--help") else []


def measure(program, recipes, folder):
    """Every figure once, in milliseconds: less is better."""
    seconds = seconds_option(program)
    for precision in recipes:
        for batch in (1, 32):
            r = common.network(program, MODEL, GUIDE, batch, THREADS, precision, *seconds)
            for what in "forward", "guided":
                yield f"{what} ms/image, {precision}, batch {batch}", r[what + "_best_ms_per_image"]
        rate = common.train(program, recipes[precision], os.path.join(folder, "out"), THREADS, 24)
        yield f"training ms/sample, {precision}", 1e3 / rate


def verdict(ratios):
    change = common.median(ratios) - 1
    bound = max(LEAST, 2 * common.spread(ratios))
    return "REGRESSION" if change > bound else "faster" if change < -bound else "same"


def main():
    if len(sys.argv) < 3 or not sys.argv[2]:
        raise SystemExit("compare.py: which revision?  make bench-compare REV=main")
    new, old = os.path.abspath(sys.argv[1]), build(sys.argv[2])
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    info = common.machine(new) | {"against": sys.argv[2], "threads": THREADS}
    print(common.describe(info), flush=True)
    samples = {}
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(common.ROOT, MODEL, "config.json")
        recipes = {p: common.training_recipe(folder, config, p, 64) for p in common.precisions(info["isa"])}
        for i in range(rounds):
            both = [("old", old), ("new", new)]
            for who, program in both if i % 2 else reversed(both):
                for what, value in measure(program, recipes, folder):
                    samples.setdefault(what, {}).setdefault(who, []).append(value)
    rows = []
    for what, of in samples.items():
        ratios = [n / o for n, o in zip(of["new"], of["old"])]
        rows.append({"measured": what, "n": rounds, "old": common.median(of["old"]),
                     "new": common.median(of["new"]), "new / old": common.median(ratios),
                     "spread": common.spread(ratios), "": verdict(ratios)})
    print(common.table(rows))
    print("written:", common.write_csv("compare", rows, info))
    sys.exit(any(row[""] == "REGRESSION" for row in rows))


if __name__ == "__main__":
    main()
