#!/usr/bin/python3
"""Write the seeds of the targets whose inputs are not texts: tests/fuzz/corpus/TARGET/NAME.

Texts, and inputs that once broke something, are files of their own, which this leaves alone."""
import gzip
import hashlib
import collections
import io
import json
import os
import pickle
import struct
import sys
import tarfile
import types
import zipfile
import zlib

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def put(target, name, data):
    os.makedirs(os.path.join(CORPUS, target), exist_ok=True)
    with open(os.path.join(CORPUS, target, name), "wb") as f:
        f.write(data)


# --- safetensors (models/io/safetensors.h)


def safetensors(tensors, meta, pad=True):
    """tensors: (name, dtype, shape, bytes)."""
    head, at = {"__metadata__": meta}, 0
    for name, dtype, shape, data in tensors:
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(head, separators=(",", ":")).encode()
    if pad:
        text += b" " * (-(8 + len(text)) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(t[3] for t in tensors)


put("safetensors", "mixed", safetensors(
    [("conv.weight", "F32", [2, 1, 3, 3], bytes(72)), ("conv.bias", "F32", [2], bytes(8)),
     ("t", "BF16", [4], bytes(8)), ("s", "I64", [], bytes(8))], {"format": "pt"}))
put("safetensors", "empty", safetensors([], {}))
put("safetensors", "odd", safetensors([("a", "F16", [3], bytes(6)), ("b", "U8", [0], b"")], {},
                                      pad=False))
put("weights", "half", safetensors([("a", "F16", [3], bytes(6)), ("b", "BF16", [2, 1], bytes(4))],
                                   {}))
put("weights", "full", safetensors([("a", "F32", [3], bytes(12))], {}))

# --- files of torch.save (models/io/torch_file.h), without PyTorch: modules that have its names


TORCH, UTILS = types.ModuleType("torch"), types.ModuleType("torch._utils")
sys.modules.update({"torch": TORCH, "torch._utils": UTILS})
for module, names in (TORCH, ("FloatStorage", "HalfStorage", "BFloat16Storage", "DoubleStorage", "LongStorage")), (
        UTILS, ("_rebuild_tensor_v2", "_rebuild_parameter")):
    for name in names:
        setattr(module, name, type(name, (), {"__module__": module.__name__}))


class Storage:
    def __init__(self, kind, key, data, size):
        self.id = ("storage", getattr(TORCH, kind + "Storage"), key, "cpu", len(data) // size)
        self.data = data


class Tensor:
    def __init__(self, storage, shape, stride, offset=0, parameter=False):
        hooks = collections.OrderedDict()
        self.made = (UTILS._rebuild_tensor_v2, (storage, offset, shape, stride, False, hooks))
        if parameter:
            self.made = (UTILS._rebuild_parameter, (Tensor(storage, shape, stride, offset), True, hooks))

    def __reduce__(self):
        return self.made


class Pickler(pickle._Pickler):  # the one in Python, which writes GLOBALs for what has a __module__
    def persistent_id(self, obj):
        return obj.id if isinstance(obj, Storage) else None


def pickled(obj):
    out = io.BytesIO()
    Pickler(out, 2).dump(obj)
    return out.getvalue()


def torch_zip(obj, storages, more=()):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, data in [("data.pkl", pickled(obj)), ("byteorder", b"little"), *more,
                           *(("data/" + s.id[2], s.data) for s in storages), ("version", b"3\n")]:
            z.writestr(zipfile.ZipInfo("archive/" + name), data)
    return out.getvalue()


def torch_legacy(obj, storages):
    facts = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    return (b"".join(pickled(o) for o in (0x1950a86a20f9469cfc6c, 1001, facts, obj, [s.id[2] for s in storages]))
            + b"".join(struct.pack("<q", s.id[4]) + s.data for s in storages))


A = Storage("Float", "0", struct.pack("<6f", *range(6)), 4)
B = Storage("Half", "1", struct.pack("<4e", 0, 1, -2, 65504), 2)
C = Storage("Long", "2", bytes(8), 8)
STATE_DICT = collections.OrderedDict([
    ("conv.weight", Tensor(A, (2, 2), (1, 2), 1)), ("conv.bias", Tensor(A, (2,), (1,), 4, parameter=True)),
    ("half", Tensor(B, (4,), (1,))), ("n", Tensor(C, (), ()))])
TRAINING = {"epoch": 3, "lr": 1e-3, "best": -7, "name": "net", "done": True, "none": None, "model": STATE_DICT,
            "ema": {"a": Tensor(A, (3,), (2,))}, "optimizer": {"state": {0: {"m": Tensor(B, (2, 2), (2, 1))}},
                                                             "param_groups": [{"params": [0, 1], "betas": (0.9, 0.999)}]}}
for target, make in ("torch", torch_zip), ("torch", torch_legacy), ("pickle", lambda obj, storages: pickled(obj)):
    form = {torch_zip: "zip-", torch_legacy: "legacy-"}.get(make, "")
    put(target, form + "state-dict", make(STATE_DICT, (A, B, C)))
    put(target, form + "training", make(TRAINING, (A, B, C)))
    put(target, form + "beyond-its-storage", make({"a": Tensor(A, (2, 4), (4, 1))}, (A,)))
    put(target, form + "foreign-global", make({"a": types.SimpleNamespace(a=1)}, ()))
put("torch", "zip-other-names", torch_zip({"fc.weight": Tensor(A, (3, 2), (2, 1)), "fc.bias": Tensor(B, (2,), (2,), 1)}, (A, B)))
put("torch", "zip-script", torch_zip(STATE_DICT, (A, B, C), [("constants.pkl", pickled(()))]))
put("torch", "zip-storage-is-missing", torch_zip(STATE_DICT, (A, C)))
put("pickle", "list-in-itself", b"\x80\x02]q\x00h\x00a.")
put("pickle", "memo-beyond-all", b"\x80\x02]r\xff\xff\xff\xff.")
put("pickle", "text-beyond-the-end", b"\x80\x02X\xff\xff\xff\x7fabc.")
put("pickle", "opens-and-opens", b"\x80\x02" + b"(" * 1000 + b".")
del sys.modules["torch"], sys.modules["torch._utils"]

# --- checkpoints of a training (models/train/checkpoint.c), of whose data and recipe nothing is known

STATE = {"step": "12", "recipe": "", "data": "", "loss": "0x1p-1", "seconds": "3.5", "ranks": "1",
         "threads": "2", "isa": "avx2"}
ARRAYS = [(f"{array}/{name}", "F32", shape, struct.pack(f"<{n}f", *range(n)))
          for array in ("param", "m", "v", "ema")
          for name, shape, n in (("weight", [2, 3], 6), ("bias", [2], 2))]


def checkpoint(**changes):
    state = {**STATE, **changes}
    digest = hashlib.sha256(b"".join(struct.pack("<Q", len(v)) + v.encode() for v in state.values())
                            + b"".join(a[3] for a in ARRAYS))
    return safetensors(ARRAYS, {**state, "sha256": digest.hexdigest()})


put("checkpoint", "two-params", checkpoint())
put("checkpoint", "step-of-another-world", checkpoint(step="9223372036854775807"))
put("checkpoint", "time-that-is-none", checkpoint(seconds="nan"))


# --- data sets: images of 2 x 2

IMAGES = struct.pack(">IIII", 0x803, 3, 2, 2) + bytes(range(12))
put("idx", "images", b"\0" + IMAGES)
put("idx", "images-packed", b"\0" + gzip.compress(IMAGES, mtime=0))
put("idx", "images-with-channels", b"\0" + struct.pack(">IIIII", 0x804, 1, 2, 2, 1) + bytes(4))
put("idx", "labels", b"\1" + struct.pack(">II", 0x801, 4) + bytes(range(4)))
put("idx", "labels-of-32-bits", b"\1" + struct.pack(">IIii", 0xc01, 2, 3, 9))
put("idx", "extents-overflow", b"\0" + struct.pack(">IIII", 0x803, 1 << 31, 1 << 31, 4) + bytes(4))


def npy(descr, shape, data, version=1):
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return (b"\x93NUMPY" + bytes([version, 0])
            + struct.pack("<H" if version == 1 else "<I", len(text)) + text + data)


def npz(packing, **arrays):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as z:
        for name, data in arrays.items():
            z.writestr(zipfile.ZipInfo(name + ".npy"), data, packing)
    return out.getvalue()


PIXELS = npy("|u1", (3, 2, 2, 1), bytes(range(12)))
put("npz", "plain", npz(zipfile.ZIP_STORED, arr_0=PIXELS, arr_1=npy("<i8", (3,), bytes(24))))
put("npz", "packed", npz(zipfile.ZIP_DEFLATED, y_train=npy(">i4", (3, 1), bytes(12), 2),
                         x_train=npy("|u1", (3, 2, 2), bytes(12))))
MU, SIGMA = npy("<f8", (2,), struct.pack("<2d", 1, -1)), npy("<f4", (2, 2), struct.pack("<4f", 2, 1, 1, 3))
put("reference", "moments", npz(zipfile.ZIP_DEFLATED, mu=MU, sigma=SIGMA))
put("reference", "ours", npz(
    zipfile.ZIP_STORED, mu=MU, sigma=SIGMA, n=npy("<i8", (1,), struct.pack("<q", 3)),
    features=npy("|u1", (6,), b"pixels"), activations=npy("<f4", (3, 2), struct.pack("<6f", *range(6)))))
put("reference", "of-openai", npz(zipfile.ZIP_STORED, arr_0=PIXELS, mu=MU, sigma=SIGMA, mu_s=MU, sigma_s=SIGMA))
put("reference", "not-symmetric", npz(zipfile.ZIP_STORED, mu=MU,
                                      sigma=npy("<f8", (2, 2), struct.pack("<4d", 2, 1, 4, 3))))
put("npz", "shape-overflows", npz(zipfile.ZIP_STORED, arr_0=npy("|u1", (1 << 62, 1 << 62), b"")))


# --- JPEG: grey, 8 x 8, one block (of the tables of the standard those that it needs)

def jpeg(width, height):
    def segment(marker, data):
        return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data
    return (b"\xff\xd8" + segment(0xDB, b"\0" + bytes([16] * 64))
            + segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + bytes([1, 0x11, 0]))
            + segment(0xC4, b"\0" + bytes([1] + [0] * 15) + b"\0")
            + segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\0")
            + segment(0xDA, bytes([1, 1, 0, 0, 63, 0])) + b"\x3f\xff\xd9")


put("jpeg", "grey", jpeg(8, 8))
put("jpeg", "side-beyond-the-limit", jpeg(60000, 60000))


# --- PNG


def png(width, height, channels, depth=8, color=None, interlace=0, rows=None, extra=()):
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))
    color = {1: 0, 3: 2}[channels] if color is None else color
    if rows is None:
        rows = b"".join(bytes([y % 5]) + bytes(range(width * channels)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(chunk(*e) for e in extra)
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


put("png", "grey", png(5, 4, 1))
put("png", "rgb", png(3, 2, 3, extra=[(b"tEXt", b"Comment\0x"), (b"gAMA", bytes([0, 0, 177, 143]))]))
put("png", "interlaced", png(3, 2, 3, interlace=1))
put("png", "palette", png(3, 2, 1, color=3, extra=[(b"PLTE", bytes(9)), (b"tRNS", b"\1")]))
put("png", "text-that-unpacks", png(3, 2, 1, extra=[
    (b"zTXt", b"k\0\0" + zlib.compress(bytes(100000)))]))
for kind in (b"tEXt", b"zTXt", b"iTXt", b"iCCP", b"eXIf", b"sPLT", b"pCAL", b"sCAL", b"hIST", b"abCd"):
    good = png(3, 2, 1, extra=[(kind, b"k\0" + bytes(8))])
    put("png", f"length-of-{kind.decode()}", good.replace(struct.pack(">I", 10) + kind,
                                                         struct.pack(">I", 0x7FFFFFF0) + kind))
put("png", "rgba", png(3, 2, 4, color=6))
put("png", "wide", png(3, 2, 2, depth=16, color=0))
put("png", "side-beyond-the-limit", png(100000, 100000, 1, rows=b""))

# --- tar archives in WebDataset's way (models/train/format_tar.c)


def tar(*members, links=()):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)
    blocks = sum(1 + -(-len(content) // 512) for _, content in members) + len(links)
    return out.getvalue()[:512 * (blocks + 2)]  # without what pads it to 20 blocks


put("tar", "samples", tar(("a/x.png", png(2, 2, 3)), ("a/x.txt", b"a caption"), ("a/x.cls", b"3"),
                          ("a/y.png", png(3, 5, 1)), ("a/y.cls", b"0\n"), ("a/y.json", b'{"text": ["b", "c"]}')))
put("tar", "link", tar(("x.txt", b"a"), links=["x.png"]))


# --- messages (jobs/messages.c, worker/protocol.c)


def data(b):
    return struct.pack("<I", len(b)) + b


def many(items):
    return struct.pack("<i", len(items)) + b"".join(items)


def unit(uid, kind, steps, head, settings, segments):
    scorers = [(0, b'{"kind":"classifier","model":"c"}'), (3, b'{"kind":"saturation"}')]
    return (struct.pack("<qiBiii", uid, 1, kind, 4, 3, steps) + data(head)
            + many([data(s) for s in settings])
            + many([struct.pack("<iiiiqii", *s) for s in segments])
            + many([struct.pack("<q", i) + data(text) for i, text in scorers])
            + many([struct.pack("<i", i) for i in (1, 0)]))


JOB = struct.pack("<Biidii", 1, 8, 2, 30.0, 8, 50)
TREE = unit(5, 0, 12, b'{"model":"m","sampler":{"kind":"ddpm"}}', [b"{}", b'{"weight":0.5}'],
            [(-1, 0, 4, 1, -1, 0, 0), (0, 4, 12, 1, 2, 0, 2), (0, 4, 12, 0, 1, 1, 1),
             (-1, 0, 12, 0, 0, 0, 0)])
SCORES = unit(6, 1, 0, b"", [], [(-1, 0, 0, -1, 2, 0, 2), (-1, 0, 0, -1, 1, 1, 1)])
SAMPLE = (struct.pack("<qiBiB", 2, 4, 0, -1, 0) + data(png(2, 2, 1)) + data(b"\1\0\0")
          + many([struct.pack("<qi3f", 0, 3, -0.1, -2.5, -7), struct.pack("<qif", 3, 1, 0.25)]))
HEAD = struct.pack("<qi", 5, 1)

put("wire", "job", b"\0" + JOB)
put("wire", "unit", b"\1" + TREE)
put("wire", "score-unit", b"\1" + SCORES)
put("wire", "sample", b"\2" + SAMPLE)
put("wire", "unit-packet", b"\3" + TREE + struct.pack("<i", 4) + data(b"state"))
put("wire", "score-packet", b"\3" + SCORES + struct.pack("<i", 0) + data(SAMPLE))
for tag, name, rest in ((1, "ready", None), (3, "samples", struct.pack("<I", 2) + data(SAMPLE * 2)),
                        (4, "beat", struct.pack("<qq", 3, 9)), (5, "done", b""),
                        (6, "failed", struct.pack("<i", 4) + data(b"why")), (8, "bye", None),
                        (9, "checkpoint", struct.pack("<i", 4) + data(b"state"))):
    put("wire", name, bytes([4 + tag]) + (b"" if rest is None else HEAD + rest))


def model(path):
    return data(path) + data(b"{}") + b"\1" + data(b"{}") + b"\1" + data(b"ggdm tokenizer 1") + data(bytes(32))


HELLO = struct.pack("<II", 0x6767646d, 7)
put("startup", "work",
    HELLO + b"\1\0" + data(bytes(32)) + JOB + many([model(b"a"), model(b"b")])[:-1])
put("startup", "pictures",
    HELLO + b"\1\0" + data(bytes(32)) + JOB + many([])
    + many([data(b"0" * 64) + struct.pack("<iii", 2, 2, 1),
            data(b"1" * 64) + struct.pack("<iii", 1, 1, 3)]))
put("startup", "nothing", HELLO + b"\0")


# --- states of units (worker/walk.c) at a step and tick; without the digest


def walk(step, tick, segments):
    """segments: of those that are open, the step and tick that their images make next."""
    block = struct.pack("<IIqiiiiiqqi", 0x57474447, 3, 5, step, tick, 4, 1, 1, 10, 2, 1)
    for at in segments:
        block += struct.pack("<iiii", *at, min(1, at[0]), -1) * 3
        block += struct.pack("<32f", *range(32))
    return block


put("walk", "trunk", walk(2, 0, [(2, 1), (2, 0)]))
put("walk", "leaves", walk(5, 2, [(6, 0), (6, 0), (5, 2)]))
put("walk", "end", walk(12, 0, [(12, 0)] * 3))


# --- records of images (jobs/record.h)


def record(terms, steps, diverged=0):
    points = b"".join(struct.pack("<ff", s, 0.25) + struct.pack("<fff", 2.5, 0.5, -1) * len(terms)
                      for s in steps)
    names = b"".join(bytes([len(t)]) + t for t in terms)
    return struct.pack("<BBB", 1, diverged, len(terms)) + names + points


put("record", "guided", record([b"classifier", b"tv-2"], [0, 3, 7, 11]))
put("record", "diverged", record([b"clip"], [0, 3, 4], 1))
put("record", "unguided", record([], [0, 999]))
put("record", "empty", record([], [], 1))


# --- changes of a database (tests/fuzz/target_store.c)


def patch(where, b):
    return b"\0" + struct.pack("<IB", where, len(b)) + b


def change(column, row, kind, value=b""):
    return bytes([1, column, row, kind]) + value


def drop(table, row):
    return bytes([2, table, row])


INTS = (-1, 0, 1, 1 << 31, (1 << 63) - 1, -(1 << 63))
for target in ("store", "merge"):
    put(target, "unchanged", b"")
    put(target, "page", patch(4096, b"\xff\xff") + patch(100, b"\r"))
    put(target, "header", patch(60, b"\0\0\0\x09"))
    put(target, "ints", b"".join(change(8 * i, i, 1, struct.pack("<q", v))
                                 for i, v in enumerate(INTS)))
    put(target, "reals", change(40, 0, 2, struct.pack("<d", 1e300)))
    put(target, "null", change(20, 1, 0))
    put(target, "text", change(33, 2, 3, b"\4none"))
    put(target, "blob", change(50, 0, 4, b"\3abc"))
    put(target, "row", drop(20, 0) + drop(45, 1))
