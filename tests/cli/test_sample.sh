# The few-shot selection on the command line, against CPython's picks.
. "$SOURCE/tests/cli/lib.sh"
runner=$BUILD/promptgrid-runner

# Every line of the oracle for the pocket datasets with seed 3: the hash of the joined paths.
grep '^recipes/.* 3 [0-9]* [0-9a-f]*$' "$SOURCE/tests/oracle/fewshot/picks.txt" >lines
while read -r file part shots seed n digest; do
    name=$(basename "$(dirname "$file")")
    expect_status 0 "$runner" sample "$name" --shots "$shots" --seed "$seed" --split "$part"
    [ "$(wc -l <out)" -eq "$n" ] || fail "$name: expected $n paths"
    found=$(printf %s "$(cat out)" | sha256sum | cut -d' ' -f1)
    [ "$found" = "$digest" ] || fail "$name $part, $shots shots, seed $seed: other paths than CPython's"
done <lines
[ "$(wc -l <lines)" -eq 50 ] || fail "expected 50 cases in the oracle"

expect_status 0 "$runner" sample pocket-land --shots 1 --seed 1 --json
head -11 out >some
same some <<'END'
[
  {
    "path": "beach/image_0005.jpg",
    "label": 0,
    "class": "beach"
  },
  {
    "path": "crop_field/image_0019.jpg",
    "label": 1,
    "class": "crop field"
  },
END

# A root of one's own; a split needs no pictures here, and its names may hold anything.
mkdir -p "root/dtd"
printf '%s' '{"train":[["a\nb.jpg",0,"x\"y\n"]],"val":[],"test":[]}' \
    >root/dtd/split_zhou_DescribableTextures.json
expect_status 0 "$runner" sample dtd --shots 1 --seed 1 --data root
same out <<'END'
a\x0ab.jpg
END
PROMPTGRID_DATA=none:root expect_status 0 "$runner" sample dtd --shots 1 --seed 1 --json
same out <<'END'
[
  {
    "path": "a\nb.jpg",
    "label": 0,
    "class": "x\"y\n"
  }
]
END

expect_status 3 "$runner" sample caltech101 --shots 1 --seed 1 --data root
sed "s#$SOURCE#SOURCE#" err >some
same some <<'END'
promptgrid: error: dataset 'caltech101' was not found: no folder 'root/caltech-101', 'SOURCE/recipes/pocket/data/caltech-101'; set --data or PROMPTGRID_DATA to the folder that holds 'caltech-101', or 'promptgrid data fetch caltech101'
END
printf '{"train": [\n' >root/dtd/split_zhou_DescribableTextures.json
"$runner" sample dtd --shots 1 --seed 1 --data root >out 2>err && fail "bad JSON was read"
same err <<'END'
promptgrid: error: root/dtd/split_zhou_DescribableTextures.json:2:0: ']' expected near end of file
END
expect_status 2 "$runner" sample pocket-lnad --shots 1 --seed 1
same err <<'END'
promptgrid: error: unknown dataset 'pocket-lnad', did you mean 'pocket-land'?
END
expect_status 2 "$runner" sample pocket-land --shots 1
same err <<'END'
promptgrid: error: data sample: expected --shots K (from 1) and --seed S (from 0)
END
expect_status 2 "$runner" sample pocket-land --shots 1 --seed 1 --split test
same err <<'END'
promptgrid: error: data sample: unknown split 'test', expected train or val
END
if [ -w /dev/full ]; then
    "$runner" sample pocket-land --shots 1 --seed 1 >/dev/full 2>err
    [ $? -eq 3 ] || fail "a full disk must give exit status 3"
fi
pass
