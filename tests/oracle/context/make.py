#!/usr/bin/python3
"""Writes METHOD.safetensors here: what the context methods do on tests/oracle/clip's random CLIP "small".

    /usr/bin/python3 make.py        # torch 1.13, numpy

Written from the papers' equations in float64; no method shares code with another beyond what CLIP is.
Prompts are text: the tokenizer knows single letters only (a vocabulary of 514), so its ids are
plain. Every method trains one flat vector of parameters, values("METHOD.CASE.parameters", n, 0.1)
(ProGrad: after its start), on the images values("METHOD.CASE.images", B E, 1) with labels i % K.

Tensors of a case:
  CASE.loss (), CASE.gradient (n)
  CASE.losses (STEPS), CASE.trained (n)      STEPS steps of SGD: lr 0.02, momentum 0.9, weight decay
                                             5e-4, on the images of each step, labels (i + step) % K
  CASE.logits (B, K)                         CoCoOp: of the deployed result, without dropout
  init (n)                                   CoCoOp: parameters as torch draws them from seed 9
"""
import os
import re
import sys

import torch
from torch.nn.functional import cosine_similarity, cross_entropy, log_softmax, normalize, softmax

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "clip"))
from make import SHAPES, Clip, dropout_mask, tensor, write  # noqa: E402

STEPS, SEED, SOT, EOT = 20, 9, 512, 513
CLIP = Clip(SHAPES["small"])
C, E = CLIP.tw, CLIP.embed
NAMES = ["ab", "c", "cat", "ca", "dog b"]  # a name inside a name, two words
MANY = [a + b for a in "abcdefghij" for b in "klmnopqrst"]


def ids(text):
    words = re.findall(r"[a-z]+|[^\sa-z]+", text)
    return [ord(c) - 33 + 256 * (i == len(w) - 1) for w in words for i, c in enumerate(w)]


def embed(tokens):
    return CLIP.table()[tokens]


