"""Reading and writing of label map files; large ones are written tile by tile."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._compat import require
from ..imaging._label_maps import as_stored
from ..imaging._label_values import (
    UNLABELED,
    check_whole_numbers,
    is_unlabeled,
    mark_unlabeled,
)
from ..imaging._lazy_images import release
from ..imaging._rendering import colors
from ._files import create_zarr, layout, write_array, written_whole
from ._formats import LOSSY, STACKABLE, TIFF
from ._ngff import LEVEL, in_image, register, write_label_group
from ._nodata import Nodata
from ._ome_tiff import write_ome_tiff
from ._out_of_core import create_map
from ._pages import Pages, open_pages
from ._tiff import nodata_tag

Notify = Callable[[np.ndarray], None]  # receives parts of the labels
Predict = Callable[[Any, Any], Any]  # (image, out or None) -> map (H, W) or (H, W, k)


class MarkingArray:
    """A writable array that marks pixels without data, and passes on all values written to it."""

    def __init__(self, target: Any, notify: Notify, nodata: Nodata | None) -> None:
        self.target = target
        self.notify = notify
        self.nodata = nodata
        self.shape, self.dtype = tuple(target.shape), np.dtype(target.dtype)
        if nodata is not None and self.dtype.kind == "u":
            self.dtype = np.dtype(np.int64)  # accepts -1

    def __setitem__(self, key: tuple[slice, slice], values: np.ndarray) -> None:
        """Write rows and columns."""
        if self.nodata is not None:
            values = self.nodata.mark(values)
        self.target[key] = values
        release(self.target)
        self.notify(values)


def check_label_format(path: Path, pages: Pages) -> None:
    """Raise an error if a label map of these images cannot be written to a file."""
    known = (".png", ".bmp", *STACKABLE)
    suffix = path.suffix.lower()
    if suffix not in known:
        why = "loses labels" if suffix in LOSSY else "is not a label map format"
        raise ValueError(f"{path}: {suffix or 'no suffix'} {why}. Use {', '.join(known)}.")
    if pages.stacked and suffix not in STACKABLE:
        raise ValueError(
            f"{path}: holds one label map, but {pages.path} has {pages.n_pages} pages. Use "
            f"{', '.join(STACKABLE)}."
        )
    if pages.volume and suffix not in STACKABLE:
        raise ValueError(
            f"{path}: holds a label map (H, W), but {pages.path} holds volumes. Use "
            f"{', '.join(STACKABLE)}."
        )
    if suffix == ".zarr":
        require("zarr", "scale")
    if (pages.geo_tags or pages.source.nodata is not None) and suffix not in TIFF:
        warnings.warn(
            f"{path}: will not have the georeference of {pages.path}. Use .tif to keep it.",
            stacklevel=2,
        )


def write_maps(
    path: Path,
    pages: Pages,
    images: Sequence[Any],
    predict: Predict,
    dtype: Any,
    notify: Notify = lambda _: None,
    tail: tuple[int, ...] = (),
    in_tiles: bool = True,
) -> None:
    """Predict maps ([D, ]H, W, *tail) of the images of a file and write them, all or nothing.

    If an image stays on disk and the format allows it, its map is written tile by tile, unless
    `in_tiles` is False: `predict(image, out)` then needs the whole map at once. Elsewhere its `out`
    is None. `dtype` holds all values, and `notify` gets them, part by part. Pixels without data
    have the value of `Pages.nodata`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix, dtype = path.suffix.lower(), np.dtype(dtype)
    nodata = pages.nodata(dtype, images)
    tags = [*pages.geo_tags, *([] if nodata is None else [nodata_tag(nodata.in_map)])]
    is_ngff = suffix == ".zarr" and pages.source.ngff is not None and dtype.kind in "iu"
    with written_whole(path) as partial:
        if is_ngff:
            write_label_group(partial, pages, in_image(path))
        if in_tiles and pages.stored and not pages.stacked and suffix in STACKABLE:
            shape = (*images[0].shape[: pages.n_axes], *tail)
            level = partial / LEVEL
            out = (
                create_zarr(level, shape, dtype, pages.volume)
                if is_ngff
                else create_map(partial, shape, dtype, tags, pages.volume, pages.source.scale)
            )
            predict(images[0], MarkingArray(out, notify, nodata))
        else:
            maps = _maps(images, predict, dtype, notify, nodata)
            if suffix in TIFF and pages.volume:
                _write_volumes(partial, pages, maps, (*images[0].shape[:3], *tail), dtype, tags)
            elif suffix in TIFF:
                _write_tiff(partial, maps, tags)
            elif suffix in STACKABLE:
                _write_stack(partial, pages, list(maps), is_ngff)
            else:
                _write_picture(partial, _for_picture(path, next(maps)))
    if is_ngff and in_image(path):
        register(path, pages)


