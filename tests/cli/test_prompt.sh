# Learned prompts as files: what they are near to, out to CoOp's trainer and to classifiers, and in.
. "$SOURCE/tests/cli/lib.sh"
python=/usr/bin/python3
cat >r.yaml <<'END2'
recipe: tiny
protocol: few-shot
backbone: pocket
dataset: pocket-land
views: none
shots: 1
seed: 1
method:
  - coop: {epochs: 2}
  - coop: {epochs: 1, class-specific: "yes", context: "", length: 3}
  - zero-shot
END2
expect_status 0 "$promptgrid" run r.yaml
# run PATTERN: the id of the run whose spec has it
run() {
    basename "$(grep -l "$1" w/prompts/*.safetensors)" .safetensors
}
shared=$(run '"class-specific\\":\\"no') own=$(run '"class-specific\\":\\"yes')

# ---- show, nearest ----
expect_status 0 "$promptgrid" prompt show "$(echo "$shared" | cut -c1-10)"
sed -n 2p out >some
same some <<'END2'
  ctx        (4, 128)
END2
# two small steps from "a photo of a": these words are still the nearest
expect_status 0 "$promptgrid" prompt nearest "$shared" --top 1
sed 's/ 0\.00[0-9]*$//' out >some
same some <<'END2'
  1  a</w>
  2  photo</w>
  3  of</w>
  4  a</w>
END2
expect_status 3 "$promptgrid" prompt show nothing
grep -q "'nothing' is neither a file nor a run with a result in" err || fail "$(cat err)"

# ---- to CoOp and back: the same bits ----
expect_status 0 "$promptgrid" prompt export "$shared" --out coop
same out <<'END2'
coop/prompt_learner/model.pth.tar-2
END2
expect_status 0 "$promptgrid" prompt import coop/prompt_learner/model.pth.tar-2 --out in.safetensors \
    --backbone pocket
tail -c 2048 in.safetensors >got
tail -c 2048 "w/prompts/$shared.safetensors" >want
cmp want got || fail "export and import must keep every bit"
expect_status 0 "$promptgrid" prompt nearest in.safetensors --top 1
sed 's/ 0\.00[0-9]*$//' out | grep -q '^  2  photo</w>$' || fail "an imported prompt has neighbours too"
expect_status 2 "$promptgrid" prompt import coop/prompt_learner/model.pth.tar-2 --out in.safetensors
expect_status 0 "$promptgrid" prompt export "$own" --out own
expect_status 0 "$promptgrid" prompt import "$SOURCE/tests/oracle/torchfile/checkpoint.pt" \
    --out torch.safetensors
expect_status 0 "$promptgrid" prompt show torch.safetensors
grep -q '^  ctx        (4, 8)$' out || fail "a trainer's checkpoint must come in"
expect_status 3 "$promptgrid" prompt import "$SOURCE/tests/oracle/torchfile/hostile.pt" --out bad
expect_status 3 "$promptgrid" prompt import "$SOURCE/tests/oracle/torchfile/state.pt" --out bad
[ -e bad ] && fail "a refused import must leave nothing"
if $python -c 'import torch' 2>/dev/null; then
    cat >load.py <<'END2'
import struct, sys, torch
shared = torch.load("coop/prompt_learner/model.pth.tar-2", map_location="cpu")
assert list(shared) == ["state_dict", "epoch", "optimizer", "scheduler", "val_result"], list(shared)
assert shared["epoch"] == 2
ctx = shared["state_dict"]["ctx"]
assert ctx.shape == (4, 128) and ctx.dtype == torch.float32
assert ctx.numpy().tobytes() == open(sys.argv[1], "rb").read()[-2048:]
own = torch.load("own/prompt_learner/model.pth.tar-1")["state_dict"]["ctx"]
assert own.shape == (12, 3, 128), own.shape
END2
    $python load.py "w/prompts/$shared.safetensors" || fail "torch must load what was exported"
else
    echo "no torch: it was not asked"
fi

