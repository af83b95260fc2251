# What the fault tests share: an undisturbed grid to compare with, and the invariants that must hold
# after every fault.
#
#   I1  the database is sound: integrity_check, foreign_key_check, `promptgrid check`
#   I2  a run that is done has its rows, and they match its seal; no other has any; what carries a
#       final name is whole
#   I3  no run is done twice, no attempt's number repeats, no run is lost
#   I4  what was told as done before the fault is there after it, unchanged, and is not done again
#   I5  the same command finishes the grid: table, figures and rows are those of a grid that was
#       never disturbed
#   I6  no process, temporary file or lock is left
#   I7  a documented exit status; what is wrong is said; no crash, no sanitizer's report
#   I8  nothing is written outside the workspace
#
# `golden RECIPE [OPTION...]` makes the grid, `strike CASE COMMAND...` runs a command that a fault
# hits and then calls `invariants`, which may also be called alone after a fault that was made by
# hand: with the exit status in $status and what it said in out.fault and err.fault.

# Only a power cut needs a disk: where programs may run there, the scratch folder is in memory.
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ] && ! grep -q ' /dev/shm [^ ]* [^ ]*noexec' /proc/mounts; then
    export TMPDIR=/dev/shm
fi
. "$SOURCE/tests/cli/lib.sh"
command -v sqlite3 >/dev/null || {
    echo "skipped: no sqlite3"
    passed=yes
    exit 77
}
HOME=$scratch/home-of-user TMPDIR=$scratch/tmp
export HOME TMPDIR
mkdir "$HOME" "$TMPDIR"
store=w/promptgrid.sqlite
asan=no
nm "$BUILD/promptgrid" 2>/dev/null | grep -q __asan_init && asan=yes
faults=0
echo nothing >spoilt # ids of runs whose files a test has damaged: repair takes their results back

# small_home: a tree of code of two files, so that reading its revision takes no time.
small_home() {
    mkdir -p tree/recipes
    [ -e tree/recipes/pocket ] || ln -s "$SOURCE/recipes/pocket" tree/recipes/pocket
    ln -s "$SOURCE/results" tree/results
    echo "int main(void);" >tree/main.c
    git -C tree init -q 2>/dev/null &&
        git -C tree add . &&
        git -C tree -c user.name=t -c user.email=t@t commit -q -m t
    export PROMPTGRID_HOME="$scratch/tree"
}

