#!/usr/bin/python3
"""Two runs of one sweep in different precisions: accuracies of guide and judge, and pixels, cell by cell.

    python3 tests/bench/parity.py RUN_A RUN_B

Prints tables in Markdown.  The exit status is 1 where an accuracy of B is outside of A's 95 % interval."""

import ast
import csv
import os
import sys
import zipfile

import common


def cells(run):
    with open(os.path.join(run, "summary.csv"), newline="") as f:
        return list(csv.DictReader(f))


def axes(row):
    """The parameters that vary: the columns between cell and n."""
    names = list(row)
    return {name: row[name] for name in names[1:names.index("n")]}


def pixels(run, cell):
    """The images of a cell as bytes."""
    with zipfile.ZipFile(os.path.join(run, "archive", cell, "samples.npz")) as z:
        data = z.read("arr_0.npy")
    end = 10 + int.from_bytes(data[8:10], "little")
    kind = ast.literal_eval(data[10:end].decode())
    if kind["descr"] != "|u1" or kind["fortran_order"]:
        raise SystemExit(f"{run}, {cell}: images of {kind['descr']}, expected |u1 in C order")
    return data[end:]


def difference(a, b):
    return sum(abs(x - y) for x, y in zip(a, b, strict=True)) / len(a)


def outside(a, b, name):
    return not float(a[name + "_lo"]) <= float(b[name]) <= float(a[name + "_hi"])


def percent(row, name):
    return f"{100 * float(row[name]):.1f}"


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    run_a, run_b = sys.argv[1:]
    rows, bad = [], 0
    for a, b in zip(cells(run_a), cells(run_b), strict=True):
        if (axes(a), a["n"]) != (axes(b), b["n"]):
            raise SystemExit(f"cell {a['cell']}: another one in {run_b}")
        off = outside(a, b, "guide_accuracy") or outside(a, b, "judge_accuracy")
        bad += off
        rows.append({**axes(a), "n": a["n"],
                     "judge A": percent(a, "judge_accuracy"), "judge B": percent(b, "judge_accuracy"),
                     "guide A": percent(a, "guide_accuracy"), "guide B": percent(b, "guide_accuracy"),
                     "mean abs pixel difference": difference(pixels(run_a, a["cell"]), pixels(run_b, b["cell"])),
                     "": "beyond A's interval" if off else ""})
    print(common.table(rows))
    print(f"\n{bad} of {len(rows)} cells beyond the 95 % interval")
    sys.exit(bad > 0)


main()
