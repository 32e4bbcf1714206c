"""Batches of image files: what is read and written, and writing it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..imaging._label_maps import as_stored
from ..imaging._tiled_inference import to_bytes
from ..storage._files import write_image
from ..storage._label_files import check_label_format, write_maps
from ..storage._nodata import Nodata
from ..storage._out_of_core import open_image
from ..storage._pages import Pages, open_pages
from ._console import Advance
from ._models import soft_map
from ._options import Outputs, SoftMaps
from ._paths import check_overwrite, label_files, map_files, overlay_files
from ._reading import Reading

SHARE = 8  # files above 1 / 8 of the memory stay on disk: work takes copies, and floats
WIDEST_PICTURE = 4000  # pixels; overlays of larger images are subsampled
MOST_AUTO = 12  # upper bound of `n_segments="auto"`


class Job(NamedTuple):
    """Files to read and to write."""

    pages: list[Pages]
    labels: list[Path]
    overlays: list[list[Path]]  # one for every page of every file; empty without overlays
    soft: dict[str, list[Path]]  # maps of numbers by their name, one for every file

    @property
    def outputs(self) -> list[Path]:
        """All files that will be written."""
        overlays = (path for paths in self.overlays for path in paths)
        return [*self.labels, *overlays, *(path for paths in self.soft.values() for path in paths)]

    def described(self, found: Sequence[list[int]]) -> list[dict[str, Any]]:
        """Describe the outputs of every file as dictionaries, given the labels found in each."""
        overlays: Sequence[list[Path]] = self.overlays or [[]] * len(self.pages)
        return [
            {
                "image": str(own.path),
                "labels": str(path),
                "overlays": [str(overlay) for overlay in of_image],
                **{name: str(paths[i]) for name, paths in self.soft.items()},
                "found": labels,
            }
            for i, (own, path, of_image, labels) in enumerate(
                zip(self.pages, self.labels, overlays, found, strict=True)
            )
        ]


def plan(
    pages: Sequence[Pages],
    outputs: Outputs,
    others: Sequence[Path] = (),
    soft: SoftMaps | None = None,
) -> Job:
    """Return the files to read and to write; raise an error, before any work, for bad ones."""
    inputs = [own.path for own in pages]
    labels = label_files(inputs, outputs.out, outputs.label_format.suffix)
    overlay = outputs.overlay
    overlays = overlay_files(inputs, overlay, [p.n_pages for p in pages]) if overlay else []
    wanted = {} if soft is None else {n: path for n, path in asdict(soft).items() if path}
    job = Job(
        list(pages),
        labels,
        overlays,
        {name: map_files(inputs, path, f"--{name}") for name, path in wanted.items()},
    )
    check_overwrite(job.outputs, [*inputs, *others], outputs.force)
    for path, own in zip(labels, pages, strict=True):
        check_label_format(path, own)
    return job


def open_all(inputs: Sequence[Path], max_memory: str, reading: Reading) -> list[Pages]:
    """Open all files without reading large ones."""
    limit = to_bytes(max_memory) // SHARE
    options = {"axes": reading.axes, "channels": reading.channels, "volume": reading.is_volume}
    return [open_pages(path, limit, **options) for path in inputs]


def load_all(pages: Sequence[Pages]) -> list[list[Any]]:
    """Return the images of every file; raise an error if numbers of channels differ."""
    loaded = [own.load() for own in pages]
    numbers = [_n_channels(images[0], pages[0].n_axes) for images in loaded]
    first = numbers[0]
    for own, n_channels in zip(pages, numbers, strict=True):
        if n_channels != first:
            raise ValueError(
                f"{own.path}: has {n_channels} channels, but {pages[0].path} has "
                f"{first}. Images need the same channels: convert them, or use several calls."
            )
    return loaded


def source_files(pages: Sequence[Pages]) -> list[Path]:
    """Return the file of every image."""
    return [own.path for own in pages for _ in range(own.n_pages)]


def _n_channels(image: Any, n_axes: int) -> int:
    return image.shape[-1] if image.ndim > n_axes else 1


@contextmanager
def errors_name(paths: Sequence[Path]) -> Iterator[None]:
    """Replace X[0], X[1], ... in error messages by the names of the files."""
    try:
        yield
    except ValueError as error:
        message = re.sub(r"\bX\[(\d+)\]", lambda m: str(paths[int(m[1])]), str(error))
        named = any(str(path) in message for path in paths)
        message = message if named or len(paths) > 1 else f"{paths[0]}: {message}"
        raise ValueError(message) from error


def run(
    job: Job, model: Any, advance: Advance, loaded: Sequence[list[Any]] | None = None
) -> list[list[int]]:
    """Write the label maps and overlays of all files; return the labels that occur in each."""
    found = []
    for i, own in enumerate(job.pages):
        images = own.load() if loaded is None else loaded[i]
        advance("segmenting", i, len(job.pages))
        with errors_name([own.path]):
            found.append(_run_one(job, i, images, model, advance))
    return found


class ProgressTally:
    """Counts the pixels and collects the labels of finished parts of label maps."""

    def __init__(
        self, images: Sequence[Any], advance: Callable[[float], None], n_axes: int = 2
    ) -> None:
        self.n_pixels = sum(prod(image.shape[:n_axes]) for image in images)
        self.advance = advance
        self.done = 0
        self.labels: set[int] = set()

    def __call__(self, labels: np.ndarray) -> None:
        """Add a part."""
        self.done += labels.size
        self.labels.update(np.unique(labels).tolist())
        self.advance(self.done / self.n_pixels)


def _run_one(
    job: Job, index: int, images: Sequence[Any], model: Any, advance: Advance
) -> list[int]:
    """Write the label maps and overlays of one file; return the labels that occur."""
    n = len(job.pages)
    pages = job.pages[index]
    tally = ProgressTally(
        images, lambda share: advance("segmenting", index + share, n), pages.n_axes
    )
    path, overlays = job.labels[index], list(job.overlays[index]) if job.overlays else []
    dtype = label_type(model, pages.nodata(np.int32, images) is not None)
    nodata = pages.nodata(dtype, images)

    def predict(image: Any, out: Any) -> Any:
        labels = model.predict([image], out=None if out is None else [out])[0]
        if out is None and overlays:
            _draw(overlays.pop(0), image, labels, nodata, model.spacing_)
        return labels

    write_maps(path, pages, images, predict, dtype, tally, in_tiles=not model.min_size)
    if overlays:  # the label map was written in tiles
        labels = open_image(path, volume=pages.volume)
        _draw(overlays[0], images[0], labels, nodata, model.spacing_)
    for name, paths in job.soft.items():
        _write_soft(name, paths[index], pages, images, model)
    return sorted(tally.labels - (set() if nodata is None else {nodata.in_map}))


def _write_soft(name: str, path: Path, pages: Pages, images: Sequence[Any], model: Any) -> None:
    """Write the probabilities or the uncertainty of the images of a file."""
    n_labels = len(model.classes_) if hasattr(model, "classes_") else model.n_segments_
    tail = (n_labels,) if name == "probabilities" else ()

    def predict(image: Any, out: Any) -> Any:
        return soft_map(model, name, image, out, tail)

    write_maps(path, pages, images, predict, np.float32, tail=tail)


def _draw(
    path: Path, image: Any, labels: Any, nodata: Nodata | None, spacing: Sequence[float] | None
) -> None:
    """Write a picture of labels over an image, or over orthogonal views of a volume."""
    from ..imaging._orthogonal_views import orthogonal_views
    from ..imaging._rendering import show_overlay

    if spacing is None:
        step = -(-max(labels.shape) // WIDEST_PICTURE)
        picture, part = (array[::step, ::step] for array in (image, labels))
    else:
        picture, part = (
            orthogonal_views(array, spacing, longest=WIDEST_PICTURE) for array in (image, labels)
        )
    if nodata is not None:
        part = np.ma.array(nodata.shown(part), mask=np.ma.getmaskarray(part))
    write_image(path, show_overlay(picture, part))


def label_type(model: Any, nodata: bool) -> Any:
    """Return the smallest integer type for all labels of a model, and for one without data."""
    if hasattr(model, "classes_"):
        if model.classes_.dtype.kind not in "biuf":
            raise ValueError(
                f"the model's classes are {model.classes_.dtype.name} ({model.classes_[0]!r}, ...)"
                ", but label files hold integers. Fit it to integers."
            )
        classes = [int(label) for label in model.classes_]
        return as_stored(np.array([*classes, max(classes) + nodata])).dtype
    estimator = model.estimator_
    n = getattr(estimator, "n_clusters", getattr(estimator, "n_components", None))
    if not isinstance(n, int) or not hasattr(estimator, "predict"):
        return np.dtype(np.int32)  # may predict -1, noise
    return as_stored(np.array([0, max(n, MOST_AUTO) - 1 + nodata])).dtype
