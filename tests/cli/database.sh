#!/bin/bash
# What docs/DATABASE.md says works with plain SQLite, at rest and while a run goes on, and readers of
# this program find a run from its first moment on.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/database.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"
page=$root/docs/DATABASE.md

# blocks LANGUAGE: the code of its blocks; with N only that of the N-th.
blocks() {
    awk -v start="^\`\`\`$1$" -v n="${2:-0}" '/^```/ { on = $0 ~ start; i += on; next } on && (!n || i == n)' "$page"
}
ask() { "$TOOLS/ask_store" "$@" 2>err || { sed 's/^/# /' err; return 1; }; }

sweep 8 5 "0, 0.5, 2" "0, 4, 8" >small.yaml
"$GGDM" run small.yaml --run small --workers 0 >out 2>&1 || sed 's/^/# /' out
[ "$(blocks sql | grep -c ';$')" -eq 3 ]
report $? "there are three examples"
chmod a-w small small/ggdm.db
ask small "$(blocks sql 1)" >got
# The same from summary.csv: kappa, and the mean of the cells' judge_accuracy.
awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    { n[$at["kappa"]] += $at["n"]; right[$at["kappa"]] += $at["n"] * $at["judge_accuracy"] }
    END { for (k in n) print k + 0, n[k], sprintf("%.3f", right[k] / n[k]) }' small/summary.csv | sort -n >want
[ -s want ] && awk -F'|' '{ print $1 + 0, $2, sprintf("%.3f", $3) }' got | cmp - want
report $? "accuracy by kappa is that of summary.csv" || sed 's/^/# /' got want
# The tiny guide is never right; in a copy they change places.
cp -r small swapped && chmod u+w swapped swapped/ggdm.db
ask swapped "UPDATE panel SET name = CASE name WHEN 'guide' THEN 'judge' WHEN 'judge' THEN 'guide' ELSE name END RETURNING 1" >got
ask swapped "$(blocks sql 2)" >got && awk -F'|' 'NF != 3 || $1 == $2 { exit 1 } { n += $3 } END { exit n != 45 }' got
report $? "what the judge saw instead"
ask small "$(blocks sql 3)" >got && [ "$(cut -d'|' -f1 got | tr '\n' ' ')" = "0.0 0.5 2.0 " ]
report $? "the best duration of each kappa"
name="pandas and NumPy"
if python3 -c 'import numpy, pandas' 2>/dev/null; then
    blocks python 1 >ten.py
    [ "$(grep -c . ten.py)" -le 10 ] && python3 ten.py small >got 2>&1 && grep -q "(45, 8, 8, 1) (45, 10)" got
    report $? "$name" || sed 's/^/# /' got
else
    report 0 "$name # SKIP python3-numpy and python3-pandas are not installed"
fi
name="what images noted on their way, read by NumPy"
if python3 -c 'import numpy' 2>/dev/null; then
    blocks python 2 >records.py
    # 9 cells of 5 images, all of which got to the last of 8 steps; 4 cells are guided.
    python3 records.py small >got 2>&1 && [ "$(grep -c 'False \[ *7[. ]' got)" -eq 45 ] &&
        [ "$(grep -c "\['classifier'\] False" got)" -eq 20 ]
    report $? "$name" || sed 's/^/# /' got
else
    report 0 "$name # SKIP python3-numpy is not installed"
fi
chmod u+w small small/ggdm.db

# ---- of an older program ----

mkdir old && cp "$root/tests/support/data/store-v3.db" old/ggdm.db && sha256sum old/ggdm.db >before
looked=0
for command in "status" "introspect" "evaluate --out looked" "report --out looked" "export --format csv --out looked"; do
    # shellcheck disable=SC2086 # a command and its options
    "$GGDM" $command old >out 2>&1 || { looked=1; sed 's/^/# /' out; }
done
[ $looked -eq 0 ] && sha256sum -c --quiet before && [ -z "$(ls old | grep -E 'ggdm.db.|snapshot')" ]
report $? "commands that look leave the database of an older program as it is"
refused=0
for command in "retry old" "cancel old" "run small.yaml --run old" "run small.yaml --run old --add"; do
    # shellcheck disable=SC2086
    ! "$GGDM" $command >out 2>&1 && grep -q "is of ggdm test (schema version 3), with which this run is to be finished" out || {
        refused=1; sed 's/^/# /' out; }
done
[ $refused -eq 0 ] && sha256sum -c --quiet before
report $? "those that write say which program finishes it"

# ---- from the first moment of a run on ----

sweep 8 40000 "0, 0.5, 2" "0, 4, 8" >long.yaml
"$GGDM" run long.yaml --run long --workers 1 >run.out 2>&1 &
pid=$!
for _ in $(seq 600); do
    "$GGDM" introspect long >out 2>&1 && break
    sleep 0.02
done
missed=0
for _ in $(seq 15); do
    "$GGDM" introspect long >out 2>&1 || { missed=1; sed 's/^/# /' out; }
done
report $missed "once a run is there, readers always find it"
! ask long "SELECT count(*) FROM v_cells" >got && [ "$(ask long/ggdm.snapshot.db "SELECT count(*) FROM v_cells")" -eq 9 ]
report $? "the database is locked, its snapshot is for everybody"
kill -TERM $pid
wait $pid
[ ! -e long/ggdm.snapshot.db ] && [ "$(ask long "SELECT count(*) FROM v_cells")" -eq 9 ]
report $? "at rest the database takes its place"
exit $failed
