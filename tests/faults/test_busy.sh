# F20: another program holds the database, for a while or for ever, at any moment of a grid: results
# wait for it, nobody sees "database is locked", and what was told stays. Readers never wait.
# FAULT_LONG=1: also one that is longer than the scheduler's patience (over a minute).
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
small_home
tiny_recipe tiny.yaml
golden tiny.yaml --jobs 1

# hold FOLDER SECONDS STATEMENT: in the background, as a sqlite3 shell that somebody left open; back
# once it has the lock
hold() {
    (
        cd "$1" || exit
        {
            echo "$3; SELECT 'held';"
            sleep "$2"
        } | sqlite3 promptgrid.sqlite >held 2>&1
    ) &
    wait_for 5 grep -q held "$1/held" || fail "the lock was not taken: $(cat "$1/held")"
}
plain_words() { # FILE
    grep -iq 'database is locked' "$1" && fail "'database is locked' was shown: $(cat "$1")"
    return 0
}

# At the start, for longer than a statement waits (meanwhile the next case goes on): a plain error.
cp -r golden start
sqlite3 start/promptgrid.sqlite "UPDATE attempt SET state = 'running', seal = NULL WHERE n = 1;
    DELETE FROM metric; DELETE FROM artifact"
hold start 14 "BEGIN IMMEDIATE"
"$promptgrid" run --jobs 1 --workspace start "$recipe" >out.start 2>err.start &
first=$!

# In the middle, for a time: results wait, are told, and are kept.
fresh
FAKE_MS=300 "$promptgrid" run --jobs 2 --workspace w "$recipe" >out.fault 2>err.fault &
scheduler=$!
wait_for 10 grep -q '^\[1/6\]' err.fault || fail "no run was done"
hold w 12 "BEGIN EXCLUSIVE"
expect_status 0 timeout 3 "$promptgrid" status --workspace w "$recipe"
wait $scheduler
status=$?
plain_words err.fault
grep -Eq "^promptgrid: warning: 'w/promptgrid.sqlite' is locked by another program; close it and try again(; the results of a run wait for it|; trying again)$" \
    err.fault || fail "no word of waiting: $(cat err.fault)"
invariants "held for 12 s" 0
wait $first
status=$?
fresh
mv start w
mv err.start err.fault
plain_words err.fault
grep -q "^promptgrid: error: 'start/promptgrid.sqlite' is locked by another program; close it and try again$" \
    err.fault || fail "no plain error: $(cat err.fault)"
wait
invariants "held at the start" 3

# A reader that never ends its transaction holds nobody up.
fresh
FAKE_MS=50 "$promptgrid" run --jobs 1 --workspace w "$recipe" >out.fault 2>err.fault &
scheduler=$!
wait_for 10 grep -q '^\[1/6\]' err.fault || fail "no run was done"
hold w 6 "BEGIN; SELECT count(*) FROM run"
begin=$(date +%s)
wait $scheduler
status=$?
[ $(($(date +%s) - begin)) -lt 5 ] || fail "a reader held the scheduler up"
wait
invariants "a reader for ever" 0

if [ -n "${FAULT_LONG:-}" ]; then
    fresh
    FAKE_MS=300 "$promptgrid" run --jobs 1 --workspace w "$recipe" >out.fault 2>err.fault &
    scheduler=$!
    wait_for 10 grep -q '^\[2/6\]' err.fault || fail "no run was done"
    hold w 90 "BEGIN EXCLUSIVE"
    wait $scheduler
    status=$?
    plain_words err.fault
    wait
    invariants "held for 90 s" 3
fi
echo "$faults faults"
pass
