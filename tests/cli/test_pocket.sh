#!/bin/sh
# quick.yaml against the table that PyTorch measured (recipes/pocket/README.md): zero-shot equal to the
# digit, CoOp and RLP within the spread of seeds (the order of training pictures differs, the picks
# do not). Every cell: at most 2 (std + std) + 1.5 points apart; every Average: at most 2.
. "$(dirname "$0")/lib.sh"

recipe=$SOURCE/recipes/quick.yaml
if ! nm "$BUILD/promptgrid-runner" 2>/dev/null | grep -q __asan_init; then
    expect_status 0 "$promptgrid" run "$recipe"
else # only what needs no training: the sanitizers' other tests train
    sed -E '/^ *- (coop|rlp):/d; /^(epochs|batch):/d' "$recipe" >zero-shot.yaml
    recipe=zero-shot.yaml
    expect_status 0 "$promptgrid" run "$recipe"
fi
expect_status 0 "$promptgrid" table "$recipe" --format csv
mv out table.csv

# README's block is what the program prints: its words, and the numbers of zero-shot CLIP. The last
# bits of what is trained depend on the processor; scripts/readme --check compares those too.
if [ "$recipe" != zero-shot.yaml ]; then
    expect_status 0 "$promptgrid" table "$recipe"
    for file in out "$SOURCE/README.md"; do
        sed -n '/quickstart: from here/,/^    figures:/p; /^Base-to-new, 16/,$p' "$file" |
            sed -E '/^$|quickstart|figures:|^ *(Code|Results):/d; s/^ +//; s/ +/ /g; s/^-+$/-/; s#'"$SOURCE"'/##
                s# --workspace [^ ]*##; /^zero-shot/!s/[0-9a-f]*[0-9][0-9a-f]*/0/g'
    done >both
    lines=$(($(wc -l <both) / 2))
    head -n $lines both >printed
    tail -n +$((lines + 1)) both | diff printed - || fail "README is not what is printed; run scripts/readme"
fi

# README -> protocol|row|dataset|metric|mean|std
awk -F'|' '
    function trim(s) { gsub(/^ +| +$/, "", s); return s }
    function cell(proto, row, data, metric, text,   p) {
        split(text, p, "±"); print proto "|" row "|" data "|" metric "|" trim(p[1]) "|" (trim(p[2]) == "" ? 0 : trim(p[2]))
    }
    /^### Base-to-new/ { proto = "base-to-new" }
    /^### Few-shot/ { proto = "few-shot" }
    proto == "" || !/^\| (pocket-|Average)/ { next }
    proto == "base-to-new" {
        n = split("zero-shot CLIP;CoOp;RLP, rank 1;RLP, rank 2;RLP, rank 4", row, ";")
        for (i = 1; i <= n; i++) {
            split($(3 + i), v, "/")
            cell(proto, row[i], trim($2), "base", v[1]); cell(proto, row[i], trim($2), "new", v[2])
            cell(proto, row[i], trim($2), "H", v[3])
        }
        next
    }
    {
        n = split("zero-shot CLIP;CoOp, 1 shot;;CoOp, 4 shots;;CoOp, 16 shots;RLP, 1 shot;;RLP, 4 shots;;RLP, 16 shots", row, ";")
        for (i = 1; i <= n; i++)
            if (row[i] != "") cell(proto, row[i], trim($2), "accuracy", $(2 + i))
    }' "$SOURCE/recipes/pocket/README.md" >want.txt
[ "$(wc -l <want.txt)" -eq 125 ] || fail "README has $(wc -l <want.txt) numbers, expected 125"

# Our csv with quoted names ("RLP, rank 1") beside it
sed -E 's/"([^",]*), ([^"]*)"/\1; \2/g' table.csv | awk -F, -v OFS='|' '
    NR > 1 { sub(/;/, ",", $2); print $1, $2, $4, $5, $6, ($7 == "" ? 0 : $7) }' >ours.txt

awk -F'|' '
    function shown(x) { return sprintf("%.1f", int(x * 10 + 0.5 + 1e-6) / 10) }
    NR == FNR { mean[$1 "|" $2 "|" $3 "|" $4] = $5; std[$1 "|" $2 "|" $3 "|" $4] = $6; next }
    {
        key = $1 "|" $2 "|" $3 "|" $4
        if (!(key in mean) || mean[key] == "") { if ($2 == "zero-shot CLIP" || '"$([ "$recipe" = zero-shot.yaml ] && echo 0 || echo 1)"') { print "missing: " key; bad = 1 }; next }
        compared++
        gap = mean[key] - $5; if (gap < 0) gap = -gap
        if ($2 == "zero-shot CLIP") { if (shown(mean[key]) != $5) { print key ": " shown(mean[key]) ", expected " $5; bad = 1 } }
        else if (gap > ($3 == "Average" ? 2 : 2 * (std[key] + $6) + 1.5)) { print key ": " mean[key] ", expected " $5 " ± " $6; bad = 1 }
    }
    END { print compared " numbers compared"; exit bad }' ours.txt want.txt || fail "the tables differ"
pass
