"""Volumes: blobs, membranes between cells, and textures, which may be sampled anisotropically."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from scipy.spatial import KDTree
from sklearn.utils import check_random_state, check_scalar

from ._checks import check_counts, sides_of
from ._scenes import standardized

N_SEGMENTS = {"blobs": 3, "membranes": 2, "textures": 3}  # by default
N_WAVES = 200  # of a random field; with fewer, its values are less normally distributed
N_TRIES = 20
LEAST_SHARE = 0.1  # of a segment's even share of a volume
BACKGROUND = 0.6  # share of the voxels outside of blobs
# Lengths as shares of the shortest side of the volume.
BLOB_SCALE = 1 / 12
CELL_SIDE = 1 / 3
BEND = 1 / 20
THICKNESS = 1 / 32
LEAST_THICKNESS = 1.5  # of membranes, in shortest sides of voxels
PERIODS = 4, 9  # of textures, in shortest sides of voxels
BANDWIDTH = 1 / 4  # of the frequencies of a texture, as a share of their mean


def make_volume(
    kind: str = "blobs",
    *,
    n_volumes: int = 1,
    size: int | tuple[int, int, int] = 64,
    n_segments: int | None = None,
    noise: float = 0.2,
    spacing: tuple[float, float, float] = (1, 1, 1),
    random_state: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Make volumes with known segments.

    Parameters
    ----------
    kind : {"blobs", "membranes", "textures"}, default="blobs"
        What is in the volumes.

        - "blobs": bright blobs of several classes on a dark background. Values are at equal
          distances from 0, the background, to 1.
        - "membranes": thin sheets (label 1, value 1) between cells (label 0, value 0).
        - "textures": regions of waves, which differ in direction and period. The mean is 0 and the
          standard deviation 1 in every segment, so that single voxels are of no use.
    n_volumes : int, default=1
        Number of volumes. A label has the same gray value or texture in all of them.
    size : int or tuple of int, default=64
        Depth, height and width in voxels; one number for all.
    n_segments : int or None, default=None
        Number of segments, including the background. None is 3, but 2 for "membranes", which have
        no other number.
    noise : float, default=0.2
        Standard deviation of the Gaussian noise, relative to the distance between neighboring gray
        values, or to the standard deviation of the textures.
    spacing : tuple of float, default=(1, 1, 1)
        Sides (z, y, x) of the voxels in any unit, all > 0. Shapes are isotropic in this unit: with
        (3, 1, 1), they extend over a third as many slices as rows.
    random_state : int, RandomState instance or None, default=None
        Determines all random numbers. The label maps of a seed do not depend on `noise`.

    Returns
    -------
    volumes : ndarray of shape (n_volumes, depth, height, width, 1), float32
        The volumes.
    labels : ndarray of shape (n_volumes, depth, height, width), int32
        The segment of every voxel, 0 to n_segments - 1. Each has at least a tenth of its even share
        of every volume.

    Raises
    ------
    ValueError
        If `kind` is not known, "membranes" have another number of segments than 2, `spacing` is not
        three positive numbers, or `size` is too small for `n_segments`.

    Examples
    --------
    >>> from sklearn_segae.datasets import make_volume
    >>> volumes, labels = make_volume("blobs", size=(16, 32, 32), noise=0, random_state=0)
    >>> volumes.shape, labels.shape
    ((1, 16, 32, 32, 1), (1, 16, 32, 32))
    >>> [float(volumes[labels == value].mean()) for value in (0, 1, 2)]
    [0.0, 0.5, 1.0]
    """
    if kind not in N_SEGMENTS:
        raise ValueError(f"kind={kind!r} is not known. Pass one of {', '.join(N_SEGMENTS)}.")
    n_segments = N_SEGMENTS[kind] if n_segments is None else n_segments
    check_counts(n_volumes=n_volumes, n_segments=n_segments)
    check_scalar(noise, "noise", Real, min_val=0)
    axes = _positions(sides_of(size, "depth", "height", "width"), spacing)
    rng = check_random_state(random_state)
    labels = np.stack([_labels(kind, axes, n_segments, rng) for _ in range(n_volumes)])
    if kind == "textures":
        waves = _wave_vectors(n_segments, rng) / min(spacing)
        values, step = np.stack([_textured(own, axes, waves, rng) for own in labels]), 1.0
    else:
        step = 1 / max(1, n_segments - 1)
        values = labels * step
    volumes = values + noise * step * rng.standard_normal(labels.shape)
    return volumes[..., None].astype(np.float32), labels


def _positions(shape: tuple[int, ...], spacing: Any) -> list[np.ndarray]:
    """Return the centers of the voxels along each axis; the volume begins at 0."""
    sides = np.asarray(spacing)
    numbers = sides.shape == (3,) and sides.dtype.kind in "iuf"
    if not numbers or not (np.isfinite(sides) & (sides > 0)).all():
        raise ValueError(
            f"spacing={spacing!r} is not the sides of a voxel. Pass three positive numbers "
            "(z, y, x), such as (3, 1, 1)."
        )
    return [side * (np.arange(n) + 0.5) for n, side in zip(shape, sides, strict=True)]


