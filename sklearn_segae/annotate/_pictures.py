"""Images as the page shows them: with adjustable contrast, and as thumbnails."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..imaging._rendering import as_picture

THUMBNAIL = 72  # longer side in pixels
PERCENTILES = (0.5, 99.5)  # of the values that "Auto" shows between black and white


class Contrast(NamedTuple):
    """Values shown in black and in white, and the exponent of those between."""

    low: float
    high: float
    gamma: float = 1


class ValueRange(NamedTuple):
    """Least and greatest value of an image; values in black and white at first, and by "Auto"."""

    low: float
    high: float
    shown_low: float
    shown_high: float
    auto_low: float
    auto_high: float


def value_range(image: np.ndarray) -> ValueRange:
    """Return the range of the values of an image."""
    shown = _shown(image)
    values = shown[np.isfinite(shown)]
    if not values.size:
        return ValueRange(0, 1, 0, 1, 0, 1)
    auto = [float(v) for v in np.percentile(values, PERCENTILES)]
    if np.uint8 in (image.dtype, shown.dtype):
        return ValueRange(0, 255, 0, 255, *auto)
    first = [float(v) for v in np.percentile(values, (1, 99))]  # as of `as_picture`
    return ValueRange(float(values.min()), float(values.max()), *first, *auto)


def render(image: np.ndarray, contrast: Contrast | None) -> np.ndarray:
    """Return an image as a picture (H, W, 3) uint8; pixels without data are white."""
    if contrast is None:
        return as_picture(image)
    low, high, gamma = contrast
    width = max(high - low, float(np.finfo(np.float32).tiny))
    scaled = np.clip((_shown(image).astype(np.float32) - low) / width, 0, 1)
    picture = np.nan_to_num(255 * scaled**gamma, nan=255).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(picture, (*picture.shape[:2], 3)))


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Return a small picture (h, w, 3) uint8 of an image."""
    step = -(-max(image.shape[:2]) // THUMBNAIL)
    return as_picture(_in_memory(image)[::step, ::step])


def _shown(image: np.ndarray) -> np.ndarray:
    """Return the values (H, W, 1 or 3) to show, NaN without data.

    They are those of the image if it has one or three channels, else of its picture.
    """
    channels = np.atleast_3d(_in_memory(image))
    if channels.shape[2] not in (1, 3):
        return as_picture(image)
    if not np.ma.is_masked(channels):
        return np.ma.getdata(channels)
    return np.ma.filled(channels.astype(np.float32), np.nan)


def _in_memory(image: Any) -> np.ndarray:
    """Return an array, which may be masked."""
    return image if isinstance(image, np.ndarray) else np.asarray(image)
