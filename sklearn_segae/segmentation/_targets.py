"""Validation of targets: labels of pixels or rows, masks and weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from ..imaging._containers import to_array, to_maps
from ..imaging._image_batch import ImageBatch
from ..imaging._label_maps import IgnoreLabel, check_label_maps, is_labeled
from ..imaging._label_values import encode_labels, is_unlabeled, label_array
from ..imaging._no_data import missing_at
from ..imaging._pixel_sampling import pick
from ..imaging._tiles import image_tiles


class Targets(NamedTuple):
    """Maps of class indices, masks and optional weights, (H, W) each.

    Indices are those of `names`, the labels as given, and -1 where labels are not used. Pixels that
    are neither `known` nor `unlabeled` are not used.
    """

    maps: list[np.ndarray]
    known: list[np.ndarray]
    unlabeled: list[np.ndarray]
    names: np.ndarray
    weights: list[np.ndarray] | None = None

    @property
    def present(self) -> np.ndarray:
        """Sorted indices of the classes of the known pixels."""
        pairs = zip(self.maps, self.known, strict=True)
        return np.unique(np.concatenate([m[k] for m, k in pairs]))

    @property
    def classes(self) -> np.ndarray:
        """Sorted labels of the known pixels."""
        return self.names[self.present]

    def pick(self, chosen: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
        """Return labels and weights of pixels, given by flat indices for each map."""
        weights = None if self.weights is None else pick(self.weights, chosen)
        return self.names[pick(self.maps, chosen)], weights


def check_targets(
    batch: ImageBatch,
    y: Any,
    ignore_label: IgnoreLabel,
    estimator: Any,
    sample_weight: Any = None,
) -> Targets:
    """Return validated targets; pixels with weight 0 are ignored, rows are one image of width 1."""
    if y is None:
        raise ValueError(
            f"estimator={estimator!r} is a classifier: fit requires y to be passed, but the target "
            "y is None. Pass label maps (-1 or NaN: unlabeled), or a clusterer."
        )
    maps = _row_labels(batch, y) if batch.is_rows else check_label_maps(y, batch.images)
    known = [is_labeled(m, ignore_label) for m in maps]
    unlabeled = [~is_labeled(m) for m in maps]
    for image, *masks in zip(batch.images, known, unlabeled, strict=True):
        _leave_out_missing(image, masks)
    weights = None if sample_weight is None else _check_weights(sample_weight, batch.is_rows, maps)
    if weights is not None:
        known, unlabeled = (
            [mask & (w > 0) for mask, w in zip(masks, weights, strict=True)]
            for masks in (known, unlabeled)
        )
    if not any(k.any() for k in known):
        raise ValueError(
            f"y has no labeled pixel with data: all are unlabeled (-1, NaN, None, '' or masked) or "
            f"ignore_label={ignore_label}{' or of zero weight' * (weights is not None)}. Label "
            "some pixels of every class."
        )
    encoded, names = encode_labels(maps, known)
    return Targets(encoded, known, unlabeled, names, weights)


def _leave_out_missing(image: Any, masks: Sequence[np.ndarray]) -> None:
    """Set masks (H, W) to False where an image has no data; read only tiles where one is True."""
    for tile in image_tiles(image):
        if any(mask[tile].any() for mask in masks):
            missing = missing_at(image, tile)
            if missing is not None:
                for mask in masks:
                    mask[tile] &= ~missing


def _row_labels(batch: ImageBatch, y: Any) -> list[np.ndarray]:
    mask = np.ma.getmaskarray(y).ravel() if np.ma.isMaskedArray(y) else np.ma.nomask
    labels: np.ndarray = np.ma.masked_array(column_or_1d(y, warn=True), mask)
    check_consistent_length(batch.images[0], labels)
    if labels.dtype.kind == "O":
        labels = label_array(labels, "y")
    check_classification_targets(np.ma.getdata(labels)[~is_unlabeled(labels)])
    return [labels[:, None]]


def _check_weights(sample_weight: Any, rows: bool, maps: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return a weight map for each label map."""
    every = [sample_weight] if rows else to_maps(sample_weight)
    weights = [to_array(w).astype(np.float64) for w in every]
    if rows:
        weights = [w.reshape(-1, 1) for w in weights]
    shapes, needed = [w.shape for w in weights], [m.shape for m in maps]
    if shapes != needed:
        raise ValueError(
            f"sample_weight has shapes {shapes}, but y has {needed}. It holds a weight for every "
            "pixel, in the container of y."
        )
    lowest = min(w.min() for w in weights)
    if not lowest >= 0 or not all(np.isfinite(w).all() for w in weights):
        raise ValueError(
            f"sample_weight must be finite and not negative, but its minimum is {lowest:.3g}."
        )
    return weights
