# What would stop a run, and how to mend it. The programs and GPUs are fake ones.
. "$SOURCE/tests/cli/lib.sh"
use_fake_runner
unset FAKE_DEVICES
mkdir bin
program() {
    printf '#!/bin/sh\n%s\n' "$2" >"bin/$1"
    chmod +x "bin/$1"
}
gpu() {
    printf '{"device":"cuda:%s","name":"%s","capability":"9.0","driver":"13.0","toolkit":"12.4",' "$1" "$2"
    printf '"memory":%s,"free":%s,"problem":%s}\n' "$3" "$4" "${5-null}"
}

# doctor STATUS OPTIONS...: its lines in `said`, with what differs between machines made plain
doctor() {
    want=$1
    shift
    PATH="$scratch/bin" expect_status "$want" "$promptgrid" doctor "$@"
    plain out | sed -E "s#$SOURCE#SOURCE#g; /  (memory|disk) /s/[0-9.]+ [kMGT]B free.*/SIZE free/
        s/(cores       )[0-9]+/\1N/; s/(open files|processes)  ( *)([0-9]+|no limit)$/\1  \2N/
        s/not there: .*/not there: .../" | grep -v '^ok    code ' >said
}

program gnuplot 'echo "gnuplot 6.0 patchlevel 0"; echo more'
program pdflatex 'echo "pdfTeX 3"'
program sbatch 'echo "slurm 24.05"'
program squeue 'exit 0'
{ gpu 0 'Fake A' 80000000000 79000000000 && gpu 1 'Fake B' 40000000000 1000000000 &&
    gpu 2 Old 0 0 '"cuda:2: Old has compute capability 3.7, 8.0 or newer is needed"'; } >devices
export FAKE_DEVICES="$scratch/devices"
doctor 0
grep -v -e '^.... *memory' -e '^.... *disk' -e '^.... *workspace' -e 'DIR on a' said >most
same most <<'END'
ok    runner      'BUILD/tests/fake-runner'
ok    gpu         cuda:0 (Fake A): capability 9.0, 79.0 GB of 80.0 GB free; the driver serves CUDA 13.0, built with 12.4
warn  gpu         cuda:1 (Fake B): only 1.0 GB of 40.0 GB are free
                  to mend it: see nvidia-smi for what holds its memory
warn  gpu         cuda:2: Old has compute capability 3.7, 8.0 or newer is needed
                  to mend it: use another GPU (--device cuda:N), or --device cpu
ok    figures     gnuplot 6.0 patchlevel 0
ok    latex       pdfTeX 3
ok    slurm       slurm 24.05, and the cluster answers
warn  data        5 datasets found, not there: ...
                  to mend it: 'promptgrid data list' says where each is looked for; --data DIR
warn  weights     found: pocket; not there: ...
                  to mend it: promptgrid weights fetch NAME, and 'promptgrid weights fetch bpe'
ok    cores       N
ok    open files  N
ok    processes   N
END
grep -q '^promptgrid: 0 things would stop a run, [4-9] things could be better$' err || fail "the count: $(cat err)"

