"""Rendering of label maps, feature maps and boundaries as RGB pictures (H, W, 3) uint8."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np

from ._label_maps import find_boundaries
from ._label_values import mark_unlabeled
from ._no_data import rows_with_data, with_nan

# The palette of Okabe and Ito, which is safe for color-blind readers.
PALETTE = ("0072b2", "e69f00", "009e73", "cc79a7", "56b4e9", "d55e00", "f0e442", "000000")
LUMA = (0.299, 0.587, 0.114)  # weights of red, green and blue (ITU-R BT.601)


def colors(n: int) -> np.ndarray:
    """Return `n` distinct RGB colors (n, 3) uint8: the palette, then hues by the golden ratio."""
    fixed = [tuple(bytes.fromhex(name)) for name in PALETTE]
    golden = 0.618034
    more = [colorsys.hsv_to_rgb(golden * i % 1, 0.55, 0.6 + 0.3 * (i % 2)) for i in range(n)]
    every = fixed + [tuple(int(255 * c) for c in rgb) for rgb in more]
    return np.array(every[:n], np.uint8).reshape(n, 3)


def to_rgb(image: np.ndarray) -> np.ndarray:
    """Return an image of any dtype as RGB: its first three channels, or the first one as gray.

    Pixels without data (masked or NaN) are white.
    """
    missing = _missing(image)
    channels = np.atleast_3d(np.asarray(image))
    if missing is not None and channels.dtype != np.uint8:
        channels = with_nan(channels, missing)
    channels = channels[..., :3] if channels.shape[2] >= 3 else channels[..., :1]
    if channels.dtype != np.uint8:
        channels = (255 * stretch(channels)).astype(np.uint8)
    picture = np.broadcast_to(channels, (*channels.shape[:2], 3)).copy()
    if missing is not None:
        picture[missing] = 255
    return picture


def _missing(image: np.ndarray) -> np.ndarray | None:
    """Return the mask (H, W) of pixels that are masked or NaN in any channel, or None."""
    missing: Any = np.ma.getmaskarray(np.atleast_3d(image)).any(2)
    if image.dtype.kind == "f":
        missing |= np.isnan(np.atleast_3d(np.asarray(image))).any(2)
    return missing if missing.any() else None


def as_picture(image: np.ndarray) -> np.ndarray:
    """Return an image of any dtype and number of channels as a picture (H, W, 3) uint8.

    One channel is shown in gray, two in magenta and green, three as RGB. More than three are
    reduced to their three principal components.
    """
    missing = _missing(image)
    channels = np.atleast_3d(np.asarray(image))
    if missing is not None and channels.shape[2] not in (1, 3):
        channels = with_nan(channels, missing)
    n_channels = channels.shape[2]
    if n_channels == 2:
        magenta_green = stretch(channels)[..., [0, 1, 0]]
        return (255 * magenta_green).astype(np.uint8)
    if n_channels > 3:
        rows = channels.reshape(-1, n_channels).astype(np.float32)
        _, axes = np.linalg.eigh(np.cov(rows_with_data(rows).T))  # by increasing variance
        channels = (rows @ axes[:, :-4:-1]).reshape(*channels.shape[:2], 3)
        return to_rgb(channels)
    return to_rgb(image)


def as_gray(image: np.ndarray) -> np.ndarray:
    """Return the brightness of an image as a gray picture (H, W, 3) uint8."""
    brightness = as_picture(image) @ np.array(LUMA)
    return to_rgb(brightness.astype(np.uint8))


def stretch(channels: np.ndarray) -> np.ndarray:
    """Map each channel linearly so that its percentiles 1 and 99 become 0 and 1, and clip it.

    NaN, of pixels without data, becomes 1.
    """
    channels = channels.astype(np.float32)
    rows = rows_with_data(channels.reshape(-1, channels.shape[2]))
    low, high = np.percentile(rows if len(rows) else np.zeros_like(channels[0]), (1, 99), axis=0)
    stretched = (channels - low) / np.where(high > low, high - low, 1)
    return np.clip(np.nan_to_num(stretched, nan=1), 0, 1)


def show_labels(labels: np.ndarray) -> np.ndarray:
    """Return a label map in colors; -1 is white, and so are masked pixels."""
    labels = _unmasked(labels)
    white = np.full((1, 3), 255, np.uint8)
    return np.concatenate([colors(int(labels.max()) + 1), white])[labels]  # -1 is the last color


def show_overlay(image: np.ndarray, labels: np.ndarray, alpha: float = 0.4) -> np.ndarray:
    """Blend the colors of the labels with the image, and draw boundaries in white."""
    labels = _unmasked(labels)
    mixed = (1 - alpha) * to_rgb(image) + alpha * show_labels(labels)
    mixed[find_boundaries(labels)] = 255
    return mixed.astype(np.uint8)


def show_borders(image: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Draw the boundaries between labels in yellow over the darkened image."""
    picture = (0.6 * to_rgb(image)).astype(np.uint8)
    picture[find_boundaries(_unmasked(labels))] = (255, 230, 0)
    return picture


def show_features(codes: np.ndarray, n_columns: int = 4, gap: int = 4) -> np.ndarray:
    """Arrange the components of a feature map (H, W, n) as a grid of gray pictures."""
    gray = (255 * stretch(codes)).astype(np.uint8)
    height, width, n = gray.shape
    n_columns = min(n, n_columns)
    n_rows = -(-n // n_columns)
    sheet = np.full((n_rows * (height + gap), n_columns * (width + gap)), 255, np.uint8)
    for i in range(n):
        top, left = i // n_columns * (height + gap), i % n_columns * (width + gap)
        sheet[top : top + height, left : left + width] = gray[..., i]
    return to_rgb(sheet[: sheet.shape[0] - gap, : sheet.shape[1] - gap])


def _unmasked(labels: np.ndarray) -> np.ndarray:
    """Return a label map, in which masked pixels are -1."""
    if not np.ma.is_masked(labels):
        return np.asarray(labels)
    return mark_unlabeled(labels, ~np.ma.getmaskarray(labels))
