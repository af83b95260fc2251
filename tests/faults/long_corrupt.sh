# F22: the database with every FAULT_STEP-th (1) byte flipped, cut at every such place, with pages of
# zeros, without its "-wal" or with another's: a table is the right one or refused, never another, and
# no program crashes.
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
tiny_home
tiny_recipe tiny.yaml
serve
golden tiny.yaml --jobs 1
step=${FAULT_STEP:-1}
right=0 words=0 refused=0
shown() {
    "$promptgrid" table --json --workspace w "$recipe" >table.w 2>err.table
}
numbers_of() { # FILE: the means of all seeds, each with its row and column
    awk '/"row":/ {row = $0} /"column":/ {column = $0} /"mean":/ {mean = $2} /"n":/ {n = $2}
        /"wanted":/ && n == $2 {print row column mean}' "$1" | sort
}
look() { # CASE
    shown
    status=$?
    faults=$((faults + 1))
    [ $status -le 3 ] || fail "$1: exit status $status: $(cat err.table)"
    said=no
    while read -r line; do
        case $line in
        *Sanitizer* | *'runtime error:'* | *': BUG: '*) fail "$1: $(cat err.table)" ;;
        'promptgrid: error: '*) said=yes ;;
        esac
    done <err.table
    if [ $status -eq 0 ] && cmp -s whole.table table.w; then
        right=$((right + 1))
        return
    fi
    if [ $status -eq 0 ]; then
        # Runs may be missing, which n/N says; a number with all its seeds must be the golden one. Who
        # made it, which may be told in other words, is under no seal.
        numbers_of table.w >means.w
        [ -z "$(comm -23 means.w means.golden)" ] || fail "$1: other numbers: $(cat table.w)"
        if cmp -s means.w means.golden; then
            words=$((words + 1))
            return
        fi
    elif [ $said = no ]; then
        fail "$1: no word of what is wrong"
    fi
    refused=$((refused + 1))
    [ $((refused % 10)) = 0 ] && [ "$1" != "another's -wal" ] || return # which is a whole log of less
    "$promptgrid" check --workspace w >out.check 2>&1
    status=$?
    case $status in
    1 | 2 | 3) ;;
    *) fail "$1: the table is not the whole one, and 'check' ends with $status: $(cat out.check)" ;;
    esac
}
cp -r golden w
anew() {
    rm -f w/promptgrid.sqlite-*
    cp whole w/promptgrid.sqlite
}
each_byte() {
    size=$(stat -c %s whole)
    at=${FAULT_FROM:-0}
    while [ $at -lt "$size" ]; do
        damage flip whole w/promptgrid.sqlite $at
        look "byte $at flipped"
        damage cut whole w/promptgrid.sqlite $at
        look "cut at byte $at"
        at=$((at + step))
    done
}
cp golden/promptgrid.sqlite whole
shown || fail "$(cat err.table)"
mv table.w whole.table
numbers_of whole.table >means.golden
[ -s means.golden ] || fail "there are no numbers"
each_byte
page=0
while [ $((page * 4096)) -lt "$size" ]; do
    anew
    dd if=/dev/zero of=w/promptgrid.sqlite bs=4096 seek=$page count=1 conv=notrunc 2>/dev/null
    look "page $page of zeros"
    page=$((page + 1))
done
# Left by a kill, then without its "-wal", or with that of another grid.
fresh
PROMPTGRID_FAULT=promptgrid/write:150:kill faulty >/dev/null 2>&1
[ -s w/promptgrid.sqlite-wal ] || fail "there is no log to take away"
rm -rf killed
cp -r w killed
rm -f w/promptgrid.sqlite-wal w/promptgrid.sqlite-shm
status=137
: >err.fault
if "$promptgrid" check --workspace w >out 2>&1; then invariants "without its -wal" 137; fi
rm -rf w
cp -r golden w
cp killed/promptgrid.sqlite-wal w/
look "another's -wal"
echo "$faults damaged stores: $right read rightly, $words with other words, $refused refused or incomplete"
[ $right -gt 0 ] && [ $refused -gt 0 ] || fail "too few"
pass
