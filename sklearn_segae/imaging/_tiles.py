"""Tiles of images, with a halo.

Images are (*sides, C), with two or three spatial axes, and tiles have a slice for each. Lengths
such as sides, halos and steps are a number, or one for each axis.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from math import prod
from typing import Any

import numpy as np

from ._lazy_images import RowImage

TILE = 256  # side of the tiles that samples come from, in pixels
VOLUME_TILE = 64  # the same for volumes, in voxels
ROW_TILE = 2**14  # the same for rows, which are images one pixel wide

Tile = tuple[slice, ...]
Length = int | Sequence[int] | np.ndarray

STRIDE = 2  # pixels; subsampled pixels lie on one grid in all tiles


def image_tiles(image: Any, side: int | None = None) -> Iterator[Tile]:
    """Yield the tiles that an image is worked on in."""
    if isinstance(image, RowImage):
        return tiles(image.shape, ROW_TILE)
    return tiles(image.shape, side or sample_side(image.shape))


def sample_side(shape: tuple[int, ...]) -> int:
    """Return the side of the tiles that samples of an image come from."""
    return TILE if len(shape) == 3 else VOLUME_TILE


def n_pixels_of(image: Any) -> int:
    """Return the number of pixels of an image (*sides, C)."""
    return prod(image.shape[:-1])


def sides_of(tile: Tile) -> tuple[int, ...]:
    """Return the sides of a tile in pixels."""
    return tuple(part.stop - part.start for part in tile)


def per_axis(length: Any, n_axes: int) -> list[Any]:
    """Return a length for each of the axes."""
    return np.broadcast_to(length, n_axes).tolist()


def tiles(shape: tuple[int, ...], side: Length) -> Iterator[Tile]:
    """Yield tiles of at most `side` pixels along each axis that partition an image."""
    sizes = shape[:-1]
    steps = per_axis(side, len(sizes))
    starts = (range(0, size, step) for size, step in zip(sizes, steps, strict=True))
    for start in product(*starts):
        parts = zip(start, steps, sizes, strict=True)
        yield tuple(slice(first, min(first + step, size)) for first, step, size in parts)


def spread_tiles(shape: tuple[int, ...], side: int, apart: float) -> Iterator[Tile]:
    """Yield tiles spread evenly over an image, about `apart` * `side` pixels apart."""
    sizes = shape[:-1]
    lines = (
        np.linspace(0, max(0, size - side), max(2, round(size / (apart * side)))) for size in sizes
    )
    for start in product(*(np.unique(line.astype(int)) for line in lines)):
        parts = zip(start, sizes, strict=True)
        yield tuple(slice(first, min(first + side, size)) for first, size in parts)


def balanced_tiles(shape: tuple[int, ...], side: int) -> Iterator[Tile]:
    """Yield tiles of nearly equal size, at most about `side` pixels, that partition an image."""
    edges = balanced_edges(shape, side)
    for ends in product(*(list(pairwise(line.tolist())) for line in edges)):
        yield tuple(slice(*own) for own in ends)


def balanced_edges(shape: tuple[int, ...], side: int) -> list[np.ndarray]:
    """Return where the `balanced_tiles` begin and end along each axis."""
    return [np.linspace(0, size, max(1, round(size / side)) + 1).astype(int) for size in shape[:-1]]


def full_tile(shape: tuple[int, ...]) -> Tile:
    """Return all of an image as one tile."""
    return tuple(slice(0, size) for size in shape[:-1])


def some_tiles(shape: tuple[int, ...], side: int, n_most: float) -> list[Tile]:
    """Return the whole image as one tile, or about `n_most` evenly spread tiles if it is larger.

    Larger means more pixels than `n_most` tiles have.
    """
    n_axes = len(shape) - 1
    excess = prod(shape[:-1]) / (n_most * side**n_axes)
    if excess <= 1:
        return [full_tile(shape)]
    return list(spread_tiles(shape, side, excess ** (1 / n_axes)))


def read_tile(image: np.ndarray, tile: Tile, halo: Length) -> np.ndarray:
    """Return a copy of the tile with `halo` more pixels on every side, mirrored at the borders.

    (H, W, C) -> (h + 2 * halo, w + 2 * halo, C). A tile may extend beyond the image, which is
    mirrored there, so that neighboring tiles agree on every pixel they share.
    """
    parts = zip(tile, per_axis(halo, len(tile)), image.shape[:-1], strict=True)
    lines = [mirrored(part.start - own, part.stop + own, size) for part, own, size in parts]
    firsts = [int(line.min()) for line in lines]
    ends = zip(firsts, lines, strict=True)
    part = np.asarray(image[tuple(slice(first, int(line.max()) + 1) for first, line in ends)])
    return part[np.ix_(*(line - first for line, first in zip(lines, firsts, strict=True)))]


def widen_tile(tile: Tile, reach: Length, shape: tuple[int, ...]) -> Tile:
    """Return the tile with `reach` more pixels on every side, as far as there are any."""
    pairs = zip(tile, per_axis(reach, len(tile)), strict=True)
    return clip_tile(tuple(slice(part.start - own, part.stop + own) for part, own in pairs), shape)


def pad_tile(tile: Tile, reach: Length, shape: tuple[int, ...], grid: Length = STRIDE) -> Tile:
    """Return the tile padded by at least `reach` pixels on every side, clipped to the image.

    It begins at a multiple of `grid`, which all tiles share.
    """
    pairs = zip(widen_tile(tile, reach, shape), per_axis(grid, len(tile)), strict=True)
    return tuple(slice(part.start // own * own, part.stop) for part, own in pairs)


def pixel_ranges(tile: Tile, within: Tile, step: Length = 1) -> tuple[range, ...]:
    """Return every `step`-th position along each axis of a tile, relative to an enclosing tile."""
    trios = zip(tile, within, per_axis(step, len(tile)), strict=True)
    return tuple(
        range(part.start - outer.start, part.stop - outer.start, own) for part, outer, own in trios
    )


def every_nth(maps: np.ndarray, step: Length, n_axes: int) -> np.ndarray:
    """Return every `step`-th pixel of maps along their first `n_axes` axes."""
    return maps[tuple(slice(None, None, own) for own in per_axis(step, n_axes))]


def moved(tile: Tile, within: Tile) -> Tile:
    """Return a tile, relative to an enclosing one, in the coordinates of the image."""
    pairs = zip(tile, within, strict=True)
    return tuple(slice(p.start + outer.start, p.stop + outer.start) for p, outer in pairs)


def clip_tile(tile: Tile, shape: tuple[int, ...]) -> Tile:
    """Clip a tile to the image."""
    pairs = zip(tile, shape, strict=False)
    return tuple(slice(max(0, part.start), min(part.stop, size)) for part, size in pairs)


def sample_tiles(
    images: Sequence[np.ndarray], side: int, n_tiles: int, rng: np.random.Generator
) -> list[tuple[int, Tile]]:
    """Draw `n_tiles` random (image index, tile), from images in proportion to their pixels.

    A tile wider than its image is centered on it and extends beyond both borders.
    """
    n_pixels = np.array([n_pixels_of(image) for image in images], dtype=float)
    chosen = rng.choice(len(images), n_tiles, p=n_pixels / n_pixels.sum())
    starts = [[_random_start(size, side, rng) for size in images[i].shape[:-1]] for i in chosen]
    return [
        (int(i), tuple(slice(first, first + side) for first in start))
        for i, start in zip(chosen, starts, strict=True)
    ]


def _random_start(size: int, side: int, rng: np.random.Generator) -> int:
    return int(rng.integers(size - side + 1)) if size > side else (size - side) // 2


def mirrored(start: int, stop: int, size: int) -> np.ndarray:
    """Return the indices start..stop of a line of `size` pixels mirrored at its end pixels."""
    if size == 1:
        return np.zeros(stop - start, dtype=int)
    period = 2 * (size - 1)
    index = np.arange(start, stop) % period
    return np.where(index < size, index, period - index)
