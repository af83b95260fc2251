# A grid with the fake runner: what is printed, what is recorded, and every way a run can fail.
# shellcheck disable=SC2089,SC2090 # the quotes in FAKE_MODE are meant as they stand
. "$SOURCE/tests/cli/lib.sh"
use_fake_runner
small_recipe small.yaml

expect_status 0 "$promptgrid" run --jobs 1 small.yaml
[ -s out ] && fail "stdout must stay empty"
grep -c '^\[' err >count
same count <<'END'
10
END
grep -E '^\[(1|10)/10\]' err >ends
grep -qE '^\[1/10\] pocket-(land|shapes) (train|test) images \(' ends || fail "a bank comes first"
grep -qE '^\[10/10\] pocket-(land|shapes) (zero-shot|coop 2 shots seed [12]): test [0-9.]+ \(' ends ||
    fail "a run with its accuracy comes last"
tail -1 err >line
same line <<'END'
promptgrid: 10 runs done in TIME; 'promptgrid table small.yaml' compares them
END

# The same command again has nothing to do.
expect_status 0 "$promptgrid" run --json small.yaml
same err <<'END'
promptgrid: nothing to do: 10 runs are done
END
tr -d ' \n' <out >json
printf '{"done":0,"failed":0,"cancelled":0,"skipped":0}' >want_json
cmp -s json want_json || fail "not the JSON that was expected: $(cat json)"

# A failing method: others go on, the report says why and how to repeat it, and a repeated command
# tries only what failed.
export FAKE_MODE='fail:"method": "coop"'
expect_status 1 "$promptgrid" run --jobs 1 --workspace w2 small.yaml
grep -v '^\[' err >report
plain report | sed -n '1,9p' >first
cat >want <<'END'
promptgrid: error: pocket-land coop 2 shots seed 1 failed: loss is not finite in epoch 3
  the end of SCRATCH/w2/logs/RUN.1.log:
    line 3
    line 4
    line 5
    line 6
    line 7
  to repeat it: SCRATCH/w2/runner/RUN/fake-runner run SCRATCH/w2/jobs/RUN.json
END
head -8 first | diff -u want - || fail "the report of a failure is not as expected"
tail -6 err >summary
same summary <<'END'
promptgrid: error: 4 runs failed:
  pocket-land coop 2 shots seed 1: loss is not finite in epoch 3; log SCRATCH/w2/logs/RUN.1.log; to repeat it: SCRATCH/w2/runner/RUN/fake-runner run SCRATCH/w2/jobs/RUN.json
  pocket-land coop 2 shots seed 2: loss is not finite in epoch 3; log SCRATCH/w2/logs/RUN.1.log; to repeat it: SCRATCH/w2/runner/RUN/fake-runner run SCRATCH/w2/jobs/RUN.json
  pocket-shapes coop 2 shots seed 1: loss is not finite in epoch 3; log SCRATCH/w2/logs/RUN.1.log; to repeat it: SCRATCH/w2/runner/RUN/fake-runner run SCRATCH/w2/jobs/RUN.json
  pocket-shapes coop 2 shots seed 2: loss is not finite in epoch 3; log SCRATCH/w2/logs/RUN.1.log; to repeat it: SCRATCH/w2/runner/RUN/fake-runner run SCRATCH/w2/jobs/RUN.json
promptgrid: 6 runs done in TIME; 'promptgrid run --jobs 1 --workspace w2 small.yaml' tries the rest again
END
unset FAKE_MODE
expect_status 0 "$promptgrid" run --workspace w2 small.yaml
grep -c '^\[.*coop' err >count
same count <<'END'
4
END
grep -c '^\[' err >count
same count <<'END'
4
END

# --max-failures stops starting.
export FAKE_MODE='fail:"method"'
expect_status 1 "$promptgrid" run --jobs 1 --max-failures 2 --workspace w3 small.yaml
grep -v -e '^\[' -e '^  ' err | tail -2 >line
same line <<'END'
promptgrid: 6 runs were not started after 2 failures
promptgrid: 2 runs done in TIME; 'promptgrid run --jobs 1 --max-failures 2 --workspace w3 small.yaml' tries the rest again
END

# A failed bank: what needs it is not started.
export FAKE_MODE='bug:"job": "encode"'
expect_status 1 "$promptgrid" run --jobs 1 --workspace w4 small.yaml
grep -v -e '^  ' err | tail -3 >line
same line <<'END'
promptgrid: error: 4 runs failed:
promptgrid: 6 runs were not started: what they need failed
promptgrid: 0 runs done in TIME; 'promptgrid run --jobs 1 --workspace w4 small.yaml' tries the rest again
END

# Every other way to fail has its reason.
reason_of() { # MODE
    rm -rf w5
    FAKE_MODE="$1:\"method\": \"zero-shot\"" "$promptgrid" run --jobs 1 --workspace w5 \
        small.yaml >out 2>err
    [ $? -eq 1 ] || fail "mode $1: expected exit status 1"
    sed -n 's/^promptgrid: error: pocket-land zero-shot failed: //p' err | cut -c1-100
}
for mode in crash garbage nan silent bug twice flood-events; do
    echo "$mode: $(reason_of $mode)"
done >reasons
same reasons <<'END'
crash: killed by signal 11
garbage: protocol: an event is not JSON: '[' or '{' expected near 'what': 'what?'
nan: protocol: an event is not JSON: invalid token near 'NaN': '{"event":"metric","split":"test","name":"
silent: protocol: the runner ended without 'done'
bug: exited with status 70
twice: protocol: 'metric test accuracy' came twice
flood-events: protocol: an event is longer than the limit of 4194304 bytes
END

# A runner that floods its output neither fills the disk nor fails.
unset FAKE_MODE
FAKE_MODE='flood:"method": "zero-shot"' expect_status 0 "$promptgrid" run --workspace w6 small.yaml
find w6/logs -size +8300k >large
[ -s large ] && fail "a log is too large: $(cat large)"
find w6/logs -size +8100k | wc -l >count
[ "$(cat count)" -eq 2 ] || fail "the floods are not in the logs"

# No runner, no workspace.
PROMPTGRID_RUNNER=/no/such expect_status 3 "$promptgrid" run --workspace w7 small.yaml
same err <<'END'
promptgrid: error: the runner: unable to open '/no/such': No such file or directory
END
touch file
expect_status 3 "$promptgrid" run --workspace file/w small.yaml
same err <<'END'
promptgrid: error: unable to create folder 'file/w': Not a directory
END
pass
