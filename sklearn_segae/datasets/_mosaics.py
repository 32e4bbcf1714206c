"""Mosaics of textures."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage
from sklearn.utils import check_random_state

from ._checks import check_counts


def make_mosaic(
    n_images: int = 1,
    *,
    n_segments: int = 4,
    size: int = 128,
    n_channels: int = 1,
    random_state: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Make mosaics of textures that have the same mean and variance.

    Every segment is a distorted Voronoi cell of noise, which is filtered in a direction and at a
    scale of its own. The same textures occur in every image.

    Parameters
    ----------
    n_images : int, default=1
        Number of images.
    n_segments : int, default=4
        Number of textures; each occurs in every image.
    size : int, default=128
        Height and width of an image in pixels.
    n_channels : int, default=1
        Number of channels, which show the same textures.
    random_state : int, RandomState instance or None, default=None
        Determines all random numbers.

    Returns
    -------
    images : ndarray of shape (n_images, size, size, n_channels), float32
        Values with mean 0 and standard deviation 1 in every segment, up to sampling errors.
    labels : ndarray of shape (n_images, size, size), int32
        The texture of every pixel, 0 to n_segments - 1.

    Examples
    --------
    >>> from sklearn_segae.datasets import make_mosaic
    >>> images, labels = make_mosaic(2, n_segments=3, size=64, random_state=0)
    >>> images.shape, labels.shape
    ((2, 64, 64, 1), (2, 64, 64))
    """
    check_counts(n_images=n_images, n_segments=n_segments, size=size, n_channels=n_channels)
    rng = check_random_state(random_state)
    labels = np.stack([_cells(n_segments, size, rng) for _ in range(n_images)])
    filters = [_texture_filter(i, n_segments) for i in range(n_segments)]
    images = np.empty((n_images, size, size, n_channels), np.float32)
    for image, label in zip(images, labels, strict=True):
        for value, sigmas in enumerate(filters):
            image[label == value] = _texture(size, n_channels, *sigmas, rng)[label == value]
    return images, labels


def _cells(n_cells: int, size: int, rng: np.random.RandomState, bend: float = 0.05) -> np.ndarray:
    """Return distorted Voronoi cells, each at least half as large as their mean."""
    grid = np.mgrid[:size, :size].astype(float)
    while True:
        seeds = rng.uniform(0.08, 0.92, (n_cells, 2)) * size
        noise = rng.standard_normal((2, size, size))
        waves = ndimage.gaussian_filter(noise, (0, size / 14, size / 14))
        bent = grid + waves / waves.std() * bend * size
        distance = ((bent[None] - seeds[:, :, None, None]) ** 2).sum(1)
        labels = distance.argmin(0).astype(np.int32)
        if np.bincount(labels.ravel(), minlength=n_cells).min() >= 0.5 * size**2 / n_cells:
            return labels


def _texture_filter(i: int, n: int) -> tuple[float, float, float]:
    """Return the blur along and across an axis, and its angle in degrees, of texture `i`."""
    return 1.0 + 2.0 * (i % 2), 0.4 + 0.4 * (i // 4), 180.0 * i / n


def _texture(
    size: int,
    n_channels: int,
    along: float,
    across: float,
    angle: float,
    rng: np.random.RandomState,
) -> np.ndarray:
    canvas = rng.standard_normal((2 * size, 2 * size, n_channels))
    blurred = ndimage.gaussian_filter(canvas, (across, along, 0), mode="wrap")
    turned = ndimage.rotate(blurred, angle, reshape=False, order=1, mode="wrap")
    inner = turned[size // 2 : size // 2 + size, size // 2 : size // 2 + size]
    return (inner - inner.mean((0, 1))) / inner.std((0, 1))
