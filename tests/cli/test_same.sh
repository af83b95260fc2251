# The real runner: the same grid gives the same bits with any number of threads and of neighbours,
# and with a scheduler that is killed on the way.
. "$SOURCE/tests/cli/lib.sh"
cat >same.yaml <<'END'
recipe: same
protocol: base-to-new
backbone: pocket
dataset: [pocket-land, pocket-shapes]
views: none
shots: 4
seed: [1, 2]
epochs: 4
method:
  - zero-shot
  - coop
  - rlp: {rank: 2, lr: 0.05}
table: [{name: main, rows: method, columns: dataset, metrics: [base, new, H]}]
END

# results FOLDER: hashes of banks and prompts, and every row that a table can show
results() {
    (cd "$1" && sha256sum banks/* prompts/*)
    if command -v sqlite3 >/dev/null; then
        sqlite3 "$1/promptgrid.sqlite" "SELECT run, split, name, value FROM metric
            ORDER BY run, split, name; SELECT run, epoch, loss, accuracy FROM curve
            ORDER BY run, epoch; SELECT run, split, hex(labels) FROM prediction
            ORDER BY run, split"
    fi
}

expect_status 0 "$promptgrid" run --jobs 1 --threads 1 --workspace one same.yaml
results one >one.txt
[ "$(grep -c prompts/ one.txt)" -ge 8 ] || fail "not every prompt was saved"
for how in "--jobs 1 --threads 2" "--jobs 1 --threads 3" "--jobs 4"; do
    rm -rf other
    # shellcheck disable=SC2086
    expect_status 0 "$promptgrid" run $how --workspace other same.yaml
    results other >other.txt
    cmp -s one.txt other.txt || {
        diff one.txt other.txt | head
        fail "$how gives other results than --jobs 1 --threads 1"
    }
done

rm -rf other
for wait in 0.3 1 0.5 1.5; do
    "$promptgrid" run --workspace other same.yaml >out 2>err &
    scheduler=$!
    sleep $wait
    kill -9 $scheduler 2>/dev/null
    wait $scheduler 2>/dev/null
done
# On a busy machine a killed runner takes its time to die; only then may its partial file go.
no_runners() {
    ! pgrep -f "$scratch/other/jobs"
}
wait_for 20 no_runners || fail "a runner outlived its scheduler"
expect_status 0 "$promptgrid" run --workspace other same.yaml
results other >other.txt
cmp -s one.txt other.txt || fail "a killed and repeated grid gives other results"
pass
