"""Random weights of ViT-B/16's or RN50's sizes (fp16, OpenAI's names), for the benches: `weights.py OUT vit|rn50`."""
import json
import struct
import sys

import numpy as np

WIDTH, TEXT, LAYERS, EMBED, PATCH, GRID, CONTEXT, VOCAB = 768, 512, 12, 512, 16, 14, 77, 49408
STAGES, POOL, RN_EMBED = (3, 4, 6, 3), 2048, 1024


def rn50_shapes():
    out = {"visual.attnpool.positional_embedding": (50, POOL)}

    def conv(name, norm, outputs, inputs, k):
        out[name + ".weight"] = (outputs, inputs, k, k)
        out.update({f"{norm}.{s}": (outputs,) for s in ("weight", "bias", "running_mean", "running_var")})

    for i, (outputs, inputs) in enumerate(((32, 3), (32, 32), (64, 32)), 1):
        conv(f"visual.conv{i}", f"visual.bn{i}", outputs, inputs, 3)
    inputs = 64
    for layer, blocks in enumerate(STAGES):
        for b in range(blocks):
            at, planes = f"visual.layer{layer + 1}.{b}.", 64 << layer
            conv(at + "conv1", at + "bn1", planes, inputs, 1)
            conv(at + "conv2", at + "bn2", planes, planes, 3)
            conv(at + "conv3", at + "bn3", 4 * planes, planes, 1)
            if b == 0:
                conv(at + "downsample.0", at + "downsample.1", 4 * planes, inputs, 1)
            inputs = 4 * planes
    for name in "qkvc":
        n = RN_EMBED if name == "c" else POOL
        out.update({f"visual.attnpool.{name}_proj.weight": (n, POOL), f"visual.attnpool.{name}_proj.bias": (n,)})
    return out


def shapes(kind):
    embed = RN_EMBED if kind == "rn50" else EMBED
    out = {"logit_scale": (), "positional_embedding": (CONTEXT, TEXT), "text_projection": (TEXT, embed), "token_embedding.weight": (VOCAB, TEXT),
           "ln_final.weight": (TEXT,), "ln_final.bias": (TEXT,)}
    if kind == "rn50":
        out.update(rn50_shapes())
    else:
        out.update({"visual.class_embedding": (WIDTH,), "visual.positional_embedding": (GRID * GRID + 1, WIDTH),
                    "visual.proj": (WIDTH, EMBED), "visual.conv1.weight": (WIDTH, 3, PATCH, PATCH)})
        for name in ("ln_pre", "ln_post"):
            out[f"visual.{name}.weight"] = out[f"visual.{name}.bias"] = (WIDTH,)
    for tower, w in (("", TEXT), ("visual.", WIDTH))[:1 if kind == "rn50" else 2]:
        for i in range(LAYERS):
            b = f"{tower}transformer.resblocks.{i}."
            for name in ("ln_1", "ln_2"):
                out[b + name + ".weight"] = out[b + name + ".bias"] = (w,)
            out.update({b + "attn.in_proj_weight": (3 * w, w), b + "attn.in_proj_bias": (3 * w,), b + "attn.out_proj.weight": (w, w), b + "attn.out_proj.bias": (w,),
                        b + "mlp.c_fc.weight": (4 * w, w), b + "mlp.c_fc.bias": (4 * w,), b + "mlp.c_proj.weight": (w, 4 * w), b + "mlp.c_proj.bias": (w,)})
    return out


def write_weights(path, kind):
    rng, header, at, blobs = np.random.default_rng(1), {}, 0, []
    for name, shape in sorted(shapes(kind).items()):
        norm = ".ln_" in name or name.startswith("ln_") or ".bn" in name or ".downsample.1" in name
        one = norm and name.endswith("weight") or name.endswith("running_var")
        scale = (2 / np.prod(shape[1:])) ** 0.5 if len(shape) == 4 and kind == "rn50" else 0.02
        a = np.ones(shape) if one else scale * rng.standard_normal(shape)
        if name.endswith((".bn3.weight", ".downsample.1.weight")) and ".layer" in name:
            a *= 0.5  # so that the sums of 16 blocks stay small, as a trained model's do
        a = np.asarray(a, np.float16)
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
        blobs.append(a.tobytes())
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


if __name__ == "__main__":
    write_weights(*sys.argv[1:])
