"""Contingency tables of true labels and predicted segments.

Label maps are arrays of any shape, or lists of them (images of different sizes), whose pixels are
pooled. Pixels that are unlabeled, masked or in `ignore_label` are left out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from ..imaging._containers import to_maps
from ..imaging._label_maps import IgnoreLabel, is_labeled
from ..imaging._label_values import (
    UNLABELED,
    are_strings,
    is_unlabeled,
    join_labels,
    label_array,
    unique_labels,
)


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
    """Return the flat labels of the labeled pixels that are not masked in either map."""
    y_true, y_pred = check_labels(y_true, "y_true"), check_labels(y_pred, "y_pred")
    if shapes(y_true) != shapes(y_pred):
        raise ValueError(unlike_shapes(y_true, y_pred))
    true, pred = flat(y_true), flat(y_pred)
    counted = is_counted(y_true, y_pred, ignore_label)
    if not counted.any():
        raise ValueError(nothing_labeled(true.size, ignore_label))
    true, pred = (np.ma.getdata(labels) for labels in (true, pred))
    if not counted.all():
        true, pred = true[counted], pred[counted]
    if pred.dtype.kind in "fO" and (is_unlabeled(pred) & (pred != UNLABELED)).any():
        raise ValueError(
            "y_pred holds NaN or None where y_true is labeled. Pass a label for every pixel, or "
            "mask these pixels with numpy.ma.masked_array."
        )
    return true, pred


def is_counted(y_true: Any, y_pred: Any, ignore_label: IgnoreLabel) -> np.ndarray:
    """Return True for the pixels of all images that are labeled and not masked."""
    return is_labeled(flat(y_true), ignore_label) & ~flat_mask(y_pred)


def flat_mask(y: Any) -> np.ndarray:
    """Return True for the masked pixels of all images."""
    return np.ma.getmaskarray(flat(y))


def check_labels(y: Any, name: str) -> Any:
    """Return a label map, a stack of them, or a list, as arrays of labels."""
    y = to_maps(y)
    return [label_array(m, name) for m in y] if is_list(y) else label_array(y, name)


def check_same_kind(classes: np.ndarray, segments: np.ndarray, way_out: str) -> None:
    """Raise an error for strings and numbers, which are never equal."""
    if are_strings(classes) != are_strings(segments):
        kinds = ("strings", "numbers") if are_strings(classes) else ("numbers", "strings")
        raise ValueError(
            f"y_true holds {kinds[0]} and y_pred {kinds[1]}, which are never equal. Pass labels of "
            f"one kind, or {way_out} if y_pred holds clusters."
        )


def shapes(y: Any) -> list[tuple[int, ...]]:
    """Return the shapes of the label maps of all images."""
    if is_list(y) or np.ndim(y) > 2:
        return [np.shape(m) for m in y]
    return [np.shape(y)]


def flat(y: Any) -> np.ndarray:
    """Return the labels of the pixels of all images as one array, masked if any of them is."""
    parts = [np.ravel(m) for m in y] if is_list(y) else [np.ravel(y)]
    labels = join_labels([np.ma.getdata(part) for part in parts])
    if not any(map(np.ma.isMaskedArray, parts)):
        return labels
    return np.ma.masked_array(labels, np.concatenate([np.ma.getmaskarray(p) for p in parts]))


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
        f"y_true has no labeled pixel: all {n_pixels} are unlabeled (-1, NaN, None, '' or masked) "
        f"or ignore_label={ignore_label}. Pass labels of at least one pixel."
    )
