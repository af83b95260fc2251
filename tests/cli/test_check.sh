# `check` finds each kind of damage, names the next command and changes nothing; `repair` keeps what
# verifies, and `run` makes the rest again.
. "$SOURCE/tests/cli/lib.sh"
small_recipe small.yaml
db=w/promptgrid.sqlite
# sql STATEMENT: by another program; needs sqlite3 only for the damage, so the rest is skipped without
command -v sqlite3 >/dev/null || {
    echo "skipped: no sqlite3"
    exit 77
}
tree() { # every file of the workspace but SQLite's own, with its hash
    find w -type f ! -name '*.sqlite-shm' ! -name '*.sqlite-wal' ! -name '*.lock' -exec sha256sum {} + | sort
}

expect_status 3 "$promptgrid" check
expect_status 0 "$promptgrid" run small.yaml
tree >before
expect_status 0 "$promptgrid" check
same out <<'END'
10 runs, 10 results, 4 banks, 4 prompts, 0 checkpoints, 10 job files hold
END
expect_status 0 "$promptgrid" check small.yaml --data
same out <<'END'
10 runs, 10 results, 4 banks, 4 prompts, 0 checkpoints, 10 job files, 4 files of data, 4 lists of images hold
END
expect_status 0 "$promptgrid" repair
same out <<'END'
nothing to repair
END
"$promptgrid" table --json small.yaml | grep -Ev '"(store|command)":' >whole.json
tree >after
diff before after || fail "check and repair changed a workspace that holds"

# Columns that repeat the spec. No table reads them; `repair` writes them again and loses nothing.
run=$(sqlite3 $db "SELECT id FROM run WHERE method = 'coop' AND seed = 2 AND dataset = 'pocket-land'")
bank=$(sqlite3 $db "SELECT id FROM run WHERE part = 'test' AND dataset = 'pocket-land'")
sqlite3 $db .dump >whole.sql
sqlite3 $db "UPDATE run SET shots = 16, method = 'rlp' WHERE id = '$run';
    UPDATE run SET job = 'train', protocol = 'few' || char(27) WHERE id = '$bank'"
named() { # FILE: ids as RUN and BANK
    sed "s/$run/RUN/; s/$bank/BANK/; s/$(echo "$run" | cut -c-12)/RUN/; s/$(echo "$bank" | cut -c-12)/BANK/" "$1" >named
}
"$promptgrid" table --json small.yaml | grep -Ev '"(store|command)":' >wrong.json
diff -u whole.json wrong.json || fail "a table believes the columns"
tree >before
expect_status 1 "$promptgrid" check
named out
sorted_same named <<'END'
column of run RUN: 'method' is 'rlp', its spec says 'coop'
column of run RUN: 'shots' is 16, its spec says 2
column of run BANK: 'job' is 'train', its spec says 'encode'
column of run BANK: 'protocol' is 'few\x1b', its spec says NULL
  next: 'promptgrid repair' writes it again from the spec
8 runs, 10 results, 4 banks, 4 prompts, 0 checkpoints, 10 job files were looked at or hold
4 things do not hold
END
expect_status 1 "$promptgrid" check --json small.yaml
named out
grep -B 2 -A 1 "'method' is" named >finding.json
same finding.json <<'END'
      "kind": "column",
      "run": "RUN",
      "text": "'method' is 'rlp', its spec says 'coop'",
      "next": "'promptgrid repair' writes it again from the spec"
END
tree >after
diff before after || fail "check changed something"
mkdir other
sqlite3 $db ".backup other/promptgrid.sqlite"
expect_status 3 "$promptgrid" merge other/promptgrid.sqlite --workspace w2
grep -q "^promptgrid: error: 'other/promptgrid.sqlite' does not hold: run .*, its spec says .*; 'promptgrid check' tells all" err ||
    fail "a store whose columns are wrong was merged: $(cat err)"
expect_status 0 "$promptgrid" repair
named out
sorted_same named <<'END'
column of run RUN: 'method' is 'rlp', its spec says 'coop'; it was written again
column of run RUN: 'shots' is 16, its spec says 2; it was written again
column of run BANK: 'job' is 'train', its spec says 'encode'; it was written again
column of run BANK: 'protocol' is 'few\x1b', its spec says NULL; it was written again
the store as it was is 'SCRATCH/w/promptgrid.sqlite.before-repair'
nothing was lost
END
sqlite3 $db .dump >again.sql
diff whole.sql again.sql || fail "the store is not what it was"
rm -r $db.before-repair other w2
expect_status 0 "$promptgrid" check

