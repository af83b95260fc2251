# precision: fp16-storage: prompts hold fp16 values, banks are fp32's, other methods are refused.
. "$SOURCE/tests/cli/lib.sh"
recipe() {
    cat <<END
recipe: half
protocol: base-to-new
backbone: pocket
dataset: pocket-land
views: none
precision: $1
shots: 4
seed: 1
epochs: 3
method: [zero-shot, $2]
END
}
recipe '[fp32, fp16-storage]' 'coop, rlp' >both.yaml
expect_status 0 "$promptgrid" run both.yaml
[ "$(find w/banks -type f | wc -l)" = 2 ] || fail "banks are made for each precision"
expect_status 0 "$promptgrid" table both.yaml
grep -q '^CoOp, fp16-storage ' out || fail "no row of fp16-storage"

# Values of fp16: the lower 13 of the 23 mantissa bits are zero.
halves() { # PROMPT: how many numbers are not fp16
    od -An -v -tu8 -N8 "$1" >length
    od -An -v -tx4 -w4 -j $(($(cat length) + 8)) "$1" | grep -cv '[02468ace]000$'
}
found=0
for prompt in w/prompts/*.safetensors; do
    if grep -aq 'precision\\":\\"fp16-storage' "$prompt"; then
        [ "$(halves "$prompt")" = 0 ] || fail "'$prompt' has numbers that are no fp16"
        found=$((found + 1))
    else
        [ "$(halves "$prompt")" != 0 ] || fail "'$prompt' is fp32 and has fp16 numbers only"
    fi
done
[ $found = 2 ] || fail "$found prompts of fp16-storage instead of 2"

recipe fp16-storage kgcoop >other.yaml
expect_status 2 "$promptgrid" plan other.yaml
same err <<'END'
promptgrid: error: other.yaml:10:21: method 'kgcoop' has no precision 'fp16-storage'; these have: zero-shot, coop, rlp, checkpoint
method: [zero-shot, kgcoop]
                    ^
END

# tf32 is a GPU's; on the CPU a run says so.
recipe tf32 coop >tf32.yaml
expect_status 1 "$promptgrid" run --device cpu tf32.yaml
grep -q "precision 'tf32' is a GPU's and this run is on the CPU; use '--device cuda' or precision 'fp32'" err ||
    fail "not refused: $(cat err)"
pass
