# Results of CoOp's and other Dassl trainers' logs: in, refused with their lines, once, and beside
# our own in tables.
. "$SOURCE/tests/cli/lib.sh"
python=/usr/bin/python3
[ -x $python ] || {
    echo "no $python to write logs with"
    exit 77
}
$python "$SOURCE/tests/fake/dassl.py" logs >made || fail "dassl.py"
config=vit_b16_c4_ep10_batch1_ctxv1
pets=logs/base2new/train_base/oxford_pets/shots_16/CoCoOp/$config

# ---- all of a tree: exact numbers, and what is no result refused with its line ----
expect_status 1 "$promptgrid" import-logs logs
same out <<END2
caltech101 CoCoOp $config 16 shots seed 1: base 98.19 new 93.78
caltech101 CoCoOp $config 16 shots seed 2: base 98.26 new 93.67
caltech101 CoCoOp $config 16 shots seed 3: base 98.32 new 93.56
oxford_pets CoCoOp $config 16 shots seed 1: base 95.22 new 97.65
dtd CoOp rn50_ep50 nctx16_cscFalse_ctpend 16 shots seed 1: test 62.71
dtd CoOp rn50_ep50 nctx16_cscFalse_ctpend 16 shots seed 2: test 62.77
dtd CoOp rn50_ep50 nctx16_cscFalse_ctpend 1 shots seed 1: test 53.84
dtd CoOp rn50_ep50 nctx16_cscFalse_ctpend 1 shots seed 2: test 53.90
eurosat CoOp rn50 nctx16_cscFalse_ctpend 16 shots seed 1: test 81.48
caltech101 CoCoOp $config 16 shots seed 1 from imagenet: test 94.52
imagenetv2 CoCoOp $config 16 shots seed 1 from imagenet: test 64.07
imagenet CoCoOp $config 16 shots seed 1: test 71.02
END2
same err <<END2
promptgrid: error: SCRATCH/$pets/seed2/log.txt:65: the loss is no number in epoch 7 of 10
promptgrid: error: SCRATCH/$pets/seed3/log.txt:62: it ends in epoch 4 of 10, without a result
promptgrid: 12 runs imported, 0 known before, 2 refused
END2
sed -n 65p "$pets/seed2/log.txt" | grep -q 'loss nan' || fail "line 65 is another"
expect_status 0 "$promptgrid" check
grep -q '^14 runs, 12 results' out || fail "$(cat out)"

# ---- the same again changes nothing ----
cp w/promptgrid.sqlite before.sqlite
expect_status 1 "$promptgrid" import-logs logs
grep -q '0 runs imported, 12 known before, 2 refused' err || fail "$(cat err)"
grep -q 'seed 1: base 98.19 new 93.78 (known)$' out || fail "$(cat out)"
count() {
    sqlite3 w/promptgrid.sqlite "$1"
}
if command -v sqlite3 >/dev/null; then
    [ "$(count 'select count(*) from attempt')" -eq 14 ] || fail "a known log made another attempt"
    [ "$(count "select count(*) from metric where name = 'accuracy' and split = 'base' and value = 100.0 * 1521 / 1549")" -eq 1 ] ||
        fail "the number is not that of the counts"
    [ "$(count "select count(*) from runs where job = 'imported' and seconds = 65")" -ge 6 ] || fail "elapsed time"
fi

# ---- provenance: the logs and their hashes ----
run=$("$promptgrid" import-logs logs --json 2>/dev/null | sed -n 's/^ *"run": "\([0-9a-f]*\)",$/\1/p' | sed -n 1p)
expect_status 0 "$promptgrid" show "$run"
grep -q '^  job        imported$' out || fail "$(cat out)"
for kind in train_base test_new; do
    log=logs/base2new/$kind/caltech101/shots_16/CoCoOp/$config/seed1/log.txt
    grep -q "$scratch/$log" out && grep -q "$(sha256sum $log | cut -d' ' -f1)" out || fail "$(cat out)"
done
expect_status 2 "$promptgrid" reproduce "$run"
grep -q "is no training run" err || fail "$(cat err)"

# ---- a log that goes on, and one that is mended, are the same runs ----
$python - "$pets/seed3/log.txt" <<'END2'
import sys
log = open(sys.argv[1], "a")
for e in range(5, 11):
    log.write("epoch [%d/10] batch [20/20] time 0.1 (0.1) data 0.0 (0.0) loss 0.5 (0.5) lr 2.0000e-03 eta 0:00:00\n" % e)
log.write("Finish training\nDeploy the last-epoch model\nEvaluate on the *test* set\n=> result\n* total: 1,881\n"
          "* correct: 1,793\n* accuracy: 95.3%\n* error: 4.7%\n* macro_f1: 95.0%\n")
END2
expect_status 1 "$promptgrid" import-logs logs
grep -q '^oxford_pets CoCoOp .* seed 3: base 95.32$' out || fail "$(cat out)"
grep -q '1 run imported, 12 known before, 1 refused' err || fail "$(cat err)"
new=logs/base2new/test_new/oxford_pets/shots_16/CoCoOp/$config
mkdir -p "$new/seed3"
sed 's/^\* correct: .*/* correct: 1,750/; s/^\* accuracy: .*/* accuracy: 97.9%/' "$new/seed1/log.txt" |
    sed 's/^seed: 1$/seed: 3/; s/^SEED: 1$/SEED: 3/' >"$new/seed3/log.txt"
