"""The controls of the dock widget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._compat import require
from ..encoding._codes import FEATURES
from ..segmentation._estimators import ESTIMATORS, is_dense
from ._layers import LayerImages
from ._results import is_result

LIST_HEIGHT = 110  # of the list of images, in pixels
NO_NAMES = "class 1, class 2"  # until a user enters some
OWN_STROKES = "one layer for each image"
BUTTONS = {
    "Train": "Fit the model to the strokes. The first time, the images are encoded.",
    "Cancel": "End the present computation.",
    "Predict": "Label maps of the chosen images.",
    "Uncertainty": "Where the next strokes help most: 0 (certain) to 1.",
    "Probabilities": "One image for each class.",
    "Suggest region": "Outline a region to label next; press again for another one.",
    "Load model": "Load a fitted AESegmenter from a .segae file.",
    "Save model": "Save the fitted AESegmenter as a .segae file.",
}
ROWS = (
    ("Train", "Cancel"),
    ("Predict", "Uncertainty"),
    ("Probabilities", "Suggest region"),
    ("Load model", "Save model"),
)


class Controls:
    """The controls of the dock widget, and what they are set to."""

    def __init__(self, viewer: Any) -> None:
        widgets = require("magicgui.widgets", "napari")
        self.viewer = viewer
        self.images = widgets.Select(
            label="Images", choices=self._images, tooltip="All chosen layers share one model."
        )
        self.channels = widgets.CheckBox(
            label="Channels", tooltip="The chosen layers are channels of one image."
        )
        self.volumes = widgets.CheckBox(
            label="Volumes",
            tooltip="The last three axes are space (z, y, x), with the scale of the layer. "
            "Otherwise the last two are, and others count images.",
        )
        self.strokes = widgets.ComboBox(label="Strokes", choices=self._labels)
        self.names = widgets.LineEdit(
            label="Classes", value=NO_NAMES, tooltip="Names of the labels 1, 2, ..."
        )
        self.features = widgets.ComboBox(
            label="Features", choices=["auto", *FEATURES], value="multiscale"
        )
        classifiers = [name for name, row in ESTIMATORS.items() if row.is_classifier]
        self.estimator = widgets.ComboBox(
            label="Estimator",
            choices=classifiers,
            value="trees",
            tooltip="unet and vote take minutes.",
        )
        self.live = widgets.CheckBox(
            label="Live", value=True, tooltip="Segment again after every stroke."
        )
        self.buttons = {
            name: widgets.PushButton(text=name, tooltip=tip) for name, tip in BUTTONS.items()
        }
        self.progress = widgets.ProgressBar(min=0, max=0, visible=False)
        self.status = widgets.Label(value="Choose images, and press Train.")
        self.container = widgets.Container(
            widgets=[
                *(self.images, self.channels, self.volumes, self.strokes, self.names),
                *(self.features, self.estimator, self.live),
                *(self._row(widgets, names) for names in ROWS),
                widgets.Container(widgets=[self.progress, self.status], labels=False),
            ]
        )
        self.images.max_height = LIST_HEIGHT
        self.status.native.setWordWrap(True)
        self.estimator.changed.connect(self._limit_live)

    def sources(self, n_axes: int) -> list[LayerImages]:
        """Return the chosen images."""
        layers = list(self.images.value)
        if not layers:
            raise ValueError(
                "no images are chosen. Click on one or several image layers in the list Images."
            )
        if self.channels.value:
            return [LayerImages(layers, n_axes)]
        return [LayerImages([layer], n_axes) for layer in layers]

    @property
    def n_axes(self) -> int:
        """Number of spatial axes."""
        return 3 if self.volumes.value else 2

    @property
    def class_names(self) -> list[str]:
        """Names of the classes 1, 2, ..."""
        return [name.strip() for name in self.names.value.split(",")]

    def adopt_names(self, layer: Any) -> None:
        """Take the names of the classes from a layer of strokes, if there are none yet."""
        names = list(layer.features.get("class", ()))[1:]  # the first one is 0, unlabeled
        while names and names[-1] == f"class {len(names)}":
            names.pop()
        if names and self.names.value == NO_NAMES:
            self.names.value = ", ".join(names)

    def refresh(self, *_: Any) -> None:
        """Take up the layers of the viewer; the first image is chosen if none is."""
        for box in (self.images, self.strokes):
            box.reset_choices()
        if not self.images.value and self.images.choices:
            self.images.value = [self.images.choices[0]]

    def show_progress(self, line: str | None) -> None:
        """Show a line of progress, with a bar; None ends it."""
        self.progress.visible = line is not None
        if line:
            self.status.value = line

    def _images(self, _: Any) -> list[tuple[str, Any]]:
        kind = require("napari.layers", "napari").Image
        own = [la for la in self.viewer.layers if isinstance(la, kind) and not is_result(la)]
        return [(layer.name, layer) for layer in own]

    def _labels(self, _: Any) -> list[tuple[str, Any]]:
        kind = require("napari.layers", "napari").Labels
        own = [la for la in self.viewer.layers if isinstance(la, kind) and not is_result(la)]
        return [(OWN_STROKES, OWN_STROKES), *((layer.name, layer) for layer in own)]

    def _row(self, widgets: Any, names: tuple[str, ...]) -> Any:
        buttons = [self.buttons[name] for name in names]
        row = widgets.Container(widgets=buttons, layout="horizontal", labels=False)
        row.margins = (0, 0, 0, 0)
        return row

    def _limit_live(self, estimator: str) -> None:
        """Networks are not trained after every stroke."""
        self.live.enabled = not is_dense(estimator)


def on_click(button: Any, action: Callable[[], None]) -> None:
    """Call an action at each click; what a user can correct is shown as a notification."""
    show_error = require("napari.utils.notifications", "napari").show_error

    def click() -> None:
        try:
            action()
        except (ValueError, TypeError, ImportError, OSError) as error:
            show_error(str(error))

    button.clicked.connect(click)
