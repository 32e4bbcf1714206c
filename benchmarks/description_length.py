"""Choose features without labels by the description length of the segmented image.

    python benchmarks/description_length.py --data FOLDER [--sets a b] [--limit 4] [--side 320]

Sets are those of benchmarks/no_labels.py. Candidates are k-means and mixtures on colors smoothed by
a Gaussian of sigma 0, 1, 2 and 4, and untrained "texture" and "intensity+texture" features. The
description length of a candidate is, in nats a pixel, that of the pixels under a Gaussian
autoregression on six neighbors, with coefficients and a covariance for every segment (and half the
logarithm of the number of pixels for each parameter), plus that of the labels, given those of three
neighbors. Printed are mean IoU and description length of all candidates, the one with the best
mean IoU, and the one with the shortest description.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch
from few_labels import load, unit_range
from no_labels import n_classes, score, standardized
from scipy import ndimage
from scipy.special import gammaln
from sklearn.cluster import KMeans

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.segmentation._gaussian_mixture import ShrunkMixture

NEIGHBORS = [(0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0)]  # above and to the left
SIGMAS = (0, 1, 2, 4)
N_FIT = 20_000


def candidates(images, k):
    """Yield names and label maps."""
    for sigma in SIGMAS:
        maps = [ndimage.gaussian_filter(x, (sigma, sigma, 0)) for x in standardized(images)]
        rows = whitened(np.concatenate([m.reshape(-1, m.shape[2]) for m in maps]))
        some = np.random.default_rng(0).permutation(rows)[:N_FIT]
        for name, model in (("k-means", KMeans(k, n_init=4)), ("mixture", ShrunkMixture(k))):
            labels = model.set_params(random_state=0).fit(some).predict(rows)
            ends = np.cumsum([m.shape[0] * m.shape[1] for m in maps])[:-1]
            parts = zip(np.split(labels, ends), maps, strict=True)
            yield f"{name}, sigma {sigma}", [part.reshape(m.shape[:2]) for part, m in parts]
    for features in ("texture", "intensity+texture"):
        encoder = PixelEncoder(features=features, whitening=1, max_epochs=0)
        yield features, AESegmenter(k, encoder=encoder, random_state=0).fit_predict(images)


def whitened(rows):
    """Return at most three whitened principal components."""
    scale, basis = np.linalg.eigh(np.atleast_2d(np.cov(rows.T)))
    kept = [i for i in scale.argsort()[::-1][:3] if scale[i] > 1e-4 * scale.max()]
    return rows @ basis[:, kept] / np.sqrt(scale[kept])


def description_length(images, maps, k):
    """Return nats a pixel."""
    images = standardized(images)
    n_pixels = sum((m.shape[0] - 2) * (m.shape[1] - 4) for m in maps)
    return (length_of_pixels(images, maps, k) + length_of_labels(maps, k)) / n_pixels


def length_of_labels(maps, k):
    """Code every label given three neighbors, by the Krichevsky-Trofimov estimator."""
    counts = np.zeros((k, k, k, k))
    for m in maps:
        np.add.at(counts, (m[1:, :-2], m[:-1, 1:-1], m[:-1, 2:], m[1:, 1:-1]), 1)
    counts = counts.reshape(-1, k)
    coded = gammaln(counts + 0.5) - gammaln(0.5)
    return -(gammaln(k / 2) - gammaln(counts.sum(1) + k / 2) + coded.sum(1)).sum()


def length_of_pixels(images, maps, k):
    """Code pixels by a Gaussian autoregression in every segment."""
    inner = (slice(2, None), slice(2, -2))
    pixels = np.concatenate([x[inner].reshape(-1, x.shape[2]) for x in images])
    around = np.concatenate([neighbors(x) for x in images])
    labels = np.concatenate([m[inner].ravel() for m in maps])
    return sum(length_of_segment(pixels[labels == j], around[labels == j]) for j in range(k))


def neighbors(image):
    height, width, n_channels = image.shape
    shifted = [image[2 - y : height - y, 2 - x : width - 2 - x] for y, x in NEIGHBORS]
    return np.concatenate([s.reshape(-1, n_channels) for s in shifted], axis=1)


def length_of_segment(pixels, around):
    n, n_channels = pixels.shape
    if n < 2:
        return 0.0
    design = np.column_stack([around, np.ones(n)])
    gram = design.T @ design + 1e-3 * np.eye(design.shape[1])
    residuals = pixels - design @ np.linalg.solve(gram, design.T @ pixels)
    covariance = residuals.T @ residuals / n + 1e-4 * np.eye(n_channels)
    n_parameters = design.shape[1] * n_channels + n_channels * (n_channels + 1) / 2
    entropy = np.linalg.slogdet(2 * np.pi * np.e * covariance)[1] / 2
    return n * entropy + n_parameters * np.log(n) / 2


def compare(name, X, y, void):
    k = n_classes(y, void)
    images = [unit_range(image) for image in X]
    found = {
        method: (score(y, maps, void), description_length(images, maps, k))
        for method, maps in candidates(images, k)
    }
    best = max(found, key=lambda method: found[method][0])
    chosen = min(found, key=lambda method: found[method][1])
    print(f"{name}, k={k}: best {best} {found[best][0]:.3f}, ", end="")
    print(f"shortest {chosen} {found[chosen][0]:.3f}")
    print("  " + "; ".join(f"{m} {iou:.3f}/{length:.3f}" for m, (iou, length) in found.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--limit", type=int, default=4, help="images of a set")
    parser.add_argument("--side", type=int, default=320, help="crop images to so many pixels")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", module="skimage")
    names = options.sets or sorted(path.stem for path in options.data.glob("*.npz"))
    for name in names:
        tasks, void = load(options.data / f"{name}.npz", options.limit, options.side)
        for X, y in tasks:
            compare(name, X, y, void)


if __name__ == "__main__":
    main()
