"""`segae predict`: segment images with a saved model."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from ..storage._pages import Pages
from ._batch import open_all, plan, run
from ._console import Report, progress
from ._models import check_soft, choose_channels, load_segmenter
from ._options import Device, Inputs, Outputs, SoftMaps, Trust, file_arguments
from ._paths import expand
from ._reading import Reading
from ._volumes import reading_for, warn_of_spacing

HELP = """Segment images with a model that segae fit saved.

Examples:

  segae predict cells.segae new/ -o labels/ --overlay pictures/

  segae predict land.segae scene.tif -o map.tif --max-memory 500MiB

  segae predict land.segae scene.tif -o map.tif --probabilities p.tif --uncertainty u.tif

Label maps have the format of their images, or PNG for JPEG and BMP, unless --out or --format \
selects another. A model of volumes reads files as volumes.
"""


def predict(
    model: Annotated[Path, file_arguments("MODEL", "Model file written by segae fit.")],
    inputs: Inputs,
    outputs: Outputs,
    soft: SoftMaps,
    reading: Reading,
    report: Report,
    device: Device = "auto",
    trust: Trust = [],  # noqa: B006 a list has to have a list as its default
) -> None:
    """Segment image files with a saved model."""
    start = time.perf_counter()
    if not model.is_file():
        raise FileNotFoundError(f"{model}: there is no such file.")
    paths, job = expand(inputs), None
    pages: list[Pages] = []
    with suppress(ValueError):  # for axes that are those of volumes, as the model may say
        pages = open_all(paths, outputs.max_memory, reading)
    if pages:
        job = plan(pages, outputs, [model], soft)
    with progress(report.quiet) as advance:
        advance("segmenting", 0, len(paths))
        segmenter = load_segmenter(model, trust, device).set_params(max_memory=outputs.max_memory)
        fitting = reading_for(model, segmenter, reading)
        if job is None or fitting != reading:
            pages = open_all(paths, outputs.max_memory, fitting)
            job = plan(pages, outputs, [model], soft)
        warn_of_spacing(model, segmenter, job.pages, reading)
        check_soft(segmenter, list(job.soft))
        choose_channels(model, segmenter, job.pages)
        found = run(job, segmenter, advance)
    seconds = time.perf_counter() - start
    n_labels = len(set().union(*found))
    report.lines(f"{n_labels} labels in {len(found)} file(s), {seconds:.1f} s")
    report.lines(*(f"wrote {path}" for path in job.outputs))
    report.result({"seconds": round(seconds, 3), "images": job.described(found)})
