"""Coverage and width of the intervals of `area_fraction` in simulated labelings of real images.

    python benchmarks/area_fractions.py --data FOLDER [--sets a b] [--draws 500]
        [--designs pixels:100 stratified:300 squares:20 cross:300] [--cache FOLDER]

Sets are read as by few_labels.py. A forest is fitted to strokes (1 % of the pixels) on three images
of a set. Then pixels of all images get their true labels, again and again; the pixels that count
are those whose truth is known. Designs are "pixels:N", N random pixels; "stratified:N", the same
number of pixels of each predicted class; "squares:N", N random squares of 16 pixels, with the
variance of blocks; "strokes:N", other strokes on N / 10,000 of the pixels, as if they were
stratified; and "cross:N", N random pixels to which the forest is fitted, too, with five
folds, compared with the same forest without folds. The latter uses 5,000 pixels and a fifth of the
draws.

Printed are the mean and the lowest coverage over the classes, the mean width as a share of that of
the same method without a map (for stratified pixels and strokes, of as many random pixels), and the
mean absolute error of the fractions and of counting the pixels of the map, in percent.
"""

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from few_labels import load, scribble
from scipy import ndimage
from sklearn.ensemble import RandomForestClassifier

from sklearn_segae import AESegmenter
from sklearn_segae.metrics import area_fraction
from sklearn_segae.metrics._area_estimates import estimate_fractions

LIMIT, CROP = 7, 256  # images of a set, and their largest side
N_OWN, N_ROWS, SIDE, CONFIDENCE = 3, 5_000, 16, 0.95
DESIGNS = ["pixels:100", "pixels:300", "pixels:1000", "stratified:300", "squares:20", "squares:40"]


class Pixels(NamedTuple):
    """All pixels that count: true and predicted class, probabilities, square, some codes."""

    truth: np.ndarray
    predicted: np.ndarray  # one-hot, as the truth
    probabilities: np.ndarray
    square: np.ndarray
    rows: np.ndarray  # indices of the pixels with codes
    codes: np.ndarray


def prepare(path, cache):
    """Fit to strokes and predict all images, or read what was predicted before."""
    kept = cache and cache / f"{path.stem}_pixels.npz"
    if kept and kept.exists():
        with np.load(kept) as arrays:
            return Pixels(*(arrays[name] for name in Pixels._fields))
    [(images, labels)], void = load(path, LIMIT, CROP)
    n_own = min(N_OWN, len(images) - 1)
    rng = np.random.default_rng(0)
    strokes = scribble(labels[:n_own], void, 0.01, rng)
    segmenter = AESegmenter(estimator="forest", random_state=0).fit(images[:n_own], strokes)
    counts = [np.isin(truth, segmenter.classes_) for truth in labels]
    pixels = [m[c] for m, c in zip(segmenter.predict_proba(images), counts, strict=True)]
    squares = [squares_of(i, c) for i, c in enumerate(counts)]
    truth = np.concatenate([t[c] for t, c in zip(labels, counts, strict=True)])
    probabilities = np.concatenate(pixels).astype(float)
    rows = np.sort(rng.choice(len(truth), min(N_ROWS, len(truth)), replace=False))
    codes = np.concatenate(
        [m[c] for m, c in zip(segmenter.transform(images), counts, strict=True)]
    )[rows]
    one_hot = np.eye(len(segmenter.classes_))
    found = Pixels(
        one_hot[np.searchsorted(segmenter.classes_, truth)],
        one_hot[probabilities.argmax(1)],
        probabilities,
        np.unique(np.concatenate(squares), axis=0, return_inverse=True)[1],
        rows,
        codes,
    )
    if kept:
        np.savez(kept, **found._asdict())
    return found