# ---- the classifier: nearly that of the words it started from ----
expect_status 0 "$promptgrid" prompt export "$shared" --kind head --out head.npy
expect_status 0 "$promptgrid" prompt export "$shared" --kind head --out head.safetensors
expect_status 0 "$promptgrid" prompt export "$own" --kind head --out own.npy
expect_status 2 "$promptgrid" prompt export "$shared" --kind head --out head.txt
if [ -x $python ]; then
    cat >head.py <<'END2'
import json, math, struct, subprocess, sys
raw = open("head.npy", "rb").read()
assert raw[:8] == b"\x93NUMPY\x01\x00"
n = struct.unpack("<H", raw[8:10])[0]
assert (10 + n) % 64 == 0
K, E = eval(raw[10:10 + n])["shape"]
flat = struct.unpack("<%df" % (K * E), raw[10 + n:])
rows = [flat[k * E:(k + 1) * E] for k in range(K)]
other = open("head.safetensors", "rb").read()
assert other[-4 * K * E:] == raw[10 + n:]
h = struct.unpack("<Q", other[:8])[0]
names = json.loads(json.loads(other[8:8 + h])["__metadata__"]["classes"])
assert len(names) == K == 12
words = [a for name in names for a in ("--text", "a photo of a %s." % name)]
told = json.loads(subprocess.run([sys.argv[1], "embed", "--backbone", "pocket", "--json"] + words,
                                 capture_output=True, check=True).stdout)
for k, f in enumerate(told["text_features"]):
    size = math.sqrt(sum(x * x for x in f))
    cosines = [sum(a * b for a, b in zip(f, row)) / size for row in rows]
    assert cosines[k] > 0.9999 and max(cosines) == cosines[k], (k, cosines)
END2
    $python head.py "$promptgrid" || fail "the classifier is not that of the class names"
fi

# ---- torch's own text tower makes the same of what was exported ----
if $python -c 'import torch, numpy' 2>/dev/null; then
    cat >features.py <<'END2'
import json, subprocess, sys, types
import numpy as np, torch
# the model alone is wanted of it, not its tokenizer
sys.modules["regex"] = types.SimpleNamespace(compile=lambda *a: None, IGNORECASE=0)
sys.path.insert(0, sys.argv[2] + "/recipes/pocket/scripts")
import pocketclip
model = pocketclip.load_model(sys.argv[2] + "/recipes/pocket/model.safetensors").float().eval()
names = [line.rstrip("\n") for line in open("names.txt")]

def tokens(M):
    told = subprocess.run([sys.argv[1], "tokenize", "--backbone", "pocket", "--json"] +
                          ["%s %s." % (" ".join(["X"] * M), n) for n in names], capture_output=True, check=True)
    ids = [t["ids"] for t in json.loads(told.stdout)]
    longest = max(map(len, ids))
    return torch.tensor([i + [0] * (longest - len(i)) for i in ids]), torch.tensor([len(i) - 1 for i in ids])

for checkpoint, head in (("coop/prompt_learner/model.pth.tar-2", "head.npy"),
                         ("own/prompt_learner/model.pth.tar-1", "own.npy")):
    ctx = torch.load(checkpoint)["state_dict"]["ctx"]
    M = ctx.shape[-2]
    ids, eot = tokens(M)
    with torch.no_grad():
        x = model.token_embedding(ids)
        x[:, 1:1 + M] = ctx if ctx.dim() == 3 else ctx.expand(len(names), -1, -1)
        f = model.encode_embedded(x, eot)
        f = (f / f.norm(dim=-1, keepdim=True)).numpy()
    ours = np.load(head)
    assert ours.shape == f.shape and np.abs(ours - f).max() < 2e-6, (head, np.abs(ours - f).max())
    assert np.abs(ours - np.roll(f, 1, 0)).max() > 1e-2
END2
    $python - "$SOURCE/recipes/pocket/data/pocket-land/split_zhou_pocket-land.json" >names.txt <<'END2'
import json, sys
names = {label: name for _, label, name in json.load(open(sys.argv[1]))["test"]}
print("\n".join(names[k].replace("_", " ") for k in sorted(names)))
END2
    $python features.py "$promptgrid" "$SOURCE" || fail "torch makes other text features of the export"
else
    echo "no torch or numpy: the text features were not compared"
fi
expect_status 0 "$promptgrid" prompt --help
pass
