"""Description lengths of segmented images, to choose between segmentations without labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import gammaln, logsumexp

from ._feature_sampling import flatten_map

Maps = Sequence[np.ndarray]  # label maps (H, W)
NEIGHBORS = [(0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0)]  # rows above, columns to the left
REACH = 2  # largest of them
# The labels of natural segmentations are cheaper than three neighbors predict. Measured: 1 to 2.
LABEL_WEIGHT = 1.5
RIDGE = 1e-4  # of the variance of a channel, limits the gain from flat segments
SCALES = 2.0 ** np.arange(-3, 4)  # of the Gaussians of `tail_length`
LEAST_KNOWN = 0.01  # share of the pixels with data that have all neighbors
N_BINS, N_ROUNDS = 100, 20


class DescriptionLength:
    """Description length of label maps of images, in nats per pixel [1]_.

    Labels are coded given three neighbors, pixels given their label, by one of two models.
    `independent`: a Gaussian for each segment. `autoregressive`: a regression on six neighbors for
    each segment, with innovations that may have heavy tails. The first finds segments of different
    colors, whatever the noise; to the second, which predicts most of the color from the neighbors,
    differences of texture count more.

    Parameters
    ----------
    images : sequence of ndarray of shape (H, W, C)
        Standardized, with uncorrelated channels; at least 3 x 5 pixels. Pixels that are NaN, or
        have such a neighbor, have no part. If that are nearly all, as in interlaced images,
        neighbors that are NaN count as the mean, 0.
    n_segments : int

    References
    ----------
    .. [1] J. Rissanen, "Modeling by shortest data description", Automatica 14, 1978,
       doi:10.1016/0005-1098(78)90005-5.
    """

    def __init__(self, images: Sequence[np.ndarray], n_segments: int) -> None:
        self.n_segments = n_segments
        pixels = np.concatenate([flatten_map(inner(x)) for x in images])
        around = np.concatenate([neighborhoods(x) for x in images])
        present = ~np.isnan(pixels[:, 0])
        self.known = present & ~np.isnan(around.sum(1))
        if self.known.sum() < LEAST_KNOWN * present.sum():
            self.known, around = present, np.nan_to_num(around)
        if not self.known.all():
            pixels, around = pixels[self.known], around[self.known]
        self.pixels = pixels
        self.design = np.column_stack([around, np.ones(len(around), around.dtype)])

    @property
    def n_pixels(self) -> int:
        """Number of pixels that are described."""
        return len(self.pixels)

    def independent(self, maps: Maps) -> float:
        """Return the length if pixels of a segment are independent."""
        return self._length(maps, lambda own: gaussian_length(self.pixels[own]), LABEL_WEIGHT)

    def autoregressive(self, maps: Maps) -> float:
        """Return the length if pixels depend on their neighbors."""
        return self._length(maps, lambda own: predicted_length(self.pixels[own], self.design[own]))

    def _length(
        self, maps: Maps, length: Callable[[np.ndarray], float], label_weight: float = 1
    ) -> float:
        labels = np.concatenate([inner(m).ravel() for m in maps])[self.known]
        segments = np.unique(labels[labels >= 0])
        pixels = sum(length(np.flatnonzero(labels == j)) for j in segments)
        return (pixels + label_weight * length_of_labels(maps, self.n_segments)) / len(labels)


def inner(maps: np.ndarray) -> np.ndarray:
    """Return the pixels (H - 2, W - 4, ...) whose neighbors are in the image."""
    return maps[REACH:, REACH:-REACH]


def neighborhoods(image: np.ndarray) -> np.ndarray:
    """Return the neighbors (n, 6 C) of the inner pixels of an image (H, W, C)."""
    height, width = image.shape[:2]
    shifted = [image[REACH - y : height - y, REACH - x : width - REACH - x] for y, x in NEIGHBORS]
    return flatten_map(np.concatenate(shifted, axis=2))


def length_of_labels(maps: Maps, n_segments: int) -> float:
    """Code every label given those left, above and above right, by counts [1]_; -1 is none.

    References
    ----------
    .. [1] R. Krichevsky, V. Trofimov, "The performance of universal encoding", IEEE Transactions on
       Information Theory 27, 1981.
    """
    contexts = [np.stack((m[1:, :-2], m[:-1, 1:-1], m[:-1, 2:], m[1:, 1:-1])) for m in maps]
    known = [c[:, (c >= 0).all(0)] for c in contexts]
    cells = [np.ravel_multi_index(tuple(c), (n_segments,) * 4) for c in known]
    # Only cells that occur: there may be many segments.
    seen, counts = np.unique(np.concatenate(cells), return_counts=True)
    totals = np.bincount(np.unique(seen // n_segments, return_inverse=True)[1], counts)
    half = n_segments / 2
    coded = (gammaln(counts + 0.5) - gammaln(0.5)).sum()
    return float((gammaln(totals + half) - gammaln(half)).sum() - coded)


def gaussian_length(pixels: np.ndarray) -> float:
    """Code pixels (n, C) by one Gaussian."""
    n, n_channels = pixels.shape
    covariance = np.atleast_2d(np.cov(pixels.T, bias=True)) + RIDGE * np.eye(n_channels)
    n_parameters = n_channels + n_channels * (n_channels + 1) / 2
    entropy = np.linalg.slogdet(2 * np.pi * np.e * covariance)[1] / 2
    return float(n * entropy + n_parameters * np.log(n) / 2)


def predicted_length(pixels: np.ndarray, design: np.ndarray) -> float:
    """Code pixels (n, C) by a linear regression on the design (n, p)."""
    n, n_channels = pixels.shape
    gram = design.T @ design + 1e-3 * np.eye(design.shape[1])
    residuals = pixels - design @ np.linalg.solve(gram, design.T @ pixels)
    covariance = residuals.T @ residuals / n + RIDGE * np.eye(n_channels)
    distances = np.einsum("nc,cd,nd->n", residuals, np.linalg.inv(covariance), residuals)
    n_parameters = design.shape[1] * n_channels + n_channels * (n_channels + 1) / 2
    spread = n * np.linalg.slogdet(2 * np.pi * covariance)[1] / 2
    return float(spread + tail_length(distances, n_channels) + n_parameters * np.log(n) / 2)


def tail_length(distances: np.ndarray, n_channels: int) -> float:
    """Code squared distances (n,) by a mixture of Gaussians of several scales.

    Edges and specks have large residuals in any segment; a single Gaussian would reward segments
    that collect them.
    """
    counts, edges = np.histogram(np.log(distances + 1e-6), N_BINS)
    squares = np.exp((edges[1:] + edges[:-1]) / 2)[counts > 0]
    counts = counts[counts > 0]
    logs = -n_channels * np.log(SCALES) - squares[:, None] / (2 * SCALES**2)
    weights = np.full(len(SCALES), 1 / len(SCALES))
    for _ in range(N_ROUNDS):  # of expectation maximization
        shares = logs + np.log(weights + 1e-12)
        shares = np.exp(shares - logsumexp(shares, axis=1, keepdims=True))
        weights = counts @ shares / counts.sum()
    coded = counts @ logsumexp(logs + np.log(weights + 1e-12), axis=1)
    return float((len(SCALES) - 1) * np.log(counts.sum()) / 2 - coded)
