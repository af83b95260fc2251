# F22: the database with every FAULT_STEP-th (1) byte flipped, cut at every such place, with pages of
# zeros, without its "-wal" or with another's: a table is the right one or refused, never another, and
# no program crashes.
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
small_home
tiny_recipe tiny.yaml
golden tiny.yaml --jobs 1
step=${FAULT_STEP:-1}
cp golden/promptgrid.sqlite whole
size=$(stat -c %s whole)
right=0 refused=0
look() { # CASE
    table_of w >table.w
    "$promptgrid" table --workspace w "$recipe" >out.table 2>err.table
    status=$?
    faults=$((faults + 1))
    [ $status -le 3 ] || fail "$1: exit status $status: $(cat err.table)"
    grep -qE 'Sanitizer|runtime error:|: BUG: ' err.table && fail "$1: $(cat err.table)"
    if [ $status -ne 0 ]; then
        grep -q '^promptgrid: error: ' err.table || fail "$1: no word of what is wrong"
        refused=$((refused + 1))
    elif cmp -s table.golden table.w; then
        right=$((right + 1))
    else
        # Runs may be missing, which n/N says; a number with all its seeds must be the golden one.
        for table in w golden; do
            awk '/"mean":/ {mean = $2} /"n":/ {n = $2} /"wanted":/ && n == $2 {print mean}' table.$table |
                sort >means.$table
        done
        [ -z "$(comm -23 means.w means.golden)" ] || fail "$1: other numbers: $(cat table.w)"
        refused=$((refused + 1))
    fi
}
rm -rf w
cp -r golden w
anew() {
    rm -f w/promptgrid.sqlite-*
    cp whole w/promptgrid.sqlite
}
at=0
while [ $at -lt "$size" ]; do
    anew
    byte=$(od -A n -t u1 -j $at -N 1 whole | tr -d ' ')
    # shellcheck disable=SC2059 # an octal escape
    printf "\\$(printf %o $((byte ^ (1 << at % 8))))" | dd of=w/promptgrid.sqlite bs=1 seek=$at conv=notrunc 2>/dev/null
    look "byte $at flipped"
    anew
    truncate -s $at w/promptgrid.sqlite
    look "cut at byte $at"
    at=$((at + step))
done
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
echo "$faults damaged stores: $right read rightly, $refused refused or incomplete"
[ $right -gt 0 ] && [ $refused -gt 0 ] || fail "too few"
pass
