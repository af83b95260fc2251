# On a terminal: one line or a screen rewritten in place, cut to the width, gone at the end.
. "$SOURCE/tests/cli/lib.sh"
script -qec true /dev/null >/dev/null 2>&1 || { passed=yes; exit 77; } # no pseudo-terminal here
use_fake_runner
small_recipe small.yaml

FAKE_MS=120 TERM=xterm script -qec "stty cols 40 rows 3; '$promptgrid' run --jobs 1 small.yaml" /dev/null \
    >screen </dev/null
tr '\r' '\n' <screen | sed 's/\x1b\[K//g' >lines
grep -q '^\[3/10\] 1 running, about [0-9.]* s left: ' lines || grep -q '^\[[1-9]/10\] 1 running' lines ||
    fail "no live line"
grep '^\[' lines | awk 'length($0) > 39' >wide
[ -s wide ] && fail "a line is wider than the terminal: $(cat wide)"
grep -qE 'images \([0-9.]+ s\)' lines && fail "finished runs must not scroll by on a terminal"
tail -1 screen | od -c | grep -q '033   \[   K' || fail "the live line was not removed"
tail -2 lines | grep -q '^promptgrid: 10 runs done in ' || fail "no summary at the end"

# With room for it: a screen with the grid and the runs at work, in one write, gone at the end.
rm -rf w
FAKE_MS=250 TERM=xterm script -qec "stty cols 60 rows 12; '$promptgrid' run --jobs 2 small.yaml" \
    /dev/null >screen </dev/null
tr '\r' '\n' <screen | sed 's/\x1b\[[0-9]*[A-Z]//g' >lines
grep -q '^               zero-shot CLIP       CoOp$' lines || fail "no head of the grid: $(cat lines)"
grep -q '^pocket-land  *1/1  *[012]/2$' lines || fail "no line of a dataset: $(cat lines)"
grep -q '^  pocket-[a-z]* .*, epoch 1/2, ' lines || fail "no running run: $(cat lines)"
awk 'length($0) > 59' lines | grep -v '^promptgrid: ' >wide
[ -s wide ] && fail "a line is wider than the terminal: $(cat wide)"
tail -1 screen | od -c | grep -q '033   \[   J' || fail "the screen was not removed"

# Another terminal looks on until all is done; in a pipe what changes is printed again.
expect_status 0 "$promptgrid" status --watch small.yaml
cp out watched
expect_status 0 "$promptgrid" status small.yaml
cmp out watched || fail "a finished grid is shown once"
rm -rf w
"$promptgrid" status --watch small.yaml >watched 2>watch_errors &
watcher=$!
sleep 0.3
FAKE_MS=100 "$promptgrid" run --jobs 1 small.yaml 2>/dev/null
wait $watcher || fail "the watcher failed: $(cat watch_errors)"
head -4 watched | grep -q '^10 runs, 4 of them banks of features: 0 done\|0/1' || fail "not from the start"
tail -1 watched | grep -q ': 10 done$' || fail "not to the end: $(cat watched)"
expect_status 2 "$promptgrid" status --watch --json small.yaml

# What is wider than the terminal goes into blocks; what is higher leaves the line of counts.
COLUMNS=30 "$promptgrid" status small.yaml </dev/null >narrow
same narrow <<'END'
               zero-shot CLIP
pocket-land               1/1
pocket-shapes             1/1
                    CoOp
pocket-land          2/2
pocket-shapes        2/2

10 runs, 4 of them banks of features: 10 done
END
rm -rf w
(FAKE_MS=300 "$promptgrid" run --jobs 1 small.yaml 2>/dev/null) &
TERM=xterm script -qec "stty cols 60 rows 5; '$promptgrid' status --watch small.yaml" /dev/null \
    >screen </dev/null
wait
tr '\r' '\n' <screen | sed 's/\x1b\[[0-9]*[A-Z]//g' >lines
sed '/^$/d' lines | head -1 | grep -q '^10 runs, 4 of them' || fail "the grid hides the counts: $(cat lines)"

# A terminal that cannot rewrite a line gets plain lines.
rm -rf w
TERM=dumb script -qec "'$promptgrid' run --jobs 1 small.yaml" /dev/null >screen </dev/null
tr -d '\r' <screen | grep -c '^\[[0-9]*/10\] .* s)$' >count
same count <<'END'
10
END
pass
