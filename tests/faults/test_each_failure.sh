# F08 to F12: every so many calls of the scheduler and of its runner fail, those of SQLite and libgit2
# among them; after each the invariants of lib.sh hold. FAULT_STEP=1 takes each call.
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
small_home
tiny_recipe tiny.yaml
golden tiny.yaml --jobs 1

each open EMFILE 5 promptgrid
each read EIO 31 promptgrid
each write ENOSPC 41 promptgrid
each write EDQUOT 101 promptgrid
each write EIO 83 promptgrid
each write short 83 promptgrid
each fsync EIO 11 promptgrid
each rename EIO 3 promptgrid
each unlink EACCES 5 promptgrid
each fork EAGAIN 3 promptgrid
each fork ENOMEM 4 promptgrid
each alloc ENOMEM 4001 promptgrid
each write EINTR 3 fake-runner
each read EIO 1 fake-runner
each fsync EIO 1 fake-runner
each open EMFILE 1 fake-runner
each alloc ENOMEM 149 fake-runner
echo "$faults failures"
[ $faults -gt 40 ] || fail "only $faults failures were met"
pass
