#!/bin/bash
# A run grows: cells of another sweep beside what was put back and cancelled, and what is told of it.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/add.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

sweep 8 4 "0, 0.5" "0, 4, 8" >a.yaml
sweep 8 4 "0, 0.5, 2" "0, 4, 8" >b.yaml
# run ARG...: into r, without a world.
run() { timeout 120 "$GGDM" run --run r --workers 0 "$@" >out 2>err; }

run a.yaml && "$GGDM" retry r >out && "$GGDM" cancel r --cell 5 >>out && run b.yaml --add &&
    grep -q "2 new, 7 already done, 0 already queued$" err && [ "$(wc -l <r/summary.csv)" -eq 16 ] &&
    "$GGDM" cancel r --cell 14 >out && "$GGDM" retry r >>out && "$GGDM" doctor r >>out
report $? "retry, cancel, --add, cancel, retry, in this order" || cat out err

grep -q "tiny: 15 cells, 20 distinct images" <(run b.yaml && cat out) &&
    "$GGDM" status r | grep -q "20 of 20 distinct images (60 asked for)"
report $? "distinct images and those asked for are both told"

cmp a.yaml r/sweep.yaml && cmp b.yaml r/sweep-2.yaml && grep -q '{"name":"sweep.yaml"' r/report.html &&
    grep -q '{"name":"sweep-2.yaml"' r/report.html && grep -q "kappa: \[0, 0.5, 2\]" r/report.html
report $? "every sweep is in the run directory and in the report"

# More images and a judge, afterwards and from the start: the last rows of the summary, value by
# value, as columns come in the order in which the run got them.
grep -v judge a.yaml >none.yaml
sed 's/samples: 4/samples: 7/' a.yaml >more.yaml
rows() { (head -n 1 "$1/summary.csv" && tail -n 6 "$1/summary.csv") | awk -F, 'NR == 1 { n = split($0, name); next } { for (i = 2; i <= n; i++) print NR, name[i], $i }' | sort; }
run more.yaml --run late-whole && run none.yaml --run late && run a.yaml --run late --add &&
    [ "$("$TOOLS/ask_store" late "SELECT count(*) FROM unit JOIN tree ON tree.id = tree WHERE steps = 0")" -gt 0 ] &&
    run more.yaml --run late --add && "$GGDM" doctor late >out && rows late >got &&
    rows late-whole >want && [ "$(grep -c "judge_accuracy 1$" got)" -eq 6 ] && cmp want got
report $? "a judge and more images that are added later are as from the start" || cat out err got want

# Modes of files, and names that a library might read as something else.
(umask 002 && "$GGDM" run a.yaml --run 'file:r?mode=memory&x=%41' --workers 0 >out 2>err) &&
    [ -s 'file:r?mode=memory&x=%41/ggdm.db' ] && [ -z "$(find file:r* -type f ! -perm 664)" ]
report $? "a run named like a URI is a directory, its files have the mode of the umask" || find file:r* -type f ! -perm 664 -ls

long=$(printf 'd%.0s' $(seq 200))
"$GGDM" run a.yaml --run "$long/$long/$long/r" --workers 0 >out 2>err
[ $? -eq 2 ] && grep -q "path is too long" err && [ ! -e "$long" ]
report $? "a path that SQLite cannot take is refused before anything is made" || cat err

# Weights that are finite, scores that are not.
cp -r zoo odd
weights=odd/tiny-judge/model.safetensors
head=$((8 + $(od -An -tu8 -N8 "$weights"))) size=$(stat -c %s "$weights")
{
    head -c "$head" "$weights"
    printf '\xe6\xb1\x61\x7f%.0s' $(seq $(((size - head) / 4))) # 3e38
} >odd/huge && mv odd/huge "$weights"
GGDM_ZOO=$PWD/odd "$GGDM" run a.yaml --run odd-run --workers 0 >out 2>err &&
    grep -q "warning: judge 'tiny-judge' gave no finite score to 24 of 24 images" err &&
    grep -q "^ *0.5 *- *- *-$" out && [ "$(grep -c ',0,,,,,,,4,[^,]*,[^,]*,4,0,[0-9a-f]*$' odd-run/summary.csv)" -eq 6 ] &&
    grep -q "4 without a score" odd-run/report.html && grep -q '"unscored":{"judge":4}' odd-run/report.html && ! grep -qi "nan" odd-run/summary.json
report $? "a judge without finite scores has no figure, and a warning names it" || cat out err odd-run/summary.csv

# Images that are made now would have other bits.
cp -r r elsewhere
record() { "$TOOLS/ask_store" elsewhere "UPDATE run SET value = '$2' WHERE key = '$1' RETURNING key" >out; }
refused() { ! "$GGDM" run a.yaml --run elsewhere --workers 0 >out 2>err && grep -q "$1" err; }
record library "oneDNN 1.0.0" &&
    refused "the version of oneDNN was 'oneDNN 1.0.0' when the run began, now 'oneDNN" &&
    record library "" && "$GGDM" run a.yaml --run elsewhere --workers 0 >out 2>err &&
    record bits 00ff && refused "the digest of the self-check .* was '00ff' when the run began"
report $? "a run goes on only with the library and the bits it began with" || cat out err

exit $failed
