#!/usr/bin/python3
"""Write the golden files of tests/golden/test_golden.c: tests/golden/data/NAME.safetensors.

Needs Debian's python3-torch and numpy, no diffusers:

    /usr/bin/python3 tests/golden/make_goldens.py [NAME...]

Each file holds one small network with seeded weights and what PyTorch computes with it in double
precision (then stored as f32): output, gradient to the input and gradients to all parameters for a
given cotangent.  The networks are those of torch_networks.py.

Contents of a file (all F32 unless said otherwise; images are [N, H, W, C]):
    x [N,H,W,C]  t [N]  label [N] I32        inputs (t, label and context where the network takes
    context [N,S,K]                          them)
    y  gy  gx                                output, cotangent of the output, gradient of <gy, y>
    param.NAME  grad.NAME                    parameters and their gradients
    nll [N]  gx_nll  neg_prob [N]  gx_prob   classifiers, for target [N] I32: losses per image and the
                                             gradients of their sums over the images
    tol [2 + parameters (+ 4)]               tolerances: y, gx (where there is x), then each
                                             grad.NAME in the order of the file, then nll, gx_nll, neg_prob, gx_prob
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
import os
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

from torch_networks import ADM, CNN, U, ADMClassifier, Exact, GGDMUNet, UNet2D, UNet2DCondition

DRAWS = 10
FACTOR = 3.0
DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")


# ---- arithmetic with modelled rounding -----------------------------------------------------------


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

    def conv(self, x, w, b, stride, padding):
        y = self.bilinear(x, w, lambda a, b: F.conv2d(a, b, None, stride, padding))
        return self.add(y, b.reshape(1, -1, 1, 1))

    def linear(self, x, w, b):
        y = self.bilinear(x, w, F.linear)
        return y if b is None else self.add(y, b)

    def silu(self, x):
        return self.round(F.silu(x))

    def gelu(self, x):
        return self.round(F.gelu(x))

    def avg_pool(self, x, k):
        w = torch.full((x.shape[1], 1, k, k), 1.0 / (k * k), dtype=x.dtype)
        return self.bilinear(x, w, lambda a, b: F.conv2d(a, b, None, k, groups=a.shape[1]))

    def global_avg_pool(self, x):
        w = torch.full_like(x[:1, :1], 1.0 / (x.shape[2] * x.shape[3]))
        return self.bilinear(x, w, lambda a, b: (a * b).sum((2, 3)))

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
        xhat = self.standardise(x.reshape(n, groups, -1), eps).reshape(n, c, h, w)
        scaled = self.bilinear(xhat, gamma.reshape(1, c, 1, 1), lambda a, b: a * b)
        return self.add(scaled, beta.reshape(1, c, 1, 1))

    def standardise(self, g, eps):
        r = self.round
        ones = torch.full_like(g[:1, :1], 1.0 / g.shape[2])
        mean = self.bilinear(g, ones, lambda a, b: (a * b).sum(2, keepdim=True))
        d = r(g - mean)
        var = self.bilinear(r(d * d), ones, lambda a, b: (a * b).sum(2, keepdim=True))
        return self.bilinear(d, r((var + eps) ** -0.5), lambda a, b: a * b)

    def layer_norm(self, x, gamma, beta, eps):
        return self.add(self.bilinear(self.standardise(x, eps), gamma, lambda a, b: a * b), beta)


# ---- the networks --------------------------------------------------------------------------------

D, AD, UP, AU = "DownBlock2D", "AttnDownBlock2D", "UpBlock2D", "AttnUpBlock2D"


def unet(size, channels, widths, down, up, **more):
    return {"_class_name": "UNet2DModel", "sample_size": size, "in_channels": channels,
            "out_channels": channels, "block_out_channels": widths, "down_block_types": down,
            "up_block_types": up, **more}


def cross(size, channels, widths, down, up, **more):
    """A UNet2DConditionModel; C: its blocks with attention."""
    down = ["CrossAttnDownBlock2D" if b == "C" else b for b in down]
    up = ["CrossAttnUpBlock2D" if b == "C" else b for b in up]
    return {**unet(size, channels, widths, down, up, **more), "_class_name": "UNet2DConditionModel"}


POSITIONS = 5  # of the context of those

CLASSIFIERS = (CNN, ADMClassifier)

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
    # 3x3 convolutions of so many channels that they are done by Winograd's method.
    "cnn_wide": (CNN, {"_class_name": "GgdmCNN", "sample_size": 9, "in_channels": 1,
                       "num_classes": 3, "layers": [
                           {"conv": 32, "act": "silu"}, {"conv": 36, "act": "silu"},
                           {"pool": "max"}, {"conv": 32, "act": "silu"},
                           {"global_avg_pool": True}, {"linear": 3}]}, None, [2, 0]),
    # Stable Diffusion 2 in small: heads by level, linear layers around several transformer blocks;
    # and class embeddings, which it has not.
    "unet_cross2": (UNet2DCondition, cross(4, 3, [4, 8], [D, "C"], ["C", UP], layers_per_block=1,
                                           norm_num_groups=2, attention_head_dim=[1, 4],
                                           cross_attention_dim=3, use_linear_projection=True,
                                           transformer_layers_per_block=[1, 2], norm_eps=1e-6,
                                           num_class_embeds=3), [7, 900], [1, -1]),
    # Stable Diffusion 1.5 in small: one number of heads, convolutions around its transformers.
    "unet_cross": (UNet2DCondition, cross(4, 4, [8, 8], ["C", D], [UP, "C"], layers_per_block=1,
                                          norm_num_groups=2, attention_head_dim=2,
                                          cross_attention_dim=6), [500, 3], None),
    # guided-diffusion's published networks in small: residual blocks change the size, FiLM, a
    # learned variance, classes (the second image without one), the newer order of heads.
    "adm_class": (ADM, {"_class_name": "ADMUNet", "image_size": 8, "in_channels": 3, "num_channels": 8,
                        "num_res_blocks": 1, "channel_mult": [1, 2], "attention_resolutions": "4",
                        "num_head_channels": 4, "learn_sigma": True, "class_cond": True, "num_classes": 3,
                        "resblock_updown": True, "use_new_attention_order": True,
                        "norm_num_groups": 4}, [250, 3], [2, -1]),
    # improved-diffusion's: convolutions change the size, the older order of heads, more of them
    # going up; attention at the full size.
    "adm_plain": (ADM, {"_class_name": "ADMUNet", "image_size": 8, "in_channels": 1, "num_channels": 8,
                        "num_res_blocks": 1, "channel_mult": [1, 0.5], "attention_resolutions": [8, 4],
                        "num_heads": 2, "num_heads_upsample": 4, "use_scale_shift_norm": False,
                        "norm_num_groups": 2}, [999, 12], None),
    # Without convolutions between sizes, t as rescale_timesteps has it.
    "adm_rare": (ADM, {"_class_name": "ADMUNet", "image_size": 4, "in_channels": 2, "num_channels": 4,
                       "num_res_blocks": 1, "channel_mult": [1, 1], "attention_resolutions": [],
                       "num_heads": 1, "conv_resample": False, "rescale_timesteps": True,
                       "diffusion_steps": 4000, "norm_num_groups": 2}, [400, 3999], None),
    # Its classifiers of noisy images, with each of their pools.
    "adm_attention": (ADMClassifier, {"_class_name": "ADMClassifier", "image_size": 8, "in_channels": 3,
                                      "classifier_width": 8, "classifier_depth": 1, "channel_mult": [1, 2],
                                      "classifier_attention_resolutions": "4", "num_head_channels": 4,
                                      "num_classes": 5, "norm_num_groups": 4}, [30, 700], [4, 0]),
    "adm_adaptive": (ADMClassifier, {"_class_name": "ADMClassifier", "image_size": 4, "in_channels": 1,
                                     "classifier_width": 4, "classifier_depth": 1, "channel_mult": [1, 1],
                                     "classifier_attention_resolutions": "4", "num_head_channels": 2,
                                     "classifier_pool": "adaptive", "num_classes": 3,
                                     "classifier_resblock_updown": False,
                                     "classifier_use_scale_shift_norm": False,
                                     "norm_num_groups": 2}, [5, 999], [1, 2]),
    # The U-Net of the GGDM repository: transposed convolutions, attention whose norm is not used.
    "ggdm_unet": (GGDMUNet, {"_class_name": "GGDMUNet", "image_size": 4, "image_channels": 1,
                             "n_channels": 16, "ch_mults": [1, 1], "is_attn": [False, True],
                             "n_blocks": 1, "n_groups": 4, "n_steps": 500, "data_range": "-1..1"},
                  [499, 20], None),
}


# ---- running and writing -------------------------------------------------------------------------


def nchw(x):
    return x.permute(0, 3, 1, 2)


def run(net, case, arith, dtype=torch.float64):
    """All results of one run, by name, images as [N, H, W, C]."""
    net.arith = arith
    x = None if case["x"] is None else case["x"].to(dtype).requires_grad_()
    t = None if case["t"] is None else case["t"].to(dtype)
    if "context" in case:
        net.context = case["context"].to(dtype)
    names = list(net.params)
    saved = dict(net.params)
    for name in names:
        net.params[name] = saved[name].detach().to(dtype).requires_grad_()
    y = net.forward(None if x is None else nchw(x), t, case["label"])
    y_out = y.permute(0, 2, 3, 1) if y.dim() == 4 else y
    out = {"y": y_out}
    if case["gy"] is not None:
        leaves = {"grad." + n: net.params[n] for n in names}
        if x is not None:
            leaves["gx"] = x
        grads = torch.autograd.grad(y_out, list(leaves.values()), case["gy"].to(dtype), retain_graph=True)
        out.update(zip(leaves, grads))
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
        a = np.asarray(a, order="C")
        dtype = {"float32": "F32", "int32": "I32", "int64": "I64"}[a.dtype.name]
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
    size = config.get("sample_size") or config["image_size"]
    f32 = lambda *shape: torch.from_numpy(rng.standard_normal(shape).astype(np.float32))
    case = {"x": f32(n, size, size, config.get("in_channels") or config["image_channels"]),
            "t": None if t is None else torch.tensor(t, dtype=torch.float32),
            "label": None if kind in CLASSIFIERS else label,
            "target": torch.tensor(label, dtype=torch.int32) if kind in CLASSIFIERS else None, "gy": None}
    inputs = {"x": case["x"]}
    if t is not None:
        inputs["t"] = case["t"]
    if label is not None:
        inputs["target" if kind in CLASSIFIERS else "label"] = torch.tensor(label, dtype=torch.int32)
    if kind is UNet2DCondition:
        inputs["context"] = case["context"] = f32(n, POSITIONS, config["cross_attention_dim"])
    finish(name, kind(config, seed), case, inputs, f32, {"config": json.dumps(config)})


def finish(name, net, case, inputs, f32, metadata):
    """Compute all results of a case, with their tolerances, and write them behind its inputs."""
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
    order = ["y"] + ["gx"] * ("gx" in exact) + ["grad." + p for p in net.params]
    if case["target"] is not None:
        order += ["nll", "gx_nll", "neg_prob", "gx_prob"]

    first = list(inputs)[0]
    tensors = {first: inputs.pop(first), "gy": case["gy"], **inputs}
    tensors.update({"param." + p: v.detach().float() for p, v in net.params.items()})
    tensors.update({k: exact[k].float() for k in order})
    tensors["tol"] = torch.tensor([tol[k] for k in order], dtype=torch.float32)
    path = os.path.join(DATA, name + ".safetensors")
    write_safetensors(path, {k: v.numpy() for k, v in tensors.items()}, metadata)

    single = run(net, case, Exact(), torch.float32)
    share = {k: (single[k] - exact[k]).abs().max().item() / (tol[k] or 1) for k in exact}
    rel = {k: tol[k] / max(exact[k].abs().max().item(), 1e-300) for k in exact}
    near = max(share, key=share.get)
    print(f"{name}: {sum(p.numel() for p in net.params.values())} parameters, "
          f"{os.path.getsize(path)} bytes; tolerance relative to max |.|: y {rel['y']:.1e}, "
          f"gx {rel.get('gx', 0):.1e}, median of grads {np.median([rel[k] for k in order]):.1e}; "
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
