"""Discs and squares."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import check_random_state, check_scalar

from ._checks import check_counts


def make_shapes(
    n_images: int = 1,
    *,
    size: int = 128,
    n_shapes: int = 8,
    noise: float = 0.2,
    n_channels: int = 1,
    random_state: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Make images of bright discs and squares on a dark background, with Gaussian noise.

    Parameters
    ----------
    n_images : int, default=1
        Number of images.
    size : int, default=128
        Height and width in pixels.
    n_shapes : int, default=8
        Number of shapes per image, alternately discs (label 1, value 0.6) and squares (label 2,
        value 1) on a background of label 0 and value 0. Later shapes cover earlier ones.
    noise : float, default=0.2
        Standard deviation of the noise.
    n_channels : int, default=1
        Number of channels, which show the same shapes with independent noise.
    random_state : int, RandomState instance or None, default=None
        Determines all random numbers.

    Returns
    -------
    images : ndarray of shape (n_images, size, size, n_channels), float32
        The images.
    labels : ndarray of shape (n_images, size, size), int32
        The label of every pixel, 0 to 2.

    Examples
    --------
    >>> from sklearn_segae.datasets import make_shapes
    >>> images, labels = make_shapes(noise=0, random_state=0)
    >>> [round(float(images[labels == value].mean()), 2) for value in (0, 1, 2)]
    [0.0, 0.6, 1.0]
    """
    check_counts(n_images=n_images, size=size, n_channels=n_channels)
    check_scalar(n_shapes, "n_shapes", Integral, min_val=0)
    check_scalar(noise, "noise", Real, min_val=0)
    rng = check_random_state(random_state)
    labels = np.stack([_discs_and_squares(n_shapes, size, rng) for _ in range(n_images)])
    values = np.array([0.0, 0.6, 1.0], np.float32)[labels][..., None]
    images = values + noise * rng.standard_normal((*labels.shape, n_channels))
    return images.astype(np.float32), labels


def _discs_and_squares(n_shapes: int, size: int, rng: np.random.RandomState) -> np.ndarray:
    labels = np.zeros((size, size), np.int32)
    y, x = np.mgrid[:size, :size]
    for i in range(n_shapes):
        radius = rng.uniform(0.06, 0.14) * size
        dy, dx = np.abs(y - rng.uniform(0, size)), np.abs(x - rng.uniform(0, size))
        inside = np.hypot(dy, dx) < radius if i % 2 == 0 else np.maximum(dy, dx) < radius
        labels[inside] = 1 + i % 2
    return labels
