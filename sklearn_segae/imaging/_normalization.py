"""Normalization of intensities image by image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ._lazy_images import LARGE, LazyImage
from ._tiles import Tile, spread_tiles, tiles

LEAST = 0.25  # of the typical range: an image with less contrast is not stretched any further
SIDE = 1024  # of the tiles that are read for a range, in pixels


class NormalizedImage(LazyImage):
    """An image (H, W, C), every channel mapped from `low` and `span` above it to [0, 1], float32.

    Mapped where it is sliced: no second copy of the image is held.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, image: np.ndarray, low: np.ndarray, span: np.ndarray) -> None:
        self.image = image
        self.shape = image.shape
        self.on_disk = getattr(image, "on_disk", False)
        self.low = low
        self.divisor = np.where(span > 0, span, 1)

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """Map some rows and columns."""
        return ((self.image[key] - self.low) / self.divisor).astype(np.float32)


def typical_range(images: Sequence[np.ndarray]) -> np.ndarray:
    """Return the median over the images of every channel's range, highest less lowest: (C,)."""
    extremes = [_extremes(image) for image in images]
    return np.median([high - low for low, high in extremes], axis=0)


def normalize(image: np.ndarray, typical: np.ndarray) -> NormalizedImage:
    """Return the image (H, W, C) with every channel mapped from its own range to [0, 1]."""
    low, high = _extremes(image)
    return NormalizedImage(image, low, intensity_span(low, high, typical))


def intensity_span(low: np.ndarray, high: np.ndarray, typical: np.ndarray) -> np.ndarray:
    """Return what is mapped to [0, 1].

    An image with far less contrast than is typical shows nothing: it is stretched by a quarter of
    the typical range at most, so that its noise does not become structure.
    """
    return np.maximum(high - low, LEAST * typical)


def range_tiles(shape: tuple[int, ...]) -> list[Tile]:
    """Return the tiles that tell the range: all, or of a large image a sample from everywhere."""
    n_pixels = shape[0] * shape[1]
    if n_pixels <= LARGE:
        return list(tiles(shape, SIDE))
    side = SIDE // 4
    return list(spread_tiles(shape, side, (n_pixels / LARGE) ** 0.5))


def _extremes(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest value (C,) of every channel."""
    parts = (np.asarray(image[tile]) for tile in range_tiles(image.shape))
    # In float64: the range of bytes or of 16-bit integers does not fit into their own type.
    both = np.array([(p.min((0, 1)), p.max((0, 1))) for p in parts], dtype=np.float64)
    return both[:, 0].min(0), both[:, 1].max(0)
