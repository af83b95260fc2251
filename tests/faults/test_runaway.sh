# F11, F14 to F16: runners that hang, stand still, spin, flood, or say what is no event; a system without
# room for another file or process. Each ends as a failed run with its reason; the scheduler's memory
# and the log stay small, the screen shows no control character, and the same command finishes the grid.
# shellcheck disable=SC2089,SC2090 # the quotes in FAKE_MODE are meant as they stand
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
small_home
tiny_recipe tiny.yaml
golden tiny.yaml --jobs 1
one='"method": "zero-shot"'

# runaway MODE REASON [OPTION...]: the run that behaves so fails for this reason, the others are done
runaway() {
    mode=$1 reason=$2
    shift 2
    strike "$mode" env FAKE_MODE="$mode:$one" "$promptgrid" run --jobs 1 --retries 0 --workspace w "$@" "$recipe"
    [ $status = 1 ] || fail "$mode: exit status $status"
    sed -n 's/^promptgrid: error: pocket-land zero-shot failed: //p' err.fault >reason
    case $(cat reason) in
    "$reason") ;;
    "$reason "*) [ "${reason%:}" != "$reason" ] || fail "$mode: more than '$reason': '$(cat reason)'" ;;
    *) fail "$mode: the reason is '$(cat reason)', not '$reason'" ;;
    esac
    [ "$(wc -l <done.wreck)" -eq 5 ] || fail "$mode: the others are not done"
}

# F14: silent, standing still, spinning; what is slow but speaks is left alone (cli/test_retry.sh too)
runaway hang 'hung: no word of it for 1 s' --hang 1
runaway stop 'hung: no word of it for 1 s' --hang 1
runaway spin 'hung: no word of it for 1 s' --hang 1
runaway hang-midway 'timed out after 1 s, at epoch 1 of 2' --timeout 1
strike slow env FAKE_MODE="slow:$one" FAKE_STEPS=16 "$promptgrid" run --jobs 1 --hang 1 --workspace w "$recipe"
[ $status = 0 ] || fail "a slow run was ended: $(cat err.fault)"

# F15: a gigabyte without an end of line; NUL and escape bytes
peak() { # FILE COMMAND...: writes its own largest memory in kB, read from /proc at its end
    file=$1
    shift
    "$@" >out.fault 2>err.fault &
    pid=$!
    echo 0 >"$file"
    while kill -0 $pid 2>/dev/null; do
        sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' /proc/$pid/status >now 2>/dev/null
        [ -s now ] && mv now "$file"
        sleep 0.02
    done
    wait $pid
    status=$?
}
fresh
peak base env FAKE_MS=100 "$promptgrid" run --jobs 1 --workspace w "$recipe"
fresh
peak most env FAKE_MODE="endless-line:$one" "$promptgrid" run --jobs 1 --workspace w "$recipe"
invariants "a gigabyte of output" 0
[ $(($(cat most) - $(cat base))) -lt 50000 ] || fail "memory grew from $(cat base) to $(cat most) kB"
[ "$(cat base)" -gt 1000 ] || fail "no memory was measured"
find w/logs -size +8300k >large
[ -s large ] && fail "a log is too large: $(cat large)"

printf 'plain\n\033[2J\033]0;title\007\000\r\b\177\302\233m\377\376end\n' >bytes
export FAKE_SAY="$scratch/bytes"
runaway shout 'loss \x1b[31mis not finite\x0d\x0a'
tr -d '\n' <err.fault | LC_ALL=C grep -q '[[:cntrl:]]' && fail "control characters on the screen"
grep -q 'x1b\[2J' err.fault || fail "the escape is not shown: $(cat err.fault)"

# F16: what is no event, or none that may come
metric() { echo "{\"event\":\"metric\",\"split\":\"test\",\"name\":\"accuracy\",\"value\":$1}"; }
epoch() { echo "{\"event\":\"epoch\",\"epoch\":$1,\"loss\":$2,\"lr\":0.1,\"accuracy\":50}"; }
say() { # EVENTS REASON: where the reason ends in a colon, the event itself follows
    printf %s "$1" >"$FAKE_SAY"
    runaway say "protocol: $2"
}
say "$(metric NaN)
" "an event is not JSON: invalid token near 'NaN':"
say "$(metric Infinity)
" "an event is not JSON: invalid token near 'Infinity':"
say "$(metric 1e309)
" "an event is not JSON: real number overflow near '1e309':"
say "$(metric -1e309)
" "an event is not JSON: real number overflow near '-1e309':"
say "$(metric '"88"')
" "event 'metric': 'value' must be a finite number"
say "$(epoch 0 1)
$(epoch 0 1)
" "'epoch 0' came twice"
say "$(epoch 0 1)
$(epoch 2 1)
$(epoch 1 1)
" "epoch 1 came after epoch 2"
say "$(epoch -1 1)
" "event 'epoch': 'epoch' must be a whole number from 0"
say '{"event":"metric","spl
' "an event is not JSON: premature end of input near '\"spl':"
say '{"event":"artifact","kind":"prompt","path":"/etc/passwd","sha256":"'"$(printf %064d 0)"'"}
' "'artifact prompt' came twice"
say '{"event":"done"}
' "event 'start' came after 'done'"
say '{"event":"erase","path":"/"}
' "unknown event 'erase'"

# F11: no room for more files, or for another process
fresh
prlimit --nofile=24 "$promptgrid" run --jobs 4 --workspace w "$recipe" >out.fault 2>err.fault
status=$?
invariants "24 descriptors" 0
grep -q 'Too many open files; trying again$' err.fault || fail "no word of the want: $(cat err.fault)"
echo "$faults faults"
pass
