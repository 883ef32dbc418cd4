#!/bin/bash
# samples.npz of more than 4 GiB is written in little memory, and NumPy reads it.
#   GGDM=PROGRAM TOOLS=DIR [IMAGES=90] [SIDE=4096] tests/soak/large_npz.sh
set -u
. "$(dirname "$0")/../support/world.sh"
images=${IMAGES:-90} side=${SIDE:-4096}
python=/usr/bin/python3 # whose packages are Debian's
cd "$work" || exit 1
if ! $python -c 'import numpy' 2>/dev/null; then
    report 0 "npz of more than 4 GiB # SKIP python3-numpy is not installed"
    exit 0
fi
mkdir run && "$TOOLS/make_large_run" run "$images" "$side" || exit 1

cat >check.py <<PYTHON
import numpy, resource, subprocess, sys, zipfile
n, side = $images, $side
subprocess.run([sys.argv[1], "export", "run", "--format", "npz", "--out", "out"], check=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
print(f"# {n * side * side * 3 / 2**30:.2f} GiB of pixels written with {peak:.0f} MiB")
assert peak < 250, peak
path = "out/c0000/samples.npz"
y, x, c = numpy.ogrid[:side, :side, :3]
pattern = y + 2 * x + 3 * c
with zipfile.ZipFile(path) as z, z.open("arr_0.npy") as f: # (numpy.load would take all at once)
    assert numpy.lib.format.read_magic(f) == (1, 0)
    assert numpy.lib.format.read_array_header_1_0(f) == ((n, side, side, 3), False, numpy.uint8)
    for i in range(n):
        image = numpy.frombuffer(f.read(side * side * 3), "u1").reshape(side, side, 3)
        assert (image == (pattern + 7 * (i % 4)).astype("u1")).all(), i
    assert f.read() == b""
with numpy.load(path) as npz:
    assert npz.files == ["arr_0", "arr_1"] and (npz["arr_1"] == [3] * n).all()
PYTHON
$python check.py "$GGDM"
report $? "npz of $((images * side * side * 3 >> 20)) MiB"
exit "$failed"
