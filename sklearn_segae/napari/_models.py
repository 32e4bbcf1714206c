"""Models of strokes on layers: fast ones, updated by every stroke, and ones that take minutes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..annotate._session import AnnotationSession
from ..segmentation._estimators import ESTIMATORS, named
from ..segmentation._recipe import default_encoder
from ..segmentation._segmenter import AESegmenter
from ..segmentation._suggested_regions import SuggestedRegion
from ..training._callbacks import EpochEnd
from ._job import Job
from ._layers import LayerImages, Page, common_spacing

COARSE = 3  # every third pixel along all axes first
LARGE = 2**16  # pixels of images that are shown so


class Labeled(NamedTuple):
    """Label map and uncertainty, 0 to 1, of an image of a layer; the latter may be missing."""

    source: LayerImages
    page: Page
    labels: np.ndarray
    uncertainty: np.ndarray | None = None


class StrokeModel:
    """A model of the strokes on images of layers.

    Parameters
    ----------
    sources : list of LayerImages
        With the same channels. All share the model.
    strokes : list of napari.layers.Labels
        One for each of the sources, of its shape: classes from 1 on, 0 for unlabeled pixels.
    features : str
        Of the `PixelEncoder`.
    estimator : str
        Name of a classifier, as in `AESegmenter(estimator=...)`.
    """

    ready = False  # whether strokes take effect at once

    def __init__(
        self,
        sources: Sequence[LayerImages],
        strokes: Sequence[Any],
        features: str = "multiscale",
        estimator: str = "trees",
    ) -> None:
        self.sources = list(sources)
        self.use(strokes)
        self.images = [(source, page) for source in sources for page in source.pages]
        self.spacing = common_spacing(self.sources)
        self.estimator = estimator
        encoder = default_encoder(True, features, 2 if self.spacing is None else 3)
        self.encoder = encoder.set_params(features=features)

    @property
    def n_axes(self) -> int:
        """Number of spatial axes."""
        return self.sources[0].n_axes

    def use(self, strokes: Sequence[Any]) -> None:
        """Take the strokes from other layers."""
        for source, layer in zip(self.sources, strokes, strict=True):
            _check_strokes(source, layer)
        self.strokes = list(strokes)

    def drawn(self) -> list[np.ndarray]:
        """Return the present strokes on each image."""
        of_source = {id(s): layer for s, layer in zip(self.sources, self.strokes, strict=True)}
        return [np.asarray(of_source[id(source)].data[page]) for source, page in self.images]

    def read(self, job: Job) -> list[np.ndarray]:
        """Return the images."""
        images = []
        for i, (source, page) in enumerate(self.images, 1):
            job.tell(f"Reading image {i} of {len(self.images)}")
            images.append(source.read(page))
        return images

    def train(self, job: Job, first: Sequence[Page | None] = ()) -> Iterator[Labeled]:
        """Fit to the present strokes, and yield label maps, those of the pages `first` first.

        `first` has a page for each of the sources. Without strokes of two classes, nothing is
        fitted nor yielded.
        """
        raise NotImplementedError

    def segmenter(self) -> AESegmenter:
        """Return the fitted segmenter."""
        raise NotImplementedError

    def suggestion(self, rank: int) -> SuggestedRegion | None:
        """Return the region to label next but `rank`; None if there is none."""
        raise NotImplementedError

    def _order(self, first: Sequence[Page | None]) -> list[int]:
        """Return the indices of all images, those of the given pages first."""
        shown = dict(zip(map(id, self.sources), first, strict=False))
        return sorted(
            range(len(self.images)),
            key=lambda i: shown.get(id(self.images[i][0])) != self.images[i][1],
        )


class FastModel(StrokeModel):
    """A model whose images are encoded once; strokes only fit its classifier."""

    session: AnnotationSession | None = None

    @property
    def ready(self) -> bool:  # type: ignore[override]
        """Whether strokes take effect at once."""
        return self.session is not None and self.session.ready

    def changed(self) -> bool:
        """Return whether there are other strokes than at the last call of `train`."""
        if self.session is None:
            return True
        pairs = zip(self.session.strokes, self.drawn(), strict=True)
        return not all(np.array_equal(old, new) for old, new in pairs)

    def train(self, job: Job, first: Sequence[Page | None] = ()) -> Iterator[Labeled]:
        """Encode the images if they are not yet, fit, and yield label maps with uncertainties.

        The first image is yielded twice if it is large, first at a third of its resolution.
        """
        if not self.ready:
            self._encode(job)
        session = self._encoded()
        for i, strokes in enumerate(self.drawn()):
            session.replace(i, strokes)
        order = self._order(first)
        shown = order[0]
        steps = [(shown, COARSE)] if session.strokes[shown].size > LARGE else []
        for i, step in [*steps, *((i, 1) for i in order)]:
            job.tell("Segmenting")
            found = session.prediction(i, step, job.wanted)
            if found is None:
                return
            labels, doubt = (_enlarged(m, step, session.strokes[i].shape) for m in found)
            yield Labeled(*self.images[i], labels, doubt / np.float32(255))

    def segmenter(self) -> AESegmenter:
        """Return a segmenter that predicts the same label maps."""
        return self._encoded().model()

    def suggestion(self, rank: int) -> SuggestedRegion | None:
        """Return the region to label next but `rank`; None if there is none."""
        return self._encoded().suggestion(rank)

    def _encoded(self) -> AnnotationSession:
        if self.session is None:
            raise ValueError("the images are not encoded yet. Press Train first.")
        return self.session

    def _encode(self, job: Job) -> None:
        session = AnnotationSession(
            self.read(job), encoder=self.encoder, classifier=self.estimator, spacing=self.spacing
        )
        session.encode(job.tell)
        self.session = session


class SlowModel(StrokeModel):
    """A model with a network that sees the surroundings of pixels, fitted at the press of Train."""

    fitted: AESegmenter | None = None

    def train(self, job: Job, first: Sequence[Page | None] = ()) -> Iterator[Labeled]:
        """Fit encoder and network to the present strokes, and yield label maps."""
        strokes = self.drawn()
        if len(np.unique(np.concatenate([np.unique(s[s > 0]) for s in strokes]))) < 2:
            return
        images = self.read(job)
        self.fitted = self._fit(images, strokes, job)
        for i in self._order(first):
            job.tell(f"Segmenting {self.images[i][0].name}")
            yield Labeled(*self.images[i], self.fitted.predict([images[i]])[0])

    def segmenter(self) -> AESegmenter:
        """Return the fitted segmenter."""
        if self.fitted is None:
            raise ValueError(
                f"estimator={self.estimator!r} is not fitted. Draw strokes of two classes, and "
                "press Train."
            )
        return self.fitted

    def suggestion(self, rank: int) -> SuggestedRegion | None:
        """Return the region to label next but `rank`; None if there is none."""
        images = [source.read(page) for source, page in self.images]
        drawn = self.drawn()
        found = self.segmenter().suggest_regions(images, rank + 1, y=drawn)
        return found[-1]

    def _fit(self, images: list[np.ndarray], strokes: list[np.ndarray], job: Job) -> AESegmenter:
        def report(epoch: int, n_epochs: int, loss: float) -> None:
            job.tell(f"Training: epoch {epoch} of {n_epochs}, loss {loss:.3g}")

        segmenter = AESegmenter(
            encoder=self.encoder,
            estimator=named(self.estimator),
            ignore_label=0,
            spacing=self.spacing,
            random_state=0,
        )
        job.tell("Training")
        _set_callbacks(segmenter, [EpochEnd(report)])
        segmenter.fit(images, strokes)
        # Files of models hold no functions.
        _set_callbacks(segmenter, None)
        members = getattr(segmenter.estimator_, "members_", [])
        for part in (segmenter.encoder_, segmenter.estimator_, *filter(None, members)):
            _set_callbacks(part, None)
        return segmenter


def _set_callbacks(estimator: Any, callbacks: list[Any] | None) -> None:
    """Set the callbacks of an estimator and of those in it."""
    nested = [n for n in estimator.get_params() if n.rpartition("__")[2] == "callbacks"]
    estimator.set_params(**dict.fromkeys(nested, callbacks))


def _enlarged(values: np.ndarray, step: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return a map of every step-th pixel in the shape of all of them."""
    for axis in range(values.ndim if step > 1 else 0):
        values = values.repeat(step, axis)
    return values[tuple(map(slice, shape))]


def make_model(
    sources: Sequence[LayerImages], strokes: Sequence[Any], features: str, estimator: str
) -> FastModel | SlowModel:
    """Return an unfitted model."""
    kind = SlowModel if ESTIMATORS[estimator].is_dense else FastModel
    return kind(sources, strokes, features, estimator)


def _check_strokes(source: LayerImages, layer: Any) -> None:
    if tuple(layer.data.shape) != source.shape:
        raise ValueError(
            f"layer {layer.name!r} of strokes has shape {tuple(layer.data.shape)}, but the images "
            f"{source.name!r} have {source.shape}. Choose another layer, or the strokes "
            "'one layer for each image'."
        )
