#!/usr/bin/python3
"""Small pictures and what Pillow makes of them, for tests/unit/data/test_image.c.

    tests/oracle/preprocess/make.py         # in its own folder: pictures/ and cases.txt

Pillow 9.4 with libjpeg-turbo 2.1. A line of cases.txt is a picture, a chain of operations and the
width, height and SHA-256 of the RGB bytes that result:

    FILE rgb | test SIZE | resize W H | crop X Y W H [resize W H] [flip] = W H SHA256
"""
import hashlib
import io
import os
import random
import struct
import zlib

from PIL import Image

random.seed(1)
os.chdir(os.path.dirname(os.path.abspath(__file__)))
os.makedirs("pictures", exist_ok=True)


def picture(w, h, bands, smooth=True):
    """Soft blobs with edges and some noise: values reach 0 and 255."""
    out = []
    for _ in range(bands):
        gw, gh = max(2, w // 16), max(2, h // 16)
        grid = Image.new("L", (gw, gh))
        grid.putdata([random.choice((0, 40, 90, 128, 200, 255)) for _ in range(gw * gh)])
        band = grid.resize((w, h), Image.BICUBIC if smooth else Image.NEAREST)
        data = list(band.getdata())
        for _ in range(w * h // 20):
            data[random.randrange(w * h)] = random.randrange(256)
        band.putdata(data)
        out.append(band)
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[bands]
    return out[0] if bands == 1 else Image.merge(mode, out)


def jpeg(name, image, **options):
    image.save("pictures/" + name, "JPEG", **options)


def png(name, image, **options):
    image.save("pictures/" + name, "PNG", **options)


def ycck(name, image):
    """A CMYK JPEG whose Adobe marker says that its data are YCCK."""
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=85)
    data = bytearray(stream.getvalue())
    at = data.index(b"Adobe") + 11
    assert data[at] == 0
    data[at] = 2
    open("pictures/" + name, "wb").write(data)


def raw_png(name, w, h, depth, colour, interlace, rows):
    """A PNG of a kind that Pillow reads but does not write; rows start with their filter byte."""

    def chunk(kind, body):
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", w, h, depth, colour, 0, 0, interlace)
    with open("pictures/" + name, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) +
                   chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def interlaced(name, image):
    w, h = image.size
    data = image.tobytes()
    n = len(image.getbands())
    rows = b""
    for x0, y0, dx, dy in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4),
                           (1, 0, 2, 2), (0, 1, 1, 2)):
        for y in range(y0, h, dy):
            at = [n * (y * w + x) for x in range(x0, w, dx)]
            rows += b"\0" + b"".join(data[i:i + n] for i in at) if at else b""
    raw_png(name, w, h, 8, {1: 0, 3: 2}[n], 1, rows)


def noise_png(name, w, h, depth, colour, row_bytes):
    rows = b"".join(b"\0" + bytes(random.randrange(256) for _ in range(row_bytes)) for _ in range(h))
    raw_png(name, w, h, depth, colour, 0, rows)


def exif(image):
    marks = image.getexif()
    marks[0x0112] = 6  # rotated: must be ignored
    return marks


