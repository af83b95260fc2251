# F48: kill -9 of who submits to a (fake) cluster, before every N-th call that leaves a trace. The same
# command then submits what is missing and `collect` reads what came of it; no run is given to the
# cluster twice, and nothing is left in the workspace but arrays that were collected.
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
small_home
tiny_recipe tiny.yaml
export PATH="$SOURCE/tests/fake/slurm:$PATH" FAKE_SLURM="$scratch/cluster"
export FAKE_LOG="$scratch/tasks"
golden tiny.yaml --jobs 1

at_rest() { # what was submitted has ended
    ! grep -qsz "$scratch/w" /proc/[0-9]*/cmdline
}
fresh() {
    wait_for 60 at_rest || fail "the cluster does not come to rest"
    rm -rf w cluster tasks
}
faulty() {
    "$promptgrid" run --executor slurm --submit-only --workspace w "$recipe"
}
again() {
    faulty && wait_for 60 at_rest && "$promptgrid" collect --workspace w || return
    {
        starts=$(cat w/journals/*.jsonl | grep -c '"task"')
        [ "$starts" = "$runs" ] || echo "$starts tasks were started for $runs runs"
        sed -n '/^on .* train/,$p' tasks | grep '^off .* encode' && echo "training did not wait for it"
        find w/slurm -name '*.json' -o -name '.?*'
        for file in w/slurm/*.sh w/slurm/*.id; do
            [ -e "${file%.*}.done" ] || echo "'$file' belongs to no array that was collected"
        done
    } >left.slurm
    cat left.slurm >&2
    [ ! -s left.slurm ]
}

kills=$(on_asan 31 7)
for call in write fsync unlink open; do
    each $call kill "$kills" promptgrid
done
export FAKE_MS=100 # the banks are not there yet when the next one submits what waits for them
each rename kill 1 promptgrid
each fork kill 1 promptgrid
echo "$faults kills"
[ $faults -gt $((150 / kills)) ] || fail "only $faults kills were met"
again >out 2>err || fail "the undisturbed one: $(cat err)"
same_figures

# A lost reply while the queue is silent: nothing goes in that would have to wait for it.
fresh
mkdir cluster && : >cluster/down
(export FAKE_SLURM_FAULT=reply-lost FAKE_MS=3000 && faulty) >out 2>err
[ $? = 3 ] || fail "a lost reply: $(cat err)"
faulty >out 2>>err
[ $? = 3 ] || fail "a lost reply and a silent queue: $(cat err)"
sed -i "s/'promptgrid-[0-9a-f]*'/TOKEN/" err
same err <<'END'
promptgrid: error: it is not known whether TOKEN was submitted: 'sbatch' exited with status 1; the same command finds out
promptgrid: error: nothing that waits for TOKEN can be submitted before the queue tells its number: 'squeue' exited with status 1: slurm_load_jobs error: Unable to contact slurm controller (connect failure); repeat the command later
END
rm cluster/down
again >out 2>err || fail "the queue answers again: $(cat err)"
pass
