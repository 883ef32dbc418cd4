#!/usr/bin/python3
"""Write the golden files of tests/golden/test_golden.c: tests/golden/data/NAME.safetensors.

Needs Debian's python3-torch and numpy, no diffusers:

    /usr/bin/python3 tests/golden/make_goldens.py [NAME...]

Each file holds one small network with seeded weights and what PyTorch computes with it in double
precision (then stored as f32): output, gradient to the input and gradients to all parameters for a
given cotangent.  The networks below are written from the published semantics of diffusers'
UNet2DModel (same tensor names) and of GgdmCNN (models/arch/README.md); they know nothing of the C
code.

Contents of a file (all F32 unless said otherwise; images are [N, H, W, C]):
    x [N,H,W,C]  t [N]  label [N] I32        inputs (t and label where the network takes them)
    y  gy  gx                                output, cotangent of the output, gradient of <gy, y>
    param.NAME  grad.NAME                    parameters and their gradients
    nll [N]  gx_nll  neg_prob [N]  gx_prob   classifiers, for target [N] I32: losses per image and the
                                             gradients of their sums over the images
    tol [2 + parameters (+ 4)]               tolerances: y, gx, then each grad.NAME in the order of
                                             the file, then nll, gx_nll, neg_prob, gx_prob
    metadata "config"                        the config.json

Tolerances are derived by a model of f32 rounding, not chosen.  The network is run again in double
precision, but after each operation, forward and backward, a random error of the size that f32
arithmetic may make there is added:
    a sum of k products     u sqrt(k) sum |a||b| * normal   (Higham & Mary 2019: the probabilistic
                            bound for any order of summation, with u = 2^-24)
    other operations        2 u |result| * normal
    sin and cos of t f      u (|t f| + 1) * normal          (t f rounded to f32)
The largest deviation of a tensor's elements from the exact run, over DRAWS runs, times FACTOR, plus
the rounding of the stored reference, is the tolerance of every element of that tensor.  The script
ends with a comparison of PyTorch's own f32 against them."""

import json
import math
import os
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

U = 2.0**-24
DRAWS = 10
FACTOR = 3.0
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


# ---- arithmetic: exact (PyTorch's own functions) or with modelled rounding -----------------------


class NoisyBilinear(torch.autograd.Function):
    """f(a, b), bilinear, with the rounding error of its sums, forward and backward.  The numbers of
    summands and the sums of absolute values come from f itself."""

    @staticmethod
    def forward(ctx, a, b, f):
        ctx.save_for_backward(a, b)
        ctx.f = f
        count = f(torch.ones_like(a), torch.ones_like(b))
        size = f(a.abs(), b.abs())
        return f(a, b) + U * count.sqrt() * size * torch.randn_like(size)

    @staticmethod
    def backward(ctx, gy):
        a, b = ctx.saved_tensors

        def grads(a, b, gy):
            with torch.enable_grad():
                a, b = a.detach().requires_grad_(), b.detach().requires_grad_()
                return torch.autograd.grad(ctx.f(a, b), (a, b), gy)

        exact = grads(a, b, gy)
        count = grads(torch.ones_like(a), torch.ones_like(b), torch.ones_like(gy))
        size = grads(a.abs(), b.abs(), gy.abs())
        out = [e + U * c.sqrt() * s * torch.randn_like(s) for e, c, s in zip(exact, count, size)]
        return out[0], out[1], None


class NoisyRound(torch.autograd.Function):
    """x with an absolute error, and its gradient with a relative one."""

    @staticmethod
    def forward(ctx, x, error):
        return x + error * torch.randn_like(x)

    @staticmethod
    def backward(ctx, gy):
        return gy + 2 * U * gy.abs() * torch.randn_like(gy), None


class Exact:
    def bilinear(self, a, b, f):
        return f(a, b)

    def round(self, x, error=None):
        return x

    def add(self, y, b):
        return y + b

    def softmax(self, x):
        return torch.softmax(x, -1)

    def log_softmax(self, x):
        return F.log_softmax(x, -1)

    def group_norm(self, x, groups, gamma, beta, eps):
        return F.group_norm(x, groups, gamma, beta, eps)


