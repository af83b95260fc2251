# F23 to F25: workspaces in odd places: on a network file system, without locks, read-only, another
# user's, under odd names and links, too deep; and one that is moved or removed while a grid runs.
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
small_home
tiny_recipe tiny.yaml
golden tiny.yaml --jobs 1

# ---- F23: where hosts share files ----

fault=place:1+:NFS
on_nfs() {
    PROMPTGRID_FAULT=$fault "$promptgrid" run --jobs 1 --workspace w "$recipe"
}
strike "on NFS" on_nfs
grep -q "^promptgrid: warning: workspace 'w' is on NFS: its database is kept without a write-ahead log, and only this machine may write it; a local disk is faster and safer$" \
    err.fault || fail "no word of NFS: $(cat err.fault)"
on_nfs >out 2>err || fail "a second time: $(cat err)"
[ "$(sqlite3 $store "PRAGMA journal_mode")" = delete ] || fail "a WAL on NFS"
count_syncs() { # of a whole grid: durability must not be traded away there
    rm -rf w
    strace -f -qq -c -e trace=fsync,fdatasync -o syncs "$@" >/dev/null 2>&1 || return
    awk '$NF == "fsync" || $NF == "fdatasync" {n += $4} END {print n + 0}' syncs
}
# (LeakSanitizer cannot work under strace.)
if [ $asan = no ] && command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
    here=$(count_syncs "$promptgrid" run --jobs 1 --workspace w "$recipe")
    there=$(count_syncs env PROMPTGRID_FAULT=$fault "$promptgrid" run --jobs 1 --workspace w "$recipe")
    [ "$here" -gt 30 ] && [ "$there" -ge "$here" ] || fail "$there syncs on NFS, $here elsewhere"
fi
each_there() { # WHAT STEP: with a rollback journal, whose removal is the commit
    for call in write fsync unlink; do
        n=1
        while :; do
            fresh
            fault="place:1+:NFS,promptgrid/$call:$n:$1" on_nfs >out.fault 2>err.fault
            status=$?
            grep -q "^fault: $call " err.fault || break
            fault=place:1+:NFS
            invariants "on NFS, $call:$n:$1"
            n=$((n + $2))
        done
    done
}
each_there kill "$(on_asan 97 29)"

fresh
PROMPTGRID_FAULT=lock:1+:ENOLCK expect_status 3 "$promptgrid" run --workspace w "$recipe"
same err <<'END'
fault: lock 1: ENOLCK
promptgrid: error: cannot lock 'w/promptgrid.sqlite.lock': No locks available; put the workspace on a disk of this machine, or on a file system that has locks
END

# ---- F24: names, links, rights ----

long=$(printf '%0200d' 7)
line='new
line'
for name in 'with space' "$line" 'gänse-füßchen "quoted"' "it's" '-rf' '$(touch canary)' ';touch canary' \
    '%s%n' 'a?b#c%41' "$long"; do
    fresh
    rm -rf strange
    mkdir -p strange
    ln -s "strange/./$name" w
    "$promptgrid" run --jobs 1 --workspace "strange/$name" "$recipe" >out.fault 2>err.fault
    status=$?
    invariants "a workspace named '$name'" 0
    [ -e canary ] && fail "a name was run"
done
fresh
mkdir elsewhere
ln -s elsewhere link
ln -s elsewhere w
strike_link() {
    "$promptgrid" run --jobs 1 --workspace link "$recipe"
}
strike_link >out.fault 2>err.fault
status=$?
invariants "through a link" 0
fresh
expect_status 3 "$promptgrid" run --workspace "w/$long/$long/$long" "$recipe"
grep -Eq "^promptgrid: error: cannot open '.*': its whole path has [0-9]+ bytes, SQLite takes fewer than [0-9]+; choose a workspace with a shorter path$" \
    err || fail "not plain: $(cat err)"
