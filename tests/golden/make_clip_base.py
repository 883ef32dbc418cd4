#!/usr/bin/python3
"""Write tests/golden/data/clip_base.safetensors: what PyTorch computes with CLIP at the size of
ViT-B/32, 151 million weights.

    /usr/bin/python3 tests/golden/make_clip_base.py

As in make_inception.py the weights and the image are made of hashes by this script and by
test_clip_base.c, tolerances take the signs of weights as random, and the file has samples of the
results in double precision, every so-manyth element from the first on:

    image, text [512]      embeddings of an image and of "a photo of a cat", padded with the end
    sequence               of [77, 512], the text's last hidden states
    cosine [1]             exp(logit_scale) times the cosine of the two embeddings
    gx                     of [224, 224, 3], its gradient to the image
    stride, tol            two numbers for each of these, in the order of the file"""

import os

import numpy as np
import torch

from make_goldens import DATA, FACTOR, Noisy, write_safetensors
from make_inception import f32, number
from torch_clip import Clip
from torch_networks import U, Exact

DRAWS = 4
STRIDE = {"image": 1, "text": 1, "sequence": 97, "cosine": 1, "gx": 997}
IDS = [49406, 320, 1125, 539, 320, 2368] + [49407] * 71
CONFIG = {"architectures": ["CLIPModel"], "text_config": {"eos_token_id": 2}}


def gradient(f, a, b, gy):
    """Of <gy, f(a, b)> to a."""
    with torch.enable_grad():
        a = a.detach().requires_grad_()
        return torch.autograd.grad(f(a, b), a, gy)[0]


def rounded(f, *of):
    """f of them, a sum of k products of whose signs nothing is known: u sqrt(k sum of squares)."""
    y = f(*of)
    count, squares = f(*(torch.ones_like(v) for v in of)), f(*(v * v for v in of))
    return y + U * (count * squares).sqrt() * torch.randn_like(y)


class RandomSigns(torch.autograd.Function):
    """f(a, b), bilinear, with the rounding errors of its sums, and of those of its gradients."""

    @staticmethod
    def forward(ctx, a, b, f):
        ctx.save_for_backward(a, b)
        ctx.f = f
        return rounded(f, a, b)

    @staticmethod
    def backward(ctx, gy):
        a, b = ctx.saved_tensors
        ga, gb, _ = ctx.needs_input_grad
        turned = lambda b, a: ctx.f(a, b)
        return (rounded(lambda *of: gradient(ctx.f, *of), a, b, gy) if ga else None,
                rounded(lambda *of: gradient(turned, *of), b, a, gy) if gb else None, None)


class NoisyProducts(Noisy):
    def bilinear(self, a, b, f):
        return RandomSigns.apply(a, b, f) if self.on else f(a, b)


class Base(Clip):
    def param(self, name, shape, scale, mean=0.0):
        if name not in self.params:
            at, by = 0.0, 0.125
            if name == "logit_scale":
                at, by = 2.5, 1.0
            elif name.endswith("embedding.weight") and "patch" not in name:
                by = 0.5
            elif len(shape) > 1:
                by = np.sqrt(3 / np.prod(shape[1:]))
            elif "norm" in name and name.endswith(".weight"):
                at, by = 1.0, 0.25
            self.params[name] = f32(np.asarray(at + by * number(name, shape)))
        return self.params[name]


def run(net, x, arith):
    net.arith = arith
    x = x.clone().requires_grad_()
    image = net.image(x.permute(0, 3, 1, 2), None)
    with torch.no_grad():
        text, sequence = net.texts(torch.tensor([IDS]))
    cosine = net.scaled_cosines(image, text)
    gx = torch.autograd.grad(cosine.sum(), x)[0]
    return {k: v.detach().double() for k, v in
            (("image", image), ("text", text), ("sequence", sequence), ("cosine", cosine), ("gx", gx))}


def main():
    torch.set_num_threads(1)  # products of doubles in several threads are not always right (OpenBLAS)
    net = Base(CONFIG, 0)
    x = f32(number("image", (1, 224, 224, 3)))
    want = run(net, x, Exact())
    worst = dict.fromkeys(want, 0.0)
    for draw in range(DRAWS + 1):
        torch.manual_seed(draw)
        print(f"draw {draw} of {DRAWS}", flush=True)
        for k, v in run(net, x, NoisyProducts(on=draw > 0)).items():
            error = (v - want[k]).abs().max().item()
            if draw:
                worst[k] = max(worst[k], error)
            else:  # the composition that carries the noise is the same function
                assert error <= 1e-11 * want[k].abs().max(), (k, error)
    parameters = sum(p.numel() for p in net.params.values())
    net.params = {k: v.float() for k, v in net.params.items()}
    got = run(net, x.float(), Exact())
    tol = {}
    for k, v in want.items():
        tol[k] = FACTOR * worst[k] + U * v.abs().max().item()
        off = (got[k] - v).abs().max().item()
        print(f"{k}: rms {v.pow(2).mean().sqrt():.3g}, tolerance {tol[k]:.2g}, PyTorch in f32 errs by "
              f"{off / tol[k]:.2f} of it")
        assert off < tol[k]
    tensors = {k: v.flatten()[:: STRIDE[k]].float().numpy() for k, v in want.items()}
    tensors["stride"] = np.array([STRIDE[k] for k in want], dtype=np.int32)
    tensors["tol"] = np.array([tol[k] for k in want], dtype=np.float32)
    path = os.path.join(DATA, "clip_base.safetensors")
    write_safetensors(path, tensors, {"parameters": str(parameters)})
    print(f"{path}: {os.path.getsize(path)} bytes, {parameters} parameters")


if __name__ == "__main__":
    main()
