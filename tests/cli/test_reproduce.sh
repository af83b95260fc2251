# Recorded runs, run again and compared: the same, close, other, failing.
. "$SOURCE/tests/cli/lib.sh"
use_fake_runner
small_recipe small.yaml

expect_status 3 "$promptgrid" reproduce small.yaml
same err <<'END2'
promptgrid: error: no results yet in 'SCRATCH/w'
END2
expect_status 0 "$promptgrid" run small.yaml

# numbers FILE: numbers and the folder's name made plain
numbers() {
    plain "$1" | sed -E 's/ +[0-9]+\.[0-9]+/ NUMBER/g; s/reproduce-[A-Za-z0-9]{6}/reproduce-X/'
}
expect_status 0 "$promptgrid" reproduce --sample 2 small.yaml
numbers out >got.txt
same got.txt <<'END2'
pocket-land zero-shot: same bits
  test accuracy NUMBER NUMBER  same bits
  learned prompt                          same bits
pocket-land coop 2 shots seed 2: same bits
  test accuracy NUMBER NUMBER  same bits
  learned prompt                          same bits
END2
ls -d w/reproduce-* 2>/dev/null && fail "what came out the same is not kept"
expect_status 0 "$promptgrid" reproduce --all --json small.yaml
[ "$(grep -c '"verdict": "same bits"' out)" = 12 ] || fail "not six runs with one number each: $(cat out)"

# One run, by its id.
run=$("$promptgrid" plan --json small.yaml | grep '"run"' | tail -1 | cut -d'"' -f4)
expect_status 0 "$promptgrid" reproduce "$run"
head -1 out | grep -q '^pocket-shapes coop 2 shots seed 2: same bits$' || fail "not the run: $(cat out)"
bank=$("$promptgrid" plan --json small.yaml | grep '"run"' | head -1 | cut -d'"' -f4)
expect_status 2 "$promptgrid" reproduce "$bank"
grep -q 'is no training run' err || fail "a bank has no numbers: $(cat err)"

# A run keeps the name of its backbone's folder, not the place: that is said anew.
cp -r "$SOURCE/recipes/pocket" mine
sed 's/^backbone: .*/backbone: .\/mine/; s/^recipe: .*/recipe: mine/' small.yaml >mine.yaml
expect_status 0 "$promptgrid" run mine.yaml
mkdir moved
mv mine moved
own=$(sqlite3 w/promptgrid.sqlite \
    "SELECT id FROM run WHERE backbone = 'mine' AND method = 'coop' AND seed = 1 LIMIT 1")
expect_status 3 "$promptgrid" reproduce "$own"
same err <<END2
promptgrid: error: the backbone of run '$(echo "$own" | cut -c1-12)' was a folder 'mine': say where it is now with '--backbone .../mine'
END2
expect_status 0 "$promptgrid" reproduce --backbone moved/mine "$own"
head -1 out | grep -q ' coop 2 shots seed 1: same bits$' || fail "not the run: $(cat out)"

# A runner whose numbers are other ones.
cat >other <<END2
#!/bin/sh
exec 5>&3
{ '$BUILD/tests/fake-runner' "\$@" 3>&1 >&2; } | sed -u "s/\"value\": *[0-9.]*/\"value\":\$OTHER/" >&5
END2
chmod +x other
export PROMPTGRID_RUNNER="$scratch/other" OTHER=1.25
expect_status 1 "$promptgrid" reproduce "$run"
grep -q ' 1.2500  differs$' out || fail "another number went unseen: $(cat out)"
ls w/reproduce-*/promptgrid.sqlite >/dev/null || fail "what differs is not kept"
expect_status 0 "$promptgrid" reproduce --within 100 "$run"
grep -q ' 1.2500  within$' out || fail "not within 100 points: $(cat out)"
expect_status 2 "$promptgrid" reproduce --within x "$run"

# One that fails.
use_fake_runner
FAKE_MODE=fail
export FAKE_MODE
expect_status 1 "$promptgrid" reproduce "$run"
sed -n '1,2p' out >lines
same lines <<'END2'
pocket-shapes coop 2 shots seed 2: differs
  never run
END2
pass
