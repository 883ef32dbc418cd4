"""CLIP in PyTorch, as transformers' CLIPModel, CLIPTextModel, CLIPTextModelWithProjection and
CLIPVisionModelWithProjection compute it, written from the paper, OpenAI's code and the names of the
tensors; it knows nothing of the C code.

make_clip.py computes golden files with it, test_clip.sh compares networks of full size."""

import math

import torch
import torch.nn.functional as F

from torch_networks import U, Net

TEXT = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12, "num_attention_heads": 8,
        "max_position_embeddings": 77, "vocab_size": 49408, "hidden_act": "quick_gelu",
        "layer_norm_eps": 1e-5, "eos_token_id": 49407, "projection_dim": 512}
VISION = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
          "num_channels": 3, "image_size": 224, "patch_size": 32, "hidden_act": "quick_gelu",
          "layer_norm_eps": 1e-5, "projection_dim": 512}
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def gelu(x, form):
    if form == "quick_gelu":
        return x * torch.sigmoid(1.702 * x)
    if form == "gelu":
        return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


class Clip(Net):
    """All four classes: forward asks for what there is."""

    def __init__(self, config, seed, output=None):
        super().__init__(config, seed)
        self.output = output
        self.kind = (config.get("architectures") or [config.get("_class_name")])[0]
        both = self.kind == "CLIPModel"
        self.text = {**TEXT, **(config.get("text_config_dict") or config.get("text_config") or {} if both else config)}
        self.vision = {**VISION, **(config.get("vision_config") or {} if both else config)}
        if both:
            self.text["projection_dim"] = self.vision["projection_dim"] = config.get("projection_dim", 512)
        if self.kind == "CLIPTextModel":
            self.text["projection_dim"] = None

    # ---- layers

    def layer_norm(self, x, name, eps):
        c, a = x.shape[-1], self.arith
        gamma, beta = self.param(name + ".weight", (c,), 0.3, 1.0), self.param(name + ".bias", (c,), 0.3)
        ones = torch.full((1,) * (x.dim() - 1) + (c,), 1.0 / c, dtype=x.dtype)
        mean = a.bilinear(x, ones, lambda a, b: (a * b).sum(-1, keepdim=True))
        d = a.round(x - mean)
        var = a.bilinear(a.round(d * d), ones, lambda a, b: (a * b).sum(-1, keepdim=True))
        hat = a.bilinear(d, a.round((var + eps) ** -0.5), lambda a, b: a * b)
        return a.add(a.bilinear(hat, gamma, lambda a, b: a * b), beta)

    def attention(self, x, name, heads, causal):
        n, t, c = x.shape
        q, k, v = (self.linear(x, f"{name}.{p}_proj", c).reshape(n, t, heads, c // heads).transpose(1, 2)
                   for p in "qkv")
        s = self.arith.bilinear(q, k, lambda a, b: a @ b.transpose(-1, -2))
        s = self.arith.round(s / math.sqrt(c // heads))
        if causal:
            s = s.masked_fill(torch.ones(t, t, dtype=torch.bool).triu(1), -1e30)
        h = self.arith.bilinear(self.arith.softmax(s), v, torch.matmul)
        return self.linear(h.transpose(1, 2).reshape(n, t, c), name + ".out_proj", c)

    def layers(self, x, tower, config, causal):
        eps = config["layer_norm_eps"]
        for i in range(config["num_hidden_layers"]):
            name = f"{tower}.encoder.layers.{i}"
            h = self.layer_norm(x, name + ".layer_norm1", eps)
            x = self.sum(x, self.attention(h, name + ".self_attn", config["num_attention_heads"], causal), 1)
            h = self.linear(self.layer_norm(x, name + ".layer_norm2", eps), name + ".mlp.fc1",
                            config["intermediate_size"])
            h = self.arith.round(gelu(h, config["hidden_act"]))
            x = self.sum(x, self.linear(h, name + ".mlp.fc2", config["hidden_size"]), 1)
        return x

    def project(self, x, name, config):
        if config["projection_dim"] is None:
            return x
        w = self.param(name + ".weight", (config["projection_dim"], x.shape[-1]), x.shape[-1] ** -0.5)
        return self.arith.bilinear(x, w, F.linear)

    # ---- towers

    def time_embedding(self, t, width):
        i = torch.arange(width // 2, dtype=torch.float64)
        arg = t[:, None].double() * torch.exp(-math.log(10000) * i / (width // 2))
        sin, cos = (self.arith.round(v, U * (arg.abs() + 1)) for v in (torch.sin(arg), torch.cos(arg)))
        name = "vision_model.embeddings.time_embedding.linear_"
        h = self.silu(self.linear(torch.cat([cos, sin], 1).to(t.dtype), name + "1", width))
        return self.linear(h, name + "2", width)

    def image(self, x, t):
        """x [N, C, H, W] in [-1, 1]."""
        c, a = self.vision, self.arith
        channels, width, patch = c["num_channels"], c["hidden_size"], c["patch_size"]
        mean, std = (MEAN, STD) if channels == 3 else ((0.5,) * channels,) * 2
        mean, std = (torch.tensor(v, dtype=x.dtype).reshape(1, -1, 1, 1) for v in (mean, std))
        x = a.round(((x + 1) / 2 - mean) / std)
        name = "vision_model.embeddings."
        w = self.param(name + "patch_embedding.weight", (width, channels, patch, patch),
                       1 / math.sqrt(channels * patch * patch))
        h = a.bilinear(x, w, lambda x, w: F.conv2d(x, w, None, patch)).flatten(2).transpose(1, 2)
        token = self.param(name + "class_embedding", (width,), 0.5)
        h = torch.cat([token.expand(len(x), 1, width), h], 1)
        h = a.add(h, self.param(name + "position_embedding.weight", (h.shape[1], width), 0.5))
        if c.get("_time_embedding"):
            h = a.add(h, self.time_embedding(t, width)[:, None])
        h = self.layer_norm(h, "vision_model.pre_layrnorm", c["layer_norm_eps"])
        h = self.layers(h, "vision_model", c, False)
        h = self.layer_norm(h[:, 0], "vision_model.post_layernorm", c["layer_norm_eps"])
        return self.project(h, "visual_projection", c)

    def texts(self, ids):
        """Embeddings and last hidden states of ids [N, T]."""
        c, width = self.text, self.text["hidden_size"]
        name = "text_model.embeddings."
        table = self.param(name + "token_embedding.weight", (c["vocab_size"], width), 0.5)
        h = self.arith.add(F.embedding(ids, table),
                           self.param(name + "position_embedding.weight", (ids.shape[1], width), 0.5))
        h = self.layers(h, "text_model", c, True)
        h = self.layer_norm(h, "text_model.final_layer_norm", c["layer_norm_eps"])
        end = ids.argmax(1) if c["eos_token_id"] == 2 else (ids == c["eos_token_id"]).int().argmax(1)
        return self.project(h[torch.arange(len(ids)), end], "text_projection", c), h

    def scaled_cosines(self, images, texts):
        """exp(logit_scale) cos of image n and text n: [N, 1]."""
        a = self.arith
        dot = lambda u, v: a.bilinear(u, v, lambda a, b: (a * b).sum(1))
        norm = lambda u: a.round(dot(u, u).sqrt())
        scale = a.round(torch.exp(self.param("logit_scale", (), 0.1, 1.0)))
        cos = a.round(dot(images, texts) / a.round(norm(images) * norm(texts)))
        return a.bilinear(cos[:, None], scale, lambda a, b: a * b)

    def forward(self, x, t, ids):
        if self.kind == "CLIPModel":
            return self.scaled_cosines(self.image(x, t), self.texts(ids)[0])
        if self.kind.startswith("CLIPText"):
            return self.texts(ids)[self.output == "sequence"]
        return self.image(x, t)
