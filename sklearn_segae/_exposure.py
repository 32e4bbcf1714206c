"""Bring images that were exposed differently to one range. Arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEAST = 0.25  # of the typical range: an image with less contrast is not stretched any further


def typical_range(images: Sequence[np.ndarray]) -> np.ndarray:
    """Return the median over the images of every channel's range, highest less lowest: (C,)."""
    return np.median([_range(image) for image in images], axis=0)


def expose(image: np.ndarray, typical: np.ndarray) -> np.ndarray:
    """Map every channel of an image (H, W, C) from its own range to [0, 1], as float32.

    An image with far less contrast than is typical shows nothing: it is stretched by a quarter of
    the typical range at most, so that its noise does not become structure.
    """
    low, span = exposure(image, typical)
    return ((image - low) / span).astype(np.float32)


def exposure(image: np.ndarray, typical: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what `expose` subtracts from every channel, and what it divides by: (C,) each."""
    low = image.min((0, 1)).astype(np.float64)
    span = np.maximum(_range(image), LEAST * typical)
    return low, np.where(span > 0, span, 1)


def _range(image: np.ndarray) -> np.ndarray:
    # In float64: the range of bytes or of 16-bit integers does not fit into their own type.
    return image.max((0, 1)).astype(np.float64) - image.min((0, 1)).astype(np.float64)
