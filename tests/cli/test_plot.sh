# Figures of a recipe: what is printed and written, and what happens without runs or gnuplot.
. "$SOURCE/tests/cli/lib.sh"
use_fake_runner
small_recipe small.yaml
cat >>small.yaml <<'END'
figure:
  - {name: shots, x: shots, y: accuracy, series: method, panel: dataset}
  - {name: mean, x: shots, y: accuracy}
END

# Before anything has run there is nothing to draw.
expect_status 1 "$promptgrid" plot small.yaml
[ -s out ] && fail "nothing may be printed"
same err <<'END'
promptgrid: warning: figure 'shots' is left out: none of its runs is done
promptgrid: warning: figure 'mean' is left out: none of its runs is done
END

expect_status 2 "$promptgrid" plot --name shot small.yaml
same err <<'END'
promptgrid: error: recipe 'small' has no figure 'shot', did you mean 'shots'?
END

expect_status 0 "$promptgrid" run small.yaml

# Without gnuplot: data and script are kept, and the message names the package.
mkdir empty
expect_status 3 /usr/bin/env PATH="$scratch/empty" "$promptgrid" plot --out figures --name shots \
    small.yaml
[ -s out ] && fail "no path of a picture may be printed"
same err <<'END'
promptgrid: error: gnuplot is not installed (Debian package gnuplot-nox); data and script of figure 'small-shots' are in 'figures'
END
ls figures >names
same names <<'END'
small-shots.gp
small-shots.tsv
END
head -1 figures/small-shots.tsv >line
printf '# x\ty\tspread\tn\twanted\tpanel\tseries\n' | cmp -s - line || fail "not the data's first line"
grep -c zero-shot figures/small-shots.tsv >count # two datasets and the Average
same count <<'END'
3
END

command -v gnuplot >/dev/null || pass
expect_status 0 "$promptgrid" plot small.yaml
same out <<'END'
SCRATCH/w/plots/small-shots.pdf
SCRATCH/w/plots/small-shots.svg
SCRATCH/w/plots/small-shots.png
SCRATCH/w/plots/small-shots.tsv
SCRATCH/w/plots/small-shots.gp
SCRATCH/w/plots/small-mean.pdf
SCRATCH/w/plots/small-mean.svg
SCRATCH/w/plots/small-mean.png
SCRATCH/w/plots/small-mean.tsv
SCRATCH/w/plots/small-mean.gp
END
while read -r path; do
    [ -s "$path" ] || fail "'$path' is empty"
done <out

# The same runs give the same data and script.
cp w/plots/small-shots.gp w/plots/small-shots.tsv .
expect_status 0 "$promptgrid" plot --json small.yaml
grep -c small-mean out >count
same count <<'END'
5
END
cmp w/plots/small-shots.gp small-shots.gp || fail "another script"
cmp w/plots/small-shots.tsv small-shots.tsv || fail "other data"
cmp -s figures/small-shots.tsv small-shots.tsv || fail "other data with and without gnuplot"
pass
