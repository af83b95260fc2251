# F12: every FAULT_STEP-th (1) allocation fails, once, and from there on; of the scheduler and of a
# runner, with SQLite's and libgit2's: the invariants hold.
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
tiny_home
tiny_recipe tiny.yaml
serve
golden tiny.yaml --jobs 1
seen=yes
for onwards in '' +; do
    each alloc ENOMEM 1 promptgrid
    each alloc ENOMEM 1 fake-runner
done
echo "$faults failures, $(ls seen | wc -l) sorts of wreck"
[ $faults -gt 5 ] || fail "too few"
pass
