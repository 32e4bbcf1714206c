"""Training data of pixel encoders: random crops of images, or rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from ..imaging._pixel_sampling import tiles_with_data
from ..imaging._scaling import scaled
from ..imaging._tiles import read_tile
from ..training._batches import Samples

CROPS = {2: 96, 3: 40}  # side of crops of images and volumes, in pixels


def crop_samples(
    images: Sequence[np.ndarray], scale: np.ndarray, n_crops: int, rng: np.random.Generator
) -> Samples:
    """Return batches of random crops, each batch from one image."""
    return Samples(partial(_random_crops, images, scale, n_crops, rng), min(4 * len(images), 8))


def row_samples(rows: np.ndarray, scale: np.ndarray) -> Samples:
    """Return rows (n, 1, C) as images with one pixel."""
    x = _tensor(scaled(rows, scale)[:, None])
    return Samples(lambda i: x[i], len(x))


def _random_crops(
    images: Sequence[np.ndarray],
    scale: np.ndarray,
    n_crops: int,
    rng: np.random.Generator,
    index: Any,
) -> torch.Tensor:
    """Draw random crops (n_crops, C, side, side) of one random image; `index` is ignored.

    Pixels without data are NaN.
    """
    side = CROPS[len(images[0].shape) - 1]
    (i, _), *_ = tiles_with_data(images, side, 1, rng)
    chosen = tiles_with_data([images[i]], side, n_crops, rng)
    return _tensor(np.stack([scaled(read_tile(images[i], tile, 0), scale) for _, tile in chosen]))


def _tensor(x: np.ndarray) -> torch.Tensor:
    """Return a tensor (N, C, H, W) of an array (N, H, W, C), with the same memory layout."""
    return torch.from_numpy(x.astype(np.float32, copy=False)).movedim(-1, 1)
