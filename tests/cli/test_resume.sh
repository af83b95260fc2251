# A run that is killed in the middle goes on from its checkpoint and ends with the bits of one that
# was never disturbed: the prompt's file, its metrics, its whole curve.
. "$SOURCE/tests/cli/lib.sh"
cat >long.yaml <<'END'
recipe: long
protocol: base-to-new
backbone: pocket
dataset: pocket-land
views: none
shots: 16
seed: 1
method:
  - coop: {epochs: 150}
  - rlp: {epochs: 150, rank: 2, lr: 0.05}
END

# results FOLDER: everything that two runs of the grid must agree on
results() {
    (cd "$1" && sha256sum prompts/*)
    if command -v sqlite3 >/dev/null; then
        sqlite3 "$1/promptgrid.sqlite" "SELECT run, split, name, value FROM metric
            ORDER BY run, split, name; SELECT run, epoch, loss, lr, accuracy, effective_rank,
            singular, singular_change FROM curve ORDER BY run, epoch;
            SELECT run, split, hex(labels) FROM prediction ORDER BY run, split"
    fi
}

expect_status 0 "$promptgrid" run --jobs 1 --workspace whole long.yaml
[ -z "$(ls whole/checkpoints)" ] || fail "checkpoints are left behind"

export PROMPTGRID_WORKSPACE="$scratch/cut"
previous() {
    ls cut/checkpoints/*.previous
}

# The scheduler dies, and its runner with it.
"$promptgrid" run --jobs 1 --checkpoint-every 0 long.yaml >out 2>err &
scheduler=$!
wait_for 30 previous || fail "there is no second checkpoint"
kill -9 $scheduler
wait $scheduler 2>/dev/null
first=$(basename "$(previous)" .safetensors.previous)

# Only the runner dies, then a run finds its newest checkpoint cut off.
"$promptgrid" run --jobs 1 --checkpoint-every 0 long.yaml >out 2>err &
scheduler=$!
resumed() {
    grep -q 'going on after epoch' "cut/logs/$first.2.log"
}
wait_for 30 resumed || fail "the run did not go on"
wait_for 30 previous
# shellcheck disable=SC2046
kill -9 $(cat /proc/$scheduler/task/*/children)
wait $scheduler
newest=$(find cut/checkpoints -name '*.safetensors' | head -1)
if [ -n "$newest" ]; then # it was not over before it was killed
    truncate -s 1000 "$newest"
    run=$(basename "$newest" .safetensors)
    expect_status 0 "$promptgrid" run --jobs 1 --checkpoint-every 0 long.yaml
    grep -q "the file has 1000; the one before is whole" cut/logs/"$run".*.log ||
        fail "no word of the damaged checkpoint"
fi
expect_status 0 "$promptgrid" run --jobs 1 --checkpoint-every 0 long.yaml
[ -z "$(ls cut/checkpoints)" ] || fail "checkpoints are left behind"
results whole >whole.txt
results cut >cut.txt
cmp whole.txt cut.txt || fail "a resumed run gives other results"
expect_status 0 "$promptgrid" show "$first"
grep -q '  went on    after epoch [0-9]* of an earlier attempt' out || fail "no word of going on"
expect_status 0 "$promptgrid" show --json "$first"
grep -q '"resumed": [0-9]' out || fail "the attempt does not say from where it went on"

# A checkpoint of a run that is done goes, whoever left it.
echo x >"cut/checkpoints/$first.safetensors"
expect_status 0 "$promptgrid" run long.yaml
[ -z "$(ls cut/checkpoints)" ] || fail "the checkpoint of a run that is done is kept"
expect_status 2 "$promptgrid" run --checkpoint-every 1000001 long.yaml
same err <<'END'
promptgrid: error: '--checkpoint-every' goes up to 1000000
END
pass
