# Manual pages, the reference of recipes and completions follow from the tables of the program.
. "$SOURCE/tests/cli/lib.sh"
for name in promptgrid.1 promptgrid-recipe.5 recipe.md sources.md bash zsh fish; do
    expect_status 0 "$promptgrid" reference $name
    mv out $name
done
expect_status 2 "$promptgrid" reference basch
same err <<'END'
promptgrid: error: unknown reference 'basch', did you mean 'bash'?
END

for page in recipe.md sources.md; do
    cmp -s $page "$SOURCE/docs/$page" || {
        diff "$SOURCE/docs/$page" $page
        fail "docs/$page is out of date: promptgrid reference $page >docs/$page"
    }
done

# Every command that the help lists has its place in the manual, with each of its options.
expect_status 0 "$promptgrid" --help
sed -n 's/^  \([a-z]*\) .*/\1/p' out >commands
[ "$(wc -l <commands)" -gt 20 ] || fail "only $(wc -l <commands) commands are listed"
while read -r command; do
    grep -q "^\.SS \"promptgrid $command" promptgrid.1 || fail "no '$command' in promptgrid.1"
    expect_status 0 "$promptgrid" "$command" --help
    sed -n 's/^  \(--[a-z0-9-]*\).*/\1/p' out | sed 's/-/\\-/g' | while read -r option; do
        awk -v s=".SS \"promptgrid $command" -v o="$option" 'index($0, ".S") == 1 {
            here = index($0, s) == 1 } here && index($0, o) {found = 1} END {exit !found}' \
            promptgrid.1 || echo "$command $option"
    done >lacking
    [ -s lacking ] && fail "not in promptgrid.1: $(cat lacking)"
done <commands

if command -v groff >/dev/null; then
    for page in promptgrid.1 promptgrid-recipe.5; do
        groff -man -ww -Kutf8 -Tutf8 "$page" >text 2>warnings || fail "groff refuses $page"
        [ -s warnings ] && fail "$page: $(cat warnings)"
        [ "$(wc -l <text)" -gt 100 ] || fail "$page is short"
    done
fi

# The completions, each asked by its own shell. WORDS are completed at their end.
mkdir home here here/folder
mv bash zsh fish here
cd here || exit 1
touch a.yaml b.txt
bash_says() {
    bash --norc -c '. ./bash
        IFS=" " read -ra COMP_WORDS <<<"$1"
        [[ $1 == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _promptgrid
        printf "%s\n" "${COMPREPLY[@]}"' bash "$1"
}
fish_says() {
    HOME=$scratch/home fish --no-config -c 'source ./fish
        complete -C $argv[1]' "$1" | cut -f1 | sed 's,/$,,'
}
# zsh completes only at a prompt, so one is made in a pseudo-terminal; what it would show is told by
# the last of the functions that are called, compadd.
cp zsh _promptgrid
cat >prompt.zsh <<'END'
fpath=($PWD $fpath)
autoload -Uz compinit
compinit -u -D
compadd() {
    local -a found
    builtin compadd -O found "$@"
    print -rl -- $found >>said
    builtin compadd "$@"
}
PS1='ready> '
END
cat >ask.zsh <<'END'
zmodload zsh/zpty
zpty -b z zsh -f -i
zpty -w z 'source ./prompt.zsh'
seen=
while [[ $seen != *'ready> '* ]]; do zpty -rt z line && seen+=$line; sleep 0.05; done
zpty -n -w z "$1"$'\t'
for i in {1..60}; do sleep 0.05; zpty -rt z line; [[ -s said ]] && break; done
sleep 0.2
zpty -d z
END
zsh_says() {
    rm -f said
    TERM=dumb timeout 60 zsh -f ask.zsh "$1"
    grep . said | sort -u
}
says() {
    shell=$1
    command -v "$shell" >/dev/null || return 0
    "${shell}_says" "$2" | sort >got
    sort >want
    diff want got || fail "$shell completes '$2' so"
}
all_say() {
    cat >lines
    for shell in bash fish zsh; do
        says $shell "$1" <lines
    done
}
all_say 'promptgrid rep' <<'END'
repair
report
reproduce
END
all_say 'promptgrid run --jo' <<'END'
--jobs
--jobs-per-gpu
END
all_say 'promptgrid table --interval ' <<'END'
std
t
END
all_say 'promptgrid run --device cu' <<'END'
cuda
cuda:0,2
END
all_say 'promptgrid data ch' <<'END'
check
END
all_say 'promptgrid data check pocket-l' <<'END'
pocket-land
END
all_say 'promptgrid plot --out fol' <<'END'
folder
END
all_say 'promptgrid plan a.' <<'END'
a.yaml
END
says bash 'promptgrid run ' <<'END'
a.yaml
folder
END
says bash 'promptgrid table --interval = ' <<'END'
std
t
END
pass
