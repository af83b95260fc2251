# Two workspaces that shared the work become one, whichever takes in the other; `gc` removes the
# banks that no recipe needs and nothing else.
. "$SOURCE/tests/cli/lib.sh"
use_fake_runner
small_recipe small.yaml
sed 's/seed: \[1, 2\]/seed: [1, 2, 3]/; s/recipe: small/recipe: more/' small.yaml >more.yaml
results() { # WORKSPACE: what tables see
    "$promptgrid" table --json --workspace "$1" more.yaml | grep -Ev '"(store|command)":'
}

expect_status 0 "$promptgrid" run --workspace a small.yaml
expect_status 0 "$promptgrid" run --workspace b more.yaml
cp -r a ab
cp -r b ba
expect_status 0 "$promptgrid" merge --workspace ab b/promptgrid.sqlite
same out <<'END'
2 new runs, 2 new attempts, 10 results that both had, 0 conflicts
2 prompts were copied; 0 are not where they were made and are made when a run needs them
END
expect_status 0 "$promptgrid" merge --workspace ba a/promptgrid.sqlite
results ab >ab.json
results ba >ba.json
diff -u ab.json ba.json || fail "the order of merging matters"
if command -v sqlite3 >/dev/null; then
    for w in ab ba; do
        sqlite3 $w/promptgrid.sqlite "SELECT run, n, state, started, seal, git_commit FROM attempt a
            JOIN revision v ON v.id = a.revision ORDER BY run, n;
            SELECT * FROM metric ORDER BY 1, 2, 3, 4; PRAGMA foreign_key_check;" >$w.dump
    done
    diff -u ab.dump ba.dump || fail "the order of merging matters to the rows"
fi
cp ab/promptgrid.sqlite once
expect_status 0 "$promptgrid" merge --workspace ab b/promptgrid.sqlite
grep -q '^0 new runs, 0 new attempts, 12 results that both had, 0 conflicts' out || {
    cat out
    fail "merging twice is not merging once"
}
expect_status 0 "$promptgrid" run --workspace ab more.yaml
grep -q 'nothing to do: 12 runs are done' err || fail "a merged run ran again"

# What is wrong with the other store is said, and nothing is taken in.
expect_status 3 "$promptgrid" merge --workspace ab nowhere.sqlite
expect_status 2 "$promptgrid" merge --workspace ab ab/promptgrid.sqlite
expect_status 2 "$promptgrid" merge --workspace ab b
same err <<'END'
promptgrid: error: 'b' is a folder; name the 'promptgrid.sqlite' in it
END
foreign() { # FILE FOUND
    cp ab/promptgrid.sqlite before
    expect_status 3 "$promptgrid" merge --workspace ab "$1"
    same err <<END
promptgrid: error: '$1' is not a promptgrid store: it is $2; expected the 'promptgrid.sqlite' of a workspace; name another file or workspace
END
    cmp before ab/promptgrid.sqlite || fail "a refused merge changed the store"
}
foreign small.yaml 'no SQLite database'
if command -v sqlite3 >/dev/null; then
    sqlite3 theirs.sqlite 'CREATE TABLE theirs (x)'
    foreign theirs.sqlite 'the SQLite database of another program'
    run=$(sqlite3 b/promptgrid.sqlite "SELECT run FROM metric ORDER BY run LIMIT 1")
    sqlite3 b/promptgrid.sqlite "UPDATE metric SET value = 12.5 WHERE run = '$run'"
    expect_status 3 "$promptgrid" merge --workspace ab b/promptgrid.sqlite
    grep -q "does not hold: run $(echo "$run" | cut -c1-12): its results do not match" err ||
        fail "a broken seal was not named"

    # Sealed results that differ: both stay, and the exit status says so.
    seal=$(printf 'run\t%s\ntest\taccuracy\t12.5\n' "$run" | sha256sum | cut -c1-64)
    sqlite3 b/promptgrid.sqlite "UPDATE attempt SET seal = '$seal' WHERE run = '$run'"
    cp -r a ab2
    cp -r b ba2
    expect_status 1 "$promptgrid" merge --workspace ab2 b/promptgrid.sqlite
    grep -q '^conflict: pocket-' out || fail "the conflict was not reported"
    grep -q 'test accuracy 12.5000' out || fail "the other result was not shown"
    expect_status 1 "$promptgrid" merge --workspace ba2 a/promptgrid.sqlite
    results ab2 >ab.json
    results ba2 >ba.json
    diff -u ab.json ba.json || fail "the order of merging a conflict matters"
    [ "$(sqlite3 ab2/promptgrid.sqlite "SELECT count(*) FROM attempt WHERE run = '$run'")" = 2 ] ||
        fail "one of the two results is gone"
    sqlite3 b/promptgrid.sqlite "PRAGMA user_version = 99"
    expect_status 2 "$promptgrid" merge --workspace ab b/promptgrid.sqlite
    grep -q 'newer promptgrid' err || fail "the newer version was not named"
fi
[ -z "$(find ab -name '*merge*')" ] || fail "a copy was left behind"

# gc: of two datasets, a recipe that needs one.
sed 's/dataset: .*/dataset: pocket-land/' small.yaml >land.yaml
expect_status 0 "$promptgrid" gc --workspace ab
grep -q '^0 banks, 0.0 MB, would be removed; 4 are needed' out || fail "gc would remove what is needed"
expect_status 0 "$promptgrid" gc --workspace ab land.yaml
grep -q '^2 banks, .* would be removed; 2 are needed' out || fail "gc does not find two banks"
[ "$(ls ab/banks | wc -l)" = 4 ] || fail "gc removed without --yes"
expect_status 0 "$promptgrid" gc --workspace ab land.yaml --yes
[ "$(ls ab/banks | wc -l)" = 2 ] || fail "gc did not remove two banks"
expect_status 0 "$promptgrid" run --workspace ab more.yaml
grep -q 'nothing to do' err || fail "a removed bank alone made something run"
pass