def make():
    jpeg("420.jpg", picture(125, 94, 3), quality=80)
    jpeg("420-tall.jpg", picture(83, 125, 3), quality=90, subsampling=2)
    jpeg("422.jpg", picture(75, 50, 3), quality=85, subsampling=1)
    jpeg("444.jpg", picture(75, 100, 3), quality=95, subsampling=0)
    jpeg("progressive.jpg", picture(100, 67, 3), quality=75, progressive=True)
    jpeg("photo.jpg", picture(500, 375, 3), quality=30)
    jpeg("grey.jpg", picture(64, 90, 1), quality=85)
    jpeg("grey-progressive.jpg", picture(51, 40, 1), quality=85, progressive=True)
    jpeg("cmyk.jpg", picture(60, 45, 4).convert("CMYK"), quality=85)
    jpeg("cmyk-bands.jpg", Image.merge("CMYK", picture(40, 60, 4).split()), quality=85)
    ycck("ycck.jpg", Image.merge("CMYK", picture(47, 33, 4).split()))
    rotated = picture(70, 40, 3)
    jpeg("exif.jpg", rotated, quality=85, exif=exif(rotated))
    jpeg("1x37.jpg", picture(1, 37, 3), quality=85)
    jpeg("64.jpg", picture(64, 64, 3), quality=85)

    rgb = picture(90, 61, 3, smooth=False)
    png("rgb.png", rgb)
    png("37x1.png", picture(37, 1, 3))
    png("1x1.png", picture(1, 1, 3))
    png("rgba.png", picture(33, 47, 4))
    png("grey.png", picture(40, 30, 1))
    png("grey-alpha.png", picture(31, 29, 2))
    png("palette.png", rgb.quantize(200))
    png("palette-16.png", rgb.quantize(13), bits=4)
    png("palette-transparent.png", rgb.quantize(60), transparency=5)
    png("grey-transparent.png", picture(20, 20, 1), transparency=0)
    png("one-bit.png", picture(45, 39, 1).convert("1"))
    noise_png("grey-2.png", 21, 18, 2, 0, 6)
    noise_png("grey-4.png", 15, 11, 4, 0, 8)
    deep = Image.new("I;16", (24, 18))
    deep.putdata([random.choice((random.randrange(256), random.randrange(65536))) for _ in range(24 * 18)])
    png("grey-16.png", deep)
    noise_png("rgb-16.png", 23, 17, 16, 2, 6 * 23)
    noise_png("grey-alpha-16.png", 13, 12, 16, 4, 4 * 13)
    interlaced("interlaced.png", picture(37, 29, 3))
    interlaced("interlaced-grey.png", picture(5, 3, 1))


def test_transform(image, size):
    w, h = image.size
    if w <= h:
        new = (size, int(size * h / w))
    else:
        new = (int(size * w / h), size)
    if image.size != new:
        image = image.resize(new, Image.BICUBIC)
    left, top = int(round((new[0] - size) / 2.0)), int(round((new[1] - size) / 2.0))
    return image.crop((left, top, left + size, top + size))


def apply(image, words):
    words = words.split()
    while words:
        verb = words.pop(0)
        take = {"rgb": 0, "test": 1, "resize": 2, "crop": 4, "flip": 0}[verb]
        n = [int(words.pop(0)) for _ in range(take)]
        if verb == "test":
            image = test_transform(image, n[0])
        elif verb == "resize":
            image = image.resize(n, Image.BICUBIC)
        elif verb == "crop":
            image = image.crop((n[0], n[1], n[0] + n[2], n[1] + n[3]))
        elif verb == "flip":
            image = image.transpose(Image.FLIP_LEFT_RIGHT)
    return image


def cases():
    for name in sorted(os.listdir("pictures")):
        for words in ("rgb", "test 64", "test 224"):
            yield name, words
    for words in ("resize 500 375", "resize 250 375", "resize 500 99", "resize 7 5", "resize 1 1",
                  "resize 777 40", "crop 153 71 311 272 resize 224 224 flip",
                  "crop 0 32 500 224 resize 224 224", "crop 20 30 224 224 resize 224 224",
                  "crop 499 374 1 1 resize 32 32", "crop 3 5 13 17 resize 64 64 flip"):
        yield "photo.jpg", words
    for words in ("resize 64 64", "resize 64 128", "resize 65 63", "resize 63 65 flip"):
        yield "64.jpg", words
    for size in range(217, 225):  # every remainder of the centre crop's rounding
        yield "rgb.png", "test %d" % size


make()
with open("cases.txt", "w") as out:
    for name, words in cases():
        image = apply(Image.open("pictures/" + name).convert("RGB"), words)
        digest = hashlib.sha256(image.tobytes()).hexdigest()
        print(name, words, "=", *image.size, digest, file=out)
