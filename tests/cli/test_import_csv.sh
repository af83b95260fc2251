# Numbers of papers from a user's CSV: checked as ours are, once, and beside them in tables.
. "$SOURCE/tests/cli/lib.sh"
header=table,method,backbone,shots,dataset,split,accuracy,source_url
url=https://example.org/paper

# ---- in, once, and shown as the others are ----
cat >theirs.csv <<END
$header
base2new,Their Method,ViT-B/16,16,Caltech101,base,98.45,"$url, table 3"
base2new,Their Method,ViT-B/16,16,Caltech101,new,94.11,"$url, table 3"
base2new,Their Method,ViT-B/16,16,Caltech101,H,96.23,"$url, table 3"
base2new,CoOp,ViT-B/16,16,Caltech101,base,97.77,$url
END
expect_status 0 "$promptgrid" import-csv theirs.csv
echo 'SCRATCH/w/published/theirs.csv: 4 numbers' | same out
cmp theirs.csv w/published/theirs.csv || fail "it is not the file that was given"
expect_status 0 "$promptgrid" import-csv theirs.csv
grep -q ': 4 numbers (known)$' out || fail "$(cat out)"
cat >t.yaml <<'END'
recipe: theirs
protocol: base-to-new
backbone: vit-b16
dataset: caltech101
method: [zero-shot, coop]
table: [{name: main, rows: method, columns: dataset, metrics: [base, new, H]}]
figure: [{name: plane, kind: base-new}]
END
expect_status 0 "$promptgrid" table t.yaml --against published
grep -q '^Their Method \[[0-9]*\] *98\.45 / 94\.11 / 96\.23$' out || fail "$(cat out)"
grep -q '^ProGrad \[[0-9]*\]  *98\.02 / ' out || fail "what comes with promptgrid must stay: $(cat out)"
grep -q '^CoOp, elsewhere \[[0-9]*\]  *97\.77 /     - /     -$' out || fail "$(cat out)"
expect_status 0 "$promptgrid" table t.yaml --against published --json
grep -q "\"source\": \"$url, table 3\"" out || fail "the table must know the source"
grep -q "\"source\": \"$url\"" out || fail "the listing must know its source"
expect_status 0 "$promptgrid" table t.yaml
grep -q 'Their Method' out && fail "they are shown when they are asked for"
expect_status 0 "$promptgrid" table t.yaml --against published --workspace other
grep -q 'Their Method' out && fail "they belong to their workspace"

# ---- other numbers under that name ----
sed 's/98\.45/98.46/' theirs.csv >new.csv
mkdir -p elsewhere
cp new.csv elsewhere/theirs.csv
expect_status 2 "$promptgrid" import-csv elsewhere/theirs.csv
same err <<'END'
promptgrid: error: 'SCRATCH/w/published/theirs.csv' holds other numbers: --replace puts these in their place
END
expect_status 0 "$promptgrid" import-csv --replace elsewhere/theirs.csv
cmp new.csv w/published/theirs.csv || fail "--replace must replace"
expect_status 0 "$promptgrid" import-csv elsewhere/theirs.csv --json
grep -q '"state": "known"' out && grep -q '"rows": 4' out || fail "$(cat out)"

