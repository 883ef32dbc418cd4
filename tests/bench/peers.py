#!/usr/bin/python3
"""ggdm against its peers: PyTorch of Debian 12 and 13 and ONNX Runtime of Debian 13, on the same weights,
taking turns.

    /usr/bin/python3 tests/bench/peers.py GGDM CHROOT [ROUNDS]      (make bench-peers)

All have two threads and f32 (ours bf16 as well).  In the first round each runs at every batch, PyTorch
also in both memory formats; afterwards each in the way in which it was fastest then.  Before that the
outputs of all of them on two images must agree.  With HOLD=avx2 in the environment every program is held
to that instruction set, as far as it can be: of a smaller processor this proves nothing.

Prints tables, writes build/bench/peers.csv."""

import json
import os
import subprocess
import sys
import tempfile

import numpy as np

import common

sys.path.insert(0, os.path.join(common.ROOT, "tests", "golden"))
from make_goldens import write_safetensors  # noqa: E402

THREADS, TRAIN_STEPS = 2, 24
MODELS = {  # case: ours
    "mnist-ddpm": ("models/zoo/mnist-ddpm", "models/zoo/mnist-cnn"),
    "ddpm-cifar10-32": ("tests/bench/ddpm-cifar10-32.json", "tests/bench/cifar-cnn.json"),
    "faces": ("models/zoo/faces-ddpm", "models/zoo/faces-clip"),
}
MEASURED = [  # case, what, batches
    ("mnist-ddpm", "forward", (8, 32)),
    ("mnist-ddpm", "guided", (8, 32)),
    ("ddpm-cifar10-32", "forward", (4, 8)),
    ("ddpm-cifar10-32", "guided", (4, 8)),
    ("faces", "guided", (8, 32)),
    ("mnist-ddpm", "training", (64,)),
]
PYTORCHS = ("PyTorch, Debian 12", "PyTorch, Debian 13")
ONNX = "ONNX Runtime"
BARS = {  # case, what: against whom, ratio of bests in f32
    ("mnist-ddpm", "forward"): ((PYTORCHS, 3.5), ((ONNX,), 2)),
    ("mnist-ddpm", "guided"): ((PYTORCHS, 3),),
    ("ddpm-cifar10-32", "guided"): ((PYTORCHS, 3),),
    ("faces", "guided"): ((PYTORCHS, 2.5),),
}
HOLD = {"avx2": {"GGDM_ISA": "avx2", "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2",
                 "DNNL_MAX_CPU_ISA": "AVX2", "OPENBLAS_CORETYPE": "Haswell"}}


# ---- the programs --------------------------------------------------------------------------------


