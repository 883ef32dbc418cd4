#!/usr/bin/python3
"""The Frechet distance of two files of `ggdm reference`, as SciPy has it: by scipy.linalg.sqrtm of
the product of the covariances (numpy.cov of their activations), the way of pytorch-fid and others.

    ggdm evaluate RUN --metrics frechet --features MODEL --reference B.npz
    ggdm reference RUN/archive/CELL/samples.npz --features MODEL --out A.npz
    tests/bench/frechet_scipy.py A.npz B.npz

Needs python3-scipy of Debian 12 (SciPy below 1.18)."""
import sys

import numpy as np
from scipy import linalg


def moments(path):
    x = np.load(path)["activations"].astype(np.float64)
    return x.mean(axis=0), np.atleast_2d(np.cov(x, rowvar=False))


if len(sys.argv) != 3:
    sys.exit(__doc__)
(m1, s1), (m2, s2) = (moments(path) for path in sys.argv[1:])
root = linalg.sqrtm(s1 @ s2, disp=False)[0].real
print(repr(float(((m1 - m2) ** 2).sum() + np.trace(s1) + np.trace(s2) - 2 * np.trace(root))))