class Noisy:
    def __init__(self, on=True):
        self.on = on

    def bilinear(self, a, b, f):
        return NoisyBilinear.apply(a, b, f) if self.on else f(a, b)

    def round(self, x, error=None):
        if not self.on:
            return x
        return NoisyRound.apply(x, 2 * U * x.detach().abs() if error is None else error)

    def add(self, y, b):
        """y + b with b broadcast: the gradient of b is a sum."""
        return self.round(y + self.bilinear(torch.ones_like(y), b, lambda a, b: a * b))

    def exp_and_sum(self, x):
        e = self.round(torch.exp(self.round(x - x.detach().max(-1, keepdim=True)[0])))
        ones = torch.ones((1,) * e.dim(), dtype=e.dtype)
        return e, self.bilinear(e, ones, lambda a, b: (a * b).sum(-1, keepdim=True))

    def softmax(self, x):
        e, total = self.exp_and_sum(x)
        return self.bilinear(e, self.round(1 / total), lambda a, b: a * b)

    def log_softmax(self, x):
        total = self.exp_and_sum(x)[1]
        log = self.round(torch.log(total)) + x.detach().max(-1, keepdim=True)[0]
        return self.add(x, -log)

    def group_norm(self, x, groups, gamma, beta, eps):
        n, c, h, w = x.shape
        r = self.round
        g = x.reshape(n, groups, -1)
        ones = torch.full_like(g[:1, :1], 1.0 / g.shape[2])
        mean = self.bilinear(g, ones, lambda a, b: (a * b).sum(2, keepdim=True))
        d = r(g - mean)
        var = self.bilinear(r(d * d), ones, lambda a, b: (a * b).sum(2, keepdim=True))
        xhat = self.bilinear(d, r((var + eps) ** -0.5), lambda a, b: a * b).reshape(n, c, h, w)
        scaled = self.bilinear(xhat, gamma.reshape(1, c, 1, 1), lambda a, b: a * b)
        return self.add(scaled, beta.reshape(1, c, 1, 1))


# ---- layers --------------------------------------------------------------------------------------


class Net:
    """Parameters by name, made when first asked for, and the layers over them."""

    def __init__(self, config, seed):
        self.config = config
        self.rng = np.random.default_rng(seed)
        self.params = {}
        self.arith = Exact()

    def param(self, name, shape, scale, mean=0.0):
        if name not in self.params:
            value = (mean + scale * self.rng.standard_normal(shape)).astype(np.float32)
            self.params[name] = torch.from_numpy(value).double().requires_grad_()
        assert tuple(self.params[name].shape) == tuple(shape), name
        return self.params[name]

    def bias(self, y, name, n):
        b = self.param(name + ".bias", (n,), 0.1)
        return self.arith.add(y, b.reshape(1, n, 1, 1) if y.dim() == 4 else b)

    # Weights are small, so that the variance under a norm is not far above its epsilon: a wrong
    # epsilon is then visible.
    def conv(self, x, name, out, kernel=3, stride=1, padding=1):
        fan_in = x.shape[1] * kernel * kernel
        w = self.param(name + ".weight", (out, x.shape[1], kernel, kernel), 0.3 / math.sqrt(fan_in))
        y = self.arith.bilinear(x, w, lambda a, b: F.conv2d(a, b, None, stride, padding))
        return self.bias(y, name, out)

    def linear(self, x, name, out):
        w = self.param(name + ".weight", (out, x.shape[-1]), 1.0 / math.sqrt(x.shape[-1]))
        return self.bias(self.arith.bilinear(x, w, F.linear), name, out)

    def norm(self, x, name, groups, eps):
        c = x.shape[1]
        gamma = self.param(name + ".weight", (c,), 0.3, 1.0)
        beta = self.param(name + ".bias", (c,), 0.3)
        return self.arith.group_norm(x, groups, gamma, beta, eps)

    def silu(self, x):
        return self.arith.round(F.silu(x))


