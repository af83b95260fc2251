#!/usr/bin/python3
"""Splits made anew by CPython's random, for tests/unit/data/test_resplit.c.

    cd tests/oracle/split && ./make.py

Writes trees.json, {dataset: {path below its folder: content}} with "" for a picture, and for each
dataset and seed DATASET_seedS.json, the split of that tree. The rules are those of the specification
(few-shot sampling, section 6; datasets, section 3), with folders listed in sorted order.
"""
import json
import os
import random
import re
import tempfile

CALTECH = {"airplanes": "airplane", "Faces": "face", "Leopards": "leopard", "Motorbikes": "motorbike"}
EUROSAT = {
    "AnnualCrop": "Annual Crop Land", "Forest": "Forest",
    "HerbaceousVegetation": "Herbaceous Vegetation Land", "Highway": "Highway or Road",
    "Industrial": "Industrial Buildings", "Pasture": "Pasture Land",
    "PermanentCrop": "Permanent Crop Land", "Residential": "Residential Buildings",
    "River": "River", "SeaLake": "Sea or Lake",
}


# ---- trees ----

def folders(top, sizes, pattern):
    tree = {}
    for k, (name, n) in enumerate(sizes.items()):
        for i in range(n):
            tree[f"{top}/{name}/{pattern.format(name=name, i=i + 1)}"] = ""
    return tree


def make_trees():
    trees = {}
    # Sizes whose halves and fifths end in .5 are rounded to even; capitals sort first.
    trees["caltech101"] = folders("101_ObjectCategories", {
        "BACKGROUND_Google": 4, "Faces": 13, "Faces_easy": 5, "Leopards": 5, "Motorbikes": 7,
        "accordion": 11, "airplanes": 25, "yin_yang": 6}, "image_{i:04d}.jpg")
    trees["caltech101"]["101_ObjectCategories/.hidden/x.jpg"] = ""
    trees["caltech101"]["101_ObjectCategories/Faces/.DS_Store"] = ""
    trees["food101"] = folders("images", {"apple_pie": 9, "b\u00e9ignets": 17, "waffles": 33},
                               "{i}07.jpg")
    trees["dtd"] = folders("images", {"banded": 120, "zigzagged": 5, "odd": 4}, "{name}_{i:04d}.jpg")
    for name in ('qu"ote', "back\\slash", "tab\there", "del\x7f", "\u5b57", "\U0001f600", "a b"):
        trees["dtd"][f"images/odd/{name}.jpg"] = ""
    trees["eurosat"] = folders("2750", dict(zip(EUROSAT, range(5, 15))), "{name}_{i}.jpg")

    tree = trees["oxford_pets"] = {}
    pets = [("Abyssinian", 1, 12), ("american_bulldog", 2, 7), ("Great_Pyrenees", 16, 3)]
    lists = {"trainval": [], "test": []}
    for part, lines in lists.items():
        for name, label, n in pets:
            for i in range(n):
                image = f"{name}_{i + (100 if part == 'test' else 1)}"
                tree[f"images/{image}.jpg"] = ""
                lines.append(f"{image} {label} {1 + label % 2} 1")
    random.seed(7)
    random.shuffle(lists["trainval"])  # labels need not stand together
    # Every class up to the largest must be there.
    for label in range(3, 16):
        for part in lists:
            for i in range(4):
                image = f"Breed{label}_{part}{i}"
                tree[f"images/{image}.jpg"] = ""
                lists[part].append(f"{image} {label} 1 1")
    for part, lines in lists.items():
        tree[f"annotations/{part}.txt"] = "\n".join(lines) + "\n"

    tree = trees["sun397"] = {}
    classes = ["/a/abbey", "/a/apartment_building/outdoor", "/b/basketball_court/indoor/x"]
    tree["ClassName.txt"] = "\n".join(classes) + "\n"
    for name, sizes in (("Training_01.txt", (10, 3, 8)), ("Testing_01.txt", (2, 2, 2))):
        lines = []
        for class_, n in zip(classes, sizes):
            for i in range(n):
                lines.append(f"{class_}/sun_{name[0]}{i:04d}.jpg")
                tree["SUN397" + lines[-1]] = ""
        lines.reverse()
        tree[name] = "\n".join(lines)  # no end of line at the end

    tree = trees["ucf101"] = {}
    actions = ["ApplyEyeMakeup", "YoYo", "TaiChi", "HandstandPushups"]
    tree["ucfTrainTestlist/classInd.txt"] = "".join(f"{k + 1} {a}\r\n" for k, a in enumerate(actions))
    for name, n, first in (("trainlist01.txt", 9, 8), ("testlist01.txt", 3, 1)):
        text = ""
        for k, action in enumerate(actions):
            for i in range(n + k):
                file = f"v_{action}_g{first + i:02d}_c01"
                text += f"{action}/{file}.avi" + (f" {k + 1}" if n == 9 else "") + "\n"
                renamed = "_".join(re.findall("[A-Z][^A-Z]*", action))
                tree[f"UCF-101-midframes/{renamed}/{file}.jpg"] = ""
        tree["ucfTrainTestlist/" + name] = text
    return trees


