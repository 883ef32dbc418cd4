#!/bin/bash
# Sweeps that end themselves: the same decisions, numbers and archives for any number of workers,
# without MPI, and after kill -9 in the middle of a round.
#   GGDM=PROGRAM TOOLS=DIR tests/mpi/until.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

# The tiny judge sees a 0 everywhere, the guide does not.  A kappa of 30 lets most images diverge.
grows() { sweep 40 6 "$1" "$2" | sed '/^samples/d; s/target: 0/target: 2/' && echo "until: {$3}"; }
grows "0, 2, 8" "20, 40" "measure: guide, halfwidth: 0.16, at_most: 34, block: 6" >width.yaml
grows "0, 8, 30" "20, 40" "measure: guide, best: 0.6, at_most: 34, block: 6" >race.yaml

run() { timeout 120 "$GGDM" run "$@" >>out 2>&1; }

# ask RUN SQL: from a copy, the database has one owner.
ask() { rm -rf look && mkdir look && cp "$1"/ggdm.db* look/ && "$TOOLS/ask_store" look "$2"; }

# decided RUN: every decision with its numbers, and what each cell came to.
decided() {
    ask "$1" "SELECT to_state, message FROM event WHERE unit = -1 ORDER BY id"
    ask "$1" "SELECT cell, settings, value, lo, hi, n, wanted FROM result JOIN cell ON idx = cell WHERE metric = 'until'"
}

# alike RUN: archives, decisions and summary are those of the run called reference.
alike() {
    same "$1" && decided reference >want.decided && decided "$1" >got.decided &&
        cmp want.decided got.decided && cmp reference/summary.csv "$1/summary.csv"
}

run width.yaml --run reference --workers 0 && [ "$(digests reference | wc -l)" -eq 12 ]
report $? "a sweep ends itself" || { cat out; exit 1; }

# More than one round, not the same for all; no cell is open, none beyond the bound.
[ "$(ask reference "SELECT count(DISTINCT wanted) > 1, min(wanted) >= 6, max(wanted) <= 34, sum(wanted <> n), \
sum(settings NOT IN ('narrow', 'at-most')) FROM cell JOIN result ON idx = cell WHERE metric = 'until'")" = "1|1|1|0|0" ]
report $? "its cells have images as their intervals ask for" || decided reference

head -1 reference/summary.csv | grep -q ",diverged,until,guide" && grep -q '"interval": "time-uniform 95 %"' reference/summary.json &&
    grep -q "time-uniform 95 % intervals" reference/report.html && "$GGDM" status reference | grep -q "narrow  *[0-9.]* of [0-9]"
report $? "and say which intervals theirs are"

run width.yaml --run one --workers 1 --batch 3 && alike one && run width.yaml --run three --workers 3 --batch 4 && alike three
report $? "one worker and three come to the same"

# A world that is killed as a whole after each decision goes on to the same end.
killed() {
    local seen=0 now pid kills=0
    while [ $kills -lt 2 ]; do
        timeout 120 "$GGDM" run width.yaml --run killed --workers 2 >>out 2>&1 &
        pid=$!
        now=$seen
        while kill -0 $pid 2>/dev/null && [ "$now" -le "$seen" ]; do
            sleep 0.05
            now=$(ask killed "SELECT count(*) FROM event WHERE unit = -1" 2>/dev/null || echo 0)
        done
        kill -0 $pid 2>/dev/null || break
        kill -9 $(descendants $pid) $pid 2>/dev/null
        wait $pid 2>/dev/null
        seen=$now
        kills=$((kills + 1))
    done
    [ $kills -gt 0 ] && run width.yaml --run killed --workers 0 && alike killed
}
killed
report $? "after kill -9 between rounds, too" || tail -5 out

# All images are there, and the last decision is not: nothing is done but that.
undecided() {
    run width.yaml --run late --workers 0 && same late || return 1
    "$TOOLS/ask_store" late "DELETE FROM event WHERE unit = -1 AND message LIKE '% of 34: %' RETURNING 1" >out.sql &&
        "$TOOLS/ask_store" late "UPDATE result SET settings = 'open', n = 30 WHERE metric = 'until' AND n = 34 RETURNING 1" >>out.sql || return 1
    rm late/status.json late/summary.csv && "$GGDM" status late | grep -q "continue   ggdm run late/sweep.yaml" &&
        run width.yaml --run late --workers 0 && alike late && ! "$GGDM" status late | grep -q continue &&
        run width.yaml --run late --workers 0 && alike late
}
undecided
report $? "between the last result and the decision, too" || { cat out.sql; tail -5 out; }

run race.yaml --run race --workers 2 && [ "$(ask race "SELECT sum(settings = 'open'), sum(settings IN ('best', 'at-most')) > 0 \
FROM result WHERE metric = 'until'")" = "0|1" ] && run race.yaml --run again --workers 0 &&
    decided race >want.decided && decided again >got.decided && cmp want.decided got.decided
report $? "a race ends with who is left" || decided race

# Another sweep has its own race, and uses what is there.
run race.yaml --run reference --add --workers 0 &&
    [ "$(ask reference "SELECT count(*), sum(settings = 'open') FROM result WHERE metric = 'until'")" = "12|0" ] &&
    ask reference "SELECT settings, n FROM result WHERE metric = 'until' AND cell >= 6 ORDER BY cell" >got &&
    ask race "SELECT settings, n FROM result WHERE metric = 'until' ORDER BY cell" >want && cmp want got
report $? "a sweep that is added decides as it does alone"

"$GGDM" compare race again >out.compare 2>&1 && grep -q "race: cells ended themselves (until)" out.compare
report $? "compare says what its p values hold for" || cat out.compare

"$GGDM" plan width.yaml --run none | grep -q "until  *half width 0.16, by guide: 6 to 34 images a cell, 6 a round; 30 to 170 distinct ones" &&
    "$GGDM" plan width.yaml --run none --json | grep -q '"images_most": 170' && [ ! -e none ]
report $? "plan says the least and the most"

! "$GGDM" run width.yaml --run shard --shard 0/2 >out.shard 2>&1 && grep -q "width.yaml:.*field 'until': expected none with shards" out.shard &&
    ! "$GGDM" submit width.yaml --shards 2 --nodes 1 --time 10 --dry-run --run shard >out.shard 2>&1 && grep -q "expected none with shards" out.shard &&
    ! "$GGDM" run width.yaml --run x --set 'until={best: 0.9, at_most: 40, measure: nobody}' >out.x 2>&1 &&
    grep -q "field 'until.measure': value 'nobody', expected a classifier .*some have guide, judge" out.x && [ ! -e shard ] && [ ! -e x ]
report $? "what cannot be is refused" || cat out.shard out.x

exit $failed
