# Tables, progress and single runs: from an empty store, a half-filled one, and a complete one.
. "$SOURCE/tests/cli/lib.sh"
use_fake_runner
export COLUMNS=400 # sentences in one line, however long the scratch folder's name is
small_recipe small.yaml

# Numbers and code of a table made plain: what is tested is which of them there are.
numbers() {
    sed -E 's/[0-9]+\.[0-9]+/NUMBER/g; s/^Code: .*/Code: REVISION/; s/ +/ /g; s/-{5,}/RULE/' "$1"
}

# Before anything ran.
expect_status 0 "$promptgrid" table small.yaml
same out <<'END'
main
accuracy in percent, pocket CLIP, few-shot

                pocket-land  pocket-shapes  Average
-------------------------------------------------------
zero-shot CLIP  0/1          0/1            0/2 columns
CoOp            0/2          0/2            0/2 columns

Mean and sample standard deviation over seeds. Average is the mean over datasets. n/N: n of N seeds have a result; such cells are neither ranked nor averaged.
Results: none yet, 0 of 6 runs done.
Recipe: small.yaml (b27bf42bf3).
Command: promptgrid table small.yaml
END
expect_status 0 "$promptgrid" status small.yaml
same out <<'END'
               zero-shot CLIP       CoOp
pocket-land               0/1        0/2
pocket-shapes             0/1        0/2

10 runs, 4 of them banks of features: 0 done, 10 wanted
END
expect_status 3 "$promptgrid" show 0123
same err <<'END'
promptgrid: error: no results yet: 'SCRATCH/w/promptgrid.sqlite' is not there
END

# With failures: counted, named, and left out of the average.
export FAKE_MODE='fail:"method": "coop"'
expect_status 1 "$promptgrid" run --jobs 1 small.yaml
unset FAKE_MODE
expect_status 0 "$promptgrid" table small.yaml
numbers out >table
same table <<'END'
main
accuracy in percent, pocket CLIP, few-shot

 pocket-land pocket-shapes Average
RULE
zero-shot CLIP NUMBER NUMBER NUMBER
CoOp 0/2 0/2 0/2 columns

Mean and sample standard deviation over seeds. Average is the mean over datasets. n/N: n of N seeds have a result; such cells are neither ranked nor averaged.
Results: SCRATCH/w/promptgrid.sqlite, 2 of 6 runs done.
Code: REVISION
Recipe: small.yaml (b27bf42bf3).
Command: promptgrid table small.yaml
Failed: CoOp, pocket-land, seed 1: loss is not finite in epoch 3
Failed: CoOp, pocket-land, seed 2: loss is not finite in epoch 3
Failed: CoOp, pocket-shapes, seed 1: loss is not finite in epoch 3
Failed: CoOp, pocket-shapes, seed 2: loss is not finite in epoch 3
END
expect_status 1 "$promptgrid" status small.yaml
sed -n '5,6p' out >lines
same lines <<'END'
10 runs, 4 of them banks of features: 6 done, 4 failed
failed: pocket-land coop 2 shots seed 1: loss is not finite in epoch 3 (log: SCRATCH/w/logs/RUN.1.log)
END
expect_status 1 "$promptgrid" status --json small.yaml
tr -d ' \n' <out | cut -d'[' -f1 >json
printf '{"recipe":"small","runs":10,"done":6,"wanted":0,"failed":4,"blocked":0,"running":0,"failures":\n' >want
cmp -s json want || fail "not the JSON that was expected: $(cat json)"

# Complete, in every format.
expect_status 0 "$promptgrid" run small.yaml
expect_status 0 "$promptgrid" table --against published small.yaml
numbers out >table
grep -q '^CoOp NUMBER±NUMBER NUMBER±NUMBER NUMBER$' table || fail "no complete row: $(cat table)"
grep -q '^Note: nothing is published for pocket CLIP' table || fail "the note is missing"
for format in markdown latex html csv; do
    expect_status 0 "$promptgrid" table --format $format small.yaml
done
cut -d, -f1-12 out >columns
numbers columns >table
same table <<'END'
table,row,method,column,metric,mean,std,n,wanted,source,group,interval
main,zero-shot CLIP,zero-shot,pocket-land,accuracy,NUMBER,,1,1,,,
main,zero-shot CLIP,zero-shot,pocket-shapes,accuracy,NUMBER,,1,1,,,
main,zero-shot CLIP,zero-shot,Average,accuracy,NUMBER,,2,2,,,
main,CoOp,coop,pocket-land,accuracy,NUMBER,NUMBER,2,2,,,NUMBER
main,CoOp,coop,pocket-shapes,accuracy,NUMBER,NUMBER,2,2,,,NUMBER
main,CoOp,coop,Average,accuracy,NUMBER,,2,2,,,
END
expect_status 0 "$promptgrid" table --json small.yaml
tr -d ' \n' <out >json
grep -q '"rows":\[{"method":"zero-shot","group":null,"row":"zero-shotCLIP","column":"pocket-land","dataset":"pocket-land","shots":0,"metric":"accuracy","mean":[0-9.]*,"std":null,"interval":null,"n":1,"wanted":1,"delta":null,"verdict":null,"difference":null,"marks":\[\],"runs":\["[0-9a-f]*"\],"published":\[\],"imported":false,"table":"main"},' json ||
    fail "not the rows that were expected: $(cat json)"

