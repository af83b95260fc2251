# F46: repositories in every state: the grid runs, its revision says which it was, and nothing that a
# repository's configuration names is run.
. "$SOURCE/tests/faults/lib.sh"
command -v git >/dev/null || {
    echo "skipped: no git"
    passed=yes
    exit 77
}
use_fake_runner
small_home
tiny_recipe tiny.yaml
golden tiny.yaml --jobs 1
mv tree pristine
export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@t GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@t
head=$(git -C pristine rev-parse HEAD)

# state NAME COMMIT DIRTY NOTE: what a grid in the tree as it is now records; NOTE is part of how its
# program was built, "" when there is a revision
state() {
    rm -rf w canary
    "$promptgrid" run --jobs 1 --workspace w tiny.yaml >out.fault 2>err.fault
    status=$?
    [ $status -eq 0 ] || fail "$1: exit status $status: $(cat err.fault)"
    [ ! -e "$scratch/canary" ] || fail "$1: a program of the repository was run"
    sqlite3 $store "SELECT git_commit, dirty FROM revision" >revision
    [ "$(cat revision)" = "$2|$3" ] || fail "$1: recorded '$(cat revision)', expected '$2|$3'"
    sqlite3 $store "SELECT build FROM revision" >build
    if [ -n "$4" ]; then
        grep -q "; no git revision: .*$4" build || fail "$1: the note is '$(cat build)'"
        grep -q "^promptgrid: no git revision: " err.fault || fail "$1: nothing was said"
    else
        grep -q 'no git revision' build && fail "$1: the note is '$(cat build)'"
    fi
    faults=$((faults + 1))
}
again_from() {
    rm -rf tree
    cp -a pristine tree
}

again_from
state clean "$head" 0 ''
rm -rf w
env PATH=/nowhere "$promptgrid" run --jobs 1 --workspace w tiny.yaml >out.fault 2>err.fault ||
    fail "without a program git: $(cat err.fault)"
[ "$(sqlite3 $store "SELECT git_commit FROM revision")" = "$head" ] || fail "the program git is needed"
echo "int x;" >>tree/main.c
state "a changed file" "$head" 1 ''
git -C tree add main.c
state "a staged change" "$head" 1 ''
again_from
echo "int x;" >tree/new.c
state "a new source file" "$head" 1 ''
again_from
echo "note" >tree/notes.txt
state "a new file of another kind" "$head" 0 ''
again_from
git -C tree checkout -q --detach
state "detached" "$head" 0 ''
again_from
git -C tree rm -qr --cached main.c
state "a file that is no longer tracked" "$head" 1 ''

again_from
rm -rf tree/.git
state "no repository" '' 0 'could not find repository'
git init -q tree
state "without a commit" '' 0 "not found"
again_from
git -C tree worktree add -q --detach ../linked
mv tree main_tree
cp -a main_tree tree.moved
mv linked tree
git -C main_tree worktree repair "$scratch/tree" >/dev/null 2>&1
state "a linked worktree" "$head" 0 ''
rm -rf main_tree tree.moved
state "a worktree whose repository is gone" '' 0 'failed to resolve path'
again_from
git init -q inner
git -C inner commit -q --allow-empty -m inner
git -C tree -c protocol.file.allow=always submodule --quiet add "$scratch/inner" inner
git -C tree commit -q -m submodule
with=$(git -C tree rev-parse HEAD)
state "a submodule" "$with" 0 ''
git -C tree/inner commit -q --allow-empty -m moved
state "a submodule that moved on" "$with" 0 ''

# Damage.
for damage in 'HEAD' 'config' 'index' 'refs/heads/*' 'objects'; do
    again_from
    for file in tree/.git/$damage; do
        if [ -d "$file" ]; then rm -rf "${file:?}"/?? "${file:?}/pack"; else echo damage >"$file"; fi
    done
    rm -rf w
    "$promptgrid" run --jobs 1 --workspace w tiny.yaml >out.fault 2>err.fault
    status=$?
    [ $status -eq 0 ] || fail "damaged $damage: exit status $status: $(cat err.fault)"
    sqlite3 $store "SELECT git_commit <> '' OR build LIKE '%; no git revision: %' FROM revision" >told
    [ "$(cat told)" = 1 ] || fail "damaged $damage: nothing is said of it"
    faults=$((faults + 1))
done

# Another user's: git would refuse it, and so do we.
again_from
if chown -R 65534 tree 2>/dev/null; then
    state "another user's" '' 0 'the repository belongs to another user'
fi

# A configuration that names programs: a canary would be left.
again_from
printf '#!/bin/sh\ntouch "%s/canary"\ncat\n' "$scratch" >canary.sh
chmod +x canary.sh
for key in core.fsmonitor core.pager core.editor core.sshCommand diff.external diff.x.command \
    diff.x.textconv filter.x.clean filter.x.smudge filter.x.process pager.diff alias.diff \
    credential.helper gpg.program uploadpack.packObjectsHook; do
    git -C tree config $key "$scratch/canary.sh"
done
git -C tree config filter.x.required true
git -C tree config core.hooksPath "$scratch/hooks"
mkdir hooks
for hook in post-index-change pre-commit post-checkout fsmonitor-watchman; do
    cp canary.sh hooks/$hook
    cp canary.sh tree/.git/hooks/$hook
done
echo '* filter=x diff=x' >tree/.git/info/attributes
echo '*.c filter=x diff=x' >tree/.gitattributes
echo "int x;" >>tree/main.c
state "a hostile configuration" "$head" 1 ''
grep -q 'int x;' tree/main.c || fail "the file was changed"
sqlite3 $store "SELECT length(diff) > 0 FROM revision" >has
[ "$(cat has)" = 1 ] || fail "no text of the change"
echo "$faults states"
pass
