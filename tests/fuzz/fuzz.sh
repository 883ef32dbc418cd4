#!/bin/bash
# libFuzzer on each target, or those in $FUZZ_TARGETS, for $FUZZ_SECONDS (60) each: a TAP line for
# each.  What is new to a target stays in build/fuzz/corpus for the next time; an input that breaks
# it is kept and named: see docs/TESTING.md.
set -uo pipefail
cd "$(dirname "$0")/../.."
out=build/fuzz seconds=${FUZZ_SECONDS:-60} n=0 status=0
mkdir -p $out/crashes
export ASAN_OPTIONS=quarantine_size_mb=16 UBSAN_OPTIONS=print_stacktrace=1

# shellcheck disable=SC2012 # names of our own
for target in ${FUZZ_TARGETS:-$(ls tests/fuzz/corpus)}; do
    n=$((n + 1)) log=$out/$target.log
    mkdir -p "$out/corpus/$target"
    # Memory is bounded: for all, and for one allocation.
    if nice $out/targets/"$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 \
        -malloc_limit_mb=256 -print_final_stats=1 -artifact_prefix="$out/crashes/$target-" \
        "$out/corpus/$target" "tests/fuzz/corpus/$target" >"$log" 2>&1; then
        echo "ok $n - $target: $(awk '/number_of_executed_units/ { print $2 }' "$log") inputs, $(
            grep -o 'cov: [0-9]*' "$log" | tail -n 1)"
    else
        status=1
        echo "not ok $n - $target"
        grep -E '^SUMMARY|runtime error|^==.*ERROR|Test unit written|status [0-9]' "$log" | tail -n 5
        grep -E '^ +#[0-9]+ .* in ' "$log" | grep -v compiler-rt | head -n 8
        echo "again: $out/targets/$target FILE; all of it: $log"
    fi
done
exit $status
