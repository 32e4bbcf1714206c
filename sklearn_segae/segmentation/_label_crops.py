"""Random crops of feature maps around labeled pixels, as training data of networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..imaging._no_data import zero_filled
from ..imaging._scaling import fit_channel_scale, scaled
from ..imaging._tiles import Length, Tile, full_tile, per_axis, sample_side, tiles, widen_tile
from ..imaging._validation import check_spacing
from ._dense_classifier import LabeledFeatures
from ._targets import Targets

N_VALUES = 2**27  # maximum number of features of all parts: 512 MiB
CONTRAST = 0.1  # standard deviation of brightness, and of the logarithm of contrast
OFF_CENTER = 0.4  # maximum distance of a labeled pixel from the center, in sides of a crop
UNKNOWN = -1.0


class Augmentation(NamedTuple):
    """Random changes of crops; volumes are turned in the plane of their two finest axes."""

    n_turns: int  # of quarters of a circle that are possible
    rotation: float  # maximum, in radians
    zoom: float  # maximum logarithm


AUGMENTATIONS = {
    "turns": Augmentation(4, 0.3, 0.3),
    "upright": Augmentation(1, 0.15, 0.3),
    "none": Augmentation(0, 0.0, 0.0),
}


class LabeledWindow(NamedTuple):
    """A part of an image.

    Features (h, w, C), and class index or `UNKNOWN` and weight (h, w, 2).
    """

    features: np.ndarray
    marks: np.ndarray


def labeled_windows(
    read: Callable[[Any, Tile], np.ndarray],
    images: Sequence[Any],
    marks: Sequence[np.ndarray],
    margin: Length,
    n_features: int,
    rng: np.random.Generator,
) -> list[LabeledWindow]:
    """Return parts of images with labeled pixels, and `margin` pixels around them.

    `read(image, tile)` returns `n_features` features (h, w, C). All of small images, or windows;
    random ones, with every class, if they would take too much memory.
    """
    every = [(i, tile) for i, m in enumerate(marks) for tile in _parts(m.shape, margin)]
    parts = _new_classes_first([every[c] for c in rng.permutation(len(every))], marks)
    wide = [(i, widen_tile(part, margin, marks[i].shape)) for i, part in parts]
    sizes = [marks[i][tile][..., 0].size * n_features for i, tile in wide]
    kept = wide[: np.searchsorted(np.cumsum(sizes), N_VALUES) + 1]
    windows = {}
    # Image by image, since an encoder may hold what it has cached of one.
    for k, (i, tile) in sorted(enumerate(kept), key=lambda item: item[1][0]):
        windows[k] = LabeledWindow(read(images[i], tile), marks[i][tile])
    return [windows[k] for k in range(len(kept))]


def _new_classes_first(
    parts: Sequence[tuple[int, Tile]], marks: Sequence[np.ndarray]
) -> list[tuple[int, Tile]]:
    """Return the parts with labels, in their order, but first those with classes not seen before.

    Otherwise, a rare class might be in none of the parts that are kept.
    """
    seen, first, others = {UNKNOWN}, [], []
    for i, tile in parts:
        classes = set(np.unique(marks[i][tile][..., 0]).tolist())
        if classes - seen:
            first.append((i, tile))
        elif classes != {UNKNOWN}:
            others.append((i, tile))
        seen |= classes
    return first + others


def _parts(shape: tuple[int, ...], margin: Length) -> list[Tile]:
    """Return the whole image as one tile, or tiles of larger ones."""
    side = sample_side(shape)
    if np.all(np.subtract(shape[:-1], side) <= 2 * np.asarray(margin)):
        return [full_tile(shape)]
    return list(tiles(shape, side))


def class_marks(
    targets: Targets, weigh: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> list[np.ndarray]:
    """Return maps (H, W, 2) of class index or `UNKNOWN`, and of weights with mean 1.

    `weigh(y, weight)` returns the factors (n,) of the classes of labels `y`.
    """
    weights = targets.weights or [np.ones(known.shape) for known in targets.known]
    index = np.concatenate([m[k] for m, k in zip(targets.maps, targets.known, strict=True)])
    own = np.concatenate([w[k] for w, k in zip(weights, targets.known, strict=True)])
    own = own * weigh(targets.names[index], own)
    values = np.column_stack([np.searchsorted(targets.present, index), own / own.mean()])
    ends = np.cumsum([known.sum() for known in targets.known])[:-1]
    maps = []
    for known, part in zip(targets.known, np.split(values, ends), strict=True):
        marks = np.full((*known.shape, 2), UNKNOWN, np.float32)
        marks[known] = part
        maps.append(marks)
    return maps


def random_crops(
    data: LabeledFeatures,
    marks: Sequence[np.ndarray],
    *,
    side: Length,
    augmentation: str,
    rng: np.random.Generator,
    scale: np.ndarray | None = None,
) -> LabelCrops:
    """Return random crops of labeled images; `scale` is fitted to them if it is None."""
    margin = np.asarray(side) // 2
    windows = labeled_windows(data.read, data.images, marks, margin, data.n_features, rng)
    scale = fit_channel_scale([w.features for w in windows]) if scale is None else scale
    voxel = check_spacing(data.spacing)
    return LabelCrops(windows, scale, side, data.n_details, augmentation, rng, voxel)


class LabelCrops:
    """Draw random crops around labeled pixels, with random changes.

    Parameters
    ----------
    windows : sequence of LabeledWindow
    scale : ndarray of shape (2, C)
        Mean and standard deviation of the features.
    side : int, or sequence of int
        Of the crops, in pixels, along all axes or along each.
    n_details : int
        The contrast of the first `n_details` channels, the pixels themselves, is changed.
    augmentation : str
        A key of `AUGMENTATIONS`.
    rng : numpy.random.Generator
    voxel : sequence of float, default=()
        Relative sides of the voxels of volumes.
    """

    def __init__(
        self,
        windows: Sequence[LabeledWindow],
        scale: np.ndarray,
        side: Length,
        n_details: int,
        augmentation: str,
        rng: np.random.Generator,
        voxel: Sequence[float] = (),
    ) -> None:
        self.changes = AUGMENTATIONS[augmentation]
        self.windows = windows
        self.scale = scale
        self.voxel = voxel or (1.0, 1.0)
        self.sides = per_axis(side, len(self.voxel))
        self.n_details = n_details
        self.rng = rng
        self.places = [np.argwhere(w.marks[..., 0] != UNKNOWN) for w in windows]
        counts = np.array([len(p) for p in self.places])
        self.shares = counts / counts.sum()

    def take(self, index: np.ndarray) -> Tensor:
        """Return random crops (n, C + 2, side, side), one for each index, channels last."""
        last: Any = (torch.channels_last, torch.channels_last_3d)[len(self.sides) - 2]
        return torch.cat([self._crop() for _ in index]).contiguous(memory_format=last)

    def _crop(self) -> Tensor:
        """Return a crop (1, C + 2, side, side) of features and marks."""
        i = int(self.rng.choice(len(self.windows), p=self.shares))
        features, marks = self.windows[i]
        part, places = _bounding_box(self._coordinates(i), marks.shape[:-1])
        grid = _grid(places, marks[part].shape[:-1])
        values = zero_filled(scaled(features[part], self.scale))
        x = _sampled(values, grid, "bilinear", "reflection")
        y = _sampled(marks[part] - UNKNOWN, grid, "nearest", "zeros") + UNKNOWN
        if not self.changes.n_turns:
            return torch.cat([x, y], 1)
        n, rng = self.n_details, self.rng
        gain, offset = np.exp(CONTRAST * rng.normal()), CONTRAST * rng.normal()
        return torch.cat([gain * x[:, :n] + offset, x[:, n:], y], 1)

    def _coordinates(self, i: int) -> list[np.ndarray]:
        """Return rows and columns (side, side) of the pixels of a crop, in those of the window."""
        rng, (n_turns, rotation, logarithm) = self.rng, self.changes
        zoom = np.exp(rng.uniform(-logarithm, logarithm))
        angle = rng.uniform(-rotation, rotation) + np.pi / 2 * rng.integers(max(1, n_turns))
        place = self.places[i][rng.integers(len(self.places[i]))]
        trios = zip(place, self.windows[i].marks.shape[:-1], self.sides, strict=True)
        center = [self._center(p, size, zoom * side) for p, size, side in trios]
        lines = [(np.arange(side) - (side - 1) / 2) * zoom for side in self.sides]
        for axis in self._mirrored_axes():
            lines[axis] = lines[axis] * rng.choice([-1, 1])
        # Turned in units of length, not in voxels.
        offsets = np.meshgrid(*map(np.multiply, lines, self.voxel), indexing="ij")
        parts, (a, b) = [[own] for own in offsets], self._plane
        sine, cosine = np.sin(angle), np.cos(angle)
        parts[a] = [cosine * offsets[a], sine * offsets[b]]
        parts[b] = [-sine * offsets[a], cosine * offsets[b]]
        trios = zip(center, parts, self.voxel, strict=True)
        return [sum((part / size for part in own), start) for start, own, size in trios]

    @property
    def _plane(self) -> list[int]:
        """The two axes along which pixels are finest, of equal ones the last."""
        axes = range(len(self.voxel))
        return sorted(sorted(axes, key=lambda axis: (self.voxel[axis], -axis))[:2])

    def _mirrored_axes(self) -> list[int]:
        """Return the axes that may be mirrored: all, with turns, or the last, if any."""
        if self.changes.n_turns < 2:
            return [len(self.voxel) - 1] * self.changes.n_turns
        return [axis for axis in range(len(self.voxel)) if axis != self._plane[0]]

    def _center(self, place: int, size: int, side: float) -> float:
        """Return a center for a crop near a place, such that it is within the window if it fits."""
        if side >= size:
            return (size - 1) / 2
        center = place + self.rng.uniform(-OFF_CENTER, OFF_CENTER) * side
        return float(np.clip(center, side / 2, size - side / 2))


def _bounding_box(
    coordinates: Sequence[np.ndarray], shape: tuple[int, ...]
) -> tuple[Tile, list[np.ndarray]]:
    """Return the part of a window that is read, and the coordinates relative to it.

    The window is mirrored at its borders; then all of it is read.
    """
    part, relative = [], []
    for places, size in zip(coordinates, shape, strict=True):
        first, last = int(np.floor(places.min())), int(np.ceil(places.max())) + 1
        inside = first >= 0 and last <= size
        part.append(slice(first, last) if inside else slice(0, size))
        relative.append(places - first if inside else places)
    return tuple(part), relative


def _grid(coordinates: Sequence[np.ndarray], shape: tuple[int, ...]) -> Tensor:
    """Return coordinates as for `grid_sample`: -1 to 1 from border to border, columns first."""
    pairs = zip(coordinates[::-1], shape[::-1], strict=True)
    grid = np.stack([(2 * places + 1) / size - 1 for places, size in pairs], -1)
    return torch.from_numpy(grid.astype(np.float32))[None]


def _sampled(maps: np.ndarray, grid: Tensor, mode: str, padding: str) -> Tensor:
    """Return values (1, C, h, w) of maps (H, W, C) at coordinates."""
    x = torch.from_numpy(maps.astype(np.float32, copy=False)).movedim(-1, 0)[None]
    return functional.grid_sample(x, grid, mode, padding, align_corners=False)
