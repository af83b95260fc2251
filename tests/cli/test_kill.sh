# Killing the scheduler at random and repeating the command ends in the same table, and no run that
# was done is run again. SEED=N repeats the same waits.
. "$SOURCE/tests/cli/lib.sh"
use_fake_runner
small_recipe small.yaml
seed=${SEED:-$$}
echo "SEED=$seed"
random() { # 0..N-1
    seed=$(((seed * 1103515245 + 12345) % 2147483648))
    value=$((seed / 65536 % $1))
}

expect_status 0 "$promptgrid" run --workspace whole small.yaml
expect_status 0 "$promptgrid" table --json --workspace whole small.yaml
grep -v -e '"store":' -e '"command":' out >whole.json

export FAKE_LOG="$scratch/log" FAKE_MS=150
: >done_before
for round in 1 2 3 4 5 6 7 8 9 10; do
    : >"$FAKE_LOG"
    "$promptgrid" run --jobs 1 --workspace killed small.yaml >out 2>err &
    scheduler=$!
    random 400
    sleep "0.$(printf %03d $((value + 20)))"
    kill -9 $scheduler 2>/dev/null
    wait $scheduler 2>/dev/null
    # What was reported as done before this round must not have begun in it.
    sed -n 's/^begin \([0-9a-f]*\) .*/\1/p' "$FAKE_LOG" | sort >begun
    comm -12 begun done_before >again
    [ -s again ] && fail "round $round: a run that was done began again"
    "$promptgrid" plan --json --workspace killed small.yaml >plan.json ||
        fail "round $round: no plan"
    tr -d ' \n' <plan.json | sed 's/},{/}\n{/g' | grep '"state":"done"' |
        sed -n 's/.*"run":"\([0-9a-f]*\)".*/\1/p' | sort >done_before
done
unset FAKE_LOG FAKE_MS
expect_status 0 "$promptgrid" run --workspace killed small.yaml
expect_status 0 "$promptgrid" table --json --workspace killed small.yaml
grep -v -e '"store":' -e '"command":' out >killed.json
diff -u whole.json killed.json || fail "the table differs from that of an undisturbed grid"
if command -v sqlite3 >/dev/null; then
    sqlite3 killed/promptgrid.sqlite "SELECT run FROM attempt WHERE state = 'done'
        GROUP BY run HAVING count(*) > 1" >twice
    [ -s twice ] && fail "a run has two attempts that are done"
    sqlite3 killed/promptgrid.sqlite "SELECT count(*) FROM attempt WHERE state = 'running'" >open
    [ "$(cat open)" = 0 ] || fail "an attempt is left open"
fi
pass
