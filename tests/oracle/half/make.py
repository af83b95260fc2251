#!/usr/bin/env python3
"""steps.txt: SGD on an fp16 tensor, bit by bit, as torch does it on a GPU.

spec/training.md section 1: parameter, gradient and momentum are fp16; each of the operations g + wd p,
0.9 buf, + d and p - lr buf is computed in fp32 from fp16 operands and rounded to fp16. (torch's CPU
kernels round the scalars and products to fp16 too, so they are no oracle for this.) One line each:
the start, then for every step its gradient and the parameters after it, as fp16 bits.
"""
import os

import numpy as np

N, STEPS = 64, 12
LR, MOMENTUM, DECAY = np.float32(0.002), np.float32(0.9), np.float32(5e-4)


def bits(x):
    return " ".join("%04x" % v for v in x.view(np.uint16))


def half(x):
    assert x.dtype == np.float32
    return x.astype(np.float16)


def main():
    random = np.random.RandomState(5)
    p, buf = (random.randn(N) * 0.02).astype(np.float16), None
    lines = [bits(p)]
    for _ in range(STEPS):
        g = (random.randn(N) * 10.0 ** random.randint(-6, 1, N)).astype(np.float16)
        lines.append(bits(g))
        d = half(g.astype(np.float32) + DECAY * p.astype(np.float32))
        if buf is None:
            buf = d
        else:
            buf = half(MOMENTUM * buf.astype(np.float32))
            buf = half(buf.astype(np.float32) + d.astype(np.float32))
        p = half(p.astype(np.float32) - LR * buf.astype(np.float32))
        lines.append(bits(p))
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "steps.txt")
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
