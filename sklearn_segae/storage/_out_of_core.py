"""Images and label maps on disk that are read and written in pieces."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._compat import require
from ..imaging._lazy_images import release
from ._files import CHUNK_SIDE, create_zarr, layout
from ._formats import TIFF
from ._ome_tiff import create_ome_tiff
from ._pages import open_pages
from ._sources import open_source


def open_image(
    path: str | os.PathLike[str],
    *,
    axes: str | None = None,
    channels: Sequence[int] | None = None,
    volume: bool = False,
) -> Any:
    """Open an image on disk without reading it.

    Parameters
    ----------
    path : path
        A TIFF, npy or HDF5 file, or a zarr array or OME-Zarr image (a directory). These are read
        when they are sliced; slicing a TIFF is fastest if it is tiled. Files of other formats (PNG,
        JPEG, BMP, GIF, WebP) are read completely. "file.h5::/volume/data" and "image.ome.zarr::1"
        name one of several arrays in a file.
    axes : str, default=None
        A letter for every axis of the stored array, in its order: y for rows, x for columns, c for
        channels, others for pages, such as "cyx" or "tcyx". If None, the axes that the file names
        (OME-TIFF, ImageJ, OME-Zarr, ilastik and others), or those of (H, W[, C]) or (n, H, W, C).
    channels : sequence of int, default=None
        The channels to use, in this order. If None, all but those marked as transparency.
    volume : bool, default=False
        Whether the file holds volumes: its axis z is a spatial one, for estimators with `spacing`.
        Arrays without names of axes are (D, H, W[, C]) or (n, D, H, W, C), and unnamed pages of a
        TIFF are slices. If False, slices are images.

    Returns
    -------
    image : array-like of shape (H, W) or (H, W, C), or a stack of these
        Of several pages, times, slices and so on, a stack (n, H, W[, C]). With `volume`, (D, H, W)
        or (D, H, W, C), or a stack of these. `fit` and `predict` accept lists of images, and
        stacks. Pixels that have no data by the nodata value of a TIFF are NaN; those of pictures
        that are completely transparent are masked (a masked array).

    See Also
    --------
    read_spacing : The spacing of the voxels of a file.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_segae.storage import open_image
    >>> path = Path(tempfile.mkdtemp()) / "image.npy"
    >>> np.save(path, np.zeros((3, 40, 60), np.uint8))
    >>> open_image(path, axes="cyx").shape
    (40, 60, 3)
    """
    return open_pages(path, axes=axes, channels=channels, volume=volume).stack()


def read_spacing(path: str | os.PathLike[str]) -> tuple[float, float, float]:
    """Return the spacing of the voxels of a file, for the parameter `spacing` of estimators.

    Parameters
    ----------
    path : path
        An OME-TIFF, an OME-Zarr image, or a TIFF of ImageJ with a calibration. "image.ome.zarr::1"
        names a level.

    Returns
    -------
    spacing : (float, float, float)
        The sides of a voxel along z, y and x, in the unit of the last one.

    Raises
    ------
    ValueError
        If the file does not contain all of them, or in units that are not lengths.

    Examples
    --------
    >>> import tempfile
    >>> import tifffile
    >>> from sklearn_segae.storage import read_spacing
    >>> path = Path(tempfile.mkdtemp()) / "stack.ome.tif"
    >>> sides = {"PhysicalSizeZ": 2, "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.5}  # micrometers
    >>> tifffile.imwrite(path, np.zeros((9, 40, 60), np.uint8), metadata={"axes": "ZYX", **sides})
    >>> read_spacing(path)
    (2.0, 0.5, 0.5)
    """
    spacing = open_source(path).spacing
    if spacing is None:
        raise ValueError(
            f"{path}: does not contain the spacing of its voxels. Pass it to estimators: "
            "spacing=(1, 1, 1) is that of cubes."
        )
    z, y, x = spacing
    return z, y, x


def create_labels(
    path: str | os.PathLike[str], shape: tuple[int, ...], dtype: Any = np.int32
) -> Any:
    """Create a label map on disk, for instance for `predict(images, out=[labels])`.

    Parameters
    ----------
    path : path
        A path that ends in .zarr, .tif, .tiff or .npy; an existing file is replaced. A TIFF is
        an uncompressed BigTIFF, in tiles, or in slices with the axes of OME-TIFF for a volume.
    shape : (int, int) or (int, int, int)
        Height and width in pixels; of a volume, depth, height and width.
    dtype : dtype, default=int32
        An integer type; "uint8" holds segments 0 to 255.

    Returns
    -------
    labels : writable array-like of shape (H, W) or (D, H, W)
        All 0. Assignments to slices are written to disk at once.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn_segae.storage import create_labels, open_image
    >>> path = Path(tempfile.mkdtemp()) / "labels.npy"
    >>> create_labels(path, (40, 60), "uint8")[:20, :20] = 3
    >>> int(open_image(path).max())
    3
    """
    return create_map(Path(path), tuple(shape), dtype, volume=len(shape) == 3)


def create_map(
    path: Path,
    shape: tuple[int, ...],
    dtype: Any,
    extra_tags: Sequence[tuple[Any, ...]] = (),
    volume: bool = False,
    scale: Mapping[str, tuple[float, str]] | None = None,
) -> Any:
    """Create a map ([D, ]H, W[, k]) on disk, in a TIFF with further tags and sides of voxels."""
    dtype = np.dtype(dtype)
    if path.suffix.lower() == ".zarr":
        return create_zarr(path, shape, dtype, volume)
    if path.suffix.lower() in TIFF and volume:
        return create_ome_tiff(path, shape, dtype, extra_tags, scale)
    if path.suffix.lower() in TIFF:
        return TiledTiff(path, shape, dtype, extra_tags)
    if path.suffix.lower() == ".npy":
        return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    raise ValueError(
        f"{path}: label maps in this format cannot be written in pieces. Pass a path that ends in "
        ".zarr, .tif, .tiff or .npy."
    )


class TiledTiff:
    """A map (H, W) or (H, W, k) in an uncompressed tiled TIFF, written when slices are assigned.

    Parameters are those of :func:`create_labels`, and the `extratags` of tifffile, for instance a
    georeference.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        dtype: np.dtype,
        extra_tags: Sequence[tuple[Any, ...]] = (),
    ) -> None:
        self.shape = tuple(shape)
        self.dtype = dtype
        self.ndim = len(shape)
        tifffile = require("tifffile", "io")
        tifffile.imwrite(
            path,
            shape=self.shape,
            dtype=dtype,
            tile=(CHUNK_SIDE, CHUNK_SIDE),
            bigtiff=True,
            extratags=extra_tags,
            **layout(shape),
        )
        with tifffile.TiffFile(path) as file:  # its tiles are contiguous
            offset = file.pages[0].dataoffsets[0]
        grid = (-(-size // CHUNK_SIDE) for size in shape[:2])
        tiles = (*grid, CHUNK_SIDE, CHUNK_SIDE, *shape[2:])
        self._tiles = np.memmap(path, dtype, "r+", offset, tiles)

    def __setitem__(self, key: tuple[slice, slice], values: Any) -> None:
        """Write rows and columns."""
        rows, columns = (
            slice(*part.indices(size)[:2]) for part, size in zip(key, self.shape, strict=False)
        )
        size = (rows.stop - rows.start, columns.stop - columns.start, *self.shape[2:])
        values = np.broadcast_to(values, size)
        for i, in_tile_rows, in_value_rows in _pieces(rows):
            for j, in_tile, in_values in _pieces(columns):
                self._tiles[i, j, in_tile_rows, in_tile] = values[in_value_rows, in_values]
        release(self._tiles)


def _pieces(part: slice) -> Iterator[tuple[int, slice, slice]]:
    """Yield the tiles that a range overlaps: index, slice of the tile, slice of the range."""
    for first in range(part.start // CHUNK_SIDE * CHUNK_SIDE, part.stop, CHUNK_SIDE):
        start, stop = max(part.start, first), min(part.stop, first + CHUNK_SIDE)
        in_tile, in_part = (slice(start - o, stop - o) for o in (first, part.start))
        yield first // CHUNK_SIDE, in_tile, in_part
