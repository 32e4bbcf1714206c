"""Validation, cleaning and boundaries of label maps."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
from scipy import ndimage

from ._containers import check_array_like, to_maps
from ._label_values import UNLABELED, are_strings, is_unlabeled, label_array

__all__ = ["UNLABELED"]
IgnoreLabel = float | str | Sequence[Any] | None  # labels to leave out, besides unlabeled pixels


def is_labeled(labels: np.ndarray, ignore_label: IgnoreLabel = None) -> np.ndarray:
    """Return True where a pixel is not unlabeled, and its label is not one of `ignore_label`."""
    known = ~is_unlabeled(labels)
    for value in ignored_labels(ignore_label):
        if known.any() and isinstance(value, str) != are_strings(labels):
            kinds = ("numbers", "strings") if isinstance(value, str) else ("strings", "numbers")
            raise ValueError(
                f"ignore_label={ignore_label!r:.60}, but labels are {kinds[0]}, not {kinds[1]}. "
                "Pass one of the labels, such as "
                f"ignore_label={np.ma.getdata(labels)[known].ravel()[0].item()!r}, or None."
            )
        known &= np.ma.getdata(labels) != value
    return known


def ignored_labels(ignore_label: IgnoreLabel) -> list[Any]:
    """Return `ignore_label` as a list."""
    if ignore_label is None:
        return []
    values = [ignore_label] if np.ndim(ignore_label) == 0 else list(ignore_label)  # type: ignore
    for value in values:
        whole = isinstance(value, Real | np.bool_) and (value != value or value % 1 == 0)
        if not (whole or isinstance(value, str)):
            raise TypeError(
                f"ignore_label={ignore_label!r} holds {value!r}, but labels are whole numbers or "
                "strings. Pass one, such as 255, or a list of them."
            )
    return values


def check_label_maps(y: Any, images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return `y` as a list of label maps (H, W) of the sizes of the images; some may be masked."""
    check_array_like(y, "y")
    if not hasattr(y, "__len__"):
        raise TypeError(
            f"y={y!r:.60} is not a list of label maps. Pass one label map for every image of X."
        )
    n_axes = len(images[0].shape) - 1
    maps = [label_array(labels, f"y[{i}]") for i, labels in enumerate(to_maps(y, n_axes))]
    if len(maps) != len(images):
        raise ValueError(
            f"y holds {len(maps)} label maps, but X holds {len(images)} images. Pass one for every "
            "image."
        )
    for i, (labels, image) in enumerate(zip(maps, images, strict=True)):
        if labels.shape != image.shape[:-1]:
            raise ValueError(
                f"y[{i}] has shape {labels.shape}, but X[{i}] has {image.shape[:-1]} pixels. "
                "A label map holds one label for every pixel."
            )
    return maps


def as_stored(labels: np.ndarray) -> np.ndarray:
    """Return a label map in the smallest integer type of image formats that holds its labels."""
    low, high = int(labels.min()), int(labels.max())
    types = ("u1", "u2", "i4", "u4", "i8", "u8")
    fits = (t for t in types if np.iinfo(t).min <= low and high <= np.iinfo(t).max)
    return labels.astype(next(fits))


def merge_small_regions(
    labels: np.ndarray, min_size: int, missing: np.ndarray | None = None
) -> np.ndarray:
    """Give connected regions of fewer than `min_size` pixels the label of the nearest larger one.

    Pixels are neighbors if they share an edge (voxels, a face). A map of small regions only is
    returned unchanged, and so are pixels in the mask `missing` (H, W), which have no data.
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
    """Return True where a pixel's label differs from that of the next pixel along any axis.

    If given, pixels that are not `known` do not count.
    """
    edge = np.zeros(labels.shape, bool)
    for axis in range(labels.ndim):
        along = np.moveaxis(labels, axis, 0)
        differs = along[:-1] != along[1:]
        if known is not None:
            seen = np.moveaxis(known, axis, 0)
            differs &= seen[:-1] & seen[1:]
        np.moveaxis(edge, axis, 0)[:-1] |= differs
    return edge
