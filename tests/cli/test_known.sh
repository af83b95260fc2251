# A GPU that computes wrongly without saying so: the known answer that it is asked for at the start of
# a run, before a checkpoint and before results are told gives it away. Nothing that it made counts.
. "$SOURCE/tests/cli/lib.sh"
emulated=$BUILD/tests/emu/promptgrid-runner
[ -x "$emulated" ] || exit 77
cat >small.yaml <<'END'
recipe: small
protocol: few-shot
backbone: pocket
dataset: pocket-land
views: none
shots: 1
seed: 1
method: [zero-shot, {coop: {epochs: 6}}]
table: [{name: main, rows: method, columns: dataset, metrics: [accuracy]}]
END
sed 's/^seed.*/seed: [2, 3]/' small.yaml >more.yaml

# The trainer, with a GPU that is wrong from its WRONG-th call on: each result that it computes has a
# wrong bit.
cat >runner <<END
#!/bin/sh
if [ "\$1" = run ] && [ "\${WRONG-}" ] && grep -q "\"device\": \"\$WRONG_GPU\"" "\$2"; then
    export PROMPTGRID_FAULT="gpu:\$WRONG+:FLIP"
fi
exec "$emulated" "\$@"
END
chmod +x runner
export PROMPTGRID_RUNNER="$scratch/runner" EMU_DEVICES=2 WRONG_GPU=cuda:1

# results FOLDER: everything that two runs of the grid must agree on
results() {
    (cd "$1" && sha256sum prompts/*)
    "$promptgrid" table --format csv --workspace "$1" more.yaml | sed 's|,[^,]*$||' # not its command
}

# on_gpus STATUS FOLDER OPTIONS...: the grid on the emulated GPUs; features are the CPU's
on_gpus() {
    want=$1 folder=$2
    shift 2
    [ -d "$folder" ] || cp -r features "$folder"
    expect_status "$want" "$promptgrid" run --workspace "$folder" "$@" more.yaml
    plain err | grep -v -e '^\[' -e '^  ' | sed -E 's/[0-9.]+ GB/SIZE/g' >said
}
WRONG='' expect_status 0 "$promptgrid" run --device cpu --workspace features small.yaml
WRONG='' on_gpus 0 sound
results sound >sound.txt

# Wrong from the start: it gets nothing more, the run goes to the other.
WRONG=1 on_gpus 0 wrong --jobs-per-gpu 1
sed -E 's/seed [23]/seed N/' said >line
same line <<'END'
promptgrid: running on cuda:0 (emulated GPU) with SIZE free, cuda:1 (emulated GPU) with SIZE free
promptgrid: warning: cuda:1 (emulated GPU) is lost: cuda:1: it computes wrongly: number 0 of 393216 of a product in fp32 is -3.875, expected -2.875; what this run made does not count; test the GPU, as by 'dcgmi diag -r 3'; nothing more is started on it
promptgrid: warning: pocket-land coop 1 shot seed N: goes to another GPU
promptgrid: 2 runs done in TIME; 'promptgrid table more.yaml --workspace wrong' compares them
END
results wrong | cmp - sound.txt || fail "a GPU that was wrong from the start changed results"
if command -v sqlite3 >/dev/null; then
    sqlite3 wrong/promptgrid.sqlite "SELECT state, class, count(*) FROM attempt WHERE run IN
        (SELECT run FROM attempt WHERE class = 'device') GROUP BY 1, 2 ORDER BY 1" >attempts
    same attempts <<'END'
done||1
failed|device|1
END
fi
expect_status 0 "$promptgrid" check --workspace wrong

# Wrong after some epochs: what it kept until then is good, and gone on from.
rm -rf wrong
WRONG=700 on_gpus 0 wrong --jobs-per-gpu 1 --checkpoint-every 0
grep -q ' is lost: cuda:1: it computes wrongly: ' said || fail "not noticed: $(cat said)"
grep -q 'going on after epoch [1-5]$' wrong/logs/* || fail "nothing was gone on from"
results wrong | cmp - sound.txt || fail "a GPU that went wrong changed results"

# The only one, from some time in training on: the grid stops, nothing is counted or left behind.
rm -rf wrong
export EMU_DEVICES=1 WRONG_GPU=cuda:0
WRONG=250 on_gpus 3 wrong
grep -q '^promptgrid: error: no GPU is left of cuda:0 (emulated GPU): 2 runs are for the next time' said ||
    fail "not stopped: $(cat said)"
ls features/prompts >before
ls wrong/prompts | diff before - || fail "a prompt of a GPU that computes wrongly"
WRONG='' on_gpus 0 wrong
results wrong | cmp - sound.txt || fail "the next time gave other results"

# An encode job: no bank.
file=$(grep -l '"part": "train"' features/jobs/*.json | head -1)
mkdir banks
sed -E "s#\"threads\":#\"device\": \"cuda\", \"threads\":#
    s#\"out\": \"[^\"]*\"#\"out\": \"$scratch/banks/bank\"#" "$file" >job.json
PROMPTGRID_FAULT=gpu:150+:FLIP expect_status 3 "$emulated" run job.json
grep -q 'cuda:0: it computes wrongly: ' err || fail "the encoder said: $(cat err)"
[ -z "$(ls banks)" ] || fail "a bank of a GPU that computes wrongly: $(ls banks)"
expect_status 0 "$emulated" run job.json
[ -s banks/bank ] || fail "no bank"
pass
