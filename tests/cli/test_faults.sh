# Bad input and bad places, with the real runner: each a plain error, and nothing lost.
. "$SOURCE/tests/cli/lib.sh"
pocket=$SOURCE/recipes/pocket
recipe() { # BACKBONE
    cat <<END
recipe: faults
protocol: few-shot
backbone: $1
dataset: [pocket-land, pocket-shapes]
views: none
shots: 1
seed: 1
method:
  - zero-shot
  - coop: {epochs: 1}
table: [{name: main, rows: method, columns: dataset, metrics: [accuracy]}]
END
}
recipe pocket >good.yaml

# A truncated picture fails its bank with a reason; the other dataset goes on.
mkdir data
cp -r "$pocket/data/pocket-land" data/
image=data/pocket-land/images/beach/image_0001.jpg
cp $image whole.jpg
head -c 700 whole.jpg >$image
expect_status 1 "$promptgrid" run --jobs 1 --data data --workspace w1 good.yaml
tail -4 err >end
same end <<'END'
promptgrid: error: 1 run failed:
  pocket-land train images: unable to decode image 'SCRATCH/data/pocket-land/images/beach/image_0001.jpg': the file is truncated; log SCRATCH/w1/logs/RUN.1.log; to repeat it: SCRATCH/w1/runner/RUN/promptgrid-runner run SCRATCH/w1/jobs/RUN.json
promptgrid: 1 run was not started: what it needs failed
promptgrid: 6 runs done in TIME; 'promptgrid run --jobs 1 --data data --workspace w1 good.yaml' tries the rest again
END

# Without the picture nothing is started; with it, only what is missing.
rm $image
expect_status 3 "$promptgrid" run --jobs 1 --data data --workspace w1 good.yaml
same err <<'END'
promptgrid: warning: 2 of 6 runs cannot run here:
dataset 'pocket-land': image 'beach/image_0001.jpg' of the train list is not in 'data/pocket-land/images' (1 of 552 images missing)
promptgrid: error: something is missing for 'good.yaml'; --keep-going runs what can be run
END
expect_status 1 "$promptgrid" run --keep-going --jobs 1 --data data --workspace w2 good.yaml
tail -1 err >end
same end <<'END'
promptgrid: 4 runs done in TIME; 'promptgrid table good.yaml --workspace w2 --data data' compares them
END
cp whole.jpg $image
expect_status 0 "$promptgrid" run --jobs 1 --data data --workspace w1 good.yaml
sed 's/: test [0-9.]*//' err >plainer
same plainer <<'END'
[1/2] pocket-land train images (TIME)
[2/2] pocket-land coop 1 shot seed 1 (TIME)
promptgrid: 2 runs done in TIME; 'promptgrid table good.yaml --workspace w1 --data data' compares them
END

# Weights: cut off, a header longer than the file, no merges file.
mkdir bb
cp "$pocket/bpe_pocket.txt" bb/
recipe "$scratch/bb" >bad.yaml
weights_error() {
    expect_status 1 "$promptgrid" run --jobs 1 --max-failures 1 --workspace w4 bad.yaml
    sed -n 's/^promptgrid: error: pocket-land test images failed: //p' err
}
head -c 100000 "$pocket/model.safetensors" >bb/model.safetensors
weights_error >reasons
printf '\377\377\377\377\377\377\377\177{}' >bb/model.safetensors
weights_error >>reasons
same reasons <<'END'
'SCRATCH/bb/model.safetensors': tensor 'token_embedding.weight' has the offsets 41476 to 273668, the file has 92224 bytes of data
'SCRATCH/bb/model.safetensors': header says 9223372036854775807 bytes, the file has 10
END
rm bb/bpe_pocket.txt
expect_status 3 "$promptgrid" run --workspace w4 bad.yaml
same err <<'END'
promptgrid: warning: 4 of 4 runs cannot run here:
folder 'SCRATCH/bb' holds no merges file bpe*.txt, bpe*.txt.gz or merges.txt
promptgrid: error: something is missing for 'bad.yaml'; --keep-going runs what can be run
END

# A store of a newer version is refused and left alone.
if command -v sqlite3 >/dev/null; then
    sqlite3 w1/promptgrid.sqlite 'PRAGMA user_version = 999'
    expect_status 2 "$promptgrid" run --workspace w1 good.yaml
    grep -q "store version 999" err || fail "no word of the newer version"
    [ "$(sqlite3 w1/promptgrid.sqlite 'PRAGMA user_version')" = 999 ] || fail "it was changed"
fi

# A full disk stops the grid; with room again the same command goes on where it was.
mkdir disk
room=$(($(stat -c %s "$BUILD/promptgrid-runner") / 1024)) # of the copy that a grid keeps
if mount -t tmpfs -o size=$((room + 1000))k promptgrid-test disk 2>/dev/null; then
    expect_status 3 "$promptgrid" run --jobs 1 --workspace disk/w good.yaml
    before=$(grep -c '^\[' err)
    tail -1 err >end
    mount -o remount,size=$((room + 8000))k disk
    expect_status 0 "$promptgrid" run --jobs 1 --workspace disk/w good.yaml
    after=$(grep -c '^\[' err)
    mount -o remount,ro disk
    expect_status 3 "$promptgrid" run --workspace disk/w good.yaml
    cp err readonly
    expect_status 0 "$promptgrid" table --workspace disk/w good.yaml
    umount disk
    # Which file meets the end of the room first depends on the size of the runner's blocks.
    grep -Eq "^promptgrid: error: .*(the disk is full; free some space|No space left on device)" end ||
        fail "expected a full disk: $(cat end)"
    [ $((before + after)) -eq 8 ] || fail "$before and $after runs instead of 8 in all"
    same readonly <<'END'
promptgrid: error: cannot write 'disk/w/promptgrid.sqlite.lock': Read-only file system
END
fi
pass
