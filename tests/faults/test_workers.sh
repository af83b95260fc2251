# F03: kill -9 of one runner, and of all, in each of its phases: start, reading, steps, checkpoints,
# results, end. The real runner trains; what is resumed has the bits of an undisturbed run.
. "$SOURCE/tests/faults/lib.sh"
small_home
tiny_recipe tiny.yaml 3
sed -i 's/seed: .*/seed: [1, 2]/; /zero-shot/d' tiny.yaml
golden tiny.yaml --jobs 1 --checkpoint-every 0

# The banks are there: what is killed is training.
cp -r golden banks
rm banks/prompts/*
sqlite3 banks/promptgrid.sqlite "DELETE FROM metric; DELETE FROM curve; DELETE FROM prediction;
    DELETE FROM artifact WHERE kind = 'prompt';
    DELETE FROM attempt WHERE run IN (SELECT id FROM run WHERE job = 'train')"
fresh() {
    rm -rf w
    cp -r banks w
}
jobs=1
faulty() {
    "$promptgrid" run --jobs $jobs --retries 0 --checkpoint-every 0 --workspace w "$recipe"
}
resumed=0
again() {
    "$promptgrid" run --jobs $jobs --workspace w "$recipe" || return
    cat w/logs/*.log | grep -q 'going on after epoch' && resumed=$((resumed + 1))
    return 0
}
slow=$(on_asan 7 1)
each write kill $((2 * slow)) promptgrid-runner
each rename kill "$slow" promptgrid-runner
each unlink kill 1 promptgrid-runner
each read kill $((3 * slow)) promptgrid-runner
jobs=2 # both of them die
each fsync kill $((2 * slow)) promptgrid-runner
each open kill $((2 * slow)) promptgrid-runner
echo "$faults kills, $resumed went on from a checkpoint"
[ $faults -gt $((25 / slow)) ] && [ $resumed -gt $((8 / slow)) ] || fail "too few"
pass
