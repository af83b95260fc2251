# Runs on GPUs: what --device asks for, slots and memory, GPUs that are lost or too small. The runner
# is the fake one, so the GPUs are too.
# shellcheck disable=SC2089,SC2090 # the quotes in FAKE_MODE are meant as they stand
. "$SOURCE/tests/cli/lib.sh"
use_fake_runner
unset FAKE_DEVICES
small_recipe small.yaml

# gpu N NAME GB [PROBLEM]: a line of `promptgrid-runner devices`
gpu() {
    printf '{"device":"cuda:%s","name":"%s","capability":"9.0","driver":"13.0","toolkit":"12.4",' "$1" "$2"
    printf '"memory":%s000000000,"free":%s000000000,"problem":%s}\n' "$3" "$3" "${4-null}"
}
{ gpu 0 'Fake A' 80 && gpu 1 'Fake B' 40; } >two
gpu 0 'Fake A' 80 >one

# run STATUS OPTIONS...: the recipe anew; its messages in `said`, without the lines of single runs
run() {
    want=$1
    shift
    rm -rf w log
    FAKE_LOG="$scratch/log" expect_status "$want" "$promptgrid" run "$@" small.yaml
    grep -v -e '^\[' -e '^    ' err >said
}

# With none: auto is the CPU, quietly; asked for, it is an error of the environment.
run 0
same said <<'END'
promptgrid: 10 runs done in TIME; 'promptgrid table small.yaml' compares them
END
[ ! -s log ] || ! grep -q '^on ' log || fail "on a GPU that is not there"
run 3 --device cuda
same said <<'END'
promptgrid: error: '--device cuda': no NVIDIA driver; install one that serves CUDA 12.4, or use device cpu
END
run 2 --device gpu
same said <<'END'
promptgrid: error: '--device gpu' is no device; there are auto, cpu, cuda (every GPU) and cuda:0,2 (those with these numbers, each once)
END
run 2 --jobs-per-gpu 100
same said <<'END'
promptgrid: error: '--jobs-per-gpu' goes up to 64
END

# Two: both have work, a run a time if so told.
export FAKE_DEVICES="$scratch/two"
FAKE_MS=20 run 0
same said <<'END'
promptgrid: running on cuda:0 (Fake A) with 80.0 GB free, cuda:1 (Fake B) with 40.0 GB free
promptgrid: 10 runs done in TIME; 'promptgrid table small.yaml' compares them
END
for device in cuda:0 cuda:1; do
    grep -q "^on $device " log || fail "nothing was done on $device"
done
grep -c '^on ' log >count
same count <<'END'
10
END
FAKE_MS=20 run 0 --device cuda:1 --jobs-per-gpu 1
same said <<'END'
promptgrid: running on cuda:1 (Fake B) with 40.0 GB free
promptgrid: 10 runs done in TIME; 'promptgrid table small.yaml' compares them
END
sed -n 's/^\(on\|off\) \(cuda:[0-9]\) .*/\1 \2/p' log | uniq -c | sort | uniq -c | sed 's/ \+/ /g' >turns
same turns <<'END'
 10 1 off cuda:1
 10 1 on cuda:1
END
run 3 --device cuda:0,5
same said <<'END'
promptgrid: error: '--device cuda:0,5': there is no cuda:5; there are cuda:0, cuda:1; see 'promptgrid doctor'
END
run 0 --device cpu
same said <<'END'
promptgrid: 10 runs done in TIME; 'promptgrid table small.yaml' compares them
END

# What was run on which kind of device is on record, and a table that mixes them says so.
rm -rf w
expect_status 0 "$promptgrid" run small.yaml
sed 's/seed: \[1, 2\]/seed: [1, 2, 3]/' small.yaml >more.yaml
expect_status 0 "$promptgrid" run --device cpu more.yaml
expect_status 0 "$promptgrid" table more.yaml
grep 'where others' out >mark
same mark <<'END'
[a] device cpu, where others have cuda
END
if command -v sqlite3 >/dev/null; then
    sqlite3 w/promptgrid.sqlite "SELECT json_extract(runner, '\$.device'), json_extract(runner,
        '\$.determinism'), count(*) FROM attempt GROUP BY 1, 2" >kinds
    same kinds <<'END'
cpu: fake|bitwise|2
cuda: fake|device|10
END
fi

