"""The networks of ggdm in PyTorch: diffusers' UNet2DModel and UNet2DConditionModel, and GgdmCNN
(docs/MODELS.md),
written from their published semantics, with the same tensor names; they know nothing of the C code.

make_goldens.py computes the golden files with them, tests/bench/pytorch.py measures them."""

import math

import numpy as np
import torch
import torch.nn.functional as F


U = 2.0**-24  # unit roundoff of f32


class Exact:
    """Arithmetic as PyTorch does it.  (make_goldens.py has another one, with modelled rounding.)"""

    def conv(self, x, w, b, stride, padding):
        return F.conv2d(x, w, b, stride, padding)

    def linear(self, x, w, b):
        return F.linear(x, w, b)

    def bilinear(self, a, b, f):
        return f(a, b)

    def round(self, x, error=None):
        return x

    def add(self, y, b):
        return y + b

    def silu(self, x):
        return F.silu(x)

    def softmax(self, x):
        return torch.softmax(x, -1)

    def log_softmax(self, x):
        return F.log_softmax(x, -1)

    def group_norm(self, x, groups, gamma, beta, eps):
        return F.group_norm(x, groups, gamma, beta, eps)

    def layer_norm(self, x, gamma, beta, eps):
        return F.layer_norm(x, gamma.shape, gamma, beta, eps)

    def gelu(self, x):
        return F.gelu(x)

    def avg_pool(self, x, k):
        return F.avg_pool2d(x, k)

    def global_avg_pool(self, x):
        return x.mean((2, 3))


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
            value = np.asarray(mean + scale * self.rng.standard_normal(shape), np.float32)
            self.params[name] = torch.from_numpy(value).double().requires_grad_()
        assert tuple(self.params[name].shape) == tuple(shape), name
        return self.params[name]

    # Weights are small, so that the variance under a norm is not far above its epsilon: a wrong
    # epsilon is then visible.
    def conv(self, x, name, out, kernel=3, stride=1, padding=1):
        fan_in = x.shape[1] * kernel * kernel
        w = self.param(name + ".weight", (out, x.shape[1], kernel, kernel), 0.3 / math.sqrt(fan_in))
        b = self.param(name + ".bias", (out,), 0.1)
        return self.arith.conv(x, w, b, stride, padding)

    def linear(self, x, name, out, bias=True):
        w = self.param(name + ".weight", (out, x.shape[-1]), 1.0 / math.sqrt(x.shape[-1]))
        return self.arith.linear(x, w, self.param(name + ".bias", (out,), 0.1) if bias else None)

    def norm(self, x, name, groups, eps):
        c = x.shape[1]
        gamma = self.param(name + ".weight", (c,), 0.3, 1.0)
        beta = self.param(name + ".bias", (c,), 0.3)
        return self.arith.group_norm(x, groups, gamma, beta, eps)

    def layer_norm(self, x, name, eps):
        gamma = self.param(name + ".weight", x.shape[-1:], 0.3, 1.0)
        return self.arith.layer_norm(x, gamma, self.param(name + ".bias", x.shape[-1:], 0.3), eps)

    def silu(self, x):
        return self.arith.silu(x)

    def sum(self, x, h, scale):
        return self.arith.round(x + h if scale == 1 else (x + h) / scale)


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
        return self.sum(x, h, scale)

    def heads_attention(self, x, source, name, heads, bias=True):
        """to_out(attention) of tokens [N, T, C] over those of source [N, S, K]."""
        n, c = x.shape[0], x.shape[-1]
        q, k, v = (
            self.linear(of, name + "." + part, c, bias).reshape(n, -1, heads, c // heads).transpose(1, 2)
            for part, of in (("to_q", x), ("to_k", source), ("to_v", source))
        )
        s = self.arith.bilinear(q, k, lambda a, b: a @ b.transpose(-1, -2))
        p = self.arith.softmax(self.arith.round(s / math.sqrt(c // heads)))
        h = self.arith.bilinear(p, v, torch.matmul).transpose(1, 2).reshape(n, -1, c)
        return self.linear(h, name + ".to_out.0", c)

    def attention(self, x, name, groups, scale=1.0):
        n, c, hh, ww = x.shape
        dim = self.get("attention_head_dim") or c
        h = self.norm(x, name + ".group_norm", groups, self.get("norm_eps")) if groups else x
        h = h.reshape(n, c, hh * ww).transpose(1, 2)
        h = self.heads_attention(h, h, name, c // dim).transpose(1, 2).reshape(n, c, hh, ww)
        return self.sum(x, h, scale)

    def level_attention(self, h, name, level):
        return self.attention(h, name, self.get("norm_num_groups"))

    def middle_attention(self, h, name):
        if not self.get("add_attention"):
            return h
        shift = self.get("resnet_time_scale_shift") == "scale_shift"
        groups = self.get("attn_norm_num_groups") or (None if shift else self.get("norm_num_groups"))
        return self.attention(h, name, groups, self.get("mid_block_scale_factor"))

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
                if "Attn" in kind:
                    h = self.level_attention(h, f"down_blocks.{i}.attentions.{j}", i)
                skips.append(h)
            if i < last:
                name = f"down_blocks.{i}.downsamplers.0.conv"
                if get("downsample_padding") == 0:
                    h = self.conv(F.pad(h, (0, 1, 0, 1)), name, widths[i], 3, 2, 0)
                else:
                    h = self.conv(h, name, widths[i], 3, 2, get("downsample_padding"))
                skips.append(h)
        scale = get("mid_block_scale_factor")
        h = self.resnet(h, "mid_block.resnets.0", widths[last], temb, scale)
        h = self.middle_attention(h, "mid_block.attentions.0")
        h = self.resnet(h, "mid_block.resnets.1", widths[last], temb, scale)
        for i, kind in enumerate(config["up_block_types"]):
            width = widths[last - i]
            for j in range(layers + 1):
                h = self.resnet(torch.cat([h, skips.pop()], 1), f"up_blocks.{i}.resnets.{j}", width, temb)
                if "Attn" in kind:
                    h = self.level_attention(h, f"up_blocks.{i}.attentions.{j}", last - i)
            if i < last:
                h = F.interpolate(h, scale_factor=2.0, mode="nearest")
                h = self.conv(h, f"up_blocks.{i}.upsamplers.0.conv", width)
        assert not skips
        h = self.silu(self.norm(h, "conv_norm_out", groups, get("norm_eps")))
        return self.conv(h, "conv_out", config["out_channels"])


class UNet2DCondition(UNet2D):
    """diffusers.UNet2DConditionModel: its attention is Transformer2DModel, which looks at self.context
    [N, S, cross_attention_dim], too.  attention_head_dim is the number of heads, by level."""

    DEFAULTS = {**UNet2D.DEFAULTS, "cross_attention_dim": 1280, "use_linear_projection": False,
                "transformer_layers_per_block": 1}

    def by_level(self, key, level):
        value = self.get(key)
        return value[level] if isinstance(value, list) else value

    def gelu_gate(self, x):
        a, b = x.chunk(2, -1)
        return self.arith.bilinear(a, self.arith.gelu(b), lambda a, b: a * b)

    def block(self, h, name, heads):
        """BasicTransformerBlock of tokens [N, T, C]."""
        x = self.layer_norm(h, name + ".norm1", 1e-5)
        h = self.sum(h, self.heads_attention(x, x, name + ".attn1", heads, bias=False), 1)
        x = self.layer_norm(h, name + ".norm2", 1e-5)
        h = self.sum(h, self.heads_attention(x, self.context, name + ".attn2", heads, bias=False), 1)
        x = self.layer_norm(h, name + ".norm3", 1e-5)
        x = self.gelu_gate(self.linear(x, name + ".ff.net.0.proj", 8 * x.shape[-1]))
        return self.sum(h, self.linear(x, name + ".ff.net.2", h.shape[-1]), 1)

    def level_attention(self, x, name, level):
        n, c, hh, ww = x.shape
        linear = self.get("use_linear_projection")
        tokens = lambda h: h.reshape(n, c, hh * ww).transpose(1, 2)
        image = lambda h: h.transpose(1, 2).reshape(n, c, hh, ww)
        h = self.norm(x, name + ".norm", self.get("norm_num_groups"), 1e-6)
        if linear:
            h = self.linear(tokens(h), name + ".proj_in", c)
        else:
            h = tokens(self.conv(h, name + ".proj_in", c, 1, 1, 0))
        for i in range(self.by_level("transformer_layers_per_block", level)):
            h = self.block(h, f"{name}.transformer_blocks.{i}", self.by_level("attention_head_dim", level))
        if linear:
            h = image(self.linear(h, name + ".proj_out", c))
        else:
            h = self.conv(image(h), name + ".proj_out", c, 1, 1, 0)
        return self.sum(x, h, 1)

    def middle_attention(self, h, name):
        return self.level_attention(h, name, len(self.config["block_out_channels"]) - 1)


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
                    x = self.arith.avg_pool(x, k)
            elif "global_avg_pool" in layer:
                x = self.arith.global_avg_pool(x)
            elif "flatten" in layer:
                x = x.flatten(1)
            else:
                x = self.act(self.linear(x, name, layer["linear"]), layer.get("act", "none"))
        return self.arith.log_softmax(x)
