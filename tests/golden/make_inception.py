#!/usr/bin/python3
"""Write tests/golden/data/inception.safetensors: what PyTorch computes with FIDInceptionV3.

Needs Debian's python3-torch and numpy, no torchvision:

    /usr/bin/python3 tests/golden/make_inception.py

The network has 24 million weights, so they are not in the file: this script and test_inception.c make
the same ones, and the same images, of hashes of their names and places (number() below).  The file
has samples of the results, in double precision then stored as f32, as computed by torch's own
functions from bytes on:

    resized.IMAGE  of [299, 299, 3]        the image as the network takes it (F.interpolate)
    LAYER.IMAGE                            features of the layer ("features": the last)
    stride, tol                            two numbers for each of these, in the order of the file:
                                           every so-manyth element of the flattened tensor is there,
                                           from the first on; the tolerance of each

The tolerances of layers come from the model of f32 rounding of make_goldens.py, but for sums of k
products, whose error is u sqrt(k) times the root of the sum of their squares: the signs of these
weights are random, so that partial sums are random walks, and that sum times k / 2 is what their
squares add up to.  A resized image is computed in f32 by both sides: a few roundings of numbers up to
1, and of places up to the size of the image."""

import os

import numpy as np
import torch
import torch.nn.functional as F

from make_goldens import DATA, FACTOR, Noisy, write_safetensors
from torch_networks import U

DRAWS = 4
IMAGES = {"small": (24, 33, 3), "grey": (40, 28, 1), "large": (310, 433, 3)}  # height, width, channels
THROUGH = ["small", "grey"]  # those that go through the network
STRIDE = {"resized": 9973, "features": 61, "logits": 37, "logits_biased": 37, "spatial": 67,
          "MaxPool_1": 3, "Mixed_5d": 11, "Mixed_6e": 23, "Mixed_7b": 41}

# ---- numbers out of nothing ----------------------------------------------------------------------


def seed_of(name):
    h = 2166136261
    for c in name.encode():
        h = (h ^ c) * 16777619 & 0xFFFFFFFF  # FNV-1a
    return h


def bits(name, n):
    x = (np.arange(n, dtype=np.uint64) * 0x9E3779B9 + seed_of(name) & 0xFFFFFFFF).astype(np.uint32)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        x ^= x >> np.uint32(shift)
        x = (x.astype(np.uint64) * factor & 0xFFFFFFFF).astype(np.uint32)
    return x


def number(name, shape):
    """Uniform in [-1, 1), exact in f32."""
    return ((bits(name, int(np.prod(shape))) >> np.uint32(8)) / 2.0**23 - 1).reshape(shape)


def f32(x):
    return torch.from_numpy(x.astype(np.float32)).double()


def byte_image(name):
    return (bits("image " + name, int(np.prod(IMAGES[name]))) >> np.uint32(24)).reshape(IMAGES[name])


# ---- the network ---------------------------------------------------------------------------------


