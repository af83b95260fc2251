# F02: kill -9 of the scheduler at a random moment, FAULT_ROUNDS times (10,000): the invariants hold.
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
small_home
tiny_recipe tiny.yaml
golden tiny.yaml --jobs 1
rounds=${FAULT_ROUNDS:-10000}
echo "SEED=${SEED:-$$}"
round=0
while [ $round -lt "$rounds" ]; do
    fresh
    random_below 120
    timeout -s KILL "0.$(printf %03d $((value + 1)))" "$promptgrid" run --jobs 2 --workspace w "$recipe" \
        >out.fault 2>err.fault
    status=$?
    invariants "round $round" 0 137
    round=$((round + 1))
done
echo "$faults kills"
pass