# tiny_home: as small_home, with the first bytes of the weights and four images a class in each part
# of one dataset: a fake runner looks at none of them, the scheduler at all of them at each start.
tiny_home() {
    pocket=$SOURCE/recipes/pocket home=tree/recipes/pocket
    land=data/pocket-land
    mkdir -p $home/$land
    cp "$pocket/bpe_pocket.txt" "$pocket/config.json" $home/
    head -c 20000 "$pocket/model.safetensors" >$home/model.safetensors
    cp "$pocket/$land/dataset.json" $home/$land/
    ln -s "$pocket/$land/images" $home/$land/images
    sed 's/\], *\[/],\n[/g; s/\]\], *"/]],\n"/g' "$pocket/$land/split_zhou_pocket-land.json" | awk -F, '
        match($0, /"(train|val|test)"/) { part = substr($0, RSTART, RLENGTH) }
        match($0, /\["[^]]*\]/) && n[part, $2]++ < 4 {
            kept[part] = kept[part] (kept[part] == "" ? "" : ",") substr($0, RSTART, RLENGTH)
        }
        END { for (part in kept) printf "%s%s:[%s]", x++ ? "," : "{", part, kept[part]; print "}" }
    ' >$home/$land/split_zhou_pocket-land.json
    small_home
}

# tiny_recipe FILE [EPOCHS]: one dataset: 2 banks and 4 runs
tiny_recipe() {
    cat >"$1" <<END
recipe: tiny
protocol: few-shot
backbone: pocket
dataset: pocket-land
views: none
shots: 2
seed: [1, 2, 3]
method:
  - zero-shot
  - coop: {epochs: ${2:-2}}
table: [{name: main, rows: method, columns: dataset, metrics: [accuracy]}]
figure: [{name: seeds, x: seed, y: accuracy, series: method}]
END
}

# serve: from here on $promptgrid is a child of a program that has loaded it already
# (tests/fake/served.c), which takes a tenth of the time of a new process.
serve() {
    mkfifo ask answer
    "$BUILD/tests/served" <ask >answer &
    exec 3>ask 4<answer
    rm ask answer
    promptgrid=served
}
served() {
    read -r self rest </proc/self/stat # of this shell, which may be one of a pipe
    {
        echo "$self ${PROMPTGRID_FAULT:--} $*" >&3
        read -r answer <&4
    } 8>&1 9>&2 # 1 is not itself while the echo lasts
    return "$answer"
}

# damage flip|cut FROM TO AT: a copy of a file with a bit of byte AT flipped, or of its first AT bytes
damage() {
    echo "$*" >&3
    read -r answer <&4
    [ "$answer" = 0 ] || fail "unable to damage: $*"
}

# read_store DATABASE: into rows: everything but times, hosts, folders and attempts; done: what is
# done, with the seal of its rows; odd: what of I1 to I3 does not hold, whatever state the grid is in
read_store() {
    sqlite3 -batch "$1" <<'END' >out.sql 2>&1 || echo "no database: $(cat out.sql)" >odd
.output rows
SELECT id, spec, family, params FROM run ORDER BY 1;
SELECT run, split, name, value FROM metric ORDER BY 1, 2, 3;
SELECT run, epoch, loss, lr, accuracy, singular FROM curve ORDER BY 1, 2;
SELECT run, split, count, hex(labels) FROM prediction ORDER BY 1, 2;
SELECT run, kind, sha256 FROM artifact ORDER BY 1, 2;
SELECT run, seal FROM attempt WHERE state = 'done' ORDER BY 1;
.output done
SELECT run, n, seal FROM attempt WHERE state = 'done' ORDER BY 1, 2;
.output open
SELECT run, n FROM attempt WHERE state = 'running';
.output odd
SELECT 'I1 ' || integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok';
SELECT 'I1 foreign key', * FROM pragma_foreign_key_check;
SELECT 'I3 done twice', run FROM attempt WHERE state = 'done' GROUP BY run HAVING count(*) > 1;
SELECT 'I3 attempts', run FROM attempt GROUP BY run HAVING max(n) <> count(*);
SELECT 'I2 rows of no result', run FROM (SELECT run, n FROM metric UNION SELECT run, n FROM curve
    UNION SELECT run, n FROM prediction UNION SELECT run, n FROM artifact) x
    WHERE NOT EXISTS (SELECT 1 FROM attempt a WHERE a.run = x.run AND a.n = x.n AND a.state = 'done');
SELECT 'I2 a result without rows', run FROM attempt a WHERE state = 'done'
    AND NOT EXISTS (SELECT 1 FROM metric m WHERE m.run = a.run AND m.n = a.n)
    AND NOT EXISTS (SELECT 1 FROM artifact f WHERE f.run = a.run AND f.n = a.n);
END
}

# table_of WORKSPACE
table_of() {
    "$promptgrid" table --json --workspace "$1" "$recipe" 2>err.table |
        grep -Ev '"(store|command)":'
}

# same_figures: drawn from both workspaces, byte for byte (I5)
same_figures() {
    for place in golden w; do
        "$promptgrid" plot --workspace $place --out "figures-$place" "$recipe" >/dev/null 2>err.plot ||
            fail "no figures of $place: $(cat err.plot)"
    done
    for figure in figures-golden/*.tsv figures-golden/*.svg; do
        cmp "$figure" "figures-w/$(basename "$figure")" || fail "I5: other figures"
    done
}

# golden RECIPE [OPTION...]: the grid as it is without a fault; `again` is the command of every try
golden() {
    recipe=$1
    shift
    rm -rf golden
    expect_status 0 "$promptgrid" run --workspace golden "$@" "$recipe"
    read_store golden/promptgrid.sqlite
    [ -s odd ] && fail "the golden grid: $(cat odd)"
    mv rows rows.golden
    runs=$(wc -l <done)
    table_of golden >table.golden
    [ -s table.golden ] || fail "there is no table"
}

# again: what a user repeats after a fault; a test may define its own
again() {
    "$promptgrid" run --jobs 1 --workspace w "$recipe"
}

# What is there right after the fault, before anybody recovers it: on a copy, with its "-wal".
look_at_the_wreck() {
    mkdir -p wreck
    rm -f wreck/*
    : >done >open >partial >odd
    for folder in banks prompts; do
        if [ -d w/$folder ]; then diff -rq golden/$folder w/$folder | grep differ >>partial; fi
    done
    for job in w/jobs/*.json; do
        [ -e "$job" ] || continue
        tail -qc 1 w/jobs/*.json | tr -d '}' >>partial
        find w/jobs -name '*.json' -size 0 >>partial
        break
    done
    [ -s $store ] || return 0
    cp w/promptgrid.sqlite* wreck/
    read_store wreck/promptgrid.sqlite
    grep -q 'no such table: run' out.sql && : >odd # it was killed before its first transaction
}

# With seen=yes (and `serve`) what a fault left is looked at and finished once; what is the same, told
# by the names and sizes of the files and by their bytes but those of the store's log, only each
# hundredth time.
mkdir seen
seen_before() { # STATUS AND NUMBER OF RUNS TOLD
    [ "${seen:-no}" = yes ] && [ $((faults % 100)) != 0 ] || return
    echo "tree w" >&3
    read -r tree <&4
    [ -e "seen/$tree $1" ] && return
    : >"seen/$tree $1"
    false
}

# invariants CASE [STATUS...]: see above; STATUS are the exit statuses that the fault may end in
invariants() {
    case_=$1
    shift
    faults=$((faults + 1))
    # I7
    case " ${*:-0 1 3 137} " in
    *" $status "*) ;;
    *) fail "$case_: I7: exit status $status: $(cat err.fault)" ;;
    esac
    told=0 why=no
    while read -r line || [ -n "$line" ]; do
        case $line in
        *Sanitizer* | *'runtime error:'* | *': BUG: '*) fail "$case_: I7: $(cat err.fault)" ;;
        'promptgrid: error: '????????????* | 'out of memory: '*) why=yes ;;
        \[[0-9]*/[0-9]*\]*) told=$((told + 1)) ;;
        esac
    done <err.fault
    case $status-$why in
    [123]-no) fail "$case_: I7: no word of what is wrong: $(cat err.fault)" ;;
    esac
    seen_before "$status $told" && return
    # I4, first half
    look_at_the_wreck
    [ -s odd ] && fail "$case_: after the fault: $(cat odd)"
    [ -s partial ] && fail "$case_: I2: partial: $(cat partial)"
    mv done done.wreck
    [ "$told" -le "$(wc -l <done.wreck)" ] || fail "$case_: I4: $told told, $(cat done.wreck)"
    if [ "$status" = 0 ] && [ "$(wc -l <done.wreck)" != "$runs" ]; then
        fail "$case_: I4: exit status 0, but not all is done"
    fi
    # I5
    again >out.again 2>err.again || fail "$case_: I5: the same command ends with $?: $(cat err.again)"
    read_store $store
    cmp -s rows.golden rows || fail "$case_: I5: other rows than those of an undisturbed grid"
    table_of w >table.w
    cmp -s table.golden table.w || fail "$case_: I5: another table"
    # I1, I2, I3
    "$promptgrid" check --workspace w >out.check 2>&1 || fail "$case_: I1: $(cat out.check)"
    [ -s odd ] && fail "$case_: $(cat odd)"
    # I4, second half
    [ -z "$(comm -23 done.wreck done | grep -vFf spoilt)" ] || fail "$case_: I4: a result that was there is not"
    # I6
    grep -lz "$scratch/w" /proc/[0-9]*/cmdline 2>/dev/null >left
    find w \( -name '*.part-*' -o -name '*.next' -o -name '.output-*' \) >>left
    find w/checkpoints -type f >>left
    [ -s left ] && fail "$case_: I6: left behind: $(cat left)"
    flock --nonblock $store.lock true || fail "$case_: I6: somebody still holds the lock"
    [ -s open ] && fail "$case_: I6: an attempt is open: $(cat open)"
    # I8
    [ -z "$(ls -A "$HOME" "$TMPDIR" | grep -v ':$')" ] || fail "$case_: I8: files outside"
}

