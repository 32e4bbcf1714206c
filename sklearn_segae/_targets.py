"""What a classifier learns from: label maps, or labels of rows, and which of them are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from ._images import check_label_maps, is_rows


def check_targets(
    X: Any,
    y: Any,
    images: Sequence[np.ndarray],
    unlabelled: int,
    ignore_label: int | None,
    estimator: Any,
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return label maps that fit the images, and masks of their labelled pixels.

    Rows `X` are one image, a pixel wide.
    """
    if y is None:
        raise ValueError(
            f"estimator={estimator!r} is a classifier: fit requires y to be passed, but the target "
            "y is None. Pass label maps (-1: unlabelled), or a clusterer."
        )
    if is_rows(X):
        y = column_or_1d(y, warn=True)
        check_consistent_length(X, y)
        check_classification_targets(y)
        targets = [y[:, None]]
    else:
        targets = check_label_maps(y, images)
    known = [_known(t, unlabelled, ignore_label) for t in targets]
    if not any(k.any() for k in known):
        raise ValueError(
            f"y has no labelled pixel: all are unlabelled={unlabelled} or "
            f"ignore_label={ignore_label}. Label some pixels of every class."
        )
    return targets, known


def _known(labels: np.ndarray, unlabelled: int, ignore_label: int | None) -> np.ndarray:
    if labels.dtype.kind in "OUS":
        return np.ones(labels.shape, bool)
    known = labels != unlabelled
    return known if ignore_label is None else known & (labels != ignore_label)
