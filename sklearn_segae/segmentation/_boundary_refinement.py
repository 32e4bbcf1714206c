"""Boundary refinement: relabel pixels by codes with narrower pooling."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ..encoding._pixel_encoder import PixelEncoder
from ..encoding._pooling import along, pool_radius
from ..imaging._no_data import apply_to_data, missing_in
from ..imaging._tiles import Tile, pad_tile, per_axis
from ._grid_sample import GridSample, grid_step

INSIDE = 1.5  # minimum distance from borders, in units of `pooling`: codes of one segment only
SMOOTH = 0.5  # standard deviation for smoothing log-probabilities, in units of `pooling`
LEAST_EVIDENCE = -8.0  # minimum log-probability, limits the influence of single pixels
SHRINKAGE = 0.2  # of the covariance within segments
NEARLY, TINY = 1 - 1e-6, 1e-30  # total weights that differ from 1 by rounding, and the smallest
ENOUGH = 30  # minimum number of pixels inside a segment; with fewer, all its pixels are used


class BoundaryRefiner:
    """Refine borders by linear discriminant analysis of wide and narrow codes.

    Near borders, codes with wide pooling mix both sides. A classifier of wide and narrow codes is
    therefore fitted to the labels of pixels well inside the segments. Its log-probabilities are
    smoothed over a small neighborhood. The fitted `encoder` must have `codes_.has_narrow`.
    """

    def __init__(self, encoder: PixelEncoder) -> None:
        self.encoder = encoder
        widths = along(encoder.pooling_, encoder.voxel)
        self.sigma = SMOOTH * widths
        self.step = grid_step(widths, encoder.n_axes)

    @property
    def halo(self) -> Any:
        """Number of pixels around a tile that its labels depend on, grid rounding included."""
        return pool_radius(self.sigma) + 3 * self.step

    def fit(
        self, survey: GridSample, labels: np.ndarray, n_places: int, rng: np.random.Generator
    ) -> bool:
        """Fit to `labels` (n_places,) of wide codes; return False if only one segment is left."""
        inside = survey.away_from_borders(labels) > INSIDE
        chosen = _teachers(labels, inside, n_places, rng)
        if len(np.unique(labels[chosen])) < 2:
            return False
        self.model = _discriminant(labels[chosen]).fit(survey.codes[chosen], labels[chosen])
        return True

    @property
    def classes_(self) -> np.ndarray:
        """The segments, in the order of `probabilities`."""
        return self.model.classes_

    def probabilities(self, image: np.ndarray, tile: Tile) -> np.ndarray:
        """Return probabilities (h, w, n_classes), computed on a grid and interpolated."""
        around = self.around(tile, image.shape)
        return softmax(self.gather(self._log_probabilities(image, around), around, tile), axis=-1)

    def around(self, tile: Tile, shape: tuple[int, ...]) -> Tile:
        """Return the tile, aligned to the grid, that the probabilities in a tile depend on."""
        return self._gridded(pad_tile(tile, pool_radius(self.sigma), shape), shape)

    def gather(self, logs: np.ndarray, around: Tile, tile: Tile) -> np.ndarray:
        """Smooth log-probabilities on the grid of `around` and interpolate them to `tile`."""
        logs = _smoothed(logs, self.sigma / self.step)
        steps = per_axis(self.step, len(tile))
        for axis, (part, outer, step) in enumerate(zip(tile, around, steps, strict=True)):
            inner = np.arange(part.start, part.stop) - outer.start
            logs = _interpolate(logs, inner / step, axis)
        return logs

    def _log_probabilities(self, image: np.ndarray, tile: Tile) -> np.ndarray:
        """Return the log-probabilities of every `step`-th pixel, without smoothing."""
        codes = self.encoder.encode_tile(image, tile, narrow=True, step=self.step)
        logs = apply_to_data(self.model.predict_log_proba, codes.reshape(-1, codes.shape[-1]))
        logs = np.maximum(logs, LEAST_EVIDENCE).astype(np.float32)
        return logs.reshape(*codes.shape[:-1], -1)

    def _gridded(self, tile: Tile, shape: tuple[int, ...]) -> Tile:
        """Align a tile to the grid, which is the same for all tiles."""
        steps = per_axis(self.step, len(tile))
        return tuple(
            slice(part.start // step * step, min(part.stop + step, size))
            for part, step, size in zip(tile, steps, shape[:-1], strict=True)
        )


def _smoothed(logs: np.ndarray, sigma: Any) -> np.ndarray:
    """Average over Gaussian neighborhoods, of places with data in (h, w, k); others are NaN."""
    missing = missing_in(logs)
    sigmas = (*per_axis(sigma, logs.ndim - 1), 0)
    smooth = partial(ndimage.gaussian_filter, sigma=sigmas, truncate=3)
    if missing is None:
        return smooth(logs)
    weight = smooth((~missing[..., None]).astype(logs.dtype))
    total = smooth(np.where(missing[..., None], 0, logs))
    return total / np.where(weight > NEARLY, 1, np.maximum(weight, TINY))


def _interpolate(maps: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """Interpolate linearly along an axis; beyond the last value, repeat it."""
    last = maps.shape[axis] - 1
    below = np.minimum(places.astype(int), last)
    shape = [-1 if a == axis else 1 for a in range(maps.ndim)]
    share = (places - below).astype(maps.dtype).reshape(shape)
    low, high = (maps.take(i, axis) for i in (below, np.minimum(below + 1, last)))
    return low + np.minimum(share, 1) * (high - low)


def _discriminant(labels: np.ndarray) -> Pipeline:
    """Return an unfitted linear discriminant analysis.

    With one covariance per segment (quadratic), segments with large variance would shift borders.
    """
    n_classes = len(np.unique(labels))
    # Equal priors: borders must not depend on the areas of the segments.
    priors = np.full(n_classes, 1 / n_classes)
    linear = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE, priors=priors)
    return make_pipeline(StandardScaler(), linear)


def _teachers(
    labels: np.ndarray, inside: np.ndarray, n_pixels: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw random pixels inside the segments; anywhere in segments with fewer than `ENOUGH`."""
    for value in np.unique(labels):
        own = labels == value
        if (own & inside).sum() < ENOUGH:
            inside = inside | own
    chosen = rng.permutation(np.flatnonzero(inside))[:n_pixels]
    values, counts = np.unique(labels[chosen], return_counts=True)
    return chosen[np.isin(labels[chosen], values[counts > 1])]  # no variance of one pixel