def _write_stack(path: Path, pages: Pages, maps: list[np.ndarray], is_ngff: bool) -> None:
    if is_ngff:
        array = np.reshape(maps, (*pages.label_axes.values(), *maps[0].shape))
        create_zarr(path / LEVEL, array.shape, array.dtype, pages.volume)[...] = array
    elif path.suffix.lower() == ".zarr" and pages.volume:
        array = np.stack(maps) if pages.stacked else maps[0]
        create_zarr(path, array.shape, array.dtype, True)[...] = array
    else:
        write_array(path, np.stack(maps) if pages.stacked else maps[0])


def _maps(
    images: Sequence[Any], predict: Predict, dtype: Any, notify: Notify, nodata: Nodata | None
) -> Iterator[np.ndarray]:
    for image in images:
        values = np.asarray(predict(image, None))
        if nodata is not None:
            values = nodata.mark(values)
        values = values.astype(dtype)
        notify(values)
        yield values


def _for_picture(path: Path, labels: np.ndarray) -> np.ndarray:
    low, high = labels.min(), labels.max()
    if low < 0 or high >= 2**16:
        raise ValueError(
            f"{path}: can hold labels 0 to 65535, but labels range from {low} to {high}. Use .tif."
        )
    return as_stored(labels)


def _write_picture(path: Path, labels: np.ndarray) -> None:
    """Write labels with a palette, so that viewers show colors; those above 255 as gray values."""
    if labels.dtype != np.uint8:
        write_array(path, labels)
        return
    with_palette(labels, colors(256)).save(path)


def with_palette(labels: np.ndarray, palette: np.ndarray) -> Any:
    """Return labels (H, W) uint8 as a Pillow image with RGB colors (n, 3) uint8, n <= 256."""
    picture = require("PIL.Image", "io").fromarray(labels)
    picture.putpalette(palette.tobytes())
    return picture


def _write_volumes(
    path: Path,
    pages: Pages,
    maps: Iterator[np.ndarray],
    shape: tuple[int, ...],
    dtype: np.dtype,
    tags: list[tuple[Any, ...]],
) -> None:
    """Write the maps of volumes slice by slice, with the axes and the scale of the images."""
    slices = (part for values in maps for part in values)
    axes = "".join(pages.label_axes) + "ZYXS"[: len(shape)]
    shape = (*pages.label_axes.values(), *shape)
    options = {"scale": pages.source.scale, "extratags": tags}
    write_ome_tiff(path, slices, shape, axes, dtype, **options)


def _write_tiff(path: Path, maps: Iterator[np.ndarray], tags: list[tuple[Any, ...]]) -> None:
    """Write one page at a time, so that only one is in memory."""
    with require("tifffile", "io").TiffWriter(path) as file:
        for values in maps:
            form = {**layout(values.shape), "compression": "zlib", "metadata": None}
            file.write(values, extratags=tags, **form)


def read_labels(path: Path, volume: bool = False) -> list[np.ndarray]:
    """Read the integer label maps of a file, one for each page (or volume).

    Pixels without data are unlabeled.
    """
    if path.suffix.lower() in LOSSY:
        raise ValueError(f"{path}: JPEG changes labels. Use PNG, TIFF, npy or zarr for label maps.")
    pages = open_pages(path, 2**62, labels=True, volume=volume)
    return [_checked(path, labels, pages.n_axes) for labels in pages.load()]


def _checked(path: Path, labels: np.ndarray, n_axes: int) -> np.ndarray:
    """Return integers ([D, ]H, W); raise an error for other arrays."""
    if labels.ndim > n_axes:
        labels = _gray(path, labels)
    if labels.dtype.kind == "f":
        unlabeled = is_unlabeled(labels)
        check_whole_numbers(f"{path}:", labels[~unlabeled])
        labels = np.where(unlabeled, UNLABELED, labels).astype(np.int64)
    if labels.dtype.kind not in "biu":
        raise ValueError(
            f"{path}: holds {labels.dtype}, but labels are integers. Convert it first."
        )
    if np.ma.is_masked(labels):
        return mark_unlabeled(labels, ~np.ma.getmaskarray(labels))
    labels = np.asarray(labels)
    return labels.astype(np.uint8) if labels.dtype.kind == "b" else labels


def _gray(path: Path, picture: np.ndarray) -> np.ndarray:
    """Return the only channel of a label map that was saved as a gray picture."""
    if (picture == picture[..., :1]).all():
        return picture[..., 0]
    raise ValueError(
        f"{path}: is a picture in colors, but a label map holds one integer for every pixel. "
        "Save it as gray or with a palette, color i for label i."
    )
