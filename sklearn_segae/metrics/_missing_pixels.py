"""Pixels of images and voxels of volumes that have no data."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..imaging._no_data import missing_at
from ..imaging._tiles import full_tile
from ..imaging._validation import check_images
from ._contingency import shapes


def spatial_axes(y: Any) -> int:
    """Return the number of axes of label maps, which is that of the spatial axes of images."""
    return max((len(shape) for shape in shapes(y)), default=2)


def missing_pixels(X: Any, n_axes: int) -> list[np.ndarray]:
    """Return the mask of each image, True for pixels without data."""
    images = check_images(X, n_axes=n_axes)
    masks = [missing_at(image, full_tile(image.shape)) for image in images]
    pairs = zip(masks, images, strict=True)
    return [np.zeros(image.shape[:-1], bool) if m is None else m for m, image in pairs]
