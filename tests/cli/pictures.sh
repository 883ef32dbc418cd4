#!/bin/bash
# Pictures that a sweep names: as an axis, at their size, and of a run that goes on without the files.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/pictures.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

# spec LOSS AXES [SAMPLES] > FILE
spec() {
    cat <<YAML
name: p
model: tiny-ddpm
sampler: {kind: ddpm, steps: 8, clip_x0: true}
guidance: {kind: gradient, kappa: 0.2, loss: {kind: l2, $1}}
sweep: $2
samples: ${3:-3}
YAML
}
# run NAME [ARG...]: NAME.yaml into the run directory NAME.
run() { timeout 120 "$GGDM" run "$1.yaml" --run "$1" "${@:2}" >"$1.out" 2>"$1.err"; }
pixels() { (cd "$1/archive" && sha256sum "$2/samples.npz" | cut -d' ' -f1); }
column() { awk -F, -v name="$2" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i; next } { print c ? $c : "?" }' "$1/summary.csv" | paste -sd' '; }

# Pictures of the right size are those that the model makes.
printf 'name: made\nmodel: tiny-ddpm\nsampler: {kind: ddpm, steps: 8, clip_x0: true}\nsamples: 3\n' >made.yaml
run made --workers 0 && tar xf made/archive/c0000/samples.tar && mv c0000_000000.png a.png && mv c0000_000001.png b.png && mv c0000_000002.png mask.png
mkdir sub && cp a.png sub/same.png && cp b.png sub/b.png

spec 'mask: mask.png' '{image: [a.png, b.png, sub/same.png], kappa: [0, 0.2]}' >axis.yaml
run axis --workers 2 && [ "$(column axis image)" = "a.png a.png b.png b.png sub/same.png sub/same.png" ] &&
    [ "$(pixels axis c0001)" != "$(pixels axis c0003)" ] && [ "$(pixels axis c0001)" = "$(pixels axis c0005)" ] &&
    [ "$(pixels axis c0000)" = "$(pixels axis c0002)" ] && grep -q "9 distinct images" axis.out &&
    [[ "$(column axis l2_mean)" =~ ^([0-9.]+ ?){6}$ ]]
report $? "pictures as an axis; one under two names is one; the distance is measured" || cat axis.err axis.out axis/summary.csv

"$GGDM" verify axis --sample 9 >out 2>err && grep -q "9 of 9 images computed again .* all the same to the bit" out
report $? "their images are computed again, the same to the bit" || cat out err
spec 'image: b.png, form: mean' '{kappa: [0.2]}' >sub/here.yaml
run sub/here --workers 0 && "$GGDM" doctor sub/here >doctor
report $? "a picture beside the sweep file" || cat sub/here.err doctor

# Nobody needs the files when the run has begun.
spec 'mask: mask.png' '{image: [a.png, b.png]}' 100 >reference.yaml
run reference --workers 0
cp reference.yaml going.yaml
"$GGDM" run going.yaml --run going --workers 0 >out 2>err &
begun=$!
until [ -e going/sweep.yaml ] || ! kill -0 "$begun" 2>/dev/null; do sleep 0.01; done
kill -9 "$begun" 2>/dev/null
wait "$begun" 2>/dev/null
mkdir gone && mv a.png b.png mask.png gone && cp gone/b.png a.png
! run going --workers 0 && grep -q "the digest of the picture 'a.png' was '" going.err
report $? "a run does not go on with another picture" || cat going.err
rm a.png
timeout 120 "$GGDM" run going/sweep.yaml --workers 0 >out 2>err && same going
report $? "a run that was killed goes on without the files" || cat out err
"$GGDM" verify going --sample 10 >out 2>err && grep -q "10 of 200 images computed again .* all the same to the bit" out
report $? "its images are computed again without them" || cat out err
! run axis --set samples=4 --add --workers 0 && grep -q "axis.yaml:5:17: field 'sweep.image\[0\]': file 'a.png': " axis.err
report $? "another sweep needs the files" || cat axis.err
mv gone/* .

# What does not fit.
cp "$root/examples/pictures/seven.png" large.png
spec '' '{image: [a.png, large.png]}' >large.yaml
spec 'image: a.png, mask: large.png' '{kappa: 1}' >mask.yaml
spec 'image: a.png' '{downsample: [1, 3]}' >thirds.yaml
spec 'image: a.png' '{downsample: [1, 2]}' >half.yaml
! run large && grep -q "large.yaml:5:24: field 'sweep.image\[1\]': large.png is 28x28x1, expected 8x8x1" large.err &&
    ! run mask && grep -q "mask.yaml:4:.*field 'guidance.loss.mask': large.png is 28x28x1, expected 8x8x1" mask.err &&
    ! run half && grep -q "half.yaml:4:.*field 'guidance.loss.image': a.png is 8x8x1, expected 4x4x1" half.err &&
    ! run thirds && grep -q "thirds.yaml:5:25: field 'sweep.downsample\[1\]': value '3' for images of 8x8, expected a divisor" thirds.err
report $? "a picture of another size is refused with its place" || cat large.err mask.err half.err thirds.err
exit "$failed"
