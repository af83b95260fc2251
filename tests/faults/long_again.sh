# F07: a kill while a killed grid is being finished: every FAULT_STEP-th (7) call of the first, and of
# the second; then the invariants hold.
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
tiny_home
tiny_recipe tiny.yaml
serve
golden tiny.yaml --jobs 1
step=${FAULT_STEP:-7}
for call in write fsync rename unlink; do
    first=1
    while :; do
        fresh
        PROMPTGRID_FAULT=promptgrid/$call:$first:kill faulty >out.first 2>err.first
        grep -q '^fault: ' err.first || break
        rm -rf killed
        cp -r w killed
        second=1
        while :; do
            rm -rf w
            cp -r killed w
            PROMPTGRID_FAULT=promptgrid/write:$second:kill faulty >out.fault 2>err.fault
            status=$?
            grep -q '^fault: ' err.fault || break
            invariants "$call:$first, then write:$second"
            second=$((second + 7 * step))
        done
        first=$((first + step))
    done
done
echo "$faults kills of a recovery"
[ $faults -gt 5 ] || fail "too few"
pass
