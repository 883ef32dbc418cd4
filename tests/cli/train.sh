#!/bin/bash
# `ggdm train` from outside: one at a time in a folder, nothing of others is overwritten, a full disk
# is called one and what is kept goes on.
#   GGDM=PROGRAM tests/cli/train.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/train.sh"
cd "$work" || exit 1

# train RECIPE OUT: its exit status, after at most a minute; what it says is in said.
train() { timeout 60 "$GGDM" train "$1" --out "$2" --threads 1 >said 2>&1; }

# ends STATUS TEXT: the last train ended so and said that.
ends() {
    local rc=$?
    [ $rc -eq "$1" ] && grep -aqF -- "$2" said && return
    echo "# exit status $rc: $(tail -n 2 said)"
    return 1
}

idx_data data
recipe 20000000 >long.yaml
recipe 800 >short.yaml

"$GGDM" train long.yaml --out busy --threads 1 >long.out 2>&1 &
long=$!
for ((i = 0; i < 500; i++)); do
    [ -e busy/checkpoint.safetensors ] && break
    sleep 0.02
done
train long.yaml busy
ends 2 "busy: in use by another ggdm process: on this host, process $long"
report $? "a second training in a folder is refused and told who is there"
kill -INT "$long"
wait "$long"
[ $? -eq 75 ] && [ -z "$(find busy -name '*.owner*' -o -name '*.tmp*')" ]
report $? "stopped, a training leaves no record and no temporary"

mkdir other && echo precious >other/model.safetensors
train short.yaml other
ends 2 "other: model.safetensors is there" && [ "$(cat other/*)" = precious ]
report $? "the model of something else is not overwritten"

mkdir small
if mount -t tmpfs -o size=40k tmpfs small 2>/dev/null; then
    trap 'umount "$work/small"; rm -rf "$work"' EXIT
    train short.yaml small/k
    ends 75 "No space left"
    report $? "a full disk is called one and ends with 75"
    [ -z "$(find small -name '*.tmp*')" ] && mount -o remount,size=1m small && train short.yaml small/k
    ends 0 "wrote small/k"
    report $? "with room the same command finishes"
    train short.yaml whole
    cmp small/k/model.safetensors whole/model.safetensors
    report $? "with the bits of one that was left alone"
else
    echo "ok $((tap_number + 1)) - full disk # SKIP cannot mount a tmpfs"
fi
exit "$failed"
