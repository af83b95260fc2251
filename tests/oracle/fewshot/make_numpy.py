#!/usr/bin/python3
"""Prints numpy_picks.txt: the linear probe's selection as numpy makes it.

    /usr/bin/python3 make_numpy.py > numpy_picks.txt        # from the repository root; numpy 1.24

A line: split file, part, shots, seed, number of images, SHA-256 of their paths, one a line.
"""
import glob
import hashlib
import json

import numpy as np


def pick(items, shots):
    labels = np.array([item[1] for item in items])
    out = []
    for label in np.unique(labels):
        where = np.where(labels == label)[0]
        out += [items[i] for i in np.random.choice(where, size=shots, replace=False)]
    return out


def main():
    for path in sorted(glob.glob("recipes/pocket/data/*/split_zhou_*.json")):
        split = json.load(open(path, encoding="utf-8"))
        for seed in range(1, 4):
            for shots in (1, 2, 4, 8, 16):
                np.random.seed(seed)
                for part, each in (("train", shots), ("val", min(shots, 4))):
                    items = pick(split[part], each)
                    text = "\n".join(item[0] for item in items).encode()
                    print(path, part, shots, seed, len(items), hashlib.sha256(text).hexdigest())


main()
