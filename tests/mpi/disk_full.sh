#!/bin/bash
# A run on a file system that fills up stops with 75 and says why; the database stays whole, and with
# room the same command finishes to the same bytes.  A read-only one is refused at once.
# Needs root (mounts); elsewhere skipped.
#   GGDM=PROGRAM TOOLS=DIR tests/mpi/disk_full.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/supervised.sh"

small=$work/small
mkdir "$small"
mount -t tmpfs -o size=16m tmpfs "$small" 2>/dev/null || { echo "ok 1 - # skip cannot mount a tmpfs"; exit 0; }
trap 'umount "$small"; rm -rf "$work"' EXIT

sweep_of 60 >small.yaml
start reference --workers 2
wait "$pid"
report $? "reference run" && [ "$failed" -eq 0 ] || { show reference; exit 1; }

# stopped MESSAGE: the run ends with 75 within a minute and says so.
stopped() {
    local rc
    wait "$pid"
    rc=$?
    [ $rc -eq 75 ] && grep -aqi "$1" run.err && return 0
    echo "# exit code $rc"
    show small/run
    return 1
}

full() {
    start small/run --workers 2
    at_work small/run 4 || return 1
    dd if=/dev/zero of=small/filler bs=64k 2>/dev/null # until there is no room
    stopped "no space left"
}
full
report $? "disk full: exit code 75 and a clear message"
sed -n 's/^ggdm: error/# &/p' run.err
rm small/filler

room_again() {
    start small/run --workers 2
    wait "$pid" && same small/run && at_rest small/run
}
room_again
report $? "with room again the same command finishes, the same bytes"

mount -o remount,ro "$small"
timeout 60 "$GGDM" run small.yaml --run small/new --workers 2 >new.out 2>new.err
rc=$?
[ $rc -eq 2 ] && grep -q "cannot write" new.err
report $? "read-only: refused with a clear message"
sed 's/^/# /' new.err
mount -o remount,rw "$small"
exit "$failed"
