"""What readers tell about an image file before its pixels are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, prod
from pathlib import Path
from typing import Any

import numpy as np

from ._axes import check_pages, from_shape, from_user, with_slices
from ._units import in_unit


class Source:
    """Base class of image files that were opened, but not read: arrays with named axes.

    Attributes
    ----------
    path : Path
    shape, dtype : of the array, as it is stored
    axes : str
        A letter for every axis (see `_axes`); "" if the file does not name them.
    lookup : array (n, 3) or (n,), or None
        Colors or intensities of stored values, for files with a palette.
    flips : tuple of bool
        Whether rows and columns are stored in reversed order, as cameras may do.
    alpha : int or None
        The channel that is marked as transparency.
    alpha_is_certain : bool
        False for TIFFs: libraries mark the last of any four channels.
    nodata : float or None
        The value of pixels without data.
    scale : dict of str to (float, str)
        The side of a pixel along the spatial axes that are known, and its unit, by their letters.
    geo_tags : list of tuple
        A georeference, as the `extratags` of tifffile.
    ngff : {"0.4", "0.5"} or None
        The version of an OME-Zarr image.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    axes = ""
    lookup: np.ndarray | None = None
    flips = (False, False)
    alpha: int | None = None
    alpha_is_certain = True
    nodata: float | None = None
    scale: Mapping[str, tuple[float, str]] = {}
    geo_tags: Sequence[tuple[Any, ...]] = ()
    ngff: str | None = None

    def open(self) -> Any:
        """Return an array-like that is read when it is sliced."""
        return self.read()

    def read(self) -> np.ndarray:
        """Return the whole array in memory."""
        return np.asarray(self.open()[...])

    @property
    def n_bytes(self) -> int:
        """Size in memory."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def pixel_size(self) -> tuple[float, float, str] | None:
        """Height and width of a pixel, and their unit, if they are known."""
        sides = self._sides("YX")
        return None if sides is None else (sides[0], sides[1], self.scale["X"][1])

    @property
    def spacing(self) -> tuple[float, ...] | None:
        """The sides of a voxel along z, y and x, in the unit of the last one, if they are known."""
        return self._sides("ZYX")

    def _sides(self, letters: str) -> tuple[float, ...] | None:
        """Return the sides of a pixel along some axes, in the unit of X."""
        if not set(letters) <= set(self.scale):
            return None
        sides = [in_unit(*self.scale[letter], self.scale["X"][1]) for letter in letters]
        known = [side for side in sides if side is not None and 0 < side < inf]
        return tuple(known) if len(known) == len(letters) else None

    def resolve_axes(self, axes: str | None, labels: bool = False, volume: bool = False) -> str:
        """Return the letters of all axes: those of the user, of the file, or by their number."""
        if 0 in self.shape:
            raise ValueError(f"{self.path}: has shape {self.shape}, and so no pixels.")
        if axes is not None:
            return from_user(self.path, self.shape, axes, volume)
        if not self.axes:
            return from_shape(self.path, self.shape, labels, volume)
        if not {"Y", "X"} <= set(self.axes):
            raise ValueError(
                f"{self.path}: has shape {self.shape} and axes {self.axes}, but an image has rows "
                "Y and columns X. Convert it first."
            )
        check_pages(self.path, self.axes, self.shape, volume)
        return with_slices(self.path, self.axes) if volume else self.axes


_TRANSPOSED = str.maketrans("YX", "XY")
# The orientations of EXIF and TIFF: how the letters of the axes change, and which are reversed.
ORIENTATIONS: dict[int, tuple[Any, tuple[bool, bool]]] = {
    1: ({}, (False, False)),
    2: ({}, (False, True)),
    3: ({}, (True, True)),
    4: ({}, (True, False)),
    5: (_TRANSPOSED, (False, False)),
    6: (_TRANSPOSED, (False, True)),
    7: (_TRANSPOSED, (True, True)),
    8: (_TRANSPOSED, (True, False)),
}
