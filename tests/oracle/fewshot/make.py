#!/usr/bin/python3
"""Few-shot selections by CPython's random, for tests/unit/data/test_fewshot.c.

    tests/oracle/fewshot/make.py [DATA] > tests/oracle/fewshot/picks.txt

DATA holds splits/split_zhou_*.json and caltech-101/. Each line: file, part, shots, seed, number of
picks, SHA-256 of their paths joined by newlines. File is the split's path, "DATA/" for the folder.
"""
import glob
import hashlib
import json
import os
import random
import sys


def groups(items):
    by_label = {}
    for item in items:
        by_label.setdefault(item[1], []).append(item)
    return by_label.values()


def pick(items, shots):
    out = []
    for group in groups(items):
        out += random.sample(group, shots) if len(group) >= shots else group
    return out


def main():
    data = sys.argv[1] if len(sys.argv) > 1 else "../shared/data"
    files = sorted(glob.glob("recipes/pocket/data/*/split_zhou_*.json"))
    files += sorted(glob.glob(data + "/splits/split_zhou_*.json"))
    files += [data + "/caltech-101/split_zhou_Caltech101.json"]
    for path in files:
        split = json.load(open(path, encoding="utf-8"))
        name = path.replace(data, "DATA", 1) if path.startswith(data) else path
        for seed in range(1, 6):
            for shots in (1, 2, 4, 8, 16):
                random.seed(seed)
                chosen = {"train": pick(split["train"], shots)}
                chosen["val"] = pick(split["val"], min(shots, 4))
                for part, items in chosen.items():
                    text = "\n".join(item[0] for item in items).encode()
                    digest = hashlib.sha256(text).hexdigest()
                    print(name, part, shots, seed, len(items), digest)


main()