class Inception:
    def __init__(self, arith):
        self.arith, self.weights = arith, {}

    def tensor(self, name, make):
        if name not in self.weights:
            self.weights[name] = make()
        return self.weights[name]

    def conv(self, x, name, out, kernel, stride=1, pad=(0, 0)):
        """Convolution, batch norm by statistics, ReLU."""
        shape, c = (out, x.shape[1], *kernel), self.tensor
        w = c(name + ".conv.weight",
              lambda: f32(number(name + ".conv.weight", shape) * np.sqrt(6 / np.prod(shape[1:]))))
        part = lambda key, at, by: c(
            name + ".bn." + key, lambda: f32(at + by * number(name + ".bn." + key, (out,))))
        gamma, beta = part("weight", 1, 0.25), part("bias", 0, 0.125)
        mean, var = part("running_mean", 0, 0.125), part("running_var", 1, 0.5)
        if not self.arith:
            x = F.conv2d(x, w, None, stride, pad)
            return F.relu(F.batch_norm(x, mean, var, gamma, beta, False, 0, 1e-3))
        x = self.products(lambda a, b: F.conv2d(a, b, None, stride, pad), x, w)
        scale = gamma / torch.sqrt(var + 1e-3)
        wide = lambda v: v.reshape(1, -1, 1, 1)
        y = x * wide(scale) + wide(beta - mean * scale)
        error = U * ((x * wide(scale)).abs() + wide((beta - mean * scale).abs()) + y.abs())
        return F.relu(self.arith.round(y, error))

    def products(self, f, x, w):
        """f, whose results are sums of products with as many weights as a row of w has."""
        error = U * (w[0].numel() * f(x.float() ** 2, w.float() ** 2)).sqrt() if self.arith.on else None
        return self.arith.round(f(x, w), error)

    def mean(self, x):
        if not self.arith:
            return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        y = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        return self.arith.round(y, U * 4 * F.avg_pool2d(x.abs(), 3, 1, 1, count_include_pad=False))

    def pixels(self, x):
        return self.arith.global_avg_pool(x) if self.arith else F.adaptive_avg_pool2d(x, 1).flatten(1)

    def chain(self, x, block, *convs):
        for name, *rest in convs:
            x = self.conv(x, block + "." + name, *rest)
        return x

    def forward(self, x):
        """x [N, 3, 299, 299] -> the layers by name."""
        K1, K3, K5, W7, H7, W3, H3 = (1, 1), (3, 3), (5, 5), (1, 7), (7, 1), (1, 3), (3, 1)
        P3, P5, PW7, PH7, PW3, PH3 = (1, 1), (2, 2), (0, 3), (3, 0), (0, 1), (1, 0)
        out = {}
        x = self.conv(x, "Conv2d_1a_3x3", 32, K3, 2)
        x = self.conv(x, "Conv2d_2a_3x3", 32, K3)
        x = self.conv(x, "Conv2d_2b_3x3", 64, K3, 1, P3)
        x = F.max_pool2d(x, 3, 2)
        out["MaxPool_1"] = self.pixels(x)
        x = self.conv(x, "Conv2d_3b_1x1", 80, K1)
        x = self.conv(x, "Conv2d_4a_3x3", 192, K3)
        x = F.max_pool2d(x, 3, 2)
        for block, width in (("Mixed_5b", 32), ("Mixed_5c", 64), ("Mixed_5d", 64)):
            x = torch.cat([
                self.chain(x, block, ("branch1x1", 64, K1)),
                self.chain(x, block, ("branch5x5_1", 48, K1), ("branch5x5_2", 64, K5, 1, P5)),
                self.chain(x, block, ("branch3x3dbl_1", 64, K1), ("branch3x3dbl_2", 96, K3, 1, P3),
                           ("branch3x3dbl_3", 96, K3, 1, P3)),
                self.chain(self.mean(x), block, ("branch_pool", width, K1))], 1)
        out["Mixed_5d"] = self.pixels(x)
        x = torch.cat([
            self.chain(x, "Mixed_6a", ("branch3x3", 384, K3, 2)),
            self.chain(x, "Mixed_6a", ("branch3x3dbl_1", 64, K1), ("branch3x3dbl_2", 96, K3, 1, P3),
                       ("branch3x3dbl_3", 96, K3, 2)),
            F.max_pool2d(x, 3, 2)], 1)
        for block, c in (("Mixed_6b", 128), ("Mixed_6c", 160), ("Mixed_6d", 160), ("Mixed_6e", 192)):
            one = self.chain(x, block, ("branch1x1", 192, K1))
            if block == "Mixed_6d":
                out["spatial"] = one[:, :7].permute(0, 2, 3, 1).flatten(1)
            x = torch.cat([
                one,
                self.chain(x, block, ("branch7x7_1", c, K1), ("branch7x7_2", c, W7, 1, PW7),
                           ("branch7x7_3", 192, H7, 1, PH7)),
                self.chain(x, block, ("branch7x7dbl_1", c, K1), ("branch7x7dbl_2", c, H7, 1, PH7),
                           ("branch7x7dbl_3", c, W7, 1, PW7), ("branch7x7dbl_4", c, H7, 1, PH7),
                           ("branch7x7dbl_5", 192, W7, 1, PW7)),
                self.chain(self.mean(x), block, ("branch_pool", 192, K1))], 1)
        out["Mixed_6e"] = self.pixels(x)
        x = torch.cat([
            self.chain(x, "Mixed_7a", ("branch3x3_1", 192, K1), ("branch3x3_2", 320, K3, 2)),
            self.chain(x, "Mixed_7a", ("branch7x7x3_1", 192, K1), ("branch7x7x3_2", 192, W7, 1, PW7),
                       ("branch7x7x3_3", 192, H7, 1, PH7), ("branch7x7x3_4", 192, K3, 2)),
            F.max_pool2d(x, 3, 2)], 1)
        for block in ("Mixed_7b", "Mixed_7c"):
            three = self.chain(x, block, ("branch3x3_1", 384, K1))
            twice = self.chain(x, block, ("branch3x3dbl_1", 448, K1), ("branch3x3dbl_2", 384, K3, 1, P3))
            pooled = self.mean(x) if block == "Mixed_7b" else F.max_pool2d(x, 3, 1, 1)
            x = torch.cat([
                self.chain(x, block, ("branch1x1", 320, K1)),
                self.chain(three, block, ("branch3x3_2a", 384, W3, 1, PW3)),
                self.chain(three, block, ("branch3x3_2b", 384, H3, 1, PH3)),
                self.chain(twice, block, ("branch3x3dbl_3a", 384, W3, 1, PW3)),
                self.chain(twice, block, ("branch3x3dbl_3b", 384, H3, 1, PH3)),
                self.chain(pooled, block, ("branch_pool", 192, K1))], 1)
            if block == "Mixed_7b":
                out["Mixed_7b"] = self.pixels(x)
        out["features"] = x = self.pixels(x)
        w = self.tensor("fc.weight", lambda: f32(number("fc.weight", (1008, 2048)) * 0.0625))
        b = self.tensor("fc.bias", lambda: f32(number("fc.bias", (1008,))))
        x = self.products(F.linear, x, w) if self.arith else F.linear(x, w)
        out["logits"] = self.arith.log_softmax(x) if self.arith else F.log_softmax(x, 1)
        out["logits_biased"] = self.arith.round(x + b) if self.arith else x + b
        return out


