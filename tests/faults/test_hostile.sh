# F37, F38, F41, F44, F45: hostile recipes and names. They are refused with their place, in a second of
# processor time and little memory, or taken as the data that they are: nothing is run, nothing is read
# or written elsewhere, the screen shows no control character.
# shellcheck disable=SC2016 # what looks like an expansion is a name
. "$SOURCE/tests/faults/lib.sh"
use_fake_runner
small_home
tiny_recipe tiny.yaml
golden tiny.yaml --jobs 1

# bounded COMMAND...: with a second of processor time and little memory beyond what it is made of
bounded() {
    memory=$(on_asan unlimited $((600 << 20)))
    prlimit --cpu="$(on_asan 10 1)" --as="$memory" timeout 20 "$@"
}
harmless() { # CASE: of the output in out and err
    [ -e canary ] && fail "$1: a name was run"
    tr -d '\n' <err | grep -q '[[:cntrl:]]' && fail "$1: control characters on the screen"
    tr -d '\n\t' <out | grep -q '[[:cntrl:]]' && fail "$1: control characters on the screen"
    # C1 controls, as UTF-8 has them
    cat out err | grep -q "$(printf '\302[\200-\237]')" && fail "$1: control characters on the screen"
    return 0
}

# refused RECIPE ERROR: the first line of the error, whole or up to a star
refused() {
    bounded "$promptgrid" plan "$1" >out 2>err
    status=$?
    [ $status -eq 2 ] || [ $status -eq 3 ] || fail "$1: exit status $status: $(head -3 err)"
    line=$(head -1 err)
    # shellcheck disable=SC2254 # the star is meant
    case $line in
    "promptgrid: error: "$2) ;;
    *) fail "$1: '$line' instead of '$2'" ;;
    esac
    harmless "$1"
    faults=$((faults + 1))
}

# ---- F37: recipes ----

with() { # KEY VALUE: the recipe with another value, in odd.yaml
    awk -v key="$1" 'BEGIN {value = ARGV[1]; ARGV[1] = ""}
        index($0, key ": ") == 1 {print key ": " value; next} {print}' "$2" <tiny.yaml >odd.yaml
}
head -c 200000 /dev/zero | tr '\0' '[' >deep.yaml
refused deep.yaml 'deep.yaml:1:33: more than 32 levels'
truncate -s 1G huge.yaml
refused huge.yaml "'huge.yaml' has 1073741824 bytes, more than the limit of 1048576"
awk 'BEGIN {printf "recipe: x\na: ["; for (i = 0; i < 300000; i++) printf "1, "; print "1]"}' >wide.yaml
refused wide.yaml 'wide.yaml:2:*: more than * values'
{
    cat tiny.yaml
    for key in epochs lr batch; do
        awk -v key=$key 'BEGIN {printf "%s: [", key; for (i = 1; i < 1000; i++) printf "%d, ", i; print "1000]"}'
    done
} >grid.yaml
refused grid.yaml 'grid.yaml:*: *'
grep -q 'over the limit of 100000' err || fail "not refused for its size: $(head -1 err)"
awk 'BEGIN {print "a0: &a0 [1,1,1,1,1,1,1,1,1,1]"; for (i = 1; i < 12; i++) {printf "a%d: &a%d [", i, i
    for (k = 0; k < 10; k++) printf "%s*a%d", k ? "," : "", i - 1; print "]"}}' >bomb.yaml
refused bomb.yaml 'bomb.yaml:*: its aliases expand to more than * values'
printf 'recipe: x\na: &a [*a]\n' >cycle.yaml
refused cycle.yaml "cycle.yaml:2:8: alias '*a' has no complete anchor before it"
printf 'recipe: x\nrecipe: y\n' >twice.yaml
refused twice.yaml "twice.yaml:2:1: duplicate key 'recipe', first given in line 1"
printf 'recipe: x\0y\n' >nul.yaml
refused nul.yaml 'nul.yaml:1:10: a NUL byte; a recipe is text'
printf 'recipe: "x\\0y"\n' >escape.yaml
refused escape.yaml 'escape.yaml:1:9: a NUL byte; a recipe is text'
printf 'recipe: \377\376\n' >bytes.yaml
refused bytes.yaml 'bytes.yaml:1:9: invalid UTF-8'
with seed 99999999999999999999
refused odd.yaml "odd.yaml:*: 'seed' is '99999999999999999999', expected a whole number from 0 to *"
with shots -9223372036854775809
refused odd.yaml "odd.yaml:*: 'shots' is '-9223372036854775809', expected *"
for target in /etc/passwd ../tiny.yaml ./../tiny.yaml; do
    printf 'recipe: x\nextends: %s\n' $target >extends.yaml
    refused extends.yaml 'extends.yaml:2:10: expected the name of a file in the same folder'
