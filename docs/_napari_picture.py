"""The picture of docs/guide/napari.md: `python docs/_napari_picture.py`, or after `xvfb-run`."""

import time
from pathlib import Path

import napari
from PIL import Image
from qtpy.QtWidgets import QApplication

from sklearn_segae.napari._sample_data import tissue
from sklearn_segae.napari._widget import SegmentationWidget

PICTURE = Path(__file__).parent / "images" / "napari.png"


def wait(widget):
    """Run the application until all is computed and drawn."""
    while widget.busy:
        QApplication.processEvents()
        time.sleep(0.01)
    for _ in range(30):
        QApplication.processEvents()
        time.sleep(0.02)


def main():
    """Segment the sample image by its strokes, and take the picture."""
    viewer = napari.Viewer()
    for data, options, kind in tissue():
        getattr(viewer, f"add_{kind}")(data, **options)
    widget = SegmentationWidget(viewer)
    widget.controls.names.value = "lumen, stroma, gland"
    viewer.window.add_dock_widget(widget.controls.container, name="Segmentation by strokes")
    viewer.window.resize(1380, 800)
    widget.train()
    wait(widget)
    strokes = viewer.layers["tissue strokes"]
    viewer.layers.selection.active = strokes
    strokes.mode, strokes.selected_label = "paint", 3
    viewer.reset_view()
    wait(widget)
    picture = Image.fromarray(viewer.screenshot(canvas_only=False, flash=False)[..., :3])
    picture.quantize(256, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    viewer.close()


if __name__ == "__main__":
    main()
