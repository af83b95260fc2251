# Helpers of the command-line tests. Each script runs in a scratch folder of its own, which is kept
# when the script fails. BUILD is the build folder, SOURCE the root of the tree.
set -u
: "${BUILD:?the build folder}" "${SOURCE:?the root of the tree}"
scratch=$(mktemp -d "${TMPDIR:-/tmp}/promptgrid-cli-XXXXXX")
cd "$scratch" || exit 1
unset PROMPTGRID_DATA PROMPTGRID_HOME PROMPTGRID_RUNNER FAKE_MODE FAKE_MS FAKE_LOG
export PROMPTGRID_HOME="$SOURCE" PROMPTGRID_WORKSPACE="$scratch/w" LC_ALL=C
promptgrid=$BUILD/promptgrid
passed=no

at_exit() {
    umount "$scratch/disk" 2>/dev/null
    if [ $passed = yes ]; then
        rm -rf "$scratch"
    else
        echo "kept: $scratch"
    fi
}
trap at_exit EXIT

fail() {
    echo "FAILED: $*"
    exit 1
}

pass() {
    passed=yes
    exit 0
}

# expect_status STATUS COMMAND...: stdout in the file out, stderr in err
expect_status() {
    want=$1
    shift
    "$@" >out 2>err
    got=$?
    if [ $got -ne "$want" ]; then
        cat out err
        fail "'$*' exited with status $got, expected $want"
    fi
}

# What changes from run to run made plain: the scratch folder, run ids, durations.
plain() {
    sed -E "s#$scratch#SCRATCH#g; s#$BUILD#BUILD#g; s/[0-9a-f]{64}/RUN/g;
        s/\(([0-9.]+ s|[0-9:]+)\)/(TIME)/; s/done in ([0-9.]+ s|[0-9:]+);/done in TIME;/" "$1"
}

# same FILE: its plain text equals what stands on stdin
same() {
    cat >want
    plain "$1" >got
    diff -u want got || fail "'$1' is not as expected"
}

# sorted_same FILE: as same, with the lines of both sorted (runs end in any order)
sorted_same() {
    sort >want
    plain "$1" | sort >got
    diff -u want got || fail "'$1' is not as expected"
}

use_fake_runner() {
    export PROMPTGRID_RUNNER="$BUILD/tests/fake-runner"
}

# wait_for SECONDS COMMAND...: until it succeeds
wait_for() {
    tries=$(($1 * 20))
    shift
    while [ $tries -gt 0 ]; do
        "$@" >/dev/null 2>&1 && return 0
        tries=$((tries - 1))
        sleep 0.05
    done
    return 1
}

# small_recipe FILE: two datasets, zero-shot and CoOp with two seeds: 4 banks and 6 runs
small_recipe() {
    cat >"$1" <<'END'
recipe: small
protocol: few-shot
backbone: pocket
dataset: [pocket-land, pocket-shapes]
views: none
shots: 2
seed: [1, 2]
method:
  - zero-shot
  - coop: {epochs: 2}
table: [{name: main, rows: method, columns: dataset, metrics: [accuracy]}]
END
}
