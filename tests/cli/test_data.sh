# Datasets on the command line: the list, checks, splits made anew, and what a plan says of them.
. "$SOURCE/tests/cli/lib.sh"
pocket=$SOURCE/recipes/pocket/data

# ---- list ----
mkdir -p root/dtd/images/banded root/dtd/images/woven
expect_status 0 "$promptgrid" data list --data root
grep -E 'DATASET|dtd|imagenet_a|pocket-land' out | sed "s#$SOURCE#SOURCE#" >some
same some <<'END'
DATASET          LABEL            CLASSES    TRAIN    VAL   TEST  WHERE
dtd              DTD                   47     2820   1128   1692  root/dtd
imagenet_a       ImageNet-A           200        -      -   7500  missing
pocket-land      pocket-land           12      240     72    240  SOURCE/recipes/pocket/data/pocket-land
END
expect_status 0 "$promptgrid" data list --json
grep -A8 '"ImageNet-R"' out >some
same some <<'END'
    "label": "ImageNet-R",
    "classes": 200,
    "train": null,
    "val": null,
    "test": 30000,
    "target": true,
    "folder": null
  },
  {
END

# ---- check ----
expect_status 0 "$promptgrid" data check pocket-land
sed "s#$SOURCE#SOURCE#" out >some
same some <<'END'
pocket-land in 'SOURCE/recipes/pocket/data/pocket-land': 12 classes; 240 train, 72 val, 240 test images, all there
counts: the official ones
manifest: none; --deep --write makes one
END
expect_status 3 "$promptgrid" data check dtd --data root
same err <<'END'
promptgrid: error: dataset 'dtd': unable to open 'root/dtd/split_zhou_DescribableTextures.json': No such file or directory
promptgrid: 'promptgrid data fetch dtd' gets what is missing, 'promptgrid data show dtd' says from where
promptgrid: 'promptgrid data split dtd' makes a missing split of its kind, though not the official one
END
expect_status 3 "$promptgrid" data check eurosat --data root
expect_status 2 "$promptgrid" data check pocket-lnad
same err <<'END'
promptgrid: error: unknown dataset 'pocket-lnad', did you mean 'pocket-land'?
END

# ---- split ----
for i in 1 2 3 4 5 6 7 8 9 10; do
    : >"root/dtd/images/banded/$i.jpg"
    : >"root/dtd/images/woven/w$i.jpg"
done
expect_status 0 "$promptgrid" data split dtd --data root
same out <<'END'
root/dtd/split_regenerated_DescribableTextures_seed1.json
END
grep -q "this is not the official split" err || fail "a new split must not pass for the official one"
cp root/dtd/split_regenerated_DescribableTextures_seed1.json first
expect_status 0 "$promptgrid" data split dtd --data root --seed 1 --out second
cmp first second || fail "a seed must give one split"
expect_status 0 "$promptgrid" data split dtd --data root --seed 2
cmp -s first root/dtd/split_regenerated_DescribableTextures_seed2.json && fail "seeds must differ"
expect_status 0 "$promptgrid" data split dtd --data root # the same again is no harm
expect_status 2 "$promptgrid" data split dtd --data root --seed 2 --out second
same err <<'END'
promptgrid: error: 'second' is there already and holds something else: name another file with --out
END
expect_status 3 "$promptgrid" data check dtd --data root # nothing reads it by itself
expect_status 2 "$promptgrid" data split stanford_cars
same err <<'END'
promptgrid: error: the split of 'stanford_cars' cannot be made anew: its annotations are MATLAB files, which are not read; get 'split_zhou_StanfordCars.json' from its authors
END

# ---- a number of classes that is not the dataset's ----
cp first root/dtd/split_zhou_DescribableTextures.json
expect_status 1 "$promptgrid" data check dtd --data root
same err <<'END'
promptgrid: error: dataset 'dtd': unexpected class count in 'root/dtd/images': found 2, expected 47
END
cat >dtd.yaml <<'END'
recipe: dtd
protocol: few-shot
backbone: pocket
dataset: dtd
method: zero-shot
END
expect_status 3 "$promptgrid" plan dtd.yaml --data root
grep -q '^- .* blocked  unusable: dataset .dtd.$' out || fail "the run must be blocked"
grep -q "^dataset 'dtd': unexpected class count in 'root/dtd/images': found 2, expected 47$" err ||
    fail "the plan must say what is wrong"

# ---- fewer images than official, or than shots ----
# Class 3 has three training pictures, the others 20.
mkdir -p own/pocket-land
ln -s "$pocket/pocket-land/images" own/pocket-land/images
label=0 train='' test=''
for class in own/pocket-land/images/*; do
    n=0 name=$(basename "$class")
    for picture in "$class"/*; do
        n=$((n + 1))
        entry="[\"$name/$(basename "$picture")\", $label, \"$name\"]"
        if [ $n -gt 20 ] || { [ $label -eq 3 ] && [ $n -gt 3 ]; }; then
            test="$test, $entry"
        else
            train="$train, $entry"
        fi
    done
    [ $label -eq 0 ] && first=$name
    [ $label -eq 3 ] && third=$name
    label=$((label + 1))
done
echo "{\"train\": [${train#,}], \"val\": [], \"test\": [${test#,}]}" \
    >own/pocket-land/split_zhou_pocket-land.json
cat >few.yaml <<'END'
recipe: few
protocol: few-shot
backbone: pocket
dataset: pocket-land
views: none
shots: [2, 16, 25]
seed: [1, 2]
method: [coop, rlp]
END
expect_status 0 "$promptgrid" plan few.yaml --data own
same err <<END
promptgrid: warning: not the official 'pocket-land': train 223, officially 240; val 0, officially 72; test 329, officially 240
promptgrid: warning: dataset 'pocket-land': class '$third' has 3 images, fewer than 16 shots; it is taken whole
promptgrid: warning: dataset 'pocket-land': class '$first' has 20 images, fewer than 25 shots; it and 11 more of 12 classes are taken whole
END
expect_status 0 "$promptgrid" data check pocket-land --data own
grep '^counts' out >some
same some <<'END'
counts: not the official 'pocket-land': train 223, officially 240; val 0, officially 72; test 329, officially 240
END
expect_status 0 "$promptgrid" data sample pocket-land --data own --shots 16 --seed 1
[ "$(wc -l <out)" -eq 179 ] || fail "expected 11 x 16 + 3 pictures"

# ---- targets ----
mkdir -p root/imagenet-adversarial/imagenet-a
for i in $(seq -w 0 199); do
    mkdir "root/imagenet-adversarial/imagenet-a/n0$i"
    ln -s "$pocket/pocket-land/images/beach/image_0001.jpg" \
        "root/imagenet-adversarial/imagenet-a/n0$i/a.jpg"
    echo "n0$i thing $i"
done >root/imagenet-adversarial/classnames.txt
echo "not a class" >root/imagenet-adversarial/imagenet-a/README.txt
sed 's/pocket-land/[pocket-land, imagenet_a]/' few.yaml >target.yaml
expect_status 2 "$promptgrid" plan target.yaml --data root
same err <<'END'
promptgrid: error: target.yaml:8: 'imagenet_a' is an evaluation target: it has no training images for 'coop'
END
expect_status 2 "$promptgrid" data sample imagenet_a --data root --shots 1 --seed 1
same err <<'END'
promptgrid: error: 'imagenet_a' is an evaluation target: it has no training images
END
sed 's/dataset: dtd/dataset: imagenet_a/' dtd.yaml >zero.yaml
expect_status 0 "$promptgrid" run zero.yaml --data root
expect_status 0 "$promptgrid" table zero.yaml --data root
grep -q '^zero-shot CLIP  0.5$' out || fail "one picture of 200 classes: one of 200 is right"

expect_status 0 "$promptgrid" data --help
grep -q '^  split DATASET  *make a missing split file anew$' out || fail "no help for data split"
pass
