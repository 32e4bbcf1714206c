"""Predictions for labeled pixels by clones of a segmenter that were not fitted to them."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state

from ..imaging._label_maps import is_labeled
from ..imaging._label_values import mark_unlabeled
from ._area_sample import Predictions, Sample, predict_sample


def cross_fit(segmenter: Any, X: Any, sample: Sample, cv: Any, random_state: Any) -> Predictions:
    """Fit clones to the labels of all folds but one, and predict the labels of this fold."""
    classes = np.unique(sample.labels)
    folds = _folds(sample, cv, random_state)
    found = []
    for fold in range(folds.max() + 1):
        model = clone(segmenter).fit(X, _without(sample.maps, folds == fold))
        _check_classes(model, classes)
        found.append(predict_sample(model, X, sample, classes))
    # The predictions for a pixel are those of the model that was not fitted to its label.
    rows = np.arange(len(folds))
    covariates, predicted, means = (
        np.stack([getattr(p, name) for p in found])[folds, rows]
        for name in ("covariates", "predicted", "means")
    )
    mapped = np.mean([p.mapped for p in found], axis=0)
    return Predictions(classes, covariates, predicted, means, mapped)


def _check_classes(model: Any, classes: np.ndarray) -> None:
    known = getattr(model, "classes_", None)
    if known is None or len(np.setdiff1d(known, classes)):
        raise TypeError(
            f"segmenter={model!r:.80} has classes_={known} after a fit to the labels "
            f"{classes.tolist()}. Pass a classifier that leaves out label -1, as AESegmenter does."
        )


def _folds(sample: Sample, cv: Any, random_state: Any) -> np.ndarray:
    """Return the index of the fold of each labeled pixel."""
    if isinstance(cv, Integral):
        return _folds_of_blocks(sample, int(cv), random_state)
    folds, tested = np.zeros(len(sample.labels), int), np.zeros(len(sample.labels), int)
    own_blocks = sample.blocks.max() + 1 == len(sample.blocks)
    splits = cv.split(sample.positions, sample.labels, None if own_blocks else sample.blocks)
    for fold, (_, test) in enumerate(splits):
        folds[test] = fold
        tested[test] += 1
    if (tested != 1).any():
        raise ValueError(
            f"cv={cv!r:.60} tests {(tested != 1).sum()} of {len(tested)} labeled pixels not once. "
            "Pass an int, or a splitter whose test sets are a partition, such as GroupKFold()."
        )
    return folds


def _folds_of_blocks(sample: Sample, n_folds: int, random_state: Any) -> np.ndarray:
    first = np.unique(sample.blocks, return_index=True)[1]
    if len(first) < n_folds:
        raise ValueError(
            f"cv={n_folds} folds need as many blocks, but y has labels in {len(first)}. Pass "
            f"cv={max(len(first), 2)}, or label more."
        )
    order = check_random_state(random_state).permutation(len(first))
    # Blocks of the same first label are spread over the folds, so that no fold lacks a class.
    order = order[np.argsort(sample.labels[first][order], kind="stable")]
    folds = np.empty(len(first), int)
    folds[order] = np.arange(len(first)) % n_folds
    return folds[sample.blocks]


def _without(maps: list[np.ndarray], held_out: np.ndarray) -> Any:
    """Return label maps without the labels that are held out; of rows, an array."""
    masks = [is_labeled(m) for m in maps]
    for mask, out in zip(
        masks, np.split(held_out, np.cumsum([k.sum() for k in masks])[:-1]), strict=True
    ):
        mask[mask] = ~out
    kept = [mark_unlabeled(m, mask) for m, mask in zip(maps, masks, strict=True)]
    return kept[0] if kept[0].ndim == 1 else kept
