"""The images in a file: pages of a TIFF, images of a stack."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._compat import require
from ._files import read_image, readable
from ._formats import TIFF, is_zarr
from ._out_of_core import open_image

LARGE = 2**27  # bytes; larger files stay on disk
CHANNELS = "SC"  # letters of tifffile for samples of a pixel and for channels
GEO_TAGS = (33550, 33922, 34264, 34735, 34736, 34737, 50844)  # GeoTIFF 1.1, and RPC coefficients


class Pages(NamedTuple):
    """Description of an image file, before its pixels are read."""

    path: Path
    n_pages: int
    stacked: bool  # whether label maps have an axis of pages, possibly of length 1
    stored: bool  # whether images stay on disk and are read when they are sliced
    geo_tags: list[tuple[Any, ...]]  # the `extratags` of tifffile
    load: Callable[[], list[Any]]  # images (H, W) or (H, W, C), of one size


class TransposedImage:
    """One image (H, W[, C]) of an array with axes in another order, read when it is sliced.

    Parameters
    ----------
    source : array-like
        An object with `shape`, `dtype` and slicing.
    index : sequence of int or None
        The index along every axis; None for rows, columns and channels.
    order : sequence of int
        Positions of rows, columns and, if there are any, channels among the remaining axes.
    """

    def __init__(self, source: Any, index: Sequence[int | None], order: Sequence[int]) -> None:
        self.source = source
        self.index = tuple(index)
        self.order = tuple(order)
        kept = [size for size, i in zip(source.shape, index, strict=True) if i is None]
        self.shape = tuple(kept[i] for i in order)
        self.dtype = np.dtype(source.dtype)
        self.ndim = len(self.shape)

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        """Read rows and columns."""
        slices = [slice(None)] * self.ndim
        for axis, part in zip(self.order, key, strict=False):
            slices[axis] = part
        left = iter(slices)
        part = self.source[tuple(next(left) if i is None else i for i in self.index)]
        return np.moveaxis(np.asarray(part), self.order, range(self.ndim))


def open_pages(path: Path, limit: int = LARGE) -> Pages:
    """Describe the images of a file; files of more than `limit` bytes stay on disk."""
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such file.")
    if path.suffix.lower() in TIFF and path.is_file():
        return _open_tiff(path, limit)
    if not (path.suffix.lower() == ".npy" or is_zarr(path)):
        return Pages(path, 1, False, False, [], lambda: [read_image(path)])
    with readable(path):  # it may be a zarr group, or a broken file
        array = open_image(path)
    axes = {2: "YX", 3: "YXS", 4: "QYXS"}.get(array.ndim)
    if axes is None:
        raise ValueError(
            f"{path}: has shape {array.shape}, but an image (H, W[, C]) or a stack of them "
            "(n, H, W, C) is needed."
        )
    return _pages(path, axes, array, lambda: array, limit, [])


def _open_tiff(path: Path, limit: int) -> Pages:
    tifffile = require("tifffile", "io")
    with readable(path), tifffile.TiffFile(path) as file:
        series, geo_tags = file.series[0], _geo_tags(file.pages[0])
        others = [s for s in file.series[1:] if not s.pages[0].is_reduced]
    if others:
        warnings.warn(
            f"{path}: only its first {len(series.pages)} pages are read; the others have another "
            "size or type.",
            stacklevel=2,
        )

    def read() -> Any:
        stored = _n_bytes(series) > limit
        with readable(path):
            image = open_image(path) if stored else tifffile.imread(path, series=0)
        return image

    return _pages(path, series.axes, series, read, limit, geo_tags)


def _n_bytes(array: Any) -> int:
    return prod(array.shape) * np.dtype(array.dtype).itemsize


def _geo_tags(page: Any) -> list[tuple[Any, ...]]:
    tags = [page.tags[code] for code in GEO_TAGS if code in page.tags]
    return [(tag.code, int(tag.dtype), tag.count, tag.value, True) for tag in tags]


def _pages(
    path: Path,
    axes: str,
    array: Any,
    read: Callable[[], Any],
    limit: int,
    geo_tags: list[tuple[Any, ...]],
) -> Pages:
    """Split an array into images (H, W[, C]); axes beside rows, columns and channels are pages."""
    if "Y" not in axes or "X" not in axes or 0 in array.shape:
        raise ValueError(
            f"{path}: has shape {array.shape} and axes {axes}, but an image has rows Y and columns "
            "X. Convert it first."
        )
    kept = _image_axes(axes)
    others = [i for i in range(len(axes)) if i not in kept]
    order = [sorted(kept).index(axis) for axis in kept]
    stored = _n_bytes(array) > limit

    def load() -> list[Any]:
        source, images = read(), []
        for page in product(*(range(array.shape[i]) for i in others)):
            index: list[int | None] = [None] * len(axes)
            for axis, i in zip(others, page, strict=True):
                index[axis] = i
            view = TransposedImage(source, index, order)
            images.append(view if stored else np.ascontiguousarray(view[:, :]))
        return images

    n_pages = prod(array.shape[i] for i in others)
    return Pages(path, n_pages, bool(others), stored, geo_tags, load)


def _image_axes(axes: str) -> list[int]:
    """Return the axes of rows, columns and, if there are any, channels.

    `axes` has a letter of tifffile for every axis. The last axis "S" or "C" holds channels.
    """
    channels = max(axes.rfind(letter) for letter in CHANNELS)
    return [axes.index("Y"), axes.index("X"), *([channels] if channels >= 0 else [])]