class UNet2D(Net):
    """diffusers.UNet2DModel; keys that are absent have its defaults."""

    DEFAULTS = {
        "center_input_sample": False, "freq_shift": 0, "flip_sin_to_cos": True,
        "layers_per_block": 2, "mid_block_scale_factor": 1, "downsample_padding": 1,
        "attention_head_dim": 8, "norm_num_groups": 32, "attn_norm_num_groups": None,
        "norm_eps": 1e-5, "resnet_time_scale_shift": "default", "add_attention": True,
        "num_class_embeds": None,
    }

    def get(self, key):
        return self.config[key] if key in self.config else self.DEFAULTS[key]

    def time_features(self, t, dim):
        half = dim // 2
        i = torch.arange(half, dtype=torch.float64)
        arg = t[:, None].double() * torch.exp(-math.log(10000) * i / (half - self.get("freq_shift")))
        sin, cos = (self.arith.round(v, U * (arg.abs() + 1)) for v in (torch.sin(arg), torch.cos(arg)))
        return torch.cat([cos, sin] if self.get("flip_sin_to_cos") else [sin, cos], 1).to(t.dtype)

    def resnet(self, x, name, out, temb, scale=1.0):
        groups, eps = self.get("norm_num_groups"), self.get("norm_eps")
        shift = self.get("resnet_time_scale_shift") == "scale_shift"
        h = self.conv(self.silu(self.norm(x, name + ".norm1", groups, eps)), name + ".conv1", out)
        e = self.linear(self.silu(temb), name + ".time_emb_proj", 2 * out if shift else out)
        e = e[:, :, None, None]
        if shift:
            s, b = e.chunk(2, 1)
            h = self.norm(h, name + ".norm2", groups, eps)
            h = self.arith.add(self.arith.bilinear(h, 1 + s, lambda a, b: a * b), b)
        else:
            h = self.norm(self.arith.add(h, e), name + ".norm2", groups, eps)
        h = self.conv(self.silu(h), name + ".conv2", out)
        if x.shape[1] != out:
            x = self.conv(x, name + ".conv_shortcut", out, 1, 1, 0)
        return self.arith.round((x + h) / scale)

    def attention(self, x, name, groups, scale=1.0):
        n, c, hh, ww = x.shape
        dim = self.get("attention_head_dim") or c
        h = self.norm(x, name + ".group_norm", groups, self.get("norm_eps")) if groups else x
        h = h.reshape(n, c, hh * ww).transpose(1, 2)
        q, k, v = (
            self.linear(h, name + "." + part, c).reshape(n, hh * ww, c // dim, dim).transpose(1, 2)
            for part in ("to_q", "to_k", "to_v")
        )
        s = self.arith.bilinear(q, k, lambda a, b: a @ b.transpose(-1, -2))
        p = self.arith.softmax(self.arith.round(s / math.sqrt(dim)))
        h = self.arith.bilinear(p, v, torch.matmul).transpose(1, 2).reshape(n, hh * ww, c)
        h = self.linear(h, name + ".to_out.0", c).transpose(1, 2).reshape(n, c, hh, ww)
        return self.arith.round((x + h) / scale)

    def forward(self, x, t, label):
        config, get = self.config, self.get
        widths, layers, groups = config["block_out_channels"], get("layers_per_block"), get("norm_num_groups")
        last = len(widths) - 1
        temb = self.linear(self.time_features(t, widths[0]), "time_embedding.linear_1", 4 * widths[0])
        temb = self.linear(self.silu(temb), "time_embedding.linear_2", 4 * widths[0])
        if get("num_class_embeds"):
            table = self.param("class_embedding.weight", (get("num_class_embeds"), 4 * widths[0]), 1.0)
            rows = torch.stack([table[i] if i >= 0 else torch.zeros_like(table[0]) for i in label])
            temb = self.arith.round(temb + rows)
        if get("center_input_sample"):
            x = self.arith.round(2 * x - 1)
        h = self.conv(x, "conv_in", widths[0])
        skips = [h]
        for i, kind in enumerate(config["down_block_types"]):
            for j in range(layers):
                h = self.resnet(h, f"down_blocks.{i}.resnets.{j}", widths[i], temb)
                if kind == "AttnDownBlock2D":
                    h = self.attention(h, f"down_blocks.{i}.attentions.{j}", groups)
                skips.append(h)
            if i < last:
                name = f"down_blocks.{i}.downsamplers.0.conv"
                if get("downsample_padding") == 0:
                    h = self.conv(F.pad(h, (0, 1, 0, 1)), name, widths[i], 3, 2, 0)
                else:
                    h = self.conv(h, name, widths[i], 3, 2, get("downsample_padding"))
                skips.append(h)
        scale, shift = get("mid_block_scale_factor"), get("resnet_time_scale_shift") == "scale_shift"
        h = self.resnet(h, "mid_block.resnets.0", widths[last], temb, scale)
        if get("add_attention"):
            mid_groups = get("attn_norm_num_groups") or (None if shift else groups)
            h = self.attention(h, "mid_block.attentions.0", mid_groups, scale)
        h = self.resnet(h, "mid_block.resnets.1", widths[last], temb, scale)
        for i, kind in enumerate(config["up_block_types"]):
            width = widths[last - i]
            for j in range(layers + 1):
                h = self.resnet(torch.cat([h, skips.pop()], 1), f"up_blocks.{i}.resnets.{j}", width, temb)
                if kind == "AttnUpBlock2D":
                    h = self.attention(h, f"up_blocks.{i}.attentions.{j}", groups)
            if i < last:
                h = F.interpolate(h, scale_factor=2.0, mode="nearest")
                h = self.conv(h, f"up_blocks.{i}.upsamplers.0.conv", width)
        assert not skips
        h = self.silu(self.norm(h, "conv_norm_out", groups, get("norm_eps")))
        return self.conv(h, "conv_out", config["out_channels"])


class CNN(Net):
    """GgdmCNN; returns log probabilities."""

    def act(self, x, act):
        return self.silu(x) if act == "silu" else F.relu(x) if act == "relu" else x

    def forward(self, x, t, label):
        layers = list(self.config["layers"])
        if layers[-1] != {"linear": self.config["num_classes"]}:
            layers.append({"linear": self.config["num_classes"]})
        for i, layer in enumerate(layers):
            name = f"layers.{i}"
            if "conv" in layer:
                kernel = layer.get("kernel", 3)
                x = self.conv(x, name, layer["conv"], kernel, layer.get("stride", 1), kernel // 2)
                if layer.get("norm_groups", 0):
                    x = self.norm(x, name + ".norm", layer["norm_groups"], 1e-5)
                x = self.act(x, layer.get("act", "none"))
            elif "pool" in layer:
                k = layer.get("size", 2)
                if layer["pool"] == "max":
                    x = F.max_pool2d(x, k)
                else:
                    w = torch.full((x.shape[1], 1, k, k), 1.0 / (k * k), dtype=x.dtype)
                    x = self.arith.bilinear(
                        x, w, lambda a, b, k=k: F.conv2d(a, b, None, k, groups=a.shape[1]))
            elif "global_avg_pool" in layer:
                w = torch.full_like(x[:1, :1], 1.0 / (x.shape[2] * x.shape[3]))
                x = self.arith.bilinear(x, w, lambda a, b: (a * b).sum((2, 3)))
            elif "flatten" in layer:
                x = x.flatten(1)
            else:
                x = self.act(self.linear(x, name, layer["linear"]), layer.get("act", "none"))
        return self.arith.log_softmax(x)


# ---- the networks --------------------------------------------------------------------------------

D, AD, UP, AU = "DownBlock2D", "AttnDownBlock2D", "UpBlock2D", "AttnUpBlock2D"


def unet(size, channels, widths, down, up, **more):
    return {"_class_name": "UNet2DModel", "sample_size": size, "in_channels": channels,
            "out_channels": channels, "block_out_channels": widths, "down_block_types": down,
            "up_block_types": up, **more}


# NAME: (class, config, t, label or target)
CASES = {
    # One channel, no attention at all, diffusers' defaults wherever a key is absent.
    "unet_gray": (UNet2D, unet(8, 1, [4, 8], [D, D], [UP, UP], layers_per_block=1,
                               norm_num_groups=2, add_attention=False), [3, 0], None),
    # RGB, attention at two levels with several heads, everything as in google/ddpm-cifar10-32.
    "unet_rgb": (UNet2D, unet(16, 3, [4, 8, 8], [D, AD, AD], [AU, AU, UP], layers_per_block=1,
                              norm_num_groups=2, norm_eps=1e-6, attention_head_dim=2,
                              downsample_padding=0, flip_sin_to_cos=False, freq_shift=1),
                 [200, 17], None),
    # Scale and shift, class embeddings (the second image unlabelled), 28 -> 14 -> 7 pixels.
    "unet_class": (UNet2D, unet(28, 1, [4, 8, 8], [D, D, D], [UP, UP, UP], layers_per_block=1,
                                norm_num_groups=2, resnet_time_scale_shift="scale_shift",
                                num_class_embeds=3, attention_head_dim=4), [40, 120], [2, -1]),
    # The geometry of models/zoo/mnist-ddpm, an eighth of its width.
    "unet_mnist": (UNet2D, unet(28, 1, [4, 8, 8], [D, D, D], [UP, UP, UP], layers_per_block=2,
                                norm_num_groups=2, attention_head_dim=None), [999, 7], None),
    # The rare keys; one level, odd size.
    "unet_rare": (UNet2D, unet(5, 2, [8], [AD], [AU], layers_per_block=2, norm_num_groups=4,
                               resnet_time_scale_shift="scale_shift", attn_norm_num_groups=2,
                               mid_block_scale_factor=1.5, center_input_sample=True,
                               attention_head_dim=None), [11, 90, 2], None),
    # Group norm, stride 2, max pooling, flatten, hidden linear layer, implicit last layer.
    "cnn_norm": (CNN, {"_class_name": "GgdmCNN", "sample_size": 28, "in_channels": 1,
                       "num_classes": 10, "layers": [
                           {"conv": 6, "kernel": 5, "stride": 2, "norm_groups": 2, "act": "silu"},
                           {"pool": "max"},
                           {"conv": 8, "norm_groups": 4, "act": "relu"},
                           {"flatten": True},
                           {"linear": 12, "act": "relu"}]}, None, [0, 7, 3]),
    # RGB, odd sizes cut by pooling, no norm, global pooling, explicit last layer.
    "cnn_plain": (CNN, {"_class_name": "GgdmCNN", "sample_size": 13, "in_channels": 3,
                        "num_classes": 4, "layers": [
                            {"conv": 8, "act": "relu"}, {"pool": "avg", "size": 2},
                            {"conv": 8, "kernel": 1, "act": "silu"}, {"pool": "max", "size": 3},
                            {"conv": 16, "act": "silu"}, {"global_avg_pool": True},
                            {"linear": 4}]}, None, [3, 1]),
}


# ---- running and writing -------------------------------------------------------------------------


def nchw(x):
    return x.permute(0, 3, 1, 2)


def run(net, case, arith, dtype=torch.float64):
    """All results of one run, by name, images as [N, H, W, C]."""
    net.arith = arith
    x = case["x"].to(dtype).requires_grad_()
    t = None if case["t"] is None else case["t"].to(dtype)
    names = list(net.params)
    saved = dict(net.params)
    for name in names:
        net.params[name] = saved[name].detach().to(dtype).requires_grad_()
    y = net.forward(nchw(x), t, case["label"])
    y_out = y.permute(0, 2, 3, 1) if y.dim() == 4 else y
    out = {"y": y_out}
    if case["gy"] is not None:
        leaves = [x] + [net.params[n] for n in names]
        grads = torch.autograd.grad(y_out, leaves, case["gy"].to(dtype), retain_graph=True)
        out["gx"] = grads[0]
        out.update({"grad." + n: g for n, g in zip(names, grads[1:])})
    if case["target"] is not None:
        logp = y.gather(1, case["target"].long()[:, None])[:, 0]
        out["nll"], out["neg_prob"] = -logp, arith.round(-logp.exp())
        out["gx_nll"] = torch.autograd.grad(out["nll"].sum(), x, retain_graph=True)[0]
        out["gx_prob"] = torch.autograd.grad(out["neg_prob"].sum(), x)[0]
    if names:  # (the first run has made them)
        net.params = saved
    return {k: v.detach().double() for k, v in out.items()}


def write_safetensors(path, tensors, metadata):
    header, data, offset = {"__metadata__": metadata}, [], 0
    for name, a in tensors.items():
        a = np.ascontiguousarray(a)
        dtype = {"float32": "F32", "int32": "I32"}[a.dtype.name]
        header[name] = {"dtype": dtype, "shape": list(a.shape), "data_offsets": [offset, offset + a.nbytes]}
        data.append(a.tobytes())
        offset += a.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 64)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(data))