# A row that belongs to nothing.
sqlite3 $db "INSERT INTO metric VALUES ('x', 1, 'test', 'accuracy', 1)"
expect_status 0 "$promptgrid" repair
same out <<'END'
rows: a row of 'metric' belongs to nothing; removed
rows of run x: it has rows in 'metric' of an attempt that is not done; removed
the store as it was is 'SCRATCH/w/promptgrid.sqlite.before-repair'
'promptgrid run RECIPE' makes again what was lost
END
rm $db.before-repair

# One of each: an edited metric, a cut bank, a damaged prompt, job file and checkpoint.
edited=$(sqlite3 $db "SELECT run FROM metric ORDER BY run LIMIT 1")
sqlite3 $db "UPDATE metric SET value = value + 1 WHERE run = '$edited'"
bank=$(ls w/banks/*.bank | head -1)
head -c 5000 "$bank" >shorter && cp shorter "$bank"
prompt=$(find w/prompts -name '*.safetensors' ! -name "$edited*" | sort | head -1)
printf x >>"$prompt"
job=$(ls w/jobs/*.json | head -1)
printf '{' >"$job"
echo "no checkpoint" >w/checkpoints/"$edited".safetensors
tree >before
expect_status 1 "$promptgrid" check
tree >after
diff before after || fail "check changed something"
sed -E 's/ (of run [0-9a-f]{12})/ of run SHORT/; s/[0-9a-f]{64}/RUN/g; s/header .*/header .../' out >kinds
for kind in 'seal of run SHORT: its results do not match their seal' 'bank of run SHORT: ' \
    'prompt of run SHORT' 'checkpoint of run SHORT' 'job of run SHORT' '5 things do not hold' \
    "next: 'promptgrid repair'"; do
    grep -q "$kind" kinds || {
        cat out
        fail "no line '$kind'"
    }
done
expect_status 1 "$promptgrid" check --json
[ "$(grep -c '"next":' out)" = 5 ] || fail "JSON has not five findings"

expect_status 0 "$promptgrid" repair
[ -f $db.before-repair ] || fail "no copy of the store"
[ "$(ls w/damaged | wc -l)" = 4 ] || fail "four files were to be set aside"
expect_status 0 "$promptgrid" check
expect_status 0 "$promptgrid" run small.yaml
expect_status 0 "$promptgrid" check
"$promptgrid" table --json small.yaml | grep -Ev '"(store|command)":' >again.json
diff -u whole.json again.json || fail "the table differs after repair and run"

# A database whose pages are damaged is rebuilt from the rows that can be read.
size=$(stat -c %s $db)
dd if=/dev/urandom of=$db bs=4096 seek=$((size / 4096 / 2)) count=2 conv=notrunc 2>/dev/null
expect_status 1 "$promptgrid" check
grep -q '^store: the database is damaged' out || {
    cat out
    fail "no finding about the database"
}
expect_status 0 "$promptgrid" repair
grep -q '^the store was rebuilt' out || fail "not rebuilt"
[ -f $db.damaged ] || fail "the damaged store is gone"
expect_status 0 "$promptgrid" check
expect_status 0 "$promptgrid" run small.yaml
"$promptgrid" table --json small.yaml | grep -Ev '"(store|command)":' >again.json
diff -u whole.json again.json || fail "the table differs after the store was rebuilt"

# Data that is not what the runs were made with.
cp -r "$SOURCE/recipes/pocket/data" data
sed -i '1s/^/ /' data/pocket-land/split_zhou_*.json
cp -r w w2
for job in w2/jobs/*.json; do
    sed -i 's#"dataset": ".*/pocket-land"#"dataset": "'"$scratch"'/data/pocket-land"#' "$job"
done
expect_status 1 "$promptgrid" check --workspace w2 --data
grep -q "^split '$scratch/data/pocket-land': 'pocket-land', of 5 runs: its SHA-256 is" out || {
    cat out
    fail "the changed split was not found"
}
pass
