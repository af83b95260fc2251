# Every recipe that is shipped: the full ones plan without data and say what is missing; their small
# twins run, here with one epoch, one seed and one dataset.
. "$SOURCE/tests/cli/lib.sh"
for recipe in "$SOURCE"/recipes/*.yaml; do
    name=$(basename "$recipe" .yaml)
    if grep -q '^dataset: pocket' "$recipe"; then
        expect_status 0 "$promptgrid" plan "$recipe"
        continue
    fi
    expect_status 3 "$promptgrid" plan "$recipe"
    grep -q '^backbone: pocket' "$recipe" || grep -q "backbone '.*' was not found" err ||
        fail "$name: no word of the missing backbone"
    grep -q "dataset '.*' was not found" err || fail "$name: no word of the missing datasets"
    grep -Eq '^[0-9]+ runs: 0 done, 0 to do .*, [0-9]+ blocked$' out || fail "$name: no plan"
    [ -f "$SOURCE/recipes/pocket/$name.yaml" ] || [ "$name" = caltech ] ||
        fail "$name has no small twin"
done

# quickly FILE: one epoch, one seed, few images, one dataset (two when it is trained on another)
quickly() {
    sed -E 's/epochs: [0-9]+/epochs: 1/g; s/^seed: .*/seed: 1/; s/^shots: 16/shots: 2/
        s/^shots: \[.*/shots: [1, 2]/; s/shots: 16\}/shots: 2}/; s/probe: [0-9]+/probe: 1/
        s/^dataset: \[.*/dataset: [pocket-shapes, pocket-textures]/
        /^source:/,/^shots/s/pocket5/[pocket-shapes, pocket-textures]/; s/pocket5/pocket-land/
        s/^(lr|weight-decay): \[([^,]*), ([^,]*),.*/\1: [\2, \3]/' "$1"
}
for twin in "$SOURCE"/recipes/pocket/*.yaml; do
    name=$(basename "$twin" .yaml)
    expect_status 0 "$promptgrid" plan "$twin"
    grep -q ', 0 blocked' out || fail "$name: something is blocked"
    [ -f "$SOURCE/recipes/$name.yaml" ] || fail "$name is no twin of a recipe"
    quickly "$twin" >"$name.yaml"
done
for recipe in *.yaml; do
    expect_status 0 "$promptgrid" run "$recipe"
    expect_status 0 "$promptgrid" table "$recipe"
    if grep -q '0/[0-9]' out; then
        cat out
        fail "$recipe: the table has holes"
    fi
done

# A method whose epochs depend on the dataset stays one row.
sed 's/epochs: 200/epochs: 2/; s/epochs: 50/epochs: 1/; s/^seed: .*/seed: 1/; s/^shots: .*/shots: 2/' \
    "$SOURCE/recipes/pocket/coop-base-to-new.yaml" >row.yaml
expect_status 0 "$promptgrid" run row.yaml
expect_status 0 "$promptgrid" table row.yaml
[ "$(grep -c '^CoOp  ' out)" = "$(grep -c '^zero-shot CLIP  ' out)" ] || fail "CoOp has several rows"
pass
