#!/usr/bin/python3
"""Writes <shape>/fixture.safetensors for three random CLIPs: what a plain PyTorch CLIP in float64 gives.

    /usr/bin/python3 make.py        # torch 1.13, numpy

Weights and inputs are not stored: values(name, n, scale) makes them from a tensor's name here and
in tests/unit/clip/oracle.h, so the fixtures hold results only. Every sequence here is run padded to
the whole context with a causal mask: none of the tree's savings is used.

Tensors, all float32 (ids and labels too; N images, K classes, B batch, E joint, C text width):
  shape                    image, patch, vision width, layers, text width, layers, context, vocab, embed
  image_features (N, E)    of values("images", N 3 S S, 2)
  text_ids (K, T)          SOT .. EOT, then -1
  text_features (K, E), logits (N, K)
  names (K, n)             class-name ids, then -1; a prompt is SOT, context, name, EOT
  labels (B)               of the batch values("batch", B E, 1)
  shared.M.*, class.M.*    M = 1, 2, 4, 16; context values("shared.M.context", M C, 0.1), class: K M C
    .features (K, E), .loss (), .grad = d loss / d context, (M, C) or (K, M, C)
  factor.loss, .dA (M, R), .dB (R, C)  context = values("start") + mask * (A B), M = 4, R = 2;
    A = values("factor.A", M R, 0.5), B = values("factor.B", R C, 0.1)
  mask (STEPS, M, C)       dropout_mask of seed 1, rate 0.1: 0 or 1 / 0.9; factor uses the first
  train.labels (STEPS, B)  of values("train.images", STEPS B E, 1)
  coop.losses (STEPS), coop.context (M, C)          start values("start", M C, 0.1)
  rlp.losses, rlp.A, rlp.B, masked.losses, .A, .B   A zero, B = values("rlp.B", R C, 0.1), same start
Loss: mean cross entropy of exp(scale) * unit(image) unit(text)^T. SGD: lr 0.1, momentum 0.9, weight
decay 5e-4 on everything that trains.
"""
import json
import os
import random
import struct

import numpy as np
import torch
from torch.nn.functional import cross_entropy, normalize

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

HERE = os.path.dirname(os.path.abspath(__file__))
SHAPES = {  # image, patch, vision width, layers, text width, layers, context, vocab, embed
    "small": (32, 8, 64, 2, 64, 2, 26, 600, 32),
    "three": (48, 16, 128, 3, 128, 3, 32, 560, 48),
    "wide": (40, 10, 192, 2, 128, 2, 40, 700, 64),
}
N, B, M, R, STEPS, RATE = 5, 7, 4, 2, 10, 0.1


def values(name, n, scale):
    """n numbers in [-scale, scale) that depend on the name only: FNV-1a, splitmix64, upper 11 bits."""
    seed = 0xcbf29ce484222325
    for b in name.encode():
        seed = (seed ^ b) * 0x100000001b3 & (1 << 64) - 1
    with np.errstate(over="ignore"):
        x = np.uint64(seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9e3779b97f4a7c15)
        x = (x ^ x >> np.uint64(30)) * np.uint64(0xbf58476d1ce4e5b9)
        x = (x ^ x >> np.uint64(27)) * np.uint64(0x94d049bb133111eb)
        x = (x ^ x >> np.uint64(31)) >> np.uint64(53)
    return ((x.astype(np.float64) - 1024) * scale / 1024).astype(np.float32)


def tensor(name, scale, *shape):
    return torch.from_numpy(values(name, int(np.prod(shape)), scale).reshape(shape).astype(np.float64))


def philox(key, counter, stream):
    """Philox 4x32-10 (Salmon et al., SC 2011) -> four 32-bit words."""
    k, c = [key & 0xffffffff, key >> 32], [counter & 0xffffffff, counter >> 32, stream & 0xffffffff, stream >> 32]
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [b >> 32 ^ c[1] ^ k[0], b & 0xffffffff, a >> 32 ^ c[3] ^ k[1], a & 0xffffffff]
        k = [(k[0] + 0x9E3779B9) & 0xffffffff, (k[1] + 0xBB67AE85) & 0xffffffff]
    return c


