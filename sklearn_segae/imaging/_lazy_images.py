"""Images that are read or computed when they are sliced."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np

from ._no_data import as_read, floats_for, is_masked_dask, may_have_gaps, missing_in, with_nan

LARGE = 2**24  # pixels; larger images are sampled instead of read completely
AHEAD = 2**23  # bytes to read at once from an image that is processed tile by tile


class LazyImage:
    """Base class of images (H, W, C) that are read or computed when they are sliced.

    Attributes
    ----------
    shape : tuple of int
        (H, W, C).
    dtype : numpy.dtype
        The dtype of slices.
    on_disk : bool
        Whether the pixels are stored outside memory.
    is_masked : bool
        Whether some pixels are known to have no data.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    ndim = 3
    on_disk = False
    is_masked = False

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """Return rows and columns (h, w, C) as an array in memory."""
        raise NotImplementedError

    def missing(self, key: tuple[slice, slice]) -> np.ndarray | None:
        """Return the mask (h, w) of rows and columns without data; None if there are none."""
        return missing_in(self[key])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the whole image."""
        return self[:, :].astype(dtype or self.dtype, copy=False)


class StoredImage(LazyImage):
    """One image of a memory map, or of a zarr, HDF5 or dask array.

    Pixels that are NaN or masked in any channel are NaN in all.

    Parameters
    ----------
    source : array-like of shape (H, W) or (H, W, C), or a stack of these
        An object with `shape`, `dtype` and slicing.
    index : int or None, default=None
        Index of the image in a stack; None if `source` is one image.
    name : str, default="X[0]"
        Name for error messages: infinity is found when the image is read.
    """

    on_disk = True

    def __init__(self, source: Any, index: int | None = None, name: str = "X[0]") -> None:
        self.source = source
        self.index = index
        self.name = name
        shape = tuple(source.shape if index is None else source.shape[1:])
        self.shape = shape if len(shape) == 3 else (*shape, 1)
        dtype = np.dtype(source.dtype)
        self.dtype = floats_for(dtype) if is_masked_dask(source) else dtype

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """Read rows and columns."""
        full_key = key if self.index is None else (self.index, *key)
        part = self.source[full_key]
        if is_masked_dask(part):
            part = part.compute()
        part = np.array(part, subok=True)
        release(self.source)
        pixels = as_read(part if part.ndim == 3 else part[..., None], self.name)
        return pixels.astype(self.dtype, copy=False)

    def missing(self, key: tuple[slice, slice]) -> np.ndarray | None:
        """Return the mask (h, w) of rows and columns without data; read only what may have some."""
        return super().missing(key) if may_have_gaps(self.source) else None


class MaskedImage(LazyImage):
    """An image (H, W, C) of any dtype and the mask (H, W) of its pixels without data.

    Slices are floats, and NaN there.
    """

    is_masked = True

    def __init__(self, pixels: np.ndarray, mask: np.ndarray) -> None:
        self.pixels = pixels
        self.mask = mask
        self.shape = pixels.shape
        self.dtype = floats_for(pixels.dtype)

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """Return rows and columns as floats."""
        return with_nan(self.pixels[key], self.mask[key])

    def missing(self, key: tuple[slice, slice]) -> np.ndarray | None:
        """Return the mask (h, w) of rows and columns; None if there is data everywhere."""
        mask = self.mask[key]
        return mask if mask.any() else None


class RowImage(LazyImage):
    """The rows (n, C) of a table as an image one pixel wide, which is worked on in long tiles."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows
        self.shape = (len(rows), 1, rows.shape[1])
        self.dtype = rows.dtype

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """Return some rows, (h, w, C)."""
        return self.rows[:, None][key]


class ImageWindow(LazyImage):
    """A part (h, w, C) of an image, indexed by the coordinates of the whole image.

    The part begins at row and column `origin`; `shape` is height and width of the whole image.
    """

    def __init__(self, part: np.ndarray, origin: tuple[int, int], shape: tuple[int, int]) -> None:
        self.part = part
        self.origin = origin
        self.shape = (*shape, part.shape[2])
        self.dtype = part.dtype

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """Return rows and columns of the whole image, which must lie in the window."""
        if not self.has(key):
            raise IndexError(
                f"rows {key[0]} and columns {key[1]} are outside the window, which has "
                f"{self.part.shape[:2]} of {self.shape[:2]} pixels, from {self.origin} on."
            )
        bounds = zip(self._bounds(key), self.origin, strict=True)
        return self.part[tuple(slice(a - first, b - first, step) for (a, b, step), first in bounds)]

    def has(self, key: tuple[slice, slice]) -> bool:
        """Return whether rows and columns of the whole image lie in the window."""
        bounds = zip(self._bounds(key), self.origin, self.part.shape[:2], strict=True)
        return all(a >= first and b <= first + size for (a, b, _), first, size in bounds)

    def _bounds(self, key: tuple[slice, slice]) -> list[tuple[int, int, int]]:
        return [part.indices(size) for part, size in zip(key, self.shape[:2], strict=True)]


class ReadAheadImage(LazyImage):
    """Wrap an image that is read tile by tile, from left to right, and read ahead.

    Storage is decompressed in chunks, which several tiles share. Up to `AHEAD` bytes of the same
    rows are read at once, and kept until other rows are needed.
    """

    on_disk = True

    def __init__(self, image: LazyImage) -> None:
        self.image = image
        self.shape = image.shape
        self.dtype = image.dtype
        self.window: ImageWindow | None = None

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """Return rows and columns; the array must not be changed."""
        if self.window is None or not self.window.has(key):
            self.window = self._read(key)
        return self.window[key]

    def _read(self, key: tuple[slice, slice]) -> ImageWindow:
        height, width, n_channels = self.shape
        (top, bottom, _), (left, right, _) = key[0].indices(height), key[1].indices(width)
        n_bytes = max(1, (bottom - top) * n_channels * self.dtype.itemsize)  # bytes per column
        ahead = min(left + AHEAD // n_bytes, width)
        part = self.image[top:bottom, left : max(right, ahead)]
        return ImageWindow(part, (top, left), (height, width))


class OutputSlot:
    """The part of a writable array-like (n, H, W, ...) for `n` images that belongs to one."""

    def __init__(self, out: Any, index: int) -> None:
        self.out = out
        self.index = index
        self.shape = tuple(out.shape[1:])
        self.dtype = np.dtype(out.dtype)

    def __setitem__(self, key: tuple[slice, slice], values: np.ndarray) -> None:
        """Write rows and columns."""
        self.out[(self.index, *key)] = values
        release(self.out)


def is_stored(source: Any) -> bool:
    """Return whether an array-like is stored outside memory and has to be read in pieces."""
    if isinstance(source, np.ndarray):
        return _memory_map(source) is not None
    return all(hasattr(source, name) for name in ("shape", "dtype", "__getitem__"))


def too_many(images: Sequence[np.ndarray]) -> bool:
    """Return whether images are stored outside memory and have too many pixels to read in `fit`."""
    n_pixels = sum(image.shape[0] * image.shape[1] for image in images)
    return n_pixels > LARGE and any(getattr(image, "on_disk", False) for image in images)


def release(array: Any) -> None:
    """Release the pages of a memory map, which count as memory of the process.

    No data is lost: the pages stay in the file.
    """
    mapped = _memory_map(array)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _memory_map(array: Any) -> mmap.mmap | None:
    """Return the memory map behind an array; None if writes to it stay in memory."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap) and array.mode == "c":
            return None
        array = array.base
    return array if isinstance(array, mmap.mmap) else None
