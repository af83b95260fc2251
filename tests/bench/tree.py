#!/usr/bin/env python3
"""A synthetic tree of the eleven datasets, for the benches: `tree.py OUT [--scale F]`.

Classes and pictures are as many as the real datasets have, in CoOp's folder layout and with a split of its form; each picture has its
dataset's usual size. The content is noise: a few dozen different JPEG files a dataset, under as many names as the split needs (hard
links). So decoding, resizing and encoding cost what they cost on real pictures, and accuracies mean nothing. --scale 0.01 makes a
hundredth of the pictures, but at least one of each class in each part.
"""
import argparse
import io
import json
import os
import random

import numpy as np
from PIL import Image

DIFFERENT = 32  # JPEG files of a dataset

# folder, pictures below it, split file, classes, train, val, test (the splits of CoOp), width, height
ROWS = (
    ("imagenet", "images", None, 1000, 1281167, 0, 50000, 500, 375),
    ("caltech-101", "101_ObjectCategories", "split_zhou_Caltech101.json", 100, 4128, 1649, 2465, 300, 225),
    ("oxford_pets", "images", "split_zhou_OxfordPets.json", 37, 2944, 736, 3669, 500, 375),
    ("stanford_cars", "", "split_zhou_StanfordCars.json", 196, 6509, 1635, 8041, 600, 400),
    ("oxford_flowers", "jpg", "split_zhou_OxfordFlowers.json", 102, 4093, 1633, 2463, 667, 500),
    ("food-101", "images", "split_zhou_Food101.json", 101, 50500, 20200, 30300, 512, 512),
    ("fgvc_aircraft", "images", None, 100, 3334, 3333, 3333, 1024, 695),
    ("sun397", "SUN397", "split_zhou_SUN397.json", 397, 15880, 3970, 19850, 500, 375),
    ("dtd", "images", "split_zhou_DescribableTextures.json", 47, 2820, 1128, 1692, 500, 400),
    ("eurosat", "2750", "split_zhou_EuroSAT.json", 10, 13500, 5400, 8100, 64, 64),
    ("ucf101", "UCF-101-midframes", "split_zhou_UCF101.json", 101, 7639, 1898, 3783, 320, 240),
)
WORDS = ("red", "old", "small", "stone", "river", "garden", "paper", "silver", "winter", "north", "water", "apple", "bridge", "cloud", "train", "horse",
         "window", "flower", "mountain", "bottle", "market", "island", "tower", "forest", "copper", "lion", "piano", "rocket", "violet", "wagon")


def class_names(n, rng):
    """One to three words, all different."""
    names = []
    while len(names) < n:
        name = "_".join(rng.sample(WORDS, rng.choice((1, 2, 2, 3))))
        if name not in names:
            names.append(name)
    return names


def pictures(folder, width, height, seed):
    """Smooth noise, as JPEG of quality 90 compresses photographs about as well."""
    os.makedirs(folder)
    paths = []
    for i in range(DIFFERENT):
        noise = np.random.default_rng(seed * DIFFERENT + i).integers(0, 256, (max(height // 8, 2), max(width // 8, 2), 3), np.uint8)
        image = Image.fromarray(noise).resize((width, height), Image.BICUBIC)
        paths.append(os.path.join(folder, f"{i}.jpg"))
        image.save(paths[-1], quality=90)
    return paths


def spread(total, classes, scale):
    """How many of each class."""
    total = max(classes, round(total * scale)) if total else 0
    return [total // classes + (k < total % classes) for k in range(classes)]


def link(source, target):
    os.makedirs(os.path.dirname(target), exist_ok=True)
    os.link(source, target)


def make(out, row, index, scale):
    folder, images, split, classes, *counts, width, height = row
    rng = random.Random(index)
    names, root = class_names(classes, rng), os.path.join(out, folder)
    sources = pictures(os.path.join(root, "different"), width, height, index)
    parts = {part: [(k, i) for k, n in enumerate(spread(count, classes, scale)) for i in range(n)] for part, count in zip(("train", "val", "test"), counts)}
    place = os.path.join(root, images) if images else root
    if folder == "imagenet":
        with open(os.path.join(root, "classnames.txt"), "w") as f:
            f.writelines(f"n{k:08d} {name.replace('_', ' ')}\n" for k, name in enumerate(names))
        for part, where in (("train", "train"), ("test", "val")):
            for k, i in parts[part]:
                link(sources[i % DIFFERENT], os.path.join(place, where, f"n{k:08d}", f"n{k:08d}_{part}_{i}.JPEG"))
        return
    lists = {part: [] for part in parts}
    for part, members in parts.items():
        for k, i in members:
            path = os.path.join(names[k], f"{part}_{i}.jpg") if split else f"{part}_{k}_{i}.jpg"
            link(sources[(k + i) % DIFFERENT], os.path.join(place, path))
            lists[part].append([path, k, names[k]])
    if split:
        with open(os.path.join(root, split), "w") as f:
            json.dump(lists, f)
        return
    with open(os.path.join(root, "variants.txt"), "w") as f:
        f.writelines(name.replace("_", " ") + "\n" for name in names)
    for part, members in lists.items():
        with open(os.path.join(root, f"images_variant_{part}.txt"), "w") as f:
            f.writelines(f"{path[:-4]} {name.replace('_', ' ')}\n" for path, _, name in members)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out")
    p.add_argument("--scale", type=float, default=1)
    o = p.parse_args()
    for index, row in enumerate(ROWS):
        make(o.out, row, index, o.scale)


main()