def prompt(context, rest, name, position):
    """SOT, then M vectors and the frozen text `rest name.`, in the reference's three orders; EOT."""
    frozen, n = embed(rest + ids(name + ".")), len(ids(name))
    m = len(context)
    if position == "end":
        rows = [context, frozen]
    elif position == "middle":
        rows = [context[:m // 2], frozen[:n], context[m // 2:], frozen[n:]]
    else:
        rows = [frozen[:n], context, frozen[n:]]
    return torch.cat([embed([SOT]), *rows, embed([EOT])])


def start_of(words, seed=None, shape=None):
    """The vectors that words (or torch's stream) give, and the tokens left in the prompt."""
    if not words:
        torch.manual_seed(seed)
        return torch.empty(shape, dtype=torch.float32).normal_(std=0.02).double(), []
    n, tokens = len(words.split()), ids(words)
    return embed(tokens[:n]), tokens[n:]


def compose(p, start, rank, step, dropout):
    """The context (M, C) or (K, M, C) of the parameters p: themselves, or start + dropout(A B)."""
    if not rank:
        return p.reshape(start.shape)
    groups = start.reshape(-1, *start.shape[-2:])
    g, m = len(groups), start.shape[-2]
    a, b = p[:g * m * rank].reshape(g, m, rank), p[g * m * rank:].reshape(g, rank, C)
    product = a @ b
    if step is not None and dropout:
        product = product * torch.from_numpy(dropout_mask(SEED, step, product.numel())).reshape(product.shape)
    return (groups + product).reshape(start.shape)


def size(start, rank):
    groups = start.numel() // (start.shape[-2] * C)
    return groups * rank * (start.shape[-2] + C) if rank else start.numel()


def text(context, rest, names, position="end"):
    each = context if context.dim() == 3 else [context] * len(names)
    return CLIP.encode_rows([prompt(c, rest, n, position) for c, n in zip(each, names)])


def zero_shot(template):
    return normalize(CLIP.encode_rows([embed([SOT] + ids(template.format(n)) + [EOT]) for n in NAMES]), dim=-1)


def images(key, b):
    return tensor(key + ".images", 1.0, b, E)


def run(out, key, n, losses, gradient=None, b=7, k=len(NAMES), p=None):
    """losses(p, images, labels, step) -> loss; step None: without dropout. gradient: another rule."""
    case = key.split(".", 1)[1]
    gradient = gradient or (lambda p, *a: torch.autograd.grad(losses(p, *a), p)[0])
    p = (tensor(key + ".parameters", 0.1, n) if p is None else p).requires_grad_()
    x, labels = images(key, b), torch.arange(b) % k
    out[case + ".loss"], out[case + ".gradient"] = losses(p, x, labels, 0), gradient(p, x, labels, 0)
    sgd, trace = torch.optim.SGD([p], lr=0.02, momentum=0.9, weight_decay=5e-4), []
    for step in range(STEPS):
        x, labels = images(f"{key}.{step}", b), (torch.arange(b) + step) % k
        trace.append(float(losses(p, x, labels, step)))
        p.grad = gradient(p, x, labels, step).clone()
        sgd.step()
    out[case + ".losses"], out[case + ".trained"] = torch.tensor(trace), p


def coop(out):
    for position in ("end", "middle", "front"):
        for own in ("no", "yes"):
            for rank in (0, 2):
                shape = (5, 3, C) if own == "yes" else (3, C)
                start, rest = start_of("", SEED, shape)
                key = f"coop.{position}.{own}.{rank}"
                run(out, key, size(start, rank), lambda p, x, y, s: cross_entropy(
                    CLIP.logits(x, text(compose(p, start, rank, s, 0.1), rest, NAMES, position)), y))
    start, rest = start_of("a photo of a")
    run(out, "coop.words", start.numel(), lambda p, x, y, s: cross_entropy(
        CLIP.logits(x, text(p.reshape(start.shape), rest, NAMES, "middle")), y))


def rlp(out):
    """Without the initialisation branch; with it: tests/oracle/clip."""
    start, rest = start_of("a photo of a")
    run(out, "rlp.no", size(start, 2), lambda p, x, y, s: cross_entropy(
        CLIP.logits(x, text(compose(p, 0 * start, 2, s, 0.1), rest, NAMES)), y))


def kgcoop(out):
    start, rest = start_of("a photo of a")
    teacher = zero_shot("a {} pic, of it.")
    for rank in (0, 2):
        def losses(p, x, y, s):
            t = text(compose(p, start, rank, s, 0.1), rest, NAMES)
            return cross_entropy(CLIP.logits(x, t), y) + 8 * (1 - cosine_similarity(t, teacher, dim=1, eps=1e-7).mean())
        run(out, f"kgcoop.{rank}", size(start, rank), losses)


def prograd(out):
    words, length, strength, T = "a pet, of a", 6, 0.8, 2.0
    vectors, rest = start_of(words)
    start = torch.cat([torch.zeros(length - len(vectors), C), vectors])
    teacher = zero_shot(words + " {}.")
    out["start"] = start
    for rank in (0, 2):
        deflected = [0, 0]

        def both(p, x, y, s):
            logits = CLIP.logits(x, text(compose(p, start, rank, s, 0.1), rest, NAMES))
            kl = -(softmax(CLIP.logits(x, teacher) / T, -1) * log_softmax(logits / T, -1)).sum(-1).mean() * T * T
            return cross_entropy(logits, y), kl

        def gradient(p, x, y, s):
            xe, kl = both(p, x, y, s)
            a = torch.autograd.grad(xe, p, retain_graph=True)[0]
            b = torch.autograd.grad(kl, p)[0]
            cut, result = length * rank, []
            for ga, gb in [(a, b)] if not rank else [(a[:cut], b[:cut]), (a[cut:], b[cut:])]:
                unit = gb / gb.norm()
                against = torch.dot(ga / ga.norm(), unit) < 0
                deflected[int(against)] += 1
                result.append(ga - strength * torch.dot(ga, unit) * unit if against else ga)
            return torch.cat(result)

        noise = tensor(f"prograd.{rank}.parameters", 0.1, size(start, rank))
        run(out, f"prograd.{rank}", 0, lambda *a: both(*a)[0], gradient, p=noise if rank else noise + start.flatten())
        print(f"prograd, rank {rank}: {deflected[0]} gradients left alone, {deflected[1]} deflected")
        assert min(deflected) > 0


def cocoop(out):
    start, rest = start_of("a photo of a")
    H = E // 16
    parts = [(H, E), (H,), (C, H), (C,)]

    def logits_of(p, x, rank, s, names):
        n = size(start, rank)
        w1, b1, w2, b2 = (t.reshape(shape) for t, shape in zip(p[n:].split([torch.Size(q).numel() for q in parts]), parts))
        context = compose(p[:n], start, rank, s, 0.1)
        x = normalize(x, dim=-1)
        shift = torch.relu(x @ w1.T + b1) @ w2.T + b2
        return torch.cat([CLIP.logits(x[[i]], text(context + shift[i], rest, names)) for i in range(len(x))])

    for case, rank, b, names in (("0", 0, 3, NAMES), ("2", 2, 1, NAMES), ("many", 0, 3, MANY)):
        n = size(start, rank) + sum(torch.Size(q).numel() for q in parts)
        run(out, "cocoop." + case, n,
            lambda p, x, y, s: cross_entropy(logits_of(p, x, rank, s, names), y), b=b, k=len(names))
        out[case + ".logits"] = logits_of(out[case + ".trained"], images("cocoop." + case, b), rank, None, names)
    torch.manual_seed(SEED)
    one, two = (torch.nn.Linear(i, o, dtype=torch.float32) for i, o in ((E, H), (H, C)))
    out["init"] = torch.cat([start.flatten(), *(t.double().flatten() for l in (one, two) for t in (l.weight, l.bias))])


def main():
    for method in (coop, rlp, kgcoop, prograd, cocoop):
        tensors = {}
        method(tensors)
        write(os.path.join(HERE, method.__name__ + ".safetensors"), tensors)
        print(method.__name__, {k: [round(float(v[0]), 3), round(float(v[-1]), 3)] for k, v in tensors.items() if k.endswith("losses")})


if __name__ == "__main__":
    main()
