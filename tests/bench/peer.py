"""The other side of the benches: PyTorch as the reference code runs it.

`peer.py weights OUT vit|rn50` writes random weights of ViT-B/16's or RN50's sizes (fp16, OpenAI's names).
`peer.py text WEIGHTS PROMPTS.json STEPS THREADS` and `peer.py vit|rn50 WEIGHTS IMAGES STEPS THREADS` print what bench.c prints.

The text step is the plain path: 77 tokens for every class, all blocks on all rows, autograd back to the context. Classes go
through in groups of at most 250, forward and backward each, because the activations of 1000 do not fit in 24 GB.
"""
import json
import resource
import struct
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

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


def read_weights(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    return {k: torch.from_numpy(np.frombuffer(raw, np.float16, int(np.prod(v["shape"])), 8 + n + v["data_offsets"][0]).reshape(v["shape"]).astype(np.float32))
            for k, v in json.loads(raw[8:8 + n]).items()}


def block(s, p, x, mask):
    """One residual block, torch's own multi-head attention, as the reference calls it (sequence first)."""
    w = x.shape[-1]
    y = F.layer_norm(x, (w,), s[p + "ln_1.weight"], s[p + "ln_1.bias"])
    y = F.multi_head_attention_forward(y, y, y, w, w // 64, s[p + "attn.in_proj_weight"], s[p + "attn.in_proj_bias"], None, None, False, 0.0,
                                       s[p + "attn.out_proj.weight"], s[p + "attn.out_proj.bias"], need_weights=False, attn_mask=mask)[0]
    x = x + y
    y = F.layer_norm(x, (w,), s[p + "ln_2.weight"], s[p + "ln_2.bias"])
    y = F.linear(y, s[p + "mlp.c_fc.weight"], s[p + "mlp.c_fc.bias"])
    return x + F.linear(y * torch.sigmoid(1.702 * y), s[p + "mlp.c_proj.weight"], s[p + "mlp.c_proj.bias"])


def text_features(s, context, names):
    ids = torch.zeros(len(names), CONTEXT, dtype=torch.long)
    for i, name in enumerate(names):
        row = [VOCAB - 2, 0, 0, 0, 0, *name, VOCAB - 1]
        ids[i, :len(row)] = torch.tensor(row)
    x = s["token_embedding.weight"][ids]
    x = torch.cat([x[:, :1], context.expand(len(names), -1, -1), x[:, 5:]], 1) + s["positional_embedding"]
    x = x.permute(1, 0, 2)
    mask = torch.full((CONTEXT, CONTEXT), float("-inf")).triu(1)
    for i in range(LAYERS):
        x = block(s, f"transformer.resblocks.{i}.", x, mask)
    x = F.layer_norm(x.permute(1, 0, 2), (TEXT,), s["ln_final.weight"], s["ln_final.bias"])
    return x[torch.arange(len(names)), ids.argmax(1)] @ s["text_projection"]


def text_step(s, names):
    context = (0.01 * (torch.arange(4 * TEXT) % 5)).float().reshape(4, TEXT).requires_grad_()
    for i in range(0, len(names), 250):
        part = names[i:i + 250]
        n = len(part) * EMBED
        text_features(s, context, part).backward((0.001 * (torch.arange(n) % 7)).float().reshape(-1, EMBED))
    return context.grad


@torch.no_grad()
def vit(s, images):
    x = F.conv2d(images, s["visual.conv1.weight"], stride=PATCH).flatten(2).permute(0, 2, 1)
    x = torch.cat([s["visual.class_embedding"].expand(len(x), 1, -1), x], 1) + s["visual.positional_embedding"]
    x = F.layer_norm(x, (WIDTH,), s["visual.ln_pre.weight"], s["visual.ln_pre.bias"]).permute(1, 0, 2)
    for i in range(LAYERS):
        x = block(s, f"visual.transformer.resblocks.{i}.", x, None)
    return F.layer_norm(x[0], (WIDTH,), s["visual.ln_post.weight"], s["visual.ln_post.bias"]) @ s["visual.proj"]


def conv_norm(s, x, conv, norm, stride=1):
    w = s[conv + ".weight"]
    x = F.conv2d(x, w, stride=stride, padding=w.shape[-1] // 2)
    return F.batch_norm(x, s[norm + ".running_mean"], s[norm + ".running_var"], s[norm + ".weight"], s[norm + ".bias"])


@torch.no_grad()
def rn50(s, x):
    for i in (1, 2, 3):
        x = F.relu(conv_norm(s, x, f"visual.conv{i}", f"visual.bn{i}", 2 if i == 1 else 1))
    x = F.avg_pool2d(x, 2)
    for layer, blocks in enumerate(STAGES):
        for b in range(blocks):
            at, pool = f"visual.layer{layer + 1}.{b}.", 2 if b == 0 and layer else 1
            y = F.relu(conv_norm(s, x, at + "conv1", at + "bn1"))
            y = F.relu(conv_norm(s, y, at + "conv2", at + "bn2"))
            y = conv_norm(s, F.avg_pool2d(y, pool) if pool > 1 else y, at + "conv3", at + "bn3")
            if b == 0:
                x = conv_norm(s, F.avg_pool2d(x, pool) if pool > 1 else x, at + "downsample.0", at + "downsample.1")
            x = F.relu(x + y)
    x = x.flatten(2).permute(2, 0, 1)
    x = torch.cat([x.mean(0, keepdim=True), x]) + s["visual.attnpool.positional_embedding"][:, None]
    p = {k: s[f"visual.attnpool.{k[0]}_proj.{k[2:]}"] for k in ("q.weight", "k.weight", "v.weight", "c.weight", "q.bias", "k.bias", "v.bias", "c.bias")}
    return F.multi_head_attention_forward(x, x, x, POOL, POOL // 64, None, torch.cat([p["q.bias"], p["k.bias"], p["v.bias"]]), None, None, False, 0.0,
                                          p["c.weight"], p["c.bias"], training=False, need_weights=False, use_separate_proj_weight=True,
                                          q_proj_weight=p["q.weight"], k_proj_weight=p["k.weight"], v_proj_weight=p["v.weight"])[0][0]


def main():
    if sys.argv[1] == "weights":
        return write_weights(*sys.argv[2:])
    what, weights, arg, steps, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    s = read_weights(weights)
    if what == "text":
        names = json.load(open(arg))
        run = lambda: text_step(s, names)
    else:
        images = torch.full((int(arg), 3, PATCH * GRID, PATCH * GRID), 0.1)
        run = lambda: (vit if what == "vit" else rn50)(s, images)
    seconds = []
    warm = what != "text" or len(json.load(open(arg))) <= 100
    for i in range(-1 if warm else 0, int(steps)):
        start = time.perf_counter()
        run()
        if i >= 0:
            seconds.append(round(time.perf_counter() - start, 6))
    print(json.dumps({"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


main()
