#!/bin/bash
# The commands around a run: status, retry, cancel, introspect, doctor, export, evaluate, compare,
# report.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/around_run.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

# sweep_of SAMPLES > FILE.  Some of its images diverge.
sweep_of() { sweep 8 "$1" "0, 0.02, 0.1" "0, 4, 8" | sed 's/, clip_x0: true//'; }

# wait_for FILE WORDS: until they are in it.
wait_for() {
    for _ in $(seq 600); do
        grep -qsF -e "$2" "$1" && return 0
        sleep 0.1
    done
    echo "# $1 never said: $2"
    return 1
}

# Which files are beside a page depends on where it is.
elsewhere() { sed 's/"files":\[[^]]*\]//' "$1"; }

# ---- a run at rest ----

sweep_of 20 >small.yaml
says 0 "a run ends with a report" "small/report.html" -- "$GGDM" run small.yaml --run small --workers 0
says 0 "status of a finished run" "at rest: done (exit code 0)" "100 of 100" "13 done" "[##########]" \
    "right by the judge" "right by the guide" "of n" -- "$GGDM" status small
says 0 "status as JSON" '"phase": "done"' '"accuracy_lo"' '"judge": {' '"state": "done"' -- "$GGDM" status small --json
says 0 "status --watch leaves a finished run" "at rest: done" -- "$GGDM" status small --watch
says 0 "introspect" "kappa" "0.02" "diverged" "no attempt has failed" -- "$GGDM" introspect small
says 0 "introspect as JSON" '"quarantined": 0' '"messages": []' -- "$GGDM" introspect small --json
says 0 "evaluate" "accuracy by the judge" -- "$GGDM" evaluate small
says 0 "nothing to retry" "0 units go back" -- "$GGDM" retry small
says 2 "expression with an error" "column 7" "expected a number" -- "$GGDM" retry small --cell 'kappa>>1'
says 2 "expression that means nothing" "none of the 9 cells" -- "$GGDM" cancel small --cell 'kappa=7'
says 2 "cell that is not there" "column 1" "0 to 8" -- "$GGDM" cancel small --cell c0009
says 2 "retry without a run" "no such run directory" -- "$GGDM" retry absent