done
printf 'recipe: x\nextends: extends.yaml\n' >extends.yaml
refused extends.yaml "extends.yaml:2:10: 'extends.yaml' extends itself"
printf 'recipe: x\nextends: two.yaml\n' >one.yaml
printf 'recipe: x\nextends: one.yaml\n' >two.yaml
refused one.yaml "./two.yaml:2:10: 'one.yaml' extends itself"
for text in '$HOME' '${HOME}' '%s%s%n%x' '~root' '!!python/object:os.system' '`id`'; do
    with dataset "$text"
    refused odd.yaml "odd.yaml:*"
    grep -qF "$HOME" err && fail "'$text' was expanded"
done
mkdir folder.yaml
mkfifo fifo.yaml
ln -s loop.yaml loop.yaml
: >empty.yaml
refused folder.yaml "'folder.yaml' is not a regular file"
refused fifo.yaml "'fifo.yaml' is not a regular file"
refused /dev/zero "'/dev/zero' is not a regular file"
refused loop.yaml "unable to open 'loop.yaml': Too many levels of symbolic links"
refused empty.yaml 'empty.yaml:1:1: the file is empty'
{
    printf '\357\273\277'
    cat tiny.yaml
} >bom.yaml
expect_status 0 bounded "$promptgrid" plan --workspace golden bom.yaml # what an editor may have put there

# ---- F38, F41, F44: names ----

find . -path ./tmp -prune -o -print | sort >before
bad='../x
/etc
.
..
-rf
--help
a/b
*
Robert'"'"'); DROP TABLE run;--
$(touch canary)
`touch canary`
;touch canary
"\e[2J\x07"
"\u009b2J"
"x\ty"
"\u202egnp"
"new\nline"
'"$(printf %0300d 1)"
printf '%s\n' "$bad" >names
while IFS= read -r name; do
    for key in recipe dataset protocol views; do
        with $key "$name"
        refused odd.yaml 'odd.yaml:*'
    done
    with backbone "$name" # may be a folder, but there is none that holds a model
    refused odd.yaml '*'
    for key in table figure; do
        awk -v key=$key 'BEGIN {value = ARGV[1]; ARGV[1] = ""} index($0, key ": [{name: ") == 1 {
            sub(/name: [a-z]*/, ""); sub(/\{/, ""); print key ": [{name: " value $0; next} {print}' \
            "$name" <tiny.yaml >odd.yaml
        refused odd.yaml 'odd.yaml:*'
    done
    bounded "$promptgrid" show --workspace golden "$name" >out 2>err
    status=$?
    [ $status -eq 2 ] || [ $status -eq 3 ] || [ "$name" = --help ] || fail "show $name: exit status $status"
    harmless "show $name"
    for option in --where --name --metrics --sort --against --format --delta; do
        bounded "$promptgrid" table --workspace golden "$option=$name" tiny.yaml >out 2>err
        status=$?
        [ $status -ge 1 ] && [ $status -le 3 ] || fail "table $option='$name': exit status $status"
        harmless "table $option='$name'"
    done
done <names
find . -path ./tmp -prune -o -print | sort | grep -Ev '^./(odd.yaml|out|err|names|before|after)$' >after
grep -Ev '^./(odd.yaml|out|err|names|before|after)$' before | cmp - after || fail "files came or went"
sqlite3 golden/promptgrid.sqlite "SELECT count(*) FROM run" >count
[ "$(cat count)" = 6 ] || fail "the store was changed"

# Words of a recipe that are shown: what could steer a terminal is spelled out.
with recipe 'tiny
about: "\e[2J\x07 \u009b31m \u202e \u0000a"'
refused odd.yaml 'odd.yaml:2:8: a NUL byte; a recipe is text'
with recipe 'tiny
about: "\e[2J\x07 \u009b31m \u202e"'
for command in plan status table; do
    expect_status 0 "$promptgrid" $command --workspace golden odd.yaml
    harmless "$command with a hostile 'about'"
done

# ---- F45: programs and paths are words, never a shell's text ----

odd_folder='run;touch canary; $(touch canary) `touch canary` "x'
mkdir "$odd_folder"
cp "$BUILD/tests/fake-runner" "$odd_folder/"
cp tiny.yaml "$odd_folder/; touch canary.yaml"
fresh
PROMPTGRID_RUNNER="$scratch/$odd_folder/fake-runner" "$promptgrid" run --jobs 1 --workspace w \
    "$odd_folder/; touch canary.yaml" >out.fault 2>err.fault
status=$?
[ -e canary ] && fail "a name was run"
invariants "a runner in a folder with an odd name" 0
export PROMPTGRID_RUNNER="$scratch/nothing; touch canary"
expect_status 3 "$promptgrid" run --workspace none tiny.yaml
harmless "a runner that is not there"
use_fake_runner
# The command that repeats a run is quoted so that a shell runs just that.
expect_status 0 "$promptgrid" run --jobs 1 --workspace "$odd_folder/w" tiny.yaml
sqlite3 "$odd_folder/w/promptgrid.sqlite" "SELECT command FROM attempt LIMIT 1" >by_hand
sh ./by_hand >said 2>&1 # the fake runner prints its words
[ -e canary ] && fail "the command that repeats a run runs a name"
grep -qF "$odd_folder/w/jobs/" said || fail "the command that repeats a run is '$(cat by_hand)': $(cat said)"
echo "$faults faults"
pass
