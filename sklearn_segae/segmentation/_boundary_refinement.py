"""Sharper borders: label again by codes of narrower pooling, learnt from inside the segments."""

from __future__ import annotations

from math import ceil

import numpy as np
from scipy import ndimage
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from ..encoding._pixel_encoder import PixelEncoder
from ..imaging._tiles import Tile, pad_tile
from ._grid_sample import GridSample, grid_step

INSIDE = 1.5  # poolings from the nearest border: there codes mix no two segments
SMOOTH = 0.5  # poolings: standard deviation over which evidence is gathered
LEAST_EVIDENCE = -8.0  # log-probability, so that no pixel overrules its neighborhood
SHRINKAGE = 0.2  # of the covariance within segments
ENOUGH = 30  # pixels that a segment has to have inside; one with fewer teaches with all it has


class BoundaryRefiner:
    """Linear discriminants of wide and narrow codes, learnt where wide codes are sure.

    Widely pooled codes know which segment, not where it ends: within a pooling of a border they
    mix both sides. Segments as they tell them teach, by the pixels well inside, a classifier that
    sees narrower codes too; its log-probabilities, gathered over a small neighborhood, decide.

    Parameters
    ----------
    encoder : PixelEncoder
        A fitted one, with `codes_.has_narrow`.
    """

    def __init__(self, encoder: PixelEncoder) -> None:
        self.encoder = encoder
        self.sigma = SMOOTH * encoder.pooling_
        self.step = grid_step(encoder.pooling_)

    @property
    def halo(self) -> int:
        """Pixels beyond a tile whose codes are looked at, or that the grid rounds to."""
        return ceil(3 * self.sigma) + 3 * self.step

    def fit(
        self, survey: GridSample, labels: np.ndarray, n_places: int, rng: np.random.Generator
    ) -> bool:
        """Learn from `labels` (n_places,), the segments as wide codes tell them.

        Returns False if there is nothing to tell apart.
        """
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
        """Return (h, w, n_classes): how likely every segment is, given the neighborhood.

        Evidence is smooth, so that it is gathered on a grid and interpolated.
        """
        around = self.around(tile, image.shape)
        return softmax(self.gather(self._log_probabilities(image, around), around, tile), axis=2)

    def around(self, tile: Tile, shape: tuple[int, ...]) -> Tile:
        """Return the tile whose evidence, on the grid, decides about the pixels of a tile."""
        return self._gridded(pad_tile(tile, ceil(3 * self.sigma), shape), shape)

    def gather(self, logs: np.ndarray, around: Tile, tile: Tile) -> np.ndarray:
        """Smooth evidence on the grid of a tile, and interpolate it to the pixels of another."""
        sigma = self.sigma / self.step
        logs = ndimage.gaussian_filter(logs, (sigma, sigma, 0), truncate=3)
        for axis in (0, 1):
            inner = np.arange(tile[axis].start, tile[axis].stop) - around[axis].start
            logs = _interpolate(logs, inner / self.step, axis)
        return logs

    def _log_probabilities(self, image: np.ndarray, tile: Tile) -> np.ndarray:
        """Of every `step`-th pixel, each by itself."""
        codes = self.encoder.encode_tile(image, tile, narrow=True, step=self.step)
        logs = self.model.predict_log_proba(codes.reshape(-1, codes.shape[2]))
        logs = np.maximum(logs, LEAST_EVIDENCE).astype(np.float32)
        return logs.reshape(*codes.shape[:2], -1)

    def _gridded(self, tile: Tile, shape: tuple[int, ...]) -> Tile:
        """Let a tile begin and end with pixels of the grid, which is the same for all tiles."""
        step = self.step
        rows, columns = (
            slice(part.start // step * step, min(part.stop + step, size))
            for part, size in zip(tile, shape[:2], strict=True)
        )
        return rows, columns


def _interpolate(maps: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """Take values at fractional places along an axis, linearly; beyond the last, the last."""
    last = maps.shape[axis] - 1
    below = np.minimum(places.astype(int), last)
    share = (places - below).astype(maps.dtype).reshape([-1 if a == axis else 1 for a in range(3)])
    low, high = (maps.take(i, axis) for i in (below, np.minimum(below + 1, last)))
    return low + np.minimum(share, 1) * (high - low)


def _discriminant(labels: np.ndarray) -> Pipeline:
    """Linear, since codes at a border are unlike those of either side.

    With covariances of their own, segments of wide spread would claim them, and move the border.
    """
    n_classes = len(np.unique(labels))
    # Equally likely beforehand: a border lies where the codes say, whatever the areas.
    priors = np.full(n_classes, 1 / n_classes)
    linear = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE, priors=priors)
    return make_pipeline(StandardScaler(), linear)


def _teachers(
    labels: np.ndarray, inside: np.ndarray, n_pixels: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw pixels inside the segments; all of a segment that has hardly any inside."""
    for value in np.unique(labels):
        own = labels == value
        if (own & inside).sum() < ENOUGH:
            inside = inside | own
    chosen = rng.permutation(np.flatnonzero(inside))[:n_pixels]
    values, counts = np.unique(labels[chosen], return_counts=True)
    return chosen[np.isin(labels[chosen], values[counts > 1])]  # one pixel has no spread