def dropout_mask(seed, step, n, rate=np.float32(0.1)):
    words = [w for i in range((n + 3) // 4) for w in philox(seed, step << 32 | i, 0x726C70)][:n]
    return np.array([0 if np.float32((w >> 8) * 2.0 ** -24) < rate else np.float32(1) / (np.float32(1) - rate) for w in words], np.float64)


class Clip:
    """Weights by their OpenAI names, made when first asked for."""

    def __init__(self, shape):
        (self.image, self.patch, self.vw, self.vl, self.tw, self.tl, self.context, self.vocab, self.embed) = shape
        self.scale = 3.0

    def w(self, name, *shape):
        if len(shape) == 1:
            u = tensor(name, 0.25, *shape)
            return 1 + u if name.endswith(".weight") else u
        return tensor(name, (3.0 / np.prod(shape[1:])) ** 0.5, *shape)

    def norm(self, name, x):
        mean = x.mean(-1, keepdim=True)
        var = ((x - mean) ** 2).mean(-1, keepdim=True)
        c = x.shape[-1]
        return (x - mean) / (var + 1e-5).sqrt() * self.w(name + ".weight", c) + self.w(name + ".bias", c)

    def linear(self, name, x, n, infix="."):
        return x @ self.w(name + infix + "weight", n, x.shape[-1]).T + self.w(name + infix + "bias", n)

    def block(self, name, x, mask):
        b, t, c = x.shape
        qkv = self.linear(name + ".attn.in_proj", self.norm(name + ".ln_1", x), 3 * c, "_")
        q, k, v = (s.reshape(b, t, c // 64, 64).transpose(1, 2) for s in qkv.split(c, -1))
        scores = q @ k.transpose(-1, -2) / 8
        if mask is not None:
            scores = scores + mask
        heads = (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, c)
        x = x + self.linear(name + ".attn.out_proj", heads, c)
        h = self.linear(name + ".mlp.c_fc", self.norm(name + ".ln_2", x), 4 * c)
        return x + self.linear(name + ".mlp.c_proj", h * torch.sigmoid(1.702 * h), c)

    def encode_image(self, x):
        n, p, g = x.shape[0], self.patch, self.image // self.patch
        conv = self.w("visual.conv1.weight", self.vw, 3, p, p)
        tokens = torch.nn.functional.conv2d(x, conv, stride=p).reshape(n, self.vw, g * g).transpose(1, 2)
        first = self.w("visual.class_embedding", self.vw).expand(n, 1, self.vw)
        x = torch.cat([first, tokens], 1) + self.w("visual.positional_embedding", 1 + g * g, self.vw)
        x = self.norm("visual.ln_pre", x)
        for i in range(self.vl):
            x = self.block(f"visual.transformer.resblocks.{i}", x, None)
        return self.norm("visual.ln_post", x[:, 0]) @ self.w("visual.proj", self.vw, self.embed)

    def table(self):
        return self.w("token_embedding.weight", self.vocab, self.tw)

    def encode_rows(self, rows):
        """rows: per class (t, C) embeddings from SOT to EOT; padded with noise that must not matter."""
        x = tensor("padding", 1.0, len(rows), self.context, self.tw).clone()
        for i, r in enumerate(rows):
            x[i] = torch.cat([r, x[i, len(r):]])
        x = x + self.w("positional_embedding", self.context, self.tw)
        mask = torch.full((self.context, self.context), -np.inf).triu(1)
        for i in range(self.tl):
            x = self.block(f"transformer.resblocks.{i}", x, mask)
        last = torch.stack([x[i, len(r) - 1] for i, r in enumerate(rows)])
        return self.norm("ln_final", last) @ self.w("text_projection", self.tw, self.embed)

    def encode_prompts(self, context, names):
        """context (M, C) shared, or (K, M, C)."""
        e, sot, eot = self.table(), self.vocab - 2, self.vocab - 1
        each = context if context.dim() == 3 else [context] * len(names)
        return self.encode_rows([torch.cat([e[[sot]], c, e[n + [eot]]]) for c, n in zip(each, names)])

    def logits(self, image, text):
        return np.exp(np.float32(self.scale)) * normalize(image, dim=-1) @ normalize(text, dim=-1).T


def padded(lists):
    n = max(map(len, lists))
    return np.array([x + [-1] * (n - len(x)) for x in lists], dtype=np.float32)


def gradients(clip, names, labels, out):
    image = tensor("batch", 1.0, B, clip.embed)
    for kind in ("shared", "class"):
        for m in (1, 2, 4, 16):
            shape = (m, clip.tw) if kind == "shared" else (len(names), m, clip.tw)
            key = f"{kind}.{m}"
            context = tensor(key + ".context", 0.1, *shape).requires_grad_()
            text = clip.encode_prompts(context, names)
            loss = cross_entropy(clip.logits(image, text), labels)
            loss.backward()
            out[key + ".features"], out[key + ".loss"], out[key + ".grad"] = text, loss, context.grad
    a = tensor("factor.A", 0.5, M, R).requires_grad_()
    b = tensor("factor.B", 0.1, R, clip.tw).requires_grad_()
    context = tensor("start", 0.1, M, clip.tw) + out["mask"][0] * (a @ b)
    loss = cross_entropy(clip.logits(image, clip.encode_prompts(context, names)), labels)
    loss.backward()
    out["factor.loss"], out["factor.dA"], out["factor.dB"] = loss, a.grad, b.grad


def train(clip, names, labels, parameters, context):
    """Losses of STEPS steps of SGD; context(step) composes the context from the parameters."""
    images = tensor("train.images", 1.0, STEPS, B, clip.embed)
    sgd = torch.optim.SGD(parameters, lr=RATE, momentum=0.9, weight_decay=5e-4)
    losses = []
    for step in range(STEPS):
        loss = cross_entropy(clip.logits(images[step], clip.encode_prompts(context(step), names)), labels[step])
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        losses.append(float(loss))
    return np.array(losses)


def training(clip, names, out, r):
    labels = torch.tensor([[r.randrange(len(names)) for _ in range(B)] for _ in range(STEPS)])
    out["train.labels"] = labels
    start = tensor("start", 0.1, M, clip.tw)
    context = start.clone().requires_grad_()
    out["coop.losses"] = train(clip, names, labels, [context], lambda step: context)
    out["coop.context"] = context
    for key in ("rlp", "masked"):
        a = torch.zeros(M, R, requires_grad=True)
        b = tensor("rlp.B", 0.1, R, clip.tw).requires_grad_()
        mask = out["mask"] if key == "masked" else torch.ones(STEPS, M, clip.tw)
        out[key + ".losses"] = train(clip, names, labels, [a, b], lambda step: start + mask[step] * (a @ b))
        out[key + ".A"], out[key + ".B"] = a, b


def write(path, tensors):
    header, data = {}, b""
    for name, t in tensors.items():
        t = t.detach().numpy() if isinstance(t, torch.Tensor) else np.asarray(t)
        raw = np.ascontiguousarray(t, dtype="<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)


def main():
    for index, (name, shape) in enumerate(SHAPES.items()):
        clip, r, out = Clip(shape), random.Random(index), {"shape": np.array(shape)}
        out["image_features"] = clip.encode_image(tensor("images", 2.0, N, 3, clip.image, clip.image))
        sot, eot = clip.vocab - 2, clip.vocab - 1
        draw = lambda n: [r.randrange(sot) for _ in range(n)]
        texts = [[sot] + draw(n) + [eot] for n in (0, 1, 5, clip.context - 2)]
        texts.insert(2, texts[3][:4] + [eot])  # begins as another does
        out["text_ids"] = padded(texts)
        out["text_features"] = clip.encode_rows([clip.table()[t] for t in texts])
        out["logits"] = clip.logits(out["image_features"], out["text_features"])
        names = [draw(2), draw(1), draw(4)]
        names += [names[2][:2], names[2][:3] + draw(2)]  # a name inside a name, a common beginning
        out["names"] = padded(names)
        labels = torch.tensor([i % len(names) for i in range(B)])
        out["labels"] = labels
        out["mask"] = torch.tensor(np.stack([dropout_mask(1, step, M * clip.tw) for step in range(STEPS)]).reshape(STEPS, M, clip.tw))
        gradients(clip, names, labels, out)
        training(clip, names, out, r)
        write(os.path.join(HERE, name, "fixture.safetensors"), out)
        print(name, *(f"{key} {out[key + '.losses'].round(3)}" for key in ("coop", "rlp", "masked")), sep="\n  ")


if __name__ == "__main__":
    main()
