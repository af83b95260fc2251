#!/usr/bin/env python3
"""Writes cases.json beside this file: statistics as SciPy and plain enumeration have them.

Needs SciPy 1.10 or later (Debian: python3-scipy). Run: /usr/bin/python3 make.py
"""
import itertools
import json
import math
import os

import numpy as np
from scipy import optimize, stats

rng = np.random.default_rng(7)


def round2(x):
    return [round(float(v), 2) for v in x]


# Accuracies of 11 datasets, as a table has them, and their differences.
differences = {
    "eleven": round2(rng.normal(1.2, 2.5, 11)),
    "five": round2(rng.normal(-0.8, 1.0, 5)),
    "two": [1.25, 0.5],
    "one_sided": [0.25, 0.5, 0.75, 1.0, 1.5, 2.25],
    "zeros": [0.0, 1.5, -0.5, 0.0, 2.0, 3.5, -1.0, 0.75],
    "ties": [0.5, 0.5, -0.5, 1.0, 1.0, -1.5, 2.0, 2.0, 2.0],
    "fifty": round2(rng.normal(0.3, 1.0, 50)),
    "eighty": round2(rng.normal(0.2, 1.0, 80)),
}


def wilcoxon_enumerated(d):
    """Every sign of every midrank: the permutation distribution itself."""
    d = [x for x in d if x != 0]
    ranks = stats.rankdata(np.abs(d))
    plus = sum(r for r, x in zip(ranks, d) if x > 0)
    least = min(plus, sum(ranks) - plus)
    below = sum(
        sum(r for r, s in zip(ranks, signs) if s) <= least + 1e-9
        for signs in itertools.product((0, 1), repeat=len(d))
    )
    return least, min(1.0, 2 * below / 2 ** len(d))


def wilcoxon_case(d):
    nonzero = [x for x in d if x != 0]
    plain = len(set(map(abs, nonzero))) == len(nonzero)
    if len(nonzero) > 50:
        r = stats.wilcoxon(d, zero_method="wilcox", correction=False, mode="approx")
        return float(r.statistic), float(r.pvalue)
    if plain:
        r = stats.wilcoxon(nonzero, mode="exact")
        return float(r.statistic), float(r.pvalue)
    if len(nonzero) <= 16:
        return wilcoxon_enumerated(d)
    return wilcoxon_shared(nonzero)


def wilcoxon_shared(d):
    """Shared ranks, too many signs to enumerate: exact counts of sums, in whole numbers."""
    ranks = [int(round(2 * r)) for r in stats.rankdata(np.abs(d))]
    plus = sum(r for r, x in zip(ranks, d) if x > 0)
    least = min(plus, sum(ranks) - plus)
    count = {0: 1}
    for r in ranks:
        new = {}
        for s, c in count.items():
            new[s] = new.get(s, 0) + c
            new[s + r] = new.get(s + r, 0) + c
        count = new
    below = sum(c for s, c in count.items() if s <= least)
    return least / 2, min(1.0, 2 * below / 2 ** len(d))


def philox(key, counter, stream):
    """Philox 4x32-10 (Salmon et al. 2011)."""
    m = 0xFFFFFFFF
    k0, k1 = key & m, key >> 32
    c0, c1, c2, c3 = counter & m, counter >> 32, stream & m, stream >> 32
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & m, (p0 >> 32) ^ c3 ^ k1, p0 & m
        k0, k1 = (k0 + 0x9E3779B9) & m, (k1 + 0xBB67AE85) & m
    return c0


def bootstrap(x, level, rounds, seed):
    n = len(x)
    means = [sum(x[philox(seed, r, i) * n >> 32] for i in range(n)) / n for r in range(rounds)]
    return [float(v) for v in np.quantile(means, [(1 - level) / 2, (1 + level) / 2])]


def holm(p):
    order = sorted(range(len(p)), key=lambda i: p[i])
    out, least = [0.0] * len(p), 0.0
    for place, i in enumerate(order):
        least = max(least, min(1.0, p[i] * (len(p) - place)))
        out[i] = least
    return out


