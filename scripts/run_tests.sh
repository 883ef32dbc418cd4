#!/bin/bash
# Run test programs, each with a time limit, and sum up.
#
#   scripts/run_tests.sh [-t SECONDS] [NAME=VALUE | PROGRAM]... [-- [NAME=VALUE | PROGRAM]...]...
#
# One after the other; those behind a -- at the same time as those in front of it.
#
# NAME=VALUE sets a variable for the programs after it.
# One line per program; of failing programs what belongs to the failures.  The last line is
# "N passed, M failed" over all tests of all programs, the exit status 1 if M > 0.
# A program is a cmocka program, or prints TAP lines ("ok 1 - name", "not ok 2 - name"), or counts
# as one test by its exit status.  One that dies, hangs, or fails without naming a failed test adds
# a failure.  $GGDM_TEST (test names with * and ?) is looked at by the C programs.
set -uo pipefail

# Threads that wait for others must not spin: on a busy machine that costs minutes.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

limit=600
while getopts t: option; do
    case $option in
        t) limit=$OPTARG ;;
        *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# "PASSED FAILED SKIPPED" from the output in $log.
count() {
    awk '/^\[       OK \]/ { ok++ }
         /^\[  FAILED  \] [^ ]/ && !/test\(s\)/ && !summary { bad++ }
         /^\[  SKIPPED \] [^ ]/ && !/test\(s\)/ && !summary { skip++ }
         /^\[==========\].*run\.$/ { summary = 1 }
         /^\[==========\].* Running/ { summary = 0 }
         /^ok( |$)/ { if (/# *[Ss][Kk][Ii][Pp]/) skip++; else ok++ }
         /^not ok( |$)/ { bad++ }
         END { print ok + 0, bad + 0, skip + 0 }' "$log"
}

# The output without what belongs to tests that passed.
show_failures() {
    awk 'function flush() { for (i = 0; i < n; i++) print "        " held[i]; n = 0 }
         /^\[ RUN      \]/ { flush(); held[n++] = $0; next }
         /^\[       OK \]/ || /^\[  SKIPPED \]/ { n = 0; next }
         /^ok( |$)/ || /^[0-9]+\.\.[0-9]+$/ { next }
         /^\[==========\].*run\.$/ { flush(); summary = 1 }
         /^\[==========\].* Running/ { summary = 0 }
         /^\[==========\]/ || /^\[  PASSED  \]/ || /^$/ { next }
         summary && /^\[  (FAILED|SKIPPED) / { next }
         /^\[  FAILED  \].*test\(s\)/ { next }
         /^ *[0-9]+ (FAILED|SKIPPED) TEST\(S\)/ { next }
         { held[n++] = $0 }
         END { flush() }' "$log" | head -n 200
}

# run PROGRAM SETTINGS LOG: its line, and "PASSED FAILED" into LOG.sum.
run() {
    local program=$1 name=${1##*tests/}$2 log=$3 begin status seconds ok bad skip note=
    begin=$(date +%s%N)
    { timeout -k 10 "$limit" "$program" >"$log" 2>&1 </dev/null; } 2>/dev/null
    status=$?
    seconds=$(awk -v ns=$(($(date +%s%N) - begin)) 'BEGIN { printf "%.1f", ns / 1e9 }')
    read -r ok bad skip < <(count)
    if [ $status -eq 124 ] || [ $status -eq 137 ]; then
        bad=$((bad + 1)) note=" (stopped after $limit s)"
    elif [ $status -gt 128 ]; then
        bad=$((bad + 1)) note=" (died of signal $((status - 128)))"
    elif [ $status -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1 note=" (exit status $status)"
    elif [ $status -eq 0 ] && [ $((ok + bad + skip)) -eq 0 ] && ! grep -q '^\[====' "$log"; then
        ok=1
    fi
    [ "$skip" -gt 0 ] && note+=" ($skip skipped)"
    echo "$ok $bad" >"$log.sum" || return
    {
        if [ "$bad" -gt 0 ]; then
            printf '  FAIL  %-36s %4d passed, %d failed%s, %s s\n' "$name" "$ok" "$bad" "$note" "$seconds"
            show_failures
        else
            printf '  ok    %-36s %4d passed%s, %s s\n' "$name" "$ok" "$note" "$seconds"
        fi
    } >"$log.line"
    cat "$log.line" # in one piece, whatever the other lanes print
}

# lane LOG [NAME=VALUE | PROGRAM]...
lane() {
    local first=$1 settings='' n=0 program
    shift
    for program in "$@"; do
        if [[ $program =~ ^[A-Z_]+= ]]; then
            export "${program?}"
            settings+=" $program"
        else
            n=$((n + 1))
            run "$program" "$settings" "$first.$n" || return
        fi
    done
}

# Lanes do not hear the terminal's interrupt by themselves.
pids=() here=()
trap 'kill "${pids[@]}" 2>/dev/null; exit 130' INT TERM
for argument in "$@" --; do
    if [ "$argument" = -- ]; then
        lane "$logs/${#pids[@]}" "${here[@]}" &
        pids+=($!)
        here=()
    else
        here+=("$argument")
    fi
done
broken=0 # lanes that did not come to their end
for pid in "${pids[@]}"; do
    wait "$pid" || broken=$((broken + 1))
done

read -r passed failed < <(cat "$logs"/*.sum /dev/null |
    awk -v broken=$broken '{ ok += $1; bad += $2 } END { print ok + 0, bad + broken }')
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
