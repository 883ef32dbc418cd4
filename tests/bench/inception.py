#!/usr/bin/python3
"""FIDInceptionV3 under Debian's PyTorch and under ggdm, alternating, in f32.

    /usr/bin/python3 tests/bench/inception.py GGDM [ROUNDS]

Both have random weights and the same two threads.  PyTorch runs what pytorch-fid does (inference mode,
batch norm apart), contiguous and channels_last; the faster of the two counts.  Prints milliseconds of
an image by the clock and of CPU time, which other work on the machine disturbs less."""

import os
import sys
import time

import torch

import common

sys.path.insert(0, os.path.join(common.ROOT, "tests", "golden"))
from make_inception import Inception  # noqa: E402

THREADS, BATCH, SECONDS = 2, 4, 5


class Torch:
    def __init__(self, memory_format):
        self.net = Inception(None)
        x = torch.randn(BATCH, 3, 299, 299)
        with torch.inference_mode():
            self.net.forward(x[:1].double())  # makes the weights
            self.net.weights = {k: v.float().contiguous(memory_format=memory_format) if v.dim() == 4 else v.float()
                                for k, v in self.net.weights.items()}
        self.x = x.contiguous(memory_format=memory_format)

    @torch.inference_mode()
    def measure(self):
        """The medians of at least three runs: by the clock, of CPU time."""
        self.net.forward(self.x)
        wall, cpu, begun = [], [], time.perf_counter()
        while len(wall) < 3 or time.perf_counter() - begun < SECONDS:
            w, c = time.perf_counter(), time.process_time()
            self.net.forward(self.x)
            wall.append(1e3 * (time.perf_counter() - w) / BATCH)
            cpu.append(1e3 * (time.process_time() - c) / BATCH)
        return common.median(wall), common.median(cpu)


def ours(program, precision):
    r = common.classifier(program, "tests/bench/fid-inception.json", BATCH, THREADS, precision,
                          "--seconds", SECONDS)
    return r["forward_ms_per_image"], r["forward_cpu_ms_per_image"]


def main():
    program = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    torch.set_num_threads(THREADS)
    info = common.machine(program) | {"pytorch": torch.__version__, "threads": THREADS, "batch": BATCH}
    print(common.describe(info), flush=True)
    theirs = [Torch(f) for f in (torch.contiguous_format, torch.channels_last)]
    rows = []
    for i in range(rounds):
        layouts = [t.measure() for t in theirs]
        wall, cpu = (min(l[k] for l in layouts) for k in (0, 1))
        fp32 = ours(program, "fp32")
        rows.append({"round": i + 1, "PyTorch ms": wall, "PyTorch CPU ms": cpu, "ggdm ms": fp32[0],
                     "ggdm CPU ms": fp32[1], "ratio": wall / fp32[0], "CPU ratio": cpu / fp32[1]})
        print(f"round {i + 1} of {rounds} done", file=sys.stderr, flush=True)
    rows.append({"round": "median", **{k: common.median([r[k] for r in rows]) for k in list(rows[0])[1:]}})
    print(common.table(rows))
    print("written:", common.write_csv("inception", rows, info))


if __name__ == "__main__":
    main()
