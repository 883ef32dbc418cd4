#!/bin/bash
# `ggdm bench dispatch`: a small load goes through, every figure is there and plausible, nothing is
# left behind; so with simulated workers, which die.
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

# Every unit is done once, whoever dies; the parts of the workers' time are a whole.
whole() {
    [ "$(figure ranks)" = 48 ] && [ "$(figure units)" = 150 ] && within simulated_seconds 40 4000 &&
        within units_per_second 0.05 5 && within claim_worst_ms 0 60000 &&
        within coordinator_rss_bytes 1e5 1e8 && within coordinator_cpu_us_per_unit 1 1e6 &&
        awk -F'[:,]' '/_percent"/ && !/coordinator/ { n++; sum += $2; if ($2 < -1e-6) bad = 1 }
            END { exit !(n == 6 && !bad && sum > 99.999 && sum < 100.001) }' out
}
timeout 60 "$GGDM" bench dispatch --ranks 48 --units 150 --unit-ms 15000 --images 2 --image-bytes 100 \
    --json >out 2>err && whole && within worlds_lost 0 0 && within lost_percent 0 0 &&
    within useful_percent 50 100 && within silent_percent 0 0 && within restart_percent 0 0
report $? "150 units, 48 simulated workers" || cat err out
timeout 60 "$GGDM" bench dispatch --ranks 48 --units 150 --unit-ms 15000 --images 2 --image-bytes 100 \
    --ranks-per-host 4 --rank-deaths 60 --host-deaths 200 --restart-seconds 5 --json >out 2>err &&
    whole && within worlds_lost 2 100 && within hosts_lost 1 11 && within units_lost 10 10000 &&
    within lost_percent 1 60 && within restart_percent 1 60 && within silent_percent 0.01 20
report $? "simulated workers and hosts die, and nothing is missing" || cat err out
timeout 60 "$GGDM" bench dispatch --ranks 4 --units 10 --ranks-per-host 4 --host-deaths 3600 \
    >out 2>err
[ $? -eq 2 ] && grep -q "no host is left after 1 world" err
report $? "a world without hosts is an error" || cat err out
timeout 10 "$GGDM" bench dispatch --ranks 4 --workers 2 >out 2>&1
[ $? -eq 2 ] && grep -q "give one of them" out
report $? "workers are started or simulated" || cat out

[ -z "$(ls -d ggdm-bench* 2>/dev/null)" ]
report $? "nothing is left in the temporary directory"

timeout 10 "$GGDM" bench dispatch --unit-ms 0 >out 2>&1
[ $? -eq 2 ] && grep -q "unit-ms: value '0', expected" out
report $? "a bad option is refused"
exit "$failed"
