# Prompts from files: what the references' trainers leave, written by torch from numbers of our own
# runs, does what these runs did: as a row of a recipe, by `prompt eval` and by `classify`.
. "$SOURCE/tests/cli/lib.sh"
python=/usr/bin/python3
images=$SOURCE/recipes/pocket/data/pocket-land/images
cat >r.yaml <<'END2'
recipe: ours
protocol: base-to-new
backbone: pocket
dataset: pocket-land
views: none
shots: 2
seed: [1, 2]
lr: 0.05
method:
  - coop: {epochs: 3}
  - kgcoop: {epochs: 3}
  - cocoop: {epochs: 2}
  - prograd: {epochs: 3, teacher-template: "an old satellite photo, a view of {}."}
  - maple: {epochs: 2, depth: 2}
  - promptsrc: {epochs: 2, depth: 2}
grids:
  - {}
  - {protocol: few-shot, method: [{coop: {epochs: 3, context: "", length: 3, class-specific: "yes"}}]}
  - {protocol: few-shot, method: [{coop: {epochs: 3, context: "", length: 4, position: middle}}]}
END2
expect_status 0 "$promptgrid" run r.yaml

# ---- a checkpoint of each, as its trainer saves it ----
cat >write.py <<'END2'
"""write.py WORKSPACE MODEL: for every result DATASET.METHOD.seedN, a folder of its trainer, with the
names that the trainer's modules have (spec/training.md). Prints a line for each: folder, run, part."""
import glob, json, os, struct, sys
try:
    import torch
except ImportError:
    sys.exit(77)


def read(path):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + n])
    meta = header.pop("__metadata__", {})
    def tensor(h):
        a, b = h["data_offsets"]
        kind = {"F32": torch.float32, "F16": torch.float16}[h["dtype"]]
        return torch.frombuffer(bytearray(raw[8 + n + a:8 + n + b]), dtype=kind).reshape(h["shape"])
    return {k: tensor(h) for k, h in header.items() if h["dtype"] in ("F32", "F16")}, meta


model, _ = read(sys.argv[2])
start = model["token_embedding.weight"][int(sys.argv[3])].float()


def buffers(rows):
    return {"token_prefix": start.expand(rows, 1, -1).clone(),
            "token_suffix": torch.zeros(rows, 5, start.numel())}


def whole(learner, rest):
    """What is saved of a whole model: frozen towers too."""
    d = {"prompt_learner." + k: v for k, v in learner.items()}
    d.update({"image_encoder.conv1.weight": torch.zeros(2, 3, 2, 2), "logit_scale": torch.zeros(()),
              "text_encoder.ln_final.weight": torch.zeros(4)})
    d.update(rest)
    return d


def maple(t, p):
    D, M, V = p["depth"], p["length"], t["projection.bias"].shape[1]
    w, b = t["projection.weight"].reshape(D, V, -1), t["projection.bias"]
    d = {"ctx": t["ctx"], "proj.weight": w[0], "proj.bias": b[0]}
    for i in range(D - 1):
        d["compound_prompts_text.%d" % i] = t["deep"][i * M:(i + 1) * M]
        d["compound_prompt_projections.%d.weight" % i] = w[i + 1]
        d["compound_prompt_projections.%d.bias" % i] = b[i + 1]
    d.update(buffers(6))
    return "MultiModalPromptLearner", whole(d, {})


def promptsrc(t, p):
    D, M, N = p["depth"], p["length"], p["image-length"]
    rest = {"image_encoder.VPT": t["visual"][:N]}
    for i in range(1, D):
        rest["image_encoder.transformer.resblocks.%d.VPT_shallow" % i] = t["visual"][i * N:(i + 1) * N]
        rest["text_encoder.transformer.resblocks.%d.VPT_shallow" % i] = t["deep"][(i - 1) * M:i * M]
    d = {"ctx": t["ctx"], "ZS_image_encoder.class_embedding": torch.zeros(3)}
    d.update(buffers(6))
    return "VLPromptLearner", whole(d, rest)


