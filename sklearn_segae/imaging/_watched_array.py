"""An array that reports its progress while it is written tile by tile."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import DTypeLike

from ._tiles import Tile


class WatchedArray:
    """Output array that calls a function before each write.

    `watch` is called with the fraction of the elements that have been written, 0 to 1. If it
    raises an error, the computation that writes the array ends with this error.
    """

    def __init__(
        self, shape: tuple[int, ...], dtype: DTypeLike, watch: Callable[[float], None]
    ) -> None:
        self.values = np.zeros(shape, dtype)
        self.shape, self.dtype = self.values.shape, self.values.dtype
        self.watch = watch
        self.n_written = 0

    def __setitem__(self, tile: Tile, values: np.ndarray) -> None:
        """Write the values of a tile."""
        self.watch(self.n_written / max(1, self.values.size))
        self.values[tile] = values
        self.n_written += self.values[tile].size
