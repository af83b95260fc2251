# Stopping: Ctrl-C, SIGTERM, kill -9 and a second scheduler on the same store.
. "$SOURCE/tests/cli/lib.sh"
use_fake_runner
small_recipe small.yaml
export FAKE_LOG="$scratch/log"

runners() { # that began and are alive
    for pid in $(sed -n 's/^begin .* //p' "$FAKE_LOG" 2>/dev/null); do
        [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = fake-runner ] || continue
        grep -q '^State:.*Z' "/proc/$pid/status" 2>/dev/null || echo "$pid"
    done
}
one_runs() { [ -n "$(runners)" ]; }
none_runs() { [ -z "$(runners)" ]; }
gone() { ! kill -0 "$1"; }

# start_until_hang ARGUMENTS...: a scheduler in the background, once a runner hangs in it. A shell
# ignores SIGINT in what it starts in the background, so the scheduler is started by env.
start_until_hang() {
    : >"$FAKE_LOG"
    env --default-signal=INT "$promptgrid" run "$@" small.yaml >out 2>err &
    scheduler=$!
    wait_for 20 one_runs || fail "no runner was started"
}

# Ctrl-C: the runners end, the status is 130, and the command goes on later.
FAKE_MODE=hang start_until_hang --jobs 1 --workspace w1
kill -INT $scheduler
wait $scheduler
[ $? -eq 130 ] || fail "expected exit status 130"
none_runs || fail "a runner is left"
same err <<'END'
promptgrid: stopping 1 run; once more to end at once
promptgrid: stopped: 0 done, 1 cancelled; 'promptgrid run --jobs 1 --workspace w1 small.yaml' goes on from here
END
expect_status 0 "$promptgrid" run --workspace w1 small.yaml

# SIGTERM with a runner that ignores it: killed after two seconds.
FAKE_MODE=stubborn start_until_hang --jobs 1 --workspace w2
kill -TERM $scheduler
wait $scheduler
[ $? -eq 143 ] || fail "expected exit status 143"
none_runs || fail "a stubborn runner is left"

# A second Ctrl-C does not wait for it.
FAKE_MODE=stubborn start_until_hang --jobs 1 --workspace w2
kill -INT $scheduler
sleep 0.2
kill -INT $scheduler
wait_for 1 gone $scheduler || fail "the second Ctrl-C must end at once"
wait $scheduler
[ $? -eq 130 ] || fail "expected exit status 130"

# A signal that was ignored from the start, as by nohup, stays ignored.
(
    trap '' HUP
    FAKE_MS=100 exec "$promptgrid" run --jobs 1 --workspace w4 small.yaml >out 2>err
) &
scheduler=$!
wait_for 20 grep -q '^\[1/10\]' err || fail "no run was done"
kill -HUP $scheduler
wait $scheduler || fail "SIGHUP must stay ignored"

# A second scheduler on the same store waits for the first and goes on with what is left; with
# --no-wait it is refused.
FAKE_MODE=hang start_until_hang --workspace w3
expect_status 3 "$promptgrid" run --no-wait --workspace w3 small.yaml
grep -q "process $scheduler on " err || fail "the holder's process id is not named: $(cat err)"
FAKE_LOG="$scratch/log2" "$promptgrid" run --workspace w3 small.yaml >out2 2>err2 &
second=$!
wait_for 5 grep -q "^promptgrid: waiting: .* process $scheduler on " err2 || fail "no word of waiting"
gone $second && fail "the second scheduler did not wait"

# kill -9: no runner outlives the scheduler, and the same command finishes the grid.
kill -9 $scheduler
wait $scheduler 2>/dev/null
wait_for 2 none_runs || fail "a runner outlived its scheduler"
wait $second || fail "the second scheduler did not finish the grid: $(cat err2)"
grep -q 'lost with an earlier scheduler and will run again$' err2 || fail "lost runs are not told"
sed -n 's/^end \([0-9a-f]*\) .*/\1/p' "$scratch/log2" | sort | uniq -d >twice
[ -s twice ] && fail "a run was done twice"
expect_status 0 "$promptgrid" run --workspace w3 small.yaml
same err <<'END'
promptgrid: nothing to do: 10 runs are done
END
pass
