"""Where random prompts start: torch's own numbers after torch.manual_seed, for numbers.txt.

coop: the pocket model's class is built first, as the reference builds CLIP before its prompt, and
then a context of 4 vectors is drawn (the first 8 numbers of each are kept). rlp: the factor B, of
rank 2 and width 64, from a stream of its own. A line: name, seed, how many, the numbers.

Run in this folder: /usr/bin/python3 make.py
"""
import json
import struct

import torch
from torch import nn

SEEDS = (1, 3)
SIZE, PATCH, VISION = 64, 8, 192
TEXT, CONTEXT, VOCAB, EMBED = 128, 32, 907, 128
MODEL = "../../../recipes/pocket/model.safetensors"


def layers_of(prefix):
    with open(MODEL, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    return len({name[len(prefix):].split(".")[0] for name in header if name.startswith(prefix)})


def build_block(width):
    attention = nn.MultiheadAttention(width, width // 64)
    fc = nn.Linear(width, 4 * width)
    return attention, fc, nn.Linear(4 * width, width)


def build_clip():
    """Draws what CLIP's constructor draws, in its order."""
    nn.Conv2d(3, VISION, PATCH, PATCH, bias=False)
    torch.randn(VISION)
    torch.randn((SIZE // PATCH) ** 2 + 1, VISION)
    for _ in range(layers_of("visual.transformer.resblocks.")):
        build_block(VISION)
    torch.randn(VISION, EMBED)
    blocks = [build_block(TEXT) for _ in range(layers_of("transformer.resblocks."))]
    tokens = nn.Embedding(VOCAB, TEXT)
    nn.init.normal_(tokens.weight)
    nn.init.normal_(torch.empty(CONTEXT, TEXT))
    for attention, fc, projection in blocks:
        for weight in (attention.in_proj_weight, attention.out_proj.weight, fc.weight,
                       projection.weight):
            nn.init.normal_(weight)
    nn.init.normal_(torch.empty(TEXT, EMBED))


def show(name, seed, values):
    numbers = " ".join(float(v).hex() for v in values.flatten())
    return f"{name} {seed} {values.numel()} {numbers}\n"


with open("numbers.txt", "w") as out:
    for seed in SEEDS:
        torch.manual_seed(seed)
        build_clip()
        out.write(show("coop", seed, torch.empty(4, TEXT).normal_(0, 0.02)[:, :8]))
        torch.manual_seed(seed)
        out.write(show("rlp", seed, 0.02 * torch.randn(2, 64)))
