"""Reading and writing of label map files; large ones are written tile by tile."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._compat import require
from ..imaging._label_maps import as_stored
from ..imaging._lazy_images import release
from ._files import read_image, readable, write_array, written_whole
from ._formats import LOSSY, STACKABLE, TIFF
from ._out_of_core import TiledTiff, create_labels
from ._pages import Pages

Notify = Callable[[np.ndarray], None]  # receives parts of the labels
Predict = Callable[[Any, Any], Any]  # (image, out or None) -> label map (H, W)


class NotifyingArray:
    """A writable array that passes on all values written to it."""

    def __init__(self, target: Any, notify: Notify) -> None:
        self.target = target
        self.notify = notify
        self.shape, self.dtype = tuple(target.shape), np.dtype(target.dtype)

    def __setitem__(self, key: tuple[slice, slice], values: np.ndarray) -> None:
        """Write rows and columns."""
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
    if suffix == ".zarr":
        require("zarr", "scale")
    if pages.geo_tags and suffix not in TIFF:
        warnings.warn(
            f"{path}: will not have the georeference of {pages.path}. Use .tif to keep it.",
            stacklevel=2,
        )


def write_labels(
    path: Path,
    pages: Pages,
    images: Sequence[Any],
    predict: Predict,
    dtype: Any,
    notify: Notify,
    in_tiles: bool = True,
) -> None:
    """Predict the label maps of the images of a file and write them, completely or not at all.

    If an image stays on disk and the format allows it, its label map is written tile by tile,
    unless `in_tiles` is False: `predict(image, out)` then needs the whole map at once. Elsewhere
    its `out` is None. `dtype` holds all labels, and `notify` gets them, part by part.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix.lower()
    with written_whole(path) as partial:
        if in_tiles and pages.stored and not pages.stacked and suffix in STACKABLE:
            form = partial, images[0].shape[:2], np.dtype(dtype)
            out = TiledTiff(*form, pages.geo_tags) if suffix in TIFF else create_labels(*form)
            predict(images[0], NotifyingArray(out, notify))
            return
        maps = _maps(images, predict, dtype, notify)
        if suffix in TIFF:
            _write_tiff(partial, maps, pages.geo_tags)
        elif suffix in STACKABLE:
            labels = list(maps)
            write_array(partial, np.stack(labels) if pages.stacked else labels[0])
        else:
            write_array(partial, _for_picture(path, next(maps)))


def _maps(
    images: Sequence[Any], predict: Predict, dtype: Any, notify: Notify
) -> Iterator[np.ndarray]:
    for image in images:
        labels = np.asarray(predict(image, None)).astype(dtype)
        notify(labels)
        yield labels


def _for_picture(path: Path, labels: np.ndarray) -> np.ndarray:
    low, high = labels.min(), labels.max()
    if low < 0 or high >= 2**16:
        raise ValueError(
            f"{path}: can hold labels 0 to 65535, but labels range from {low} to {high}. Use .tif."
        )
    return as_stored(labels)


def _write_tiff(path: Path, maps: Iterator[np.ndarray], geo_tags: list[tuple[Any, ...]]) -> None:
    """Write one page at a time, so that only one is in memory."""
    with require("tifffile", "io").TiffWriter(path) as file:
        for labels in maps:
            form = {"photometric": "minisblack", "compression": "zlib", "metadata": None}
            file.write(labels, extratags=geo_tags, **form)


def read_labels(path: Path) -> list[np.ndarray]:
    """Read the integer label maps (H, W) of a file, one for each page."""
    if path.suffix.lower() in LOSSY:
        raise ValueError(f"{path}: JPEG changes labels. Use PNG, TIFF, npy or zarr for label maps.")
    labels = _read(path)
    if labels.ndim == 3 and labels.shape[2] <= 4 and path.suffix.lower() not in STACKABLE:
        labels = _gray(path, labels)
    if labels.ndim not in (2, 3) or not labels.size:
        raise ValueError(
            f"{path}: has shape {labels.shape}, but label maps are (H, W), or (n, H, W) for pages."
        )
    if labels.dtype.kind == "f" and (labels == np.round(labels)).all():
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "biu":
        raise ValueError(
            f"{path}: holds {labels.dtype}, but labels are integers. Convert it first."
        )
    labels = labels.astype(np.uint8) if labels.dtype.kind == "b" else labels
    return [labels] if labels.ndim == 2 else list(labels)


def _gray(path: Path, picture: np.ndarray) -> np.ndarray:
    """Return the only channel of a label map that was saved as a gray picture."""
    if (picture == picture[..., :1]).all():
        return picture[..., 0]
    raise ValueError(
        f"{path}: is a picture in colors, but a label map holds one integer for every pixel. "
        "Save it as gray or with a palette, color i for label i."
    )


def _read(path: Path) -> np.ndarray:
    if path.is_dir():
        return np.asarray(require("zarr", "scale").open_array(path, mode="r")[...])
    if path.suffix.lower() != ".png" or not path.is_file():
        return read_image(path)
    with readable(path), require("PIL.Image", "io").open(path) as picture:
        if picture.mode == "P":  # the indices of the palette are the labels
            return np.array(picture)
    return read_image(path)
