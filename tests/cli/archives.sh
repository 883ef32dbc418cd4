#!/bin/bash
# What other programs read in the archives of a run: GNU tar, NumPy, Python's tarfile, Pillow, and
# WebDataset's way to read shards; and what `ggdm plan` says of the sheet over all cells beforehand.
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

# ---- the sheet over all cells ----

# says NAME CODE WORDS COMMAND...: that exit code, and the words in its output.
says() {
    local name=$1 code=$2 words=$3
    shift 3
    "$@" >out 2>&1
    [ $? -eq "$code" ] && grep -qF -e "$words" out
    report $? "$name" || sed 's/^/# /' out
}
# side FILE: width and height of a PNG.
side() { od -An -j16 -N8 -tu1 "$1" | awk '{ print 256 * $3 + $4, 256 * $7 + $8 }'; }

sweep 2 1 "$(seq -s, 0 0.25 6.5)" "1, 2" >wide.yaml
says "a plan says what the sheet will be" 0 "sheet          of all cells, 27 x 2, 1 image of each: 2 pages of 1782 x 154 pixels" \
    "$GGDM" plan wide.yaml
"$GGDM" run wide.yaml --run wide --workers 0 >out 2>&1 || sed 's/^/# /' out
[ "$(side wide/figures/sheet-tiles.png) $(side wide/figures/sheet-tiles-2.png)" = "1782 154 228 154" ] && grep -q "figures/sheet.png" out
report $? "and that it is" || sed 's/^/# /' out
sed 's/samples: 1/samples: 100/' wide.yaml >large.yaml && echo 'sheet: 100' >>large.yaml
says "a sheet that is too large is refused" 2 "large.yaml:14:8: field 'sheet': value 100: 27 x 2 cells of so many images would be 14 pages" \
    "$GGDM" plan large.yaml
says "so is one of no image" 2 "expected a number of images of each cell on the sheet over all cells, from 1 to 100" \
    "$GGDM" plan small.yaml --set sheet=0
says "a sheet of more images" 0 "more/report.html" "$GGDM" report small --sheet 4 --out more
[ "$(side more/figures/sheet-tiles.png)" = "290 290" ]
report $? "has them" || side more/figures/sheet-tiles.png
exit $failed