expect_status 1 "$promptgrid" import-logs logs/base2new
grep -q '^oxford_pets CoCoOp .* seed 3: base 95.32 new 97.87$' out || fail "$(cat out)"

# ---- beside our own ----
cat >t.yaml <<'END2'
recipe: theirs
protocol: base-to-new
backbone: vit-b16
dataset: [caltech101, oxford_pets]
seed: [1, 2, 3]
method: [zero-shot, cocoop]
table: [{name: main, rows: method, columns: dataset, metrics: [base, new, H]}]
END2
expect_status 0 "$promptgrid" table t.yaml
grep -q imported out && fail "imported runs are shown when they are asked for"
expect_status 0 "$promptgrid" table t.yaml --against imported
sed '/^Mean/,$d' out >./head
same ./head <<'END2'
main
base / new / H in percent, ViT-B/16, base-to-new

                   Caltech101                  OxfordPets                        Average
--------------------------------------------------------------------------------------------
zero-shot CLIP     0/1                         0/1                               0/2 columns
CoCoOp             0/3                         0/3                               0/2 columns
--------------------------------------------------------------------------------------------
CoCoOp (imported)  98.3±0.1 / 93.7±0.1 / 95.9  95.3±0.1 / 97.8±0.2 / 96.5 (2/3)  1/2 columns

END2
grep -q '^Imported: 5 of 6 runs, from logs of other programs.$' out || fail "$(cat out)"
grep -q "seed2/log.txt:65:$" out || fail "the missing seed must say why: $(cat out)"
expect_status 0 "$promptgrid" table t.yaml --against imported,published --format csv
grep -q '^main,CoCoOp (imported),CoCoOp,Caltech101,base,98.2569,' out || fail "$(grep '(imported)' out | cut -c 1-90)"
expect_status 0 "$promptgrid" table t.yaml --against imported --json
grep -q '"imported": true' out || fail "JSON must say which rows are imported"
expect_status 2 "$promptgrid" table t.yaml --against importd
grep -q "unknown baseline 'importd': expected published, imported or both with a comma" err || fail "$(cat err)"
cat >x.yaml <<'END2'
recipe: across
protocol: cross-dataset
backbone: vit-b16
dataset: [imagenet, caltech101]
method: [cocoop]
table: [{name: main, rows: method, columns: dataset, metrics: [accuracy]}]
END2
expect_status 0 "$promptgrid" table x.yaml --against imported
grep -q '^CoCoOp (imported)  71.0               94.5$' out || fail "$(cat out)"

# ---- what contradicts itself is refused ----
mkdir other
cp -r logs/dtd other/
log=other/dtd/CoOp/rn50_ep50_1shots/nctx16_cscFalse_ctpend/seed1/log.txt
# refused MESSAGE: the only log of that kind
refused() {
    expect_status 1 "$promptgrid" import-logs other/dtd/CoOp/rn50_ep50_1shots/nctx16_cscFalse_ctpend/seed1 --workspace w2
    grep -q "$1" err || fail "$(cat err)"
    cp logs/dtd/CoOp/rn50_ep50_1shots/nctx16_cscFalse_ctpend/seed1/log.txt $log
}
sed -i 's/^SEED: 1$/SEED: 2/' $log
refused "log.txt: it is of seed 2 by its own words, of 1 by its folder"
sed -i 's/^  NUM_SHOTS: 1$/  NUM_SHOTS: 16/' $log
refused "log.txt: it is of shots 16 by its own words, of 1 by its folder"
sed -i 's/^  NAME: DescribableTextures$/  NAME: EuroSAT/' $log
refused "log.txt: it is of eurosat by its own words, of dtd by its folder"
sed -i 's/^  NAME: DescribableTextures$/  NAME: CIFAR10/' $log
refused "log.txt: its dataset 'CIFAR10' is not known here"
sed -i 's/^\* accuracy: .*/* accuracy: 99.9%/' $log
refused "it says 99.9 %, but 911 of 1692 are 53.84 %"
mkdir -p elsewhere/some/where
cp $log elsewhere/some/where/
expect_status 1 "$promptgrid" import-logs elsewhere --workspace w2
grep -q "its folder is none of the known layouts:" err || fail "$(cat err)"
grep -q '^\[train_base|test_new/\]DATASET/shots_K/TRAINER/CFG/seedS$' err || fail "$(cat err)"
mkdir -p plain/eurosat/CoOp/x_16shots/seed1
cp logs/eurosat/CoOp/rn50_16shots/nctx16_cscFalse_ctpend/seed1/log.txt plain/eurosat/CoOp/x_16shots/seed1/
expect_status 1 "$promptgrid" import-logs plain --workspace w2
grep -q "neither it nor its folder says the backbone: --backbone" err || fail "$(cat err)"
expect_status 0 "$promptgrid" import-logs plain --workspace w2 --backbone rn50
expect_status 2 "$promptgrid" import-logs plain --workspace w2 --backbone rn5
grep -q "unknown backbone 'rn5', did you mean 'rn50'?" err || fail "$(cat err)"

# ---- the command line ----
mkdir empty
expect_status 3 "$promptgrid" import-logs empty
grep -q "there is no 'log.txt' in 'empty' or below it" err || fail "$(cat err)"
expect_status 3 "$promptgrid" import-logs nowhere
grep -q "there is no folder 'nowhere'" err || fail "$(cat err)"
expect_status 2 "$promptgrid" import-logs
expect_status 2 "$promptgrid" import-log logs
grep -q "did you mean 'import-logs'?" err || fail "$(cat err)"
expect_status 0 "$promptgrid" import-logs --help
pass
