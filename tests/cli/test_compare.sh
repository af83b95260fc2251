# Two methods against each other, from the predictions that a real grid left.
. "$SOURCE/tests/cli/lib.sh"
small_recipe small.yaml

expect_status 3 "$promptgrid" compare small.yaml coop zero-shot
same err <<'END'
promptgrid: error: there are no results yet: promptgrid run small.yaml
END
expect_status 0 "$promptgrid" run small.yaml
expect_status 0 "$promptgrid" compare small.yaml coop zero-shot
sed -E 's/ +[0-9]+ +[0-9]+ +[0-9]\.[0-9]+ +[0-9]\.[0-9]+$/ COUNTS/; s/-?[0-9]+\.[0-9]+/NUMBER/g' out |
    head -9 >counts
same counts <<'END'
CoOp against zero-shot CLIP: main

Test images that only one of them gets right (McNemar)

                         seeds  images  only CoOp  only zero-shot CLIP       p    Holm
pocket-land    accuracy      2     240 COUNTS
pocket-shapes  accuracy      2     320 COUNTS

With several seeds an image counts for the method that is right on it in more of the
END
expect_status 0 "$promptgrid" compare --recipe small.yaml --json coop zero-shot --where dataset=pocket-land
tr -d ' \n' <out >json
grep -q '^{"a":"CoOp","b":"zero-shotCLIP","images":\[{"column":"pocket-land","metric":"accuracy","seeds":2,"images":240,' json ||
    fail "not the JSON that was expected: $(cat json)"
expect_status 0 "$promptgrid" compare small.yaml
grep -q '^accuracy: average rank over 2 datasets, 1 is best$' out || fail "no ranks: $(cat out)"
expect_status 2 "$promptgrid" compare small.yaml coop
expect_status 2 "$promptgrid" compare small.yaml coop nobody
same err <<'END'
promptgrid: error: table 'main' has no row 'nobody'; its rows are 'zero-shot CLIP', 'CoOp'
END
pass
