"""`segae segment`: segment images without labels; `segae demo`: segment a photograph."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import numpy as np

from ..storage._files import write_image
from ._batch import errors_name, load_all, open_all, plan, run, source_files
from ._console import Report, progress
from ._models import fit_model, make_segmenter, summary
from ._options import FILES, Force, Inputs, Learning, NSegments, Outputs, Seed, option
from ._paths import check_overwrite, expand
from ._reading import Reading
from ._volumes import spacing_of

HELP = """Segment images without labels, with one model for all of them.

Examples:

  segae segment photo.jpg -k 4 -o labels.png --overlay overlay.png

  segae segment tiles/ -k auto -o labels/ --overlay pictures/

  find . -name '*.tif' | segae segment - -k 6 -o labels/ --json

  segae segment stack.ome.zarr --volume -k 3 -o labels.zarr

A label map holds the segment of every pixel, 0 to K - 1, as PNG, TIFF, npy or zarr.
"""


def segment(
    inputs: Inputs, outputs: Outputs, reading: Reading, learning: Learning, report: Report
) -> None:
    """Segment image files."""
    start = time.perf_counter()
    parameters = {**learning.parameters(), "max_memory": outputs.max_memory}
    job = plan(open_all(expand(inputs), outputs.max_memory, reading), outputs)
    parameters["spacing"] = spacing_of(job.pages, reading)
    with progress(report.quiet) as advance:
        loaded = load_all(job.pages)
        images = [image for of_file in loaded for image in of_file]
        segmenter = make_segmenter(None, parameters)
        with errors_name(source_files(job.pages)):
            fit_model(segmenter, images, None, advance)
        found = run(job, segmenter, advance, loaded)
    seconds = round(time.perf_counter() - start, 3)
    report.lines(f"{len(set().union(*found))} segments in {seconds:.1f} s")
    report.lines(*(f"wrote {path}" for path in job.outputs))
    report.result({**summary(segmenter), "seconds": seconds, "images": job.described(found)})


def demo(
    report: Report,
    out: Annotated[Path, option("--out", "-o", panel=FILES, help="Folder.")] = Path("demo"),
    n_segments: NSegments = "5",
    seed: Seed = 0,
    force: Force = False,
) -> None:
    """Segment a photograph that ships with scikit-learn, and write pictures.

    Example:

      segae demo -o demo -k 5
    """
    start = time.perf_counter()
    names = ("photo", "label_map", "overlay", "borders", "feature_maps")
    paths = [out / f"{name}.png" for name in names]
    check_overwrite(paths, [], force)
    with progress(report.quiet) as advance:
        from sklearn.datasets import load_sample_image

        from ..imaging._rendering import show_borders, show_features, show_labels, show_overlay

        photo = np.array(load_sample_image("china.jpg"))
        # The objects differ in color. One photograph is too little evidence for "auto".
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
