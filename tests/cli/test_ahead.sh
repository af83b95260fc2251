# While every place is taken the runner of the next run is started and waits: it does nothing and is
# nowhere on record before its turn, and is let go when another run has it.
# shellcheck disable=SC2089,SC2090 # the quotes in FAKE_MODE are meant as they stand
. "$SOURCE/tests/cli/lib.sh"
use_fake_runner
small_recipe small.yaml
export FAKE_LOG="$scratch/log"

waiting() { # processes of ours that are runners
    for status in /proc/[0-9]*/status; do
        grep -q '^Name:.*fake-runner' "$status" 2>/dev/null || continue
        pid=${status#/proc/}
        tr '\0' ' ' <"/proc/${pid%/*}/cmdline" 2>/dev/null | grep -F " $scratch/w/" || :
    done
}
one_waits() { [ "$(waiting | wc -l)" -eq 1 ]; }
two_wait() { [ "$(waiting | wc -l)" -eq 2 ]; }
three_wait() { [ "$(waiting | wc -l)" -eq 3 ]; }
none_wait() { [ -z "$(waiting)" ]; }
attempts() { sqlite3 w/promptgrid.sqlite 'SELECT count(*) FROM attempt'; }

# One works, one waits: no word of it, no row.
FAKE_MODE=hang "$promptgrid" run --jobs 1 --workspace w small.yaml >out 2>err &
scheduler=$!
wait_for 20 two_wait || fail "the next runner does not wait: $(waiting)"
[ "$(grep -c '^begin' "$FAKE_LOG")" -eq 1 ] || fail "it did not wait: $(cat "$FAKE_LOG")"
[ "$(attempts)" -eq 1 ] || fail "it is on record"

# It does not outlive its scheduler, whatever ends that.
kill -9 $scheduler
wait $scheduler 2>/dev/null
wait_for 2 none_wait || fail "it outlived its scheduler: $(waiting)"
[ "$(grep -c '^begin' "$FAKE_LOG")" -eq 1 ] || fail "it began without a scheduler: $(cat "$FAKE_LOG")"
FAKE_MODE=hang "$promptgrid" run --jobs 1 --workspace w small.yaml >out 2>err &
scheduler=$!
wait_for 20 two_wait || fail "the next runner does not wait: $(waiting)"
kill -TERM $scheduler
wait $scheduler
none_wait || fail "it is left: $(waiting)"
[ "$(find w/logs -type f | wc -l)" -eq 2 ] || fail "its log is left: $(ls w/logs)"

# Each run has one attempt and one beginning when all goes well.
rm -rf w
: >"$FAKE_LOG"
expect_status 0 "$promptgrid" run --jobs 1 --workspace w small.yaml
[ "$(attempts)" -eq 10 ] || fail "$(attempts) attempts of 10 runs"
[ "$(find w/logs -type f | wc -l)" -eq 10 ] || fail "logs: $(ls w/logs)"
[ "$(grep -c '^begin' "$FAKE_LOG")" -eq 10 ] || fail "$(cat "$FAKE_LOG")"

# A run that is tried again at once comes before the one that waits.
rm -rf w
: >"$FAKE_LOG"
FAKE_MODE='killed-once:"method": "zero-shot"' FAKE_ONCE="$scratch/once" expect_status 0 "$promptgrid" run \
    --jobs 1 --retry-wait 0 --workspace w small.yaml
[ "$(attempts)" -eq 11 ] || fail "$(attempts) attempts of 10 runs and a second try"
sed -n 's/^begin \([0-9a-f]*\) .*/\1/p' "$FAKE_LOG" | uniq -d >again
[ "$(wc -l <again)" -eq 1 ] || fail "the second try did not come next: $(cat "$FAKE_LOG")"

# After the last failure that is allowed it has no turn.
rm -rf w
: >"$FAKE_LOG"
FAKE_MODE=fail expect_status 1 "$promptgrid" run --jobs 1 --max-failures 1 --workspace w small.yaml
[ "$(attempts)" -eq 1 ] || fail "$(attempts) attempts"
[ "$(find w/logs -type f | wc -l)" -eq 1 ] || fail "its log is left: $(ls w/logs)"
none_wait || fail "it is left: $(waiting)"

# Nor does it wait on while the others are seen through.
rm -rf w
: >"$FAKE_LOG"
FAKE_MODE=hang "$promptgrid" run --jobs 2 --retries 0 --max-failures 1 --workspace w small.yaml >out 2>err &
scheduler=$!
wait_for 20 three_wait || fail "not two at work and one that waits: $(waiting)"
two_begun() { [ "$(grep -c '^begin' "$FAKE_LOG")" -eq 2 ]; }
wait_for 20 two_begun || fail "two did not begin: $(cat "$FAKE_LOG")"
kill -9 "$(sed -n '1s/^begin [0-9a-f]* //p' "$FAKE_LOG")"
wait_for 20 one_waits || fail "a runner waits for a turn that will not come: $(waiting)"
kill -TERM $scheduler
wait $scheduler
none_wait || fail "it is left: $(waiting)"
[ "$(attempts)" -eq 2 ] || fail "$(attempts) attempts"
[ "$(find w/logs -type f | wc -l)" -eq 2 ] || fail "its log is left: $(ls w/logs)"

# What it says out of turn is heard at its turn; here it has none.
rm -rf w
printf '#!/bin/sh\n[ "$1" = run ] && echo garbage >&3 && sleep 30\n' >hasty
chmod +x hasty
PROMPTGRID_RUNNER="$scratch/hasty" expect_status 1 "$promptgrid" run --jobs 1 --max-failures 1 --workspace w small.yaml
grep -q 'failed: protocol: an event is not JSON' err || fail "$(cat err)"
[ "$(attempts)" -eq 1 ] || fail "$(attempts) attempts"

# Where there is no room for it, that is tried once a second, not at each word of the one that works.
rm -rf w
FAKE_MODE=slow FAKE_STEPS=33 PROMPTGRID_FAULT=promptgrid/fork:3+:EAGAIN "$promptgrid" run --jobs 1 \
    --workspace w small.yaml >out 2>err &
scheduler=$!
seen() { # writings of job files
    stat -c '%n %y' w/jobs/*.json 2>/dev/null >>written
    grep -q 'trying again$' err
}
wait_for 60 seen || fail "the second run was started: $(cat err)"
kill -TERM $scheduler
wait $scheduler
grep -q '^\[1/10\]' err || fail "the first run was not done: $(cat err)"
tries=$(sort -u written | wc -l)
[ "$tries" -lt 12 ] || fail "too many tries: $tries"
pass