# ---- splits ----

def listed(folder):
    return sorted(f for f in os.listdir(folder) if not f.startswith("."))


def by_folders(top, ignored=(), renamed={}):
    split = {"train": [], "val": [], "test": []}
    for label, folder in enumerate(f for f in listed(top) if f not in ignored):
        files = listed(os.path.join(top, folder))
        random.shuffle(files)
        train, val = round(len(files) * 0.5), round(len(files) * 0.2)
        items = [(f"{folder}/{f}", label, renamed.get(folder, folder)) for f in files]
        split["train"] += items[:train]
        split["val"] += items[train:train + val]
        split["test"] += items[train + val:]
    return split


def by_lists(trainval, test):
    places = {}
    for i, item in enumerate(trainval):
        places.setdefault(item[1], []).append(i)
    split = {"train": [], "val": [], "test": test}
    for indices in places.values():
        val = round(len(indices) * 0.2)
        random.shuffle(indices)
        split["val"] += [trainval[i] for i in indices[:val]]
        split["train"] += [trainval[i] for i in indices[val:]]
    return split


def lines_of(path):
    with open(path) as f:
        return [line.strip() for line in f]


def pets(part):
    for line in lines_of(f"annotations/{part}.txt"):
        image, label, _, _ = line.split(" ")
        yield image + ".jpg", int(label) - 1, "_".join(image.split("_")[:-1]).lower()


def sun(part):
    classes = [line[1:] for line in lines_of("ClassName.txt")]
    for line in lines_of(part):
        folder = os.path.dirname(line[1:])
        yield line[1:], classes.index(folder), " ".join(folder.split("/")[1:][::-1])


def ucf(part):
    labels = {}
    for line in lines_of("ucfTrainTestlist/classInd.txt"):
        number, action = line.split(" ")
        labels[action] = int(number) - 1
    for line in lines_of(f"ucfTrainTestlist/{part}"):
        action, file = line.split(" ")[0].split("/")
        renamed = "_".join(re.findall("[A-Z][^A-Z]*", action))
        yield f"{renamed}/{file.replace('.avi', '.jpg')}", labels[action], renamed


RULES = {
    "caltech101": lambda: by_folders("101_ObjectCategories", ("BACKGROUND_Google", "Faces_easy"),
                                     CALTECH),
    "food101": lambda: by_folders("images"),
    "dtd": lambda: by_folders("images"),
    "eurosat": lambda: by_folders("2750", renamed=EUROSAT),
    "oxford_pets": lambda: by_lists(list(pets("trainval")), list(pets("test"))),
    "sun397": lambda: by_lists(list(sun("Training_01.txt")), list(sun("Testing_01.txt"))),
    "ucf101": lambda: by_lists(list(ucf("trainlist01.txt")), list(ucf("testlist01.txt"))),
}


def main():
    here, trees = os.getcwd(), make_trees()
    with open("trees.json", "w") as f:
        json.dump(trees, f, indent=0)
    for dataset, tree in trees.items():
        with tempfile.TemporaryDirectory() as top:
            for path, text in tree.items():
                os.makedirs(os.path.dirname(f"{top}/{path}") or top, exist_ok=True)
                with open(f"{top}/{path}", "w", newline="") as f:
                    f.write(text)
            os.chdir(top)
            for seed in (1, 2):
                random.seed(seed)
                split = RULES[dataset]()
                with open(f"{here}/{dataset}_seed{seed}.json", "w") as f:
                    json.dump(split, f, indent=4, separators=(",", ": "))
            os.chdir(here)


main()