def make(name, seed):
    kind, config, t, label = CASES[name]
    rng = np.random.default_rng(1000 + seed)
    torch.manual_seed(seed)
    n = len(label or t)
    size = config["sample_size"]
    f32 = lambda *shape: torch.from_numpy(rng.standard_normal(shape).astype(np.float32))
    case = {"x": f32(n, size, size, config["in_channels"]),
            "t": None if t is None else torch.tensor(t, dtype=torch.float32),
            "label": label if kind is UNet2D else None,
            "target": torch.tensor(label, dtype=torch.int32) if kind is CNN else None, "gy": None}
    net = kind(config, seed)
    y = run(net, case, Exact())["y"]  # makes the parameters
    case["gy"] = f32(*y.shape)

    exact = run(net, case, Exact())
    composed = run(net, case, Noisy(on=False))
    for k, v in exact.items():  # the composition that carries the noise is the same function
        assert (v - composed[k]).abs().max() <= 1e-11 * (1 + v.abs().max()), k
    worst = {k: 0.0 for k in exact}
    for _ in range(DRAWS):
        for k, v in run(net, case, Noisy()).items():
            worst[k] = max(worst[k], (v - exact[k]).abs().max().item())
    tol = {k: FACTOR * worst[k] + U * exact[k].abs().max().item() for k in exact}
    order = ["y", "gx"] + ["grad." + p for p in net.params]
    if kind is CNN:
        order += ["nll", "gx_nll", "neg_prob", "gx_prob"]

    tensors = {"x": case["x"], "gy": case["gy"]}
    if t is not None:
        tensors["t"] = case["t"]
    if label is not None:
        tensors["label" if kind is UNet2D else "target"] = torch.tensor(label, dtype=torch.int32)
    tensors.update({"param." + p: v.detach().float() for p, v in net.params.items()})
    tensors.update({k: exact[k].float() for k in order})
    tensors["tol"] = torch.tensor([tol[k] for k in order], dtype=torch.float32)
    path = os.path.join(DATA, name + ".safetensors")
    write_safetensors(path, {k: v.numpy() for k, v in tensors.items()}, {"config": json.dumps(config)})

    single = run(net, case, Exact(), torch.float32)
    share = {k: (single[k] - exact[k]).abs().max().item() / tol[k] for k in exact}
    rel = {k: tol[k] / max(exact[k].abs().max().item(), 1e-300) for k in exact}
    near = max(share, key=share.get)
    print(f"{name}: {sum(p.numel() for p in net.params.values())} parameters, "
          f"{os.path.getsize(path)} bytes; tolerance relative to max |.|: y {rel['y']:.1e}, "
          f"gx {rel['gx']:.1e}, median of grads {np.median([rel[k] for k in order]):.1e}; "
          f"PyTorch f32 errs by {share['y']:.2f} of it in y, at most {share[near]:.2f} ({near})")
    assert share[near] < 1


def main():
    os.makedirs(DATA, exist_ok=True)
    torch.set_num_threads(1)
    for seed, name in enumerate(CASES):
        if len(sys.argv) < 2 or name in sys.argv[1:]:
            make(name, seed + 1)


if __name__ == "__main__":
    main()
