#!/bin/bash
# `ggdm run --shard I/N` and `ggdm merge`: the archives and the summary of one run; refusals.
#   GGDM=PROGRAM TOOLS=DIR tests/mpi/shards.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/supervised.sh"

sweep 12 6 "0, 0.5, 2" "0, 6, 12" >small.yaml
run() { "$GGDM" run small.yaml --batch 4 "$@" >out 2>&1 || { sed 's/^/# /' out; return 1; }; }
run --run reference --workers 0
report $? "reference run"

# fails NAME CODE TEXT COMMAND...
fails() {
    local name=$1 code=$2 text=$3 rc
    shift 3
    "$@" >out 2>&1
    rc=$?
    [ $rc -eq "$code" ] && grep -qF -e "$text" out
    report $? "$name" && [ "$failed" -eq 0 ] || { echo "# exit code $rc"; sed 's/^/# /' out; }
}

fails "more shards than units" 2 "expected at most one of each" \
    "$GGDM" run small.yaml --shard 0/5000 --run none --workers 0
fails "a shard that is none" 2 "I from 0 to N - 1" "$GGDM" run small.yaml --shard 3/3 --workers 0
[ ! -e none ]
report $? "nothing is written then"

run --shard 0/3 --workers 0 && run --shard 2/3 --workers 0
report $? "two shards of three"
fails "a shard that is missing" 2 "each once" "$GGDM" merge merged runs/tiny/shards/{0,2}
run --shard 1/3 --workers 1
report $? "the third in an MPI world"
fails "a shard that comes twice" 2 "each once" "$GGDM" merge merged runs/tiny/shards/{0,1,1}
fails "the same shard as a whole run" 2 "--shard" "$GGDM" run small.yaml --run runs/tiny/shards/0 --workers 0

# A shard that is not done: one unit is put back.
cp -r runs/tiny/shards/1 undone
"$TOOLS/ask_store" undone "UPDATE unit SET state = 'ready' WHERE id = (SELECT min(id) FROM unit) RETURNING id" >out 2>&1
"$TOOLS/ask_store" undone "UPDATE counter SET value = value + (CASE name WHEN 'ready' THEN 1 ELSE -1 END) WHERE name IN ('ready', 'done') RETURNING name" >>out 2>&1
fails "a shard that is not done" 75 "1 unit is left to do" "$GGDM" merge merged runs/tiny/shards/{0,2} undone

sed 's/seed: 11/seed: 12/' small.yaml >other.yaml
"$GGDM" run other.yaml --shard 1/3 --run other --workers 0 >out 2>&1
fails "a shard of another sweep" 2 "the sweep is" "$GGDM" merge merged runs/tiny/shards/{0,2} other
cp -r runs/tiny/shards/1 newer
"$TOOLS/ask_store" newer "UPDATE run SET value = '9.9.9' WHERE key = 'version' RETURNING key" >out 2>&1
fails "a shard of another version" 2 "version of ggdm is '9.9.9'" "$GGDM" merge merged runs/tiny/shards/{0,2} newer
fails "shards that do not fit, into a deeper directory" 2 "each once" "$GGDM" merge up/and/down runs/tiny/shards/{0,2}
[ ! -e merged ] && [ ! -e up ]
report $? "nothing is merged then, no directory is left"

joined() {
    "$GGDM" merge merged runs/tiny/shards/{2,0,1} >out 2>&1 && same merged && at_rest merged && "$GGDM" verify merged >verified &&
        cmp reference/summary.csv merged/summary.csv && cmp small.yaml merged/sweep.yaml &&
        "$GGDM" doctor merged >>out 2>&1 && return 0
    sed 's/^/# /' out
    return 1
}
joined
report $? "three shards, joined: the same bytes"
"$GGDM" merge merged runs/tiny/shards/{2,0,1} >out 2>&1 && run --run merged --workers 0
report $? "merged again, and run: nothing is left to do"
exit "$failed"
