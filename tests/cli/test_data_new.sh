# Datasets of one's own: from class folders, parts and lists to a table, and what is refused.
. "$SOURCE/tests/cli/lib.sh"
pictures=$SOURCE/recipes/pocket/data/pocket-land/images
mkdir root pics
for class in beach forest lake; do
    mkdir "pics/$class"
    cp "$pictures/$class"/image_000[1-9].jpg "$pictures/$class/image_0010.jpg" "pics/$class/"
done
echo "not a picture" >pics/beach/notes.txt
new() {
    "$promptgrid" data new "$@" --template 'a photo of a {}.' --data root
}

# ---- class folders ----
expect_status 0 new leaves --from pics
same out <<'END'
root/leaves
END
same err <<'END'
promptgrid: warning: 1 file is no JPEG or PNG picture and was left out, the first is 'SCRATCH/pics/beach/notes.txt'
promptgrid: 3 classes; 15 train, 6 val, 9 test images
promptgrid: in a recipe: 'dataset: leaves'
END
same root/leaves/promptgrid-dataset.json <<'END'
{
  "label": "leaves",
  "template": "a photo of a {}.",
  "split": "split_leaves_seed1.json",
  "images": "images",
  "classes": 3,
  "train": 15,
  "val": 6,
  "test": 9,
  "made": {
    "from": "SCRATCH/pics",
    "program": "promptgrid 0.1.0",
    "seed": 1,
    "parts": [
      50,
      20,
      30
    ]
  }
}
END
# CoOp's rule and Python's generator: the same as the split made anew of a known dataset
mkdir -p coop/dtd
cp -r pics coop/dtd/images
rm coop/dtd/images/beach/notes.txt
expect_status 0 "$promptgrid" data split dtd --data coop --out coop.json
cmp coop.json root/leaves/split_leaves_seed1.json || fail "it must be divided as CoOp divides"
expect_status 0 new again --from pics --seed 2 --parts 60,0,40 --label 'My "leaves"'
cmp -s root/again/split_again_seed2.json coop.json && fail "seeds must differ"
expect_status 0 "$promptgrid" data list --data root
grep -E 'leaves' out >some
same some <<'END'
again            My "leaves"            3       18      -     12  root/again
leaves           leaves                 3       15      6      9  root/leaves
END

# ---- it is used like the others ----
cat >own.yaml <<'END'
recipe: own
protocol: few-shot
backbone: pocket
dataset: [leaves, again, pocket-land]
views: none
shots: 2
method:
  - zero-shot
  - coop: {epochs: 2}
table: [{name: main, rows: method, columns: dataset, metrics: [accuracy]}]
END
expect_status 0 "$promptgrid" run own.yaml --data root
expect_status 0 "$promptgrid" table own.yaml --data root
grep -q '^ *leaves  *My "leaves"  *pocket-land' out || fail "tables must have the labels"
expect_status 0 "$promptgrid" check --data root
expect_status 0 "$promptgrid" data check leaves --data root
expect_status 0 "$promptgrid" data sample leaves --data root --shots 1 --seed 1
[ "$(wc -l <out)" -eq 3 ] || fail "a picture of each class"
expect_status 2 "$promptgrid" plan own.yaml
grep -q "own.yaml:4:11: unknown dataset 'leaves'" err || fail "without its root it is not known"

# ---- parts that are given ----
mkdir given
for part in train valid test; do
    cp -r pics "given/$part"
done
rm given/train/beach/notes.txt given/valid/beach/notes.txt given/test/beach/notes.txt
expect_status 0 new given --from given
same err <<'END'
promptgrid: 3 classes; 30 train, 30 val, 30 test images, in the parts that were given
promptgrid: in a recipe: 'dataset: given'
END
grep -q '"train/beach/image_0001.jpg"' root/given/split_given.json || fail "paths of given parts"