def _labels(
    kind: str, axes: list[np.ndarray], n_segments: int, rng: np.random.RandomState
) -> np.ndarray:
    """Return a label map in which every label has at least `LEAST_SHARE` of its even share."""
    if kind == "membranes" and n_segments != 2:
        raise ValueError(
            f"n_segments={n_segments}, but kind='membranes' has the segments 0 (cells) and 1. Pass "
            "n_segments=2, or kind='blobs'."
        )
    draw = {"blobs": _blobs, "membranes": _membranes, "textures": _regions}[kind]
    for _ in range(N_TRIES):
        labels = draw(axes, n_segments, rng).astype(np.int32)
        shares = np.bincount(labels.ravel(), minlength=n_segments) / labels.size
        if shares.min() >= LEAST_SHARE / n_segments:
            return labels
    raise ValueError(
        f"size={tuple(map(len, axes))} is too small for n_segments={n_segments} of "
        f"kind={kind!r}. Raise size, or lower n_segments."
    )


def _blobs(axes: list[np.ndarray], n_segments: int, rng: np.random.RandomState) -> np.ndarray:
    """Label voxels where a random field of their class is high; 0 elsewhere."""
    scale = BLOB_SCALE * _lengths(axes).min()
    fields = [_smooth_field(axes, scale, rng) for _ in range(n_segments - 1)]
    if not fields:
        return np.zeros([len(axis) for axis in axes])
    highest = np.max(fields, axis=0)
    return np.where(highest > np.quantile(highest, BACKGROUND), 1 + np.argmax(fields, axis=0), 0)


def _membranes(axes: list[np.ndarray], n_segments: int, rng: np.random.RandomState) -> np.ndarray:
    """Label voxels at the border between distorted Voronoi cells."""
    lengths = _lengths(axes)
    shortest = lengths.min()
    n_cells = max(2, round(float(np.prod(lengths / (CELL_SIDE * shortest)))))
    seeds = rng.uniform(size=(n_cells, 3)) * lengths
    bends = [_smooth_field(axes, shortest / 6, rng) for _ in axes]
    bent = np.stack(np.meshgrid(*axes, indexing="ij"), -1) + BEND * shortest * np.stack(bends, -1)
    distance, cell = KDTree(seeds).query(bent, k=2)
    # The distance to the plane in the middle of the two nearest seeds.
    between = np.linalg.norm(seeds[cell[..., 0]] - seeds[cell[..., 1]], axis=-1)
    to_border = (distance[..., 1] ** 2 - distance[..., 0] ** 2) / (2 * between)
    finest = 2 * min(axis[0] for axis in axes)
    return to_border < max(THICKNESS * shortest, LEAST_THICKNESS * finest) / 2


def _regions(axes: list[np.ndarray], n_segments: int, rng: np.random.RandomState) -> np.ndarray:
    """Label every voxel by the largest of several smooth random fields."""
    scale = _lengths(axes).min() / (1.5 * n_segments**0.5)  # so that all labels find room
    fields = [standardized(_smooth_field(axes, scale, rng)) for _ in range(n_segments)]
    return np.argmax(fields, axis=0)


def _lengths(axes: list[np.ndarray]) -> np.ndarray:
    """Return the sides (3,) of a volume, in the unit of the spacing."""
    return np.array([axis[0] + axis[-1] for axis in axes])


def _wave_vectors(n_textures: int, rng: np.random.RandomState) -> np.ndarray:
    """Return the mean frequency (n_textures, 3) of every texture, far from each other.

    Directions lie on a spiral that covers half of the sphere evenly, in a random orientation.
    """
    z = (np.arange(n_textures) + 0.5) / n_textures
    angle, radius = np.pi * (3 - 5**0.5) * np.arange(n_textures), np.sqrt(1 - z**2)
    directions = np.stack([z, radius * np.sin(angle), radius * np.cos(angle)], axis=1)
    turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
    return rng.permutation(directions @ turn) / rng.uniform(*PERIODS, (n_textures, 1))


def _textured(
    labels: np.ndarray, axes: list[np.ndarray], waves: np.ndarray, rng: np.random.RandomState
) -> np.ndarray:
    """Return textures (D, H, W) with mean 0 and standard deviation 1 within every segment."""
    values = np.empty(labels.shape)
    for value, wave in enumerate(waves):
        texture = _random_field(axes, wave, BANDWIDTH * float(np.linalg.norm(wave)), rng)
        values[labels == value] = standardized(texture[labels == value])
    return values


def _smooth_field(axes: list[np.ndarray], scale: float, rng: np.random.RandomState) -> np.ndarray:
    """Return a random field whose covariance is Gaussian with standard deviation `scale`."""
    return _random_field(axes, np.zeros(3), 1 / (2 * np.pi * scale), rng)


def _random_field(
    axes: list[np.ndarray], mean: np.ndarray, width: float, rng: np.random.RandomState
) -> np.ndarray:
    """Return a sum (D, H, W) of waves with normally distributed frequencies, of variance 1.

    Positions may have any distance: the field is not filtered, but evaluated there.
    """
    frequencies = mean + width * rng.standard_normal((N_WAVES, 3))
    phases = np.exp(2j * np.pi * rng.uniform(size=N_WAVES)) * (2 / N_WAVES) ** 0.5
    z, y, x = (
        np.exp(2j * np.pi * np.outer(axis, own))
        for axis, own in zip(axes, frequencies.T, strict=True)
    )
    return np.stack([((y * own) @ x.T).real for own in z * phases])