# ---- what is no number of a paper ----
# refused CODE MESSAGE: x.csv holds the rows of stdin
refused() {
    cat >x.csv
    expect_status "$1" "$promptgrid" import-csv x.csv
    plain err | grep -Fxq "promptgrid: error: $2" || fail "$(cat err)"
    [ ! -e w/published/x.csv ] || fail "a refused file must not come in"
}
refused 2 "x.csv:1: expected the header $header, found 'dataset' in column 1 of 2" <<END
dataset,accuracy
END
refused 2 "x.csv: no numbers below the header" <<END
$header
END
refused 2 "x.csv:2: 'source_url' is empty: every number needs its citation" <<END
$header
base2new,A,ViT-B/16,16,DTD,base,80.1,
END
refused 2 "x.csv:3: accuracy '0.801' looks like a fraction; expected percent" <<END
$header
base2new,A,ViT-B/16,16,DTD,base,80.1,$url
base2new,A,ViT-B/16,16,DTD,new,0.801,$url
END
refused 2 "x.csv:2: accuracy '801' is not a percentage from 0 to 100" <<END
$header
base2new,A,ViT-B/16,16,DTD,base,801,$url
END
refused 2 "x.csv:2: unknown dataset 'EuroSat', did you mean 'EuroSAT'?" <<END
$header
base2new,A,ViT-B/16,16,EuroSat,base,80.1,$url
END
refused 2 "x.csv:2: unknown backbone 'vit-b16', did you mean 'ViT-B/16'?" <<END
$header
base2new,A,vit-b16,16,DTD,base,80.1,$url
END
refused 2 "x.csv:2: split 'all' is none of table 'base2new': expected base, new or H" <<END
$header
base2new,A,ViT-B/16,16,DTD,all,80.1,$url
END
refused 3 "x.csv:3: 'base' of 'A' on 'DTD' (base2new, 16 shots) is in x.csv:2 already, from the same source" <<END
$header
base2new,A,ViT-B/16,16,DTD,base,80.1,$url
base2new,A,ViT-B/16,16,DTD,base,80.2,$url
END
refused 3 "x.csv:2: 'base' of 'CoOp' on 'Caltech101' (base2new, 16 shots) is in SCRATCH/w/published/theirs.csv:5 already, from the same source" <<END
$header
base2new,CoOp,ViT-B/16,16,Caltech101,base,97.78,$url
END
row=$(sed -n 2p "$SOURCE/results/published/published.csv")
refused 3 "x.csv:2: 'base' of 'zero-shot CLIP' on 'ImageNet' (base2new, 0 shots) is in $SOURCE/results/published/published.csv:2 already, from the same source" <<END
$header
$row
END

# ---- several files: all or none ----
printf '%s\n' "$header" "base2new,A,ViT-B/16,16,DTD,base,80.1,$url" >a.csv
printf '%s\n' "$header" "base2new,B,ViT-B/16,16,DTD,base,80.1," >b.csv
expect_status 2 "$promptgrid" import-csv a.csv b.csv
[ ! -e w/published/a.csv ] || fail "one of several that is wrong keeps all out"
mkdir -p c
cp a.csv c/a.csv
expect_status 2 "$promptgrid" import-csv a.csv c/a.csv
grep -q "two of the files are called 'a.csv'" err || fail "$(cat err)"
printf '\357\273\277%s\r\n' "$header" "base2new,B,ViT-B/16,16,DTD,base,80.1,$url" |
    sed '2s/^\xef\xbb\xbf//' >sheet
expect_status 0 "$promptgrid" import-csv a.csv sheet
cmp sheet w/published/sheet.csv || fail "a name without ending gets one"

# ---- tables and figures read the folder, and name what somebody broke in it ----
echo nonsense >w/published/broken.csv
for command in 'table --against published' 'plot --out plots'; do
    # shellcheck disable=SC2086
    expect_status 2 "$promptgrid" $command t.yaml
    plain err | grep -q "SCRATCH/w/published/broken.csv:1: expected the header" || fail "$(cat err)"
done
rm w/published/broken.csv

# ---- the command line ----
expect_status 3 "$promptgrid" import-csv nowhere.csv
grep -q "there is no file 'nowhere.csv'" err || fail "$(cat err)"
expect_status 2 "$promptgrid" import-csv
expect_status 2 "$promptgrid" import-csv --replce a.csv
grep -q "did you mean '--replace'?" err || fail "$(cat err)"
expect_status 2 "$promptgrid" import-cvs a.csv
grep -q "did you mean 'import-csv'?" err || fail "$(cat err)"
expect_status 0 "$promptgrid" import-csv --help
pass
