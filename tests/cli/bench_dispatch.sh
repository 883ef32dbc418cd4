#!/bin/bash
# `ggdm bench dispatch`: a small load goes through, every figure is there and plausible, nothing is
# left behind.
#   GGDM=PROGRAM tests/cli/bench_dispatch.sh
set -u
. "$(dirname "$0")/../support/world.sh"
cd "$work" || exit 1
export TMPDIR=$work

# figure NAME: its value in out.
figure() { sed -n "s/^  \"$1\": \([-+.e0-9]*\),\{0,1\}$/\1/p" out; }

# within NAME LEAST MOST
within() {
    awk -v v="$(figure "$1")" -v lo="$2" -v hi="$3" 'BEGIN { exit !(v != "" && v >= lo && v <= hi) }' ||
        { echo "# $1 is '$(figure "$1")', expected $2 to $3"; return 1; }
}

# plausible WORKERS: on any machine, however loaded.
plausible() {
    [ "$(figure units)" = 200 ] && [ "$(figure workers)" = "$1" ] &&
        within plan_seconds 1e-6 60 && within database_bytes 20000 1e6 &&
        within store_units_per_second 1 1e7 && within units_per_second 1e-1 1e7 &&
        within store_cpu_us_per_unit 0.1 1e5 && within coordinator_cpu_us_per_unit 0.1 1e6 &&
        within bytes_per_unit_done 10 10000 && within resume_seconds 1e-6 60 &&
        within overhead_percent -1 1e5 && within idle_cpu_percent 0 100 &&
        within coordinator_rss_bytes -1e6 1e8 && within status_seconds 1e-4 60
}

for workers in 0 2; do
    timeout 120 "$GGDM" bench dispatch --units 200 --unit-ms 3 --workers $workers --json >out 2>err &&
        plausible $workers
    report $? "200 units, $workers workers" || cat err
done
[ -z "$(ls -d ggdm-bench* 2>/dev/null)" ]
report $? "nothing is left in the temporary directory"

timeout 10 "$GGDM" bench dispatch --unit-ms 0 >out 2>&1
[ $? -eq 2 ] && grep -q "unit-ms: value '0', expected" out
report $? "a bad option is refused"
exit "$failed"
