#!/bin/bash
# Promise 6 of docs/DESIGN.md: stored images are computed again, alone and from their stored recipes,
# and are the same to the bit, however the run was made; one that is not is noticed.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/replay.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

# says RC 'WORDS'... -- COMMAND ARG...: exit code RC and all the words, on standard output or error.
says() {
    local want=$1 words=() ok=0 name=$2
    shift 2
    while [ "$1" != -- ]; do words+=("$1") && shift; done
    shift
    timeout 100 "$@" >out 2>&1 </dev/null
    local rc=$?
    [ $rc -eq "$want" ] || { echo "# exit code $rc, expected $want"; ok=1; }
    for word in "${words[@]}"; do
        grep -qF -e "$word" out || { echo "# not said: $word"; ok=1; }
    done
    [ $ok -eq 0 ] || sed 's/^/# /' out
    report $ok "$name"
}

# ---- verify ----

sweep 12 4 "0, 0.5, 2" "0, 6, 12" >small.yaml
timeout 120 "$GGDM" run small.yaml --run r --workers 2 --batch 5 >out 2>&1
says 0 "all images of a run of two workers, shared prefixes" "20 of 20 images computed again" "all the same to the bit" -- \
    "$GGDM" verify r --sample 100
says 0 "some of them, chosen by a seed" "5 of 20 images computed again" "--seed 7)" -- "$GGDM" verify r --sample 5 --seed 7
cp -r r changed && "$TOOLS/change_pixel" changed 5 3
says 1 "a pixel that was changed" "c0005 image 3: 1 of 64 values of pixels differ" "20 of 20 images" "1 differs" -- \
    "$GGDM" verify changed --sample 20
"$TOOLS/ask_store" changed "UPDATE sample SET data = x'00' WHERE idx = 1 RETURNING 1" >out
says 1 "bytes that are no image" "image 1: what is stored is no such image" "6 differ" -- "$GGDM" verify changed
says 2 "an instruction set that is less" "in fp32 with the instruction set" "GGDM_ISA has at most 'ref'" -- \
    env GGDM_ISA=ref "$GGDM" verify r
says 2 "no run" "nowhere: no such run directory" -- "$GGDM" verify nowhere
exit $failed
