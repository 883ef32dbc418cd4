"""The networks of ggdm in PyTorch: diffusers' UNet2DModel and UNet2DConditionModel, GgdmCNN,
guided-diffusion's U-Net and classifier, and the U-Net of the GGDM repository (docs/MODELS.md), written
from their published semantics, with the same tensor names; they know nothing of the C code.

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


class ADM(Net):
    """UNetModel of guided-diffusion, by its flags; keys that are absent have their defaults."""

    DEFAULTS = {
        "num_res_blocks": 2, "attention_resolutions": "16,8", "num_heads": 4, "num_heads_upsample": -1,
        "num_head_channels": -1, "learn_sigma": False, "class_cond": False, "num_classes": 1000,
        "use_scale_shift_norm": True, "resblock_updown": False, "conv_resample": True,
        "use_new_attention_order": False, "norm_num_groups": 32, "rescale_timesteps": False, "diffusion_steps": 1000,
    }

    def get(self, key):
        return self.config.get(key, self.DEFAULTS[key])

    def group_norm(self, x, name):
        return self.norm(x, name, self.get("norm_num_groups"), 1e-5)

    def pointwise(self, x, name, out):
        """A Conv1d of one pixel, over the last dimension of x."""
        w = self.param(name + ".weight", (out, x.shape[-1], 1), 1.0 / math.sqrt(x.shape[-1]))
        return self.arith.linear(x, w[:, :, 0], self.param(name + ".bias", (out,), 0.1))

    def resample(self, x, size):
        if size == "up":
            return F.interpolate(x, scale_factor=2.0, mode="nearest")
        return self.arith.avg_pool(x, 2) if size == "down" else x

    def resblock(self, x, name, out, emb, size=None):
        h = self.resample(self.silu(self.group_norm(x, name + ".in_layers.0")), size)
        x = self.resample(x, size)
        h = self.conv(h, name + ".in_layers.2", out)
        film = self.get("use_scale_shift_norm")
        e = self.linear(self.silu(emb), name + ".emb_layers.1", 2 * out if film else out)[:, :, None, None]
        if film:
            scale, shift = e.chunk(2, 1)
            h = self.arith.bilinear(self.group_norm(h, name + ".out_layers.0"), 1 + scale, lambda a, b: a * b)
            h = self.arith.add(h, shift)
        else:
            h = self.group_norm(self.arith.add(h, e), name + ".out_layers.0")
        h = self.conv(self.silu(h), name + ".out_layers.3", out)
        if x.shape[1] != out:
            x = self.conv(x, name + ".skip_connection", out, 1, 1, 0)
        return self.sum(x, h, 1)

    def qkv_attention(self, qkv, heads, legacy):
        """qkv [N, T, 3C] -> [N, T, C]"""
        n, t, width = qkv.shape
        dim = width // 3 // heads
        if legacy:  # heads first
            q, k, v = qkv.reshape(n, t, heads, 3, dim).permute(3, 0, 2, 1, 4)
        else:
            q, k, v = qkv.reshape(n, t, 3, heads, dim).permute(2, 0, 3, 1, 4)
        s = self.arith.bilinear(q, k, lambda a, b: a @ b.transpose(-1, -2))
        p = self.arith.softmax(self.arith.round(s / math.sqrt(dim)))
        return self.arith.bilinear(p, v, torch.matmul).transpose(1, 2).reshape(n, t, heads * dim)

    def attention(self, x, name, heads):
        n, c, hh, ww = x.shape
        if self.get("num_head_channels") > 0:
            heads = c // self.get("num_head_channels")
        h = self.group_norm(x, name + ".norm").reshape(n, c, -1).transpose(1, 2)
        h = self.qkv_attention(self.pointwise(h, name + ".qkv", 3 * c), heads,
                               not self.get("use_new_attention_order"))
        h = self.pointwise(h, name + ".proj_out", c)
        return self.sum(x, h.transpose(1, 2).reshape(n, c, hh, ww), 1)

    def embedding(self, t, base, label):
        i = torch.arange(base // 2, dtype=torch.float64)
        scale = 1000 / self.get("diffusion_steps") if self.get("rescale_timesteps") else 1
        arg = (t[:, None].double() * scale) * torch.exp(-math.log(10000) * i / (base // 2))
        sin, cos = (self.arith.round(v, U * (arg.abs() + 1)) for v in (torch.sin(arg), torch.cos(arg)))
        e = self.linear(torch.cat([cos, sin], 1).to(t.dtype), "time_embed.0", 4 * base)
        e = self.linear(self.silu(e), "time_embed.2", 4 * base)
        if self.get("class_cond"):
            table = self.param("label_emb.weight", (self.get("num_classes"), 4 * base), 1.0)
            rows = torch.stack([table[i] if i >= 0 else torch.zeros_like(table[0]) for i in label])
            e = self.arith.round(e + rows)
        return e

    def encode(self, x, emb, base, layers, factors):
        """All that the input blocks give, and what the middle gives."""
        mult = self.config["channel_mult"]
        widths = [int(m * base) for m in mult]
        h = self.conv(x, "input_blocks.0.0", widths[0])
        done = [h]
        for level, width in enumerate(widths):
            for _ in range(layers):
                name = f"input_blocks.{len(done)}"
                h = self.resblock(h, name + ".0", width, emb)
                if 2**level in factors:
                    h = self.attention(h, name + ".1", self.get("num_heads"))
                done.append(h)
            if level + 1 < len(widths):
                name = f"input_blocks.{len(done)}.0"
                if self.get("resblock_updown"):
                    h = self.resblock(h, name, width, emb, "down")
                elif self.get("conv_resample"):
                    h = self.conv(h, name + ".op", width, 3, 2, 1)
                else:
                    h = self.resample(h, "down")
                done.append(h)
        h = self.resblock(h, "middle_block.0", widths[-1], emb)
        h = self.attention(h, "middle_block.1", self.get("num_heads"))
        return done, self.resblock(h, "middle_block.2", widths[-1], emb)

    def factors(self, key):
        value = self.get(key)
        value = value.split(",") if isinstance(value, str) else value
        return [self.config["image_size"] // int(r) for r in value]

    def forward(self, x, t, label):
        base, layers = self.config["num_channels"], self.get("num_res_blocks")
        factors, channels = self.factors("attention_resolutions"), x.shape[1]
        emb = self.embedding(t, base, label)
        done, h = self.encode(x, emb, base, layers, factors)
        up = self.get("num_heads_upsample")
        k = 0
        for level, mult in reversed(list(enumerate(self.config["channel_mult"]))):
            width = int(mult * base)
            for j in range(layers + 1):
                name, part = f"output_blocks.{k}", 1
                h = self.resblock(torch.cat([h, done.pop()], 1), name + ".0", width, emb)
                if 2**level in factors:
                    h = self.attention(h, name + ".1", up if up > 0 else self.get("num_heads"))
                    part = 2
                if level and j == layers:
                    if self.get("resblock_updown"):
                        h = self.resblock(h, f"{name}.{part}", width, emb, "up")
                    else:
                        h = self.resample(h, "up")
                        if self.get("conv_resample"):
                            h = self.conv(h, f"{name}.{part}.conv", width)
                k += 1
        h = self.conv(self.silu(self.group_norm(h, "out.0")), "out.2",
                      2 * channels if self.get("learn_sigma") else channels)
        return h[:, :channels]


class ADMClassifier(ADM):
    """EncoderUNetModel of guided-diffusion; returns log probabilities."""

    DEFAULTS = {**ADM.DEFAULTS, "classifier_depth": 2, "classifier_attention_resolutions": "32,16,8",
                "num_head_channels": 64, "resblock_updown": True, "classifier_pool": "attention"}

    def get(self, key):
        of = "classifier_" + key
        return self.config[of] if of in self.config else super().get(key)

    def forward(self, x, t, label):
        base, k = self.config["classifier_width"], self.config["num_classes"]
        done, h = self.encode(x, self.embedding(t, base, None), base, self.get("classifier_depth"),
                              self.factors("classifier_attention_resolutions"))
        pool = self.get("classifier_pool")
        if pool == "spatial":
            means = torch.cat([self.arith.global_avg_pool(v) for v in [*done, h]], 1)
            return self.arith.log_softmax(self.linear(F.relu(self.linear(means, "out.0", 2048)), "out.2", k))
        h = self.silu(self.group_norm(h, "out.0"))
        n, c, hh, ww = h.shape
        if pool == "adaptive":
            w = self.param("out.3.weight", (k, c, 1, 1), 1.0 / math.sqrt(c))
            b = self.param("out.3.bias", (k,), 0.1)
            return self.arith.log_softmax(self.arith.linear(self.arith.global_avg_pool(h), w[:, :, 0, 0], b))
        tokens = torch.cat([self.arith.global_avg_pool(h)[:, None], h.reshape(n, c, -1).transpose(1, 2)], 1)
        places = self.param("out.2.positional_embedding", (hh * ww + 1, c), 0.3)  # the file has [C, T]
        tokens = self.arith.add(tokens, places)
        qkv = self.pointwise(tokens, "out.2.qkv_proj", 3 * c)
        first = self.qkv_attention(qkv, c // self.get("num_head_channels"), False)[:, 0]
        return self.arith.log_softmax(self.pointwise(first, "out.2.c_proj", k))


class GGDMUNet(ADM):
    """The U-Net of the GGDM repository (after labml.ai's), given x as it is and integer t."""

    def block(self, x, name, out, emb):
        groups = self.config["n_groups"]
        h = self.conv(self.silu(self.norm(x, name + ".norm1", groups, 1e-5)), name + ".conv1", out)
        h = self.arith.add(h, self.linear(self.silu(emb), name + ".time_emb", out)[:, :, None, None])
        h = self.conv(self.silu(self.norm(h, name + ".norm2", groups, 1e-5)), name + ".conv2", out)
        if x.shape[1] != out:
            x = self.conv(x, name + ".shortcut", out, 1, 1, 0)
        return self.sum(x, h, 1)

    def attend(self, x, name):
        n, c, hh, ww = x.shape
        tokens = x.reshape(n, c, -1).transpose(1, 2)
        for part in ("weight", "bias"):  # it has a norm, but its forward does not call it
            unused = self.param(f"{name}.norm.{part}", (c,), 0.3)
        h = self.qkv_attention(self.linear(tokens, name + ".projection", 3 * c), 1, True)
        h = self.linear(h, name + ".output", c) + 0 * unused.sum() + 0 * self.params[name + ".norm.weight"].sum()
        return self.sum(x, h.transpose(1, 2).reshape(n, c, hh, ww), 1)

    def transposed(self, x, name, out):
        w = self.param(name + ".weight", (x.shape[1], out, 4, 4), 0.3 / math.sqrt(4 * x.shape[1]))
        b = self.param(name + ".bias", (out,), 0.1)
        y = self.arith.bilinear(x, w, lambda a, v: F.conv_transpose2d(a, v, None, 2, 1))
        return self.arith.add(y, b.reshape(1, -1, 1, 1))

    def forward(self, x, t, label):
        config = self.config
        base, mults, attn, blocks = (config[k] for k in ("n_channels", "ch_mults", "is_attn", "n_blocks"))
        i = torch.arange(base // 2, dtype=torch.float64)
        arg = ((t.double() + 1) / config["n_steps"])[:, None] * torch.exp(-math.log(10000) * i / (base // 2 - 1))
        sin, cos = (self.arith.round(v, 2 * U * (arg.abs() + 1)) for v in (torch.sin(arg), torch.cos(arg)))
        emb = self.linear(torch.cat([sin, cos], 1).to(t.dtype), "time_emb.lin1", 4 * base)
        emb = self.linear(self.silu(emb), "time_emb.lin2", 4 * base)
        h = self.conv(x, "image_proj", base)
        done, k, width = [h], 0, base
        for level, mult in enumerate(mults):
            width *= mult
            for _ in range(blocks):
                h = self.block(h, f"down.{k}.res", width, emb)
                h = self.attend(h, f"down.{k}.attn") if attn[level] else h
                done.append(h)
                k += 1
            if level + 1 < len(mults):
                h = self.conv(h, f"down.{k}.conv", width, 3, 2, 1)
                done.append(h)
                k += 1
        h = self.block(h, "middle.res1", width, emb)
        h = self.block(self.attend(h, "middle.attn"), "middle.res2", width, emb)
        k = 0
        for level in reversed(range(len(mults))):
            for j in range(blocks + 1):
                out = width if j < blocks else width // mults[level]
                h = self.block(torch.cat([h, done.pop()], 1), f"up.{k}.res", out, emb)
                h = self.attend(h, f"up.{k}.attn") if attn[level] else h
                k += 1
            width = out
            if level:
                h = self.transposed(h, f"up.{k}.conv", width)
                k += 1
        assert not done
        return self.conv(self.silu(self.norm(h, "norm", 8, 1e-5)), "final", config["image_channels"])
