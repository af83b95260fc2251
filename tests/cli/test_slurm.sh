# A grid in the queue of a (fake) cluster: the same table as on this machine, also when replies are
# lost, arrays are submitted twice, tasks are killed, requeued or cancelled, or the queue is silent.
. "$SOURCE/tests/cli/lib.sh"
small_recipe small.yaml
cat >>small.yaml <<'END'
slurm: {partition: cpu, time: "1:00:00", poll: 1, extra: [--exclusive]}
END
export PATH="$SOURCE/tests/fake/slurm:$PATH"
table() { # WORKSPACE
    "$promptgrid" table --json --workspace "$1" small.yaml | grep -Ev '"(store|command)":'
}
on_slurm() { # STATUS WORKSPACE [FAULT [OPTION]]: a grid on a cluster of its own
    FAKE_SLURM=$scratch/cluster-$2 FAKE_SLURM_FAULT=${3:-} \
        expect_status "$1" "$promptgrid" run --executor slurm ${4:-} --workspace "$2" small.yaml
}
whole() { # WORKSPACE: all is done, once, and right
    table "$1" >"$1.json"
    diff -u local.json "$1.json" || fail "$1: the table differs from that of this machine"
    expect_status 0 "$promptgrid" check --workspace "$1"
    [ -z "$(ls "$1"/slurm/*.json 2>/dev/null)" ] || fail "$1: an array is still open"
    command -v sqlite3 >/dev/null || return 0
    sqlite3 "$1"/promptgrid.sqlite "SELECT run FROM attempt WHERE state = 'done' GROUP BY run
        HAVING count(*) > 1" >twice
    [ -s twice ] && fail "$1: a run is done twice"
}

expect_status 0 "$promptgrid" run --workspace local small.yaml
table local >local.json

# Undisturbed: arrays for the banks of each dataset, then for training with a dependency.
on_slurm 0 plain
grep -q 'submitted 10 tasks in 4 arrays' err || fail "not 10 tasks in 4 arrays"
grep -q "'promptgrid table small.yaml --workspace plain' compares them" err || fail "$(cat err)"
whole plain
cat cluster-plain/*/command >commands
[ "$(grep -c -- '--dependency=afterok:' commands)" = 2 ] || fail "two arrays were to wait"
grep -q -- '--partition=cpu --time=1:00:00 --cpus-per-task=1 --exclusive' commands ||
    fail "the recipe's options are not sbatch's"
on_slurm 0 plain
grep -q 'submitted' err && fail "a grid that is done was submitted again"

# Replies that are lost; an array that is there twice.
for fault in reply-lost reply-late duplicate; do
    on_slurm 0 $fault $fault
    whole $fault
done
on_slurm 3 refused refused
grep -q "nothing was submitted: 'sbatch' exited with status 1: sbatch: error: Batch job" err ||
    fail "sbatch's words are not shown"
on_slurm 0 refused
whole refused

# No cluster, and nothing to collect.
expect_status 3 env PATH=/nowhere "$promptgrid" run --executor slurm --workspace none small.yaml
same err <<'END'
promptgrid: error: nothing was submitted: unable to run 'sbatch': No such file or directory; where there is no Slurm, leave out '--executor slurm'
END
expect_status 3 "$promptgrid" collect --workspace nothing
same err <<'END'
promptgrid: error: no results yet: 'nothing/promptgrid.sqlite' is not there
END
[ ! -e nothing ] || fail "collect made a workspace"

# A task that is killed is a failed attempt; what needs it does not start; the same command goes on.
# With retries left it is submitted again by itself.
on_slurm 1 kill kill "--retries 0"
grep -q 'the task ended without a word: .*; the cluster says FAILED' err || fail "no reason for the kill"
sed -n 's/^  .*; log .*\.log; to repeat it: //p' err >again.sh
[ "$(wc -l <again.sh)" = 1 ] || fail "no log and no command: $(cat err)"
sh again.sh >out 2>&1 || fail "the command does not repeat it: $(cat again.sh out)"
on_slurm 0 kill
whole kill
on_slurm 0 again kill "--retry-wait 0"
grep -q '^promptgrid: 1 run failed for a reason of the moment; submitted again in 0 s (1 of 2)$' err ||
    fail "no second try: $(cat err)"
grep -q '^promptgrid: 10 done, 0 failed, 0 cancelled, 0 still' err || fail "not all done: $(cat err)"
whole again
# One that the cluster starts again says everything anew.
on_slurm 0 requeue requeue
whole requeue
# Tasks that leave the queue before they start: a bank of each dataset and, as their arrays wait for
# those, what needs them (skipped) and zero-shot, which does not (cancelled as well).
on_slurm 1 cancel cancel
grep -q '2 done, 0 failed, 4 cancelled, 0 still' err || fail "four tasks were to be cancelled"
on_slurm 0 cancel
whole cancel

# Submit only; collect later, when the queue answers. Meanwhile nothing is run here.
mkdir cluster-later && : >cluster-later/down
on_slurm 0 later "" --submit-only
grep -q 'the queue cannot be asked: .*Unable to contact slurm controller' err || fail "the silence was not told"
expect_status 3 "$promptgrid" run --workspace later small.yaml
same err <<'END'
promptgrid: error: 10 tasks of 'later' are in Slurm's queue or not yet collected; 'promptgrid collect --workspace later' first, or go on with --executor slurm; when that cluster is gone for good, remove 'later/slurm'
END
wait_for 60 sh -c '! grep -lE "PENDING|RUNNING" cluster-later/*/tasks/*' || fail "the cluster hangs"
export FAKE_SLURM=$scratch/cluster-later
expect_status 0 "$promptgrid" collect --workspace later
rm cluster-later/down
sqlite3 later/promptgrid.sqlite .dump >before 2>/dev/null
expect_status 0 "$promptgrid" status --workspace later small.yaml
sqlite3 later/promptgrid.sqlite .dump >after 2>/dev/null
diff before after || fail "status changed the store"
expect_status 0 "$promptgrid" collect --workspace later
expect_status 0 "$promptgrid" collect --workspace later
whole later
pass
