# F06: the power of the disk is cut at a random moment, FAULT_ROUNDS times (500): ext4 on a loop device
# loses what was not synced. What was told is there, what is done is whole, and the grid is finished.
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
small_home
tiny_recipe tiny.yaml
golden tiny.yaml --jobs 1
rounds=${FAULT_ROUNDS:-500}
echo "SEED=${SEED:-$$}"
mkdir disk
truncate -s 64m image
on_disk() {
    mount -o loop image disk
}
if ! mkfs.ext4 -q -F image 2>/dev/null || ! on_disk 2>/dev/null; then
    echo "skipped: no file system can be mounted here (needs root and loop devices)"
    passed=yes
    exit 77
fi
trap 'umount disk; at_exit' EXIT
ln -s disk/w w
fresh() {
    rm -rf disk/w
    mkdir disk/w
    sync -f disk
}
round=0 lost=0
while [ $round -lt "$rounds" ]; do
    fresh
    : >err.fault
    "$promptgrid" run --jobs 1 --retries 0 --workspace w "$recipe" >out.fault 2>err.fault &
    scheduler=$!
    random_below 250
    sleep "0.$(printf %03d $((value + 1)))"
    "$BUILD/tests/cut-power" disk || fail "the power could not be cut"
    wait $scheduler
    status=$?
    umount disk
    on_disk || fail "round $round: the disk cannot be mounted again"
    [ $status -eq 0 ] || lost=$((lost + 1))
    mkdir -p disk/w
    invariants "round $round" 0 1 3 137
    round=$((round + 1))
done
echo "$faults cuts, $lost of them in a grid"
[ $lost -gt $((rounds / 5)) ] || fail "the cuts came too late"
pass
