#!/bin/bash
# What other programs read in the archives of a run: GNU tar, NumPy, Python's tarfile, Pillow, and
# WebDataset's way to read shards.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/archives.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"
python=/usr/bin/python3 # whose packages are Debian's

sweep 8 5 "0, 0.5" "4, 8" >small.yaml
"$GGDM" run small.yaml --run small --workers 0 >out 2>&1 || sed 's/^/# /' out
"$GGDM" export small --format png --out pictures >out 2>&1 || sed 's/^/# /' out

# GNU tar: names in the order of the images; files are those of `ggdm export`.
mkdir files
for shard in small/archive/c*/samples.tar; do
    cell=$(basename "$(dirname "$shard")")
    for i in 0 1 2 3 4; do echo "${cell}_00000$i.png" && echo "${cell}_00000$i.json"; done >want
    tar --list --file "$shard" >got 2>err && [ ! -s err ] && cmp got want || break
    tar --extract --file "$shard" --directory files || break
    for i in 0 1 2 3 4; do cmp "files/${cell}_00000$i.png" "pictures/$cell/00000$i.png" || break 2; done
done && [ "$(find files -name '*.png' | wc -l)" -eq 20 ]
report $? "GNU tar reads the files that export writes" || sed 's/^/# /' err

name="NumPy, tarfile, Pillow and WebDataset's way agree on all images"
if $python -c 'import numpy, PIL' 2>/dev/null; then
    $python "$root/tests/support/read_archives.py" small >got 2>&1 && [ "$(cat got)" = "20 images" ]
    report $? "$name" || sed 's/^/# /' got
else
    report 0 "$name # SKIP python3-numpy and python3-pil are not installed"
fi
exit $failed
