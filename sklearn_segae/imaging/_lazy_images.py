"""Images that are read or computed when they are sliced.

Their shape is (H, W, C), or (D, H, W, C) for volumes; slices have a key for each spatial axis.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ._no_data import (
    as_read,
    floats_for,
    is_masked_dask,
    may_have_gaps,
    missing_at,
    missing_in,
    with_nan,
)

LARGE = 2**24  # pixels; larger images are sampled instead of read completely
AHEAD = 2**23  # bytes to read at once from an image that is processed tile by tile


class LazyImage:
    """Base class of images that are read or computed when they are sliced.

    Attributes
    ----------
    shape : tuple of int
        (H, W, C) or (D, H, W, C).
    dtype : numpy.dtype
        The dtype of slices.
    on_disk : bool
        Whether the pixels are stored outside memory.
    is_masked : bool
        Whether some pixels are known to have no data.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    on_disk = False
    is_masked = False

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        """Return a part (h, w, C) as an array in memory."""
        raise NotImplementedError

    def missing(self, key: tuple[slice, ...]) -> np.ndarray | None:
        """Return the mask (h, w) of the pixels of a part without data; None if there are none."""
        return missing_in(self[key])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the whole image."""
        whole = (slice(None),) * (len(self.shape) - 1)
        return self[whole].astype(dtype or self.dtype, copy=False)


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
    n_axes : int, default=2
        Number of spatial axes.
    """

    on_disk = True

    def __init__(
        self, source: Any, index: int | None = None, name: str = "X[0]", n_axes: int = 2
    ) -> None:
        self.source = source
        self.index = index
        self.name = name
        shape = tuple(source.shape if index is None else source.shape[1:])
        self.shape = shape if len(shape) > n_axes else (*shape, 1)
        dtype = np.dtype(source.dtype)
        self.dtype = floats_for(dtype) if is_masked_dask(source) else dtype

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        """Read a part."""
        full_key = key if self.index is None else (self.index, *key)
        part = self.source[full_key]
        if is_masked_dask(part):
            part = part.compute()
        part = np.array(part, subok=True)
        release(self.source)
        pixels = as_read(part if part.ndim == len(self.shape) else part[..., None], self.name)
        return pixels.astype(self.dtype, copy=False)

    def missing(self, key: tuple[slice, ...]) -> np.ndarray | None:
        """Return the mask (h, w) of the pixels without data; read only what may have some."""
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

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        """Return a part as floats."""
        return with_nan(self.pixels[key], self.mask[key])

    def missing(self, key: tuple[slice, ...]) -> np.ndarray | None:
        """Return the mask (h, w) of a part; None if there is data everywhere."""
        mask = self.mask[key]
        return mask if mask.any() else None


