"""Images that are read where they are sliced: on disk, in chunks, in a window."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import Any

import numpy as np

LARGE = 2**24  # pixels of an image that is sampled where others are read from end to end
AHEAD = 2**23  # bytes that are read at once of an image that is worked through


class LazyImage:
    """What looks like an image (H, W, C) and is computed where it is sliced.

    Attributes
    ----------
    shape : tuple of int
        (H, W, C).
    dtype : numpy.dtype
        Of what a slice returns.
    on_disk : bool
        Whether it is somewhere else than in memory.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    ndim = 3
    on_disk = False

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """Return some rows and columns (h, w, C), as an array in memory."""
        raise NotImplementedError

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return all of it."""
        return self[:, :].astype(dtype or self.dtype, copy=False)


class StoredImage(LazyImage):
    """One image of what has `shape`, `dtype` and slicing: a memory map, zarr, HDF5, dask.

    Parameters
    ----------
    source : array-like of shape (H, W), (H, W, C), or with `index` a stack of these
    index : int or None
        Of the image in the stack.
    name : str
        For errors: NaN is found when it is read.
    """

    on_disk = True

    def __init__(self, source: Any, index: int | None = None, name: str = "X[0]") -> None:
        self.source = source
        self.index = index
        self.name = name
        shape = tuple(source.shape if index is None else source.shape[1:])
        self.shape = shape if len(shape) == 3 else (*shape, 1)
        self.dtype = np.dtype(source.dtype)

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """Read some rows and columns."""
        place = key if self.index is None else (self.index, *key)
        part = np.array(self.source[place])
        release(self.source)
        check_finite(part, self.name)
        return part if part.ndim == 3 else part[..., None]


class RowImage(LazyImage):
    """The rows of a table as an image one pixel wide, unlike a real one: worked on in long tiles.

    Parameters
    ----------
    rows : ndarray of shape (n, C)
    """

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows
        self.shape = (len(rows), 1, rows.shape[1])
        self.dtype = rows.dtype

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """Return some rows, (h, w, C)."""
        return self.rows[:, None][key]


class ImageWindow(LazyImage):
    """A part of an image that knows its place in the whole, and has nothing of the rest.

    Parameters
    ----------
    part : ndarray of shape (h, w, C)
    origin : (int, int)
        Row and column of the whole image where the part begins.
    shape : (int, int)
        Height and width of the whole image.
    """

    def __init__(self, part: np.ndarray, origin: tuple[int, int], shape: tuple[int, int]) -> None:
        self.part = part
        self.origin = origin
        self.shape = (*shape, part.shape[2])
        self.dtype = part.dtype

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """Return rows and columns of the whole image, which must be in the window."""
        if not self.has(key):
            raise IndexError(
                f"rows {key[0]} and columns {key[1]} were asked for, but the window has "
                f"{self.part.shape[:2]} pixels of {self.shape[:2]}, from {self.origin} on."
            )
        return self.part[
            tuple(
                slice(start - first, stop - first, step)
                for (start, stop, step), first in zip(self._asked(key), self.origin, strict=True)
            )
        ]

    def has(self, key: tuple[slice, slice]) -> bool:
        """Tell whether rows and columns of the whole image are in the window."""
        return all(
            first <= start and stop <= first + there
            for (start, stop, _), first, there in zip(
                self._asked(key), self.origin, self.part.shape[:2], strict=True
            )
        )

    def _asked(self, key: tuple[slice, slice]) -> list[tuple[int, int, int]]:
        return [part.indices(size) for part, size in zip(key, self.shape[:2], strict=True)]


class ReadAheadImage(LazyImage):
    """An image that is asked for tile after tile, from left to right, and reads further than that.

    Storage is decompressed in chunks, which several tiles share; up to `AHEAD` bytes of the same
    rows are read at once, and kept until other ones are asked for.

    Parameters
    ----------
    image : LazyImage
    """

    on_disk = True

    def __init__(self, image: LazyImage) -> None:
        self.image = image
        self.shape = image.shape
        self.dtype = image.dtype
        self.window: ImageWindow | None = None

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        """Return some rows and columns, of which nothing may be changed."""
        if self.window is None or not self.window.has(key):
            self.window = self._read(key)
        return self.window[key]

    def _read(self, key: tuple[slice, slice]) -> ImageWindow:
        height, width, n_channels = self.shape
        (top, bottom, _), (left, right, _) = key[0].indices(height), key[1].indices(width)
        n_bytes = max(1, (bottom - top) * n_channels * self.dtype.itemsize)  # of a column
        further = min(left + AHEAD // n_bytes, width)
        part = self.image[top:bottom, left : max(right, further)]
        return ImageWindow(part, (top, left), (height, width))


class OutputSlot:
    """Where the answer for one image goes, in an `out` of several.

    Parameters
    ----------
    out : writable array-like of shape (n, H, W, ...)
    index : int
        Of the image.
    """

    def __init__(self, out: Any, index: int) -> None:
        self.out = out
        self.index = index
        self.shape = tuple(out.shape[1:])
        self.dtype = np.dtype(out.dtype)

    def __setitem__(self, key: tuple[slice, slice], values: np.ndarray) -> None:
        """Write some rows and columns."""
        self.out[(self.index, *key)] = values
        release(self.out)


def is_stored(source: Any) -> bool:
    """Tell what is to be read piece by piece from an array in memory."""
    if isinstance(source, np.ndarray):
        return _memory_map(source) is not None
    return all(hasattr(source, name) for name in ("shape", "dtype", "__getitem__"))


def too_many(images: Sequence[np.ndarray]) -> bool:
    """Tell whether images are not in memory, and have too many pixels to read them all in `fit`."""
    n_pixels = sum(image.shape[0] * image.shape[1] for image in images)
    return n_pixels > LARGE and any(getattr(image, "on_disk", False) for image in images)


def release(array: Any) -> None:
    """Let go of the pages of a memory map: they count as memory of the process while it holds them.

    Nothing is lost, they stay in the file.
    """
    mapped = _memory_map(array)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def check_finite(part: np.ndarray, name: str) -> None:
    """Raise an error if there is NaN or infinity in it."""
    # A sum needs no copy, and is finite only if every pixel is; it may overflow: look again.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = part.dtype.kind == "f" and not np.isfinite(part.sum())
    if suspicious and not np.isfinite(part).all():
        raise ValueError(
            f"{name} contains NaN or infinity. Fill or crop those pixels first, for instance with "
            "numpy.nan_to_num."
        )


def _memory_map(array: Any) -> mmap.mmap | None:
    """Return the memory map behind an array, unless what is written there stays in memory."""
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap) and array.mode == "c":
            return None
        array = array.base
    return array if isinstance(array, mmap.mmap) else None
