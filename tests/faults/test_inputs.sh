# F28, F30 to F32: weights, merges, splits, pictures, banks and checkpoints that are damaged, or change
# while a grid runs. Runs refuse what is not what they were planned with, with both hashes; what was
# damaged is never used; when it is put back the same command finishes the grid.
. "$SOURCE/tests/faults/lib.sh"
small_home
mkdir data model
cp -r "$SOURCE/recipes/pocket/data/pocket-land" data/
cp "$SOURCE/recipes/pocket/model.safetensors" "$SOURCE"/recipes/pocket/bpe_pocket.txt model/
tiny_recipe tiny.yaml 4
sed -i "s#backbone: .*#backbone: $scratch/model#; s/seed: .*/seed: [1, 2]/" tiny.yaml
golden tiny.yaml --jobs 1 --data data --checkpoint-every 0
faulty() {
    "$promptgrid" run --jobs 1 --data data --workspace w "$recipe"
}
again() {
    faulty
}

# ---- F30: while a grid runs ----

# changes FILE AFTER WHAT: the file changes once so many runs are done
changes() {
    fresh
    : >err.fault
    faulty >out.fault 2>err.fault &
    scheduler=$!
    wait_for 30 grep -q "^\[$2/" err.fault || fail "no run was done: $(cat err.fault)"
    cp "$1" whole
    printf '\n' >>"$1"
    wait $scheduler
    status=$?
    [ $status -eq 1 ] || fail "$1: exit status $status: $(cat err.fault)"
    was=$(sha256sum whole | cut -d' ' -f1)
    is=$(sha256sum "$1" | cut -d' ' -f1)
    grep -q "^promptgrid: error: .* failed: the $3 in '.*' changed since the run was planned: SHA-256 $is, expected $was; plan again$" \
        err.fault || fail "$1: not with both hashes: $(cat err.fault)"
    cp whole "$1"
    invariants "the $3 changes" 1
}
changes data/pocket-land/split_zhou_pocket-land.json 1 split
changes model/model.safetensors 1 weights
changes model/bpe_pocket.txt 2 merges

# ---- F28: weights that are cut or damaged: no run takes them ----

cp model/model.safetensors whole
size=$(stat -c %s whole)
header=$(od -A n -t u8 -N 8 whole | tr -d ' ')
for cut in 0 7 8 $((8 + header - 1)) $((8 + header)) $((size - 1)) $((size + 1)); do
    cp whole model/model.safetensors
    truncate -s "$cut" model/model.safetensors
    rm -rf w2
    "$promptgrid" run --jobs 1 --max-failures 1 --data data --workspace w2 "$recipe" >out 2>err
    status=$?
    [ $status -eq 1 ] || [ $status -eq 3 ] || fail "weights of $cut bytes: exit status $status: $(cat err)"
    grep -q "model/model.safetensors'" err || fail "weights of $cut bytes: the file is not named: $(cat err)"
    faults=$((faults + 1))
done
cp whole model/model.safetensors

# ---- F31: banks and their lists of pictures ----

cp -r golden banks
rm banks/prompts/*
sqlite3 banks/promptgrid.sqlite "DELETE FROM metric; DELETE FROM curve; DELETE FROM prediction;
    DELETE FROM artifact WHERE kind = 'prompt';
    DELETE FROM attempt WHERE run IN (SELECT id FROM run WHERE job = 'train')"
fresh() {
    rm -rf w
    cp -r "${from:-banks}" w
}
flip() { # FILE OFFSET
    byte=$(od -A n -t u1 -j "$2" -N 1 "$1" | tr -d ' ')
    # shellcheck disable=SC2059 # an octal escape
    printf "\\$(printf %o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
again() { # what check asks for, then the same command
    mv damaged w/banks &&
        "$promptgrid" repair --workspace w >out.repair 2>&1 && faulty
}
for damage in header data cut; do
    fresh
    for bank in w/banks/*.bank; do
        case $damage in
        header) flip "$bank" 200 ;;
        data) flip "$bank" $(($(stat -c %s "$bank") - 5)) ;;
        cut) truncate -s -8 "$bank" ;;
        esac
    done
    faulty >out.fault 2>err.fault
    status=$?
    [ $status -ne 0 ] || fail "a damaged bank was used ($damage)"
    rm -rf wreck.bank && mkdir wreck.bank && cp w/promptgrid.sqlite* wreck.bank/
    [ "$(sqlite3 wreck.bank/promptgrid.sqlite "SELECT count(*) FROM metric")" = 0 ] ||
        fail "a result of a damaged bank ($damage)"
    sqlite3 golden/promptgrid.sqlite "SELECT id FROM run WHERE job = 'encode'" >spoilt
    mv w/banks damaged # not to be taken for a bank that was left half-written
    invariants "a damaged bank: $damage" 1 3
done

echo nothing >spoilt

# ---- F32: checkpoints ----

again() {
    faulty
}
from=banks
fresh
(export PROMPTGRID_FAULT=promptgrid-runner/rename:7:kill &&
    "$promptgrid" run --jobs 1 --retries 0 --checkpoint-every 0 --data data --workspace w "$recipe") \
    >out.fault 2>err.fault
status=$?
newest=$(cd w && ls checkpoints/*.safetensors | head -1)
[ -e "w/$newest.previous" ] || fail "there are no two checkpoints: $(ls w/checkpoints)"
rm -rf cut
cp -r w cut
invariants "killed while it trained" 1
from='cut'
log_of() { # what was said of the checkpoint in the last attempt
    ls -t w/logs/"$(basename "$newest" .safetensors)".*.log | head -1
}
other=$(cd cut && ls checkpoints/*.safetensors | tail -1)
[ "$other" != "$newest" ] || fail "there is no other run's checkpoint"
size=$(stat -c %s "cut/$newest")
for damage in none cut empty flip foreign both gone; do
    fresh
    case $damage in
    cut) truncate -s $((size / 2)) "w/$newest" ;;
    empty) : >"w/$newest" ;;
    flip) flip "w/$newest" $((size - 100)) ;;
    foreign) cp "cut/$other" "w/$newest" ;;
    both)
        truncate -s $((size / 2)) "w/$newest"
        truncate -s -1 "w/$newest.previous"
        ;;
    gone) rm "w/$newest" ;;
    esac
    status=137 # the scheduler of the cut grid
    : >err.fault
    invariants "a checkpoint: $damage" 137
    case $damage in
    none | gone) want='going on after epoch' ;;
    both) want='training from the start' ;;
    *) want='the one before is whole' ;;
    esac
    grep -q "$want" "$(log_of)" || fail "$damage: no word of '$want': $(cat "$(log_of)")"
done
echo "$faults faults"
pass
