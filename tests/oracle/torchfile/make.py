#!/usr/bin/python3
"""Writes small files as torch writes them, and expected.safetensors: what they hold, as
"<file>/<name>", with the same types, shapes and bits.

    /usr/bin/python3 make.py        # torch 1.13, numpy

script.pt      TorchScript of a module with OpenAI's names: fp16, fp32 and an int64 buffer
state.pt       torch.save of its state_dict
views.pt       transposed, sliced, strided, shared, scalar and empty tensors, and every type
checkpoint.pt  a trainer's checkpoint: state_dict, optimizer, a scheduler with another inside, a
               numpy number; only state_dict counts
old.pt         the format of before torch 1.6
hostile.pt     a pickle that would run a program: touch hostile-was-here
"""
import collections
import json
import os
import struct
import zipfile

import numpy as np
import torch
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
os.chdir(HERE)
torch.manual_seed(8)
TYPES = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64",
         torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8",
         torch.uint8: "U8", torch.bool: "BOOL"}
expected = collections.OrderedDict()


class Block(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.attn = nn.MultiheadAttention(w, 2)
        self.ln_1 = nn.LayerNorm(w)
        self.mlp = nn.Sequential(collections.OrderedDict([
            ("c_fc", nn.Linear(w, 4 * w)), ("c_proj", nn.Linear(4 * w, w))]))
        self.ln_2 = nn.LayerNorm(w)

    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class Tower(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.resblocks = nn.Sequential(Block(w), Block(w))

    def forward(self, x):
        return self.resblocks(x)


class Visual(nn.Module):
    def __init__(self, w):
        super().__init__()
        self.conv1 = nn.Conv2d(3, w, 4, 4, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(w))
        self.transformer = Tower(w)
        self.proj = nn.Parameter(torch.randn(w, 6))

    def forward(self, x):
        x = self.conv1(x).flatten(2).permute(2, 0, 1) + self.class_embedding
        return self.transformer(x)[0] @ self.proj


class Small(nn.Module):
    def __init__(self, w=8):
        super().__init__()
        self.visual = Visual(w)
        self.transformer = Tower(w)
        self.token_embedding = nn.Embedding(11, w)
        self.logit_scale = nn.Parameter(torch.tensor(4.6))
        self.register_buffer("input_resolution", torch.tensor(8))

    def forward(self, image, text):
        t = self.transformer(self.token_embedding(text))
        return self.visual(image).sum() * self.logit_scale.exp() + t.sum()


def expect(file, tensors):
    for name, t in tensors.items():
        expected[file + "/" + name] = t.detach().contiguous()


def write_expected():
    header, data = {}, b""
    for name, t in expected.items():
        raw = t.view(torch.int16).numpy().tobytes() if t.dtype == torch.bfloat16 else t.numpy().tobytes()
        header[name] = {"dtype": TYPES[t.dtype], "shape": list(t.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open("expected.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


model = Small().eval()
traced = torch.jit.trace(model, (torch.randn(1, 3, 8, 8), torch.tensor([[1, 2, 3]])))
# as OpenAI's: layers in fp16, the rest in fp32
for module in (model, traced):
    for name, p in module.named_parameters():
        if not any(part in name for part in ("ln_", "embedding", "logit_scale")):
            p.data = p.data.half()
torch.jit.save(traced, "script.pt")
expect("script.pt", traced.state_dict())
torch.save(model.state_dict(), "state.pt")
expect("state.pt", model.state_dict())

base = torch.arange(60, dtype=torch.float32).reshape(5, 12) / 7
views = {"base": base, "transposed": base.t(), "rows": base[1:4], "columns": base[:, 3:7],
         "every_third": base[::2, ::3], "swapped": base.reshape(3, 4, 5).permute(2, 0, 1),
         "one": base[2, 3], "none": base[:0], "param": nn.Parameter(torch.randn(3, 2).half())}
for dtype, name in TYPES.items():
    views["type." + name] = torch.tensor([0, 1, 2, 100]).to(dtype)
torch.save({"epoch": 3, "weights": views}, "views.pt")
expect("views.pt", {"weights." + k: v for k, v in views.items()})

prompt = nn.Module()
prompt.ctx = nn.Parameter(torch.randn(4, 8))
prompt.register_buffer("token_prefix", torch.randn(3, 1, 8).half())
sgd = torch.optim.SGD(prompt.parameters(), lr=0.002, momentum=0.9)
prompt.ctx.sum().backward()
sgd.step()
cosine = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, 50.0)
warmup = torch.optim.lr_scheduler.LambdaLR(sgd, [lambda epoch: 1.0])
schedule = dict(warmup.state_dict(), successor=cosine)
torch.save({"state_dict": prompt.state_dict(), "epoch": 50, "optimizer": sgd.state_dict(),
            "scheduler": schedule, "val_result": np.float64(71.5)}, "checkpoint.pt")
expect("checkpoint.pt", prompt.state_dict())

torch.save({"a": torch.zeros(3)}, "old.pt", _use_new_zipfile_serialization=False)
write_expected()

# GLOBAL os system, ('touch hostile-was-here',), REDUCE
command = b"touch hostile-was-here"
with zipfile.ZipFile("hostile.pt", "w", zipfile.ZIP_STORED) as z:
    z.writestr(zipfile.ZipInfo("hostile/data.pkl"), b"\x80\x02cos\nsystem\nX" + struct.pack("<I", len(command)) +
               command + b"\x85R.")
