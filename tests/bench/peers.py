#!/usr/bin/python3
"""ggdm against its peers, in turns, on the same weights: PyTorch of Debian 12 (here) and of Debian 13,
and ONNX Runtime of Debian 13 (both in the chroot of scripts/trixie.sh).

    /usr/bin/python3 tests/bench/peers.py [--rounds N] [--hold avx2] GGDM      (make bench-peers)

All have two threads.  Peers run f32 in evaluation mode, ours f32 and, where the processor has its
products, bf16.  In the first round each is tried at every batch and in every way that it has (PyTorch:
memory formats, ONNX Runtime: execution providers); those within a tenth of its fastest stay for the
others, and the fastest counts.  ONNX Runtime has no gradients, so it is in the forward passes alone.  Before anything is
timed, outputs and gradients of all networks must be those of ggdm in f32.

--hold keeps every program from newer instructions than those, on a processor that has them: it shows
which code runs, and proves nothing about a smaller processor, whose clock, caches and units are others.

Prints tables, writes build/bench/peers-ISA.csv and peers-ISA-bars.csv."""

import argparse
import collections
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

import common
import pytorch
from peer import CASES

THREADS, TRAIN_STEPS = 2, 24
# (Debian's ONNX Runtime says of dozens of operators that they are registered twice.)
ONNX_LOG = os.path.join(common.OUT, "peers-onnxruntime.log")
CHECKED, CHECKED_T, TOLERANCE = 2, [500, 20], 1e-4  # images, and how far outputs may be apart
RANDOM = {"ddpm-cifar10-32": pytorch.UNet2D, "cifar-cnn": pytorch.CNN}  # tests/bench/NAME.json
PYTORCHS, ONNX = ("PyTorch, Debian 12", "PyTorch, Debian 13"), "ONNX Runtime"

Item = collections.namedtuple("Item", "measured case what batches whom")
EVERYBODY = ("ggdm", "PyTorch", "ONNX")
# (PyTorch takes several seconds for a step of 32 images of the larger network.)
ITEMS = [
    Item("mnist-ddpm forward", "mnist-ddpm", "forward", (8, 32), EVERYBODY),
    Item("mnist-ddpm guided step", "mnist-ddpm", "guided", (8, 32), EVERYBODY[:2]),
    Item("mnist-ddpm training step", "mnist-ddpm", "training", (pytorch.TRAIN_BATCH,), EVERYBODY[:2]),
    Item("mnist-ddpm forward, one image", "mnist-ddpm", "forward", (1,), EVERYBODY[:1]),
    Item("mnist-ddpm guided step, one image", "mnist-ddpm", "guided", (1,), EVERYBODY[:1]),
    Item("ddpm-cifar10-32 forward", "ddpm-cifar10-32", "forward", (8,), EVERYBODY),
    Item("ddpm-cifar10-32 guided step", "ddpm-cifar10-32", "guided", (8,), EVERYBODY[:2]),
    Item("faces-ddpm guided step", "faces-ddpm", "guided", (8, 32), EVERYBODY[:2]),
]
BARS = [  # what, precision of ours, against the better of, at least so many times as fast by bests
    ("mnist-ddpm forward", "fp32", (ONNX,), 2),
    ("mnist-ddpm forward", "fp32", PYTORCHS, 3.5),
    ("mnist-ddpm guided step", "fp32", PYTORCHS, 3),
    ("mnist-ddpm guided step", "fp32", PYTORCHS, 3.5),  # a stretch
    ("ddpm-cifar10-32 guided step", "fp32", PYTORCHS, 3),
    ("faces-ddpm guided step", "fp32", PYTORCHS, 2.5),
]
BARS_OF_AMX = [
    ("mnist-ddpm forward", "bf16", PYTORCHS, 8),
    ("mnist-ddpm guided step", "bf16", PYTORCHS, 8),
    ("ddpm-cifar10-32 guided step", "bf16", PYTORCHS, 6),
]
ALONE_BAR = 1.3  # an image alone, against one of a batch of 32
# ONNX Runtime's own kernels ask the processor, and no variable is in between.
HOLD = {"avx2": {"GGDM_ISA": "avx2", "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2",
                 "DNNL_MAX_CPU_ISA": "AVX2", "OPENBLAS_CORETYPE": "Haswell"}}


