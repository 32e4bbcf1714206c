"""Values of label maps: their types, what is unlabeled, and indices of classes.

Labels are whole numbers, booleans or strings. Unlabeled are -1 (signed integers and floats), NaN,
None, empty strings, and masked pixels; unsigned integers and booleans have no such value.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from ._containers import to_array

UNLABELED = -1
MARKS = {"i": UNLABELED, "f": np.nan, "U": "", "O": None}  # of unlabeled pixels, by kind of dtype
# Kinds of dtypes that may hold labels of a kind.
HOLDERS = {"b": "biu", "i": "iu", "u": "iuO", "f": "iuf", "U": "UO", "O": "UO"}


def label_array(labels: Any, name: str) -> np.ndarray:
    """Return labels as an array of numbers or strings, masked if `labels` is; check their values.

    Objects that are numbers become an array of numbers, masked where they are None or NaN.
    """
    array = to_array(labels)
    if array.dtype.kind == "O":
        array = _typed(array, name)
    if array.dtype.kind not in HOLDERS:
        raise ValueError(
            f"{name} has dtype {array.dtype}, but labels are whole numbers, booleans or strings. "
            f"Pass {name}.astype(str), or integers."
        )
    if array.dtype.kind == "f":
        check_whole_numbers(name, array[~is_unlabeled(array)])
    return array


def check_whole_numbers(name: str, labels: np.ndarray) -> None:
    """Raise an error for floats that are not whole, such as probabilities."""
    if labels.dtype.kind != "f":
        return
    wrong = labels[~(np.isfinite(labels) & (labels == np.floor(labels)))]
    if len(wrong):
        raise ValueError(
            f"{name} holds {wrong[0]}, but labels are whole numbers (NaN and -1: unlabeled), "
            "booleans or strings. Pass classes, such as probabilities > 0.5, or round the numbers "
            "by numpy.round."
        )


def is_unlabeled(labels: np.ndarray) -> np.ndarray:
    """Return True where an array of labels is masked or has a value that means unlabeled."""
    values = np.ma.getdata(labels)
    kind = values.dtype.kind
    if kind == "O":
        missing = np.frompyfunc(_is_missing, 1, 1)(values).astype(bool)
    elif kind in "iU":
        missing = values == MARKS[kind]
    elif kind == "f":
        missing = np.isnan(values) | (values == UNLABELED)
    else:
        missing = np.zeros(values.shape, bool)
    return missing | np.ma.getmaskarray(labels) if np.ma.isMaskedArray(labels) else missing


def mark_unlabeled(labels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return labels that are unlabeled where they are not `known`, of the type of `markable`."""
    values = markable(np.ma.getdata(labels))
    return np.where(known, values, np.array(MARKS[values.dtype.kind], values.dtype))


def markable(labels: np.ndarray) -> np.ndarray:
    """Return labels in a type with a value that means unlabeled.

    Types without one become int64, or objects if that is too small.
    """
    if labels.dtype.kind in MARKS:
        return labels
    return labels.astype(np.int64 if np.can_cast(labels.dtype, np.int64) else object)


def encode_labels(
    maps: Sequence[np.ndarray], known: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return maps of class indices, int32 and -1 where not `known`, and the sorted classes."""
    found = [unique_labels(np.ma.getdata(m)[k]) for m, k in zip(maps, known, strict=True)]
    classes = np.unique(join_labels([values for values, _ in found]))
    encoded = []
    for k, (values, index) in zip(known, found, strict=True):
        own = np.full(k.shape, UNLABELED, np.int32)
        if len(values):
            own[k] = np.searchsorted(classes, values.astype(classes.dtype))[index]
        encoded.append(own)
    return encoded, classes


def join_labels(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Concatenate labels; raise an error for strings beside numbers, which numpy would mix."""
    parts = [part for part in parts if part.size] or [np.empty(0, np.int32)]
    if len({are_strings(part) for part in parts}) > 1:
        raise ValueError(
            "the label maps hold numbers and strings. Pass one kind in all of them, for instance "
            "with labels.astype(str)."
        )
    joined = np.concatenate(parts)
    if joined.dtype.kind == "f" and all(part.dtype.kind in "biu" for part in parts):
        return _numbers([int(value) for part in parts for value in part])  # uint64 and signed
    return joined


def are_strings(labels: np.ndarray) -> bool:
    """Return whether an array of labels holds strings."""
    return labels.dtype.kind in "OUT"


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


def can_hold(dtype: np.dtype, labels: np.ndarray) -> bool:
    """Return whether an array of a dtype can hold all of some labels."""
    if dtype.kind not in HOLDERS[labels.dtype.kind]:
        return False
    with np.errstate(invalid="ignore"):
        held = labels.astype(dtype)
    both_nan = (held != held) & (labels != labels)
    return bool(((held == labels) | both_nan).all())


def _typed(array: np.ndarray, name: str) -> np.ndarray:
    """Return an array of objects as numbers, or as it is if it holds strings."""
    missing = is_unlabeled(array)
    values = np.ma.getdata(array)[~missing].tolist()
    if all(isinstance(value, str) for value in values):
        return array
    kinds = sorted({type(value).__name__ for value in values})
    if not all(isinstance(value, Real | np.bool_) for value in values):
        raise ValueError(
            f"{name} holds objects of the types {', '.join(kinds)}, but labels are whole numbers, "
            f"booleans or strings (None: unlabeled). Pass {name}.astype(str)."
        )
    numbers = _numbers(values)
    typed = np.zeros(array.shape, numbers.dtype)
    typed[~missing] = numbers
    return np.ma.masked_array(typed, missing) if missing.any() else typed


def _numbers(values: list[Any]) -> np.ndarray:
    """Return numbers as an array; numpy makes floats of integers above and below 2**63."""
    numbers = np.array(values)
    rounded = numbers.dtype.kind == "f" and all(isinstance(value, Integral) for value in values)
    return np.array(values, np.uint64) if rounded else numbers


def _is_missing(value: Any) -> bool:
    if isinstance(value, str):
        return value == ""
    if isinstance(value, Real | np.bool_):
        return value != value or (value == UNLABELED)
    return value is None or type(value).__name__ in ("NAType", "NaTType")
