"""Pictures of volumes: slices, and three orthogonal ones through a voxel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._validation import check_spacing

GAP = 3  # pixels between the views


def orthogonal_views(
    volume: Any,
    spacing: Sequence[float],
    point: Sequence[int] | None = None,
    longest: int | None = None,
) -> np.ndarray:
    """Return the slices of a volume through a voxel as one picture with square pixels.

    The slice (y, x) is at the top left, (y, z) to its right, and (z, x) below it; the rest is
    masked, or NaN in floats.

    Parameters
    ----------
    volume : array-like of shape (D, H, W) or (D, H, W, k)
        An image, a label map or codes. Only the slices are read.
    spacing : sequence of three floats
        Sides of a voxel along z, y and x.
    point : sequence of three ints or None, default=None
        The voxel (z, y, x). None is the center.
    longest : int or None, default=None
        Maximum height and width of the picture in pixels. None: a pixel is as wide as the shortest
        side of a voxel.
    """
    sides = volume.shape[:3]
    z, y, x = check_point(point, sides)
    lengths = lengths_of(sides, spacing)
    step = 1.0 if longest is None else (lengths[0] + max(lengths[1:])) / max(1, longest - GAP)
    zs, ys, xs = square_pixels(sides, spacing, max(1.0, step))
    front = plane(volume, 0, z)[np.ix_(ys, xs)]
    height, width, depth = len(ys), len(xs), len(zs)
    shape = (height + GAP + depth, width + GAP + depth, *front.shape[2:])
    views = np.ma.array(np.zeros(shape, front.dtype), mask=True)
    views[:height, :width] = front
    views[:height, width + GAP :] = np.swapaxes(plane(volume, 2, x), 0, 1)[np.ix_(ys, zs)]
    views[height + GAP :, :width] = plane(volume, 1, y)[np.ix_(zs, xs)]
    return views.filled(np.nan) if views.dtype.kind == "f" else views


def check_point(point: Any, sides: Sequence[int]) -> tuple[int, ...]:
    """Return a voxel (z, y, x) of a volume, the center for None."""
    if point is None:
        return tuple(side // 2 for side in sides)
    given = np.asarray(point)
    is_voxel = given.shape == (3,) and given.dtype.kind in "iu"
    if not is_voxel or (given < 0).any() or (given >= sides).any():
        raise ValueError(
            f"point={point!r} is not a voxel of a volume of {' x '.join(map(str, sides))} voxels. "
            "Pass (z, y, x), or None for the center."
        )
    return tuple(given.tolist())


def plane(volume: Any, axis: int, index: int) -> np.ndarray:
    """Return the slice of a volume at an index of an axis; those of masked arrays are masked."""
    key = [slice(None)] * 3
    key[axis] = slice(index, index + 1)
    return np.asanyarray(volume[tuple(key)]).squeeze(axis)


def lengths_of(sides: Sequence[int], spacing: Sequence[float]) -> np.ndarray:
    """Return the sides of a volume in units of the shortest side of a voxel."""
    return np.array(sides) * (check_spacing(spacing) or 1)


def square_pixels(
    sides: Sequence[int], spacing: Sequence[float], step: float = 1.0
) -> list[np.ndarray]:
    """Return the indices of voxels along each axis, `step` shortest sides of a voxel apart."""
    counts = np.maximum(1, np.round(lengths_of(sides, spacing) / step).astype(int))
    pairs = zip(counts, sides, strict=True)
    return [((np.arange(n) + 0.5) * size / n).astype(int) for n, size in pairs]
