# F05: each signal in each state of the scheduler: the runners end with it, the status is the
# documented one, and the invariants of lib.sh hold; a reader that goes away and a pause end nothing.
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
small_home
tiny_recipe tiny.yaml
golden tiny.yaml --jobs 1
prlimit --core=0 --pid $$
export FAKE_LOG="$scratch/log"

alive() { # processes of this workspace's runners
    grep -lz "$scratch/w/runner" /proc/[0-9]*/cmdline 2>/dev/null
}
none_alive() { [ -z "$(alive)" ]; }
ended() { ! kill -0 "$scheduler" 2>/dev/null; }

# States: how far the scheduler is when the signal comes.
begins() { sleep 0.01; }
works() { wait_for 20 grep -qs '^begin' "$FAKE_LOG"; }
waits() { wait_for 20 grep -qs 'trying again (1 of' err.fault; } # for the time of the next try
queues() { wait_for 20 grep -qs 'waiting:' err.fault; }          # for another scheduler

# in_state STATE MODE SIGNAL...: signals to a scheduler that is so far, the first one twice if there
# are two; a shell ignores SIGINT in what it starts in the background, so env starts it
in_state() {
    state=$1 mode=$2
    shift 2
    rm -rf w
    : >"$FAKE_LOG"
    FAKE_MODE=$mode env --default-signal=INT,QUIT "$promptgrid" run --jobs 2 --retry-wait 60 \
        --workspace w "$recipe" >out.fault 2>err.fault &
    scheduler=$!
    $state || fail "$state $*: the state was not reached: $(cat err.fault)"
    for signal in "$@"; do
        kill -s "$signal" "$scheduler" 2>/dev/null
        [ $# -gt 1 ] && sleep 0.2
    done
    wait_for 5 ended || fail "$state $*: the scheduler does not end"
    wait "$scheduler"
    status=$?
    wait_for 2 none_alive || fail "$state $*: runners live on: $(alive)"
}
told() { # CASE
    grep -Eq "^promptgrid: stopped: [0-9]+ done, [0-9]+ cancelled; 'promptgrid run .*' goes on from here$" \
        err.fault || fail "$1: no word of how to go on: $(cat err.fault)"
}

for row in INT:130 TERM:143 HUP:129 QUIT:131; do
    signal=${row%:*} want=${row#*:}
    in_state begins hang "$signal" # before the signals are watched, the kernel ends it, with the same status
    invariants "$signal at the start" "$want"
    in_state works hang "$signal"
    [ "$signal" = QUIT ] || told "$signal"
    invariants "$signal with runners at work" "$want"
    in_state waits 'killed:"job": "encode"' "$signal"
    [ "$signal" = QUIT ] || told "$signal"
    invariants "$signal between two tries" "$want"
done
in_state works stubborn INT INT
invariants "INT twice" 130
in_state works stubborn TERM INT
invariants "TERM, then INT" 143

# While it waits for another scheduler, it has nothing to lose.
hold() { # the lock of the store, as another scheduler would
    mkdir -p w && exec 8>w/promptgrid.sqlite.lock && flock -n 8
}
rm -rf w
hold
"$promptgrid" run --workspace w "$recipe" >out.fault 2>err.fault &
scheduler=$!
queues || fail "it does not wait: $(cat err.fault)"
kill -s TERM $scheduler
wait_for 2 ended || fail "TERM does not end one that waits"
wait $scheduler
[ $? -eq 143 ] || fail "another status than 143"
exec 8>&-

# Who reads goes away: the grid goes on.
fresh
{
    "$promptgrid" run --jobs 1 --workspace w "$recipe" 2>&1
    echo $? >code
} | head -1 >out.fault
[ "$(cat code)" = 0 ] || fail "a closed pipe ended the grid with $(cat code)"
: >err.fault
status=0
invariants "a closed pipe"
fresh
"$promptgrid" run --jobs 1 --workspace w "$recipe" >&- 2>err.fault
status=$?
invariants "no stdout"

# A pause of the scheduler is not taken for silence of its runners.
fresh
: >"$FAKE_LOG"
FAKE_MODE=slow FAKE_STEPS=18 "$promptgrid" run --jobs 2 --hang 1 --retries 0 --workspace w "$recipe" \
    >out.fault 2>err.fault &
scheduler=$!
works
kill -s STOP $scheduler
sleep 2
kill -s CONT $scheduler
wait $scheduler
status=$?
invariants "a pause" 0

# The terminal is as it was.
if script -qec true /dev/null >/dev/null 2>&1; then
    fresh
    cat >on_terminal <<END
stty -a >before
TERM=xterm FAKE_MODE=hang "$promptgrid" run --jobs 1 --workspace w "$recipe" &
scheduler=\$!
sleep 0.7
kill -s TERM \$scheduler
wait \$scheduler
stty -a >after
END
    script -qec 'sh on_terminal' /dev/null >screen </dev/null
    cmp before after || fail "the terminal is not as it was"
    tail -1 screen | grep -q "goes on from here" || fail "the screen does not end with a line of text"
fi
echo "$faults faults"
pass
