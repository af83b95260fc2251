# Train once, evaluate many: the protocols cross-dataset and domain-generalization with the real
# runner. A target that is added later trains nothing, a lost prompt is trained again, a killed grid
# goes on.
. "$SOURCE/tests/cli/lib.sh"
export COLUMNS=400

# recipe FILE TARGET,...: two seeds of CoOp, zero-shot CLIP, trained on pocket-shapes
recipe() {
    cat >"$1" <<END
recipe: cross
protocol: cross-dataset
source: pocket-shapes
backbone: pocket
dataset: [$2]
views: none
shots: 4
seed: [1, 2]
method:
  - zero-shot
  - coop: {epochs: 2, lr: 0.1}
END
}

# jobs FILE: how many runs of each job a plan wants
jobs() {
    "$promptgrid" plan --json "$1" | tr -d ' \n' | sed 's/},{/}\n{/g' |
        sed -n 's/.*"job":"\([a-z]*\)".*"state":"wanted".*/\1/p' | sort | uniq -c | tr -s ' '
}

recipe all.yaml "pocket-flowers, pocket-shapes, pocket-land, pocket-textures"
jobs all.yaml >count
same count <<'END'
 5 encode
 6 eval
 6 train
END
expect_status 0 "$promptgrid" plan all.yaml
tail -1 out >line
same line <<'END'
17 runs: 0 done, 17 to do (5 encode, 6 train, 6 eval), 0 blocked; time unknown, nothing like it was run before
END

# Two targets first; the source's test is the training run's own.
recipe some.yaml "pocket-flowers, pocket-shapes"
expect_status 0 "$promptgrid" run some.yaml
sed -nE 's/.*(pocket-[a-z]* from .* seed [12]): test [0-9.]+ \(.*/\1/p' err | sort >labels
same labels <<'END'
pocket-flowers from pocket-shapes coop 4 shots seed 1
pocket-flowers from pocket-shapes coop 4 shots seed 2
END

# More targets: only their banks, evaluations and zero-shot runs.
jobs all.yaml >count
same count <<'END'
 2 encode
 4 eval
 2 train
END
expect_status 0 "$promptgrid" run all.yaml
grep -c '^\[.*coop' err >count
same count <<'END'
4
END
grep -E '^\[.*coop' err | grep -v ' from pocket-shapes ' >trained
[ -s trained ] && fail "something was trained again: $(cat trained)"

# The table: the source first and not averaged.
expect_status 0 "$promptgrid" table all.yaml
sed -E 's/[0-9]+\.[0-9]+/NUMBER/g; s/^Code: .*/Code: REVISION/; s/ +/ /g; s/-{5,}/RULE/' out |
    head -7 >table
same table <<'END'
cross: cross-dataset
accuracy in percent, pocket CLIP, cross-dataset, trained on pocket-shapes

 pocket-shapes (source) pocket-flowers pocket-land pocket-textures Average
RULE
zero-shot CLIP NUMBER NUMBER NUMBER NUMBER NUMBER
CoOp NUMBER±NUMBER NUMBER±NUMBER NUMBER±NUMBER NUMBER±NUMBER NUMBER
END
grep -q 'Average is the mean over the targets, without the source\.' out || fail "the caption"
expect_status 0 "$promptgrid" table --format csv all.yaml
# the Average of zero-shot CLIP, whose numbers are known: 43.2, 75.0 and 63.2
grep -E '^cross-dataset,zero-shot CLIP,zero-shot,Average,accuracy,60\.4' out >/dev/null ||
    fail "not the average that was expected: $(grep Average out)"

# Evaluations know their training run.
if command -v sqlite3 >/dev/null; then
    sqlite3 w/promptgrid.sqlite "SELECT e.dataset || ' ' || count(*) || ' ' || min(e.source)
        FROM runs e JOIN runs t ON t.run = e.trained AND t.dataset = e.source AND t.seed = e.seed
        WHERE e.job = 'eval' GROUP BY e.dataset" >joined
    same joined <<'END'
pocket-flowers 2 pocket-shapes
pocket-land 2 pocket-shapes
pocket-textures 2 pocket-shapes
END
fi

# The prompt of a training run, by the job file of one of its evaluations.
prompt=$(grep -l '"job": "eval"' w/jobs/*.json | head -1 | xargs sed -n 's/.*"prompt": "\(.*\)".*/\1/p')
[ -f "$prompt" ] || fail "no prompt '$prompt'"
sha256sum "$prompt" >before

# Lost or damaged, it matters to no run that is done...
rm "$prompt"
expect_status 0 "$promptgrid" run all.yaml
same err <<'END'
promptgrid: nothing to do: 17 runs are done
END
# ... and is trained again for a new target, to the same bits.
recipe five.yaml "pocket-flowers, pocket-shapes, pocket-land, pocket-textures, pocket-glyphs"
expect_status 0 "$promptgrid" plan five.yaml
grep -c ' wanted *its result is gone$' out >count
same count <<'END'
1
END
printf 'x' >"$prompt"
expect_status 0 "$promptgrid" plan five.yaml
grep -c ' wanted *its result is damaged$' out >count
same count <<'END'
1
END
expect_status 0 "$promptgrid" run five.yaml
sed -nE 's/.*\] (pocket-shapes coop .*): test .*/\1/p' err >trained
[ "$(wc -l <trained)" -eq 1 ] || fail "expected one training run: $(cat trained)"
sha256sum -c --quiet before || fail "the prompt is not the same as before"

# Another protocol has evaluations of its own and shares the training.
sed 's/cross-dataset/domain-generalization/' some.yaml >shift.yaml
jobs shift.yaml >count
same count <<'END'
 2 eval
END

# Killed in the middle and repeated: the same table.
expect_status 0 "$promptgrid" table --json five.yaml
grep -v -e '"store":' -e '"command":' out >whole.json
for tenths in 3 6 9 12; do
    "$promptgrid" run --jobs 1 --workspace killed five.yaml >out 2>err &
    scheduler=$!
    sleep "$((tenths / 10)).$((tenths % 10))"
    kill -9 $scheduler 2>/dev/null
    wait $scheduler 2>/dev/null
done
expect_status 0 "$promptgrid" run --workspace killed five.yaml
expect_status 0 "$promptgrid" table --json --workspace killed five.yaml
grep -v -e '"store":' -e '"command":' out >killed.json
diff -u whole.json killed.json || fail "the table differs from that of an undisturbed grid"

# What knows only its classes cannot be tested on others.
sed 's/coop: {/coop: {class-specific: yes, context: "", /' some.yaml >own.yaml
expect_status 2 "$promptgrid" plan own.yaml
head -1 err >line
same line <<'END'
promptgrid: error: own.yaml:11:5: what 'coop' learns here is about the classes it is trained on, but protocol 'cross-dataset' tests on others; choose 'few-shot' or exclude it
END

# A dataset without training images is no source.
sed 's/source: .*/source: imagenet_a/' some.yaml >target.yaml
expect_status 2 "$promptgrid" plan target.yaml
same err <<'END'
promptgrid: error: target.yaml:11: 'imagenet_a' is an evaluation target: it has no training images for 'coop'
END
pass
