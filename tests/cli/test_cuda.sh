#!/bin/sh
# Whole jobs on the emulated GPU (tests/emu): the same results as the CPU's within rounding, the same
# bits again, and what is said when the GPU is not there, too small, or breaks.
. "$(dirname "$0")/lib.sh"

emulated=$BUILD/tests/emu/promptgrid-runner
cat >small.yaml <<'END'
recipe: small
protocol: few-shot
backbone: pocket
dataset: pocket-land
views: none
shots: 2
seed: 1
method:
  - zero-shot
  - coop: {epochs: 3}
  - rlp: {epochs: 3, rank: 2}
table: [{name: main, rows: method, columns: dataset, metrics: [accuracy]}]
END
expect_status 0 "$promptgrid" run small.yaml

# job FILE KIND DEVICE: the same job on the device, its results in a folder of their own
job() {
    mkdir -p "$3"
    sed -E "s#\"threads\":#\"device\": \"$2\", \"threads\":#
        s#\"(out|checkpoint)\": \"[^\"]*/([^/\"]*)\"#\"\1\": \"$scratch/$3/\1-\2\"#" "$1" >"$3/job.json"
}

# numbers EVENTS: of each epoch and each metric
numbers() {
    sed -nE 's/.*"event":"epoch","epoch":([0-9]+),"loss":([^,]*),.*/loss \1 \2/p
        s/.*"event":"metric","split":"test","name":"([a-z_0-9]*)","value":([^,}]*).*/\1 0 \2/p' "$1"
}

trained=0
for file in w/jobs/*.json; do
    grep -q '"job": "train"' "$file" || continue
    job "$file" cpu on-cpu
    job "$file" cuda on-gpu
    "$BUILD/promptgrid-runner" run on-cpu/job.json --events-fd 3 3>cpu || fail "$file on the CPU"
    "$emulated" run on-gpu/job.json --events-fd 3 3>gpu || fail "$file on the GPU"
    grep -q '"device":"cuda: emulated GPU' gpu || fail "not the GPU: $(head -1 gpu)"
    numbers cpu >a
    numbers gpu >b
    [ -s a ] || fail "no numbers: $(cat cpu)"
    paste -d' ' a b | awk '
        { d = $3 - $6; if (d < 0) d = -d
          if ($1 != $4 || d > ($1 == "loss" ? 1e-4 * $3 : 0.5)) { print; bad = 1 } }
        END { exit bad }' || fail "$file: CPU and GPU differ"
    trained=$((trained + 1))
    rm -rf on-gpu
    job "$file" cuda on-gpu
    "$emulated" run on-gpu/job.json --events-fd 3 3>again || fail "$file again"
    numbers again | cmp - b || fail "$file: other bits the second time"
done
[ $trained -eq 3 ] || fail "$trained runs were trained"

# Features of the test images: zero-shot CLIP classifies them as it does the CPU's.
file=$(grep -l '"part": "test"' w/jobs/*.json) || fail "no encode job"
job "$file" cuda encoded
"$emulated" run encoded/job.json || fail "encode"
file=$(grep -l '"method": "zero-shot"' w/jobs/*.json)
job "$file" cpu on-cpu
"$BUILD/promptgrid-runner" run on-cpu/job.json --events-fd 3 3>cpu || fail "features of the CPU"
sed -i "s#\"test_bank\": \"[^\"]*\"#\"test_bank\": \"$(echo "$scratch"/encoded/out-*)\"#" on-cpu/job.json
"$BUILD/promptgrid-runner" run on-cpu/job.json --events-fd 3 3>gpu || fail "features of the GPU"
numbers cpu >a
numbers gpu | diff a - || fail "features of CPU and GPU differ"

# says STATUS TEXT SETTING...: the job ends with the status and the text
file=$(grep -l '"method": "coop"' w/jobs/*.json)
says() {
    want=$1 text=$2
    shift 2
    rm -rf on-gpu
    job "$file" "${DEVICE-cuda}" on-gpu
    env "$@" "$emulated" run on-gpu/job.json 2>err
    got=$?
    [ $got -eq "$want" ] || fail "'$*' exited with status $got, expected $want: $(cat err)"
    grep -qF "$text" err || fail "'$*' said: $(cat err)"
}
says 3 "no NVIDIA driver; install one that serves CUDA 13.0, or use device cpu" EMU_DRIVER=0
says 3 "the NVIDIA driver serves CUDA 12.4, this build needs 13.0; update the driver" EMU_DRIVER=12040
says 3 "the NVIDIA driver sees no GPU; see nvidia-smi" EMU_DEVICES=0
says 3 "cuda:0: emulated GPU has compute capability 7.5, 8.0 or newer is needed" EMU_CAPABILITY=75
says 3 "cuda:0: not enough memory:" EMU_MEMORY_MB=33
says 3 "the GPU's memory is faulty until it is reset" PROMPTGRID_FAULT=gpu:300:EIO
says 3 "the GPU is lost or another process holds it" PROMPTGRID_FAULT=gpu:300:ENODEV
DEVICE=cuda:7 says 3 "there is no device cuda:7; the last one is cuda:0" true=1

pass
