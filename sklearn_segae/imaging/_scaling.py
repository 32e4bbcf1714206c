"""Scaling of the input of a network, per feature or channel (the last axis)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.sparsefuncs import mean_variance_axis, min_max_axis

from ._lazy_images import LARGE
from ._no_data import check_any_data, rows_with_data
from ._tiles import n_pixels_of, spread_tiles

STRIP = 2**20  # pixels to read at once
SPREAD = 32  # side in pixels of the tiles that sample a large image


def fit_scale(X: Any, scaling: str | None, weight: np.ndarray | None = None) -> np.ndarray:
    """Return shift and divisor of every feature, (2, n_features) float64.

    `X` is dense with its features last, or CSR. Constant features are divided by 1. `weight` (n,)
    holds positive sample weights. "auto" is "common" for features of one unit, else "standard".
    """
    n_features = X.shape[-1]
    if scaling is None:
        return np.stack([np.zeros(n_features), np.ones(n_features)])
    low, high = (m.astype(np.float64) for m in _extremes(X))
    if scaling == "minmax":
        return np.stack([low, np.where(low == high, 1, high - low)])
    mean, spread = _moments(X, weight)
    # Not `spread == 0`: because of rounding, a constant column may have a small spread.
    spread = np.where(low == high, 0, spread)
    if scaling == "common" or (scaling == "auto" and of_one_unit(high - low)):
        spread = np.full(n_features, np.sqrt(np.mean(spread**2)))
    return np.stack([mean, np.where(spread == 0, 1, spread)])


def of_one_unit(ranges: np.ndarray) -> bool:
    """Return whether the ranges of features suggest that they share a unit, as pixels do.

    No range exceeds ten times the median, and fewer than a tenth of the features have less than a
    tenth of it, as pixels at the border of handwritten digits do. Columns of tables differ more.
    """
    relative = ranges[ranges > 0] / np.median(ranges[ranges > 0]) if ranges.any() else np.ones(1)
    return bool(relative.max() <= 10 and np.mean(relative < 0.1) < 0.1)


def fit_channel_scale(images: Sequence[np.ndarray]) -> np.ndarray:
    """Return mean and standard deviation of the channels over an even sample of pixels."""
    return fit_scale(sample_evenly(images), "standard")


def sample_evenly(images: Sequence[np.ndarray], max_pixels: int = 200_000) -> np.ndarray:
    """Return about `max_pixels` pixels (n, C) with data, spread evenly over all images.

    They lie on a grid, or in small evenly spread tiles of images that are too large to read.
    """
    n_pixels, n_axes = sum(map(n_pixels_of, images)), images[0].ndim - 1
    step = max(1, round((n_pixels / max_pixels) ** (1 / n_axes)))
    pixels = _rows_of(part for image in images for part in _sampled(image, step))
    if not len(pixels):  # gaps are as regular as the grid
        pixels = _rows_of(part for image in images for part in _in_tiles(image, step))
    check_any_data(len(pixels) > 0)
    return pixels


def _rows_of(parts: Iterable[np.ndarray]) -> np.ndarray:
    return np.concatenate([rows_with_data(part.reshape(-1, part.shape[-1])) for part in parts])


def _in_tiles(image: np.ndarray, step: int) -> Iterator[np.ndarray]:
    """Yield small tiles that hold about as many pixels as a grid of this step."""
    return (image[tile] for tile in spread_tiles(image.shape, SPREAD, step))


def _sampled(image: np.ndarray, step: int) -> Iterator[np.ndarray]:
    """Yield every `step`-th pixel along all axes, a few rows or slices or a tile at a time."""
    height, *sides = image.shape[:-1]
    if n_pixels_of(image) > LARGE:
        yield from _in_tiles(image, step)
        return
    n_rows = step * max(1, STRIP // (step * prod(sides)))
    every = (slice(None, None, step),) * len(sides)
    for top in range(0, height, n_rows):
        yield image[(slice(top, top + n_rows), *every)][::step]


def scaled(X: Any, scale: np.ndarray) -> np.ndarray:
    """Return a scaled, dense copy; float64 for float64 input, else float32."""
    dense = X.toarray() if sparse.issparse(X) else np.asarray(X)
    dtype = np.float64 if dense.dtype == np.float64 else np.float32
    # float32 cannot represent all integers of more than 16 bits.
    narrow = dense.dtype == np.float32 or (dense.dtype.kind in "bu" and dense.dtype.itemsize <= 2)
    wide = np.float32 if narrow else np.float64
    shift, divisor = scale
    nearest = shift.astype(wide)
    result = np.subtract(dense, nearest, dtype=wide)
    if narrow:
        # A mean of 1e6 has an error of up to 0.03 in float32, but nearby numbers subtract exactly
        # (Sterbenz' lemma). The rest of the mean is then subtracted from the small differences.
        result -= (shift - nearest).astype(wide)
    result /= divisor.astype(wide)
    return result.astype(dtype, copy=False)


def unscaled(X: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return scaled values in the units of the input, in their own dtype."""
    shift, divisor = scale.astype(X.dtype)
    return X * divisor + shift


def _moments(X: Any, weight: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of every feature, float64."""
    if sparse.issparse(X):
        weights = None if weight is None else weight.astype(X.dtype)  # the dtype that it requires
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
