# The most probable classes of images: by a run's prompt, by class names alone, of any file.
. "$SOURCE/tests/cli/lib.sh"
land=$SOURCE/recipes/pocket/data/pocket-land/images
one=$(find "$land" -type f | sort | sed -n 1p)
two=$(find "$land" -type f | sort | sed -n 60p)
cp "$one" one.jpg
cp "$two" two.jpg
printf 'forest\nhighway\nriver_bank\n' >names.txt

# ---- class names alone ----
expect_status 0 "$promptgrid" classify --backbone pocket --classes names.txt one.jpg two.jpg
sed 's/^ *[0-9]*\.[0-9]* %/  P %/' out >shown
sorted_same shown <<'END2'
one.jpg
  P %  forest
  P %  highway
  P %  river bank
two.jpg
  P %  forest
  P %  highway
  P %  river bank
END2
awk '/%/ {n++; sum += $1; if (n > 1 && n % 3 != 1 && $1 > last) bad = 1; last = $1}
    n == 3 {if (sum < 99.9 || sum > 100.1) bad = 1; n = 0; sum = 0} END {exit bad}' out ||
    fail "probabilities in order that make 100 %: $(cat out)"
# the same numbers as the features give by hand
expect_status 0 "$promptgrid" embed --backbone pocket --image one.jpg --text 'a photo of a forest.' \
    --text 'a photo of a highway.' --text 'a photo of a river bank.'
sed 's/a photo of a \(.*\)\./\1/' out >by_hand
expect_status 0 "$promptgrid" classify --backbone pocket --classes names.txt one.jpg
cmp out by_hand || fail "classify is not what embed says: $(cat out by_hand)"
expect_status 0 "$promptgrid" classify --backbone pocket --classes names.txt --top 1 --json one.jpg
grep -q '"class": "' out || fail "$(cat out)"
[ "$(grep -c '"probability"' out)" -eq 1 ] || fail "--top 1: $(cat out)"
expect_status 0 "$promptgrid" classify --backbone pocket --classes names.txt one.jpg
cp out plain
expect_status 0 "$promptgrid" classify --backbone pocket --classes names.txt --template 'a drawing of {}' one.jpg
cmp -s out plain && fail "the template must count"
expect_status 0 "$promptgrid" classify --backbone pocket --dataset pocket-land one.jpg
[ "$(wc -l <out)" -eq 6 ] || fail "five of the dataset's classes: $(cat out)"

# ---- a run's prompt, with its own classes, and with others ----
cat >r.yaml <<'END2'
recipe: tiny
protocol: few-shot
backbone: pocket
dataset: pocket-land
views: none
shots: 2
method: [{coop: {epochs: 3, lr: 0.1}}, {coop: {epochs: 1, class-specific: "yes", context: "", length: 2}}]
END2
expect_status 0 "$promptgrid" run r.yaml
own=$(basename "$(grep -l 'class-specific\\":\\"yes' w/prompts/*)" .safetensors)
run=$(basename "$(grep -l 'class-specific\\":\\"no' w/prompts/*)" .safetensors)
find "$land" -type f | sort >all
# the first class of each image is what the run predicted in its test
"$promptgrid" show "$run" --json >run.json
expect_status 0 "$promptgrid" data check pocket-land
/usr/bin/python3 - "$SOURCE/recipes/pocket/data/pocket-land" >tested <<'END2'
import json, sys
split = json.load(open(sys.argv[1] + "/split_zhou_pocket-land.json"))
print("\n".join(sys.argv[1] + "/images/" + path for path, _, _ in split["test"]))
END2
# shellcheck disable=SC2046 # one word a line
expect_status 0 "$promptgrid" classify --prompt "$(echo "$run" | cut -c1-12)" --top 1 --json $(cat tested)
/usr/bin/python3 - <<'END2' || fail "classify and the run's test differ"
import json
told = [image["top"][0]["index"] for image in json.load(open("out"))]
[run] = json.load(open("run.json"))["predictions"]
assert len(told) == len(run["labels"]) and told == run["labels"], (told, run["labels"])
END2
expect_status 0 "$promptgrid" classify --prompt "$run" --classes names.txt --top 1 one.jpg
expect_status 0 "$promptgrid" classify --prompt "$own" --top 1 one.jpg
expect_status 2 "$promptgrid" classify --prompt "$own" --classes names.txt one.jpg
grep -q "has a context for each of the 12 classes it was trained on; 3 are given" err || fail "$(cat err)"

# ---- images that cannot be read are named, the others classified ----
head -c 500 one.jpg >short.jpg
echo text >text.jpg
expect_status 1 "$promptgrid" classify --backbone pocket --classes names.txt --top 1 short.jpg one.jpg text.jpg gone.jpg
[ "$(sed -n 1p out)" = one.jpg ] && [ "$(wc -l <out)" -eq 2 ] || fail "$(cat out)"
grep -q "'short.jpg'" err && grep -q "'text.jpg' is neither JPEG nor PNG" err && grep -q "'gone.jpg'" err ||
    fail "$(cat err)"
expect_status 1 "$promptgrid" classify --backbone pocket --classes names.txt --json one.jpg text.jpg
grep -q '"error": "image .text.jpg. is neither JPEG nor PNG"' out || fail "$(cat out)"

# ---- what is wrong is said ----
expect_status 2 "$promptgrid" classify one.jpg
grep -q "expected --prompt RUN|FILE, or --backbone NAME|DIR" err || fail "$(cat err)"
expect_status 2 "$promptgrid" classify --backbone pocket one.jpg
grep -q "which classes?" err || fail "$(cat err)"
expect_status 2 "$promptgrid" classify --backbone pocket --classes names.txt
grep -q "an image is missing" err || fail "$(cat err)"
expect_status 3 "$promptgrid" classify --backbone pockt --classes names.txt one.jpg
expect_status 2 "$promptgrid" classify --backbone pocket --classes names.txt --template 'no hole' one.jpg
grep -q "has no {} for the class name" err || fail "$(cat err)"
expect_status 2 "$promptgrid" classify --prompt "$run" --template 'a {}' one.jpg
expect_status 2 "$promptgrid" classify --backbone pocket --classes names.txt --top 0 one.jpg
expect_status 3 "$promptgrid" classify --backbone pocket --classes nothing.txt one.jpg
: >empty.txt
expect_status 2 "$promptgrid" classify --backbone pocket --classes empty.txt one.jpg
grep -q "'empty.txt' has no class name: expected one a line" err || fail "$(cat err)"
printf 'cat\ncat\n' >twice.txt
expect_status 2 "$promptgrid" classify --backbone pocket --classes twice.txt one.jpg
grep -q "twice.txt:2: class 'cat' stands there twice" err || fail "$(cat err)"
expect_status 3 "$promptgrid" classify --prompt 0000aaaa one.jpg
grep -q "'0000aaaa' is neither a file nor a run with a result" err || fail "$(cat err)"
expect_status 2 "$promptgrid" classify --promt x one.jpg
grep -q "prompt" err || fail "$(cat err)"
expect_status 0 "$promptgrid" classify --help
pass
