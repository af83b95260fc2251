# A new recipe runs as it is.
. "$SOURCE/tests/cli/lib.sh"
expect_status 0 "$promptgrid" init 'my study'
same out <<'END'
my study/recipe.yaml
END
same err <<'END'
promptgrid: next: promptgrid run 'my study/recipe.yaml'
END
expect_status 2 "$promptgrid" init 'my study'
same err <<'END'
promptgrid: error: 'my study/recipe.yaml' is there already; name another folder
END
expect_status 2 "$promptgrid" init
expect_status 0 "$promptgrid" run 'my study/recipe.yaml'
expect_status 0 "$promptgrid" status --json 'my study/recipe.yaml'
grep -q '"done": 30' out || fail "not all was done: $(cat out)"
expect_status 0 "$promptgrid" table 'my study/recipe.yaml'
head -1 out >line
same line <<'END'
Base-to-new with 16 shots
END
[ "$(grep -c '±' out)" = 4 ] || fail "not every method has its numbers: $(cat out)"
pass
