# Installed below a prefix, and from its Debian package, the program finds what it needs.
. "$SOURCE/tests/cli/lib.sh"
unset PROMPTGRID_HOME PROMPTGRID_WORKSPACE
[ -f "$BUILD/promptgrid" ] && [ -f "$BUILD/reference/zsh" ] || exit 77 # with a sanitizer

# works ROOT: the program there runs a small part of its quick recipe
works() {
    program=$1/bin/promptgrid share=$1/share
    [ "$("$program" --version)" = "$("$promptgrid" --version)" ] || fail "another version in $1"
    sed -E 's/^seed: .*/seed: 1/; s/^epochs: .*/epochs: 1/; s/shots: 16/shots: 2/
        s/^dataset: .*/dataset: [pocket-land, pocket-shapes]/; s/\[1, 4, 16\]/[1, 2]/' \
        "$share/promptgrid/recipes/quick.yaml" >small.yaml
    expect_status 0 "$program" run --workspace "$2" small.yaml
    expect_status 0 "$program" table --workspace "$2" --against published small.yaml
    grep -q '^RLP, rank 4 ' out || fail "no table: $(cat out)"
    for prompt in "$2"/prompts/*; do
        run=$(basename "$prompt" .safetensors)
    done
    expect_status 0 "$program" show --workspace "$2" --json "$run"
    # It stands in no repository: the commit on record is the one that it was built from.
    commit=$(sed -n 's/.*version_commit\[\] = "\(.*\)";/\1/p' "$BUILD/version.c")
    [ -z "$commit" ] || grep -q "\"commit\": \"$commit\"" out || fail "not built from $commit: $(cat out)"
    for page in man1/promptgrid.1 man5/promptgrid-recipe.5; do
        [ -s "$share/man/$page" ] || fail "no $page"
    done
    for file in bash-completion/completions/promptgrid fish/vendor_completions.d/promptgrid.fish \
        doc/promptgrid/copyright doc/promptgrid/README.md doc/promptgrid/docs/manual.md; do
        [ -s "$share/$file" ] || fail "no $file"
    done
}

cmake --install "$BUILD" --prefix "$scratch/prefix" >log 2>&1 || fail "not installed: $(cat log)"
works prefix one
[ -s prefix/share/zsh/site-functions/_promptgrid ] || fail "no completion of zsh"
ln -s prefix/bin/promptgrid link # a link to it will do
expect_status 0 ./link plan small.yaml

command -v dpkg-shlibdeps >/dev/null && command -v cpack >/dev/null || pass
cpack --config "$BUILD/CPackConfig.cmake" -B "$scratch/pack" >log 2>&1 || fail "$(cat log)"
dpkg-deb -x pack/promptgrid_*.deb root || fail "no package"
works root/usr two
[ -s root/usr/share/zsh/vendor-completions/_promptgrid ] || fail "no completion of zsh"
dpkg-deb -f pack/promptgrid_*.deb Depends >depends
for library in libfyaml libsqlite3 libdnnl libgit2 libjansson libc6; do
    grep -q "$library" depends || fail "'$library' is not among what it depends on: $(cat depends)"
done
dpkg-deb -c pack/promptgrid_*.deb >files
grep -v ' root/root .* \./\(usr/\|$\)' files >odd && fail "outside usr or not root's: $(cat odd)"
pass
