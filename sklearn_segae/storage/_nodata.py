"""Values of pixels without data in the maps that are written."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..imaging._label_maps import UNLABELED


class Nodata(NamedTuple):
    """The value of pixels without data in a map."""

    in_map: float

    def mark(self, values: np.ndarray) -> np.ndarray:
        """Return a part of a map with this value for -1 or NaN, which stand for no data."""
        without = np.isnan(values) if values.dtype.kind == "f" else values == UNLABELED
        return np.where(without, self.in_map, values)

    def shown(self, labels: np.ndarray) -> np.ndarray:
        """Return a label map in which these pixels are unlabeled, as displays need them."""
        labels = np.asarray(labels)
        without = (labels == self.in_map) | np.isnan(labels)
        return np.where(without, UNLABELED, np.nan_to_num(labels)).astype(np.int32)


def in_map(dtype: Any) -> float:
    """Return the value of pixels without data in a map of this type: NaN, -1, or the highest."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        return np.nan
    return UNLABELED if dtype.kind == "i" else int(np.iinfo(dtype).max)
