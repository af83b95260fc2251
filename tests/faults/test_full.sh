# F08: a disk that is really full: all of the workspace, only the database, only the logs, only the
# checkpoints, only banks and prompts, at many sizes; quotas as limits on the size of a file. Nothing
# is done that is not whole; with room again the same command finishes the grid.
. "$SOURCE/tests/faults/lib.sh"
mkdir disk
if ! mount -t tmpfs -o size=64k promptgrid-test disk 2>/dev/null; then
    echo "skipped: nothing can be mounted here"
    passed=yes
    exit 77
fi
umount disk
use_fake_runner
small_home
tiny_recipe tiny.yaml
golden tiny.yaml --jobs 1

# The disk of `size` kB is at $small, a folder of the workspace or the workspace itself; what is
# listed in $large lies elsewhere.
empty() {
    umount w/logs w/checkpoints w/banks w 2>/dev/null
    rm -rf w elsewhere
}
fresh() {
    empty
    mkdir -p "$small"
    mount -t tmpfs -o size="${size}k" promptgrid-test "$small" || fail "no disk of $size kB"
    for folder in $large; do
        mkdir -p "elsewhere/$folder"
        ln -s "$scratch/elsewhere/$folder" "w/$folder"
    done
}
again() {
    mount -o remount,size=64m "$small"
    "$promptgrid" run --jobs 1 --workspace w "$recipe"
}
trap 'empty; at_exit' EXIT
full=0
with() { # SIZE COMMAND...
    size=$1
    shift
    strike "$small of $size kB" "$@"
    [ $status = 0 ] && return 0
    full=$((full + 1))
    grep -Eq "No space left on device|the disk is full|disk I/O error" err.fault ||
        fail "$small of $size kB: no word of the full disk: $(cat err.fault)"
    grep -Eq "'[^']*w/|'w/|$scratch/w/" err.fault || fail "$small of $size kB: no path: $(cat err.fault)"
}

small=w large="jobs logs banks prompts checkpoints runner" # the database
size=4
while [ $size -le 420 ]; do
    with $size faulty
    size=$((size + $(on_asan 60 12)))
done
[ $full -gt 5 ] || fail "the database never met the end of its disk"

small=w/logs large='' full=0 # a log that cannot be written ends nothing
export FAKE_MODE='flood:"method": "zero-shot"'
for size in 4 16 1024; do
    with $size faulty
done
[ $full -eq 0 ] || fail "a full disk for logs must not end runs"
unset FAKE_MODE

small=w/banks full=0
with 4 faulty
[ $full -gt 0 ] || fail "the banks never met the end of their disk"
grep -Eq "unable to write [0-9]+ bytes to '[^']*/banks/|unable to write '[^']*/banks/" err.fault w/logs/* ||
    fail "no word of the bank: $(cat err.fault)"

# Checkpoints of the real runner: training that cannot save itself.
unset PROMPTGRID_RUNNER
tiny_recipe tiny.yaml 40
golden tiny.yaml --jobs 1 --checkpoint-every 0
small=w/checkpoints full=0
faulty() {
    "$promptgrid" run --jobs 1 --retries 0 --checkpoint-every 0 --workspace w "$recipe"
}
for size in 4 12 20; do
    with $size faulty
done

# A limit on the size of a file.
small=w large='' size=65536
limited() { # KB
    prlimit --fsize=$(($1 * 1024)) "$promptgrid" run --jobs 1 --retries 0 --workspace w "$recipe"
}
use_fake_runner
tiny_recipe tiny.yaml
golden tiny.yaml --jobs 1
for limit in 20 40 100 160; do
    strike "a limit of $limit kB" limited $limit
    [ $status != 0 ] || fail "a limit of $limit kB was not met"
done
echo "$faults full disks"
pass
