# F47: a grid of FAULT_ROUNDS (50) times 2,000 runs, killed ten times at a random moment and started
# again: each run is done once, nothing that was told is lost, `check` is clean, and no command takes
# 300 MB. Then status and table of a store with 100,000 runs and FAULT_EPOCHS (100) rows of a curve
# for each. Times are printed, not held to: tests/bench is for those.
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
tiny_home
rounds=${FAULT_ROUNDS:-50}
runs=$((2000 * rounds)) banks=2 kills=10 jobs=2 limit=300
echo "SEED=${SEED:-$$}"
list() { # FROM TO
    seq -s ', ' "$1" "$2"
}
recipe=scale.yaml
cat >$recipe <<END
recipe: scale
protocol: few-shot
backbone: pocket
dataset: pocket-land
views: none
shots: 2
seed: [$(list 1 100)]
epochs: [$(list 1 "$rounds")]
method: {coop: {lr: [$(list 1 20 | sed 's/[0-9][0-9]*/0.0&1/g')]}}
table: [{name: main, rows: method, columns: dataset, metrics: [accuracy]}]
END

# measured NAME COMMAND...: its time and memory are said, its memory is bounded; as expect_status 0
measured() {
    name=$1
    shift
    expect_status 0 "$BUILD/tests/peak" peak "$@"
    within
}
within() {
    read -r seconds megabytes <peak
    echo "$name: $seconds s, $megabytes MB"
    [ "$megabytes" -lt $limit ] || fail "$name: $megabytes MB"
}

ask() {
    sqlite3 -batch "$1" "$2"
}
told() {
    grep -c '^\[[0-9]*/[0-9]*\]' err.fault
}
told_before=0
round=0
while [ $round -le $kills ]; do
    : >err.fault
    "$BUILD/tests/peak" peak "$promptgrid" run --jobs $jobs --workspace w $recipe >out.fault 2>err.fault &
    peak=$!
    name="run, start $round"
    if [ $round -lt $kills ]; then # once so many more are done
        random_below $((runs / kills))
        enough=$value
        while kill -0 $peak 2>/dev/null && [ "$(told)" -lt "$enough" ]; do sleep 0.05; done
        read -r scheduler <"/proc/$peak/task/$peak/children" # a line without an end
        kill -9 "$scheduler"
    fi
    wait $peak
    status=$?
    within
    said=$(told)
    case $status-$((round == kills)) in
    137-0 | 0-1) ;;
    *) fail "$name: exit status $status after $said runs: $(tail -n 3 err.fault)" ;;
    esac
    ask $store "SELECT run, seal FROM attempt WHERE state = 'done' ORDER BY 1" >has
    [ "$(wc -l <has)" -ge $((told_before + said)) ] || fail "$name: I4: told as done, and not there"
    if [ -e had ]; then
        [ -z "$(comm -23 had has)" ] || fail "$name: I4: a result that was there is not"
    fi
    mv has had
    told_before=$((told_before + said))
    round=$((round + 1))
done

[ "$(ask $store "SELECT count(*), count(DISTINCT run) FROM attempt WHERE state = 'done'")" = \
    "$((runs + banks))|$((runs + banks))" ] || fail "not each run is done once"
[ "$(ask $store "SELECT count(*) FROM run")" = $((runs + banks)) ] || fail "other runs than those of the grid"
[ "$(ask $store "SELECT count(*) FROM metric")" = $runs ] || fail "not one number for each run"
more=$(ask $store "SELECT count(*) FROM attempt WHERE state <> 'done'")
[ "$more" -le $((kills * jobs)) ] || fail "$more attempts without a result after $kills kills"
[ "$(ask $store "SELECT count(*) FROM attempt WHERE state NOT IN ('done', 'lost')")" = 0 ] ||
    fail "an attempt has another end than a result or a kill"
echo "$runs runs done once each, $more attempts lost in $kills kills"

measured status "$promptgrid" status --workspace w $recipe
grep -q ": $((runs + banks)) done\$" out || fail "not all is done: $(tail -n 1 out)"
measured table "$promptgrid" table --json --workspace w $recipe
[ "$(grep -c '"n": 100,' out)" = $((20 * rounds)) ] || fail "not all seeds in each cell"
measured "run of nothing" "$promptgrid" run --workspace w $recipe
measured check "$promptgrid" check --workspace w
find w \( -name '*.part-*' -o -name '*.next' -o -name '.output-*' \) >left
find w/checkpoints -type f >>left
[ -s left ] && fail "I6: left behind: $(head left)"
rm -rf w

epochs=${FAULT_EPOCHS:-100}
export PROMPTGRID_HOME="$SOURCE"
"$BUILD/tests/bench-fill" "$SOURCE/tests/bench/store.yaml" w "$epochs" 2>err || fail "$(cat err)"
echo "$(ask $store 'SELECT (SELECT count(*) FROM curve), (SELECT count(*) FROM metric)') rows of curves and metrics, $(stat -c %s $store) bytes"
for command in status table; do
    "$BUILD/tests/peak" peak "$promptgrid" $command --workspace w "$SOURCE/tests/bench/store.yaml" >out 2>err
    status=$?
    [ $status -le 1 ] || fail "$command: exit status $status: $(cat err)" # some have failed
    name="$command of that store"
    within
done
pass
