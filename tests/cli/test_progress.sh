# On a terminal: one line rewritten in place, cut to the width, gone at the end.
. "$SOURCE/tests/cli/lib.sh"
script -qec true /dev/null >/dev/null 2>&1 || { passed=yes; exit 77; } # no pseudo-terminal here
use_fake_runner
small_recipe small.yaml

FAKE_MS=120 TERM=xterm script -qec "stty cols 40; '$promptgrid' run --jobs 1 small.yaml" /dev/null \
    >screen </dev/null
tr '\r' '\n' <screen | sed 's/\x1b\[K//g' >lines
grep -q '^\[3/10\] 1 running, about [0-9.]* s left: ' lines || grep -q '^\[[1-9]/10\] 1 running' lines ||
    fail "no live line"
grep '^\[' lines | awk 'length($0) > 39' >wide
[ -s wide ] && fail "a line is wider than the terminal: $(cat wide)"
grep -qE 'images \([0-9.]+ s\)' lines && fail "finished runs must not scroll by on a terminal"
tail -1 screen | od -c | grep -q '033   \[   K' || fail "the live line was not removed"
tail -2 lines | grep -q '^promptgrid: 10 runs done in ' || fail "no summary at the end"

# A terminal that cannot rewrite a line gets plain lines.
rm -rf w
TERM=dumb script -qec "'$promptgrid' run --jobs 1 small.yaml" /dev/null >screen </dev/null
tr -d '\r' <screen | grep -c '^\[[0-9]*/10\] .* s)$' >count
same count <<'END'
10
END
pass
