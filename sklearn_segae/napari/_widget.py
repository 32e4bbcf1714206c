"""The dock widget: from strokes on layers to label maps, in the background."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .._compat import require
from ..annotate._session import MAX_CLASSES
from ..persistence._persist import save
from ..segmentation._segmenter import AESegmenter
from ._apply import load_segmenter, predict, probabilities, uncertainty
from ._classes import Classes
from ._controls import OWN_STROKES, Controls, on_click
from ._job import Job
from ._jobs import Jobs, Task
from ._layers import LayerImages
from ._models import FastModel, StrokeModel, make_model
from ._results import ResultLayers

POLL = 100  # milliseconds between updates of the line of progress
FILES = "Models (*.segae)"


def make_widget() -> Any:
    """Return the dock widget for the current viewer."""
    viewer = require("napari", "napari").current_viewer()
    return SegmentationWidget(viewer).controls.container


class SegmentationWidget:
    """Train on strokes, and write results as layers.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.controls = Controls(viewer)
        self.results = ResultLayers(viewer)
        self.jobs = Jobs(failed=lambda: self._tell("Failed: the notification says why."))
        self.model: StrokeModel | None = None
        self.loaded: AESegmenter | None = None
        self._key: Any = None  # of the images and settings of `model`
        self._rank = 0  # of the next suggested region
        self._connect()
        self.controls.refresh()

    def train(self) -> None:
        """Fit a model to the strokes, which are made a layer if there is none."""
        sources = self.controls.sources(self.controls.n_axes)
        strokes = self._strokes(sources)
        features, estimator = self.controls.features.value, self.controls.estimator.value
        key = (*map(_identity, sources), features, estimator)
        if self.model is None or key != self._key:
            self.model, self._key = make_model(sources, strokes, features, estimator), key
            self.loaded = None
        self.model.use(strokes)
        self._segment(self.model)

    def predict(self) -> None:
        """Write the label maps of the chosen images."""
        self._apply(predict, self.results.show)

    def show_uncertainty(self) -> None:
        """Write label maps and uncertainties of the chosen images."""
        self._apply(uncertainty, self.results.show_uncertainty)

    def show_probabilities(self) -> None:
        """Write the probabilities of all classes in the chosen images."""
        self._apply(probabilities, self.results.show_probabilities)

    def suggest(self) -> None:
        """Outline a region to label next; the next call outlines another one."""
        model = self.model
        if model is None:
            raise ValueError(
                "regions are suggested for images with strokes. Press Train first: loaded models "
                "do not contain their images."
            )
        rank, self._rank = self._rank, self._rank + 1

        def work(job: Job) -> Iterator[Any]:
            job.tell("Looking for uncertain regions")
            region = model.suggestion(rank)
            if region is not None:
                yield region

        def show(region: Any) -> None:
            source, page = model.images[region.image]
            self.results.show_region(source, page, region)

        def done(n: int) -> None:
            none = "No region is left: strokes of two classes are needed, and regions without any."
            self._tell("Paint strokes of every class in the outlined region." if n else none)

        self.jobs.start(Task(work, show, done))

    def load(self, path: str) -> None:
        """Load a model, which the other buttons then apply."""

        def work(job: Job) -> Iterator[Any]:
            job.tell("Loading")
            yield load_segmenter(path)

        def show(segmenter: AESegmenter) -> None:
            self.loaded, self.model, self._key = segmenter, None, None

        self.jobs.start(Task(work, show, lambda _: self._tell(f"{path} is loaded. Press Predict.")))

    def save(self, path: str) -> None:
        """Save the fitted model."""
        fitted = self._fitted()

        def work(job: Job) -> Iterator[Any]:
            job.tell("Saving")
            save(fitted(), path)
            yield path

        self.jobs.start(Task(work, lambda _: None, lambda _: self._tell(f"{path} is saved.")))

    @property
    def busy(self) -> bool:
        """Whether a computation runs, or strokes are about to start one."""
        return self.jobs.job is not None or bool(self._stroke_timer.isActive())

    def close(self) -> None:
        """Cancel computations, and leave the viewer alone."""
        self._stroke_timer.stop()
        self._poll_timer.stop()
        self._leave()

    def _leave(self, *_: Any) -> None:
        self.jobs.cancel()
        for event in self._layer_events():
            event.disconnect(self.controls.refresh)

    def _segment(self, model: StrokeModel) -> None:
        """Segment the images of the model by the present strokes."""
        classes = self._stroke_classes()
        first = [source.page_at(self.viewer.dims.point) for source in model.sources]
        self._rank = 0
        self.jobs.start(
            Task(
                lambda job: model.train(job, first),
                lambda found: self.results.show(found, classes),
                lambda n: self._trained(model, n),
                lambda: model.ready,
            )
        )

    def _trained(self, model: StrokeModel, n: int) -> None:
        strokes = f"Paint strokes of two classes on {model.strokes[0].name!r}: labels 1, 2."
        self._tell(f"Segmented {_counted(len(model.images))}." if n else strokes)

    def _apply(self, function: Callable[..., Iterator[Any]], show: Callable[..., None]) -> None:
        """Apply the fitted model to the chosen images."""
        fitted, names = self._fitted(), self.controls.class_names
        known: Any = self.model if self.loaded is None else self.loaded
        sources = self.controls.sources(known.n_axes)

        def work(job: Job) -> Iterator[Any]:
            job.tell("Preparing the model")
            segmenter = fitted()
            classes = Classes.of_model(segmenter, names)
            for found in function(segmenter, sources, job):
                yield found, classes

        self.jobs.start(
            Task(work, lambda pair: show(*pair), lambda n: self._tell(f"Computed {_counted(n)}."))
        )

    def _fitted(self) -> Callable[[], AESegmenter]:
        """Return a function that returns the fitted segmenter."""
        loaded = self.loaded
        if loaded is not None:
            return lambda: loaded
        if self.model is None:
            raise ValueError("there is no model yet. Press Train, or Load model.")
        return self.model.segmenter

    def _strokes(self, sources: list[LayerImages]) -> list[Any]:
        """Return the layers of strokes, and watch them."""
        chosen = self.controls.strokes.value
        if chosen == OWN_STROKES:
            classes = self._stroke_classes()
            layers = [self.results.strokes(source, classes) for source in sources]
        elif len(sources) == 1:
            layers = [chosen]
        else:
            raise ValueError(
                f"the strokes {chosen.name!r} are one layer, but {len(sources)} images are chosen. "
                f"Choose the strokes {OWN_STROKES!r}."
            )
        for layer in layers:
            self.controls.adopt_names(layer)
            for event in (layer.events.paint, layer.events.set_data):  # undo emits the latter
                event.connect(self._soon)  # once, however often it is called
        return layers

    def _soon(self, event: Any = None) -> None:
        """Look for new strokes when all that happens now is done: events may precede changes."""
        self._stroke_timer.start(0)

    def _painted(self) -> None:
        """Segment again, if live, after a change of strokes."""
        model = self.model
        if self.controls.live.value and isinstance(model, FastModel) and model.changed():
            self._segment(model)

    def _stroke_classes(self) -> Classes:
        return Classes.of_strokes(self.controls.class_names, MAX_CLASSES)

    def _rename(self, *_: Any) -> None:
        """Show the names of the classes in the layers of strokes and label maps."""
        if self.model is None:
            return
        for source, strokes in zip(self.model.sources, self.model.strokes, strict=True):
            for layer in (strokes, self.results.find("labels", source)):
                if layer is not None:
                    self.results.set_classes(layer, self._stroke_classes())

    def _connect(self) -> None:
        controls = self.controls
        actions = {
            "Train": self.train,
            "Cancel": self._cancel,
            "Predict": self.predict,
            "Uncertainty": self.show_uncertainty,
            "Probabilities": self.show_probabilities,
            "Suggest region": self.suggest,
            "Load model": lambda: self._ask("r", self.load),
            "Save model": lambda: self._ask("w", self.save),
        }
        for name, action in actions.items():
            on_click(controls.buttons[name], action)
        controls.names.changed.connect(self._rename)
        for event in self._layer_events():
            event.connect(controls.refresh)
        dock, timer = controls.container.native, require("qtpy.QtCore", "napari").QTimer
        self._stroke_timer, self._poll_timer = timer(dock), timer(dock)  # end with the dock
        self._stroke_timer.setSingleShot(True)
        self._stroke_timer.timeout.connect(self._painted)
        self._poll_timer.timeout.connect(self._poll)
        self._poll_timer.start(POLL)
        dock.destroyed.connect(self._leave)

    def _layer_events(self) -> list[Any]:
        events = self.viewer.layers.events
        known = ("inserted", "removed", "renamed")  # napari 0.6.2 lacks the last one
        return [getattr(events, name) for name in known if hasattr(events, name)]

    def _ask(self, mode: str, action: Callable[[str], None]) -> None:
        """Ask for a file, and call an action with its path."""
        if mode == "w":
            self._fitted()  # an error before the dialog
        dialog = require("magicgui.widgets", "napari").show_file_dialog
        path = dialog(mode, filter=FILES, start_path="model.segae" if mode == "w" else None)
        if path:
            action(str(path))

    def _cancel(self) -> None:
        self.jobs.cancel()
        self._tell("Canceled.")

    def _tell(self, line: str) -> None:
        self.controls.status.value = line

    def _poll(self) -> None:
        job = self.jobs.job
        self.controls.show_progress(None if job is None or not job.wanted() else job.line)


def _counted(n: int) -> str:
    return "1 image" if n == 1 else f"{n} images"


def _identity(source: LayerImages) -> Any:
    """Return what identifies images: another array or scale makes other codes."""
    return (*map(id, source.arrays), source.n_axes, source.spacing)
