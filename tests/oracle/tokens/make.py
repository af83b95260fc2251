#!/usr/bin/python3
"""Writes strings.json: [[text, ids with CLIP's vocabulary, ids with pocket's], ...].

An independent tokenizer in Python: its Unicode tables are Python's, its pattern is run by the
`regex` module and symbols are strings, so it shares nothing with core/clip/bpe.c but the
specification. Text is drawn from word lists, punctuation, several scripts and HTML references.

    python3 make.py CLIP_VOCABULARY.txt.gz POCKET_MERGES.txt > strings.json
"""
import gzip
import html
import json
import random
import sys
import unicodedata

import regex

WORDS = regex.compile(
    r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+""",
    regex.IGNORECASE)


class Tokenizer:
    def __init__(self, path, merges=None):
        raw = open(path, "rb").read()
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
        lines = [line for line in raw.decode("utf-8").split("\n")[1:] if line]
        pairs = [tuple(line.split(" ")) for line in lines[:merges]]
        order = [*range(33, 127), *range(161, 173), *range(174, 256)]
        chars = [chr(b) for b in order]
        rest = [b for b in range(256) if b not in set(order)]
        order += rest
        chars += [chr(256 + i) for i in range(len(rest))]
        self.char = dict(zip(order, chars))
        symbols = chars + [c + "</w>" for c in chars] + ["".join(p) for p in pairs]
        symbols += ["<|startoftext|>", "<|endoftext|>"]
        self.id = {s: i for i, s in enumerate(symbols)}
        self.rank = {p: i for i, p in enumerate(pairs)}

    def word(self, text):
        if text in ("<|startoftext|>", "<|endoftext|>"):
            return [self.id[text]]
        parts = [self.char[b] for b in text.encode("utf-8")]
        parts[-1] += "</w>"
        while len(parts) > 1:
            ranked = [(self.rank[p], p) for p in zip(parts, parts[1:]) if p in self.rank]
            if not ranked:
                break
            best = min(ranked)[1]
            joined, i = [], 0
            while i < len(parts):
                if tuple(parts[i:i + 2]) == best:
                    joined.append(parts[i] + parts[i + 1])
                    i += 2
                else:
                    joined.append(parts[i])
                    i += 1
            parts = joined
        return [self.id[p] for p in parts]

    def encode(self, text):
        return [i for w in WORDS.findall(clean(text)) for i in self.word(w)]


LIGATURES = "\u0132\u0133\u0149\u01c4\u01c5\u01c6\u01c7\u01c8\u01c9\u01ca\u01cb\u01cc\u01f1\u01f2\u01f3\ufb00\ufb01\ufb02\ufb03\ufb04"


def repair(text):
    """The repairs of ftfy that spec/tokenizer.md section 7 names, mis-decoded text aside."""
    text = "".join(unicodedata.normalize("NFKC", c) if c in LIGATURES else c for c in text)
    out = []
    for c in text:
        n = ord(c)
        if c in "\u2018\u2019\u201a\u201b\u02bc":
            out.append("'")
        elif c in "\u201c\u201d\u201e\u201f":
            out.append('"')
        elif c == "\u3000" or 0xff01 <= n <= 0xffef:
            out.append(unicodedata.normalize("NFKC", c))
        elif (n < 32 and c not in "\t\n\r\f") or n == 127 or c == "\ufeff":
            continue
        else:
            out.append(c)
    return unicodedata.normalize("NFC", "".join(out))


def clean(text):
    if "<" not in text:
        text = html.unescape(text)
    text = html.unescape(html.unescape(repair(text))).strip()
    return regex.sub(r"\s+", " ", text).strip().lower()


ENGLISH = """a an the of photo picture cat dog bulldog Golden Retriever airplane A320 Boeing 737-800 flower petunia
sunflower pasta Carbonara river highway forest SUV Coupe 2012 1994 texture striped zigzagged person doing Yoga basket
ball annual crop land don't I'll we've they're it's he'd I'M potter's wheel St. Bernard baluster / handrail kite (bird prey)
red-winged black_bird American_Bulldog itap grainy blurry dark bright circle star triangle diagonal CAPITAL digit seven
internationalization supercalifragilisticexpialidocious Queen's colt's-foot 's 't 'RE x-ray T-shirt U.S.A. @home #1""".split()
FOREIGN = """naïve café crème brûlée Ångström Zürich straße İstanbul ΟΔΥΣΣΕΥΣ Σίσυφος МОСКВА Київ 東京 日本語 한국어 中国 العربية
עברית हिन्दी ไทย ﬁsh ﬂow ﬃx ＡＢＣ１２３ ｶﾅ Ⅷ ½ ² ٣ ① ǅ ẞ ŉ\u00e9 e\u0301 a\u0308\u0323 “quoted” ‘single’ „low‟ … – — · 😀 👩‍🚀 🇫🇷 \u00a0 \u2003
\u200b \u3000 \ufeff""".split(" ")
MARKS = list("!?.,;:()[]{}<>/\\|-_+=*&^%$#@~`'\"") + ["!!!", "...", "??!", "--", "'s", "''", "<|", "|>"]
HTML = ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;", "&nbsp;", "&amp;amp;", "&amp;lt;b&amp;gt;", "&#65;", "&#x1F600;",
        "&#8217;", "&#233", "&#0;", "&", "&;", "&#;", "<b>", "<|startoftext|>", "<|endoftext|>", "<|EndOfText|>"]
SPACES = [" ", " ", " ", " ", "  ", "\t", "\n", "", "", "\r\n"]


def draw(r):
    pools = [ENGLISH] * 6 + [FOREIGN] * 2 + [MARKS, HTML]
    text = ""
    for _ in range(r.randint(1, 9)):
        text += r.choice(r.choice(pools)) + r.choice(SPACES)
    if r.random() < 0.15:
        text += "".join(chr(r.choice([r.randint(33, 126), r.randint(0xa1, 0x24f), r.randint(0x370, 0x52f),
                                      r.randint(0x4e00, 0x4eff)])) for _ in range(r.randint(1, 8)))
    return "".join(c for c in text if unicodedata.category(c) not in ("Cn", "Cs"))


def main():
    clip, pocket = Tokenizer(sys.argv[1], 48894), Tokenizer(sys.argv[2])
    r = random.Random(20240601)
    texts = list(dict.fromkeys(draw(r) for _ in range(420)))
    rows = [json.dumps([t, clip.encode(t), pocket.encode(t)], separators=(",", ":")) for t in texts]
    print("[" + ",\n".join(rows) + "]")


main()
