#!/usr/bin/env python3
"""Make the seed corpus anew: `/usr/bin/python3 tests/fuzz/seeds.py` from the root. Needs numpy, Pillow and torch (Debian's).

A few small valid files of each kind, and the attacks that each format invites. What a fuzzer found and crash-* keeps is left alone.
"""
import gzip
import io
import json
import os
import pickle
import struct
import tarfile
import zipfile

import numpy as np
import torch
from PIL import Image

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def put(target, name, data):
    folder = os.path.join(CORPUS, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data.encode() if isinstance(data, str) else data)


def saved(thing, **how):
    out = io.BytesIO()
    torch.save(thing, out, **how)
    return out.getvalue()


def repacked(archive, change):
    """The zip again, with the pickle changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        for item in old.infolist():
            data = old.read(item)
            new.writestr(item.filename, change(data) if item.filename.endswith("data.pkl") else data)
    return out.getvalue()


class Evil:
    def __reduce__(self):
        return os.system, ("echo no >&2",)


def torchfiles():
    state = {"ctx": torch.arange(8, dtype=torch.float16).reshape(2, 4), "step": 3, "nested": {"t": torch.ones(2, 3).t()}}
    plain = saved({"state_dict": state, "epoch": 5})
    put("torchfile", "zip", plain)
    put("torchfile", "old-format", saved(state, _use_new_zipfile_serialization=False))
    scripted = io.BytesIO()
    model = torch.jit.trace(torch.nn.Linear(3, 2), torch.ones(1, 3))
    torch.jit.save(model, scripted)
    put("torchfile", "script", scripted.getvalue())
    evil = pickle.dumps({"ctx": Evil()}, protocol=2)
    put("torchfile", "evil-reduce", repacked(plain, lambda _: evil))
    put("torchfile", "evil-old-format", evil)
    put("torchfile", "huge-tuple", repacked(plain, lambda _: b"\x80\x02" + b"(" * 5000 + b"t" * 5000 + b"."))
    put("torchfile", "huge-string", repacked(plain, lambda _: b"\x80\x02X\xff\xff\xff\x7fabc."))
    put("torchfile", "huge-long", repacked(plain, lambda _: b"\x80\x02\x8b\xff\xff\xff\x7f\x01."))
    put("torchfile", "memo-bomb", repacked(plain, lambda _: b"\x80\x02]q\x00" + b"(h\x00h\x00e" * 3000 + b"."))
    put("torchfile", "huge-storage", repacked(plain, lambda p: p.replace(b"K\x08", b"M\xff\xff") if b"K\x08" in p else p))
    put("torchfile", "cut", plain[: len(plain) // 2])


def safetensors():
    def file(header, data=b""):
        text = header.encode() if isinstance(header, str) else json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + data

    two = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "b": {"dtype": "F16", "shape": [1, 2], "data_offsets": [8, 12]},
           "__metadata__": {"x": "y"}}
    put("safetensors", "two", file(two, bytes(12)))
    put("safetensors", "overlap", file({n: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for n in "ab"}, bytes(8)))
    put("safetensors", "beyond", file({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, bytes(8)))
    put("safetensors", "overflow", file({"a": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 0]}}))
    put("safetensors", "negative", file({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [4, 0]}}, bytes(8)))
    put("safetensors", "long-header", struct.pack("<Q", 2**60) + b"{}")
    put("safetensors", "deep", file("[" * 3000 + "]" * 3000))
    put("safetensors", "no-object", file("[]"))
    put("checkpoint", "two", file(two, bytes(12)))
    put("checkpoint", "state", file(two | {"__metadata__": {"run": "0", "epoch": "3", "number": "9", "rng": "0", "events": "[]", "format": "1"}}, bytes(12)))


def images():
    picture = Image.fromarray(np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3))
    for name, image, form, how in (("rgb.jpg", picture, "JPEG", {}), ("progressive.jpg", picture, "JPEG", {"progressive": True}), ("grey.jpg", picture.convert("L"), "JPEG", {}),
                                   ("cmyk.jpg", picture.convert("CMYK"), "JPEG", {}), ("rgb.png", picture, "PNG", {}), ("palette.png", picture.convert("P"), "PNG", {}),
                                   ("alpha.png", picture.convert("RGBA"), "PNG", {}), ("one-bit.png", picture.convert("1"), "PNG", {}),
                                   ("deep.png", Image.fromarray(np.arange(48, dtype=np.uint16).reshape(8, 6)), "PNG", {})):
        out = io.BytesIO()
        image.save(out, form, **how)
        put("image", name, out.getvalue())
        if name in ("rgb.jpg", "rgb.png"):
            put("image", "cut-" + name, out.getvalue()[:-20])
    # A header that promises 65535 x 65535, with no data behind it.
    out = io.BytesIO()
    picture.save(out, "PNG")
    png = bytearray(out.getvalue())
    png[16:24] = struct.pack(">II", 65535, 65535)
    put("image", "bomb.png", bytes(png))
    out = io.BytesIO()
    picture.save(out, "JPEG")
    jpeg = bytearray(out.getvalue())
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = struct.pack(">HH", 65535, 65535)
    put("image", "bomb.jpg", bytes(jpeg))
    put("image", "page.html", "<html><body>404</body></html>")


def archives():
    def tar(*items, compress=""):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w" + compress) as t:
            for name, data, change in items:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                change(info)
                t.addfile(info, io.BytesIO(data))
        return out.getvalue()

    keep = lambda info: None

    def kind(type_, link=""):
        def change(info):
            info.type, info.linkname, info.size = type_, link, 0
        return change

    put("archive", "good.tar", tar(("a/b.txt", b"hello", keep), ("a/c.txt", b"there", keep)))
    put("archive", "good.tar.gz", tar(("a/b.txt", b"hello", keep), compress=":gz"))
    put("archive", "good.tar.xz", tar(("a/b.txt", b"hello", keep), compress=":xz"))
    put("archive", "up.tar", tar(("../up.txt", b"no", keep)))
    put("archive", "absolute.tar", tar(("/tmp/absolute.txt", b"no", keep)))
    put("archive", "link-out.tar", tar(("out", b"", kind(tarfile.SYMTYPE, "/tmp")), ("out/x.txt", b"no", keep)))
    put("archive", "hard-out.tar", tar(("h", b"", kind(tarfile.LNKTYPE, "../../x"))))
    put("archive", "device.tar", tar(("d", b"", kind(tarfile.CHRTYPE))))
    put("archive", "fifo.tar", tar(("f", b"", kind(tarfile.FIFOTYPE))))
    put("archive", "many.tar.gz", tar(*((f"{i}", b"", keep) for i in range(150)), compress=":gz"))
    put("archive", "bomb.tar.gz", tar(("zeros", bytes(2 << 20), keep), compress=":gz"))

    def zipped(*items, **how):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
            for name, data in items:
                z.writestr(name, data)
        return out.getvalue()

    put("archive", "good.zip", zipped(("a/b.txt", "hello"), ("a/c.txt", "there")))
    put("archive", "up.zip", zipped(("../up.txt", "no"), ("..\\up.txt", "no")))
    put("archive", "twice.zip", zipped(("a", "1"), ("A", "2"), ("a/b", "3")))
    put("archive", "bomb.zip", zipped(("zeros", bytes(2 << 20))))
    put("archive", "cut.zip", zipped(("a", "x" * 100))[:-15])
    for name in ("good.tar", "up.tar", "absolute.tar", "link-out.tar", "device.tar"):
        put("bundle", name, open(os.path.join(CORPUS, "archive", name), "rb").read())


def texts():
    put("split", "good.json", json.dumps({"train": [["a/1.png", 0, "a"], ["b/1.png", 1, "b"]], "val": [], "test": [["b/2.png", 1, "b"]]}))
    put("split", "up.json", json.dumps({"train": [["../../x.png", 0, "a"]], "val": [], "test": []}))
    put("split", "label.json", json.dumps({"train": [["x.png", -1, "a"], ["y.png", 2**40, "b"]], "val": [], "test": []}))
    put("split", "deep.json", "[" * 5000)
    put("split", "types.json", json.dumps({"train": {"a": 1}, "val": [[1, 2]], "test": [["x", "0", "a"]]}))
    put("own", "good.json", json.dumps({"format": 1, "name": "mine", "label": "Mine", "images": "images", "template": "a photo of a {}.", "split": "split.json"}))
    put("own", "bad.json", json.dumps({"name": "../up", "images": "/etc", "template": "%n%n"}))
    put("recipe", "good.yaml", "recipe: a\nabout: b\nprotocol: few-shot\nbackbone: pocket\ndataset: pocket5\nshots: [1, 2]\nseed: [1, 2]\n"
        "method:\n  - zero-shot\n  - coop: {epochs: 2, lr: [0.1, 0.2]}\ntable: [{name: main, metrics: [accuracy]}]\nfigure: [{name: f, x: shots, y: accuracy}]\n")
    put("recipe", "blocks.yaml", "recipe: a\nprotocol: base-to-new\nbackbone: pocket\ndataset: [pocket-land]\nshots: 16\nseed: 1\nmethod: [zero-shot]\n"
        "when: [{if: {dataset: pocket-land}, set: {views: none}}]\nexclude: [{method: zero-shot}]\nzip: {shots: [1, 2], seed: [1, 2]}\ngrids: [{shots: 2}]\n")
    put("recipe", "aliases.yaml", "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: &d [*c, *c]\ne: [*d, *d, *d]\nrecipe: a\n")
    put("recipe", "merge.yaml", "base: &b {shots: 1}\nrecipe: {<<: *b}\nextends: ../../../../etc/passwd\n")
    put("recipe", "huge.yaml", "recipe: a\nbackbone: pocket\ndataset: pocket5\nprotocol: few-shot\nmethod: [coop: {lr: [" + ", ".join("0.%03d" % i for i in range(1, 400)) + "]}]\nseed: [" +
        ", ".join(map(str, range(1, 300))) + "]\nshots: [1, 2, 4, 8, 16]\n")
    put("recipe", "deep.yaml", "a: " + "[" * 2000)
    put("event", "epoch", '{"event": "epoch", "epoch": 1, "loss": 0.5, "lr": 0.1}')
    put("event", "numbers", '{"event": "metric", "value": 1e999, "name": "x"}')
    put("event", "deep", '{"a":' * 3000)
    put("event", "twice", '{"event": "done", "event": "fail"}')
    put("job", "empty", '{"run": "0", "spec": {}, "threads": 1, "paths": {}}')
    put("job", "types", '{"run": 1, "spec": [], "threads": "many", "paths": 3}')
    put("job", "threads", '{"run": "0", "spec": {"job": "train"}, "threads": 99999999999, "paths": {"weights": "\\u0000"}}')
    line = "0" * 64 + "  images/a.jpg\n"
    put("manifest", "good", line + "\\" + "1" * 64 + "  images/b\\n\\\\.jpg\n" + "2" * 64 + "  split.json\n")
    put("manifest", "twice", line * 2)
    put("manifest", "outside", line + "0" * 64 + "  ../../etc/passwd\n")
    put("manifest", "cut", line[:65])
    form = '<html><title>Drive &amp; co</title><form id="download-form" action="%s"><input type="hidden" name="id" value="1&amp;2"></form></html>'
    put("page", "good", form % "https://content.example/download")
    put("page", "relative", form % "/get?x=1#y")
    put("page", "file", form % "file:///etc/passwd")
    put("page", "cut", form[:90])
    put("bank", "empty", b"")
    header = json.dumps({"format": "promptgrid bank 1", "views": 2, "images": 2, "dim": 3, "dtype": "F32"}).encode()
    put("bank", "header", struct.pack("<Q", len(header)) + header + bytes(48))
    put("bank", "huge", struct.pack("<Q", len(header)) + header.replace(b'"views": 2', b'"views": 4611686018427387904') + bytes(48))
    put("vocabulary", "plain", '#version: 0.2\na b\nab c</w>\n')
    put("vocabulary", "gzip.gz", gzip.compress(b"#version: 0.2\na b\n", mtime=0))
    put("vocabulary", "bomb.gz", gzip.compress(bytes(80 << 20), mtime=0))
    columns = "table,method,backbone,dataset,split,shots,value,source"
    put("published", "good.csv", columns + "\nb2n,CoOp,ViT-B/16,Caltech101,base,16,98.0,CoCoOp\n")
    put("published", "quotes.csv", columns + '\n"a ""b""\n",x,y,"unfinished,base,16,1e400,z\n')
    put("published", "columns.csv", ",".join("abcdefghijklmnopqrstuvwxyz") + "\n" + "," * 100 + "\n")


torchfiles()
safetensors()
images()
archives()
texts()