# Nothing is there.
rm bin/*
unset FAKE_DEVICES
doctor 0
grep -e figures -e latex -e slurm -e gnuplot -e 'gpu ' said >some
same some <<'END'
ok    gpu         none, runs are on the CPU: no NVIDIA driver; install one that serves CUDA 12.4, or use device cpu
warn  figures     not installed: 'promptgrid plot' and the figures of 'report' need it
                  to mend it: apt-get install gnuplot-nox
ok    latex       not installed: only a paper that takes in our tables and figures needs it
ok    slurm       not installed: only '--executor slurm' needs it
END

# Programs that fail, a cluster that is down.
program gnuplot 'echo "cannot load libfoo"; echo more; exit 127'
program sbatch 'echo "slurm 24.05"'
program squeue 'echo "unable to contact slurm controller"; exit 1'
doctor 0
grep -e figures -e gnuplot -e latex -e slurm -e Slurm said >some
same some <<'END'
warn  figures     'gnuplot --version' fails: cannot load libfoo
                  to mend it: apt-get install gnuplot-nox
ok    latex       not installed: only a paper that takes in our tables and figures needs it
warn  slurm       slurm 24.05, but the cluster does not answer: unable to contact slurm controller
                  to mend it: set up Slurm's client; only '--executor slurm' needs it
END

# What stops a run: no runner.
PROMPTGRID_RUNNER=/no/such/runner doctor 1
grep -A1 '^fail' said >fails
same fails <<'END'
fail  runner      unable to run '/no/such/runner': No such file or directory
                  to mend it: build it (cmake --build --preset release), or set PROMPTGRID_RUNNER
END

# Few open files.
needed=$((32 + 8 * $(nproc)))
cat >few <<END
#!/bin/sh
ulimit -n $((needed / 2))
exec "$promptgrid" "\$@"
END
chmod +x few
promptgrid=$scratch/few doctor 0
sed "s/$((needed / 2)) open/N open/; s/about $needed are needed for $(nproc) runs/about N are needed for M runs/" said |
    grep -A1 '^warn  open' >warns
same warns <<'END'
warn  open files  N open files are allowed, about N are needed for M runs at once
                  to mend it: ulimit -n 1024, or run fewer at once (--jobs 1)
END

# A damaged store, a recipe without its data.
mkdir w
echo 'no database' >w/promptgrid.sqlite
doctor 1 --data /no/such/data
grep -A1 '^fail' said | grep -v '^ok' >fails
same fails <<'END'
fail  data        no folder '/no/such/data'
                  to mend it: correct --data or PROMPTGRID_DATA
--
fail  results     'SCRATCH/w/promptgrid.sqlite' is not a promptgrid store: it is no SQLite database; expected the 'promptgrid.sqlite' of a workspace; name another file or workspace
END
rm -r w
sed 's/^dataset: .*/dataset: [pocket-land, dtd]/; s/^table.*//' "$SOURCE/recipes/quick.yaml" |
    sed '/^  - name/,$d; /^figure/,$d' >some.yaml
doctor 1 some.yaml
grep recipe said | sed 's/[0-9]* \(runs:\|to do\|blocked\)/N \1/g; s/was not found: .*/was not found/' >fails
same fails <<'END'
fail  recipe      dataset 'dtd' was not found
fail  recipe      N runs: 0 done, N to do, N blocked
END
doctor 1 --json some.yaml
grep -q '^  "well": false,$' out || fail "JSON: $(head -5 out)"
if command -v python3 >/dev/null; then
    python3 -c 'import json; d = json.load(open("out")); assert {c["state"] for c in d["checks"]} >= {"ok", "warn", "fail"}' ||
        fail "no JSON"
fi

# A network file system, and a disk that is full or may not be written.
PROMPTGRID_FAULT=place:1+:NFS doctor 0
grep -e workspace -e WORKSPACE -e 'local disk' said >some
same some <<'END'
warn  workspace   'SCRATCH/w' is on NFS: its database is kept without a write-ahead log, and only this machine may write it
                  to mend it: --workspace DIR on a local disk
END
mkdir disk
if mount -t tmpfs -o size=1m none disk 2>/dev/null; then
    doctor 1 --workspace disk/w
    grep -A1 '^fail' said >some
    same some <<'END'
fail  disk        SIZE free
                  to mend it: make room ('promptgrid gc' lists banks that no recipe needs), or --workspace DIR on another disk
END
    mount -o remount,ro disk
    doctor 1 --workspace disk/w
    grep -A1 '^fail  workspace' said >some
    same some <<'END'
fail  workspace   'SCRATCH/disk' cannot be written: Read-only file system
                  to mend it: --workspace DIR that you may write
END
fi
pass