def squares_of(i, counted):
    y, x = np.nonzero(counted)
    return np.column_stack([np.full(len(y), i), y // SIDE, x // SIDE])


def sample(pixels, design, n, rng):
    """Indices of labeled pixels, and their blocks."""
    if design == "squares":
        chosen = rng.choice(pixels.square.max() + 1, n, replace=False)
        found = np.flatnonzero(np.isin(pixels.square, chosen))
        return found, np.unique(pixels.square[found], return_inverse=True)[1]
    if design == "stratified":
        places = [np.flatnonzero(p) for p in pixels.predicted.T]
        places = [p for p in places if len(p) >= len(pixels.truth) / 1000]
        found = np.concatenate([rng.choice(p, n // len(places), replace=False) for p in places])
    else:
        found = rng.choice(len(pixels.truth), n, replace=False)
    return found, np.arange(len(found))


def strokes_on(path, n, rng):
    """Indices of the pixels of strokes, and the stroke of each."""
    [(_, labels)], void = load(path, LIMIT, CROP)
    maps = scribble(labels, void, n / 10_000, rng)
    found, blocks, n_before = [], [], 0
    for strokes, truth in zip(maps, labels, strict=True):
        counted = (truth != void) & (truth >= 0)
        patches, n_patches = ndimage.label(strokes >= 0, np.ones((3, 3)))
        found.append((strokes >= 0)[counted])
        blocks.append((patches + n_before)[(strokes >= 0) & counted])
        n_before += n_patches
    blocks = np.unique(np.concatenate(blocks), return_inverse=True)[1]
    return np.flatnonzero(np.concatenate(found)), blocks


def covariates(pixels):
    """Probabilities and their squares, centered; indicators of predicted classes, too."""
    p = pixels.probabilities
    centered = np.stack([p - p.mean(0), p**2 - (p**2).mean(0)], axis=2)
    mapped = pixels.predicted.mean(0)
    strata = (pixels.predicted - mapped)[:, (mapped >= 0.001) & (mapped < mapped.max())]
    return centered, strata


def simulate(pixels, design, n, draws, path):
    """Estimates with and without a map (draws, 2, 3, n_classes)."""
    (own, strata), rng = covariates(pixels), np.random.default_rng(0)
    found = []
    for _ in range(draws):
        strokes = design == "strokes"
        i, blocks = strokes_on(path, n, rng) if strokes else sample(pixels, design, n, rng)
        s = strata[i] if design in ("stratified", "strokes") else strata[i, :0]
        share = len(i) / len(pixels.truth)
        ours = estimate_fractions(pixels.truth[i], own[i], s, blocks, share, CONFIDENCE)
        if design in ("stratified", "strokes"):
            i, blocks = sample(pixels, "pixels", len(i), rng)
        alone = pixels.truth[i], own[i, :, :0], strata[i, :0], blocks, share, CONFIDENCE
        found.append((ours, estimate_fractions(*alone)))
    return np.array(found)


def cross(pixels, n, draws):
    """Estimates with and without folds (draws, 2, 3, n_classes), for forests of codes."""
    truth, rng = pixels.truth[pixels.rows].argmax(1), np.random.default_rng(0)
    trees = RandomForestClassifier(30, random_state=0)
    forest = AESegmenter(encoder="passthrough", estimator=trees, random_state=0)
    found = []
    while len(found) < draws:
        y = np.full(len(truth), -1)
        chosen = rng.choice(len(truth), n, replace=False)
        y[chosen] = truth[chosen]
        results = []
        for model, cv in ((forest, 5), (forest.fit(pixels.codes, y), None)):
            areas = area_fraction(model, pixels.codes, y, cv=cv)
            row = np.zeros((3, pixels.truth.shape[1]))  # a class that was not drawn has 0
            row[:, areas.classes] = areas.fraction, areas.low, areas.high
            results.append(row)
        found.append(results)
    return np.array(found)


def describe(found, truth):
    """Coverage, its minimum, width and error of both kinds of estimates, mean over the classes."""
    fraction, low, high = np.moveaxis(found, 2, 0)[..., truth > 0]
    truth = truth[truth > 0]
    coverage = ((low <= truth) & (truth <= high)).mean(0)
    width = (high - low).mean(0)
    error = np.abs(fraction - truth).mean((0, 2))
    return coverage.mean(1), coverage.min(1), (width[0] / width[1]).mean(), error


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--designs", nargs="+", default=DESIGNS)
    parser.add_argument("--cache", type=Path, help="folder for predictions")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    means = {}
    for name in arguments.sets or sorted(path.stem for path in arguments.data.glob("*.npz")):
        path = arguments.data / f"{name}.npz"
        pixels = prepare(path, arguments.cache)
        for each in arguments.designs:
            start, (design, n) = time.perf_counter(), each.split(":")
            if design == "cross":
                found = cross(pixels, int(n), arguments.draws // 5)
                truth, mapped = (m[pixels.rows].mean(0) for m in pixels[:2])
            else:
                found = simulate(pixels, design, int(n), arguments.draws, path)
                truth, mapped = (m.mean(0) for m in pixels[:2])
            coverage, lowest, ratio, error = describe(found, truth)
            counted = np.abs(mapped - truth)[truth > 0].mean()
            row = *coverage, *lowest, ratio, *(100 * error), 100 * counted
            means.setdefault(each, []).append(row)
            print(f"{name:20s} {shown(each, row)} {time.perf_counter() - start:5.1f} s", flush=True)
    for each, rows in means.items():
        coverages = np.array(rows)[:, 0]
        print(f"{'mean':20s} {shown(each, np.mean(rows, 0))}", end=" ")
        print(f"coverage of sets {coverages.min():.3f} to {coverages.max():.3f}")


def shown(design, row):
    ours, other, lowest, lowest_other, ratio, error, error_other, counted = row
    return (
        f"{design:14s} coverage {ours:.3f} (lowest {lowest:.3f}), other {other:.3f} "
        f"({lowest_other:.3f}), width {ratio:.3f}, error {error:.2f}, other {error_other:.2f}, "
        f"counted {counted:.2f}"
    )


if __name__ == "__main__":
    main()