# The workspace before a fault, and the command that meets it; a test may define its own.
fresh() {
    rm -rf w
}
faulty() {
    "$promptgrid" run --jobs 1 --retry-wait 0 --workspace w "$recipe"
}

# strike CASE COMMAND...
strike() {
    label=$1
    shift
    fresh
    "$@" >out.fault 2>err.fault
    status=$?
    invariants "$label"
}

# each CALL WHAT STEP PROGRAM: every STEP-th call of the program meets the fault (core/base/sys.h),
# from a start that differs by day, until there is no such call. FAULT_STEP replaces STEP,
# FAULT_FROM the start; with onwards=+ it is that call and all after it.
each() {
    step=${FAULT_STEP:-$3}
    n=${FAULT_FROM:-$((1 + $(date +%j | sed 's/^0*//') % step))}
    while :; do
        fresh
        (export PROMPTGRID_FAULT="$4/$1:$n${onwards:-}:$2" && faulty) >out.fault 2>err.fault
        status=$?
        # A fault in the runner is told in its log.
        grep -qs "^fault: $1 " err.fault w/logs/*.log || break
        invariants "$4/$1:$n${onwards:-}:$2"
        n=$((n + step))
    done
}

# on_asan NUMBER OTHER: the first of a program that was built to find faults of memory, else the other
on_asan() {
    if [ $asan = yes ]; then echo "$1"; else echo "$2"; fi
}

# random_below N: in $value; SEED=N repeats the same numbers
random_below() {
    seed=$(((${seed:-${SEED:-$$}} * 1103515245 + 12345) % 2147483648))
    value=$((seed / 65536 % $1))
}
