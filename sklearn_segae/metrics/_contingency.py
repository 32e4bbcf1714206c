"""Contingency tables of true labels and predicted segments.

Label maps are integer arrays of any shape, or lists of them (images of different sizes), whose
pixels are pooled. Pixels whose true label is -1 (unlabeled) or in `ignore_label` are left out, and
so are those that are masked in either (masked arrays of numpy), which have no data.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from ..imaging._label_maps import IgnoreLabel, is_labeled, unmasked


class Table(NamedTuple):
    """Sorted true labels and segments, and the number of pixels that each pair shares."""

    classes: np.ndarray  # (n_labels,)
    segments: np.ndarray  # (n_segments,)
    counts: csr_array  # (n_labels, n_segments), float64; sparse, as most regions do not overlap


def contingency(y_true: Any, y_pred: Any, ignore_label: IgnoreLabel) -> Table:
    """Return the number of pixels of every label in every segment."""
    true, pred = labeled(y_true, y_pred, ignore_label)
    classes, t = unique_labels(true)
    segments, p = unique_labels(pred)
    shape = len(classes), len(segments)
    cells = t * shape[1] + p
    if shape[0] * shape[1] <= len(cells):  # counting beats sorting if few cells are empty
        dense = np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
        return Table(classes, segments, csr_array(dense.astype(float)))
    cells, counts = np.unique(cells, return_counts=True)
    where = np.divmod(cells, shape[1])
    return Table(classes, segments, csr_array((counts.astype(float), where), shape))


def labeled(y_true: Any, y_pred: Any, ignore_label: IgnoreLabel) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat labels of the labeled pixels."""
    true, pred = flat(y_true), flat(y_pred)
    for name, labels in (("y_true", true), ("y_pred", pred)):
        check_whole_numbers(name, labels)
    if shapes(y_true) != shapes(y_pred):
        raise ValueError(unlike_shapes(y_true, y_pred))
    counted = is_counted(y_true, y_pred, ignore_label)
    if not counted.any():
        raise ValueError(nothing_labeled(true.size, ignore_label))
    return (true, pred) if counted.all() else (true[counted], pred[counted])


def is_counted(y_true: Any, y_pred: Any, ignore_label: IgnoreLabel) -> np.ndarray:
    """Return True for the pixels of all images that are labeled and not masked."""
    return is_labeled(flat(y_true), ignore_label) & ~flat_mask(y_pred)


def flat_mask(y: Any) -> np.ndarray:
    """Return True for the masked pixels of all images."""
    maps = y if is_list(y) else [y]
    return np.concatenate([np.ma.getmaskarray(m).ravel() for m in maps])


def check_whole_numbers(name: str, labels: np.ndarray) -> None:
    """Raise an error for labels that are not integers, such as NaN or probabilities."""
    if labels.dtype.kind == "f" and not (labels == np.floor(labels)).all():
        wrong = labels[labels != np.floor(labels)][0]
        raise ValueError(
            f"{name} holds {wrong}, but labels are integers. Pass label maps, with -1 for "
            "unlabeled pixels."
        )


def shapes(y: Any) -> list[tuple[int, ...]]:
    """Return the shapes of the label maps of all images."""
    if is_list(y) or np.ndim(y) > 2:
        return [np.shape(m) for m in y]
    return [np.shape(y)]


def flat(y: Any) -> np.ndarray:
    """Return the labels of the pixels of all images as one array; masked ones are -1."""
    if is_list(y):
        return np.concatenate([np.ravel(unmasked(m)) for m in y])
    return np.ravel(unmasked(y))


def unique_labels(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted unique labels, and the index of the label of every pixel."""
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
    """Return the error message for maps of different shapes."""
    return (
        f"y_true has shape {shapes(y_true)} and y_pred has {shapes(y_pred)}. "
        "Pass two label maps of the same images."
    )


def nothing_labeled(n_pixels: int, ignore_label: IgnoreLabel) -> str:
    """Return the error message for maps without labeled pixels."""
    return (
        f"y_true has no labeled pixel: all {n_pixels} are -1 or ignore_label={ignore_label}. Pass "
        "labels of at least one pixel."
    )