def ranking(x, level):
    x = np.array(x)
    n, k = x.shape
    ranks = np.array([stats.rankdata(-row) for row in x]).mean(axis=0)
    # SciPy divides 0 by 0 when nothing differs, and wants three methods at least.
    columns = list(x.T)
    if k >= 3:
        statistic, p = map(float, stats.friedmanchisquare(*columns))
    else:
        sums = ranks * n
        ties = sum(((row[:, None] == row).sum(axis=0) ** 2 - 1).sum() for row in x)
        statistic = 12 / (k * n * (k + 1)) * (sums**2).sum() - 3 * n * (k + 1)
        statistic /= 1 - ties / (n * k * (k * k - 1))
        p = float(stats.chi2.sf(statistic, k - 1))
    q = float(stats.studentized_range.ppf(level, k, np.inf))
    return {
        "x": x.tolist(),
        "level": level,
        "rank": ranks.tolist(),
        "statistic": float(statistic),
        "p": p,
        "critical_difference": q / math.sqrt(2) * math.sqrt(k * (k + 1) / (6 * n)),
    }


def interval(x, level):
    # SciPy 1.10's t.ppf has 9 digits only, its t.sf all of them.
    tail, df = (1 - level) / 2, len(x) - 1
    t = optimize.brentq(lambda t: stats.t.sf(t, df) - tail, 0, 1000, xtol=1e-14, rtol=1e-15)
    half = t * stats.sem(x)
    return {"x": x, "level": level, "half": float(half)}


def mcnemar(a, b):
    n = a + b
    if n <= 1000:
        return float(stats.binomtest(min(a, b), n, 0.5).pvalue) if n else 1.0
    return float(stats.chi2.sf((abs(a - b) - 1) ** 2 / n, 1))


def main():
    p_values = [0.01, 0.04, 0.03, 0.005, 0.2, 0.9, 0.04]
    wide = round2(rng.normal(70, 6, 11 * 5))
    tied = [[70.0, 70.0, 68.5], [55.5, 56.0, 56.0], [90.0, 90.0, 90.0], [61.0, 60.5, 62.0]]
    cases = {
        "t_interval": [
            interval([64.0, 66.0, 63.5], 0.95),
            interval([64.0, 66.0], 0.95),
            interval(round2(rng.normal(80, 1, 10)), 0.99),
        ],
        "mcnemar": [
            {"a": a, "b": b, "p": mcnemar(a, b)}
            for a, b in [(0, 0), (3, 3), (0, 5), (5, 1), (12, 30), (400, 460), (700, 801)]
        ],
        "paired": [
            {
                "name": name,
                "d": d,
                "t": float(stats.ttest_1samp(d, 0).statistic),
                "t_p": float(stats.ttest_1samp(d, 0).pvalue),
                "w": wilcoxon_case(d)[0],
                "w_p": wilcoxon_case(d)[1],
            }
            for name, d in differences.items()
        ],
        "holm": {"p": p_values, "adjusted": holm(p_values)},
        "bootstrap": [
            {
                "x": differences[name],
                "level": level,
                "rounds": rounds,
                "seed": seed,
                "interval": bootstrap(differences[name], level, rounds, seed),
            }
            for name, level, rounds, seed in [
                ("eleven", 0.95, 2000, 1),
                ("five", 0.9, 501, (5 << 32) + 9),
            ]
        ],
        "ranking": [
            ranking(np.array(wide).reshape(11, 5), 0.95),
            ranking(tied, 0.9),
            ranking([[1.0, 2.0], [4.0, 3.0], [2.0, 5.0]], 0.95),
        ],
        "range_quantile": [
            {"k": k, "p": p, "q": float(stats.studentized_range.ppf(p, k, np.inf))}
            for k, p in [(2, 0.95), (3, 0.9), (5, 0.95), (10, 0.95), (30, 0.99)]
        ],
    }
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(cases, f, indent=1)
        f.write("\n")


main()
