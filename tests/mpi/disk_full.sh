#!/bin/bash
# A run on a file system that fills up stops with 75 and says why; the database stays whole, and with
# room the same command finishes to the same bytes.  So does one whose file system turns read-only,
# as ext4 does after an error; a new run there is refused at once.
# Needs root (mounts); elsewhere skipped.
#   GGDM=PROGRAM TOOLS=DIR tests/mpi/disk_full.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/supervised.sh"

small=$work/small
mkdir "$small"
mount -t tmpfs -o size=16m tmpfs "$small" 2>/dev/null || { echo "ok 1 - # skip cannot mount a tmpfs"; exit 0; }
trap 'umount "$small" "$work/broken" 2>/dev/null; rm -rf "$work"' EXIT

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
    show run
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

# refused RUN: at once, with 2 and the reason.
refused() {
    local rc
    timeout 60 "$GGDM" run small.yaml --run "$1" --workers 2 >new.out 2>new.err
    rc=$?
    sed 's/^/# /' new.err
    [ $rc -eq 2 ] && grep -q "cannot write" new.err
}

room_again() {
    start small/run --workers 2
    wait "$pid" && same small/run && at_rest small/run
}
room_again
report $? "with room again the same command finishes, the same bytes"

# Every command that writes a file says it the same way, at each start.
mkdir small/tmp bin
printf '#!/bin/sh\nexit 1\n' >bin/npm # as it ends where it cannot write
chmod +x bin/npm
commands_full() {
    local good=0 rc line
    rm -r small/run/archive
    dd if=/dev/zero of=small/filler bs=64k 2>/dev/null
    dd if=/dev/zero of=small/filler2 bs=1k 2>/dev/null
    while read -r line; do
        TMPDIR=$small/tmp PATH=$work/bin:$PATH "$GGDM" $line >full.out 2>full.err
        rc=$?
        [ $rc -eq 75 ] && grep -q "error: .*[Nn]o space left" full.err && continue
        echo "# ggdm $line: exit code $rc: $(tail -n 1 full.err)"
        good=1
    done <<END
run small.yaml --run small/run --workers 2
run small.yaml --run small/run --workers 2
evaluate small/run
report small/run
export small/run --format npz --out small/export
manual small/share
data mnist --out small/data
bench dispatch --units 5000
run small.yaml --run small/new --workers 2
END
    return $good
}
commands_full
report $? "a full disk is called that, with 75, by every command"
rm -f small/filler small/filler2

# An ext4 in a file, which is told that it has an error.
turned_read_only() {
    local device
    mkdir broken && truncate -s 48m broken.img && mkfs.ext4 -q broken.img &&
        mount -o loop,errors=remount-ro broken.img broken || return 2
    device=$(findmnt -n -o SOURCE broken)
    trigger=/sys/fs/ext4/${device##*/}/trigger_fs_error
    [ -w "$trigger" ] || return 2
    start broken/run --workers 2
    at_work broken/run 4 || return 1
    echo 1 >"$trigger"
    stopped "error: .*/ggdm.db: .*read-only file system"
}
turned_read_only
rc=$?
if [ $rc -eq 2 ]; then
    report 0 "# skip no file system here that can be told of an error"
else
    report $rc "the file system turns read-only: exit code 75 and a clear message"
    sed -n 's/^ggdm: error/# &/p' run.err
    refused "$work/broken/new"
    report $? "a new run there is refused with a clear message"
    umount broken && fsck.ext4 -p broken.img >fsck.out 2>&1
    mount -o loop broken.img broken
    start broken/run --workers 2
    wait "$pid" && same broken/run && at_rest broken/run
    report $? "mounted again, the same command finishes, the same bytes"
fi
exit "$failed"
