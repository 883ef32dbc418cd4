#!/bin/bash
# `ggdm evaluate` over several ranks: the same numbers, to the last bit, and the same errors.
#   GGDM=PROGRAM TOOLS=DIR tests/mpi/evaluate.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

# Several blocks of images for each rank, and a last one that is not whole.
sweep 8 280 "0, 0.5" "0, 8" >a.yaml # (three of the four cells are one)
timeout 120 "$GGDM" run a.yaml --run r1 --workers 0 >out 2>err || cat err
for ranks in 2 3; do cp -r r1 "r$ranks"; done
all=vendi,inception-score,kid,precision-recall,density-coverage
evaluate() { timeout 120 mpirun -n "$1" --oversubscribe "$GGDM" evaluate "r$1" --metrics "$2" --features "$3" "${@:4}" >out 2>err; }

for ranks in 1 2 3; do evaluate $ranks $all tiny-judge --reference r1/archive/c0001/samples.npz; done && grep -q "28 numbers computed" err &&
    cmp r1/summary.csv r2/summary.csv && cmp r1/summary.csv r3/summary.csv
report $? "any number of ranks has the same numbers" || cat out err

"$TOOLS/ask_store" r3 "UPDATE sample SET data = substr(data, 1, 40) WHERE idx = 70 RETURNING idx" >/dev/null
evaluate 3 vendi pixels
[ $? -eq 2 ] && [ "$(grep -c "c0000: image 70: " err)" -eq 1 ] && evaluate 2 vendi "$root/models/zoo/two-gaussians-judge"
[ $? -eq 2 ] && [ "$(grep -c "image 0: 8 x 8 x 1, expected 2 x 2 x 1" err)" -eq 1 ]
report $? "what one rank finds ends all, and is said once" || cat out err

cp r1/summary.csv before.csv
for ranks in 1 3; do
    timeout 120 mpirun -n $ranks --oversubscribe "$GGDM" evaluate r1 --metrics vendi --features tiny-judge --pooled --json >pooled$ranks 2>err || cat err
done
cmp pooled1 pooled3 && grep -q '"n": 560' pooled1 && grep -q '"metric": "vendi"' pooled1 && cmp before.csv r1/summary.csv &&
    "$GGDM" evaluate r1 --metrics vendi,frechet --features tiny-judge --pooled --reference r1/archive/c0000/samples.npz >out && grep -q "^all images as one set, n = 560" out && grep -q "^  frechet .* against samples.npz@" out
report $? "all images as one set, printed and not kept: those that cells share count once" || cat out err
exit "$failed"
