"""How a net sees its input: a shift and a scale for every feature or channel (the last axis)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.sparsefuncs import mean_variance_axis, min_max_axis

from ._lazy_images import LARGE
from ._tiles import spread_tiles

STRIP = 2**20  # pixels that are read at once
SPREAD = 32  # side in pixels of tiles that stand for a large image


def fit_scale(X: Any, scaling: str | None, weight: np.ndarray | None = None) -> np.ndarray:
    """Return (2, n_features) float64: what to subtract, and what to divide by.

    `X` is dense with its features last, or CSR. What is constant is divided by 1. Samples count
    `weight` (n,) times, all positive, or once each. "auto" is "common" for features of one unit,
    else "standard".
    """
    n_features = X.shape[-1]
    if scaling is None:
        return np.stack([np.zeros(n_features), np.ones(n_features)])
    low, high = (m.astype(np.float64) for m in _extremes(X))
    if scaling == "minmax":
        return np.stack([low, np.where(low == high, 1, high - low)])
    mean, spread = _moments(X, weight)
    # Not `spread == 0`: rounding leaves a constant column with a spread of some ulps.
    spread = np.where(low == high, 0, spread)
    if scaling == "common" or (scaling == "auto" and of_one_unit(high - low)):
        spread = np.full(n_features, np.sqrt(np.mean(spread**2)))
    return np.stack([mean, np.where(spread == 0, 1, spread)])


def of_one_unit(ranges: np.ndarray) -> bool:
    """Whether features look like numbers of one unit, such as pixels, from their ranges.

    None that varies has more than ten times the median range, and fewer than a tenth have less than
    a tenth of it: some pixels at the border hardly ever see a stroke. Units of tables differ more.
    """
    relative = ranges[ranges > 0] / np.median(ranges[ranges > 0]) if ranges.any() else np.ones(1)
    return bool(relative.max() <= 10 and np.mean(relative < 0.1) < 0.1)


def fit_channel_scale(images: Sequence[np.ndarray]) -> np.ndarray:
    """Return the standard scale of (H, W, C) images over an even sample of their pixels."""
    return fit_scale(sample_evenly(images), "standard")


def sample_evenly(images: Sequence[np.ndarray], max_pixels: int = 200_000) -> np.ndarray:
    """Return about `max_pixels` pixels (n, C) at most, from everywhere in all images.

    From a grid; in place of an image too large to read, from small tiles spread evenly over it.
    """
    n_pixels = sum(image.shape[0] * image.shape[1] for image in images)
    step = max(1, round((n_pixels / max_pixels) ** 0.5))
    return np.concatenate([part.reshape(-1, i.shape[2]) for i in images for part in _some(i, step)])


def _some(image: np.ndarray, step: int) -> Iterator[np.ndarray]:
    """Yield about one of `step`**2 pixels, a few rows or a tile at a time."""
    height, width = image.shape[:2]
    if height * width > LARGE:
        yield from (image[tile] for tile in spread_tiles(image.shape, SPREAD, step))
        return
    n_rows = step * max(1, STRIP // (step * width))
    for top in range(0, height, n_rows):
        yield image[top : top + n_rows, ::step][::step]


def scaled(X: Any, scale: np.ndarray) -> np.ndarray:
    """Return a scaled, dense copy: float64 for float64, else float32."""
    dense = X.toarray() if sparse.issparse(X) else np.asarray(X)
    dtype = np.float64 if dense.dtype == np.float64 else np.float32
    # Integers of more than 16 bits do not fit into a float32.
    narrow = dense.dtype == np.float32 or (dense.dtype.kind in "bu" and dense.dtype.itemsize <= 2)
    wide = np.float32 if narrow else np.float64
    shift, divisor = scale
    nearest = shift.astype(wide)
    result = np.subtract(dense, nearest, dtype=wide)
    if narrow:
        # A float32 is off a mean of 1e6 by up to 0.03, but numbers near that subtract exactly
        # (Sterbenz' lemma): the rest of the mean is subtracted from small differences.
        result -= (shift - nearest).astype(wide)
    result /= divisor.astype(wide)
    return result.astype(dtype, copy=False)


def unscaled(X: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Bring scaled values back to the input's units, in their own dtype."""
    shift, divisor = scale.astype(X.dtype)
    return X * divisor + shift


def _moments(X: Any, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of every feature, float64."""
    if sparse.issparse(X):
        weights = None if weight is None else weight.astype(X.dtype)  # it takes no other
        mean, variance = mean_variance_axis(X, 0, weights=weights)
        return mean, np.sqrt(variance)
    rows = X.reshape(-1, X.shape[-1])
    if weight is None:
        return rows.mean(0, dtype=np.float64), rows.std(0, dtype=np.float64)
    weight = np.repeat(weight, len(rows) // len(X))
    mean = np.average(rows.astype(np.float64), axis=0, weights=weight)
    return mean, np.sqrt(np.average((rows - mean) ** 2, axis=0, weights=weight))


def _extremes(X: Any) -> tuple[np.ndarray, np.ndarray]:
    if sparse.issparse(X):
        return min_max_axis(X, 0)
    rows = X.reshape(-1, X.shape[-1])
    return rows.min(0), rows.max(0)