cp small/report.html before.html
"$GGDM" report small >/dev/null && cmp -s before.html small/report.html
report $? "report is a function of the database"
! grep -oE '(src|href)="?[a-z]+:[^ ]{0,20}' small/report.html | grep -v '"data:'
report $? "report needs nothing from elsewhere"
[ "$(grep -c '^<script type="text/plain" id="sprite-' small/report.html)" -eq 5 ]
report $? "report has the images of each trajectory"

says 0 "export png" "3 cells of 20 images" -- "$GGDM" export small --format png --cell 'kappa=0.1' --out e
[ "$(find e -name '*.png' | wc -l)" -eq 60 ] && [ -f e/c0007/000019.png ]
report $? "export png writes one file an image"
"$GGDM" export small --format tar >out && cmp small/export/c0004/samples.tar small/archive/c0004/samples.tar
report $? "export tar writes the archive's bytes"
"$GGDM" export small --format npz --out e >out && cmp e/c0004/samples.npz small/archive/c0004/samples.npz
report $? "export npz writes the archive's bytes"
says 0 "export csv of what one chooses" "60 images in e/images.csv" -- "$GGDM" export small --format csv --cell 'kappa=0.1' --out e
says 2 "unknown format" "expected tar, npz, png, csv or rocrate" -- "$GGDM" export small --format zip

# ---- doctor ----

says 0 "doctor" "oneDNN" "workers" "of 1 thread" "best: --threads" "bits, f32" "do not depend on batch" "every page, reference and count is sound" \
    "0 missing of 9" "0 warnings, 0 problems" -- "$GGDM" doctor small
rm -r small/archive/c0003 && mkdir small/archive/c9999
cp -r small damaged
dd if=/dev/zero of=damaged/ggdm.db bs=4096 seek=$(($(stat -c %s damaged/ggdm.db) / 4096 - 2)) count=1 conv=notrunc status=none
says 1 "doctor sees a damaged page" "FAIL" -- "$GGDM" doctor damaged --json

# ---- while a coordinator runs ----

sweep_of 40000 >long.yaml
"$GGDM" run long.yaml --run long --workers 0 >run.out 2>run.err &
pid=$!
wait_for long/status.json '"busy": 1'
says 0 "status of a running run" "running: coordinator on" "process $pid" "1 of 1 busy" "ETA" -- "$GGDM" status long
for command in introspect "evaluate --out looked" "report --out looked" "export --format tar --out looked" doctor; do
    # shellcheck disable=SC2086 # a command and its options
    says 0 "$command of a running run looks at its snapshot" "long: a coordinator owns the run; this is its snapshot of 20" -- \
        "$GGDM" $command long
done
[ -s looked/report.html ] && [ -s looked/summary.csv ] && [ ! -e long/report.html ]
report $? "what they write is where it was asked for"
"$GGDM" report long --watch=1 --out live >out 2>&1 &
watcher=$!
wait_for live/report.html '"live":{"every":1,"fraction":' && [ ! -e live/figures ] && kill -TERM $watcher && wait $watcher && grep -q '"live":null' live/report.html && [ "$(cat out)" = live/report.html ]
report $? "report --watch follows it, and leaves a page that stays" || cat out
says 0 "report --watch of a run at rest writes one page" "small/report.html" -- "$GGDM" report small --watch 1
says 2 "report --watch is of the page alone" "--sheet" -- "$GGDM" report long --watch --format md
says 2 "no metric while it runs" "in use by" -- "$GGDM" evaluate long --metrics vendi --features pixels
says 0 "cancel of cells while it runs" "units are cancelled" "coordinator knows" -- "$GGDM" cancel long --cell 'kappa=0.1'
says 0 "retry while it runs" "units go back" "coordinator has taken them up" -- "$GGDM" retry long --cell 'kappa=0.1'
says 2 "a bad expression while it runs" "column 1" -- "$GGDM" cancel long --cell 'colour=1'
watch="TERM=xterm timeout --foreground -s INT 2.5 '$GGDM' status long --watch"
script -qec "stty rows 24 cols 90; $watch; stty -a" /dev/null </dev/null >screen 2>&1
grep -q $'\033\\[?1049h' screen && grep -q $'\033\\[?1049l' screen && grep -q "workers    1 of 1 busy" screen &&
    grep -q " echo " screen && [ "$(grep -ao $'\033\\[H' screen | wc -l)" -ge 2 ]
report $? "status --watch redraws in place, and the terminal is as it was"
grep -q "  kappa   0   4   8" screen && [ "$(grep -ac ' all' screen)" -ge 2 ]
report $? "it shows the cells on their axes"
script -qec "stty rows 9 cols 30; $watch" /dev/null </dev/null >screen 2>&1
grep -aq "[0-9] images" screen && grep -aq "[0-9]/s" screen
report $? "a small terminal shows what is most important"
timeout -s INT 1.5 "$GGDM" status long --watch >screen 2>&1
! grep -q $'\033' screen && grep -q "workers    1 of 1 busy" screen && [ "$(grep -c 'none .:+\*# all' screen)" -eq 1 ]
report $? "what is no terminal gets one plain block for each look"
kill -9 $pid
wait $pid 2>/dev/null
sleep 3.5
says 0 "status of a killed run says how to go on" "at rest: interrupted (exit code 75)" \
    "ggdm run long/sweep.yaml --run long" -- "$GGDM" status long

# ---- all runs ----

says 2 "status where no runs are" "runs: No such file or directory" -- "$GGDM" status
mkdir -p runs/notes && says 0 "status of no runs" "no runs below runs" -- "$GGDM" status
mv small long runs/ && touch -d '1 hour ago' runs/small/status.json
says 0 "status of all runs" "runs/small" "100 of 100 distinct images (180 asked for), done" "runs/long" "asked for), interrupted" -- "$GGDM" status
[ "$(sed -n 's/^runs.\([a-z]*\) .*/\1/p' out | tr '\n' ' ')" = "long small " ]
report $? "a line each, the latest first"
says 0 "status of all runs as JSON" '"run": "runs/small"' '"state": "done"' '"images": 100' -- "$GGDM" status --json
mv runs/small runs/long .

says 0 "cancel of a run at rest" "units are cancelled" "ggdm retry long" -- "$GGDM" cancel long --cell '3-8'
says 0 "status tells of cancelled cells" "cancelled" "c0008" -- "$GGDM" status long
"$GGDM" run long/sweep.yaml --run long --workers 0 >run.out 2>run.err &
pid=$!
wait_for long/status.json '"session": 2'
says 0 "cancel of all that is left" "coordinator knows" -- "$GGDM" cancel long
wait $pid
report $? "a run whose rest is cancelled ends well" || cat run.err

# ---- a run of somebody else, who lets others read it ----

cp -r small theirs && rm theirs/report.html && chmod -R a+rX,a-w theirs && mkdir mine && chmod a+rwx mine
chmod a+rx "$work"
# list DIR: all that is in it, with times and bytes.
list() { (cd "$1" && find . -printf '%p %T@ %m\n' -type f -exec sha256sum {} + | sort); }
list theirs >before
them=(env)
[ "$(id -u)" -ne 0 ] || them=(setpriv --reuid=65534 --regid=65534 --clear-groups env "HOME=$work/mine")
says 0 "status of a run that one may only read" "at rest: done" -- "${them[@]}" "$GGDM" status theirs
says 0 "introspect of it" "kappa" -- "${them[@]}" "$GGDM" introspect theirs
says 0 "export of it" "9 cells of 20 images below mine/e" -- "${them[@]}" "$GGDM" export theirs --format png --out mine/e
says 0 "evaluate of it" "accuracy by the judge" -- "${them[@]}" "$GGDM" evaluate theirs --out mine/s
says 0 "report of it" "mine/r/report.html" -- "${them[@]}" "$GGDM" report theirs --out mine/r
says 0 "compare of it" "9 pairs of cells: 9 agree to the bit" -- "${them[@]}" "$GGDM" compare theirs small
for command in report evaluate "export --format tar"; do
    # shellcheck disable=SC2086
    says 2 "$command that would write there says where else" "theirs: " "cannot be written there (" "expected --out DIR" -- \
        "${them[@]}" "$GGDM" $command theirs
done
says 1 "doctor of it sees a lost archive and a foreign one" "the run can be looked at, not continued" \
    "every page, reference and count is sound" "1 of 9 written ones lack files" "c9999" -- \
    "${them[@]}" "$GGDM" doctor theirs
list theirs >after
cmp before after && cmp <(elsewhere small/report.html) <(elsewhere mine/r/report.html) && cmp small/summary.csv mine/s/summary.csv
report $? "nothing of it was changed, and what came out is the same"
chmod -R u+w theirs

# ---- the owner was on another host ----

# owned_elsewhere FILE: somebody there is its owner.
owned_elsewhere() {
    printf '%-639s\n' "token 0123 host elsewhere boot b space s pid 1 started 1 job 77 epoch 1 file 0 beat 1 at 1" >"$1.owner"
}
cp -r small taken && rm taken/summary.csv && owned_elsewhere taken/ggdm.db
begun=$SECONDS
for command in status introspect evaluate "compare small" report "export --format tar"; do
    # shellcheck disable=SC2086
    says 0 "$command needs no owner's leave" -- "$GGDM" $command taken
done
[ -e taken/ggdm.db.owner ] && rm taken/summary.csv
report $? "and none of them takes it over"
says 0 "--take-over does not wait for a dead owner" "taking over from process 1 on elsewhere" -- \
    "$GGDM" run small.yaml --run taken --take-over
[ $((SECONDS - begun)) -lt 30 ] && [ -s taken/summary.csv ] && [ ! -e taken/ggdm.db.owner ]
report $? "the run is finished, the record is gone"

# ---- Slurm, asked once a minute, also when it does not answer ----

mkdir fake && printf '#!/bin/sh\necho asked >>"%s/asked"\nexit 1\n' "$work" >fake/squeue && chmod +x fake/squeue
echo 12 >small/slurm.jobs
for time in first second; do
    says 0 "status where Slurm does not answer, the $time time" "at rest: done" \
        "Slurm does not tell about jobs 12 (squeue: exit code 1)" -- env PATH="$work/fake:$PATH" "$GGDM" status small
done
[ "$(wc -l <asked)" -eq 1 ]
report $? "it was asked once"

# ---- help ----

says 0 "help of a command" "Usage: ggdm retry" "Example:" -- "$GGDM" help retry
says 2 "help of nothing" "unknown command 'rum'" -- "$GGDM" help rum
for command in $("$GGDM" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p' | grep -v ggdm); do
    "$GGDM" $command --help | grep -Eq "^Examples?:"
    report $? "ggdm $command --help has an example"
done

exit $failed
