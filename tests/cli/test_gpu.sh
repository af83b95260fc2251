# Whole runs on a GPU, an emulated one: the trainer's numbers, and its GPU failing under it at some
# call. What the scheduler does with many GPUs is in test_device.sh.
. "$SOURCE/tests/cli/lib.sh"
emulated=$BUILD/tests/emu/promptgrid-runner
[ -x "$emulated" ] || exit 77
cat >first.yaml <<'END'
recipe: first
protocol: few-shot
backbone: pocket
dataset: pocket-land
views: none
shots: 1
seed: 1
method: [zero-shot, {coop: {epochs: 2}}]
END
sed 's/^seed.*/seed: [2, 3]/' first.yaml >more.yaml
# Encoding takes an emulated GPU half a minute: the CPU makes the features, and the runs of one seed.
expect_status 0 "$promptgrid" run --device cpu first.yaml
expect_status 0 "$promptgrid" run --device cpu --workspace cpu more.yaml

# on_gpu STATUS FAULT: the other seeds on the GPU; messages in `said`
on_gpu() {
    PROMPTGRID_RUNNER=$emulated PROMPTGRID_FAULT=$2 expect_status "$1" "$promptgrid" run more.yaml
    plain err | grep -v -e '^\[' -e '^  ' | sed -E 's/[0-9.]+ GB/SIZE/g' >said
}

# Lost, or with a fault that no program can mend: the grid stops, and goes on the next time.
for fault in ENODEV EIO; do
    on_gpu 3 "promptgrid-runner/gpu:200+:$fault"
    grep -c '^promptgrid: warning: cuda:0 (emulated GPU) is lost: cuda:0: ' said >count
    same count <<'END'
1
END
    grep -q '^promptgrid: error: no GPU is left of cuda:0 (emulated GPU): [0-9] runs are for the next time' said ||
        fail "not stopped: $(cat said)"
done

# Too little memory: tried again, alone, then failed with the sizes.
on_gpu 1 promptgrid-runner/gpu:200+:ENOMEM
grep -q '; trying again, alone on cuda:0$' said || fail "not tried again: $(cat said)"
grep -q '; it ran alone there, was expected to take SIZE, and SIZE of SIZE were free at the start$' said ||
    fail "no sizes: $(cat said)"

# Well: the numbers of the CPU, but for the last places; the kind of device is on record.
on_gpu 0 ''
expect_status 0 "$promptgrid" table --format csv more.yaml
cp out gpu.csv
expect_status 0 "$promptgrid" table --format csv --workspace cpu more.yaml
for table in gpu.csv out; do
    sed 's/^#.*//' "$table" | cut -d, -f1-8 >"$table.plain"
done
cmp -s gpu.csv.plain out.plain || fail "not the numbers of the CPU: $(diff gpu.csv.plain out.plain)"
run=$("$promptgrid" plan --json more.yaml | sed -n 's/.*"run": "\([0-9a-f]*\)".*/\1/p' | tail -1)
expect_status 0 "$promptgrid" show --json "$run"
grep -q '"device": "cuda: emulated GPU,' out || fail "no word of the device: $(cat out)"
grep -q '"determinism": "device"' out || fail "no word of determinism"
pass
