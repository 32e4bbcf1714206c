"""Strokes that are read from label maps, whichever program wrote them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..imaging._label_values import UNLABELED, is_unlabeled
from ..storage._label_files import read_labels
from ._session import MAX_CLASSES


class InitialStrokes(NamedTuple):
    """Strokes (H, W) of all images, 0 for none, and the label of every class from 1 on."""

    strokes: list[np.ndarray]
    labels: list[int]  # empty if labels are the numbers of classes


def read_strokes(paths: Sequence[Path]) -> InitialStrokes:
    """Read strokes from label maps, one for every image, or one for every page.

    Unlabeled are -1 and pixels without data if there are any, else 0. Labels that are no numbers of
    classes become classes 1, 2, ... in their order.
    """
    maps = [_unmasked(labels) for path in paths for labels in read_labels(path)]
    values = np.unique(np.concatenate([np.unique(labels) for labels in maps]))
    unlabeled = UNLABELED if UNLABELED in values else 0
    labels = values[values != unlabeled]
    if len(labels) > MAX_CLASSES:
        raise ValueError(
            f"--labels: the files hold {len(labels)} different labels, but there may be "
            f"{MAX_CLASSES} classes. Pass maps of classes; in maps of objects every object has a "
            "number of its own."
        )
    if unlabeled == 0 and (labels > 0).all() and (labels <= MAX_CLASSES).all():
        return InitialStrokes(maps, [])
    strokes = [_renumber(m, labels, unlabeled) for m in maps]
    return InitialStrokes(strokes, labels.tolist())


def _unmasked(labels: np.ndarray) -> np.ndarray:
    """Return a signed map, in which unlabeled pixels are -1."""
    signed = np.ma.getdata(labels).astype(np.int64)
    return np.where(is_unlabeled(labels), UNLABELED, signed)


def _renumber(labels: np.ndarray, values: np.ndarray, unlabeled: int) -> np.ndarray:
    numbers = np.searchsorted(values, labels) + 1
    return np.where(labels == unlabeled, 0, numbers).astype(np.uint8)