# ---- running and writing -------------------------------------------------------------------------


def resize(image):
    """As pytorch-fid: [H, W, C] bytes -> [1, 3, 299, 299] in f32."""
    x = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)[None] / 255
    x = F.interpolate(x, size=(299, 299), mode="bilinear", align_corners=False)
    return (2 * x - 1).expand(-1, 3, -1, -1)


def main():
    torch.set_num_threads(1)  # products of doubles in several threads are not always right (OpenBLAS)
    tensors, tol, strides = {}, [], []

    def put(name, image, value, error):
        tensors[name + "." + image] = value.flatten()[:: STRIDE[name]].float().numpy()
        tol.append(error)
        strides.append(STRIDE[name])

    inputs = {}
    for image, (height, width, _) in IMAGES.items():
        inputs[image] = resize(byte_image(image))
        # bytes next to each other differ by up to 2 units, places lie within U of their size
        put("resized", image, inputs[image].permute(0, 2, 3, 1), 8 * U + 2 * 2 * U * max(height, width))
    x = torch.cat([inputs[i] for i in THROUGH]).double()
    exact = Inception(None)
    with torch.no_grad():
        want = exact.forward(x)
        worst = {k: 0.0 for k in want}
        for draw in range(DRAWS + 1):
            torch.manual_seed(draw)
            noisy = Inception(Noisy(on=draw > 0))
            noisy.weights = exact.weights
            print(f"draw {draw} of {DRAWS}", flush=True)
            for k, v in noisy.forward(x).items():
                error = (v - want[k]).abs().max().item()
                if draw:
                    worst[k] = max(worst[k], error)
                else:  # the composition that carries the noise is the same function
                    assert error <= 1e-11 * want[k].abs().max(), (k, error)
        single = Inception(None)
        single.weights = {k: v.float() for k, v in exact.weights.items()}
        got = single.forward(x.float())
    for k, v in want.items():
        error = FACTOR * worst[k] + U * v.abs().max().item()
        off = (got[k] - v).abs().max().item()
        print(f"{k}: {v.shape[1]} of rms {v.pow(2).mean().sqrt():.3g}, deviation over the features "
              f"{v.std(1).mean():.3g}, between the images {(v[0] - v[1]).abs().mean():.3g}; tolerance "
              f"{error:.2g}, PyTorch in f32 errs by {off / error:.2f} of it")
        assert off < error
        for i, image in enumerate(THROUGH):
            put(k, image, v[i], error)
    tensors["stride"] = np.array(strides, dtype=np.int32)
    tensors["tol"] = np.array(tol, dtype=np.float32)
    path = os.path.join(DATA, "inception.safetensors")
    write_safetensors(path, tensors, {"parameters": str(sum(w.numel() for w in exact.weights.values()))})
    print(f"{path}: {os.path.getsize(path)} bytes, {sum(w.numel() for w in exact.weights.values())} parameters")


if __name__ == "__main__":
    main()