# One that cannot be used is left out; named, it is an error. One that is too small likewise.
{ gpu 0 'Old' 4 '"cuda:0: Old has compute capability 3.7, 8.0 or newer is needed"' && gpu 1 New 40; } >"$FAKE_DEVICES"
run 0
same said <<'END'
promptgrid: warning: cuda:0 is not used: cuda:0: Old has compute capability 3.7, 8.0 or newer is needed
promptgrid: running on cuda:1 (New) with 40.0 GB free
promptgrid: 10 runs done in TIME; 'promptgrid table small.yaml' compares them
END
run 3 --device cuda:0
same said <<'END'
promptgrid: error: '--device cuda:0': cuda:0: Old has compute capability 3.7, 8.0 or newer is needed
END
gpu 0 Tiny 1 | sed 's/"memory":1000/"memory":700/' | sed 's/700000000000*/700000000/' >"$FAKE_DEVICES"
run 3 --device cuda
sed 's/needs about [0-9.]* GB/needs about N GB/' said >line
same line <<'END'
promptgrid: error: '--device cuda': encoding 'pocket-land' needs about N GB, cuda:0 (Tiny) has 0.7 GB; use a GPU with more memory, or --device cpu
END
run 0
sed 's/needs about [0-9.]* GB/needs about N GB/' said >line
same line <<'END'
promptgrid: warning: '--device auto': encoding 'pocket-land' needs about N GB, cuda:0 (Tiny) has 0.7 GB; use a GPU with more memory, or --device cpu; running on the CPU
promptgrid: 10 runs done in TIME; 'promptgrid table small.yaml' compares them
END
echo 'Segmentation fault' >"$FAKE_DEVICES"
run 3 --device cuda
same said <<'END'
promptgrid: error: 'promptgrid-runner devices' says nothing
END

# A GPU that is lost gets nothing more; its runs go to the other.
{ gpu 0 'Fake A' 80 && gpu 1 'Fake B' 40; } >"$FAKE_DEVICES"
FAKE_MS=50 FAKE_MODE='lost:"cuda:1"' run 0
grep -v ': goes to another GPU$' said >line
same line <<'END'
promptgrid: running on cuda:0 (Fake A) with 80.0 GB free, cuda:1 (Fake B) with 40.0 GB free
promptgrid: warning: cuda:1 (Fake B) is lost: cuda:1: the GPU is lost or another process holds it; nothing more is started on it
promptgrid: 10 runs done in TIME; 'promptgrid table small.yaml' compares them
END
grep -q ': goes to another GPU$' said || fail "no run was moved"
if command -v sqlite3 >/dev/null; then
    sqlite3 w/promptgrid.sqlite "SELECT a.class, b.state FROM attempt a, attempt b ON b.run = a.run
        AND b.n = a.n + 1 WHERE a.state = 'failed' GROUP BY 1, 2" >moved
    same moved <<'END'
device|done
END
fi

# With no GPU left the grid stops; what was done stays, and it goes on without one.
FAKE_MODE='lost:"method"' run 3 --device cuda --jobs-per-gpu 1
grep -v ': goes to another GPU$' said | sed 's/[0-9]* runs/N runs/' | sort >line
same line <<'END'
promptgrid: N runs done in TIME; 'promptgrid table small.yaml' compares them
promptgrid: error: no GPU is left of cuda:0 (Fake A), cuda:1 (Fake B): N runs are for the next time; the results are kept, 'promptgrid run --device cuda --jobs-per-gpu 1 small.yaml' goes on, with '--device cpu' without a GPU
promptgrid: running on cuda:0 (Fake A) with 80.0 GB free, cuda:1 (Fake B) with 40.0 GB free
promptgrid: warning: cuda:0 (Fake A) is lost: cuda:0: the GPU is lost or another process holds it; nothing more is started on it
promptgrid: warning: cuda:1 (Fake B) is lost: cuda:1: the GPU is lost or another process holds it; nothing more is started on it
END
expect_status 0 "$promptgrid" run --device cpu small.yaml
grep -q '^promptgrid: [6-9] runs done in ' err || fail "not the rest alone: $(cat err)"