# Options: turned, differences, sorted, other metrics, a part of the runs.
expect_status 0 "$promptgrid" table --transpose --sort row --metrics accuracy,parameters small.yaml
numbers out | sed -n 2,7p >table
same table <<'END'
accuracy in percent, parameters, pocket CLIP, few-shot

 CoOp zero-shot CLIP
RULE
pocket-land NUMBER±NUMBER / 512 NUMBER / 0
pocket-shapes NUMBER±NUMBER / 512 NUMBER / 0
END
expect_status 0 "$promptgrid" table --delta zero-shot --where dataset=pocket-land --interval t small.yaml
numbers out | sed 's/[-+]NUMBER/SIGNED/' | sed -n 2,7p >table
same table <<'END'
accuracy in percent, as differences from zero-shot CLIP, pocket CLIP, few-shot

 pocket-land
RULE
zero-shot CLIP NUMBER
CoOp SIGNED
END
expect_status 2 "$promptgrid" table --delta cop small.yaml
same err <<'END'
promptgrid: error: table 'main' has no row 'cop'; its rows are 'zero-shot CLIP', 'CoOp'
END
expect_status 2 "$promptgrid" table --sort Averag small.yaml
same err <<'END'
promptgrid: error: table 'main' has no column 'Averag', did you mean 'Average'?
END
expect_status 2 "$promptgrid" table --where dataset=pocket-lend small.yaml
same err <<'END'
promptgrid: error: --where:1:9: unknown dataset 'pocket-lend', did you mean 'pocket-land'?
dataset=pocket-lend
        ^
END
expect_status 2 "$promptgrid" table --metrics f1 small.yaml
expect_status 2 "$promptgrid" table --interval 95 small.yaml

# One run, by the start of its id.
run=$("$promptgrid" plan --json small.yaml | grep '"run"' | tail -1 | cut -d'"' -f4 | cut -c1-12)
expect_status 0 "$promptgrid" show "$run"
grep -q "^run ${run}[0-9a-f]*: done\$" out || fail "not the run: $(cat out)"
for line in spec 'attempt 1: failed' 'attempt 2: done' results files; do
    grep -q "^$line" out || fail "'$line' is missing: $(cat out)"
done
expect_status 0 "$promptgrid" show --json "$run"
grep -q '"sealed": true' out || fail "the seal is not said to hold"
expect_status 2 "$promptgrid" show abc

# The runs behind a cell.
expect_status 0 "$promptgrid" show --recipe small.yaml --cell main CoOp pocket-land
sed -E 's/^[0-9a-f]{12} /RUN /; s/[0-9]+\.[0-9]+/NUMBER/g; s/(NUMBER) .*/\1/; s/done +[^ ]+/done CODE/; s/ +/ /g' out >runs
same runs <<'END'
RUN COLUMN STATE CODE SEED accuracy TOOK
RUN pocket-land done CODE 1 NUMBER
RUN pocket-land done CODE 2 NUMBER
END
expect_status 0 "$promptgrid" show --json --recipe small.yaml --cell main CoOp Average
[ "$(grep -c '"run":' out)" -eq 4 ] || fail "not the 4 runs of a row: $(cat out)"
expect_status 2 "$promptgrid" show --recipe small.yaml --cell main CoOp pocket-lend
same err <<'END'
promptgrid: error: table 'main' has no column 'pocket-lend'; its columns are 'pocket-land', 'pocket-shapes'
END
expect_status 2 "$promptgrid" show --cell main CoOp pocket-land

# A run of other code is marked, and refused when asked.
expect_status 0 "$promptgrid" table --strict small.yaml
sqlite3 w/promptgrid.sqlite "INSERT INTO revision (hash, git_commit, dirty, diff, runner_sha256, build)
    VALUES ('h', 'fedcba9876543210fedcba9876543210fedcba98', 0, '', 'r', 'b');
    UPDATE attempt SET revision = last_insert_rowid() WHERE run LIKE '$run%'" 2>/dev/null &&
    {
        expect_status 0 "$promptgrid" table small.yaml
        grep -q '^\[a\] code fedcba9876, where others have ' out || fail "no footnote: $(cat out)"
        expect_status 1 "$promptgrid" table --strict small.yaml
        grep -q "^promptgrid: error: table 'main' mixes runs that were made differently: code fedcba9876" err ||
            fail "not the refusal that was expected: $(cat err)"
        [ -s out ] && fail "a refused table was printed"
    }

# An edited number does not get into a table.
sqlite3 w/promptgrid.sqlite "UPDATE metric SET value = 99 WHERE run LIKE '$run%'" 2>/dev/null &&
    {
        expect_status 3 "$promptgrid" table small.yaml
        grep -q 'do not match their seal' err || fail "the edit went unseen: $(cat err)"
        expect_status 1 "$promptgrid" show "$run"
    }

# Words that are not known.
expect_status 2 "$promptgrid" table --format tex small.yaml
same err <<'END'
promptgrid: error: unknown format 'tex': expected text, markdown, latex, csv, html or json
END
expect_status 2 "$promptgrid" table --against nobody small.yaml
same err <<'END'
promptgrid: error: unknown baseline 'nobody': expected published, imported or both with a comma
END
expect_status 2 "$promptgrid" table --name other small.yaml
same err <<'END'
promptgrid: error: recipe 'small' has no table 'other'; its tables are 'main'
END
pass
