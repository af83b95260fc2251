# F18: 20 schedulers of one store at once, FAULT_ROUNDS times (1,000): each ends well, no run is tried
# twice, nobody says "database is locked".
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
tiny_home
tiny_recipe tiny.yaml
serve
golden tiny.yaml --jobs 1
rounds=${FAULT_ROUNDS:-1000}
round=0
while [ $round -lt "$rounds" ]; do
    fresh
    rm -f ended
    scheduler=0 started=
    while [ $scheduler -lt 20 ]; do
        ("$BUILD/promptgrid" run --jobs 1 --workspace w "$recipe" >"out.$scheduler" 2>"err.$scheduler" ||
            echo "$?" >>ended) 3>&- 4<&- &
        started="$started $!"
        scheduler=$((scheduler + 1))
    done
    wait $started
    cat err.[0-9]* >all
    [ -e ended ] && fail "round $round: a scheduler failed: $(cat ended all)"
    grep -iq 'database is locked' all && fail "round $round: $(cat all)"
    [ "$(sqlite3 $store "SELECT count(*), max(n) FROM attempt")" = "$runs|1" ] ||
        fail "round $round: a run was tried twice"
    grep -v '^\[' all >err.fault # each of them counts for itself
    status=0
    invariants "round $round" 0
    round=$((round + 1))
done
echo "$faults rounds of 20"
pass
