#!/usr/bin/python3
"""Writes <shape>.safetensors: deep prompts in both towers of the random CLIPs of tests/oracle/clip, in float64.

    /usr/bin/python3 make.py        # torch 1.13, numpy

Written from spec/training.md sections 10 and 11. No row is shared, cut or left out: every class runs the
whole context, every image all its rows, and autograd goes through all of it. Weights, inputs and starts are
values(name); names, labels of the prompts: NAMES random ids per class.

  names (K, n)                 class-name ids, then -1; a prompt is SOT, M contexts, name, EOT
  towers.D.*  for D = 1 .. 3   D levels in either tower that has so many blocks; text values("towers.text", D M C, 0.1),
                               image values("towers.image", D V W, 0.3), B images values("towers.pixels", B 3 S S, 2)
    .text (K, E), .image (B, E), .loss (), .dtext (D, M, C), .dimage (D, V, W)
  labels (STEPS, B)            of the training steps; pixels values("pixels.STEP", B 3 S S, 2)
  maple.* , ranked.*           loss and gradients of step 0, then losses of STEPS steps: see maple()
  ivlp.*, promptsrc.*          the same: see ivlp() and promptsrc()
  vpt.*                        the same: see vpt()
SGD: lr 0.05, momentum 0.9, weight decay 5e-4. Losses are the whole objective.
"""
import os
import random
import sys

import numpy as np
import torch
from torch.nn.functional import cross_entropy, log_softmax, normalize

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "clip"))
from make import SHAPES, Clip, padded, tensor, write  # noqa: E402

M, V, B, STEPS, PER_EPOCH, RANK = 2, 3, 4, 20, 4, 1


class Deep(Clip):
    def encode_image(self, x, prompts=()):
        """prompts: levels of (V, width)."""
        n, p, g = x.shape[0], self.patch, self.image // self.patch
        conv = self.w("visual.conv1.weight", self.vw, 3, p, p)
        tokens = torch.nn.functional.conv2d(x, conv, stride=p).reshape(n, self.vw, g * g).transpose(1, 2)
        first = self.w("visual.class_embedding", self.vw).expand(n, 1, self.vw)
        x = torch.cat([first, tokens], 1) + self.w("visual.positional_embedding", 1 + g * g, self.vw)
        each = [level.expand(n, *level.shape) for level in prompts]
        if each:
            x = torch.cat([x, each[0]], 1)
        x = self.norm("visual.ln_pre", x)
        for i in range(self.vl):
            if 0 < i < len(each):
                x = torch.cat([x[:, : 1 + g * g], each[i]], 1)
            x = self.block(f"visual.transformer.resblocks.{i}", x, None)
        return self.norm("visual.ln_post", x[:, 0]) @ self.w("visual.proj", self.vw, self.embed)

    def encode_text(self, levels, names):
        """levels of (M, C): the first is the context, the others replace its rows before later blocks."""
        e, sot, eot = self.table(), self.vocab - 2, self.vocab - 1
        rows = [torch.cat([e[[sot]], levels[0], e[n + [eot]]]) for n in names]
        x = tensor("padding", 1.0, len(rows), self.context, self.tw).clone()
        for i, r in enumerate(rows):
            x[i] = torch.cat([r, x[i, len(r):]])
        x = x + self.w("positional_embedding", self.context, self.tw)
        mask = torch.full((self.context, self.context), -np.inf).triu(1)
        m = levels[0].shape[0]
        for i in range(self.tl):
            if 0 < i < len(levels):
                x = torch.cat([x[:, :1], levels[i].expand(len(rows), m, self.tw), x[:, 1 + m:]], 1)
            x = self.block(f"transformer.resblocks.{i}", x, mask)
        last = torch.stack([x[i, len(r) - 1] for i, r in enumerate(rows)])
        return self.norm("ln_final", last) @ self.w("text_projection", self.tw, self.embed)


def start(name, scale, *shape):
    return tensor(name, scale, *shape).requires_grad_()


def towers(clip, names, labels, out):
    pixels = tensor("towers.pixels", 2.0, B, 3, clip.image, clip.image)
    for depth in range(1, max(clip.tl, clip.vl) + 1):
        text = start("towers.text", 0.1, min(depth, clip.tl), M, clip.tw)
        image = start("towers.image", 0.3, min(depth, clip.vl), V, clip.vw)
        t, v = clip.encode_text(list(text), names), clip.encode_image(pixels, list(image))
        loss = cross_entropy(clip.logits(v, t), labels[0])
        loss.backward()
        key = f"towers.{depth}."
        out[key + "text"], out[key + "image"], out[key + "loss"] = t, v, loss
        out[key + "dtext"], out[key + "dimage"] = text.grad, image.grad