class Child:
    """peer.py in its environment."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        cwd=common.ROOT)
        self.versions = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args}: ended with status {self.process.wait()}")
        return json.loads(line)

    def ask(self, **what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def measure(self, case, what, batch, layout):
        ms = self.ask(case=case, what=what, batch=batch, layout=layout)["ms"]
        return common.median(ms), min(ms)

    def outputs(self, case):
        return np.array(self.ask(case=case, what="outputs")["y"])


def children(chroot, held):
    """Debian 12's runs here, those of Debian 13 in the chroot, with the same files (scripts/trixie.sh)."""
    blas = next(iter(sorted(p for p in os.listdir("/usr/lib/x86_64-linux-gnu") if p == "openblas-openmp")), None)
    here = ["/usr/bin/env", "-u", "OPENBLAS_CORETYPE", "-u", "OPENBLAS_L2_SIZE",
            *([f"LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu/{blas}"] if blas else [])]
    there = ["/usr/bin/unshare", "--mount", "--pid", "--fork", f"--mount-proc={chroot}/proc", "/usr/sbin/chroot",
             chroot, "/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "HOME=/tmp"]
    variables = [f"{k}={v}" for k, v in held.items()]
    run = lambda prefix, kind, root: Child([*prefix, *variables, "/usr/bin/python3",
                                            f"{root}/tests/bench/peer.py", kind, str(THREADS)])
    return {PYTORCHS[0]: run(here, "torch", common.ROOT), PYTORCHS[1]: run(there, "torch", "/src"),
            ONNX: run(there, "onnx", "/src")}


class Ours:
    def __init__(self, program, folder, precision):
        self.program, self.folder, self.precision, self.known = program, folder, precision, {}
        os.makedirs(folder)
        config = os.path.join(common.ROOT, MODELS["mnist-ddpm"][0], "config.json")
        self.recipe = common.training_recipe(folder, config, precision, 64)

    def measure(self, case, what, batch, layout):
        if what == "training":
            ms = 1e3 / common.train(self.program, self.recipe, os.path.join(self.folder, "out"), THREADS, TRAIN_STEPS)
            return ms, ms
        if what == "forward" or (case, batch) not in self.known:  # one call measures both
            self.known[case, batch] = common.network(self.program, *MODELS[case], batch, THREADS, self.precision,
                                                     "--seconds", 1)
        r = self.known[case, batch]
        if what == "guided":
            del self.known[case, batch]
        return r[what + "_ms_per_image"], r[what + "_best_ms_per_image"]

    def outputs(self, case):
        x = np.random.RandomState(0).standard_normal((2, 1, 28, 28)).astype("float32")
        source, target = (os.path.join(self.folder, n) for n in ("in.safetensors", "out.safetensors"))
        write_safetensors(source, {"x": x, "t": np.array([500, 500])}, {})
        common.ggdm(self.program, "model", "apply", MODELS[case][0], "--in", source, "--out", target,
                    "--precision", self.precision)
        with open(target, "rb") as f:
            size = int.from_bytes(f.read(8), "little")
            at = json.loads(f.read(size))["y"]["data_offsets"]
            return np.frombuffer(f.read()[slice(*at)], "<f4").astype(float)


# ---- turns and tables ----------------------------------------------------------------------------


def ways(who, what, batches):
    layouts = ("contiguous", "channels_last") if who in PYTORCHS else ("",)
    return [(b, l) for b in batches for l in layouts]


def one_turn(program, who, case, what, batches, best_way):
    """The fastest of the ways by its best call; which one, to be kept."""
    key = who, case, what
    tried = [best_way[key]] if key in best_way else ways(who, what, batches)
    found = min(((program.measure(case, what, *way), way) for way in tried), key=lambda m: m[0][1])
    best_way[key] = found[1]
    print(f"{case} {what}, {who}: {found[0][1]:.3f} ms ({describe_way(found[1])})", file=sys.stderr, flush=True)
    return found[0]


def describe_way(way):
    return f"{way[0]}{', ' + way[1] if way[1] else ''}"


def rows_of(samples, best_way):
    for (case, what), of in samples.items():
        best = {who: min(b for _, b in turns) for who, turns in of.items()}
        middle = {who: common.median([m for m, _ in turns]) for who, turns in of.items()}
        for who in of:
            row = {"measured": f"{case} {what}", "program": who, "n": len(of[who]),
                   "batch": describe_way(best_way[who, case, what]), "best ms": best[who], "median ms": middle[who]}
            for p in ("fp32", "bf16"):
                ours = f"ggdm {p}"
                row[f"best / {p} best"] = "" if who.startswith("ggdm") else best[who] / best[ours]
                row[f"median / {p} median"] = "" if who.startswith("ggdm") else middle[who] / middle[ours]
            yield row


def bars_of(samples, alone):
    for (case, what), bars in BARS.items():
        best = {who: min(b for _, b in turns) for who, turns in samples[case, what].items()}
        for whom, bar in bars:
            ratio = min(best[w] for w in whom) / best["ggdm fp32"]
            yield {"bar": f"{case} {what}, f32, against {' or '.join(whom)}", "wanted": f"at least {bar}",
                   "measured": ratio, "": "met" if ratio >= bar else "not met"}
    for what, (one, many) in alone.items():
        yield {"bar": f"mnist-ddpm {what}, f32, batch 1 against 32", "wanted": "at most 1.3",
               "measured": one / many, "": "met" if one / many <= 1.3 else "not met"}


def batch_alone(program):
    """Best milliseconds an image of a batch of 1 and of 32."""
    one, many = (common.network(program, *MODELS["mnist-ddpm"], b, THREADS, "fp32", "--seconds", 2) for b in (1, 32))
    return {w: (one[w + "_best_ms_per_image"], many[w + "_best_ms_per_image"]) for w in ("forward", "guided")}


def check_outputs(programs):
    want = programs["ggdm fp32"].outputs("mnist-ddpm")
    for who, program in programs.items():
        error = abs(program.outputs("mnist-ddpm") - want).max() / abs(want).max() if who != "ggdm bf16" else 0
        if not error < 1e-4:
            raise SystemExit(f"{who}: outputs of mnist-ddpm differ by {error:.1e} of the largest value")
        print(f"{who}: outputs of mnist-ddpm within {error:.1e} of the largest value of ours", flush=True)


def main():
    program, chroot = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    held = HOLD[os.environ["HOLD"]] if os.environ.get("HOLD") else {}
    os.environ.update(held)
    samples, best_way = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        peers = children(chroot, held)
        programs = {**peers, "ggdm fp32": Ours(program, os.path.join(folder, "32"), "fp32"),
                    "ggdm bf16": Ours(program, os.path.join(folder, "16"), "bf16")}
        info = common.machine(program) | {"threads": THREADS, "held to": os.environ.get("HOLD", "nothing")}
        info |= {f"{who}: {k}": v for who, p in peers.items() for k, v in p.versions.items()}
        print(common.describe(info), flush=True)
        check_outputs(programs)
        for i in range(rounds):
            for case, what, batches in MEASURED:
                of = samples.setdefault((case, what), {})
                for who, p in programs.items():
                    if who != ONNX or (what == "forward"):
                        of.setdefault(who, []).append(one_turn(p, who, case, what, batches, best_way))
            print(f"round {i + 1} of {rounds} done, load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)
        alone = batch_alone(program)
    rows = list(rows_of(samples, best_way))
    print(common.table(rows), common.table(list(bars_of(samples, alone))), sep="\n\n")
    print("load afterwards", f"{os.getloadavg()[0]:.1f}; written:", common.write_csv("peers", rows, info))


if __name__ == "__main__":
    main()