def coop(t, p):
    ctx = t["ctx"]
    if p["class-specific"] == "yes":
        ctx = ctx.reshape(-1, p["length"], ctx.shape[1])
    return "prompt_learner", dict(buffers(6), ctx=ctx)


def kgcoop(t, p):
    C = t["ctx"].shape[1]
    return "prompt_learner", dict(buffers(6), ctx=t["ctx"], **{
        "bias_vectors": torch.randn(1, C), "meta_net.linear1.weight": torch.randn(C, C),
        "meta_net.linear1.bias": torch.randn(C)})


def cocoop(t, p):
    d = {k: v for k, v in t.items() if k.startswith("meta_net")}
    return "prompt_learner", dict(d, ctx=t["ctx"], **buffers(6))


def prograd(t, p):
    return "prompt_learner", dict(buffers(6), ctx=t["ctx"])


for path in sorted(glob.glob(sys.argv[1] + "/prompts/*.safetensors")):
    arrays, meta = read(path)
    spec = json.loads(meta["spec"])
    p, kind = spec["params"], spec["method"]
    if kind == "checkpoint":
        continue
    name, state = globals()[kind](arrays, p)
    if p.get("class-specific") == "yes":
        kind = "csc"
    if p.get("position") == "middle":
        kind = "middle"
    folder = "theirs/%s/%s/seed%d" % (kind, spec["dataset"], spec["seed"])
    os.makedirs(os.path.join(folder, name))
    torch.save({"state_dict": state, "epoch": p["epochs"], "optimizer": {"state": {}, "param_groups": [
        {"lr": 0.002, "params": [0]}]}, "scheduler": None, "val_result": None},
        "%s/%s/model.pth.tar-%d" % (folder, name, p["epochs"]))
    print(folder, os.path.basename(path).split(".")[0], spec["protocol"])
END2
start=$("$promptgrid" tokenize --backbone pocket x | cut -d' ' -f1)
$python write.py w "$SOURCE/recipes/pocket/model.safetensors" "$start" >theirs.txt
status=$?
if [ $status -eq 77 ]; then
    echo "no torch: checkpoints are made by our own export instead"
    # the same folders, from `prompt export`
    $python - w >list.txt <<'END2'
import glob, json, struct, sys
for path in sorted(glob.glob(sys.argv[1] + "/prompts/*.safetensors")):
    raw = open(path, "rb").read()
    n = struct.unpack("<Q", raw[:8])[0]
    spec = json.loads(json.loads(raw[8:8 + n])["__metadata__"]["spec"])
    p, kind = spec["params"], spec["method"]
    kind = "csc" if p.get("class-specific") == "yes" else "middle" if p.get("position") == "middle" else kind
    print("theirs/%s/%s/seed%d" % (kind, spec["dataset"], spec["seed"]), path.split("/")[-1][:64], spec["protocol"])
END2
    while read -r folder run protocol; do
        "$promptgrid" prompt export "$run" --out "$folder" >/dev/null || fail "export of $run"
        echo "$folder $run $protocol"
    done <list.txt >theirs.txt
    theirs=ours
elif [ $status -ne 0 ]; then
    fail "write.py"
fi
[ "$(wc -l <theirs.txt)" -eq 16 ] || fail "$(cat theirs.txt)"

# ---- rows of a recipe: every number and every prediction is that of our run ----
cat >c.yaml <<'END2'
recipe: theirs
protocol: base-to-new
backbone: pocket
dataset: pocket-land
seed: [1, 2]
method:
  - zero-shot
  - checkpoint: {path: "theirs/coop/{dataset}/seed{seed}"}
  - checkpoint: {path: "theirs/kgcoop/{dataset}/seed{seed}"}
  - checkpoint: {path: "theirs/cocoop/{dataset}/seed{seed}", name: CoCoOp of the authors}
  - checkpoint: {path: "theirs/prograd/{dataset}/seed{seed}", trainer: prograd,
                 words: "an old satellite photo, a view of"}
  - checkpoint: {path: "theirs/maple/{dataset}/seed{seed}"}
  - checkpoint: {path: "theirs/promptsrc/{dataset}/seed{seed}", trainer: promptsrc, name: PromptSRC of the authors}