too_deep=$scratch
while [ ${#too_deep} -lt 4200 ]; do
    too_deep=$too_deep/$long
done
expect_status 3 "$promptgrid" run --workspace "$too_deep" "$recipe"
grep -Eq "^promptgrid: error: unable to (create|list) folder '.*: File name too long$" err || fail "not plain: $(cut -c1-300 err)"
for mask in 077 000 022; do
    fresh
    (umask $mask && faulty) >out.fault 2>err.fault
    status=$?
    invariants "umask $mask" 0
    [ "$mask" != 077 ] || [ -z "$(find w -perm /077 ! -type l)" ] || fail "umask 077 was not kept"
done

# Read-only: what reads works, what writes says which path.
mkdir disk
if mount -t tmpfs -o size=64m promptgrid-test disk 2>/dev/null; then
    cp -r golden disk/w
    mount -o remount,ro disk
    for command in table status plan compare; do
        expect_status 0 "$promptgrid" $command --workspace disk/w "$recipe"
    done
    expect_status 0 "$promptgrid" check --workspace disk/w
    for command in run retry; do
        expect_status 3 "$promptgrid" $command --workspace disk/w "$recipe"
        grep -q "'disk/w/.*': Read-only file system$" err || fail "$command: no word of it: $(cat err)"
    done
    umount disk
fi

# Another user's: the same, without rights.
chmod 755 "$scratch"
if setpriv --reuid 65534 --regid 65534 --clear-groups test -x "$promptgrid" -a -r "$SOURCE/recipes" 2>/dev/null; then
    other() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
    chmod -R go+rX golden tree tiny.yaml
    expect_status 0 other "$promptgrid" table --workspace golden "$recipe"
    expect_status 3 other "$promptgrid" run --workspace golden "$recipe"
    same err <<'END'
promptgrid: error: cannot write 'golden/promptgrid.sqlite.lock': Permission denied
END
    mkdir -m 1777 shared
    fresh
    ln -s shared/mine w
    (umask 000 && "$promptgrid" run --jobs 1 --workspace shared/mine "$recipe") >out.fault 2>err.fault
    status=$?
    invariants "in a sticky folder" 0
fi

# ---- F25: moved, replaced, removed while a grid runs ----

gone() { # HOW: what happens to the workspace after the second run; then what ends the scheduler
    fresh
    rm -rf v
    : >err.fault
    FAKE_MS=300 "$promptgrid" run --jobs 2 --workspace w "$recipe" >out.fault 2>err.fault &
    scheduler=$!
    wait_for 10 grep -q '^\[2/6\]' err.fault || fail "$1: no run was done"
    $1
    wait_for 5 sh -c "! kill -0 $scheduler" || fail "$1: the scheduler goes on"
    wait $scheduler
    status=$?
    [ $status -eq 3 ] || fail "$1: exit status $status: $(cat err.fault)"
    tail -1 err.fault >last
    same last <<'END'
promptgrid: error: 'w/promptgrid.sqlite' was moved or removed while it was in use; repeat the command where it is now
END
}
removed() { mv w v && rm -rf v; } # at once: rm in w itself meets files that are being made
moved() { mv w v; }
replaced() { mv w v && mkdir w; }
taken() { mv w v && cp -r golden w && cp w/promptgrid.sqlite w/promptgrid.sqlite-wal; }
gone removed
[ ! -e w ] || fail "something was written where the workspace was: $(find w)"
gone moved
[ ! -e w ] || fail "something was written where the workspace was: $(find w)"
mv v w
invariants "moved" 3
gone replaced
[ -z "$(ls -A w)" ] || fail "something was written in another's folder: $(find w)"
rmdir w
mv v w
invariants "replaced" 3
gone taken
cp golden/promptgrid.sqlite golden/promptgrid.sqlite-wal
diff -r golden w || fail "another workspace of the same name was changed"
rm -rf w golden/promptgrid.sqlite-wal
mv v w
invariants "taken" 3
echo "$faults faults"
pass
