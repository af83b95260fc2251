#!/usr/bin/python3
"""Writes adapt.safetensors and probe.safetensors here: what the methods on features do.

    /usr/bin/python3 make.py        # torch 1.13, numpy, scikit-learn 1.2

Written from the papers' equations in float64. Text is that of tests/oracle/clip's random CLIP
"small" for prompts of single letters (as in tests/oracle/context). Images are features
values("METHOD.images", B E, 1) with labels i % K; step s of training sees
values("METHOD.train.s.images", B E, 1) with labels (i + s) % K.

adapt.safetensors; CASE: adapter, taskres, tip
  CASE.loss (), CASE.gradient (n)          at the start
  CASE.losses (STEPS), CASE.trained (n)    SGD (adapter), Adam (taskres), AdamW with a cosine (tip)
  CASE.logits (B, K)                       of the trained result
  zero.logits (B, K)                       zero-shot, "select7" and one template
  adapter.start (n)                        as torch draws two linear layers from seed 9
  tip.keys (N, E)                          the cache of values("tip.cache", V N E, 1)
  tip.hits (20 x 5)                        hits on the validation images of a grid of beta, alpha
probe.safetensors; CASE: three (K = 3), two (K = 2)
  CASE.W.i (D, K), CASE.b.i (K)            scikit-learn's solution for C = 0.01, 1, 100
"""
import importlib.util
import os
import sys

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch.nn.functional import cross_entropy, normalize

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "clip"))
from make import tensor, values, write  # noqa: E402

spec = importlib.util.spec_from_file_location("context", os.path.join(HERE, "..", "context", "make.py"))
context = importlib.util.module_from_spec(spec)
spec.loader.exec_module(context)

CLIP, NAMES, E = context.CLIP, context.NAMES, context.E
K, B, STEPS = len(NAMES), 7, 20
SCALE = float(np.exp(np.float32(CLIP.scale)))


def text_of(template, names=NAMES):
    rows = [context.embed([context.SOT] + context.ids(template.replace("{}", n)) + [context.EOT]) for n in names]
    return CLIP.encode_rows(rows).detach()


def batch(case, step=None):
    name = f"{case}.images" if step is None else f"{case}.train.{step}.images"
    labels = torch.tensor([(i + (step or 0)) % K for i in range(B)])
    return tensor(name, 1.0, B, E), labels


def prove(case, start, logits, optimizer, out, schedule=None):
    p = start.clone().requires_grad_()
    images, labels = batch(case)
    loss = cross_entropy(logits(p, images), labels)
    loss.backward()
    out[case + ".loss"], out[case + ".gradient"] = loss, p.grad.clone()
    opt = optimizer([p])
    losses = []
    for step in range(STEPS):
        if schedule:
            opt.param_groups[0]["lr"] = schedule(step)
        images, labels = batch(case, step)
        opt.zero_grad()
        loss = cross_entropy(logits(p, images), labels)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    out[case + ".losses"], out[case + ".trained"] = np.array(losses), p
    out[case + ".logits"] = logits(p, batch(case)[0])


def adapter(out):
    text = normalize(text_of("a {}."), dim=-1)
    H = E // 4

    def logits(p, f):
        W1, W2 = p[: H * E].reshape(H, E), p[H * E:].reshape(E, H)
        a = torch.relu(torch.relu(f @ W1.T) @ W2.T)
        return SCALE * normalize(0.2 * a + 0.8 * f, dim=-1) @ text.T

    torch.manual_seed(9)
    layers = [torch.nn.Linear(E, H, bias=False, dtype=torch.float32), torch.nn.Linear(H, E, bias=False, dtype=torch.float32)]
    out["adapter.start"] = torch.cat([w.weight.detach().reshape(-1) for w in layers])
    start = tensor("adapter.start", 0.3, 2 * H * E)
    prove("adapter", start, logits, lambda p: torch.optim.SGD(p, lr=0.02, momentum=0.9, weight_decay=5e-4), out)


def taskres(out):
    base = (text_of("a {}.") + sum(text_of(t) for t in context_select())) / 8

    def logits(p, f):
        return SCALE * normalize(f, dim=-1) @ normalize(base + 0.5 * p.reshape(K, E), dim=-1).T

    start = tensor("taskres.start", 0.1, K * E)
    prove("taskres", start, logits, lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=5e-4), out)


def context_select():
    return ["itap of a {}.", "a bad photo of the {}.", "a origami {}.", "a photo of the large {}.",
            "a {} in a video game.", "art of the {}.", "a photo of the small {}."]


def zero(out):
    each = [normalize(text_of(t), dim=-1) for t in context_select() + ["a {}."]]
    text = normalize(sum(each) / len(each), dim=-1)
    out["zero.logits"] = SCALE * normalize(batch("zero")[0], dim=-1) @ text.T


def tip(out):
    V, N, alpha, beta = 3, 11, 1.5, 2.5
    text = normalize(text_of("a {}."), dim=-1)
    onehot = torch.eye(K)[torch.tensor([i % K for i in range(N)])]
    keys = normalize(tensor("tip.cache", 1.0, V, N, E).mean(0), dim=-1)
    out["tip.keys"] = keys

    def logits(p, f, a=alpha, b=beta):
        f = normalize(f, dim=-1)
        return SCALE * f @ text.T + a * torch.exp(-(b - b * (f @ p.reshape(N, E).T))) @ onehot

    # a larger rate than the reference's, so that twenty steps go somewhere
    prove("tip", keys.reshape(-1), logits, lambda p: torch.optim.AdamW(p, lr=0.01, eps=1e-4, weight_decay=0.01), out,
          lambda step: 0.5 * 0.01 * (1 + np.cos(np.pi * step / STEPS)))
    f, labels = tensor("tip.val", 1.0, 40, E), torch.tensor([i % K for i in range(40)])
    hits = []
    for i in range(20):
        for j in range(5):
            b, a = i * (7 - 0.1) / 20 + 0.1, j * (30 - 0.1) / 5 + 0.1
            hits.append((logits(keys.reshape(-1), f, a, b).argmax(1) == labels).sum().item())
    out["tip.hits"] = np.array(hits)


def probe(out):
    N, D = 60, 24
    for case, k in (("three", 3), ("two", 2)):
        x = values(f"probe.{case}", N * D, 2.0).reshape(N, D).astype(np.float64)
        y = np.arange(N) % k
        x[:, 0] += 2 * (y == 0)  # something to find
        for i, c in enumerate((0.01, 1, 100)):
            m = LogisticRegression(solver="lbfgs", max_iter=10000, penalty="l2", C=c, tol=1e-10).fit(x, y)
            W, b = (m.coef_, m.intercept_) if k > 2 else (np.concatenate([-m.coef_, m.coef_]) / 2, np.array([-m.intercept_[0], m.intercept_[0]]) / 2)
            out[f"{case}.W.{i}"], out[f"{case}.b.{i}"] = W.T, b


def main():
    out = {}
    adapter(out)
    taskres(out)
    zero(out)
    tip(out)
    write(os.path.join(HERE, "adapt.safetensors"), out)
    out = {}
    probe(out)
    write(os.path.join(HERE, "probe.safetensors"), out)


main()
