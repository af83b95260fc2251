# A bundle: complete, checked, the same bytes, and enough to run things again elsewhere.
. "$SOURCE/tests/cli/lib.sh"
use_fake_runner
export TMPDIR="$scratch"
small_recipe base.yaml
printf 'recipe: small\nextends: base.yaml\nfigure: [{name: shots, x: shots, y: accuracy}]\n' >small.yaml

expect_status 3 "$promptgrid" export small.yaml
same err <<'END2'
promptgrid: warning: figure 'shots' is left out: none of its runs is done
promptgrid: error: no results yet in 'SCRATCH/w'
END2
[ -e small.tar.zst ] && fail "nothing may be written"

# More is in the store than the recipe asks for.
sed 's/seed: \[1, 2\]/seed: [1, 2, 3]/' base.yaml >more.yaml
expect_status 0 "$promptgrid" run more.yaml
expect_status 0 "$promptgrid" export small.yaml
same out <<'END2'
small.tar.zst
END2
cp small.tar.zst first
expect_status 0 "$promptgrid" export -o small.tar.zst small.yaml
cmp small.tar.zst first || fail "the same results gave other bytes"
ls -d w/export-* 2>/dev/null && fail "a folder is left behind"

command -v zstd >/dev/null && {
    mkdir there
    tar --zstd -xf small.tar.zst -C there || fail "tar cannot read it"
    (cd there/promptgrid-small && sha256sum -c --quiet SHA256SUMS) || fail "the sums do not hold"
    ls there/promptgrid-small/recipe >names
    same names <<'END2'
base.yaml
small.yaml
END2
    expect_status 0 "$promptgrid" table --workspace there/promptgrid-small \
        there/promptgrid-small/recipe/small.yaml
    grep -q 'promptgrid.sqlite, 6 of 6 runs done' out || fail "not the results: $(cat out)"
    command -v sqlite3 >/dev/null &&
        [ "$(sqlite3 there/promptgrid-small/promptgrid.sqlite 'select count(*) from run')" != 10 ] &&
        fail "not the runs of the recipe"
}

# On a machine that has nothing but the bundle.
mv w elsewhere
expect_status 0 "$promptgrid" reproduce --sample 2 small.tar.zst
[ "$(grep -c 'same bits$' out)" = 6 ] || fail "not two runs reproduced: $(cat out)"
ls -d "$scratch"/promptgrid-?????? 2>/dev/null && fail "an unpacked bundle is left behind"

head -c 2000 small.tar.zst >cut.tar.zst
expect_status 2 "$promptgrid" reproduce cut.tar.zst
pass
