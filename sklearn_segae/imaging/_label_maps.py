"""Validation, cleaning and boundaries of label maps."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from scipy import ndimage

from ._validation import check_array_like

UNLABELED = -1
IgnoreLabel = int | Sequence[int] | None  # labels to leave out, in addition to -1


def is_labeled(labels: np.ndarray, ignore_label: IgnoreLabel = None) -> np.ndarray:
    """Return True where the label is neither -1 nor one of `ignore_label`."""
    # Classes may be strings, which do not compare with -1.
    known = np.ones(labels.shape, bool) if labels.dtype.kind in "OUS" else labels != UNLABELED
    for value in ignored_labels(ignore_label):
        known &= labels != value
    return known


def ignored_labels(ignore_label: IgnoreLabel) -> list[Any]:
    """Return `ignore_label` as a list."""
    if ignore_label is None:
        return []
    values = [ignore_label] if np.ndim(ignore_label) == 0 else list(ignore_label)  # type: ignore
    for value in values:
        if not isinstance(value, Integral | str):
            raise TypeError(
                f"ignore_label={ignore_label!r} holds {value!r}, but labels are integers or "
                "strings. Pass one, such as 255, or a list of them."
            )
    return values


def check_label_maps(y: Any, images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return `y` as a list of integer label maps (H, W) of the sizes of the images."""
    check_array_like(y, "y")
    if not hasattr(y, "__len__"):
        raise TypeError(
            f"y={y!r:.60} is not a list of label maps. Pass one label map for every image of X."
        )
    maps = [unmasked(labels) for labels in y]
    if len(maps) != len(images):
        raise ValueError(
            f"y holds {len(maps)} label maps, but X holds {len(images)} images. Pass one for every "
            "image."
        )
    for i, (labels, image) in enumerate(zip(maps, images, strict=True)):
        if labels.shape != image.shape[:2]:
            raise ValueError(
                f"y[{i}] has shape {labels.shape}, but X[{i}] has {image.shape[:2]} pixels. "
                "A label map holds one integer for every pixel."
            )
        if labels.dtype.kind not in "biu":
            raise ValueError(
                f"y[{i}] has dtype {labels.dtype}, but label maps hold integers (-1: unlabeled). "
                f"Pass y[{i}].astype(int)."
            )
    return maps


def unmasked(labels: Any) -> np.ndarray:
    """Return labels as an array, in which those that are masked are -1."""
    if not np.ma.is_masked(labels):
        return np.asarray(labels)
    signed = np.result_type(labels.dtype, np.int8) if labels.dtype.kind in "biu" else labels.dtype
    return np.ma.filled(labels.astype(signed), UNLABELED)


def as_stored(labels: np.ndarray) -> np.ndarray:
    """Return a label map in the smallest integer type that image formats support."""
    highest = labels.max()
    if labels.min() < 0:
        return labels.astype(np.int32)
    return labels.astype(np.uint8 if highest < 2**8 else np.uint16 if highest < 2**16 else np.int32)


def merge_small_regions(
    labels: np.ndarray, min_size: int, missing: np.ndarray | None = None
) -> np.ndarray:
    """Give connected regions of fewer than `min_size` pixels the label of the nearest larger one.

    Pixels are neighbors if they share an edge. A map of small regions only is returned unchanged,
    and so are pixels in the mask `missing` (H, W), which have no data.
    """
    present = np.ones(labels.shape, bool) if missing is None else ~missing
    small = _in_small_regions(labels, min_size, present)
    if small[present].all():
        return labels.copy()
    # Parts of a small region may join different regions and stay small, which is rare.
    while small.any():
        nearest = ndimage.distance_transform_edt(
            small | ~present, return_distances=False, return_indices=True
        )
        labels = np.where(present, labels[tuple(nearest)], labels)
        small = _in_small_regions(labels, min_size, present)
    return labels.copy()


def _in_small_regions(labels: np.ndarray, min_size: int, present: np.ndarray) -> np.ndarray:
    small = np.zeros(labels.shape, bool)
    for value in np.unique(labels[present]):
        regions, _ = ndimage.label((labels == value) & present)
        sizes = np.bincount(regions.ravel())
        small |= (regions > 0) & (sizes[regions] < min_size)
    return small


def find_boundaries(labels: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """Return True where a pixel's label differs from that of the pixel below or to the right.

    If given, pixels that are not `known` (H, W) do not count.
    """
    edge = np.zeros(labels.shape, bool)
    below, right = labels[:-1] != labels[1:], labels[:, :-1] != labels[:, 1:]
    if known is not None:
        below, right = below & known[:-1] & known[1:], right & known[:, :-1] & known[:, 1:]
    edge[:-1] |= below
    edge[:, :-1] |= right
    return edge
