# F01: kill -9 of the scheduler, or of a runner, before every N-th call that leaves a trace; after each
# the invariants of lib.sh hold. SQLite's own calls are among them.
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
small_home
tiny_recipe tiny.yaml
golden tiny.yaml --jobs 1

kills=$(on_asan 17 1) # with ASan it is slow, and dies the same
for call in write fsync rename unlink open fork; do
    each $call kill "$kills" promptgrid
done
for call in write fsync rename open; do
    each $call kill 1 fake-runner
done
echo "$faults kills"
[ $faults -gt $((200 / kills)) ] || fail "only $faults kills were met"
same_figures
pass
