"""Pixels without data: their value in an image, and in the maps that are made of it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..imaging._label_maps import UNLABELED


class Nodata(NamedTuple):
    """The value of pixels without data in the channels of an image, and in a map of it."""

    value: float
    in_map: float

    def where(self, image: np.ndarray) -> np.ndarray:
        """Return True for the pixels (h, w) that have no data in any channel."""
        found = np.isnan(image) if np.isnan(self.value) else image == self.value
        return found.all(axis=2) if found.ndim == 3 else found

    def mark(self, values: np.ndarray, image: np.ndarray) -> np.ndarray:
        """Return a part of a map with the value of pixels without data where there are any."""
        without = self.where(image)
        if values.dtype.kind in "biu":
            without |= values == UNLABELED
        return np.where(without[..., None] if values.ndim == 3 else without, self.in_map, values)

    def shown(self, labels: np.ndarray) -> np.ndarray:
        """Return a label map in which these pixels are unlabeled, as displays need them."""
        return np.where(labels == self.in_map, UNLABELED, labels.astype(np.int32))


def in_map(dtype: Any) -> float:
    """Return the value of pixels without data in a map of this type: NaN, -1, or the highest."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return np.nan
    return UNLABELED if dtype.kind == "i" else int(np.iinfo(dtype).max)