grids:
  - {}
  - {protocol: few-shot, method: [{checkpoint: {path: "theirs/csc/{dataset}/seed{seed}", name: own contexts}},
                                  {checkpoint: {path: "theirs/middle/{dataset}/seed{seed}", name: name within,
                                                name-position: middle}}]}
table:
  - {name: main, rows: method, columns: dataset, metrics: [base, new], where: {protocol: base-to-new}}
  - {name: few, rows: method, columns: dataset, metrics: [accuracy], where: {protocol: few-shot}}
END2
expect_status 0 "$promptgrid" run c.yaml
expect_status 0 "$promptgrid" plan --json c.yaml
cp out plan.json
cat >compare.py <<'END2'
import json, subprocess, sys
promptgrid = sys.argv[1]
def show(run):
    return json.loads(subprocess.run([promptgrid, "show", run, "--json"], capture_output=True, check=True).stdout)
plan = [r for r in json.load(open("plan.json")) if r["method"] == "checkpoint"]
theirs = {}
for r in plan:
    theirs.setdefault(r["params"]["file"], []).append(r)
lines = [line.split() for line in open("theirs.txt")]
assert len(plan) == len(lines), (len(plan), len(lines))
seen = set()
for folder, run, protocol in lines:
    shown = json.loads(subprocess.run([promptgrid, "prompt", "show", folder, "--json"], capture_output=True,
                                      check=True).stdout)
    [r] = theirs[shown["sha256"]]
    ours, its = show(run), show(r["run"])
    assert its["state"] == "done" and r["protocol"] == protocol and r["parameters"] is None, r
    assert ours["metrics"] == its["metrics"], (folder, ours["metrics"], its["metrics"])
    assert ours["predictions"] == its["predictions"], folder
    assert its["spec"]["seed"] == ours["spec"]["seed"], folder
    seen.add((r["params"]["trainer"], json.dumps(its["metrics"])))
assert len(seen) >= 8, "the prompts do the same: nothing was compared"
END2
$python compare.py "$promptgrid" || fail "a checkpoint does not do what its run did"
expect_status 0 "$promptgrid" table c.yaml --name main
grep -q '^CoOp checkpoint  ' out || fail "$(cat out)"
grep -q '^CoCoOp of the authors  ' out || fail "$(cat out)"
grep -q '^MaPLe checkpoint  ' out || fail "$(cat out)"

# ---- across datasets: trained on one, tested as it is on others ----
cat >x.yaml <<'END2'
recipe: across
protocol: cross-dataset
backbone: pocket
source: pocket-land
dataset: [pocket-land, pocket-shapes]
views: none
shots: 2
lr: 0.05
method:
  - coop: {epochs: 3, context: "", length: 4, position: middle}
  - checkpoint: {path: "theirs/middle/{source}/seed{seed}", name-position: middle}
table: [{name: main, rows: method, columns: dataset, metrics: [accuracy]}]
END2
expect_status 0 "$promptgrid" run x.yaml
expect_status 0 "$promptgrid" table x.yaml --format csv
awk -F, '$2 ~ /^CoOp/ {print $4, $6}' out >rows
[ "$(wc -l <rows)" -eq 4 ] && [ "$(sort rows | uniq -c | awk '$1 != 2' | wc -l)" -eq 0 ] ||
    fail "a checkpoint that is tested elsewhere is not its run's evaluation: $(cat out)"

# ---- now, without a record; the probabilities are those of the run, digit by digit ----
mkdir pictures
find "$images" -name '*.jpg' -o -name '*.png' | sort | awk 'NR % 40 == 1' | while read -r picture; do
    cp "$picture" pictures/
