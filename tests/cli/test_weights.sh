# Weights on the command line: files of every kind come in with the same bits, damage is found.
. "$SOURCE/tests/cli/lib.sh"
pocket=$SOURCE/recipes/pocket
oracle=$SOURCE/tests/oracle/torchfile
here() {
    sed "s#$SOURCE#SOURCE#g" "$1" >some
}

# ---- import, show, check ----
expect_status 0 "$promptgrid" weights list
grep '^pocket\|^vit-b16' out >lines
here lines
same some <<'END2'
pocket      pocket CLIP   SOURCE/recipes/pocket/model.safetensors
vit-b16     ViT-B/16      missing
END2
expect_status 2 "$promptgrid" weights import "$pocket/model.safetensors"
grep -q "is none of the files that are known by their SHA-256 ([0-9a-f]*): name it with --as$" err ||
    fail "a file of no name must be named"
expect_status 0 "$promptgrid" weights import "$pocket/model.safetensors" --as mine
same out <<'END2'
SCRATCH/w/backbones/mine/model.safetensors
END2
grep -q "the tokenizer's merges file is missing: 'promptgrid weights fetch bpe'" err ||
    fail "no word about the merges file"
expect_status 3 "$promptgrid" weights check mine
expect_status 0 "$promptgrid" weights import "$pocket/bpe_pocket.txt" --as mine
expect_status 0 "$promptgrid" weights show mine
grep -v 'sha256' out >some
same some <<'END2'
mine: no architecture of OpenAI's: images of 64 pixels, a ViT of 3 blocks of width 192 in patches of 8; texts of 32 tokens, 2 blocks of width 128, 907 words; joint dimension 128
weights: SCRATCH/w/backbones/mine/model.safetensors
merges: SCRATCH/w/backbones/mine/bpe_pocket.txt
dtypes: as stored: 1 F32, 73 F16
kind: safetensors
source: model.safetensors
END2
grep -q "^source_sha256: $(sha256sum "$pocket/model.safetensors" | cut -d' ' -f1)$" out ||
    fail "the source's hash must be kept"
expect_status 0 "$promptgrid" weights check mine
tail -1 out >some
same some <<'END2'
every shape is right, every number finite; hash: as imported
END2
expect_status 0 "$promptgrid" weights import "$pocket/model.safetensors" --as mine # no harm
grep -q 'was imported before$' err || fail "the same again is nothing new"

# ---- the imported model is the model ----
features() {
    "$promptgrid" embed --backbone "$1" --text "a photo of a cat" || fail "no features of $1"
}
features pocket >want_features
features w/backbones/mine >got_features
cmp want_features got_features || fail "imported weights must give the same features"

# ---- what does not fit is refused and leaves nothing ----
expect_status 2 "$promptgrid" weights import "$pocket/model.safetensors" --as vit-b16
same err <<END2
promptgrid: error: '$pocket/model.safetensors' was not imported: its sizes are no architecture of OpenAI's: images of 64 pixels, a ViT of 3 blocks of width 192 in patches of 8; texts of 32 tokens, 2 blocks of width 128, 907 words; joint dimension 128, expected ViT-B/16
END2
[ -e w/backbones/vit-b16 ] && fail "a refused import must leave nothing"
expect_status 2 "$promptgrid" weights import "$pocket/model.safetensors" --as ../x
expect_status 3 "$promptgrid" weights import "$oracle/hostile.pt" --as bad
grep -q "global 'os.system' is none of those" err || fail "the hostile global must be named"
[ -e hostile-was-here ] && fail "a pickle was executed"
expect_status 2 "$promptgrid" weights import "$oracle/old.pt" --as bad
expect_status 3 "$promptgrid" weights import "$oracle/state.pt" --as bad
[ -e w/backbones/bad ] && fail "a refused import must leave nothing"
expect_status 2 "$promptgrid" weights import "$oracle/../clip/small/fixture.safetensors" --as mine
grep -q "is there already and of another source" err || fail "weights must not be replaced"

# ---- damage ----
cp w/backbones/mine/model.safetensors kept
size=$(wc -c <kept)
printf '\001' | dd of=w/backbones/mine/model.safetensors bs=1 seek=$((size - 3)) conv=notrunc 2>/dev/null
expect_status 1 "$promptgrid" weights check mine
grep -q "was damaged or changed: SHA-256 of its tensors [0-9a-f]*, expected [0-9a-f]*; import it again$" err ||
    fail "a changed byte must be found"
head -c 100000 kept >w/backbones/mine/model.safetensors
expect_status 1 "$promptgrid" weights check mine
cp kept w/backbones/mine/model.safetensors

# ---- what torch writes, where there is a torch ----
python=/usr/bin/python3
if $python -c 'import torch' 2>/dev/null; then
    cat >make.py <<'END2'
import json, struct, sys, torch
with open(sys.argv[1], "rb") as f:
    n = struct.unpack("<Q", f.read(8))[0]
    header, data = json.loads(f.read(n)), f.read()
types = {"F16": torch.float16, "F32": torch.float32}
state = {}
for name, t in header.items():
    if name != "__metadata__":
        a, b = t["data_offsets"]
        state[name] = torch.frombuffer(bytearray(data[a:b]), dtype=types[t["dtype"]]).reshape(t["shape"])
torch.save(state, "state.pt")
torch.save({"epoch": 3, "state_dict": {"module." + k: v.float() for k, v in state.items()}}, "clip.pt")


class Part(torch.nn.Module):
    def forward(self, x):
        return x


root = Part()
for name, t in state.items():
    m = root
    *path, last = name.split(".")
    for p in path:
        if not hasattr(m, p):
            m.add_module(p, Part())
        m = getattr(m, p)
    m.register_parameter(last, torch.nn.Parameter(t, requires_grad=False))
root.register_buffer("input_resolution", torch.tensor(64))
torch.jit.script(root).save("script.pt")
END2
    $python make.py "$pocket/model.safetensors" || fail "torch could not write"
    for kind in state clip script; do
        expect_status 0 "$promptgrid" weights import $kind.pt --as $kind --move
        [ -e $kind.pt ] && fail "--move must remove the file"
        cp "$pocket/bpe_pocket.txt" w/backbones/$kind/
        features w/backbones/$kind >got_features
        cmp want_features got_features || fail "$kind.pt must give the same features"
        expect_status 0 "$promptgrid" weights check $kind
    done
    expect_status 0 "$promptgrid" weights show script
    grep -q '^kind: torchscript$' out || fail "the kind must be told"
    expect_status 0 "$promptgrid" weights show clip
    grep -q '^dtypes: as stored: 74 F32$' out || fail "types must be kept"
else
    echo "no torch: its files were not tried"
fi

expect_status 2 "$promptgrid" weights chek mine
same err <<'END2'
promptgrid: error: unknown command 'weights chek', did you mean 'weights check'?
END2
expect_status 0 "$promptgrid" weights --help
pass