# ---- the programs --------------------------------------------------------------------------------


class Peer:
    """A process in an environment of its own that answers lines (common.serve)."""

    def __init__(self, family, prefix, variables, *script, log=None):
        command = [*prefix, "/usr/bin/env", *(f"{k}={v}" for k, v in variables.items()), "/usr/bin/python3", "-B", *script]
        self.family = family
        self.process = subprocess.Popen(command, cwd=common.ROOT, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=log)
        hello = self.answer()
        self.versions, self.ways = hello["versions"], hello["ways"]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(self.process.args)}: exit status {self.process.wait()}" +
                             f", see {ONNX_LOG}" * (self.family == "ONNX"))
        return json.loads(line)

    def ask(self, **what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def measure(self, item, batch, way):
        times = self.ask(do="measure", case=item.case, what=item.what, batch=batch, way=way)
        return common.median(times), min(times)

    def outputs(self, case, network, given):
        """(Name with way, values) of what it computes of a network."""
        if network == "guide" and self.family == "ONNX":  # it runs the forward pass of models
            return
        for way in self.ways:
            for name, values in self.ask(do="outputs", case=case, network=network, way=way, given=given).items():
                yield f"{name}, {way}", name, np.array(values)


class Ours:
    family, ways = "ggdm", ("",)

    def __init__(self, program, folder, precision):
        self.program, self.precision, self.measured = program, precision, {}
        self.out = os.path.join(folder, "out")
        config = os.path.join(common.ROOT, CASES["mnist-ddpm"][0], "config.json")
        self.recipe = common.training_recipe(folder, config, precision, pytorch.TRAIN_BATCH)

    def measure(self, item, batch, way):
        if item.what == "training":
            ms = 1e3 / common.train(self.program, self.recipe, self.out, THREADS, TRAIN_STEPS)
            return ms, ms
        # One call measures both, and the guided steps are asked for soon after the forward passes.
        if (item.case, item.what, batch) not in self.measured:
            r = common.network(self.program, *CASES[item.case], batch, THREADS, self.precision,
                               "--seconds", common.SECONDS)
            for what in "forward", "guided":
                self.measured[item.case, what, batch] = r[what + "_ms_per_image"], r[what + "_best_ms_per_image"]
        return self.measured.pop((item.case, item.what, batch))


def start(program, folder, held):
    """All programs by name; models for ONNX Runtime are put into folder."""
    here = os.path.relpath(folder, common.ROOT)
    there = [os.path.join("scripts", "trixie.sh"), "--run", "peers"]
    # oneDNN below ONNX Runtime knows no other way to be told; the path is OpenBLAS's, the same in both.
    variables = {"OMP_NUM_THREADS": THREADS, **held}
    same = {k: os.environ[k] for k in ("LD_LIBRARY_PATH", "OMP_WAIT_POLICY") if k in os.environ}
    torch, onnx = ("tests/bench/peer.py", str(THREADS)), ("tests/bench/peer_onnx.py", str(THREADS), here)
    programs = {PYTORCHS[0]: Peer("PyTorch", [], variables, *torch),
                PYTORCHS[1]: Peer("PyTorch", there, {**same, **variables}, *torch),
                ONNX: Peer("ONNX", there, {**same, **variables}, *onnx, log=open(ONNX_LOG, "w"))}
    for case, batch in {(i.case, b) for i in ITEMS if "ONNX" in i.whom for b in i.batches} | {(c, CHECKED) for c in CASES}:
        programs[PYTORCHS[1]].ask(do="export", case=case, batch=batch, path=f"{here}/{case}-{batch}.onnx")
    for precision in common.precisions(common.machine(program)["isa"]):
        programs[f"ggdm {precision}"] = Ours(program, folder, precision)
    return programs


# ---- the same networks ---------------------------------------------------------------------------


def write_random_networks():
    """Those that are not shipped, with random weights, where peer.py looks for them."""
    for name, kind in RANDOM.items():
        folder, config = os.path.join(common.OUT, name), os.path.join(common.HERE, name + ".json")
        os.makedirs(folder, exist_ok=True)
        shutil.copy(config, os.path.join(folder, "config.json"))
        weights = {k: v.numpy() for k, v in pytorch.load(kind, config).params.items()}
        pytorch.write_safetensors(os.path.join(folder, pytorch.weights_name(kind)), weights, {})


def read_config(folder):
    with open(os.path.join(common.ROOT, folder, "config.json")) as f:
        return json.load(f)


def inputs(case, network):
    """Images, and the gradient that comes to what the network gives for them, by name."""
    model, guide = (read_config(network) for network in CASES[case])
    rng = np.random.RandomState(0)
    x = rng.standard_normal((CHECKED, model["in_channels"], model["sample_size"], model["sample_size"]))
    if network == "guide":
        outputs = guide["num_classes"] if "num_classes" in guide else guide["projection_dim"]
        return {"x": x, "gy": rng.standard_normal((CHECKED, outputs))}
    return {"x": x, "gy": rng.standard_normal(x.shape), "t": np.array(CHECKED_T)}


def our_outputs(program, folder, model, given):
    source, target = (os.path.join(folder, n) for n in ("in.safetensors", "out.safetensors"))
    arrays = {k: v if k == "t" else v.astype(np.float32) for k, v in given.items()}
    pytorch.write_safetensors(source, arrays, {})
    common.ggdm(program, "model", "apply", model, "--vjp", "--in", source, "--out", target, "--precision", "fp32")
    return {k: v.numpy() for k, v in pytorch.read_safetensors(target).items()}


def sines(model, t):
    unet = pytorch.load(pytorch.UNet2D, model)
    return unet.time_features(pytorch.torch.tensor(t, dtype=pytorch.torch.float32), unet.config["block_out_channels"][0]).numpy()


def check_outputs(program, folder, peers):
    """The largest difference of each peer to ggdm in f32, relative to the largest value; ends the bench
    where that is not the same network."""
    worst = dict.fromkeys(peers, 0)
    for case, network in itertools.product(CASES, ("model", "guide")):
        model, given = CASES[case][network == "guide"], inputs(case, network)
        ours = our_outputs(program, folder, model, given)
        lists = {k: v.astype(np.float32).tolist() for k, v in given.items()}
        if network == "model":
            lists["sines"] = sines(model, CHECKED_T).tolist()
        for who, peer in peers.items():
            for what, name, values in peer.outputs(case, network, lists):
                error = float(abs(values - ours[name]).max() / abs(ours[name]).max())
                if not error < TOLERANCE:
                    raise SystemExit(f"peers.py: {model}, {what} of {who}: differs from ours by {error:.1e} of the "
                                     f"largest value, expected less than {TOLERANCE:.0e}: not the same network")
                worst[who] = max(worst[who], error)
    return worst


# ---- turns ---------------------------------------------------------------------------------------


class Samples:
    """(Median, best) milliseconds an image, of each round in which a program ran in a way."""

    def __init__(self):
        self.of = {}  # measured: program: way: [(median, best)]

    def add(self, measured, who, way, sample):
        self.of.setdefault(measured, {}).setdefault(who, {}).setdefault(way, []).append(sample)

    def fastest(self, measured, who):
        """Its ways, the one with the best time first."""
        ways = self.of[measured][who]
        return sorted(ways, key=lambda way: self.best(measured, who, way))

    def best(self, measured, who, way=None):
        ways = [way] if way else self.of[measured][who]
        return min(best for way in ways for _, best in self.of[measured][who][way])

    def contenders(self, measured, who):
        """Those within a tenth of the fastest.  (Bests only fall: who is out stays out.)"""
        limit = 1.1 * self.best(measured, who)
        return [way for way in self.fastest(measured, who) if self.best(measured, who, way) <= limit]

    def median(self, measured, who):
        """Of the rounds, in each the way that was fastest then, of those that ran in all."""
        ways = self.of[measured][who].values()
        turns = zip(*(of for of in ways if len(of) == max(map(len, ways))))
        return common.median([min(m for m, _ in turn) for turn in turns])


def one_round(programs, samples, first):
    for item in ITEMS:
        for who, program in programs.items():
            if program.family not in item.whom:
                continue
            ways = ([(batch, way) for batch in item.batches for way in program.ways] if first
                    else samples.contenders(item.measured, who))
            for way in ways:
                sample = program.measure(item, *way)
                print(f"{item.measured}, {who}, {name_of(way)}: {sample[1]:.3f} ms", file=sys.stderr, flush=True)
                samples.add(item.measured, who, way, sample)


def name_of(way):
    return f"batch {way[0]}" + (f", {way[1]}" if way[1] else "")


# ---- tables --------------------------------------------------------------------------------------


def rows_of(samples, rounds, precisions):
    for measured, of in samples.of.items():
        for who in of:
            best, median = samples.best(measured, who), samples.median(measured, who)
            row = {"measured": measured, "program": who, "n": rounds, "best ms": best, "median ms": median,
                   "best way": name_of(samples.fastest(measured, who)[0])}
            for p in precisions:
                ours = f"ggdm {p}"
                row |= {f"{p} is so many times as fast, bests": best / samples.best(measured, ours),
                        "medians" if p == "fp32" else f"{p} medians": median / samples.median(measured, ours)}
            yield row


def bars_of(samples, precisions, isa, held):
    for measured, p, against, bar in BARS + (BARS_OF_AMX if isa == "amx" else []):
        who = min(against, key=lambda w: samples.best(measured, w))
        ratio = samples.best(measured, who) / samples.best(measured, f"ggdm {p}")
        verdict = "met" if ratio >= bar else "not met"
        if held and who == ONNX:
            verdict += " (its own kernels were not held)"
        yield {"bar": f"{measured}, {p}, times as fast as {who}", "wanted": f"at least {bar}",
               "by bests": ratio, "": verdict}
    for what in "forward", "guided step":
        for p in precisions:
            ours, measured = f"ggdm {p}", f"mnist-ddpm {what}"
            ratio = samples.best(measured + ", one image", ours) / samples.best(measured, ours, (32, ""))
            yield {"bar": f"{measured}, {p}, one image against one of 32", "wanted": f"at most {ALONE_BAR}",
                   "by bests": ratio, "": "met" if ratio <= ALONE_BAR else "not met"}


def arguments():
    parser = argparse.ArgumentParser(description="Measure ggdm against PyTorch and ONNX Runtime.")
    parser.add_argument("program", metavar="GGDM")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="turns of each program (default: 5)")
    parser.add_argument("--hold", choices=HOLD, help="keep all programs that can be held to this instruction set")
    a = parser.parse_args()
    if a.rounds < 1:
        parser.error(f"argument --rounds: {a.rounds}, expected at least 1")
    return a


