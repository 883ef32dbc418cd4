#!/usr/bin/python3
"""Write into the current folder what PyTorch's users have (tests/cli/import.sh): weights of small
networks by torch.save in both of its forms, and what these networks give.

    /usr/bin/python3 tests/support/import_torch.py

NAME.x.safetensors is the input of NAME, NAME.want.safetensors what PyTorch makes of it."""

import collections
import json
import os
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden"))
from torch_networks import ADM, ADMClassifier, GGDMUNet, UNet2D  # noqa: E402

TYPES = {torch.float32: "F32", torch.float16: "F16", torch.int64: "I64"}


def safetensors(path, tensors):
    head, data = {}, b""
    for name, t in tensors.items():
        raw = t.detach().contiguous().numpy().tobytes()
        head[name] = {"dtype": TYPES[t.dtype], "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(head).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def folder(name, config, **more):
    os.makedirs(name, exist_ok=True)
    for file, content in {"config.json": config, **more}.items():
        with open(os.path.join(name, file), "w") as f:
            json.dump(content, f)


def case(name, inputs, y):
    safetensors(name + ".x.safetensors", inputs)
    safetensors(name + ".want.safetensors", {"y": y.float()})


def legacy(obj, path):
    torch.save(obj, path, _use_new_zipfile_serialization=False)


# ---- a U-Net of diffusers

CONFIG = {"_class_name": "UNet2DModel", "sample_size": 8, "in_channels": 1, "out_channels": 1, "layers_per_block": 1,
          "block_out_channels": [8, 16], "norm_num_groups": 4, "attention_head_dim": None, "norm_eps": 1e-6,
          "flip_sin_to_cos": False, "freq_shift": 1, "downsample_padding": 0,
          "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "up_block_types": ["AttnUpBlock2D", "UpBlock2D"]}
OLD = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn", "downsamplers.0.conv": "downsamplers.0.op"}


def old_name(name):
    for new, old in OLD.items():
        name = name.replace(new, old)
    return name


def unet():
    net = UNet2D(CONFIG, 1)
    x, t = torch.randn(2, 1, 8, 8), torch.tensor([3, 700])
    y = net.forward(x.double(), t.double(), None)
    state = collections.OrderedDict((k, v.detach().float()) for k, v in net.params.items())
    case("unet", {"x": x, "t": t}, y)
    # As it is trained: several dicts, an optimizer, a schedule with a Counter, numbers of NumPy.
    layer = torch.nn.Linear(3, 2)
    adam = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    adam.step()
    steps = torch.optim.lr_scheduler.MultiStepLR(adam, [3, 5])
    training = {"epoch": 3, "best": np.float64(0.25), "model": {"loss.weight": torch.ones(2), **{"module." + k: torch.nn.Parameter(v) for k, v in state.items()}},
                "ema": {k: v + 1 for k, v in state.items()}, "optimizer": adam.state_dict(), "schedule": steps.state_dict(),
                "config": {"lr": 1e-4, "betas": (0.9, 0.999), "name": "tiny", "size": torch.Size([8, 8])}}
    folder("training", CONFIG)
    torch.save(training, "training/last.pt")
    # One storage for all, from its end to its begin, and every matrix transposed in it.
    flat = torch.zeros(sum(v.numel() for v in state.values()))
    views, end = {}, flat.numel()
    for k, v in state.items():
        views[k] = flat[end - v.numel():end].view(tuple(reversed(v.shape))).permute(*reversed(range(v.dim())))
        views[k].copy_(v)
        end -= v.numel()
    folder("views", CONFIG)
    legacy(views, "views/weights.pth")
    # In F64, under the names of old, as diffusers wrote them.
    folder("old", CONFIG, **{"scheduler_config.json": {"num_train_timesteps": 1000, "beta_end": 0.03}})
    torch.save({old_name(k): v.double() for k, v in state.items()}, "old/diffusion_pytorch_model.bin")
    # Several files in half precision.
    half = UNet2D(CONFIG, 1)
    state = {k: v.bfloat16().half().float() for k, v in state.items()}  # in either form
    half.params = {k: v.double() for k, v in state.items()}
    case("half", {"x": x, "t": t}, half.forward(x.double(), t.double(), None))
    files = [f"diffusion_pytorch_model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    of = {k: files[i % 2] for i, k in enumerate(state)}
    folder("shards", CONFIG, **{"diffusion_pytorch_model.safetensors.index.json": {"weight_map": of}})
    for file in files:
        safetensors("shards/" + file, {k: v.half() for k, v in state.items() if of[k] == file})
    files = [file.replace("safetensors", "bin") for file in files]
    of = {k: file.replace("safetensors", "bin") for k, file in of.items()}
    folder("bins", CONFIG, **{"diffusion_pytorch_model.bin.index.json": {"weight_map": of}})
    for file in files:
        torch.save({k: v for k, v in state.items() if of[k] == file}, "bins/" + file)
    torch.save({k: v.bfloat16() for k, v in state.items()}, "bf16.pt")
    # Not to be used.
    torch.save({**state, "conv_out.weight": state["conv_out.weight"].to(torch.int8)}, "few.pt")
    bad = dict(state)
    bad["conv_in.weight"] = bad["conv_in.weight"].clone()
    bad["conv_in.weight"][1, 0, 2, 0] = float("nan")
    folder("nan", CONFIG)
    torch.save(bad, "nan/weights.pt")
    folder("few", CONFIG)
    torch.save({k: v for k, v in state.items() if k != "conv_in.bias"}, "few/weights.pt")
    texts = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight"
    torch.save({**state, texts: torch.ones(16, 4)}, "condition.pt")


# ---- CLIP, as OpenAI's code has it


class Block(torch.nn.Module):
    def __init__(self, width, mask):
        super().__init__()
        self.attn = torch.nn.MultiheadAttention(width, width // 64)
        self.ln_1, self.ln_2 = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.mlp = torch.nn.Sequential(collections.OrderedDict(
            [("c_fc", torch.nn.Linear(width, 4 * width)), ("gelu", torch.nn.Identity()), ("c_proj", torch.nn.Linear(4 * width, width))]))
        self.mask = mask

    def forward(self, x):
        h = self.ln_1(x)
        x = x + self.attn(h, h, h, need_weights=False, attn_mask=self.mask)[0]
        h = self.mlp.c_fc(self.ln_2(x))
        return x + self.mlp.c_proj(h * torch.sigmoid(1.702 * h))


def blocks(width, n, mask=None):
    net = torch.nn.Module()
    net.resblocks = torch.nn.Sequential(*(Block(width, mask) for _ in range(n)))
    return net


class Clip(torch.nn.Module):
    def __init__(self, size, patch, width, text_width, context, vocabulary, dim):
        super().__init__()
        p = lambda *shape: torch.nn.Parameter(torch.randn(shape) / shape[-1]**0.5)
        self.visual = v = torch.nn.Module()
        v.conv1 = torch.nn.Conv2d(3, width, patch, patch, bias=False)
        v.class_embedding, v.positional_embedding = p(width), p((size // patch)**2 + 1, width)
        v.ln_pre, v.ln_post, v.proj = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width), p(width, dim)
        v.transformer = blocks(width, 2)
        self.transformer = blocks(text_width, 3, torch.full((context, context), float("-inf")).triu(1))
        self.token_embedding = torch.nn.Embedding(vocabulary, text_width)
        self.positional_embedding, self.text_projection = p(context, text_width), p(text_width, dim)
        self.ln_final = torch.nn.LayerNorm(text_width)
        self.logit_scale = torch.nn.Parameter(torch.tensor(2.5))

    def encode_image(self, x):
        v = self.visual
        x = v.conv1(x).flatten(2).permute(0, 2, 1)
        x = torch.cat([v.class_embedding.expand(x.shape[0], 1, -1), x], 1) + v.positional_embedding
        x = v.transformer.resblocks(v.ln_pre(x).permute(1, 0, 2)).permute(1, 0, 2)
        return v.ln_post(x[:, 0]) @ v.proj


MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def clip():
    net = Clip(16, 8, 128, 64, 6, 40, 10)
    for p in net.parameters():
        if p.dim() == 1:
            torch.nn.init.normal_(p, 0.5, 0.2)
    net.half().float()  # it is published in half precision
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    each = lambda v: torch.tensor(v)[:, None, None]
    case("clip", {"x": x}, net.encode_image(((x + 1) / 2 - each(MEAN)) / each(STD)))
    state = net.state_dict()
    numbers = {k: torch.tensor(1) for k in ("input_resolution", "context_length", "vocab_size")}
    legacy({**{k: v.half() for k, v in state.items()}, **numbers}, "clip-openai.pt")
    torch.jit.script(torch.nn.Linear(2, 2)).save("script.pt")


# ---- the networks of guided-diffusion and of the GGDM repository


def run(name, net, size, channels, t, label=None):
    """A case of x and t, with the gradient to x, by the network that torch_networks.py makes."""
    x = torch.randn(len(t), channels, size, size, requires_grad=True)
    y = net.forward(x.double(), torch.tensor(t).double(), label)
    gy = torch.randn(y.shape)
    (gx,) = torch.autograd.grad((y * gy).sum(), x)
    labels = {} if label is None else {"label": torch.tensor(label)}
    safetensors(name + ".x.safetensors", {"x": x, "t": torch.tensor(t), "gy": gy, **labels})
    safetensors(name + ".want.safetensors", {"y": y.float(), "gx": gx.float()})
    return {k: v.detach().float() for k, v in net.params.items()}


def flags(name, **more):
    with open(name + ".json", "w") as f:
        json.dump(more, f)


def guided_diffusion():
    more = {"image_size": 8, "num_res_blocks": 1, "channel_mult": [1, 2, 2], "norm_num_groups": 4}
    net = ADM({**more, "num_channels": 8, "num_head_channels": 4, "attention_resolutions": "4", "learn_sigma": True,
               "class_cond": True, "num_classes": 3, "resblock_updown": True, "use_new_attention_order": True}, 1)
    torch.save(run("adm", net, 8, 3, [3, 990], [2, 0]), "adm.pt")
    flags("adm", image_size=8, num_res_blocks=1, num_channels=8, channel_mult="1,2,2", attention_resolutions="4",
          num_head_channels=4, learn_sigma=True, class_cond=True, resblock_updown=True, use_new_attention_order=True,
          use_fp16=False, noise_schedule="cosine", norm_num_groups=4)
    net = ADM({**more, "num_channels": 8, "num_heads": 2, "attention_resolutions": "8,2", "use_scale_shift_norm": False}, 2)
    legacy(run("improved", net, 8, 1, [0, 77]), "ema_0.9999_200000.pt")  # improved-diffusion's
    flags("improved", image_size=8, num_heads=2, norm_num_groups=4)
    for pool in ("attention", "adaptive", "spatial"):
        net = ADMClassifier({**more, "classifier_width": 8, "classifier_depth": 1, "num_head_channels": 4, "num_classes": 5,
                             "classifier_attention_resolutions": "4,2", "classifier_pool": pool}, 3)
        state = run(pool, net, 8, 3, [5, 400])
        if pool == "attention":
            state["out.2.positional_embedding"] = state["out.2.positional_embedding"].T.contiguous()
        torch.save(state, pool + ".pt")
    flags("classifier", image_size=8, num_head_channels=4, norm_num_groups=4)


def ggdm_repository():
    config = {"image_channels": 1, "n_channels": 32, "ch_mults": [1, 2], "is_attn": [False, True], "n_blocks": 1, "n_groups": 32,
              "n_steps": 1000}
    net, t = GGDMUNet(config, 4), [0, 640]
    torch.save(run("labml", net, 4, 1, t), "labml.pt")
    flags("raw", image_size=4, data_range="-1..1")
    # Of images of [-1, 1], in the chain that is the same: what it sees is in its own range.
    a = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)[t].reshape(-1, 1, 1, 1)
    forward = net.forward
    net.forward = lambda x, t, label: forward((x * (4 - 3 * a).sqrt() + a.sqrt()) / 2, t, label)
    run("pixels", net, 4, 1, t)
    flags("pixels", image_size=4)

    nn = torch.nn
    for name, size, convs, linears in (("lenet", 32, (1, 6, 16, 120), (120, 84, 10)),
                                       ("lenet-large", 128, (1, 6, 16, 32, 120), (7680, 768, 84, 10))):
        net = nn.Module()
        pairs = list(zip(convs, convs[1:]))
        parts = [(f"c{2 * i + 1}", nn.Conv2d(*p, 5)) for i, p in enumerate(pairs)]
        net.convnet = nn.ModuleDict(parts)
        net.fc = nn.ModuleDict([(f"f{6 + i}", nn.Linear(*p)) for i, p in enumerate(zip(linears, linears[1:]))])
        x = torch.rand(2, 1, size, size, requires_grad=True)  # as ToTensor makes them
        h = x
        for i, (_, conv) in enumerate(parts):
            h = F.relu(conv(h if i == 0 else F.max_pool2d(h, 2)))
        h = h.flatten(1)
        for i, layer in enumerate(net.fc.values()):
            h = layer(F.relu(h) if i else h)
        y = F.log_softmax(h, -1)
        gy = torch.randn(y.shape)
        (gx,) = torch.autograd.grad((y * gy).sum(), x)
        safetensors(name + ".x.safetensors", {"x": 2 * x - 1, "gy": gy})
        safetensors(name + ".want.safetensors", {"y": y, "gx": gx / 2})
        legacy(net.state_dict(), name + ".pth")


# ---- plain sequences of layers, described by what PyTorch prints


def sequence(name, net, size, channels, layers, save, state=None, normal=None):
    for m in net.modules():
        if isinstance(m, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(m.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(m.running_var, 0.5, 2)
        for p in m.parameters(recurse=False):
            if p.dim() == 1:
                torch.nn.init.normal_(p, 0.7, 0.3)
    net.eval()
    x = torch.randn(3, channels, size, size).clamp(-1, 1).requires_grad_()
    mean, std = normal or (0.5, 0.5)
    each = lambda v: torch.tensor(v).reshape(-1, 1, 1)
    y = torch.log_softmax(net(((x + 1) / 2 - each(mean)) / each(std)), 1)
    gy = torch.randn_like(y)
    (gx,) = torch.autograd.grad(y, x, gy)
    safetensors(name + ".x.safetensors", {"x": x, "gy": gy})
    safetensors(name + ".want.safetensors", {"y": y, "gx": gx})
    config = {"_class_name": "TorchSequential", "sample_size": size, "in_channels": channels, "layers": layers}
    if normal:
        config.update(image_mean=normal[0] if isinstance(normal[0], tuple) else [normal[0]],
                      image_std=normal[1] if isinstance(normal[1], tuple) else [normal[1]])
    folder(name, config)
    save(state or net.state_dict(), name + "/weights.pt")


def sequences():
    nn = torch.nn
    net = nn.Sequential(
        nn.Conv2d(3, 8, 5, padding=2, bias=False), nn.BatchNorm2d(8, eps=1e-3), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(8, 12, (1, 3), padding="same"), nn.GroupNorm(3, 12), nn.SiLU(), nn.Dropout2d(0.1),
        nn.Conv2d(12, 16, 4, stride=2, padding=1), nn.GELU(), nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(),
        nn.Linear(16 * 2 * 2, 20), nn.LeakyReLU(0.2), nn.Linear(20, 7, bias=False), nn.LogSoftmax(dim=1))
    sequence("net", net, 17, 3, [repr(m) for m in net], torch.save, normal=((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    # Names of a module's own parts, images of [0, 1], wrapped.
    net = nn.Sequential(collections.OrderedDict(
        conv=nn.Sequential(nn.Conv2d(1, 6, 3), nn.GELU("tanh"), nn.AvgPool2d(3, 1, 1, count_include_pad=False)),
        pool=nn.AdaptiveAvgPool2d(1), flat=nn.Flatten(), out=nn.Linear(6, 4)))
    layers = [*(f"({'conv.' + n}): {m!r}" for n, m in net.conv.named_children()),
              *(f"({n}): {m!r}" for n, m in list(net.named_children())[1:])]
    layers[2] = "(conv.2): AvgPool2d(kernel_size=3, stride=1, padding=1, count_include_pad=False)"  # it is not printed
    sequence("named", net, 9, 1, layers, legacy, {"module." + k: v for k, v in net.state_dict().items()}, normal=(0.0, 1.0))


# ---- what is refused


class Evil:
    def __reduce__(self):
        return os.system, ("touch executed",)


def evil():
    torch.save({"a": torch.ones(2), "b": Evil()}, "evil.pt")
    legacy({"a": torch.ones(2), "b": Evil()}, "evil.pth")
    torch.save(torch.nn.Linear(2, 2), "module.pt")
    torch.save({"some.weight": torch.ones(2)}, "unknown.pt")
    with open("pointer.pt", "w") as f:
        f.write("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with torch.no_grad():
        clip()
    unet()
    sequences()
    guided_diffusion()
    ggdm_repository()
    evil()


if __name__ == "__main__":
    main()
