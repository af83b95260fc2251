# The version comes from git's tag when there is one; a tarball knows its commit; a plain copy the
# release alone.
. "$SOURCE/tests/cli/lib.sh"
command -v git >/dev/null && command -v cmake >/dev/null || exit 77
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
mkdir tree
cd tree || exit 1
cp "$SOURCE/scripts/lib/version.cmake" .
echo 'version.cmake export-subst' >.gitattributes
commit() {
    git add . && git -c user.name=t -c user.email=t@t commit -qm "$1"
}

# version_in FOLDER: "version, commit, dirty", a commit's digits as COMMIT
version_in() {
    cmake -DSOURCE="$scratch/$1" -DRELEASE=0.7.0 -DOUT="$scratch/version.c" \
        -P "$scratch/$1/version.cmake" || fail "no version in $1"
    sed -n 's/.*version_[a-z]*\(\[\]\)* = "*\([^";]*\)"*;/\2/p' "$scratch/version.c" |
        sed -E 's/\bg[0-9a-f]{10}$/gSHORT/; s/\.g[0-9a-f]{7,}$/.gSHORT/; s/^[0-9a-f]{40}$/COMMIT/' |
        paste -sd,
}
{
    version_in tree
    git init -q
    commit one
    version_in tree
    git -c user.name=t -c user.email=t@t tag -am first v1.2.0
    version_in tree
    echo >>.gitattributes
    version_in tree
    commit two
    version_in tree
    git tag other # of no version
    version_in tree
    mkdir ../tarball
    git archive HEAD | tar -x -C ../tarball
    version_in tarball
    mkdir inside # somebody else's repository
    cp version.cmake inside
    version_in tree/inside
} >../said
cd ..
same said <<'END'
0.7.0,,false
0.7.0+gSHORT,COMMIT,false
1.2.0,COMMIT,false
1.2.0,COMMIT,true
1.2.0+1.gSHORT,COMMIT,false
1.2.0+1.gSHORT,COMMIT,false
1.2.0+1.gSHORT,COMMIT,false
0.7.0,,false
END

# What has not changed is not written again, so nothing is compiled again.
touch -d 2001-01-01 version.c
version_in tree/inside >said
[ "$(stat -c %Y version.c)" -lt 1000000000 ] || fail "written again"
pass
