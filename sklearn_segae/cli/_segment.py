"""`segae segment`: images to label maps without labels, and `segae demo`, which shows it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from ..storage._files import write_image
from ._batch import errors_name, load_all, plan, run, source_files
from ._console import Report, progress
from ._models import fit_model, make_segmenter, summary
from ._options import (
    Device,
    FeaturesOption,
    Force,
    Format,
    FormatOption,
    Inputs,
    Json,
    MaxMemory,
    MinSize,
    NSegments,
    Out,
    Overlay,
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
from ._paths import check_overwrite

HELP = """Segment images without labels: one model for all of them.

Examples:

  segae segment photo.jpg -k 4 -o labels.png --overlay overlay.png

  segae segment tiles/ -k auto -o labels/ --overlay pictures/

  find . -name '*.tif' | segae segment - -k 6 -o labels/ --json

A label map holds the segment of every pixel, 0 to K - 1, as PNG, TIFF, npy or zarr.
"""


def segment(
    inputs: Inputs,
    out: Out,
    n_segments: NSegments = "8",
    overlay: Overlay = None,
    label_format: FormatOption = Format.auto,
    max_memory: MaxMemory = "1GiB",
    force: Force = False,
    features: FeaturesOption = None,
    pooling: Pooling = None,
    whitening: Whitening = None,
    scope: ScopeOption = Scope.dataset,
    min_size: MinSize = 0,
    device: Device = "auto",
    seed: Seed = 0,
    set_: Set = [],  # noqa: B006 a list has to have a list as its default
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Segment image files."""
    report, start = Report(as_json, quiet), time.perf_counter()
    parameters = {
        "n_segments": n_segments,
        **encoding(features, pooling, whitening, device),
        "scope": scope.value,
        "min_size": min_size,
        "max_memory": max_memory,
        "random_state": seed,
        **settings(set_),
    }
    job = plan(inputs, out, overlay, label_format.suffix, max_memory, force)
    with progress(report.quiet) as advance:
        loaded = load_all(job.pages)
        images = [image for of_file in loaded for image in of_file]
        segmenter = make_segmenter(None, parameters)
        with errors_name(source_files(job.pages)):
            fit_model(segmenter, images, None, advance)
        found = run(job, segmenter, advance, loaded)
    seconds = time.perf_counter() - start
    report.lines(f"{len(set().union(*found))} segments in {seconds:.1f} s")
    report.lines(*(f"wrote {path}" for path in job.outputs))
    told = {**summary(segmenter), "seconds": round(seconds, 3), "images": job.described(found)}
    report.result(told)


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder.")] = Path("demo"),
    n_segments: NSegments = "5",
    seed: Seed = 0,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Segment a photograph that ships with scikit-learn, and write pictures.

    Example:

      segae demo -o demo -k 5
    """
    report, start = Report(as_json, quiet), time.perf_counter()
    names = ("photo", "label_map", "overlay", "borders", "feature_maps")
    paths = [out / f"{name}.png" for name in names]
    check_overwrite(paths, [], force)
    with progress(report.quiet) as advance:
        from sklearn.datasets import load_sample_image

        from ..imaging._rendering import show_borders, show_features, show_labels, show_overlay

        photo = np.array(load_sample_image("china.jpg"))
        # Things of one color each, not textures: said here, one photograph is little evidence.
        parameters = {"n_segments": n_segments, "encoder__features": "intensity", "min_size": 50}
        segmenter = make_segmenter(None, {**parameters, "random_state": seed})
        fit_model(segmenter, [photo], None, advance)
        (labels,) = segmenter.predict([photo])
        features = show_features(segmenter.transform([photo])[0])
    overlay, borders = show_overlay(photo, labels), show_borders(photo, labels)
    pictures = (photo, show_labels(labels), overlay, borders, features)
    for path, picture in zip(paths, pictures, strict=True):
        write_image(path, picture)
    seconds = time.perf_counter() - start
    report.lines(f"{len(np.unique(labels))} segments in {seconds:.1f} s")
    report.lines(*(f"wrote {path}" for path in paths))
    written = [str(path) for path in paths]
    report.result({**summary(segmenter), "seconds": round(seconds, 3), "written": written})
