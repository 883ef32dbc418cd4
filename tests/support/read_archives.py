"""read_archives.py RUN: the archives of a run as other programs read them: NumPy, Python's tarfile,
Pillow (whose PNG decoder is its own), and a reader of WebDataset shards as its format is specified.
What they say must agree; the first thing that does not is named, exit status 1."""
import glob
import hashlib
import io
import json
import os
import sys
import tarfile

import numpy
from PIL import Image


def shard(path):
    """Samples of a WebDataset shard: a key is the name up to the first dot behind the last slash;
    members of one key follow each other; what is behind the dot names the field."""
    sample = {}
    with tarfile.open(path) as tar:
        for member in tar:
            assert member.isfile() and (member.mode, member.mtime, member.uid) == (0o644, 0, 0), member
            folder, name = os.path.split(member.name)
            base, field = name.split(".", 1)
            key = os.path.join(folder, base)
            if sample and sample["__key__"] != key:
                yield sample
                sample = {}
            assert field not in sample, f"{path}: {member.name} comes twice"
            sample["__key__"] = key
            sample[field] = tar.extractfile(member).read()
    yield sample


def check_picture(png, cell, index, meta):
    """Pixels [H, W, C] of a picture that says of itself what its JSON file does."""
    image = Image.open(io.BytesIO(png))
    said = image.text
    image.load()
    want = {"ggdm:sweep": meta["sweep"], "ggdm:cell": cell, "ggdm:image": str(index),
            "ggdm:seed": str(meta["parameters"]["seed"])}
    for name, value in want.items():
        assert said[name] == value, f"{cell} {index}: {name} is {said[name]}, expected {value}"
    assert said["Software"].startswith("ggdm ")
    text = f"ggdm recipe 1\n{said['ggdm:precision']} {said['ggdm:isa']}\n{said['ggdm:recipe']}"
    assert hashlib.sha256(text.encode()).hexdigest() == meta["key"], f"{cell}: recipe and key"
    json.loads(said["ggdm:recipe"])
    pixels = numpy.asarray(image)
    return pixels.reshape(pixels.shape[:2] + (-1,))


def check_cell(folder):
    cell = os.path.basename(folder)
    with numpy.load(os.path.join(folder, "samples.npz")) as npz:
        assert npz.files == ["arr_0", "arr_1"], npz.files
        images, labels = npz["arr_0"], npz["arr_1"]
    assert images.dtype == numpy.uint8 and images.ndim == 4, (images.dtype, images.shape)
    assert labels.dtype == numpy.int64 and labels.shape == images.shape[:1], (labels.dtype, labels.shape)
    keys = []
    for i, sample in enumerate(shard(os.path.join(folder, "samples.tar"))):
        keys.append(sample["__key__"])
        assert set(sample) == {"__key__", "png", "json"}, sample.keys()
        meta = json.loads(sample["json"])
        assert (meta["cell"], meta["index"]) == (cell, i), meta
        assert meta["parameters"].get("target", -1) == labels[i], (meta["parameters"], labels[i])
        pixels = check_picture(sample["png"], cell, i, meta)
        assert (pixels == images[i]).all(), f"{cell} {i}: samples.tar and samples.npz differ"
    assert len(keys) == len(images), f"{cell}: {len(keys)} samples, {len(images)} images"
    sheet = Image.open(os.path.join(folder, "sheet.png"))
    assert sheet.mode == "RGB" and sheet.text["ggdm:cell"] == cell and "ggdm:image" not in sheet.text
    sheet.load()
    return keys


def main(run):
    keys = [key for folder in sorted(glob.glob(os.path.join(run, "archive", "c*")))
            for key in check_cell(folder)]
    assert len(set(keys)) == len(keys) > 0, "keys of the shards of a run are not unique"
    print(len(keys), "images")


main(sys.argv[1])
