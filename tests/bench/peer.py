"""The other side of the benches: PyTorch as the reference code runs it.

`peer.py text WEIGHTS PROMPTS.json STEPS THREADS` and `peer.py vit|rn50 WEIGHTS IMAGES STEPS THREADS` print what bench.c prints.

The text step is the plain path: 77 tokens for every class, all blocks on all rows, autograd back to the context. Classes go
through in groups of at most 250, forward and backward each, because the activations of 1000 do not fit in 24 GB.
With `cuda` as a last argument the same in fp16 on the GPU, as the reference trains, timed by its events; `peer.py product SIDE STEPS`
times a square bf16 product there.
"""
import json
import resource
import struct
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

from weights import CONTEXT, EMBED, GRID, LAYERS, PATCH, POOL, STAGES, TEXT, VOCAB, WIDTH


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
    mask = torch.full((CONTEXT, CONTEXT), float("-inf"), dtype=x.dtype).triu(1)
    for i in range(LAYERS):
        x = block(s, f"transformer.resblocks.{i}.", x, mask)
    x = F.layer_norm(x.permute(1, 0, 2), (TEXT,), s["ln_final.weight"], s["ln_final.bias"])
    return x[torch.arange(len(names)), ids.argmax(1)] @ s["text_projection"]


def text_step(s, names):
    dtype = s["logit_scale"].dtype
    context = (0.01 * (torch.arange(4 * TEXT) % 5)).to(dtype).reshape(4, TEXT).requires_grad_()
    for i in range(0, len(names), 250):
        part = names[i:i + 250]
        n = len(part) * EMBED
        text_features(s, context, part).backward((0.001 * (torch.arange(n) % 7)).to(dtype).reshape(-1, EMBED))
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


def seconds_of(run, steps, warm, cuda):
    """Host clock, or events on the GPU."""
    seconds = []
    for i in range(-3 if cuda else -1 if warm else 0, steps):
        if cuda:
            marks = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
            marks[0].record()
            run()
            marks[1].record()
            torch.cuda.synchronize()
            took = marks[0].elapsed_time(marks[1]) / 1000
        else:
            start = time.perf_counter()
            run()
            took = time.perf_counter() - start
        if i >= 0:
            seconds.append(round(took, 6))
    return seconds


def finish(seconds, cuda):
    more = {"device_mb": torch.cuda.max_memory_allocated() / 2**20} if cuda else {}
    print(json.dumps({"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024} | more))


def main():
    if sys.argv[1] == "product":
        side, steps = map(int, sys.argv[2:])
        a, b = (torch.randn(side, side, device="cuda", dtype=torch.bfloat16) for _ in range(2))
        return finish(seconds_of(lambda: a @ b, steps, True, True), True)
    what, weights, arg, steps, threads = sys.argv[1:6]
    cuda = sys.argv[6:] == ["cuda"]
    torch.set_num_threads(int(threads))
    s = read_weights(weights)
    if cuda:
        torch.set_default_device("cuda")
        s = {k: v.cuda().half() for k, v in s.items()}
    if what == "text":
        names = json.load(open(arg))
        run = lambda: text_step(s, names)
    else:
        images = torch.full((int(arg), 3, PATCH * GRID, PATCH * GRID), 0.1).to(s["logit_scale"].dtype)
        run = lambda: (vit if what == "vit" else rn50)(s, images)
    finish(seconds_of(run, int(steps), what != "text" or len(json.load(open(arg))) <= 100, cuda), cuda)


main()
