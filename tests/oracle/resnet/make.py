#!/usr/bin/python3
"""Writes <shape>/fixture.safetensors for random CLIPs with a ResNet image tower: what plain PyTorch gives in float64.

    /usr/bin/python3 make.py        # torch 1.13, numpy

Weights and images are made from names, as in tests/oracle/clip; a vector of variances is 1 + 2 values(name, n, 0.25), all of them
positive. BatchNorm, pooling and attention are separate steps here, nothing is folded or left out.

  shape                 image, width, blocks of layer1..4, embed
  image_features (N, E) of values("images", N 3 S S, 2)
"""
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "clip"))
from make import tensor, write  # noqa: E402

SHAPES = {  # image, width, blocks of layer1..4, embed
    "small": (64, 16, 1, 2, 1, 1, 32),
    "odd": (96, 6, 2, 1, 3, 1, 24),
}
N = 3


def weight(name, *shape):
    if len(shape) > 1:
        return tensor(name, (3.0 / np.prod(shape[1:])) ** 0.5, *shape)
    u = tensor(name, 0.25, *shape)
    return 1 + 2 * u if name.endswith("running_var") else 1 + u if name.endswith(".weight") else u


def conv_norm(x, conv, norm, outputs, k, stride=1):
    x = F.conv2d(x, weight(conv + ".weight", outputs, x.shape[1], k, k), stride=stride, padding=k // 2)
    stat = {s: weight(f"{norm}.{s}", outputs).reshape(1, -1, 1, 1) for s in ("weight", "bias", "running_mean", "running_var")}
    return (x - stat["running_mean"]) / (stat["running_var"] + 1e-5).sqrt() * stat["weight"] + stat["bias"]


def bottleneck(x, at, planes, stride, first):
    y = conv_norm(x, at + ".conv1", at + ".bn1", planes, 1).relu()
    y = conv_norm(y, at + ".conv2", at + ".bn2", planes, 3).relu()
    y = conv_norm(F.avg_pool2d(y, stride), at + ".conv3", at + ".bn3", 4 * planes, 1)
    if first:
        x = conv_norm(F.avg_pool2d(x, stride), at + ".downsample.0", at + ".downsample.1", 4 * planes, 1)
    return (x + y).relu()


def attention_pool(x, embed):
    n, c = x.shape[:2]
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([x.mean(1, keepdim=True), x], 1)
    t = x.shape[1]
    x = x + weight("visual.attnpool.positional_embedding", t, c)
    layer = lambda name, y, out: y @ weight(f"visual.attnpool.{name}.weight", out, c).T + weight(f"visual.attnpool.{name}.bias", out)
    q, k, v = (layer(p, x, c).reshape(n, t, c // 64, 64).transpose(1, 2) for p in ("q_proj", "k_proj", "v_proj"))
    heads = ((q @ k.transpose(-1, -2) / 8).softmax(-1) @ v).transpose(1, 2).reshape(n, t, c)
    return layer("c_proj", heads[:, 0], embed)


def main():
    for name, (size, width, *stages, embed) in SHAPES.items():
        out = {"shape": np.array([size, width, *stages, embed])}
        x = tensor("images", 2.0, N, 3, size, size)
        for i, (outputs, stride) in enumerate(((width // 2, 2), (width // 2, 1), (width, 1)), 1):
            x = conv_norm(x, f"visual.conv{i}", f"visual.bn{i}", outputs, 3, stride).relu()
        x = F.avg_pool2d(x, 2)
        for layer, blocks in enumerate(stages):
            for b in range(blocks):
                stride = 2 if b == 0 and layer > 0 else 1
                x = bottleneck(x, f"visual.layer{layer + 1}.{b}", width << layer, stride, b == 0)
        out["image_features"] = attention_pool(x, embed)
        write(os.path.join(HERE, name, "fixture.safetensors"), out)
        print(name, x.abs().mean().item(), out["image_features"].norm(dim=1))


main()
