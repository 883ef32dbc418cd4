"""What the benchmarks run in PyTorch: the networks with the weights that ggdm has, the guided step, a
training step.  PyTorch 1.13 and 2.6 (Debian 12's and 13's) both run it."""

import json
import os
import re
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

import common

sys.path.insert(0, os.path.join(common.ROOT, "tests", "golden"))
from make_goldens import write_safetensors  # noqa: E402, F401 (for those that import this)
from torch_clip import Clip  # noqa: E402
from torch_networks import CNN, UNet2D  # noqa: E402

TRAIN_BATCH = 64
ALPHA_BAR = 0.08  # of a timestep in the middle; its value changes no time
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


class Vision(Clip):
    """CLIP's image encoder out of PyTorch's fused functions, as transformers calls them."""

    def layer_norm(self, x, name, eps):
        c = x.shape[-1]
        return F.layer_norm(x, (c,), self.param(name + ".weight", (c,), 0.3, 1.0),
                            self.param(name + ".bias", (c,), 0.3), eps)

    def attention(self, x, name, heads, causal):
        n, t, c = x.shape
        heads_of = lambda h: h.view(n, t, heads, c // heads).transpose(1, 2).reshape(n * heads, t, c // heads)
        q = heads_of(self.linear(x, name + ".q_proj", c) * (c // heads) ** -0.5)
        k, v = (heads_of(self.linear(x, f"{name}.{p}_proj", c)) for p in "kv")
        h = torch.bmm(torch.softmax(torch.bmm(q, k.transpose(1, 2)), -1), v)
        return self.linear(h.view(n, heads, t, c // heads).transpose(1, 2).reshape(n, t, c), name + ".out_proj", c)


# ---- networks ------------------------------------------------------------------------------------


def read_safetensors(path):
    """Its tensors by name, as f32."""
    with open(path, "rb") as f:
        size = struct.unpack("<Q", f.read(8))[0]
        header, data = json.loads(f.read(size)), f.read()
    header.pop("__metadata__", None)
    kinds = {"F32": "<f4", "F16": "<f2", "I64": "<i8"}
    read = lambda v: np.frombuffer(data[slice(*v["data_offsets"])], kinds[v["dtype"]]).reshape(v["shape"]).astype("<f4")
    return {k: torch.from_numpy(read(v)) for k, v in header.items()}


def load(kind, path):
    """The network of a directory with its weights, or of a config.json with random ones, in f32."""
    path = os.path.join(common.ROOT, path)
    folder = os.path.isdir(path)
    with open(os.path.join(path, "config.json") if folder else path) as f:
        config = json.load(f)
    net = kind({**config, "architectures": ["CLIPModel"]} if kind is Vision else config, seed=1)
    if folder:
        net.params = read_safetensors(os.path.join(path, weights_name(kind)))
    else:  # the first run makes the parameters
        size, channels = net.config["sample_size"], net.config["in_channels"]
        net.forward(torch.zeros(1, channels, size, size, dtype=torch.float64),
                    torch.zeros(1, dtype=torch.float64), None)
        net.params = {k: v.detach().float() for k, v in net.params.items()}
    return net


def weights_name(kind):
    return ("diffusion_pytorch_model" if kind is UNet2D else "model") + ".safetensors"


def load_guide(path):
    """A classifier, or the image encoder of a CLIP with both."""
    with open(os.path.join(common.ROOT, path, "config.json")) as f:
        classifier = json.load(f).get("_class_name") == "GgdmCNN"
    return load(CNN if classifier else Vision, path)


def to_format(net, memory_format):
    net.params = {k: v.detach().contiguous(memory_format=memory_format) if v.dim() == 4 else v
                  for k, v in net.params.items()}


# ---- what is measured ----------------------------------------------------------------------------


class Guided:
    """Forward pass and guided step of one batch in one memory format: the gradient to x_t of the
    classifier's negative log likelihood, or of minus the cosine of CLIP, at the image that x_t foretells."""

    def __init__(self, model, guide, batch, memory_format):
        self.unet, self.guide = load(UNet2D, model), load_guide(guide)
        to_format(self.unet, memory_format)
        to_format(self.guide, memory_format)
        size, channels = self.unet.config["sample_size"], self.unet.config["in_channels"]
        self.x = torch.randn(batch, channels, size, size).contiguous(memory_format=memory_format)
        self.t = torch.full((batch,), 500.0)
        if isinstance(self.guide, Vision):
            self.text = torch.randn(batch, self.guide.vision["projection_dim"])
        else:
            self.target = torch.zeros(batch, 1, dtype=torch.long)

    def eps(self, x, t):
        return self.unet.forward(x, t, None)

    def judge(self, x, t):
        """Log probabilities, or embeddings."""
        return self.guide.image(x, None) if isinstance(self.guide, Vision) else self.guide.forward(x, None, None)

    def loss(self, x0):
        if isinstance(self.guide, Vision):
            low, high = x0.amin((1, 2, 3), True), x0.amax((1, 2, 3), True)
            return -F.cosine_similarity(self.judge(2 * (x0 - low) / (high - low) - 1, None), self.text).sum()
        return -self.judge(x0, None).gather(1, self.target).sum()

    @torch.inference_mode()
    def forward(self):
        return self.eps(self.x, self.t)

    def guided(self):
        x = self.x.detach().requires_grad_()
        x0 = (x - (1 - ALPHA_BAR) ** 0.5 * self.eps(x, self.t)) / ALPHA_BAR**0.5
        return torch.autograd.grad(self.loss(x0), x)[0]


class Training:
    """A training step as models/train does it: MSE on the noise, clipping, AdamW, EMA."""

    def __init__(self, model, memory_format):
        self.unet = load(UNet2D, model)
        to_format(self.unet, memory_format)
        self.unet.params = {k: torch.nn.Parameter(v) for k, v in self.unet.params.items()}
        self.params = list(self.unet.params.values())
        self.ema = [p.detach().clone() for p in self.params]
        self.optimizer = torch.optim.AdamW(self.params, lr=1e-4, weight_decay=0.0, foreach=True)
        self.x, self.noise = (torch.randn(TRAIN_BATCH, 1, 28, 28).contiguous(memory_format=memory_format)
                              for _ in range(2))
        self.t = torch.arange(TRAIN_BATCH).float() * 15

    def training(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.mse_loss(self.unet.forward(self.x, self.t, None), self.noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.params, 1.0)
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_mul_(self.ema, 0.999)
            torch._foreach_add_(self.ema, [p.detach() for p in self.params], alpha=0.001)


def blas():
    """The library that PyTorch multiplies matrices with: the folder that it is in."""
    with open("/proc/self/maps") as f:
        found = re.search(r"(\S+)/lib(?:open)?blas\S*\.so", f.read())
    return os.path.basename(found[1]) if found else "unknown"
