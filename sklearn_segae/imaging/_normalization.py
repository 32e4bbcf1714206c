"""Normalization of the intensities of single images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ._lazy_images import LARGE, LazyImage
from ._tiles import Tile, spread_tiles, tiles

MIN_RANGE = 0.25  # of the typical range; images with less contrast are stretched no further
RANGE_TILE_SIDE = 1024  # side of the tiles that ranges are measured on, in pixels


class NormalizedImage(LazyImage):
    """An image (H, W, C) whose channels are mapped from [low, low + span] to [0, 1], float32.

    Slices are mapped when they are read, so that no second copy of the image is held.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, image: np.ndarray, low: np.ndarray, span: np.ndarray) -> None:
        self.image = image
        self.shape = image.shape
        self.on_disk = getattr(image, "on_disk", False)
        self.low = low
        self.divisor = np.where(span > 0, span, 1)

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """Return rows and columns, normalized."""
        return ((self.image[key] - self.low) / self.divisor).astype(np.float32)


def typical_range(images: Sequence[np.ndarray]) -> np.ndarray:
    """Return the median over images of the range, maximum minus minimum, of each channel: (C,)."""
    extremes = [_extremes(image) for image in images]
    return np.median([high - low for low, high in extremes], axis=0)


def normalize(image: np.ndarray, typical: np.ndarray) -> NormalizedImage:
    """Return the image (H, W, C) with each channel mapped from its range to [0, 1]."""
    low, high = _extremes(image)
    return NormalizedImage(image, low, intensity_span(low, high, typical))


def intensity_span(low: np.ndarray, high: np.ndarray, typical: np.ndarray) -> np.ndarray:
    """Return the length (C,) of the interval that is mapped to [0, 1].

    It is at least a quarter of the typical range: stretching an image of much lower contrast would
    amplify its noise.
    """
    return np.maximum(high - low, MIN_RANGE * typical)


def range_tiles(shape: tuple[int, ...]) -> list[Tile]:
    """Return the tiles that the range is measured on: all, or evenly spread ones if it is large."""
    n_pixels = shape[0] * shape[1]
    if n_pixels <= LARGE:
        return list(tiles(shape, RANGE_TILE_SIDE))
    return list(spread_tiles(shape, RANGE_TILE_SIDE // 4, (n_pixels / LARGE) ** 0.5))


def _extremes(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the minimum and maximum (C,) of each channel."""
    parts = (np.asarray(image[tile]) for tile in range_tiles(image.shape))
    # float64, because the range of an integer type does not fit into it.
    both = np.array([(p.min((0, 1)), p.max((0, 1))) for p in parts], dtype=np.float64)
    return both[:, 0].min(0), both[:, 1].max(0)
