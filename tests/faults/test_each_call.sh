# F01, F08, F09, F11, F12: every N-th call of the scheduler and of its runner fails, or kills the
# program; after each the same command finishes the grid, nothing is done twice, and the results are
# those of a grid that was never disturbed. SQLite's own calls are among them.
#
# FAULT_STEP: which N are taken, every so many from a start that differs by day (default: chosen for
# seconds; 1: each).
. "$SOURCE/tests/cli/lib.sh"
use_fake_runner
cat >tiny.yaml <<'END2'
recipe: tiny
protocol: few-shot
backbone: pocket
dataset: pocket-land
views: none
shots: 2
seed: [1, 2]
method:
  - zero-shot
  - coop: {epochs: 2}
table: [{name: main, rows: method, columns: dataset, metrics: [accuracy]}]
END2
# The seeds of these runs share no bank with others: 2 banks, 3 runs.
command -v sqlite3 >/dev/null || { echo "no sqlite3"; passed=yes; exit 77; }

# everything FOLDER: the results without times, hosts and folders
everything() {
    sqlite3 "$1/promptgrid.sqlite" "SELECT run, split, name, value FROM metric ORDER BY 1, 2, 3;
        SELECT run, kind, sha256 FROM artifact ORDER BY 1, 2;
        SELECT id, spec FROM run ORDER BY 1"
}

# The invariants, after the same command has finished the grid.
whole() { # CASE
    everything w >got.txt
    cmp -s want.txt got.txt || fail "$1: other results than those of an undisturbed grid"
    sqlite3 w/promptgrid.sqlite "PRAGMA integrity_check; PRAGMA foreign_key_check;
        SELECT 'done twice', run FROM attempt WHERE state = 'done' GROUP BY run HAVING count(*) > 1;
        SELECT 'open', run FROM attempt WHERE state = 'running';
        SELECT 'rows without a run', run FROM metric m WHERE NOT EXISTS
            (SELECT 1 FROM attempt a WHERE a.run = m.run AND a.n = m.n AND a.state = 'done');
        SELECT 'attempts', run FROM attempt GROUP BY run HAVING max(n) <> count(*)" >odd
    [ "$(cat odd)" = ok ] || fail "$1: $(cat odd)"
    find w -name '*.part-*' >left
    [ -s left ] && fail "$1: left behind: $(cat left)"
    return 0
}

expect_status 0 "$promptgrid" run --jobs 1 --workspace golden tiny.yaml
everything golden >want.txt

# What was told as done must still be done, and not begin again.
again() { # CASE
    export FAKE_LOG="$scratch/log"
    : >"$FAKE_LOG"
    expect_status 0 "$promptgrid" run --jobs 1 --retry-wait 0 --workspace w tiny.yaml
    unset FAKE_LOG
    told=$(grep -c '^\[[0-9]*/[0-9]*\]' err.fault)
    begun=$(grep -c '^begin ' log)
    [ $((told + begun)) -le 5 ] || fail "$1: $told runs were told as done and $begun begun again"
    whole "$1"
}

cases=0
# each CALL WHAT STEP PROGRAM: for N = 1, ... until the N-th call is no longer reached
each() {
    n=$((1 + $(date +%j | sed 's/^0*//') % $3))
    while :; do
        rm -rf w
        PROMPTGRID_FAULT="$4/$1:$n:$2" "$promptgrid" run --jobs 1 --retry-wait 0 --workspace w \
            tiny.yaml >out.fault 2>err.fault
        status=$?
        # A fault in the runner is told in its log.
        cat w/logs/*.log 2>/dev/null | cat - err.fault | grep -q "^fault: $1 " || break
        case $status in
        0 | 1 | 3 | 137) ;;
        *) fail "$4/$1:$n:$2: exit status $status: $(cat err.fault)" ;;
        esac
        grep -q 'Sanitizer' err.fault && fail "$4/$1:$n:$2: $(cat err.fault)"
        if [ $status -eq 3 ] && ! grep -q -e '^promptgrid: error: ' -e '^out of memory: ' err.fault; then
            fail "$4/$1:$n:$2: no word of what is wrong"
        fi
        again "$4/$1:$n:$2"
        cases=$((cases + 1))
        n=$((n + $3))
    done
}

step=${FAULT_STEP:-0}
of() { # STEP: the default, unless another was asked for
    if [ "$step" -gt 0 ]; then echo "$step"; else echo "$1"; fi
}
each open EMFILE "$(of 3)" promptgrid
each open kill "$(of 5)" promptgrid
each write ENOSPC "$(of 31)" promptgrid
each write EIO "$(of 61)" promptgrid
each write short "$(of 61)" promptgrid
each write kill "$(of 19)" promptgrid
each fsync EIO "$(of 11)" promptgrid
each fsync kill "$(of 7)" promptgrid
each rename EIO "$(of 2)" promptgrid
each rename kill "$(of 2)" promptgrid
each fork EAGAIN "$(of 2)" promptgrid
each fork kill "$(of 2)" promptgrid
each alloc ENOMEM "$(of 4001)" promptgrid
each write EINTR 2 fake-runner
each write kill 3 fake-runner
each fsync EIO 1 fake-runner
each rename kill 1 fake-runner
each open EMFILE 1 fake-runner
each alloc ENOMEM "$(of 97)" fake-runner
echo "$cases faults"
[ $cases -gt 40 ] || fail "only $cases faults were met"
pass
