# Datasets looked at: images that are no images, manifests and what they are good for, other layouts.
. "$SOURCE/tests/cli/lib.sh"
pictures=$SOURCE/recipes/pocket/data/pocket-land
check() {
    "$promptgrid" data check "$@" --data root
}
# fresh: pocket-land in a root of our own
fresh() {
    rm -rf root
    mkdir root
    cp -r "$pictures" root/pocket-land
    images=root/pocket-land/images
}

# ---- what is wrong with images ----
fresh
: >$images/beach/image_0001.jpg
head -c 400 $images/beach/image_0002.jpg >short.jpg
mv short.jpg $images/beach/image_0002.jpg
echo '<!DOCTYPE html><html>gone</html>' >$images/beach/image_0003.jpg
rm $images/beach/image_0004.jpg
printf 'GIF89a' >$images/beach/image_0005.jpg
expect_status 1 check pocket-land
sed -E 's/\((train|val|test)\)/(PART)/' out >some
same some <<'END'
pocket-land in 'root/pocket-land': 12 classes; 240 train, 72 val, 240 test images, 4 of 552 with problems
counts: the official ones
manifest: none; --deep --write makes one
unusable: 'beach/image_0001.jpg' (PART) is empty, neither JPEG nor PNG
unusable: 'beach/image_0003.jpg' (PART) is a web page, neither JPEG nor PNG
missing: 'beach/image_0004.jpg' (PART) is not there
unusable: 'beach/image_0005.jpg' (PART) is GIF, neither JPEG nor PNG
END
same err <<'END'
promptgrid: error: dataset 'pocket-land': 4 of 552 images cannot be used
promptgrid: 'promptgrid data link pocket-land FOLDER' finds them by their names in another folder, also where all lie in one, 'root/pocket-land' itself included
END
expect_status 1 check pocket-land --deep
grep -q "^unusable: 'beach/image_0002.jpg' (.*) the file is truncated$" out || fail "a cut image"
expect_status 1 check pocket-land --deep --write
[ -e root/pocket-land/manifest.sha256 ] && fail "no manifest of what has problems"
expect_status 1 check pocket-land --json
grep -q '"kind": "missing"' out || fail "problems in JSON"
expect_status 2 check pocket-land --write
same err <<'END'
promptgrid: error: --write is for --deep: a manifest has the hash of every image
END

# ---- the manifest ----
fresh
png=$(ls "$SOURCE"/recipes/pocket/data/*/images/*/*.png 2>/dev/null | head -1)
[ -z "$png" ] || cp "$png" $images/beach/image_0001.jpg
expect_status 0 check pocket-land --deep --write
grep -q "^manifest: written, 'root/pocket-land/manifest.sha256'$" out || fail "the manifest"
(cd root/pocket-land && sha256sum -c --quiet manifest.sha256) || fail "sha256sum must agree"
[ "$(wc -l <root/pocket-land/manifest.sha256)" -eq 553 ] || fail "552 images and the split"
expect_status 0 check pocket-land --deep
grep -q '^manifest: holds$' out || fail "it must hold"
content=$(sha256sum root/pocket-land/manifest.sha256 | cut -d' ' -f1)
grep -q "^content: $content (SHA-256 of the manifest)$" out || fail "the content's hash"

cat >small.yaml <<'END'
recipe: small
protocol: few-shot
backbone: pocket
dataset: pocket-land
views: none
method: zero-shot
END
expect_status 0 "$promptgrid" run small.yaml --data root
expect_status 0 "$promptgrid" check --data root
tested=$(grep -o '"test":\[\["[^"]*"' root/pocket-land/split_zhou_pocket-land.json | cut -d'"' -f4)
[ -f "$images/$tested" ] || fail "no picture to test with"
# other images of the same names: the bank no longer belongs to them
cp $images/lake/image_0002.jpg "$images/$tested"
expect_status 0 "$promptgrid" check --data root
expect_status 1 check pocket-land --deep
grep -q "^changed: '$tested' (.*) its SHA-256 is not the manifest's$" out || fail "changed"
rm -rf w
expect_status 1 "$promptgrid" run small.yaml --data root
grep -q "image '$tested' is another than when manifest.sha256 was written: its SHA-256 is" err ||
    fail "a run must not use another image: $(cat err)"
