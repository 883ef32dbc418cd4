#!/bin/bash
# `ggdm compare`: what agrees to the bit, what differs, by more than chance, what cannot be compared.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/compare.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

run() { timeout 120 "$GGDM" run --workers 0 "$@" >out 2>err || cat err; }
# compare CODE ARG...: that exit code; a failure says so and nothing else.
compare() {
    timeout 60 "$GGDM" compare "${@:2}" >out 2>err
    local rc=$?
    [ $rc -eq "$1" ] && { [ "$1" -ne 2 ] || [ ! -s out ]; } || { echo "# exit code $rc" && sed 's/^/# /' out err && false; }
}
# says WORDS...: each of these regular expressions in what was printed.
says() {
    for word; do
        grep -qE -e "$word" out err || { echo "# not said: $word" && sed 's/^/# /' out err && return 1; }
    done
}
files() { (cd "$1" && find . -type f -exec sha256sum {} + | sort); }

sweep 8 4 "0, 0.5" "0, 4, 8" >a.yaml
sweep 8 6 "0, 0.5, 2" "0, 8" >b.yaml
run a.yaml --run a
run a.yaml --run again --set precision=fp32
run a.yaml --run bf16 --set precision=bf16
run b.yaml --run b
sweep 8 1 3 4 >c.yaml
run c.yaml --run c
for seed in 0 1; do
    sed 's/, 0.00001, 0.00003//' "$root/examples/two-gaussians.yaml" >g.yaml
    GGDM_ZOO='' run g.yaml --run "g$seed" --set "samples=$((100 - 20 * seed))" --set "seed=$seed"
done

files a >before
compare 0 a again && says '^All other settings are the same' '^6 pairs of cells: 6 agree to the bit, 0 differ; by more than chance differ 0 of 6 by the judge' &&
    [ "$(grep -c '| same *| 4 *| 4 *| 0 ' out)" -eq 6 ] && compare 0 a a && says '6 agree to the bit' && files a | cmp - before
report $? "a run agrees with one of the same sweep, and with itself; nothing is written"

compare 0 a bf16 && says 'precision *\| fp32 *\| bf16' '^6 pairs of cells: 0 agree to the bit, 6 differ; by more' &&
    [ "$(grep -cE '\| other *\| 4 *\| 0 *\| [0-9.]+ *\|$' out)" -eq 6 ] && ! grep -q 'All other settings' out
report $? "another precision is another key, with other pixels"

compare 1 a b && says 'matched by kappa, duration; 1 pair by key' '^  c0004 \(kappa 0.5, duration 4\): no partner' \
    '^  c0005 \(kappa 2, duration 8\): no partner' '^1 cell of A and 1 of B have no partner' '^5 pairs of cells: 5 agree to the bit' \
    '^5 pairs of cells are compared by some of their images' 'c0001 *\| c0004 *\| same, matched by key'
report $? "cells without a partner, and images without one, are named"

compare 0 g0 --against kappa=0 && says 'A: kappa=0; B: all other cells' '\| 0.0001 .*\| 100 *\| 0 *\| [1-9][0-9] .*\*' \
    'by more than chance differ 1 of 1 by the guide' && compare 0 a --against duration=0 && says 'that equals one of these in kappa$' '^4 pairs' &&
    compare 0 a --against c0003 && says 'A: c0003; B: all other cells' '^5 pairs of cells: 3 agree'
report $? "cells of one run are compared with one of them, in pairs by their noise"

compare 0 g0 g1 && says 'seed *\| 0 *\| 1 ' '^2 pairs of cells: 0 agree to the bit, 2 differ; by more than chance differ 0 of 2 by the guide' &&
    [ "$(grep -cE '\| - *\| - *\| - *\| [0-9.]+ *\| [0-9.]+ *\|$' out)" -eq 2 ] && ! grep -q 'of their images' out
report $? "other seeds are no pairs"

run a.yaml --run other --set judge=tiny-cnn
compare 0 a other && says '^Not compared: judge \(another network or other settings in A than in B\)' 'Accuracy by the guide' \
    '^6 pairs of cells: 6 agree to the bit, 0 differ; by more than chance differ 0 of 6 by the guide \(' && ! grep -q 'by the judge' out
report $? "another judge is not compared"

compare 0 a bf16 --json && says '"p_holm": 1' '"test": "mcnemar"' '"setting": "precision"' '"different": 6' &&
    [ "$(grep -c '"mean_abs_difference": [0-9]' out)" -eq 6 ] && compare 0 g0 g1 --json && says '"test": "fisher"' '"same_noise": false'
report $? "--json has all numbers"

# The accuracy of the summary, and of the pairs.
share() { awk -F, -v row="$2" -v name="$3" 'NR == 1 {for (i = 1; i <= NF; i++) if ($i == name) c = i} $1 == row {printf "%.1f", 100 * $c}' "$1/summary.csv"; }
compare 0 g0 --against 0 && says "\| 0.0001 *\| $(share g0 c0000 guide_accuracy) \([0-9-]*\) *\| $(share g0 c0001 guide_accuracy) "
report $? "accuracies are those of the summary"

compare 2 a nowhere && says 'nowhere: no such run directory' && compare 2 zoo a && says 'zoo: no run here' &&
    mkdir broken && head -c 20000 a/ggdm.db >broken/ggdm.db && compare 2 a broken && says 'broken/ggdm.db' &&
    compare 2 a --against kapa=0 && says "did you mean 'kappa'" && compare 2 a --against 'kappa>=0' && says 'all 6 cells are meant' &&
    compare 2 a && says 'expected a second run directory, or --against' && compare 2 a b --against 0 && compare 2 a b again &&
    compare 2 a c && says 'no cell of one has the parameters or the key of a cell of the other \(a: c0000 has kappa 0, duration 0; c: c0000 has kappa 3, duration 4\)'
report $? "what cannot be compared is refused in a sentence"

# A run that is going on has a snapshot, which is looked at.
sed 's/samples: .*/samples: 20000/' g.yaml >long.yaml
GGDM_ZOO='' timeout 60 "$GGDM" run long.yaml --run long --workers 0 >/dev/null 2>&1 &
pid=$!
for _ in $(seq 200); do [ -s long/ggdm.snapshot.db ] && break; sleep 0.1; done
compare 1 g0 long && says 'a coordinator owns the run; this is its snapshot' 'have no image of the same index|compared by some of their images'
report $? "a run that is going on is compared by what is there"
kill -INT $pid && wait $pid
exit "$failed"