def train(clip, key, parameters, loss_of, out, per_epoch=None):
    """Gradients of step 0 under the parameters' names, then the losses of every step."""
    sgd = torch.optim.SGD(list(parameters.values()), lr=0.05, momentum=0.9, weight_decay=5e-4)
    losses = []
    for step in range(STEPS):
        pixels = tensor(f"pixels.{step}", 2.0, B, 3, clip.image, clip.image)
        loss = loss_of(pixels, out["labels"][step])
        sgd.zero_grad()
        loss.backward()
        if step == 0:
            for name, p in parameters.items():
                out[f"{key}.d{name}"] = p.grad.clone()
        sgd.step()
        losses.append(float(loss))
        if per_epoch and (step + 1) % PER_EPOCH == 0:
            per_epoch(step // PER_EPOCH)
    out[key + ".losses"] = np.array(losses)


def maple(clip, names, out, depth, rank):
    """ctx values("ctx", M C, 0.1); deep values("deep", (D - 1) M C, 0.1); weight values("weight", D W C, 0.2),
    bias values("bias", D W, 0.1). ranked: ctx + A B, A values("A", M R, 0.5), B values("B", R C, 0.1), no dropout."""
    ctx, deep = start("ctx", 0.1, M, clip.tw), start("deep", 0.1, depth - 1, M, clip.tw)
    weight, bias = start("weight", 0.2, depth, clip.vw, clip.tw), start("bias", 0.1, depth, clip.vw)
    a, b = start("A", 0.5, M, RANK), start("B", 0.1, RANK, clip.tw)
    parameters = {"A": a, "B": b} if rank else {"ctx": ctx}
    parameters.update(deep=deep, weight=weight, bias=bias)

    def loss_of(pixels, labels):
        levels = [ctx.detach() + a @ b if rank else ctx] + list(deep)
        image = [p @ w.T + c for p, w, c in zip(levels, weight, bias)]
        return cross_entropy(clip.logits(clip.encode_image(pixels, image), clip.encode_text(levels, names)), labels)

    train(clip, "ranked" if rank else "maple", parameters, loss_of, out)


def promptsrc(clip, names, out, depth):
    """Text levels as maple's; image values("visual", D M W, 0.3); teacher text: unit rows of values("teacher", K E, 1);
    weights 25 and 10. gpa.*: the parameters averaged over the epochs of PER_EPOCH steps, weights of Normal(3, 1)."""
    ctx, deep = start("ctx", 0.1, M, clip.tw), start("deep", 0.1, depth - 1, M, clip.tw)
    visual = start("visual", 0.3, depth, M, clip.vw)
    parameters = {"ctx": ctx, "deep": deep, "visual": visual}
    teacher = normalize(tensor("teacher", 1.0, len(names), clip.embed), dim=-1)
    scale = np.exp(np.float32(clip.scale))
    epochs = STEPS // PER_EPOCH
    weights = np.array([np.exp(-0.5 * (e - 3.0) ** 2) for e in range(1, epochs + 1)])
    weights /= weights.sum()
    mean = {name: torch.zeros_like(p) for name, p in parameters.items()}

    def loss_of(pixels, labels):
        t = normalize(clip.encode_text([ctx] + list(deep), names), dim=-1)
        v = normalize(clip.encode_image(pixels, list(visual)), dim=-1)
        frozen = normalize(clip.encode_image(pixels), dim=-1)
        logits, target = scale * v @ t.T, log_softmax(scale * frozen @ teacher.T, 1)
        kl = (target.exp() * (target - log_softmax(logits, 1))).sum() / logits.numel()
        return cross_entropy(logits, labels) + 25 * (t - teacher).abs().mean() + 10 * (v - frozen).abs().mean() + kl

    def after_epoch(e):
        for name, p in parameters.items():
            mean[name] += weights[e] * p.detach()

    train(clip, "promptsrc", parameters, loss_of, out, after_epoch)
    for name, p in mean.items():
        out["gpa." + name] = p


def ivlp(clip, names, out, depth):
    """Text levels as maple's; image values("visual", D V W, 0.3)."""
    ctx, deep = start("ctx", 0.1, M, clip.tw), start("deep", 0.1, depth - 1, M, clip.tw)
    visual = start("visual", 0.3, depth, V, clip.vw)

    def loss_of(pixels, labels):
        text = clip.encode_text([ctx] + list(deep), names)
        return cross_entropy(clip.logits(clip.encode_image(pixels, list(visual)), text), labels)

    train(clip, "ivlp", {"ctx": ctx, "deep": deep, "visual": visual}, loss_of, out)


def vpt(clip, names, out, depth):
    """Text: unit rows of values("teacher"); image rows values("visual", D V W, 0.3) + A B per level, A values("A", D V R, 0.5),
    B values("B", D R W, 0.1)."""
    text = tensor("teacher", 1.0, len(names), clip.embed)
    rows = tensor("visual", 0.3, depth, V, clip.vw)
    a, b = start("A", 0.5, depth, V, RANK), start("B", 0.1, depth, RANK, clip.vw)
    train(clip, "vpt", {"A": a, "B": b},
          lambda pixels, labels: cross_entropy(clip.logits(clip.encode_image(pixels, list(rows + a @ b)), text), labels), out)


def main():
    for index, (name, shape) in enumerate(SHAPES.items()):
        clip, r, out = Deep(shape), random.Random(index), {"shape": np.array(shape)}
        draw = lambda n: [r.randrange(clip.vocab - 2) for _ in range(n)]
        names = [draw(2), draw(1), draw(4)]
        names += [names[2][:2], names[2][:3] + draw(2)]  # a name inside a name, a common beginning
        out["names"] = padded(names)
        out["labels"] = torch.tensor([[r.randrange(len(names)) for _ in range(B)] for _ in range(STEPS)])
        towers(clip, names, out["labels"], out)
        if name == "small":  # the projections of the others are large
            maple(clip, names, out, 2, False)
            maple(clip, names, out, 2, True)
        if name == "three":
            ivlp(clip, names, out, 3)
            promptsrc(clip, names, out, 3)
            vpt(clip, names, out, 2)
        write(os.path.join(HERE, name + ".safetensors"), out)
        print(name, *(f"{k} {v.round(3)}" for k, v in out.items() if k.endswith(".losses")), sep="\n  ")


main()
