#!/usr/bin/python3
"""Random resized crops and flips drawn from torch's generator, for tests/unit/data/test_augment.c.

    tests/oracle/augment/make.py > tests/oracle/augment/crops.txt

Each line: seed, image width, height, smallest scale, then for three images in a row top, left, h,
w, flip. The rule is RandomResizedCrop's (scale to 1, ratio 3/4 to 4/3), then RandomHorizontalFlip.
"""
import math

import torch

RATIO = (3.0 / 4.0, 4.0 / 3.0)


def crop(width, height, scale_min):
    log_ratio = torch.log(torch.tensor(RATIO))
    for _ in range(10):
        area = height * width * torch.empty(1).uniform_(scale_min, 1.0).item()
        aspect = torch.exp(torch.empty(1).uniform_(log_ratio[0], log_ratio[1])).item()
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            top = torch.randint(0, height - h + 1, size=(1,)).item()
            left = torch.randint(0, width - w + 1, size=(1,)).item()
            return top, left, h, w
    if width / height < RATIO[0]:
        w, h = width, round(width / RATIO[0])
    elif width / height > RATIO[1]:
        w, h = round(height * RATIO[1]), height
    else:
        w, h = width, height
    return (height - h) // 2, (width - w) // 2, h, w


for scale in (0.08, 0.5):
    for width, height in ((500, 375), (64, 64), (333, 500), (701, 60), (37, 400), (1, 9), (300, 233)):
        for seed in range(1, 26):
            torch.manual_seed(seed)
            numbers = []
            for _ in range(3):
                numbers += crop(width, height, scale)
                numbers.append(int(torch.rand(1).item() < 0.5))
            print(seed, width, height, scale, *numbers)