class RowImage(LazyImage):
    """The rows (n, C) of a table as an image one pixel wide, which is worked on in long tiles."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows
        self.shape = (len(rows), 1, rows.shape[1])
        self.dtype = rows.dtype

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        """Return some rows, (h, w, C)."""
        return self.rows[:, None][key]


class SliceImage(LazyImage):
    """The slice (H, W, C) of a volume (D, H, W, C) at a depth."""

    def __init__(self, volume: Any, depth: int) -> None:
        self.volume = volume
        self.depth = slice(depth, depth + 1)
        self.shape = volume.shape[1:]
        self.dtype = volume.dtype
        self.on_disk = getattr(volume, "on_disk", False)
        self.is_masked = getattr(volume, "is_masked", False)

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        """Return a part of the slice."""
        return np.asarray(self.volume[(self.depth, *key)])[0]

    def missing(self, key: tuple[slice, ...]) -> np.ndarray | None:
        """Return the mask (h, w) of a part; None if there is data everywhere."""
        missing = missing_at(self.volume, (self.depth, *key))
        return None if missing is None or not missing.any() else missing[0]

    def slab(self, key: tuple[slice, ...], reach: int) -> tuple[np.ndarray, int]:
        """Return a part (d, h, w, C) with `reach` more slices on both sides, and its own place."""
        first = max(0, self.depth.start - reach)
        part = np.asarray(self.volume[(slice(first, self.depth.stop + reach), *key)])
        return part, self.depth.start - first


class ImageWindow(LazyImage):
    """A part (h, w, C) of an image, indexed by the coordinates of the whole image.

    The part begins at the pixel `origin`; `sides` are those of the whole image.
    """

    def __init__(self, part: np.ndarray, origin: Sequence[int], sides: Sequence[int]) -> None:
        self.part = part
        self.origin = tuple(origin)
        self.shape = (*sides, part.shape[-1])
        self.dtype = part.dtype

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        """Return a part of the whole image, which must lie in the window."""
        if not self.has(key):
            raise IndexError(
                f"{key} is outside the window, which has {self.part.shape[:-1]} of "
                f"{self.shape[:-1]} pixels, from {self.origin} on."
            )
        bounds = zip(self._bounds(key), self.origin, strict=True)
        return self.part[tuple(slice(a - first, b - first, step) for (a, b, step), first in bounds)]

    def has(self, key: tuple[slice, ...]) -> bool:
        """Return whether a part of the whole image lies in the window."""
        bounds = zip(self._bounds(key), self.origin, self.part.shape[:-1], strict=True)
        return all(a >= first and b <= first + size for (a, b, _), first, size in bounds)

    def _bounds(self, key: tuple[slice, ...]) -> list[tuple[int, int, int]]:
        return [part.indices(size) for part, size in zip(key, self.shape[:-1], strict=True)]


class ReadAheadImage(LazyImage):
    """Wrap an image that is read tile by tile, from left to right, and read ahead.

    Storage is decompressed in chunks, which several tiles share. Up to `AHEAD` bytes of the same
    rows (and slices of volumes) are read at once, and kept until others are needed.
    """

    on_disk = True

    def __init__(self, image: LazyImage) -> None:
        self.image = image
        self.shape = image.shape
        self.dtype = image.dtype
        self.window: ImageWindow | None = None

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        """Return a part; the array must not be changed."""
        if self.window is None or not self.window.has(key):
            self.window = self._read(key)
        return self.window[key]

    def _read(self, key: tuple[slice, ...]) -> ImageWindow:
        *sides, n_channels = self.shape
        *lines, (left, right) = (
            part.indices(size)[:2] for part, size in zip(key, sides, strict=True)
        )
        n_lines = prod(stop - start for start, stop in lines)
        n_bytes = max(1, n_lines * n_channels * self.dtype.itemsize)  # per column
        lines.append((left, max(right, min(left + AHEAD // n_bytes, sides[-1]))))
        part = self.image[tuple(slice(*line) for line in lines)]
        return ImageWindow(part, [first for first, _ in lines], sides)


class OutputSlot:
    """The part of a writable array-like (n, H, W, ...) for `n` images that belongs to one."""

    def __init__(self, out: Any, index: int) -> None:
        self.out = out
        self.index = index
        self.shape = tuple(out.shape[1:])
        self.dtype = np.dtype(out.dtype)

    def __setitem__(self, key: tuple[slice, ...], values: np.ndarray) -> None:
        """Write a part."""
        self.out[(self.index, *key)] = values
        release(self.out)


def is_stored(source: Any) -> bool:
    """Return whether an array-like is stored outside memory and has to be read in pieces."""
    if isinstance(source, np.ndarray):
        return _memory_map(source) is not None
    return all(hasattr(source, name) for name in ("shape", "dtype", "__getitem__"))


def too_many(images: Sequence[np.ndarray]) -> bool:
    """Return whether images are stored outside memory and have too many pixels to read in `fit`."""
    n_pixels = sum(prod(image.shape[:-1]) for image in images)
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
