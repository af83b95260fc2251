# F02: kill -9 of the scheduler at a random moment of a grid, FAULT_ROUNDS times (10,000): the
# invariants hold. How long a grid takes is learnt on the way.
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
tiny_home
tiny_recipe tiny.yaml
serve
golden tiny.yaml --jobs 1
rounds=${FAULT_ROUNDS:-10000}
echo "SEED=${SEED:-$$}"
kills=0 window=60
while [ $kills -lt "$rounds" ]; do
    fresh
    random_below $window
    timeout -s KILL "0.$(printf %03d $((value + 1)))" "$BUILD/promptgrid" run --jobs 2 --workspace w "$recipe" \
        >out.fault 2>err.fault
    status=$?
    if [ $status = 137 ]; then
        kills=$((kills + 1))
        [ $window -gt 900 ] || window=$((window + 1))
    else
        [ $window -lt 20 ] || window=$((window - 10))
    fi
    invariants "after $((value + 1)) ms" 0 137
done
echo "$kills kills, $((faults - kills)) came too late"
pass
