"""Fitted segmenters applied to the images of layers, page by page."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..imaging._watched_array import WatchedArray
from ..persistence._persist import load
from ..segmentation._segmenter import AESegmenter
from ._job import Job
from ._layers import LayerImages, Page, spacing_error
from ._models import Labeled

SPACING_TOLERANCE = 0.05  # of ratios of sides of voxels, as `segae predict` has it


class Probabilities(NamedTuple):
    """Probabilities (..., k) of the classes in an image of a layer."""

    source: LayerImages
    page: Page
    probabilities: np.ndarray


def load_segmenter(path: str) -> AESegmenter:
    """Load a fitted segmenter of images or volumes."""
    model = load(path)
    if not isinstance(model, AESegmenter) or not hasattr(model, "labeler_"):
        raise ValueError(
            f"{path}: holds a {type(model).__name__}, but a fitted AESegmenter is needed. Save one "
            "with sklearn_segae.persistence.save, segae fit or Save."
        )
    if model.rows_:
        raise ValueError(f"{path}: was fitted to rows. Fit a model to images.")
    return model


def predict(segmenter: AESegmenter, sources: Sequence[LayerImages], job: Job) -> Iterator[Labeled]:
    """Yield the label map of every image."""
    for source, page, image in _images(segmenter, sources, job, "Segmenting"):
        yield Labeled(source, page, _label_map(segmenter, image, job))


def uncertainty(
    segmenter: AESegmenter, sources: Sequence[LayerImages], job: Job
) -> Iterator[Labeled]:
    """Yield the label map and the uncertainty of every image."""
    _require_probabilities(segmenter, "Uncertainty")
    for source, page, image in _images(segmenter, sources, job, "Uncertainty of"):
        labels = _label_map(segmenter, image, job)
        yield Labeled(source, page, labels, np.asarray(segmenter.uncertainty([image])[0]))


def probabilities(
    segmenter: AESegmenter, sources: Sequence[LayerImages], job: Job
) -> Iterator[Probabilities]:
    """Yield the probabilities of every image."""
    _require_probabilities(segmenter, "Probabilities")
    for source, page, image in _images(segmenter, sources, job, "Probabilities of"):
        yield Probabilities(source, page, np.asarray(segmenter.predict_proba([image])[0]))


def _images(
    segmenter: AESegmenter, sources: Sequence[LayerImages], job: Job, what: str
) -> Iterator[tuple[LayerImages, Page, np.ndarray]]:
    """Yield the images of layers, read with as many spatial axes as the model has."""
    for source in sources:
        _warn_of_other_spacing(segmenter, source)
        for i, page in enumerate(source.pages, 1):
            job.tell(f"{what} {source.name}: image {i} of {len(source.pages)}")
            yield source, page, source.read(page)


def _label_map(segmenter: AESegmenter, image: np.ndarray, job: Job) -> np.ndarray:
    """Return a label map; if it is written tile by tile, the job may be canceled between tiles."""
    classes = getattr(segmenter, "classes_", np.empty(0, np.int32))
    if segmenter.min_size or classes.dtype.kind not in "iu":
        return segmenter.predict([image])[0]
    dtype = np.result_type(classes.dtype, np.int32)
    shape = image.shape[: segmenter.n_axes]
    out = WatchedArray(shape, dtype, lambda done: job.tell(f"Segmenting: {done:.0%}"))
    segmenter.predict([image], out=[out])
    return out.values


def _require_probabilities(segmenter: AESegmenter, what: str) -> None:
    if not hasattr(segmenter, "predict_proba"):
        raise ValueError(
            f"{what} needs probabilities, but the model has estimator={segmenter.estimator!r}, "
            "which has no predict_proba. Train with another one, such as 'trees'."
        )


def _warn_of_other_spacing(segmenter: AESegmenter, source: LayerImages) -> None:
    fitted, own = segmenter.spacing_, source.spacing
    if fitted is None or own is None:
        return
    if spacing_error(own, fitted) > SPACING_TOLERANCE:
        warnings.warn(
            f"layer {source.name!r} has voxels of {own}, but the model was fitted to voxels of "
            f"{fitted}. Set layer.scale, or resample the layer.",
            stacklevel=2,
        )
