# F06: the power of the disk is cut at a random moment of a grid, FAULT_ROUNDS times (500): ext4 on a
# loop device loses what was not synced. What was told is there, what is done is whole, and the grid is
# finished. How long a grid takes is learnt on the way.
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
tiny_home
tiny_recipe tiny.yaml
serve
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
cuts=0 window=250
while [ $cuts -lt "$rounds" ]; do
    fresh
    : >err.fault
    "$BUILD/promptgrid" run --jobs 1 --retries 0 --workspace w "$recipe" >out.fault 2>err.fault 3>&- 4<&- &
    scheduler=$!
    random_below $window
    sleep "0.$(printf %03d $((value + 1)))"
    cp err.fault err.before
    kill -0 $scheduler 2>/dev/null && alive=yes || alive=no
    "$BUILD/tests/cut-power" disk || fail "the power could not be cut"
    wait $scheduler
    status=$?
    # After a real cut nothing is told. Here the program lives on, and a sync that was under way may
    # come back as if it had been done: only what was told before the cut counts.
    grep -v '^\[' err.fault >err.other
    grep '^\[' err.before | cat - err.other >err.fault
    [ $status-$alive = 0-yes ] && status=137
    umount disk
    on_disk || fail "after $((value + 1)) ms: the disk cannot be mounted again"
    if [ $status -eq 0 ]; then
        [ $window -lt 20 ] || window=$((window - 10))
    else
        cuts=$((cuts + 1))
        [ $window -gt 900 ] || window=$((window + 1))
    fi
    mkdir -p disk/w
    invariants "after $((value + 1)) ms" 0 1 3 137
done
echo "$cuts cuts in a grid, $((faults - cuts)) came too late"
pass
