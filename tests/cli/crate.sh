#!/bin/bash
# `ggdm export --format rocrate`: a run as a directory that can be cited, which is a run directory.
# Its metadata is read by a program that knows RO-Crate and not ggdm (with python3 only).
#   GGDM=PROGRAM TOOLS=DIR tests/cli/crate.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

# describes DIR STATUS NAME
describes() {
    if python3 -c '' 2>/dev/null; then
        python3 "$root/tests/support/crate.py" "$1" "$2" 2>err
        report $? "$3" || cat err
    else
        report 0 "$3 # SKIP python3 is not installed"
    fi
}

printf -- '---\ntags: [tests]\nlicense: cc-by-4.0\n---\nThe guide of these tests.\nlicense: none\n' >zoo/tiny-cnn/README.md
sweep 8 4 "0, 0.5" "0, 8" >a.yaml
sweep 8 4 "3" "8" >b.yaml
timeout 120 "$GGDM" run --workers 0 a.yaml --run r >out 2>err &&
    timeout 120 "$GGDM" run --workers 0 b.yaml --run r --add >out 2>err || cat err
"$GGDM" export r --format rocrate --out sub/crate/ >out 2>err
report $? "a run becomes a crate" || cat out err
describes sub/crate Completed "its metadata is RO-Crate 1.1: every reference leads somewhere, every file is listed with size and SHA-256"
for file in sweep.yaml sweep-2.yaml summary.csv report.html figures/accuracy.svg archive/c0003/samples.tar archive/c0004/sheet.png; do
    cmp "r/$file" "sub/crate/$file" || break
done && ! ls sub | grep -qv '^crate$' && [ ! -e sub/crate/models.json ]
report $? "what is in it are the bytes of the run, and no path of this machine's models"
grep -q '"subjectOf": {' sub/crate/ro-crate-metadata.json && cmp zoo/tiny-cnn/README.md sub/crate/cards/tiny-cnn-*/README.md &&
    [ "$(ls sub/crate/cards | wc -l)" -eq 1 ] && [ "$(grep -c '"license":' sub/crate/ro-crate-metadata.json)" -eq 2 ] && grep -q '"license": "cc-by-4.0"' sub/crate/ro-crate-metadata.json && grep -q '^ *"description": "ggdm run sweep.yaml; ggdm run sweep-2.yaml --add"' sub/crate/ro-crate-metadata.json &&
    [ "$(ls sub/crate/recipes | wc -l)" -eq 5 ] && grep -q '"kappa = 0.5, duration = 8; 4 images, 0 of them diverged"' sub/crate/ro-crate-metadata.json
report $? "models' cards, recipes, commands, what each cell is" || ls sub/crate/*

sleep 1 && TZ=Asia/Tokyo "$GGDM" export sub/crate --format rocrate --out again >out 2>err && diff -r sub/crate again
report $? "the same run is the same bytes, also as a crate of the crate" || cat out err
name="what CITING.md says before publishing makes a crate of authors and a licence"
if command -v jq >/dev/null && python3 -c '' 2>/dev/null; then
    cp -r again night-crate && sed -n "/^jq '/,/^  night-crate/p" "$root/docs/CITING.md" >publish && bash -e publish &&
        python3 "$root/tests/support/crate.py" night-crate Completed 2>err && grep -q '"agent": {' night-crate/ro-crate-metadata.json
    report $? "$name" || cat err
else
    report 0 "$name # SKIP jq or python3 is not installed"
fi
chmod -R a-w again
"$GGDM" status again >out 2>err && grep -q '12 of 12 distinct images' out && "$GGDM" verify again --sample 12 >out 2>err && diff -r sub/crate again
report $? "a crate is a run directory: it is looked at and verified, and stays as it is" || cat out err
chmod -R u+w again && "$TOOLS/change_pixel" again 3 2 && ! "$GGDM" verify again --sample 12 >out 2>err && grep -q 'c0003 image 2' out
report $? "a pixel that was changed in a crate is found" || cat out err
! python3 -c '' 2>/dev/null || ! python3 "$root/tests/support/crate.py" again Completed 2>err
report $? "and by its SHA-256"

# A run that is half done, of an older program; its models are not these.
mkdir half && cp "$root/tests/support/data/store-v4.db" half/ggdm.db
"$GGDM" export half --format rocrate --out half.crate >out 2>err && grep -q "model 'mnist-cnn': its card is left out: .* has the digest" err &&
    grep -q '10 of 50 distinct images of 9 cells' half.crate/ro-crate-metadata.json && grep -q '"Incomplete"' half.crate/ro-crate-metadata.json && [ ! -e half.crate/cards ]
report $? "a crate says how complete it is; a model that is another by now has no card in it" || cat out err
describes half.crate Active "and that it goes on"
cp -r half live && mv live/ggdm.db live/ggdm.snapshot.db && cp r/ggdm.db live/ggdm.db &&
    printf '%-639s\n' "token 0123 host elsewhere boot b space s pid 1 started 1 job 77 epoch 1 file 0 beat 1 at 1" >live/ggdm.db.owner
"$GGDM" export live --format rocrate --out live.crate >out 2>err && diff -r half.crate live.crate
report $? "a run that somebody owns is exported from its snapshot" || cat out err

echo mine >again.txt && mkdir full && echo mine >full/notes
says 2 "a directory that is not empty" "full: is not empty, expected a new or an empty directory" -- "$GGDM" export r -f rocrate -o full
says 2 "a file" "again.txt: expected a new or an empty directory" -- "$GGDM" export r -f rocrate -o again.txt
says 2 "no place" "--out is missing" -- "$GGDM" export r -f rocrate
says 2 "some cells of a run" "--cell: a crate has all cells" -- "$GGDM" export r -f rocrate -o x --cell c0001
timeout 120 "$GGDM" run --workers 0 a.yaml --run shard --shard 1/2 >out 2>err
says 2 "a shard" "is shard 1 of 2" "ggdm merge" -- "$GGDM" export shard -f rocrate -o x
mkdir old && cp "$root/tests/support/data/store-v3.db" old/ggdm.db
! "$GGDM" export old -f rocrate -o x >out 2>&1 && [ ! -e x ] && ! ls | grep -q 'x.tmp' && [ "$(cat full/notes again.txt)" = $'mine\nmine' ]
report $? "a crate that cannot be made leaves nothing behind" || ls
exit $failed
