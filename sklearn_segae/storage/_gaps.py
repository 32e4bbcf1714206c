"""Pixels of files that have no data: those of a nodata value, and transparent ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..imaging._no_data import floats_for
from ._page import Page, full_key

Gap = tuple[Page, Callable[[np.ndarray], np.ndarray]]  # values (h, w, C) to a mask (h, w)


class PageWithGaps:
    """An image ([D, ]H, W[, C]), read when it is sliced, as floats with NaN where it has no data.

    Parameters
    ----------
    page : Page
    gaps : sequence of (Page, function)
        Further values of its pixels, and which of these mean that there is no data.
    """

    axes_are_named = True  # as those of its page

    def __init__(self, page: Page, gaps: Sequence[Gap]) -> None:
        self.page = page
        self.gaps = gaps
        self.shape, self.ndim, self.n_axes = page.shape, page.ndim, page.n_axes
        self.dtype = floats_for(page.dtype)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Read rows and columns (and slices), which are slices or integers."""
        key = full_key(key, self.ndim)
        place, channels = key[: self.n_axes], key[self.n_axes :]
        part = np.array(self.page[place], self.dtype)
        part[self.missing(place)] = np.nan
        return part[(..., *channels)]

    def missing(self, place: tuple[Any, ...] = ()) -> np.ndarray:
        """Return the mask of pixels without data, in a part or everywhere."""
        masks = [without(page[place]) for page, without in self.gaps]
        return np.logical_or.reduce(masks)

    def masked(self) -> np.ndarray:
        """Return the image in memory, as a masked array if any pixel has no data."""
        pixels, missing = np.ascontiguousarray(self.page), self.missing()
        if not missing.any():
            return pixels
        mask = np.zeros(pixels.shape, bool)
        mask[missing] = True
        return np.ma.array(pixels, mask=mask)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the whole image."""
        return self[:, :].astype(dtype or self.dtype, copy=False)

    def __len__(self) -> int:
        return self.shape[0]


def is_value(nodata: float, has_channels: bool) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that finds the pixels of a nodata value.

    In files of unsigned integers it is often 0 or 255, which may occur in one channel of any
    pixel: all channels have to have it. Others, such as -9999, are no data wherever they occur.
    """

    def without(values: np.ndarray) -> np.ndarray:
        found = values == nodata
        if not has_channels:
            return found
        return found.all(-1) if values.dtype.kind == "u" else found.any(-1)

    return without


def is_transparent(alpha: np.ndarray) -> np.ndarray:
    """Return True where the transparency (h, w, 1) of a picture is complete."""
    return (alpha == 0)[..., 0]


def occurs(nodata: float | None, dtype: np.dtype) -> bool:
    """Return whether values of a type may be equal to a nodata value; NaN needs no check."""
    if nodata is None or np.isnan(nodata):
        return False
    if dtype.kind == "f":
        return True
    bounds = np.iinfo(dtype) if dtype.kind in "iu" else None
    return bounds is not None and nodata == int(nodata) and bounds.min <= nodata <= bounds.max


def may_lack_data(image: Any) -> bool:
    """Return whether some pixel of an image of a file may have no data."""
    if isinstance(image, np.ndarray):
        return bool(gaps_of(image).any())
    return image.dtype.kind == "f"


def gaps_of(image: np.ndarray, n_axes: int = 2) -> np.ndarray:
    """Return the mask (H, W) of pixels of an image (H, W[, C]) that are masked or NaN.

    It has `n_axes` spatial axes.
    """
    missing: Any = np.ma.getmaskarray(image)
    if image.dtype.kind == "f":
        missing = missing | np.isnan(np.asarray(image))
    return missing.any(-1) if image.ndim > n_axes else missing
