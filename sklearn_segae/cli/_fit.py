"""`segae fit`: images, and labels where there are some, to a model on disk."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from .._compat import require
from ..segmentation._estimators import is_supervised
from ..storage._label_files import read_labels
from ..storage._pages import Pages
from ._batch import errors_name, load_all, open_all, source_files
from ._console import Report, note, progress
from ._models import (
    AUTO,
    Estimator,
    fit_model,
    make_estimator,
    make_segmenter,
    summary,
)
from ._options import (
    FILES,
    LEARNING,
    Device,
    FeaturesOption,
    Force,
    IgnoreLabel,
    Inputs,
    Json,
    MaxMemory,
    MinSize,
    NSegments,
    Pooling,
    Quiet,
    Scope,
    ScopeOption,
    Seed,
    Set,
    Whitening,
    encoding,
    settings,
)
from ._paths import check_model_name, check_overwrite, expand, match_by_name

HELP = """Learn a model from images, and from labels where there are some.

Examples:

  segae fit photos/ -k 5 -o photos.segae

  segae fit cells/ --labels masks/ --unlabeled 0 -o cells.segae

  segae fit cells/ --labels masks/ --estimator kmeans -k 12 -o cells.segae

Labels go with images of the same names, or in order. Without --estimator they teach a head, a \
small network. Segments of kmeans and mixture are found without labels, which then name them. \
Models of forest and boosting hold trees, which predict asks to --trust.
"""


def fit(
    inputs: Inputs,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Model, such as cells.segae.", rich_help_panel=FILES),
    ],
    labels: Annotated[
        list[str],
        typer.Option(
            metavar="LABELS...",
            show_default=False,
            help="Label maps: files, folders, 'globs*', up to the next option.",
            rich_help_panel=FILES,
        ),
    ] = [],  # noqa: B006 a list has to have a list as its default
    n_segments: NSegments = "8",
    estimator: Annotated[
        Estimator,
        typer.Option(
            metavar="NAME",
            help=f"{', '.join(Estimator)}: of labels, or of clusters.",
            rich_help_panel=LEARNING,
        ),
    ] = AUTO,
    ignore_label: IgnoreLabel = [],  # noqa: B006
    max_memory: MaxMemory = "1GiB",
    force: Force = False,
    features: FeaturesOption = None,
    pooling: Pooling = None,
    whitening: Whitening = None,
    scope: ScopeOption = Scope.dataset,
    min_size: MinSize = 0,
    device: Device = "auto",
    seed: Seed = 0,
    set_: Set = [],  # noqa: B006
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Fit a model and save it."""
    report, start = Report(as_json, quiet), time.perf_counter()
    parameters = {
        "n_segments": n_segments,
        **encoding(features, pooling, whitening, device),
        "scope": scope.value,
        "min_size": min_size,
        "ignore_label": ignore_label or None,
        "max_memory": max_memory,
        "random_state": seed,
        **settings(set_),
    }
    images, truths = expand(inputs), expand(labels) if labels else []
    _check_options(estimator, truths, out, images, force)
    pages = open_all(images, max_memory)
    maps = _read_maps(pages, truths) if truths else None
    with progress(report.quiet) as advance:
        loaded = load_all(pages)
        segmenter = make_segmenter(make_estimator(estimator, bool(truths)), parameters)
        y = None if maps is None else _fitting(pages, loaded, maps)
        with errors_name(source_files(pages)):
            fit_model(segmenter, [image for of_file in loaded for image in of_file], y, advance)
        _save(segmenter, out)
    seconds, told = time.perf_counter() - start, summary(segmenter)
    what = f"{len(told['classes'])} classes" if truths else f"{told['n_segments']} segments"
    report.lines(f"{what}, learnt from {len(images)} file(s) in {seconds:.1f} s", f"wrote {out}")
    report.result({**told, "seconds": round(seconds, 3), "model": str(out)})


def _check_options(
    estimator: Estimator, truths: list[Path], out: Path, images: list[Path], force: bool
) -> None:
    """Raise an error for what could not be learnt, or not be saved, before any work is done."""
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


Maps = list[tuple[Path, list[np.ndarray]] | None]  # of every file, with its name


def _read_maps(pages: Sequence[Pages], truths: Sequence[Path]) -> Maps:
    """Return the label maps of every image file; None for files without."""
    paths = match_by_name([own.path for own in pages], truths, what="--labels", all_needed=False)
    n_without = paths.count(None)
    if n_without:
        note(f"{n_without} of {len(paths)} images have no labels: all their pixels are unlabeled.")
    return [None if path is None else (path, read_labels(path)) for path in paths]


def _fitting(pages: Sequence[Pages], loaded: Sequence[list[Any]], maps: Maps) -> list[np.ndarray]:
    """Return a label map for every image, of its size."""
    fitting = []
    for own, images, labels in zip(pages, loaded, maps, strict=True):
        sizes = [image.shape[:2] for image in images]
        if labels is None:
            fitting += [np.full(size, -1, np.int64) for size in sizes]
            continue
        path, of_pages = labels
        if [m.shape for m in of_pages] != sizes:
            raise ValueError(
                f"{path}: {_described(of_pages)}, but {own.path} has {_described(images)}. A label "
                "map holds one integer for every pixel."
            )
        fitting += of_pages
    return fitting


def _described(maps: Sequence[Any]) -> str:
    height, width = maps[0].shape[:2]
    return f"{len(maps)} x {height} x {width} pixels" if len(maps) > 1 else f"{height} x {width}"
