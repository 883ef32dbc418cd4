#!/usr/bin/python3
"""Write the golden file of the loss `clip`, tests/golden/data/clip_loss.safetensors:

    /usr/bin/python3 tests/golden/make_clip_loss.py

The network is that of clip.safetensors, in double precision.  x [N,H,W,C] is of another size than the
network's; text [N,E] is what its text tower makes of a text of each image.  For each form there are
the losses FORM [N] and the gradient gx_FORM of their sum.  The image is resized by PyTorch's bicubic
filter, brought to [-1, 1] by its own least and largest value, and embedded; the losses are those of
the GGDM paper's code and of CLIP guidance (Crowson): -cos, and 2 asin(|a - b| / 2)^2.

tol: tolerances of FORM and gx_FORM, in the order of the file: FACTOR times the largest deviation of
the same computation in f32 by PyTorch, and the rounding of the stored numbers."""

import json
import os

import numpy as np
import torch
import torch.nn.functional as F

from make_clip import CASES
from make_goldens import DATA, write_safetensors
from torch_clip import Clip
from torch_networks import U

SEED, SIDE, FACTOR = 7, 17, 8.0


def read_params(path):
    with open(path, "rb") as f:
        header = json.loads(f.read(int.from_bytes(f.read(8), "little")))
        data = f.read()
    out = {}
    for name, info in header.items():
        if name.startswith("param."):
            begin, end = info["data_offsets"]
            values = np.frombuffer(data[begin:end], np.float32).reshape(info["shape"])
            out[name[6:]] = torch.from_numpy(values.copy()).double()
    return out


def losses(net, x, text):
    size = net.vision["image_size"]
    images = F.interpolate(x.permute(0, 3, 1, 2), (size, size), mode="bicubic", align_corners=False)
    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    a = F.normalize(net.image(2 * (images - low) / (high - low) - 1, None), dim=1)
    b = F.normalize(text, dim=1)
    return {"cosine": -(a * b).sum(1), "spherical": 2 * torch.asin((a - b).norm(dim=1) / 2) ** 2}


def results(net, x, text, dtype):
    """All results in this precision, as f64."""
    x, text = x.to(dtype, copy=True).requires_grad_(), text.to(dtype)
    net.params = {k: v.to(dtype) for k, v in net.params.items()}
    out = {}
    for form, loss in losses(net, x, text).items():
        out[form] = loss.detach().double()
        out["gx_" + form] = torch.autograd.grad(loss.sum(), x, retain_graph=True)[0].double()
    return out


def main():
    torch.set_num_threads(1)
    config, _, _, ids, _ = CASES["clip"]
    net = Clip(config, SEED)
    net.params = read_params(os.path.join(DATA, "clip.safetensors"))
    x = torch.from_numpy(np.random.default_rng(SEED).standard_normal((len(ids), SIDE, SIDE, 3)).astype(np.float32))
    text = net.texts(torch.tensor(ids))[0].detach().float()
    exact, single = results(net, x, text, torch.float64), results(net, x, text, torch.float32)
    tol = [FACTOR * (single[k] - v).abs().max().item() + U * v.abs().max().item() for k, v in exact.items()]
    tensors = {"x": x, "text": text, **{k: v.float() for k, v in exact.items()}, "tol": torch.tensor(tol)}
    write_safetensors(os.path.join(DATA, "clip_loss.safetensors"), {k: v.numpy() for k, v in tensors.items()}, {})
    for (k, v), t in zip(exact.items(), tol):
        print(f"{k}: at most {v.abs().max().item():.3g}, tolerance {t:.1e}")


if __name__ == "__main__":
    main()
