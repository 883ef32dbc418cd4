#!/bin/bash
# `trace:` of a sweep and `ggdm trace`: how the first images of each cell came about, computed again
# when all are there, by all ranks, once for cells that share them, and resumed cell by cell.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/trace.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

run() { timeout 120 "$GGDM" run "$@" >out 2>err; }

# Of nine cells three are the unguided one and three have no step that is guided: five trajectories.
sweep 8 4 "0, 0.5, 2" "0, 4, 8" >plain.yaml
{ cat plain.yaml && echo 'trace: {images: 2, every: 3}'; } >a.yaml
run a.yaml --run r --workers 2 && grep -q '10 images of 9 cells traced, 0 cells there already' err &&
    [ "$(cat r/archive/c000?/trace/*.csv | wc -l)" -eq $((18 * 9)) ] && [ "$(ls r/archive/c0000/trace | tr '\n' ' ')" = "000000.csv 000000.png 000001.csv 000001.png trace.json " ]
report $? "the first images of each cell are traced, those that cells share once" || cat out err
grep -q '"file":"archive/c0008/trace/000001.png"' r/report.html
report $? "the report has them" || grep -o '"traces":.\{300\}' r/report.html
"$GGDM" replay r --cell c0007 --image 1 --every 3 --out way >out 2>&1 && cmp way/steps.csv r/archive/c0007/trace/000001.csv && cmp way/strip.png r/archive/c0007/trace/000001.png
report $? "they are what replay shows" || cat out
cmp r/archive/c0000/trace/000000.csv r/archive/c0006/trace/000000.csv && ! cmp -s r/archive/c0000/trace/000000.png r/archive/c0006/trace/000000.png
report $? "cells that share an image have its table, and a picture that names them"

cp -r r again && rm -r again/archive/c000?/trace
run plain.yaml --run again --workers 2 && [ ! -e again/archive/c0000/trace ] && run a.yaml --run again --workers 0 &&
    grep -q '10 images of 9 cells traced' err && diff -r r/archive again/archive
report $? "a finished run is traced where its sweep asks for it later, with the same bytes by one process" || cat out err
ls -l --time-style=full-iso again/archive/*/trace >before && run a.yaml --run again --workers 2 && ! grep -q tracing err && ls -l --time-style=full-iso again/archive/*/trace | cmp before
report $? "what is there is not traced again" || cat out err
rm again/archive/c0004/trace/trace.json again/archive/c0005/trace/000000.png again/archive/c0005/trace/trace.json && touch again/archive/c0004/trace/000009.png
run a.yaml --run again --workers 2 && grep -q '4 images of 2 cells traced, 7 cells there already' err && diff -r r/archive again/archive
report $? "a run that was stopped goes on with the cells that are left" || cat out err

"$GGDM" trace again --images 1 >out 2>err && grep -q '5 images of 9 cells traced' err && [ ! -e again/archive/c0003/trace/000001.png ] && grep -q '"every": null' again/archive/c0003/trace/trace.json
report $? "ggdm trace: other settings take the place of what was there" || cat out err
"$TOOLS/change_pixel" again 5 0 && rm again/archive/c0005/trace/trace.json
"$GGDM" trace again --images 1 >out 2>err
[ $? -eq 1 ] && grep -q 'c0005 image 0: 1 of 64 values of pixels differ' err && grep -q '1 image is not what the run has stored' err && grep -q '"same": false' again/archive/c0005/trace/trace.json
report $? "an image that is not what is stored is told of" || cat out err

"$GGDM" export r --format rocrate --out crate >out 2>err && diff -r r/archive crate/archive && cmp r/report.html crate/report.html &&
    { ! python3 -c '' 2>/dev/null || python3 "$root/tests/support/crate.py" crate Completed; }
report $? "a crate has them" || cat out err
exit $failed
