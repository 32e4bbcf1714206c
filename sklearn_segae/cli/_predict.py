"""`segae predict`: a model on disk and images to label maps."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from ._batch import plan, run
from ._console import Report, progress
from ._models import load_segmenter
from ._options import (
    Device,
    Force,
    Format,
    FormatOption,
    Inputs,
    Json,
    MaxMemory,
    Out,
    Overlay,
    Quiet,
    Trust,
)

HELP = """Segment images with a model that segae fit saved.

Examples:

  segae predict cells.segae new/ -o labels/ --overlay pictures/

  segae predict land.segae scene.tif -o map.tif --max-memory 500MiB

The format of a label map is that of its image, or PNG for pictures, or as --out or --format says.
"""

ModelFile = Annotated[
    Path, typer.Argument(metavar="MODEL", show_default=False, help="What segae fit wrote.")
]


def predict(
    model: ModelFile,
    inputs: Inputs,
    out: Out,
    overlay: Overlay = None,
    label_format: FormatOption = Format.auto,
    max_memory: MaxMemory = "1GiB",
    force: Force = False,
    device: Device = "auto",
    trust: Trust = [],  # noqa: B006 a list has to have a list as its default
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Segment image files with a saved model."""
    report, start = Report(as_json, quiet), time.perf_counter()
    if not model.is_file():
        raise FileNotFoundError(f"{model}: there is no such file.")
    job = plan(inputs, out, overlay, label_format.suffix, max_memory, force, [model])
    with progress(report.quiet) as advance:
        advance("segmenting", 0, len(job.pages))
        segmenter = load_segmenter(model, trust, device).set_params(max_memory=max_memory)
        found = run(job, segmenter, advance)
    seconds = time.perf_counter() - start
    n_labels = len(set().union(*found))
    report.lines(f"{n_labels} labels in {len(found)} file(s), {seconds:.1f} s")
    report.lines(*(f"wrote {path}" for path in job.outputs))
    report.result({"seconds": round(seconds, 3), "images": job.described(found)})
