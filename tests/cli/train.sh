#!/bin/bash
# `ggdm train` from outside: one at a time in a folder, nothing of others is overwritten, a full disk
# is called one and what is kept goes on; one's own images are trained on as docs/TRAINING.md says.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/train.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"
. "$root/tests/support/train.sh"

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
recipe 2000000 >long.yaml
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
kill -TERM "$long"
wait "$long"
[ $? -eq 75 ] && [ -z "$(find busy -name '*.owner*' -o -name '*.tmp*')" ]
report $? "stopped, a training leaves no record and no temporary"

mkdir other && echo precious >other/model.safetensors
train short.yaml other
ends 2 "other: model.safetensors is there" && [ "$(cat other/*)" = precious ]
report $? "the model of something else is not overwritten"

# ---- one's own images: those of two cells of a run, as png and as npz ----

page=$root/docs/TRAINING.md
sed -n '/^<!-- ggdm train --keys -->$/,/^<!-- end -->$/p' "$page" | sed '1d;$d' >told
"$GGDM" train --keys | diff told - >differ
report $? "the keys in docs/TRAINING.md are those that the program reads" || sed 's/^/# /' differ

# block LANGUAGE N: the Nth such block of the page.
block() { awk -v l="\`\`\`$1" -v n="$2" '$0 == l { on = ++i == n; next } /^```/ { on = 0 } on' "$page"; }
block json 1 | sed 's/"sample_size": 32, "in_channels": 3/"sample_size": 8, "in_channels": 1/' >pets-cnn.json
block json 2 | sed 's/"sample_size": 32, "in_channels": 3, "out_channels": 3/"sample_size": 8, "in_channels": 1, "out_channels": 1/
    s/64, 128, 128/32, 32, 32/' >pets-ddpm.json
block yaml 1 | sed 's/^images: .*/images: 40/; s/^batch: .*/batch: 10/' >pets-cnn.yaml
block yaml 2 | sed 's/^images: .*/images: 20/; s/^batch: .*/batch: 10/' >pets-ddpm.yaml
sweep 4 20 "0, 100" 4 >two.yaml
"$GGDM" run two.yaml --run two --workers 1 >run.out 2>&1 && "$GGDM" export two --format png --out pets >out
train pets-cnn.yaml pets-cnn
ends 0 "wrote pets-cnn" && "$GGDM" model verify pets-cnn >out && grep -q '^| 1 | c0001 |$' pets-cnn/README.md
report $? "the classifier of docs/TRAINING.md learns from folders of images"
train pets-ddpm.yaml pets-ddpm
ends 0 "wrote pets-ddpm" && "$GGDM" model verify pets-ddpm >out
report $? "and its diffusion model"
sed 's#dir: pets#dir: two/archive/c0000/samples.npz#' pets-ddpm.yaml >npz.yaml
train npz.yaml npz
ends 0 "wrote npz" && grep -q 'samples.npz' npz/README.md
report $? "images of a run are trained on from their npz"
mkdir nothing && sed 's#dir: pets#dir: nothing#' pets-cnn.yaml >nothing.yaml
train nothing.yaml nothing-cnn
ends 2 "no images to train on; expected a folder of images for each class"
report $? "where there are none, the formats are named"

# ---- a full disk ----

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