# ---- a list ----
cat >pics/list.csv <<'END'
label,File,split
"a ""big"" beach",beach/image_0001.jpg,train
"a ""big"" beach",beach/image_0002.jpg,Test
forest,forest/image_0001.jpg,
forest,forest/image_0002.jpg,
forest,forest/image_0003.jpg,
END
expect_status 0 new listed --from pics/list.csv --parts 34,0,66
grep -q '"a \\"big\\" beach"' root/listed/split_listed_seed1.json || fail "a quoted name"
same err <<'END'
promptgrid: 2 classes; 2 train, 0 val, 3 test images
promptgrid: in a recipe: 'dataset: listed'
END
mv pics/list.csv list.csv
expect_status 0 new listed2 --from list.csv --images pics --parts 34,0,66
cmp root/listed/split_listed_seed1.json root/listed2/split_listed2_seed1.json || fail "--images"
mkdir root/inside
cp -r pics root/inside/all
expect_status 0 new inside --from root/inside/all
grep -q '"images": "all",' root/inside/promptgrid-dataset.json || fail "pictures that lie there"

# ---- what is refused, and leaves nothing ----
refused() {
    printf '%s\n' "$2" >want
    shift 2
    expect_status "$status" "$@"
    plain err >got
    diff -u want got || fail "'$*'"
}
status=2
refused - "promptgrid: error: the name 'dtd' is taken: choose another" new dtd --from pics
refused - "promptgrid: error: 'A b' is no name for a dataset: 1 to 64 of a-z, 0-9, '-', '_'" new 'A b' --from pics
refused - "promptgrid: error: data new: expected --from FOLDER or --from FILE.csv" new x
refused - "promptgrid: error: --parts '50,50': expected percent of train, val and test, as 50,20,30; train and test are not 0" \
    new x --from pics --parts 50,50
refused - "promptgrid: error: dataset 'leaves' is there already, in 'root/leaves': choose another name, or remove its promptgrid-dataset.json" \
    new leaves --from pics
refused - "promptgrid: error: data new: expected --template with {} once, where the class name goes, as --template 'a photo of a {}.'" \
    "$promptgrid" data new x --from pics --data root
refused - "promptgrid: error: no --data or PROMPTGRID_DATA folder was given: which is to hold datasets?" \
    "$promptgrid" data new x --from pics --template '{}'
status=3
refused - "promptgrid: error: unable to open 'nowhere': No such file or directory" new x --from nowhere
refused - "promptgrid: error: 'SCRATCH/pics/beach' holds no pictures in class folders: expected CLASS/PICTURE, or train/CLASS/PICTURE and test/CLASS/PICTURE, or a CSV file" \
    new x --from pics/beach
mkdir few few/a few/b
cp pics/beach/image_0001.jpg few/a
cp pics/beach/image_0002.jpg few/b
status=2
refused - "promptgrid: error: class 'a' has 1 image, too few for parts of 50, 20 and 30 percent" new x --from few
status=3
mkdir few/c
refused - "promptgrid: error: class folder 'SCRATCH/few/c' holds no JPEG or PNG picture" new x --from few
status=2
list() {
    printf 'path,class,split\n%b\n' "$1" >pics/bad.csv
    refused - "promptgrid: error: $2" new x --from pics/bad.csv
}
list '../beach/x.jpg,a' "SCRATCH/pics/bad.csv:2: 2 fields, fewer than the head has"
list '../beach/x.jpg,a,' "SCRATCH/pics/bad.csv:2: the path '../beach/x.jpg' does not lie below the folder of the list; --images names another folder"
list 'x.jpg,,' "SCRATCH/pics/bad.csv:2: the class is empty"
list 'x.jpg,a,trian' "SCRATCH/pics/bad.csv:2: the split is 'trian', expected train, val or test"
list 'x.jpg,"a' "SCRATCH/pics/bad.csv:2: a quote that does not end"
list 'beach/image_0001.jpg,a,test\nbeach/image_0002.jpg,b,train' "class 'a' has no training image"
list 'beach/image_0001.jpg,a,train' "'SCRATCH/pics' holds 1 class, expected two or more"
status=3
list 'beach/no.jpg,a,train\nbeach/image_0002.jpg,b,train' \
    "image 'beach/no.jpg' of the train list is not in 'SCRATCH/pics' (1 of 2 images missing)"
[ -e root/x ] && fail "nothing may be left behind"
pass
