"""Batches of image files: what is read and written, and writing it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..imaging._label_maps import as_stored
from ..imaging._tiled_inference import to_bytes
from ..storage._files import write_image
from ..storage._label_files import check_label_format, write_labels
from ..storage._out_of_core import open_image
from ..storage._pages import Pages, open_pages
from ._console import Advance
from ._options import Outputs
from ._paths import check_overwrite, expand, label_files, overlay_files

SHARE = 8  # files above 1 / 8 of the memory stay on disk: work takes copies, and floats
WIDEST_PICTURE = 4000  # pixels; overlays of larger images are subsampled
MOST_AUTO = 12  # upper bound of `n_segments="auto"`


class Job(NamedTuple):
    """Files to read and to write."""

    pages: list[Pages]
    labels: list[Path]
    overlays: list[list[Path]]  # one for every page of every file; empty without overlays

    @property
    def outputs(self) -> list[Path]:
        """All files that will be written."""
        return [*self.labels, *(path for paths in self.overlays for path in paths)]

    def described(self, found: Sequence[list[int]]) -> list[dict[str, Any]]:
        """Describe the outputs of every file as dictionaries, given the labels found in each."""
        overlays: Sequence[list[Path]] = self.overlays or [[]] * len(self.pages)
        return [
            {
                "image": str(own.path),
                "labels": str(path),
                "overlays": [str(overlay) for overlay in of_image],
                "found": labels,
            }
            for own, path, of_image, labels in zip(
                self.pages, self.labels, overlays, found, strict=True
            )
        ]


def plan(arguments: Sequence[str], outputs: Outputs, others: Sequence[Path] = ()) -> Job:
    """Return the files to read and to write; raise an error, before any work, for bad ones."""
    inputs = expand(arguments)
    pages = open_all(inputs, outputs.max_memory)
    labels = label_files(inputs, outputs.out, outputs.label_format.suffix)
    overlay = outputs.overlay
    overlays = overlay_files(inputs, overlay, [p.n_pages for p in pages]) if overlay else []
    job = Job(pages, labels, overlays)
    check_overwrite(job.outputs, [*inputs, *others], outputs.force)
    for path, own in zip(labels, pages, strict=True):
        check_label_format(path, own)
    return job


def open_all(inputs: Sequence[Path], max_memory: str) -> list[Pages]:
    """Open all files without reading large ones."""
    limit = to_bytes(max_memory) // SHARE
    return [open_pages(path, limit) for path in inputs]


def load_all(pages: Sequence[Pages]) -> list[list[Any]]:
    """Return the images of every file; raise an error if numbers of channels differ."""
    loaded = [own.load() for own in pages]
    first = _n_channels(loaded[0][0])
    for own, images in zip(pages, loaded, strict=True):
        if _n_channels(images[0]) != first:
            raise ValueError(
                f"{own.path}: has {_n_channels(images[0])} channels, but {pages[0].path} has "
                f"{first}. Images need the same channels: convert them, or use several calls."
            )
    return loaded


def source_files(pages: Sequence[Pages]) -> list[Path]:
    """Return the file of every image."""
    return [own.path for own in pages for _ in range(own.n_pages)]


def _n_channels(image: Any) -> int:
    return image.shape[2] if image.ndim == 3 else 1


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

    def __init__(self, images: Sequence[Any], advance: Callable[[float], None]) -> None:
        self.n_pixels = sum(image.shape[0] * image.shape[1] for image in images)
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
    tally = ProgressTally(images, lambda share: advance("segmenting", index + share, n))
    path, overlays = job.labels[index], list(job.overlays[index]) if job.overlays else []

    def predict(image: Any, out: Any) -> Any:
        labels = model.predict([image], out=None if out is None else [out])[0]
        if out is None and overlays:
            _draw(overlays.pop(0), image, labels)
        return labels

    write_labels(
        path, job.pages[index], images, predict, label_type(model), tally, not model.min_size
    )
    if overlays:  # the label map was written in tiles
        _draw(overlays[0], images[0], open_image(path))
    return sorted(tally.labels)


def _draw(path: Path, image: Any, labels: Any) -> None:
    from ..imaging._rendering import show_overlay

    step = -(-max(labels.shape) // WIDEST_PICTURE)
    write_image(path, show_overlay(image[::step, ::step], labels[::step, ::step]))


def label_type(model: Any) -> Any:
    """Return the smallest integer type that holds every label a model may predict."""
    if hasattr(model, "classes_"):
        if model.classes_.dtype.kind not in "biu":
            raise ValueError(
                f"the model's classes are {model.classes_.dtype.name} ({model.classes_[0]!r}, ...)"
                ", but label files hold integers. Fit it to integers."
            )
        return as_stored(model.classes_.astype(np.int64)).dtype
    estimator = model.estimator_
    n = getattr(estimator, "n_clusters", getattr(estimator, "n_components", None))
    if not isinstance(n, int) or not hasattr(estimator, "predict"):
        return np.dtype(np.int32)  # may predict -1, noise
    return as_stored(np.array([0, max(n, MOST_AUTO) - 1])).dtype
