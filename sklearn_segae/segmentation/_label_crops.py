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
from ..imaging._tiles import Tile, full_tile, tiles, widen_tile
from ._dense_classifier import LabeledFeatures
from ._targets import Targets

WINDOW = 256  # side in pixels of the parts of large images that are kept
N_VALUES = 2**27  # maximum number of features of all parts: 512 MiB
CONTRAST = 0.1  # standard deviation of brightness, and of the logarithm of contrast
OFF_CENTER = 0.4  # maximum distance of a labeled pixel from the center, in sides of a crop
UNKNOWN = -1.0


class Augmentation(NamedTuple):
    """Random changes of crops."""

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
    margin: int,
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


def _parts(shape: tuple[int, ...], margin: int) -> list[Tile]:
    """Return the whole image as one tile, or tiles of larger ones."""
    if max(shape[:2]) <= WINDOW + 2 * margin:
        return [full_tile(shape)]
    return list(tiles(shape, WINDOW))


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
    side: int,
    augmentation: str,
    rng: np.random.Generator,
    scale: np.ndarray | None = None,
) -> LabelCrops:
    """Return random crops of labeled images; `scale` is fitted to them if it is None."""
    windows = labeled_windows(data.read, data.images, marks, side // 2, data.n_features, rng)
    scale = fit_channel_scale([w.features for w in windows]) if scale is None else scale
    return LabelCrops(windows, scale, side, data.n_details, augmentation, rng)


class LabelCrops:
    """Draw random crops around labeled pixels, with random changes.

    Parameters
    ----------
    windows : sequence of LabeledWindow
    scale : ndarray of shape (2, C)
        Mean and standard deviation of the features.
    side : int
        Of the crops, in pixels.
    n_details : int
        The contrast of the first `n_details` channels, the pixels themselves, is changed.
    augmentation : str
        A key of `AUGMENTATIONS`.
    rng : numpy.random.Generator
    """

    def __init__(
        self,
        windows: Sequence[LabeledWindow],
        scale: np.ndarray,
        side: int,
        n_details: int,
        augmentation: str,
        rng: np.random.Generator,
    ) -> None:
        self.changes = AUGMENTATIONS[augmentation]
        self.windows = windows
        self.scale = scale
        self.side = side
        self.n_details = n_details
        self.rng = rng
        self.places = [np.argwhere(w.marks[..., 0] != UNKNOWN) for w in windows]
        counts = np.array([len(p) for p in self.places])
        self.shares = counts / counts.sum()

    def take(self, index: np.ndarray) -> Tensor:
        """Return random crops (n, C + 2, side, side), one for each index, channels last."""
        return torch.cat([self._crop() for _ in index]).contiguous(
            memory_format=torch.channels_last
        )

    def _crop(self) -> Tensor:
        """Return a crop (1, C + 2, side, side) of features and marks."""
        i = int(self.rng.choice(len(self.windows), p=self.shares))
        rows, columns = self._coordinates(i)
        features, marks = self.windows[i]
        part, (rows, columns) = _bounding_box(rows, columns, marks.shape[:2])
        grid = _grid(rows, columns, marks[part].shape[:2])
        values = zero_filled(scaled(features[part], self.scale))
        x = _sampled(values, grid, "bilinear", "reflection")
        y = _sampled(marks[part] - UNKNOWN, grid, "nearest", "zeros") + UNKNOWN
        if not self.changes.n_turns:
            return torch.cat([x, y], 1)
        n, rng = self.n_details, self.rng
        gain, offset = np.exp(CONTRAST * rng.normal()), CONTRAST * rng.normal()
        return torch.cat([gain * x[:, :n] + offset, x[:, n:], y], 1)

    def _coordinates(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and columns (side, side) of the pixels of a crop, in those of the window."""
        rng, side, (n_turns, rotation, logarithm) = self.rng, self.side, self.changes
        zoom = np.exp(rng.uniform(-logarithm, logarithm))
        angle = rng.uniform(-rotation, rotation) + np.pi / 2 * rng.integers(max(1, n_turns))
        place = self.places[i][rng.integers(len(self.places[i]))]
        pairs = zip(place, self.windows[i].marks.shape, strict=False)
        y, x = (self._center(p, size, zoom * side) for p, size in pairs)
        mirroring = rng.choice([-1, 1]) if n_turns else 1
        line = (np.arange(side) - (side - 1) / 2) * zoom
        down, across = np.meshgrid(line, line * mirroring, indexing="ij")
        sine, cosine = np.sin(angle), np.cos(angle)
        return y + cosine * down + sine * across, x - sine * down + cosine * across

    def _center(self, place: int, size: int, side: float) -> float:
        """Return a center for a crop near a place, such that it is within the window if it fits."""
        if side >= size:
            return (size - 1) / 2
        center = place + self.rng.uniform(-OFF_CENTER, OFF_CENTER) * side
        return float(np.clip(center, side / 2, size - side / 2))


def _bounding_box(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, ...]
) -> tuple[Tile, list[np.ndarray]]:
    """Return the part of a window that is read, and the coordinates relative to it.

    The window is mirrored at its borders; then all of it is read.
    """
    part, relative = [], []
    for places, size in zip((rows, columns), shape, strict=True):
        first, last = int(np.floor(places.min())), int(np.ceil(places.max())) + 1
        inside = first >= 0 and last <= size
        part.append(slice(first, last) if inside else slice(0, size))
        relative.append(places - first if inside else places)
    return (part[0], part[1]), relative


def _grid(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, ...]) -> Tensor:
    """Return coordinates as for `grid_sample`: -1 to 1 from border to border."""
    pairs = zip((columns, rows), shape[::-1], strict=True)
    grid = np.stack([(2 * places + 1) / size - 1 for places, size in pairs], -1)
    return torch.from_numpy(grid.astype(np.float32))[None]


def _sampled(maps: np.ndarray, grid: Tensor, mode: str, padding: str) -> Tensor:
    """Return values (1, C, h, w) of maps (H, W, C) at coordinates."""
    x = torch.from_numpy(maps.astype(np.float32, copy=False)).movedim(-1, 0)[None]
    return functional.grid_sample(x, grid, mode, padding, align_corners=False)
