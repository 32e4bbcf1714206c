"""`segae fit`: fit a model to images, optionally with labels, and save it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from .._compat import require
from ..segmentation._estimators import is_supervised, named
from ..storage._label_files import read_labels
from ..storage._pages import Pages
from ._batch import errors_name, load_all, open_all, source_files
from ._console import Report, note, progress
from ._models import AUTO, Estimator, fit_model, make_segmenter, remember_channels, summary
from ._options import FILES, LEARNING, Force, IgnoreLabels, Inputs, Learning, MaxMemory, option
from ._paths import check_model_name, check_overwrite, expand, match_by_name
from ._reading import Reading
from ._volumes import spacing_of

HELP = """Fit a model to images, with or without labels, and save it.

Examples:

  segae fit photos/ -k 5 -o photos.segae

  segae fit cells/ --labels masks/ --ignore-label 0 -o cells.segae

  segae fit cells/ --labels masks/ --estimator kmeans -k 12 -o cells.segae

  segae fit brain.ome.tif --volume --labels strokes.tif --ignore-label 0 -o brain.segae

Label maps belong to the images of the same names, or are matched in order. The default estimator \
with labels is head, a small network. kmeans and mixture find segments without labels, and the \
labels then assign classes to them.
"""

ModelOut = Annotated[
    Path, option("--out", "-o", panel=FILES, help="Model file, such as cells.segae.")
]
Labels = Annotated[
    list[str],
    option(
        panel=FILES,
        metavar="LABELS...",
        show_default=False,
        help="Label maps: files, folders, 'globs*'; everything up to the next option.",
    ),
]
EstimatorOption = Annotated[
    Estimator,
    option(panel=LEARNING, metavar="NAME", help=f"One of {', '.join(Estimator)}."),
]


def fit(
    inputs: Inputs,
    out: ModelOut,
    reading: Reading,
    learning: Learning,
    report: Report,
    labels: Labels = [],  # noqa: B006 a list has to have a list as its default
    estimator: EstimatorOption = AUTO,
    ignore_label: IgnoreLabels = [],  # noqa: B006
    max_memory: MaxMemory = "1GiB",
    force: Force = False,
) -> None:
    """Fit a model and save it."""
    start = time.perf_counter()
    parameters = {**learning.parameters(), "max_memory": max_memory}
    parameters["ignore_label"] = ignore_label or None
    images, truths = expand(inputs), expand(labels) if labels else []
    _check_options(estimator, truths, out, images, force)
    pages = open_all(images, max_memory, reading)
    parameters["spacing"] = spacing_of(pages, reading)
    maps = _read_maps(pages, truths) if truths else None
    with progress(report.quiet) as advance:
        loaded = load_all(pages)
        default = "head" if truths else None
        segmenter = make_segmenter(default if estimator == AUTO else named(estimator), parameters)
        y = None if maps is None else _fitting(pages, loaded, maps)
        with errors_name(source_files(pages)):
            fit_model(segmenter, [image for of_file in loaded for image in of_file], y, advance)
        remember_channels(segmenter, reading.channels)
        _save(segmenter, out)
    seconds, found = time.perf_counter() - start, summary(segmenter)
    what = f"{len(found['classes'])} classes" if truths else f"{found['n_segments']} segments"
    report.lines(f"{what}, learnt from {len(images)} file(s) in {seconds:.1f} s", f"wrote {out}")
    report.result({**found, "seconds": round(seconds, 3), "model": str(out)})


def _check_options(
    estimator: Estimator, truths: list[Path], out: Path, images: list[Path], force: bool
) -> None:
    """Raise an error, before any work, for a model that cannot be fitted or saved."""
    if is_supervised(estimator.value) and not truths:
        raise ValueError(f"--estimator {estimator} learns from labels. Pass --labels as well.")
    check_overwrite([out], [*images, *truths], force)
    check_model_name(out)
    for module in ("safetensors", "skops"):
        require(module, "persistence")


def _save(segmenter: Any, path: Path) -> None:
    from ..persistence._persist import save

    path.parent.mkdir(parents=True, exist_ok=True)
    save(segmenter, path)


Maps = list[tuple[Path, list[np.ndarray]] | None]  # path and label maps for every image file


def _read_maps(pages: Sequence[Pages], truths: Sequence[Path]) -> Maps:
    """Return the label maps of every image file; None for files without label maps."""
    paths = match_by_name([own.path for own in pages], truths, what="--labels", all_needed=False)
    n_without = paths.count(None)
    if n_without:
        note(f"{n_without} of {len(paths)} images have no labels: all their pixels are unlabeled.")
    volume = pages[0].volume
    return [None if path is None else (path, read_labels(path, volume)) for path in paths]


def _fitting(pages: Sequence[Pages], loaded: Sequence[list[Any]], maps: Maps) -> list[np.ndarray]:
    """Return one label map per image; raise an error where sizes differ."""
    fitting = []
    for own, images, labels in zip(pages, loaded, maps, strict=True):
        sizes = [image.shape[: own.n_axes] for image in images]
        if labels is None:
            fitting += [np.full(size, -1, np.int64) for size in sizes]
            continue
        path, of_pages = labels
        if [m.shape for m in of_pages] != sizes:
            raise ValueError(
                f"{path}: {_described(of_pages, own.n_axes)}, but {own.path} has "
                f"{_described(images, own.n_axes)}. A label map holds one integer for every pixel."
            )
        fitting += of_pages
    return fitting


def _described(maps: Sequence[Any], n_axes: int) -> str:
    sides = " x ".join(map(str, maps[0].shape[:n_axes]))
    return f"{len(maps)} x {sides} pixels" if len(maps) > 1 else sides