done
while read -r folder run protocol; do
    extra="--backbone pocket --dataset pocket-land"
    case $folder in
    */prograd/*) set -- --trainer prograd --words "an old satellite photo, a view of" ;;
    */middle/*) set -- --name-position middle ;;
    *) set -- ;;
    esac
    expect_status 0 "$promptgrid" classify --json --top 12 --prompt "$run" pictures/*
    cp out want.json
    # shellcheck disable=SC2086 # words
    expect_status 0 "$promptgrid" classify --json --top 12 --prompt "$folder" $extra "$@" pictures/*
    cmp out want.json || fail "$folder does not classify as run $run does"
    [ "$protocol" = base-to-new ] || continue
    # shellcheck disable=SC2086 # words
    expect_status 0 "$promptgrid" prompt eval --json --part new "$folder" $extra "$@"
    accuracy=$(sed -n 's/^ *"accuracy": \([0-9.]*\),*$/\1/p' out)
    "$promptgrid" show "$run" --json | grep -q "\"value\": $accuracy\$" ||
        fail "prompt eval of $folder says $accuracy, which its run does not"
done <theirs.txt
expect_status 0 "$promptgrid" classify --top 12 --backbone pocket --dataset pocket-land \
    --prompt theirs/prograd/pocket-land/seed1 --json pictures/*
cp out without.json
expect_status 0 "$promptgrid" classify --top 12 --backbone pocket --dataset pocket-land --trainer prograd \
    --words "an old satellite photo, a view of" --prompt theirs/prograd/pocket-land/seed1 --json pictures/*
cmp -s out without.json && fail "words that stay in the prompt must count"

# ---- through our own result files and out again: the same ----
expect_status 0 "$promptgrid" prompt import theirs/maple/pocket-land/seed1 --out maple.safetensors --backbone pocket
expect_status 0 "$promptgrid" prompt eval maple.safetensors --dataset pocket-land --part base
cp out first
expect_status 0 "$promptgrid" prompt export maple.safetensors --out again
same out <<'END2'
again/MultiModalPromptLearner/model.pth.tar-2
END2
expect_status 0 "$promptgrid" prompt eval again --dataset pocket-land --backbone pocket --part base
sed 1d first >want.txt
sed 1d out >got.txt
cmp want.txt got.txt || fail "export and import must keep every bit"
expect_status 2 "$promptgrid" prompt import maple.safetensors --out more.safetensors

# ---- the id follows the content, and nothing else ----
mkdir -p moved
cp theirs/coop/pocket-land/seed1/prompt_learner/* moved/one.pth
cat >m.yaml <<'END2'
recipe: moved
protocol: base-to-new
backbone: pocket
dataset: pocket-land
method: [{checkpoint: {path: moved/one.pth}}]
END2
id_of() {
    "$promptgrid" plan --json m.yaml | sed -n 's/^ *"run": "\([0-9a-f]*\)".*/\1/p' | tail -1
}
one=$(id_of)
mv moved/one.pth moved/two.pth
sed -i 's/one.pth/two.pth/' m.yaml
[ "$(id_of)" = "$one" ] || fail "a file that was moved is the same prompt"
cp theirs/coop/pocket-land/seed2/prompt_learner/* moved/two.pth
[ "$(id_of)" != "$one" ] || fail "another prompt in the same place is another run"

# ---- what cannot be ----
# bad MESSAGE KEYS [PROTOCOL]: the recipe is refused
bad() {
    cat >bad.yaml <<END3
recipe: bad
protocol: ${3:-base-to-new}
backbone: pocket
dataset: pocket-land
method: [{checkpoint: {$2}}]
END3
    expect_status 2 "$promptgrid" plan bad.yaml
    grep -q "$1" err || fail "$(cat err)"
}
bad "bad.yaml:5:11: method 'checkpoint' needs the 'path' of a trained prompt" ''
bad "unknown field '{sed}'; known: {dataset}, {source}, {shots}, {seed}" 'path: "x{sed}"'
bad "bad.yaml:5: '.*' is a prompt of MaPLe, not of CoOp" 'path: theirs/maple/pocket-land/seed1, trainer: coop'
bad "has a context for each of its 12 classes, but protocol 'base-to-new' tests on others" 'path: theirs/csc/pocket-land/seed1'
bad "says its words and the name's position itself" "path: $(awk 'NR == 1 {print $2}' theirs.txt), words: a"
bad "bad.yaml:6: a prompt of MaPLe has no precision 'bf16'" 'path: theirs/maple/pocket-land/seed1' 'base-to-new
precision: bf16'
cat >bad.yaml <<'END2'
recipe: bad
protocol: base-to-new
backbone: pocket
dataset: pocket-land
method: [{checkpoint: {path: nowhere/model.pth.tar-5}}, zero-shot]
table: [{name: main, rows: method, columns: dataset, metrics: [base]}]
END2
expect_status 3 "$promptgrid" plan bad.yaml
grep -q "missing: prompt 'nowhere/model.pth.tar-5'" out || fail "$(cat out)"
expect_status 3 "$promptgrid" run bad.yaml
grep -q "'nowhere/model.pth.tar-5' is neither a file nor a run with a result" err || fail "$(cat err)"
expect_status 0 "$promptgrid" table bad.yaml
grep -q '^checkpoint      0/1$' out || fail "$(cat out)"
echo text >text.pth
expect_status 3 "$promptgrid" prompt show text.pth
grep -q "'text.pth' is neither a file of torch.save nor safetensors" err || fail "$(cat err)"
expect_status 3 "$promptgrid" prompt show "$SOURCE/recipes/pocket/model.safetensors"
grep -q "holds no prompt that is known here" err || fail "$(cat err)"

# ---- and of the command line ----
expect_status 2 "$promptgrid" prompt evl x
grep -q "unknown command 'prompt evl', did you mean 'prompt eval'?" err || fail "$(cat err)"
expect_status 2 "$promptgrid" prompt eval moved/two.pth
grep -q "is of no run: name a dataset with --dataset" err || fail "$(cat err)"
expect_status 2 "$promptgrid" prompt eval moved/two.pth --dataset pocket-land
grep -q "does not say of which backbone it is: --backbone" err || fail "$(cat err)"
expect_status 2 "$promptgrid" prompt eval moved/two.pth --dataset pocket-lnd --backbone pocket
grep -q "did you mean 'pocket-land'?" err || fail "$(cat err)"
expect_status 2 "$promptgrid" prompt eval moved/two.pth --part bse --dataset pocket-land --backbone pocket
expect_status 2 "$promptgrid" prompt eval moved/two.pth --trainer mapel --dataset pocket-land
grep -q "unknown trainer 'mapel', did you mean 'maple'?" err || fail "$(cat err)"
expect_status 2 "$promptgrid" prompt eval moved/two.pth --trainer maple --dataset pocket-land
grep -q "is a prompt of CoOp by its tensors, not of MaPLe" err || fail "$(cat err)"

# ---- another CLIP of the same width must not take them ----
if [ -z "${theirs:-}" ]; then
    $python - <<'END2'
import glob, torch
c = torch.load(glob.glob("theirs/coop/pocket-land/seed1/*/*")[0])
c["state_dict"]["token_prefix"] += 0.1
torch.save(c, "other.pth")
c = torch.load(glob.glob("theirs/coop/pocket-land/seed1/*/*")[0])
c["state_dict"]["ctx"] = c["state_dict"]["ctx"].half()
torch.save(c, "half.pth")
c["state_dict"]["ctx"] = c["state_dict"]["ctx"][:, :64]
torch.save(c, "narrow.pth")
END2
    expect_status 2 "$promptgrid" prompt eval other.pth --dataset pocket-land --backbone pocket
    grep -q "'other.pth' was trained with another CLIP than these weights" err || fail "$(cat err)"
    expect_status 2 "$promptgrid" prompt eval narrow.pth --dataset pocket-land --backbone pocket
    grep -q "'ctx' is 4 x 64, expected 4 x 128" err || fail "$(cat err)"
    expect_status 0 "$promptgrid" prompt eval half.pth --dataset pocket-land --backbone pocket
fi
pass
