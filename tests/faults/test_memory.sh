# F13: the kernel ends a runner for want of memory: the failure is told as such, tried again with
# nothing beside it, and the rest of the grid is done. Then it ends the scheduler: as any other kill.
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
small_recipe small.yaml
if [ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ]; then
    group=/sys/fs/cgroup/memory/promptgrid-$$ limit=memory.limit_in_bytes
else
    group=/sys/fs/cgroup/promptgrid-$$ limit=memory.max
fi
bytes=$(on_asan 600000000 100000000) # its own memory, and shadows
mkdir "$group" 2>/dev/null && echo $bytes 2>/dev/null >"$group/$limit" || {
    rmdir "$group" 2>/dev/null
    echo "no memory control group can be made here"
    passed=yes
    exit 77
}
trap 'rmdir "$group"; at_exit' EXIT
inside() { # COMMAND...: in the group
    # shellcheck disable=SC2016 # expanded by the inner shell
    sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' sh "$group" "$@"
}
export FAKE_MODE='eat:"method": "zero-shot"' FAKE_LOG="$scratch/log" FAKE_MS=200

expect_status 1 inside "$promptgrid" run --jobs 2 --retries 1 --retry-wait 0 small.yaml
grep -c '^promptgrid: warning: .* zero-shot: killed by the kernel for want of memory (cgroup oom_kill=1)' \
    err >count
same count <<'EOF'
2
EOF
grep -c '^promptgrid: error: .* zero-shot failed: killed by the kernel for want of memory' err >count
same count <<'EOF'
2
EOF
tail -1 err | grep -q '^promptgrid: 8 runs done in ' || fail "the others are not done: $(cat err)"
# The second try was alone: no attempt overlaps it.
sqlite3 $store "SELECT count(*) FROM attempt a JOIN attempt b
    ON (b.run, b.n) <> (a.run, a.n) AND b.started < a.finished AND a.started < b.finished
    WHERE a.n = 2" >beside
[ "$(cat beside)" = 0 ] || fail "a run that needs the machine for itself did not have it"

# From a group that is too small for the scheduler to one that is large enough.
unset FAKE_MODE FAKE_LOG FAKE_MS
small_home
tiny_recipe tiny.yaml
golden tiny.yaml --jobs 1
killed=0 status=1
bytes=$(on_asan 20000000 2500000)
while [ $status != 0 ]; do
    echo "$bytes" >"$group/$limit"
    strike "a group of $bytes bytes" inside "$promptgrid" run --jobs 1 --retries 0 --workspace w "$recipe"
    [ $status = 137 ] && killed=$((killed + 1))
    bytes=$((bytes * 6 / 5))
done
[ $killed -gt 1 ] || fail "the scheduler was not killed"
pass
