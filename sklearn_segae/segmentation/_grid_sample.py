"""Sample of wide and narrow codes on grids in random tiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage
from torch import Tensor

from ..encoding._feature_sampling import TileReader, flatten_map
from ..encoding._masked_pooling import smoothing
from ..encoding._pixel_encoder import PixelEncoder
from ..encoding._pooling import along, normalized_patches, pool_radius
from ..imaging._no_data import rows_with_data, spread
from ..imaging._pixel_sampling import random_tiles

GRID = {2: 0.25, 3: 0.5}  # grid spacing in units of `pooling`, by the number of axes
PATCH_SIZES = {2: 9, 3: 5}  # sides of patches in pixels
CONTRAST = {2: 2.0, 3: 1.0}  # scale of contrast normalization in units of `pooling`


class GridSample:
    """Sample wide and narrow codes on grids in random tiles of images (H, W, C).

    The number of tiles is limited by a number of pixels. `encoder` must have `codes_.has_narrow`.

    Attributes
    ----------
    codes : ndarray of shape (n_places, n_wide + n_narrow)
    wide, narrow : views of columns of `codes`
    """

    def __init__(
        self, encoder: PixelEncoder, images: Sequence[np.ndarray], rng: np.random.Generator
    ) -> None:
        self.encoder = encoder
        self.pooling = encoder.pooling_
        self.widths = along(self.pooling, encoder.voxel)
        self.step = grid_step(self.widths, encoder.n_axes)
        self.tiles = [(images[i], tile) for i, tile in random_tiles(images, rng)]
        maps = [encoder.encode_tile(*t, narrow=True, step=self.step) for t in self.tiles]
        self.known = [~np.isnan(m[..., 0]) for m in maps]  # places with data
        self.codes = rows_with_data(np.concatenate([flatten_map(m) for m in maps]))
        self.wide, self.narrow = np.split(self.codes, [encoder.codes_.n_components], axis=1)

    def __len__(self) -> int:
        return len(self.codes)

    def patches(self) -> np.ndarray:
        """Return square patches (n_places, size**2) with normalized brightness and contrast."""
        size = PATCH_SIZES[self.encoder.n_axes]
        sigma = CONTRAST[self.encoder.n_axes] * self.widths
        reader = TileReader(self.encoder.net_.module_, self.encoder.scale_)

        def function(network: Any, x: Tensor, present: Tensor | None = None) -> Tensor:
            return normalized_patches(network, x, sigma, size, self.step, smoothing(present))

        margin = reader.network.margin + pool_radius(sigma)
        maps = [reader.read(function, image, tile, margin) for image, tile in self.tiles]
        pairs = zip(maps, self.known, strict=True)
        return np.concatenate([m[known] for m, known in pairs])

    def away_from_borders(self, labels: np.ndarray) -> np.ndarray:
        """Return distances from borders between `labels` (n_places,), in units of `pooling`."""
        ends = np.cumsum([known.sum() for known in self.known])
        parts = zip(np.split(labels, ends[:-1]), self.known, strict=True)
        unit = self.step / self.widths
        sampling = None if np.ndim(unit) == 0 else unit
        away = [_away(spread(part, ~known), known, sampling)[known] for part, known in parts]
        return np.concatenate(away) * (unit if sampling is None else 1)


def grid_step(widths: Any, n_axes: int = 2) -> Any:
    """Return the grid spacing in pixels, along each axis if `widths` of the pooling are."""
    steps = np.maximum(1, (GRID[n_axes] * np.asarray(widths)).astype(int))
    return steps if steps.ndim else int(steps)


def _away(labels: np.ndarray, known: np.ndarray, sampling: Any) -> np.ndarray:
    """Return the distance to the nearest border pixel on either side; inf without borders.

    Neighbors that are not `known` (h, w) have no border between them.
    """
    edge = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        before = (slice(None),) * axis
        here, there = ((*before, s) for s in (slice(None, -1), slice(1, None)))
        border = (labels[here] != labels[there]) & known[here] & known[there]
        edge[here] |= border
        edge[there] |= border
    if not edge.any():
        return np.full(labels.shape, np.inf)
    return ndimage.distance_transform_edt(~edge, sampling)
