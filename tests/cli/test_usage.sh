# Errors of the command line, and commands that are passed on to the runner.
. "$SOURCE/tests/cli/lib.sh"

expect_status 2 "$promptgrid"
grep -q '^usage: promptgrid COMMAND' err || fail "no usage on stderr"
expect_status 0 "$promptgrid" --help
for command in run plan status table plot show methods embed tokenize data; do
    grep -q "^  $command " out || fail "'$command' is not in the help"
done

expect_status 2 "$promptgrid" rnu x.yaml
same err <<'END'
promptgrid: error: unknown command 'rnu', did you mean 'run'?
END
expect_status 2 "$promptgrid" run
same err <<'END'
promptgrid: error: a word is missing; usage: promptgrid run [options] RECIPE
END
expect_status 2 "$promptgrid" run a.yaml b.yaml
same err <<'END'
promptgrid: error: unexpected word 'b.yaml'; usage: promptgrid run [options] RECIPE
END
expect_status 2 "$promptgrid" run --jbos 2 a.yaml
same err <<'END'
promptgrid: error: unknown option '--jbos', did you mean '--jobs'?
END
expect_status 2 "$promptgrid" run --jobs two a.yaml
same err <<'END'
promptgrid: error: option '--jobs' needs a whole number from 0, not 'two'
END
expect_status 2 "$promptgrid" run --jobs 5000 a.yaml
same err <<'END'
promptgrid: error: '--jobs' goes up to 1024
END
expect_status 2 "$promptgrid" run --submit-only a.yaml
same err <<'END'
promptgrid: error: '--submit-only' needs '--executor slurm'
END
for option in jobs jobs-per-gpu threads timeout hang max-failures same-failures; do
    expect_status 2 "$promptgrid" run --executor slurm --$option 10 a.yaml
    cat err >>refused
done
expect_status 2 "$promptgrid" retry --hang 7200 --executor slurm a.yaml # its default, but given
cat err >>refused
same refused <<'END'
promptgrid: error: '--jobs' is for runs on this machine, not for '--executor slurm'; 'concurrent' in the recipe's 'slurm:' block says how many tasks of an array run at once
promptgrid: error: '--jobs-per-gpu' is for runs on this machine, not for '--executor slurm'; 'gres' in the recipe's 'slurm:' block says what of a GPU each task gets
promptgrid: error: '--threads' is for runs on this machine, not for '--executor slurm'; 'cpus' in the recipe's 'slurm:' block says the cores of a task, and its threads
promptgrid: error: '--timeout' is for runs on this machine, not for '--executor slurm'; 'time' in the recipe's 'slurm:' block limits a task
promptgrid: error: '--hang' is for runs on this machine, not for '--executor slurm'; 'time' in the recipe's 'slurm:' block limits a task
promptgrid: error: '--max-failures' is for runs on this machine, not for '--executor slurm'; leave it out: the cluster starts what is in its queue, and 'scancel' takes it out
promptgrid: error: '--same-failures' is for runs on this machine, not for '--executor slurm'; leave it out: the cluster starts what is in its queue, and 'scancel' takes it out
promptgrid: error: '--hang' is for runs on this machine, not for '--executor slurm'; 'time' in the recipe's 'slurm:' block limits a task
END
[ ! -e w ] || fail "a refused command made a workspace"
expect_status 0 "$promptgrid" run --help
head -1 out >line
same line <<'END'
usage: promptgrid run [options] RECIPE
END
expect_status 2 "$promptgrid" data lst
same err <<'END'
promptgrid: error: unknown command 'data lst', did you mean 'data list'?
END

# A full disk is an error, not silence.
if [ -w /dev/full ]; then
    "$promptgrid" --help >/dev/full 2>err
    [ $? -eq 3 ] || fail "a failed write must give exit status 3"
    same err <<'END'
promptgrid: error: unable to write to stdout: No space left on device
END
fi

use_fake_runner
expect_status 9 "$promptgrid" embed --text "a b" --json
same out <<'END'
embed
--text
a b
--json
END
expect_status 9 "$promptgrid" data sample pocket-land --shots 2 --seed 1
same out <<'END'
sample
pocket-land
--shots
2
--seed
1
END
export PROMPTGRID_RUNNER=/no/such/runner
expect_status 3 "$promptgrid" tokenize x
same err <<'END'
promptgrid: error: unable to run '/no/such/runner': No such file or directory
END
pass
