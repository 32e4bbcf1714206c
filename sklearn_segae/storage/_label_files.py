"""Label maps as files: read as labels, not as pictures; written whole, large ones tile by tile."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._compat import require
from ..imaging._label_maps import as_stored
from ..imaging._lazy_images import release
from ._files import first_line, read_image, write_array, written_whole
from ._formats import LOSSY, STACKABLE, TIFF
from ._out_of_core import TiledTiff, create_labels
from ._pages import Pages

Tell = Callable[[np.ndarray], None]  # of some of the labels
Predict = Callable[[Any, Any], Any]  # (image, out or None) -> label map (H, W)


class Watched:
    """A writable array that tells what is written into it."""

    def __init__(self, target: Any, tell: Tell) -> None:
        self.target = target
        self.tell = tell
        self.shape, self.dtype = tuple(target.shape), np.dtype(target.dtype)

    def __setitem__(self, key: tuple[slice, slice], values: np.ndarray) -> None:
        """Write some rows and columns."""
        self.target[key] = values
        release(self.target)
        self.tell(values)


def check_label_format(path: Path, pages: Pages) -> None:
    """Raise an error before any work if a label map of these images cannot be that file."""
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
            f"{path}: will not have the georeference of {pages.path}. A TIFF keeps it.",
            stacklevel=2,
        )


def write_labels(
    path: Path,
    pages: Pages,
    images: Sequence[Any],
    predict: Predict,
    dtype: Any,
    tell: Tell,
    in_tiles: bool = True,
) -> None:
    """Predict the label maps of a file's images and write them, as one file or not at all.

    Parameters
    ----------
    path : Path
        Its suffix is the format.
    pages, images : Pages and its images
        One that stays on disk is written tile by tile, if the format allows it.
    predict : callable
        `predict(image, out) -> label map`, into `out` unless that is None.
    dtype : dtype
        That all labels fit into.
    tell : callable
        Is told of all labels, part by part.
    in_tiles : bool, default=True
        False if `predict` needs the whole of a label map.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix.lower()
    with written_whole(path) as partial:
        if in_tiles and pages.stored and not pages.stacked and suffix in STACKABLE:
            out = _create(partial, images[0].shape[:2], np.dtype(dtype), pages.geo_tags)
            predict(images[0], Watched(out, tell))
            return
        maps = _maps(images, predict, dtype, tell)
        if suffix in TIFF:
            _write_tiff(partial, maps, pages.geo_tags)
        elif suffix in STACKABLE:
            labels = list(maps)
            write_array(partial, np.stack(labels) if pages.stacked else labels[0])
        else:
            write_array(partial, _for_picture(path, next(maps)))


def _create(
    path: Path, shape: tuple[int, int], dtype: np.dtype, geo_tags: list[tuple[Any, ...]]
) -> Any:
    if path.suffix.lower() in TIFF:
        return TiledTiff(path, shape, dtype, geo_tags)
    return create_labels(path, shape, dtype)


def _maps(images: Sequence[Any], predict: Predict, dtype: Any, tell: Tell) -> Iterator[np.ndarray]:
    for image in images:
        labels = np.asarray(predict(image, None)).astype(dtype)
        tell(labels)
        yield labels


def _for_picture(path: Path, labels: np.ndarray) -> np.ndarray:
    low, high = labels.min(), labels.max()
    if low < 0 or high >= 2**16:
        raise ValueError(
            f"{path}: holds labels 0 to 65535, but there are labels {low} to {high}. Use .tif."
        )
    return as_stored(labels)


def _write_tiff(path: Path, maps: Iterator[np.ndarray], geo_tags: list[tuple[Any, ...]]) -> None:
    """Write pages as they come: no more than one of them is held."""
    with require("tifffile", "io").TiffWriter(path) as file:
        for labels in maps:
            file.write(
                labels,
                photometric="minisblack",
                compression="zlib",
                extratags=geo_tags,
                metadata=None,
            )


def read_labels(path: Path) -> list[np.ndarray]:
    """Return the label maps (H, W) in a file, as integers: one, or one a page."""
    if path.suffix.lower() in LOSSY:
        raise ValueError(f"{path}: JPEG changes labels. Give label maps as PNG, TIFF, npy or zarr.")
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
        raise ValueError(f"{path}: holds {labels.dtype}, but labels are integers.")
    labels = labels.astype(np.uint8) if labels.dtype.kind == "b" else labels
    return [labels] if labels.ndim == 2 else list(labels)


def _gray(path: Path, picture: np.ndarray) -> np.ndarray:
    """Return the one channel of a label map that was saved as a picture."""
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
    try:
        with require("PIL.Image", "io").open(path) as picture:
            if picture.mode == "P":  # the indices are the labels; its colors only show them
                return np.array(picture)
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(f"{path}: not a readable image ({first_line(error)}).") from error
    return read_image(path)
