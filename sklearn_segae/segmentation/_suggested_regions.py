"""Regions to label next: uncertain, unlike each other, without labels so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np

from ..imaging._containers import unpack
from ..imaging._dask import is_dask
from ..imaging._image_batch import check_batch
from ..imaging._label_maps import IgnoreLabel, check_label_maps, is_labeled
from ..imaging._tiles import Tile, balanced_edges, balanced_tiles, full_tile


class SuggestedRegion(NamedTuple):
    """Pixels to label: `images[region.image][region.rows, region.columns]`.

    `uncertainty` is the mean over the region, 0 to 1. Regions of volumes have slices, too:
    `volumes[region.image][region.slices, region.rows, region.columns]`.
    """

    image: int
    top: int
    left: int
    height: int
    width: int
    uncertainty: float
    front: int | None = None
    depth: int | None = None

    @property
    def slices(self) -> slice:
        """Slices of the volume."""
        if self.front is None or self.depth is None:
            raise AttributeError("slices is for regions of volumes; this is one of an image.")
        return slice(self.front, self.front + self.depth)

    @property
    def rows(self) -> slice:
        """Rows of the image."""
        return slice(self.top, self.top + self.height)

    @property
    def columns(self) -> slice:
        """Columns of the image."""
        return slice(self.left, self.left + self.width)


class BlockMeans:
    """Means over the blocks of a map (H, W, k), which is written tile by tile like an array.

    Blocks have nearly equal sizes of about `size` pixels, and partition the image. With `step`, the
    map holds every `step`-th pixel of the image. Pixels that are NaN, without data, have no part.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, sides: tuple[int, ...], size: int, n_channels: int, step: int = 1) -> None:
        self.shape = (*(-(-n // step) for n in sides), n_channels)
        edges = balanced_edges((*sides, n_channels), size)
        self.starts = [-(-line[:-1] // step) for line in edges]
        self.sums = np.zeros((*map(len, self.starts), n_channels + 1))  # last: number of pixels

    def __setitem__(self, tile: Tile, values: np.ndarray) -> None:
        """Add the values (h, w, k) of a tile."""
        known = ~np.isnan(values[..., :1])
        values = np.concatenate([np.where(known, values, 0), known], axis=-1)
        where = []
        for axis, (part, starts) in enumerate(zip(tile, self.starts, strict=True)):
            first = np.searchsorted(starts, part.start, side="right") - 1
            last = np.searchsorted(starts, part.stop)
            inside = np.maximum(starts[first:last] - part.start, 0)
            values = np.add.reduceat(values, inside, axis=axis, dtype=np.float64)
            where.append(slice(first, last))
        self.sums[tuple(where)] += values

    @property
    def means(self) -> np.ndarray:
        """Means (n_blocks, k), row by row; 0 of blocks without data."""
        means = self.sums[..., :-1] / np.maximum(self.sums[..., -1:], 1)
        return means.reshape(-1, self.shape[-1])


class Blocks(NamedTuple):
    """Blocks of images, in n rows each."""

    place: np.ndarray  # (n, 5): image, top, left, height, width; then front and depth of volumes
    uncertainty: np.ndarray  # (n,), means
    codes: np.ndarray  # (n, k), means
    labeled: np.ndarray  # (n,), whether any pixel is labeled, or none has data


def block_means(
    values: np.ndarray, size: int, sides: tuple[int, ...] | None = None, step: int = 1
) -> np.ndarray:
    """Return the means (n_blocks, k) over the blocks of an image of a map (H, W, k).

    With `step`, the map holds every `step`-th pixel of an image with the given sides.
    """
    sides = values.shape[:-1] if sides is None else sides
    blocks = BlockMeans(sides, size, values.shape[-1], step)
    blocks[full_tile(values.shape)] = values
    return blocks.means


def describe_blocks(
    index: int,
    uncertainty: np.ndarray,
    codes: np.ndarray,
    labeled: np.ndarray,
    size: int,
    step: int = 1,
) -> Blocks:
    """Return the blocks of one image.

    Parameters
    ----------
    index : int
        Of the image.
    uncertainty : array
        Of every `step`-th pixel along both axes.
    codes : array (n_blocks, k)
        Means over the blocks.
    labeled : array (H, W) of bool
    size : int
        Of the blocks in pixels.
    step : int, default=1
    """
    sides = labeled.shape
    places = [_place(index, tile) for tile in balanced_tiles((*sides, 1), size)]
    uncertain = block_means(uncertainty[..., None], size, sides, step)[:, 0]
    known = block_means(labeled[..., None], size)[:, 0] > 0
    empty = block_means(~np.isnan(uncertainty[..., None]), size, sides, step)[:, 0] == 0
    return Blocks(np.array(places), uncertain, codes, known | empty)


def _place(index: int, tile: Tile) -> tuple[int, ...]:
    """Return image, start and length along rows and columns, then those along z."""
    *slices, rows, columns = ((part.start, part.stop - part.start) for part in tile)
    return (index, rows[0], columns[0], rows[1], columns[1], *chain(*slices))


def join_blocks(parts: Sequence[Blocks]) -> Blocks:
    """Return the blocks of several images as one."""
    return Blocks(*map(np.concatenate, zip(*parts, strict=True)))


def select_regions(blocks: Blocks, n_regions: int) -> list[SuggestedRegion]:
    """Return unlabeled blocks, one after the other, that are uncertain and unlike those before.

    Each maximizes its uncertainty times the distance of its codes to the nearest block before; the
    first one, its uncertainty alone. More blocks than there are without labels are not returned.
    """
    free = np.flatnonzero(~blocks.labeled)
    uncertainty, codes = blocks.uncertainty[free], blocks.codes[free]
    left, distance = np.ones(len(free), bool), np.ones(len(free))
    chosen: list[int] = []
    for _ in range(min(n_regions, len(free))):
        best = int(np.where(left, uncertainty * distance, -1).argmax())
        own = np.linalg.norm(codes - codes[best], axis=1)
        distance = np.minimum(distance, own) if chosen else own
        chosen.append(best)
        left[best] = False
    return [_region(blocks.place[i], blocks.uncertainty[i]) for i in free[chosen]]


def _region(place: np.ndarray, uncertainty: float) -> SuggestedRegion:
    image, top, left, height, width, *slices = place.tolist()
    return SuggestedRegion(image, top, left, height, width, float(uncertainty), *slices)


def suggest_regions(
    segmenter: Any, X: Any, n_regions: int, y: Any, size: int, measure: str
) -> list[SuggestedRegion]:
    """Return regions of the images `X` to label next; see `AESegmenter.suggest_regions`."""
    _check_request(segmenter, n_regions, size)
    X, _ = unpack(X, segmenter.n_axes)
    images = check_batch(segmenter, X, reset=False, n_axes=segmenter.n_axes).images
    labeled = _labeled_masks(y, images, segmenter.ignore_label)
    parts = _described(segmenter, X, labeled, size, measure)
    blocks = join_blocks(list(parts))
    n_free = int((~blocks.labeled).sum())
    if n_regions > n_free:
        raise ValueError(
            f"n_regions={n_regions} is more than the {n_free} regions of size={size} without a "
            "label. Pass fewer, a smaller size, or more images."
        )
    return select_regions(blocks, n_regions)


def _described(
    segmenter: Any, X: Any, labeled: Sequence[np.ndarray], size: int, measure: str
) -> Iterator[Blocks]:
    """Yield the blocks of each image, whose maps are computed one image at a time."""
    n_codes = len(segmenter.get_feature_names_out())
    for i, (image, mask) in enumerate(zip(X, labeled, strict=True)):
        if is_dask(image):
            image = image.compute()
        codes = BlockMeans(mask.shape, size, n_codes)
        segmenter.transform([image], out=[codes])
        (uncertainty,) = segmenter.uncertainty([image], measure=measure)
        yield describe_blocks(i, np.asarray(uncertainty), codes.means, mask, size)


def _labeled_masks(
    y: Any, images: Sequence[np.ndarray], ignore_label: IgnoreLabel
) -> list[np.ndarray]:
    if y is None:
        return [np.zeros(image.shape[:-1], bool) for image in images]
    return [is_labeled(labels, ignore_label) for labels in check_label_maps(y, images)]


def _check_request(segmenter: Any, n_regions: int, size: int) -> None:
    for name, value in (("n_regions", n_regions), ("size", size)):
        if not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name}={value!r} must be an integer >= 1.")
    if not hasattr(segmenter, "uncertainty"):
        raise ValueError(
            f"suggest_regions needs probabilities, but estimator={segmenter.estimator!r} has no "
            "predict_proba. Pass another one, such as estimator='forest'."
        )
    if segmenter.rows_:
        raise ValueError(
            "suggest_regions needs images, but the segmenter was fitted to rows. Fit it to images."
        )
    if segmenter.scope == "image":
        raise ValueError(
            "suggest_regions compares codes of all images, but with scope='image' each image has "
            "its own. Pass scope='dataset'."
        )
