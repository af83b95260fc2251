"""The GPU's part of tests/bench/run: `tests/bench/run gpu [--build build/cuda]`, on a machine with an NVIDIA GPU.

Times are the device's own, of recorded steps as training replays them. Beside each stands PyTorch in fp16 where a python3 with a CUDA
build of it is found ($PYTHON, else python3), steps taken in turn. The last case is the whole grid (zero-shot CLIP, CoOp, RLP at three
ranks; three seeds, fresh views) on a synthetic tree of the eleven datasets, which takes the harness, gnuplot apart, and CLIP's
vocabulary in --vocabulary; without them it is skipped with a word. Lines go to standard output; redirect them into tests/bench/results/.
"""
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PYTHON = os.environ.get("PYTHON", "python3")
LAYERS, WIDTH, TOKENS, PATCH = 12, 768, 197, 16

RECIPE = """recipe: whole
protocol: base-to-new
backbone: {weights}
dataset: all11
shots: 16
seed: [1, 2, 3]
views: fresh
precision: bf16
epochs: 50
method:
  - zero-shot
  - coop: {{context: a photo of a}}
  - rlp: {{context: a photo of a, rank: [1, 2, 4]}}
"""


def say(**line):
    print(json.dumps(line), flush=True)


def run(*argv):
    got = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if got.returncode:
        raise RuntimeError(got.stderr.strip().splitlines()[-1] if got.stderr.strip() else f"'{argv[0]}' ended with status {got.returncode}")
    return json.loads(got.stdout)


def image_flops():
    """Of one image through ViT-B/16: multiply and add are two; as torch counts, all rows of the last block too."""
    block = 2 * TOKENS * 12 * WIDTH * WIDTH + 2 * 2 * TOKENS * TOKENS * WIDTH
    return LAYERS * block + 2 * (TOKENS - 1) * WIDTH * 3 * PATCH * PATCH


class Peer:
    """PyTorch on the GPU, or nothing."""

    def __init__(self):
        found = subprocess.run([PYTHON, "-c", "import torch; assert torch.cuda.is_available(); print(torch.__version__)"], capture_output=True, text=True)
        self.version = found.stdout.strip() if found.returncode == 0 else None

    def __call__(self, *argv):
        return run(PYTHON, os.path.join(HERE, "peer.py"), *map(str, argv)) if self.version else None


def pair(rounds, ours, theirs):
    """Medians of steps that were taken in turn."""
    a, b, last = [], [], {}
    for _ in range(rounds):
        last = ours()
        a += last["seconds"]
        got = theirs()
        b += got["seconds"] if got else []
    return statistics.median(a), statistics.median(b) if b else None, last


def text(o, bench, peer, folder, weights):
    for classes in (10, 100, 397, 1000):
        rng = random.Random(classes)
        names = [[rng.randrange(512, 49000) for _ in range(rng.randint(1, 5))] + [269] for _ in range(classes)]
        path = os.path.join(folder, f"names-{classes}.json")
        json.dump(names, open(path, "w"))
        a, b, got = pair(o.rounds, lambda: bench("text", weights, path, 20, 1), lambda: peer("text", weights, path, 10, 1, "cuda"))
        say(bench="gpu text", case=f"{classes} classes, M=4, forward+backward, ours fp32, PyTorch fp16 over 77 tokens", ours=a, peer=b,
            ratio=b and round(b / a, 2), unit="s/step", device_mb=got.get("device_mb"))


def images(o, bench, peer, weights):
    side = 8192
    a, b, _ = pair(o.rounds, lambda: bench("product", "bf16", side, 20, 1), lambda: peer("product", side, 20))
    ceiling = 2 * side**3 / min(a, b or a) / 1e12
    say(bench="gpu product", case=f"{side} x {side} x {side}, bf16; ours rounds its input in the same time", ours=round(2 * side**3 / a / 1e12, 1),
        peer=b and round(2 * side**3 / b / 1e12, 1), unit="TFLOP/s")
    for precision in ("bf16", "fp32"):
        group = bench("tower", precision, weights, 1, 1)["images"]
        theirs = (lambda: peer("vit", weights, group, 10, 1, "cuda")) if precision == "bf16" else (lambda: None)
        a, b, got = pair(o.rounds, lambda: bench("tower", precision, weights, 20, 1), theirs)
        rate = group * image_flops() / a / 1e12
        say(bench="gpu image tower", case=f"ViT-B/16, {group} images at once, {precision}; PyTorch fp16", ours=round(group / a), peer=b and round(group / b),
            ratio=b and round(b / a, 2), unit="images/s", tflops=round(rate, 1), of_ceiling=round(rate / ceiling, 3) if precision == "bf16" else None,
            device_mb=got.get("device_mb"))


def encode(o, bench, weights):
    """From decoded pixels: 500 x 375, one random view each; the tower's own rate stands above."""
    got = bench("encode", "bf16", weights, 50, os.cpu_count())
    say(bench="gpu encode", case=f"ViT-B/16, bf16, from decoded pixels, {os.cpu_count()} threads", ours=round(got["images"] / statistics.median(got["seconds"])),
        unit="images/s", device_mb=got.get("device_mb"))


def whole(o, folder, weights):
    """Every run of the table, encoding included."""
    program, vocabulary = os.path.join(o.build, "promptgrid"), o.vocabulary
    if not os.path.exists(program) or not vocabulary:
        return say(bench="gpu whole", skipped="no promptgrid in the build" if vocabulary else "no --vocabulary bpe_simple_vocab_16e6.txt.gz")
    tree, backbone, recipe = (os.path.join(folder, name) for name in ("tree", "vit-b16", "whole.yaml"))
    subprocess.run([PYTHON, os.path.join(HERE, "tree.py"), tree, "--scale", str(o.scale)], check=True)
    os.makedirs(backbone)
    shutil.copy(weights, os.path.join(backbone, "model.safetensors"))
    shutil.copy(vocabulary, backbone)
    with open(recipe, "w") as f:
        f.write(RECIPE.format(weights=backbone))
    start = time.perf_counter()
    subprocess.run([program, "run", recipe, "--data", tree, "--workspace", os.path.join(folder, "workspace"), "--device", o.device], check=True,
                   stdout=subprocess.DEVNULL)
    say(bench="gpu whole", case=f"11 datasets x 3 seeds x (zero-shot, CoOp, RLP at 1, 2, 4), 50 epochs, fresh views, tree at scale {o.scale}",
        ours=round(time.perf_counter() - start, 1), unit="s")


def bench(o, folder):
    program, peer, weights = os.path.join(o.build, "tests", "bench"), Peer(), os.path.join(folder, "model.safetensors")
    ours = lambda *argv: run(program, *map(str, argv), o.device)
    subprocess.run([PYTHON, os.path.join(HERE, "weights.py"), weights, "vit"], check=True)
    try:
        say(bench="gpu", device=o.device, torch=peer.version, **ours("product", "fp32", 256, 1, 1))
        images(o, ours, peer, weights)
        encode(o, ours, weights)
        text(o, ours, peer, folder, weights)
        whole(o, folder, weights)
    except RuntimeError as e:
        print(f"tests/bench/run gpu: {e}", file=sys.stderr)
        return 3
