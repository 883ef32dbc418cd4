#!/bin/bash
# `ggdm reference`, and metrics that compare with what it wrote.
#   GGDM=PROGRAM TOOLS=DIR tests/cli/reference.sh
set -u
. "$(dirname "$0")/../support/world.sh"
. "$root/tests/support/tiny.sh"

sweep 8 70 "0, 0.5" "0, 8" >a.yaml
timeout 120 "$GGDM" run a.yaml --run r --workers 0 >out 2>err || cat err
images=r/archive/c0000/samples.npz
reference() { timeout 60 "${@:2}" reference "$images" --features tiny-judge --out "$1" >log 2>err; }
evaluate() { timeout 60 "$GGDM" evaluate r --metrics frechet --features "$1" --reference "$2" >log 2>err; }

reference one.npz "$GGDM" && grep -q "^one.npz: samples.npz@.*, 70 images, 16 features, tiny-judge:features@" log &&
    reference three.npz mpirun -n 3 --oversubscribe "$GGDM" && cmp one.npz three.npz
report $? "any number of ranks writes the same file" || cat log err

if /usr/bin/python3 -c "import numpy" 2>/dev/null; then
    /usr/bin/python3 - one.npz <<'EOF'
import sys, numpy as np
z = np.load(sys.argv[1])
x = z["activations"].astype(np.float64)
assert x.shape == (70, 16) and int(z["n"][0]) == 70 and bytes(z["features"]).startswith(b"tiny-judge:features@")
assert np.allclose(z["mu"], x.mean(0), rtol=1e-12)
assert np.allclose(z["sigma"], np.cov(x, rowvar=False), rtol=1e-9, atol=1e-15) and (z["sigma"] == z["sigma"].T).all()
EOF
    report $? "NumPy reads it, and has the same mean and covariance"
fi

# Of cell 0 to itself it is 0; what is there of the same file is not computed again.
evaluate tiny-judge one.npz && grep -q "4 numbers computed" err &&
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "frechet") f = i }
        NR == 2 { zero = $f < 1e-9 } NR > 2 { far += $f > 1e-6 } END { exit !(zero && far) }' r/summary.csv &&
    grep -q "frechet by tiny-judge:features@.* against one.npz@" log && evaluate tiny-judge one.npz && grep -q "0 numbers computed, 4 there already" err
report $? "a Frechet distance to it" || cat log err

refused() { ! evaluate "$1" "$2" && grep -q "$3" err; }
refused pixels one.npz "reference one.npz: it is of features tiny-judge:features@.*, expected pixels" &&
    refused tiny-judge mnist-test "reference mnist-test: data/mnist: .*ggdm data mnist. obtains it" &&
    refused tiny-judge none.npz "none.npz: " && ! images=nothing reference x.npz "$GGDM"
report $? "what cannot be compared with is refused" || cat log err
timeout 60 "$GGDM" evaluate r --metrics frechet --features pixels >log 2>err
[ $? -eq 2 ] && grep -q "frechet compares with a reference, expected --reference with it, as mnist-test" err
report $? "a metric that compares says so" || cat err

! reference wrong "$GGDM" && grep -q -- "--out: value 'wrong', expected FILE.npz" err && [ ! -e wrong ]
report $? "a file that evaluate would not take is refused" || cat log err

sweep 8 3 "0" "0" >few.yaml
timeout 60 "$GGDM" run few.yaml --run few --workers 0 >log 2>err
note="n = 3 for 16 features: mostly bias"
! grep -q "mostly bias" r/report.html r/summary.csv &&
    timeout 60 "$GGDM" evaluate few --metrics frechet --features tiny-judge --reference one.npz --json >log 2>err && grep -q "\"note\": \"$note\"" log &&
    timeout 60 "$GGDM" evaluate few >log 2>err && grep -q "$note" log && grep -q "$note" few/report.html && grep -q "$note" few/summary.csv && grep -q "$note" few/summary.json
report $? "numbers of too few images say so, wherever they are" || cat log err
timeout 60 "$GGDM" evaluate few --metrics inception-score --features tiny-judge >log 2>err && "$GGDM" report few --format md >log && "$GGDM" report r --format md >log &&
    grep -q "; 1 number: $note; 1 other with other notes: see summary.csv\.$" few/report.md && grep -q '^Frechet by .*: n = 70 images a cell\.$' r/report.md
report $? "captions say whose a note is, and no intervals where there are none" || cat log err few/report.md r/report.md
exit "$failed"
