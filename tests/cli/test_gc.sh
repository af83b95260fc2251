# `gc` where there is nothing to remove from: it is said, and nothing is made.
. "$SOURCE/tests/cli/lib.sh"
small_recipe small.yaml

refused() { # OPERAND...
    expect_status 3 "$promptgrid" gc --workspace nothing "$@"
    [ ! -s out ] || fail "something was counted: $(cat out)"
    same err <<'END'
promptgrid: error: no results yet: 'nothing/promptgrid.sqlite' is not there
END
}
refused
refused --yes
refused small.yaml
refused small.yaml --yes
[ ! -e nothing ] || fail "gc made a workspace"

# A workspace without a store: nothing is made in it, and its banks stay.
mkdir -p nothing/banks
: >nothing/banks/some.bank
refused --yes
[ "$(find nothing -type f)" = nothing/banks/some.bank ] || fail "not as it was: $(find nothing)"
pass
