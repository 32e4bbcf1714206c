"""Seconds from the end of a stroke in napari to the label map.

The dock widget runs in a viewer that is shown, so it needs a display or xvfb-run, the extra napari
and PyQt6. The brush of the strokes' layer paints short lines of the truth; the clock stops when the
viewer has drawn the label map, of every third pixel (preview) and of all (full).
"""

import argparse
import time

import napari
import numpy as np
from qtpy.QtWidgets import QApplication

from sklearn_segae.datasets import load_tissue, make_mosaic, make_volume
from sklearn_segae.napari._widget import SegmentationWidget

N_STROKES = 15


def images(size):
    """Yield name, image, truth, and whether it is a volume."""
    gray, labels = make_mosaic(1, n_segments=4, size=size, random_state=0)
    yield f"mosaic, {size} x {size}, gray", gray[0, ..., 0], labels[0], False
    tissue = load_tissue()
    yield "tissue, 512 x 512, RGB", tissue.images[0], tissue.target[0], False
    voxels, labels = make_volume(size=(32, 128, 128), random_state=0)
    yield "blobs, 32 x 128 x 128", voxels[0, ..., 0], labels[0], True


def wait(widget, updates=()):
    """Run the application until all jobs are done; return the seconds to the first update and all.

    `updates` grows when a label map is written.
    """
    start, first, before = time.perf_counter(), None, len(updates)
    while widget.busy:
        QApplication.processEvents()  # draws, too
        if first is None and len(updates) > before:
            first = time.perf_counter() - start
        time.sleep(0.001)  # leaves the interpreter to the thread of the job
    QApplication.processEvents()
    return first, time.perf_counter() - start


def paint(layer, truth, rng):
    """Paint the truth along a line of 24 pixels, by a brush of one pixel."""
    place = [int(rng.integers(n)) for n in truth.shape[:-1]]
    left = int(rng.integers(truth.shape[-1] - 24))
    for column in range(left, left + 24):
        layer.paint([*place, column], int(truth[(*place, column)]) + 1, refresh=False)
    layer.refresh()


def measure(name, image, truth, volume, estimator):
    """Return a row of the table: the first encoding, and the strokes after it."""
    viewer = napari.Viewer()
    viewer.add_image(image, name="image", rgb=image.shape[-1] == 3)
    widget = SegmentationWidget(viewer)
    widget.controls.volumes.value, widget.controls.estimator.value = volume, estimator
    widget.train()
    _, encoding = wait(widget)
    layer, rng, times, updates = viewer.layers["image strokes"], np.random.default_rng(0), [], []
    layer.brush_size = 1
    while "image labels" not in viewer.layers:  # until two classes have strokes
        paint(layer, truth, rng)
        wait(widget)
    viewer.layers["image labels"].events.set_data.connect(updates.append)
    while len(times) < N_STROKES:
        paint(layer, truth, rng)
        times.append(wait(widget, updates))
    found = viewer.layers["image labels"].data
    known = truth >= 0
    accuracy = (found == truth + 1)[known].mean()
    widget.close()
    viewer.close()
    cells = [f"{encoding:.1f} s"]
    cells += [f"{np.median(own):.2f} s (worst {max(own):.2f})" for own in np.transpose(times)]
    return f"| {estimator} | {name} | {' | '.join(cells)} | {accuracy:.2f} |"


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--estimators", default="trees,head")
    options = parser.parse_args()
    print("| estimator | image | encoding, once | preview | full | accuracy |")
    print("| --- | --- | --- | --- | --- | --- |")
    for estimator in options.estimators.split(","):
        for row in images(options.size):
            print(measure(*row, estimator), flush=True)


if __name__ == "__main__":
    main()
