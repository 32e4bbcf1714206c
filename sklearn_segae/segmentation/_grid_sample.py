"""Sample of wide and narrow codes on grids in random tiles."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from scipy import ndimage

from ..encoding._feature_sampling import TileReader
from ..encoding._pixel_encoder import PixelEncoder
from ..encoding._pooling import normalized_patches, pool_radius
from ..imaging._label_maps import find_boundaries
from ..imaging._pixel_sampling import random_tiles

GRID = 0.25  # grid spacing in units of `pooling`


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
        self.step = grid_step(self.pooling)
        self.tiles = [(images[i], tile) for i, tile in random_tiles(images, rng)]
        maps = [encoder.encode_tile(*t, narrow=True, step=self.step) for t in self.tiles]
        self.shapes = [m.shape[:2] for m in maps]
        self.codes = np.concatenate([m.reshape(-1, m.shape[2]) for m in maps])
        self.wide, self.narrow = np.split(self.codes, [encoder.codes_.n_components], axis=1)

    def __len__(self) -> int:
        return len(self.codes)

    def patches(self, size: int) -> np.ndarray:
        """Return square patches (n_places, size**2) with normalized brightness and contrast."""
        sigma = 2 * self.pooling
        reader = TileReader(self.encoder.net_.module_, self.encoder.scale_)
        function = partial(normalized_patches, sigma=sigma, size=size, step=self.step)
        margin = reader.network.margin + pool_radius(sigma)
        maps = [reader.read(function, image, tile, margin) for image, tile in self.tiles]
        return np.concatenate([m.reshape(-1, size**2) for m in maps])

    def away_from_borders(self, labels: np.ndarray) -> np.ndarray:
        """Return distances from borders between `labels` (n_places,), in units of `pooling`."""
        ends = np.cumsum([height * width for height, width in self.shapes])
        parts = np.split(labels, ends[:-1])
        away = [_away(p.reshape(s)).ravel() for p, s in zip(parts, self.shapes, strict=True)]
        return np.concatenate(away) * (self.step / self.pooling)


def grid_step(pooling: float) -> int:
    """Return the grid spacing in pixels."""
    return max(1, int(GRID * pooling))


def _away(labels: np.ndarray) -> np.ndarray:
    """Return the distance to the nearest border pixel on either side; inf without borders."""
    edge = find_boundaries(labels)
    edge[1:] |= labels[1:] != labels[:-1]
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    if not edge.any():
        return np.full(labels.shape, np.inf)
    return ndimage.distance_transform_edt(~edge)
