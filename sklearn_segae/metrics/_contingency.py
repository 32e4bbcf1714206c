"""From label maps to the table of the pixels that labels and segments share.

Label maps are integer arrays of any shape, or lists of them (images of different sizes), which
count as one long map. Pixels whose true label is -1 (unlabeled) or `ignore_label` count nowhere.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from ..imaging._label_maps import IgnoreLabel, is_labeled


class Table(NamedTuple):
    """Names of the true labels and of the segments, and the pixels that they share."""

    classes: np.ndarray  # (n_labels,)
    segments: np.ndarray  # (n_segments,)
    counts: csr_array  # (n_labels, n_segments), float64; sparse, for regions meet few others


def contingency(y_true: Any, y_pred: Any, ignore_label: IgnoreLabel) -> Table:
    """Count the pixels of every label in every segment."""
    true, pred = labeled(y_true, y_pred, ignore_label)
    classes, t = names_of(true)
    segments, p = names_of(pred)
    shape = len(classes), len(segments)
    cells = t * shape[1] + p
    if shape[0] * shape[1] <= len(cells):  # counting is faster than sorting, empty cells cost too
        dense = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
        return Table(classes, segments, csr_array(dense.astype(float)))
    cells, counts = np.unique(cells, return_counts=True)
    where = np.divmod(cells, shape[1])
    return Table(classes, segments, csr_array((counts.astype(float), where), shape))


def labeled(y_true: Any, y_pred: Any, ignore_label: IgnoreLabel) -> tuple[np.ndarray, np.ndarray]:
    """Flat labels of the pixels that count."""
    true, pred = flat(y_true), flat(y_pred)
    for name, labels in (("y_true", true), ("y_pred", pred)):
        check_whole_numbers(name, labels)
    if shapes(y_true) != shapes(y_pred):
        raise ValueError(unlike_shapes(y_true, y_pred))
    counted = is_labeled(true, ignore_label)
    if not counted.any():
        raise ValueError(nothing_labeled(true.size, ignore_label))
    return (true, pred) if counted.all() else (true[counted], pred[counted])


def check_whole_numbers(name: str, labels: np.ndarray) -> None:
    """Raise an error for labels that are not whole: NaN, probabilities, codes."""
    if labels.dtype.kind == "f" and not (labels == np.floor(labels)).all():
        wrong = labels[labels != np.floor(labels)][0]
        raise ValueError(
            f"{name} holds {wrong}, but labels are whole numbers. Pass label maps, with -1 where "
            "there is no label."
        )


def shapes(y: Any) -> list[tuple[int, ...]]:
    """Shapes of the single maps; a stack has those of its images."""
    if is_list(y) or np.ndim(y) > 2:
        return [np.shape(m) for m in y]
    return [np.shape(y)]


def flat(y: Any) -> np.ndarray:
    """Labels of all pixels, one image after the other."""
    return np.concatenate([np.ravel(m) for m in y]) if is_list(y) else np.ravel(y)


def names_of(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted values of flat labels and, for every pixel, the index of its own."""
    if labels.size and np.can_cast(labels.dtype, np.int64):
        low, span = int(labels.min()), int(labels.max()) - int(labels.min())
        if span <= 8 * labels.size:  # counting is ten times faster than sorting
            offsets = labels.astype(np.int64) - low
            present = np.bincount(offsets) > 0
            values = (np.flatnonzero(present) + low).astype(labels.dtype)
            return values, (np.cumsum(present) - 1)[offsets]
    return np.unique(labels, return_inverse=True)


def is_list(y: Any) -> bool:
    """Return True for a list of label maps, False for one map or a stack."""
    return isinstance(y, list | tuple) and any(np.ndim(m) > 0 for m in y)


def unlike_shapes(y_true: Any, y_pred: Any) -> str:
    """Say what is wrong with maps of unlike shapes."""
    return (
        f"y_true has shape {shapes(y_true)} and y_pred has {shapes(y_pred)}. "
        "Pass two label maps of the same images."
    )


def nothing_labeled(n_pixels: int, ignore_label: IgnoreLabel) -> str:
    """Say what is wrong with a truth that says nothing."""
    return f"y_true has no labeled pixel: all {n_pixels} are -1 or ignore_label={ignore_label}."
