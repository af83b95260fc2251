# probe: N tests base and new classes after every N-th epoch. The curve holds what it finds, and
# training comes to the same numbers as without it.
. "$SOURCE/tests/cli/lib.sh"
recipe() {
    cat <<END
recipe: probe
protocol: base-to-new
backbone: pocket
dataset: pocket-land
views: none
shots: 4
seed: 1
epochs: 7
method:
  - coop: {context: "", length: 4, probe: $1}
  - rlp: {rank: 2, lr: 0.05, probe: $1}
END
}
recipe 0 >plain.yaml
recipe 3 >probed.yaml
expect_status 0 "$promptgrid" run --workspace plain plain.yaml
expect_status 0 "$promptgrid" run --workspace probed probed.yaml
command -v sqlite3 >/dev/null || pass
# rows FOLDER: what must not depend on probing
rows() {
    sqlite3 "$1/promptgrid.sqlite" "SELECT u.method, c.epoch, c.loss, c.accuracy, c.singular,
        c.energy_change FROM curve c JOIN runs u ON u.run = c.run ORDER BY 1, 2;
        SELECT method, split, name, value FROM results ORDER BY 1, 2, 3"
}
rows plain >plain.txt
rows probed >probed.txt
cmp plain.txt probed.txt || fail "probing changes training"
sqlite3 probed/promptgrid.sqlite "SELECT u.method, c.epoch, c.base > 0, c.new > 0, c.test
    FROM curve c JOIN runs u ON u.run = c.run WHERE c.base IS NOT NULL OR c.new IS NOT NULL
    ORDER BY 1, 2" >out
same out <<'END'
coop|2|1|1|
coop|5|1|1|
rlp|2|1|1|
rlp|5|1|1|
END

# Probed after its last epoch, a run has found its own results.
sed 's/probe: 3/probe: 7/' probed.yaml >last.yaml
expect_status 0 "$promptgrid" run --workspace probed last.yaml
sqlite3 probed/promptgrid.sqlite "SELECT count(*) FROM curve c
    JOIN metric b ON b.run = c.run AND b.split = 'base' AND b.name = 'accuracy'
    JOIN metric n ON n.run = c.run AND n.split = 'new' AND n.name = 'accuracy'
    WHERE c.epoch = 6 AND c.base = b.value AND c.new = n.value" >out
[ "$(cat out)" = 2 ] || fail "the last probe is not the result"
run=$(sqlite3 probed/promptgrid.sqlite "SELECT run FROM runs WHERE method = 'rlp' LIMIT 1")
expect_status 0 "$promptgrid" show --workspace probed "$run"
grep -q '^  probed: new  *[0-9.]* -> [0-9.]*$' out || fail "no word of the probes"
pass