# A run under which two GPUs are lost is not given a third.
gpu 2 'Fake C' 40 >>"$FAKE_DEVICES"
sed 's/^dataset: .*/dataset: pocket-land/' small.yaml >single.yaml
rm -rf w
FAKE_MODE='lost:"method": "zero-shot"' expect_status 3 "$promptgrid" run --jobs-per-gpu 1 single.yaml
cp err said
grep -c ' is lost: ' said >count
same count <<'END'
2
END
grep '^promptgrid: error: pocket-.* zero-shot failed: ' said >line || fail "no run is to blame: $(cat said)"
grep -q '; it is the second GPU that was lost under this run$' line || fail "it is not said why: $(cat line)"

# Too little memory: once more, alone on that GPU; then it fails with the sizes.
cp one "$FAKE_DEVICES"
FAKE_MODE='gpu-memory:"method": "zero-shot"' run 1 --retry-wait 0
sed 's/expected to take [0-9.]* GB/expected to take N GB/; s/log [^;]*;/log LOG;/; s/repeat it: .*/repeat it: COMMAND/' said |
    sort >line
same line <<'END'
  pocket-land zero-shot: cuda:0: not enough memory: 4096 bytes, 0 of 80 MiB are free; it ran alone there, was expected to take N GB, and 80.0 GB of 80.0 GB were free at the start; log LOG; to repeat it: COMMAND
  pocket-shapes zero-shot: cuda:0: not enough memory: 4096 bytes, 0 of 80 MiB are free; it ran alone there, was expected to take N GB, and 80.0 GB of 80.0 GB were free at the start; log LOG; to repeat it: COMMAND
  to repeat it: COMMAND
  to repeat it: COMMAND
promptgrid: 8 runs done in TIME; 'promptgrid run --retry-wait 0 small.yaml' tries the rest again
promptgrid: error: 2 runs failed:
promptgrid: error: pocket-land zero-shot failed: cuda:0: not enough memory: 4096 bytes, 0 of 80 MiB are free; it ran alone there, was expected to take N GB, and 80.0 GB of 80.0 GB were free at the start
promptgrid: error: pocket-shapes zero-shot failed: cuda:0: not enough memory: 4096 bytes, 0 of 80 MiB are free; it ran alone there, was expected to take N GB, and 80.0 GB of 80.0 GB were free at the start
promptgrid: running on cuda:0 (Fake A) with 80.0 GB free
promptgrid: warning: pocket-land zero-shot: cuda:0: not enough memory: 4096 bytes, 0 of 80 MiB are free; trying again, alone on cuda:0
promptgrid: warning: pocket-shapes zero-shot: cuda:0: not enough memory: 4096 bytes, 0 of 80 MiB are free; trying again, alone on cuda:0
END
rm -f once
FAKE_MS=50 FAKE_ONCE="$scratch/once" FAKE_MODE='gpu-memory-once:"method": "zero-shot"' run 0 --retry-wait 0
again=$(sed -n 's/^on cuda:0 train [a-z-]* \([0-9a-f]*\) .*/\1/p' log | sort | uniq -d)
sed -n "/^on .*$again/,/^off .*$again/p" log | grep -E '^(on|off) ' | tail -2 | cut -d' ' -f1,5 | sort -u |
    sed "s/$again/AGAIN/" >alone
same alone <<'END'
off AGAIN
on AGAIN
END

# The bank of the next dataset is made while runs of the present one go on.
cat >long.yaml <<'END'
recipe: long
protocol: few-shot
backbone: pocket
dataset: [pocket-land, pocket-shapes, pocket-textures]
views: none
shots: 2
seed: [1, 2, 3, 4, 5, 6]
method: coop
END
rm -rf w log
FAKE_MS=60 FAKE_LOG="$scratch/log" expect_status 0 "$promptgrid" run --jobs-per-gpu 2 long.yaml
sed -n 's/^\(on\|off\) cuda:0 \([a-z]*\) \(pocket-[a-z]*\) .*/\1 \2 \3/p' log >order
awk '$1 == "on" && $2 == "encode" {begun[$3] = begun[$3] ? begun[$3] : NR}
    $1 == "off" && $2 == "train" {ended[$3] = NR}
    $1 == "off" && $2 == "encode" {made[$3] = NR}
    END {
        print "shapes begun while land trains:", begun["pocket-shapes"] < ended["pocket-land"]
        print "shapes made before land is done:", made["pocket-shapes"] < ended["pocket-land"]
        print "textures after that:", (begun["pocket-textures"] > made["pocket-shapes"])
    }' order >overlap
same overlap <<'END'
shapes begun while land trains: 1
shapes made before land is done: 1
textures after that: 1
END
pass
