# Failures of the moment are tried again a few times, with a wait; others never. A hang, a timeout, a
# kill and a want of memory are told apart.
# shellcheck disable=SC2089,SC2090 # the quotes in FAKE_MODE are meant as they stand
. "$SOURCE/tests/cli/lib.sh"
use_fake_runner
small_recipe small.yaml
zero='"method": "zero-shot"'

# run_mode MODE OPTIONS...: one dataset's zero-shot run behaves so; its messages, one a line
run_mode() {
    mode=$1 status=1
    [ "$mode" = full ] && status=3 # nothing but the environment failed
    shift
    rm -rf w
    FAKE_ONCE="$scratch/once" FAKE_MODE="$mode:$zero" expect_status "$status" "$promptgrid" run --jobs 1 \
        --retry-wait 0 "$@" small.yaml
    grep -c '^promptgrid: warning: pocket-land zero-shot: ' err >tries
    sed -n 's/^promptgrid: error: pocket-land zero-shot failed: //p' err
}
{
    run_mode hang-midway --hang 1 --retries 1
    cat tries
    run_mode slow --timeout 1 --retries 1
    cat tries
    run_mode killed
    cat tries
    run_mode full
    cat tries
    run_mode memory
    cat tries
    run_mode fail
    cat tries
    run_mode crash
    cat tries
} >said
same said <<'EOF'
hung: no word of it for 1 s, at epoch 1 of 2
1
timed out after 1 s, at epoch 3 of 1000
1
killed by signal 9
2
unable to write 'x': No space left on device
2
out of memory: 1 x 8 bytes
2
loss is not finite in epoch 3
0
killed by signal 11
0
EOF

# A run that says something now and then is not hung, however slow it is; nor is one that works for
# longer than the limit of silence in all.
rm -rf w
FAKE_MODE="slow:$zero" FAKE_STEPS=15 expect_status 0 "$promptgrid" run --jobs 2 --hang 1 small.yaml

# What fails once and then succeeds is done, with two attempts; the failure stays on record.
rm -rf w
FAKE_MODE="killed-once:$zero" FAKE_ONCE="$scratch/once" expect_status 0 "$promptgrid" run \
    --jobs 1 --retry-wait 1 small.yaml
grep -q '^promptgrid: warning: pocket-land zero-shot: killed by signal 9; trying again (1 of 2)$' \
    err || fail "no word of the retry: $(cat err)"
if command -v sqlite3 >/dev/null; then
    sqlite3 w/promptgrid.sqlite "SELECT n, state, class FROM attempt WHERE run =
        (SELECT run FROM attempt WHERE n = 2 LIMIT 1) ORDER BY n" >attempts
    same attempts <<'EOF'
1|failed|killed
2|done|
EOF
    # What a run took is on record, and the same program is to be found by its hash.
    sqlite3 w/promptgrid.sqlite "SELECT count(*) FROM attempt WHERE state = 'done' AND
        (memory < 100000 OR seconds < 0 OR bytes < 64 OR boot IS NULL OR pid < 2)" >odd
    [ "$(cat odd)" = 0 ] || fail "what runs took is not recorded"
fi
expect_status 0 "$promptgrid" plan --workspace w small.yaml
sed 's/shots: 2/shots: 1/' small.yaml >other.yaml
expect_status 0 "$promptgrid" run --jobs 1 --workspace w other.yaml
sed 's/seed: \[1, 2\]/seed: 3/' small.yaml >third.yaml
expect_status 0 "$promptgrid" plan --workspace w third.yaml
tail -1 out | grep -Eq '; expected .* cores?, [0-9.]+ kB of files, up to [0-9.]+ MB of memory a run$' ||
    fail "the plan predicts no memory and disk: $(tail -1 out)"

# Many failures in a row with one cause stop the grid; --keep-going does not.
rm -rf w
FAKE_MODE='fail:"method"' expect_status 1 "$promptgrid" run --jobs 1 --same-failures 2 small.yaml
grep -v -e '^\[' -e '^  ' err | tail -3 | plain - >line
same line <<'EOF'
promptgrid: stopped after 2 failures in a row with one cause; --keep-going goes on all the same
promptgrid: 6 runs were not started after 2 failures
promptgrid: 2 runs done in TIME; 'promptgrid run --jobs 1 --same-failures 2 small.yaml' tries the rest again
EOF
rm -rf w
FAKE_MODE='fail:"method"' expect_status 1 "$promptgrid" run --keep-going --same-failures 2 small.yaml
grep -q '^promptgrid: error: 6 runs failed:$' err || fail "--keep-going must go on"

# retry: what failed, and nothing else; run takes both.
expect_status 0 "$promptgrid" run third.yaml
rm -rf w
FAKE_MODE="fail:$zero" expect_status 1 "$promptgrid" run --max-failures 1 --jobs 1 small.yaml
expect_status 0 "$promptgrid" retry small.yaml
grep -c '^\[1/1\] pocket-land zero-shot: ' err >count
same count <<'EOF'
1
EOF
expect_status 0 "$promptgrid" retry small.yaml
same err <<'EOF'
promptgrid: nothing to do: no run has failed; 'promptgrid run small.yaml' runs what is missing
EOF
expect_status 0 "$promptgrid" run small.yaml

# The runner that a grid began with is used to its end, though it is replaced meanwhile.
rm -rf w
cp "$BUILD/tests/fake-runner" runner
PROMPTGRID_RUNNER="$scratch/runner" FAKE_MS=100 "$promptgrid" run --jobs 1 small.yaml >out 2>err &
scheduler=$!
wait_for 10 grep -q '^\[1/10\]' err || fail "no run was done"
printf '#!/bin/sh\nexit 9\n' >other
chmod +x other
mv other runner
wait $scheduler || fail "a grid must not notice that its runner was replaced: $(cat err)"
ls w/runner >hashes
sha256sum "$BUILD/tests/fake-runner" | cut -d' ' -f1 | cmp -s - hashes || fail "not kept by its hash"

# --require-clean refuses before anything runs.
mkdir home
cp -r "$SOURCE/recipes" home/
rm -rf w
PROMPTGRID_HOME="$scratch/home" expect_status 3 "$promptgrid" run --require-clean small.yaml
grep -q "^promptgrid: error: '--require-clean': " err || fail "not refused: $(cat err)"
pass