def state(program, hold):
    """What holds all programs, {} where the processor has no more anyway; and the machine."""
    biggest, held = common.machine(program)["isa"], HOLD.get(hold, {})
    os.environ.update(held)
    info = common.machine(program)
    if info["isa"] == biggest:
        return {}, info | {"threads": THREADS}
    note = f" (held to it on a bigger processor, {biggest}; ONNX Runtime's own kernels use what they find)"
    return held, info | {"isa": info["isa"] + note, "threads": THREADS}


def main():
    a = arguments()
    program = os.path.abspath(a.program)
    held, info = state(program, a.hold)
    isa = common.machine(program)["isa"]
    samples, loads = Samples(), []
    write_random_networks()
    with tempfile.TemporaryDirectory(dir=common.OUT) as folder:
        programs = start(program, folder, held)
        peers = {who: p for who, p in programs.items() if isinstance(p, Peer)}
        info |= {f"{who}: {k}": v for who, p in peers.items() for k, v in p.versions.items()}
        print(common.describe(info), flush=True)
        for who, error in check_outputs(program, folder, peers).items():
            print(f"{who}: outputs and gradients are ours within {error:.1e} of the largest value", flush=True)
        for i in range(a.rounds):
            one_round(programs, samples, i == 0)
            loads.append(os.getloadavg()[0])
            print(f"round {i + 1} of {a.rounds} done, load {loads[-1]:.1f}", file=sys.stderr, flush=True)
    info["load at most"] = f"{max(loads):.1f}"
    rows = list(rows_of(samples, a.rounds, common.precisions(isa)))
    bars = list(bars_of(samples, common.precisions(isa), isa, held))
    print(common.table(rows), common.table(bars), sep="\n\n")
    name = f"peers-{isa}" + ("-held" if held else "")
    print(f"load at most {info['load at most']}; written:", common.write_csv(name, rows, info),
          common.write_csv(name + "-bars", bars, info))


if __name__ == "__main__":
    main()