rm -f root/pocket-land/manifest.sha256
expect_status 0 "$promptgrid" run small.yaml --data root
cp $images/lake/image_0003.jpg "$images/$tested"
expect_status 0 check pocket-land --deep --write
expect_status 1 "$promptgrid" check --data root
grep -q "it was made of other images than those of '$scratch/root/pocket-land/manifest.sha256': their hash is" out ||
    fail "a bank of other images: $(cat out)"
# a manifest of other lists
sed -i '/split_zhou/d' root/pocket-land/manifest.sha256
expect_status 1 check pocket-land --deep
grep -q "is not of these lists; --deep --write makes it anew$" err || fail "lists of another day"
echo "no manifest" >root/pocket-land/manifest.sha256
expect_status 1 check pocket-land
same err <<'END'
promptgrid: error: dataset 'pocket-land': root/pocket-land/manifest.sha256:1: expected a SHA-256 and a path below the folder
END

# ---- several at once ----
fresh
expect_status 0 check
[ "$(grep -c ' classes; ' out)" -eq 5 ] || fail "all that are there"
expect_status 0 check pocket-land pocket-shapes --json
[ "$(grep -c '"content": null' out)" -eq 2 ] || fail "an array of two"

# ---- other layouts ----
# linked WHAT: the dataset is whole afterwards
linked() {
    expect_status 0 check pocket-land --deep
    grep -q 'all there and decoded$' out || fail "$1: $(cat out)"
}
link() {
    "$promptgrid" data link pocket-land "$1" --data root
}
fresh # one link to the folder that holds it all
mkdir -p other/deep
mv $images other/deep/pictures
expect_status 0 link other
same err <<'END'
promptgrid: 1 link made; 'promptgrid data check pocket-land' looks at every image
END
[ "$(readlink $images)" = "$scratch/other/deep/pictures" ] || fail "one link"
linked "elsewhere"
expect_status 0 link other
grep -q '0 links made' err || fail "nothing is left to do"
fresh # all pictures in one folder
rm -rf other
mkdir other
for class in $images/*; do
    for picture in "$class"/*; do
        mv "$picture" "other/$(basename "$picture")" 2>/dev/null
    done
done
expect_status 3 link other # every class has an image_0001.jpg
grep -q "^promptgrid: error: '$scratch/other/image_[0-9]*.jpg' could be 'images/.*' and 'images/.*': the folders of classes are needed to tell them apart$" err ||
    fail "nobody can tell: $(cat err)"
[ -e $images/beach/image_0001.jpg ] && fail "nothing may be linked"
rm other/image_0001.jpg
expect_status 3 link other
grep -q "'$scratch/other' does not hold '.*/image_0001.jpg', which the split names$" err || fail "not there"
fresh # flat, with names of their own: as ImageNet's or Flowers'
sed -i 's#"\([a-z_]*\)/image_\([0-9]*\).jpg"#"\1/\1_\2.jpg"#g' root/pocket-land/split_*.json
for class in $images/*; do
    for picture in "$class"/*; do
        mv "$picture" "$images/$(basename "$class")_$(basename "$picture" | sed 's/image_//')"
    done
    rmdir "$class"
done
expect_status 1 check pocket-land
expect_status 0 link $images
linked "flat"
fresh # a folder too many, as Kaggle's Cars
mkdir root/more
mv $images/beach root/more/beach
mkdir $images/beach
mv root/more/beach $images/beach/beach
expect_status 1 check pocket-land
expect_status 0 link $images/beach
linked "a folder too many"
mkdir -p root/ILSVRC root/oxford-iiit-pet
expect_status 3 check oxford_pets
grep -q "^promptgrid: 'root/oxford-iiit-pet' may hold it, as torchvision has it: 'promptgrid data link oxford_pets root/oxford-iiit-pet' makes it CoOp's$" err ||
    fail "torchvision's layout must be recognised: $(cat err)"
expect_status 3 check imagenet
grep -q "^promptgrid: 'root/ILSVRC' may hold it, as Kaggle has it" err || fail "Kaggle's layout"
expect_status 3 "$promptgrid" data link oxford_pets root/oxford-iiit-pet --data root
grep -q "has to be there first: 'promptgrid data fetch oxford_pets'$" err || fail "without a split"
expect_status 3 "$promptgrid" data link imagenet root/ILSVRC --data root
grep -q "no folder with train and val of 1000 class folders" err || fail "an empty layout"
pass
