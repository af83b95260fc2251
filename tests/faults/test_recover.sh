# F04, F19, F26, F27: who is dead and who is not, after a restart, a reboot, a reused number, a clock
# that jumps; and children that run away from their runner.
. "$SOURCE/tests/cli/lib.sh"
use_fake_runner
small_recipe small.yaml
command -v sqlite3 >/dev/null || { echo "no sqlite3"; passed=yes; exit 77; }
store=w/promptgrid.sqlite
boot=$(cat /proc/sys/kernel/random/boot_id)
born() { sed 's/.*) //' "/proc/$1/stat" | cut -d' ' -f20; }
gone() { ! kill -0 "$1" 2>/dev/null; }

# An attempt that is open in the name of a process that lives: BOOT PID START
forge() {
    sqlite3 $store "UPDATE attempt SET state = 'running', seal = NULL, boot = '$1', pid = $2,
        born = $3 WHERE run = (SELECT id FROM run WHERE job = 'train' LIMIT 1)"
}

expect_status 0 "$promptgrid" run --jobs 1 small.yaml
sqlite3 $store "DELETE FROM metric; DELETE FROM artifact"

# The same process since the same start of the machine: a runner that outlived its scheduler is ended
# before its run starts anew.
sleep 600 &
orphan=$!
forge "$boot" $orphan "$(born $orphan)"
expect_status 0 "$promptgrid" run --jobs 1 small.yaml
gone $orphan || fail "an orphan lives on beside its run"
grep -q '^promptgrid: 1 run was lost with an earlier scheduler and will run again$' err ||
    fail "no word of the lost run: $(cat err)"

# The number belongs to another process now, or the machine was started anew: hands off.
sleep 600 &
other=$!
forge "$boot" $other $(($(born $other) - 1))
expect_status 0 "$promptgrid" run --jobs 1 small.yaml
gone $other && fail "a process that is not ours was ended"
forge 00000000-0000-0000-0000-000000000000 $other "$(born $other)"
expect_status 0 "$promptgrid" run --jobs 1 small.yaml
gone $other && fail "a process that is not ours was ended after a reboot"
grep -q '^\[1/1\]' err || fail "what ran when the machine went down did not run again"
kill $other

# A lock file with anything in it locks nothing.
echo "process 1 on nowhere since for ever" >$store.lock
expect_status 0 "$promptgrid" run --no-wait --jobs 1 small.yaml

# The wall clock jumps an hour back and ten years on: no duration is negative, nothing times out.
rm -rf w
PROMPTGRID_FAULT='clock:9:-3600,clock:20:+315360000' FAKE_MS=20 expect_status 0 "$promptgrid" run \
    --jobs 1 --timeout 60 --hang 60 small.yaml
grep -q '^fault: clock 9: -3600$' err || fail "the clock did not jump"
sqlite3 $store "SELECT count(*) FROM runs WHERE seconds NOT BETWEEN 0.02 AND 60" >odd
[ "$(cat odd)" = 0 ] || fail "a duration follows the wall clock"

# So does that of a cluster's node.
rm -rf w
{
    cat small.yaml
    echo 'slurm: {poll: 1}'
} >slurm.yaml
PATH="$SOURCE/tests/fake/slurm:$PATH" FAKE_SLURM="$scratch/cluster" FAKE_MS=20 \
    PROMPTGRID_FAULT='fake-runner/clock:2:-3600' expect_status 0 "$promptgrid" run --executor slurm slurm.yaml
cat w/logs/*.log >logs
grep -q '^fault: clock 2: -3600$' logs || fail "the node's clock did not jump"
sqlite3 $store "SELECT count(*) FROM runs WHERE seconds IS NULL OR seconds NOT BETWEEN 0.02 AND 60" >odd
[ "$(cat odd)" = 0 ] || fail "$(cat odd) durations follow a node's wall clock"

# A child that left its runner's process group ends with its run.
rm -rf w
FAKE_MODE='stray:"method"' FAKE_LOG="$scratch/log" expect_status 0 "$promptgrid" run --jobs 2 small.yaml
sed -n 's/^stray .* //p' log >strays
[ "$(wc -l <strays)" -eq 6 ] || fail "there were no strays"
while read -r pid; do
    gone "$pid" || fail "a stray is left: $pid"
done <strays
pass
