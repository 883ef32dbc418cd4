#!/usr/bin/env python3
"""Peak signal-to-noise ratio of reconstructions, and what the judge sees, of the runs of
docs/sweeps/inpainting10.yaml and super10.yaml.

  tests/bench/psnr.py RUN MNIST-DIR

Each cell has images of one of MNIST's test images, pictures/D.png or D-7x7.png: the first of digit
D.  PSNR is of 8-bit pixels, 10 log10(255^2 / mean squared error), averaged over the images of a
picture, then over pictures."""
import collections
import math
import re
import sqlite3
import struct
import sys
import zipfile


def pixels(path):
    """[N, 28, 28, C] of the archive, the first channel."""
    data = zipfile.ZipFile(path).read("arr_0.npy")
    size = 10 + struct.unpack("<H", data[8:10])[0]
    shape = re.search(rb"'shape': \(([^)]*)\)", data[:size]).group(1).split(b",")
    return data[size::int(shape[3])]


def psnr(a, b):
    error = sum((x - y) ** 2 for x, y in zip(a, b)) / len(a)
    return 10 * math.log10(255 ** 2 / error) if error else math.inf


def first_digits(folder):
    images = open(f"{folder}/t10k-images-idx3-ubyte", "rb").read()[16:]
    labels = open(f"{folder}/t10k-labels-idx1-ubyte", "rb").read()[8:]
    return {d: images[784 * labels.index(d):784 * labels.index(d) + 784] for d in range(10)}


def averages(image):
    return [sum(image[(4 * r + i) * 28 + 4 * c + k] for i in range(4) for k in range(4)) / 16
            for r in range(7) for c in range(7)]


def main(run, folder):
    truth, archives = first_digits(folder), {}
    ratios, judged = collections.defaultdict(list), collections.defaultdict(list)
    query = 'select cell, use, "guidance.dps.loss.image", image, judge_label from v_images'
    for cell, use, picture, image, label in sqlite3.connect(f"{run}/ggdm.db").execute(query):
        digit = int(picture.split("/")[-1][0])
        if cell not in archives:
            archives[cell] = pixels(f"{run}/archive/{cell}/samples.npz")
        made = archives[cell][784 * image:784 * image + 784]
        ratios[use, digit].append(psnr(made, truth[digit]))
        judged[use].append(label == digit)
    for use in sorted(judged):
        means = [sum(ratios[use, d]) / len(ratios[use, d]) for d in range(10)]
        mean = sum(means) / 10
        error = math.sqrt(sum((m - mean) ** 2 for m in means) / 9 / 10)
        best = sum(max(ratios[use, d]) for d in range(10)) / 10
        print(f"{use}: PSNR {mean:.2f} (s.e. {error:.2f} over pictures), the best of each picture "
              f"{best:.2f}, judge {sum(judged[use])} of {len(judged[use])}")
    half = sum(psnr(t[:392] + bytes(392), t) for t in truth.values()) / 10
    small = sum(psnr([averages(t)[i // 112 * 7 + i % 28 // 4] for i in range(784)], t)
                for t in truth.values()) / 10
    print(f"black lower half: {half:.2f}; 7 x 7 averages enlarged: {small:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
