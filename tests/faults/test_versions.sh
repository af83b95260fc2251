# F21: stores of every older version are brought up to date in one step, after a copy, whenever it is
# killed or fails; two programs that do it at once, or one that is newer, do no harm.
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
small_home
tiny_recipe tiny.yaml
golden tiny.yaml --jobs 1
now=$(sqlite3 golden/promptgrid.sqlite "PRAGMA user_version")

# A workspace as a program of version $version would have left it.
make_old() {
    cp -r golden "old$version"
    rm "old$version"/promptgrid.sqlite*
    "$BUILD/tests/old-store" "$version" | sqlite3 "old$version/promptgrid.sqlite"
    echo "ATTACH 'golden/promptgrid.sqlite' AS new;" >copy.sql
    for table in revision machine run attempt metric curve prediction artifact; do
        columns=$(sqlite3 "old$version/promptgrid.sqlite" \
            "SELECT group_concat(name) FROM pragma_table_info('$table')")
        echo "INSERT INTO $table ($columns) SELECT $columns FROM new.$table;"
    done >>copy.sql
    sqlite3 "old$version/promptgrid.sqlite" <copy.sql || fail "no store of version $version"
}
fresh() {
    rm -rf w
    cp -r "old$version" w
}
version=1
while [ "$version" -lt "$now" ]; do
    make_old
    fresh
    # Looking leaves it as it is; the first writer brings it up to date and keeps a copy.
    expect_status 0 "$promptgrid" check --workspace w
    [ "$(sqlite3 $store "PRAGMA user_version")" = "$version" ] || fail "check changed a store of version $version"
    for call in write fsync rename open unlink; do
        each $call kill "$(on_asan 23 4)" promptgrid
    done
    each write ENOSPC "$(on_asan 59 29)" promptgrid
    each fsync EIO "$(on_asan 5 2)" promptgrid
    fresh
    expect_status 0 "$promptgrid" run --workspace w "$recipe"
    [ "$(sqlite3 "$store.v$version.bak" "PRAGMA user_version")" = "$version" ] ||
        fail "no copy of version $version"
    [ "$(sqlite3 $store "PRAGMA user_version")" = "$now" ] || fail "version $version stays"
    # Many at once.
    fresh
    for one in 1 2 3 4 5 6; do
        "$promptgrid" table --workspace w "$recipe" >"out.$one" 2>"err.$one" || echo "$one" >>failed &
    done
    wait
    [ -e failed ] && fail "version $version: $(cat err.[1-6])"
    status=0
    : >err.fault
    invariants "six programs at once, version $version"
    version=$((version + 1))
done
[ $faults -gt 20 ] || fail "only $faults faults"

# A newer one is refused and left alone.
rm -rf w
cp -r golden w
sqlite3 $store "PRAGMA user_version = 999"
sha256sum $store >before
expect_status 2 "$promptgrid" run --workspace w "$recipe"
grep -q "was written by a newer promptgrid (store version 999, this program knows $now); update the program" err ||
    fail "no word of the newer version: $(cat err)"
sha256sum -c --quiet before || fail "it was changed"
echo "$faults faults"
pass
