"""Tiles of images, with a halo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np

from ._lazy_images import RowImage

TILE = 256  # side of the tiles that samples come from, in pixels
ROW_TILE = 2**14  # the same for rows, which are images one pixel wide


def image_tiles(image: Any, side: int = TILE) -> Iterator[Tile]:
    """Yield the tiles that an image is worked on in."""
    return tiles(image.shape, ROW_TILE if isinstance(image, RowImage) else side)


Tile = tuple[slice, slice]

STRIDE = 2  # pixels; subsampled pixels lie on one grid in all tiles


def tiles(shape: tuple[int, ...], side: int) -> Iterator[Tile]:
    """Yield the (rows, columns) of tiles of at most `side` pixels that partition an image."""
    height, width = shape[:2]
    for top, left in product(range(0, height, side), range(0, width, side)):
        yield slice(top, min(top + side, height)), slice(left, min(left + side, width))


def spread_tiles(shape: tuple[int, ...], side: int, apart: float) -> Iterator[Tile]:
    """Yield tiles spread evenly over an image, about `apart` * `side` pixels apart."""
    lines = (
        np.linspace(0, max(0, size - side), max(2, round(size / (apart * side))))
        for size in shape[:2]
    )
    for top, left in product(*(np.unique(line.astype(int)) for line in lines)):
        yield slice(top, min(top + side, shape[0])), slice(left, min(left + side, shape[1]))


def balanced_tiles(shape: tuple[int, ...], side: int) -> Iterator[Tile]:
    """Yield tiles of nearly equal size, at most about `side` pixels, that partition an image."""
    edges = balanced_edges(shape, side)
    for rows, columns in product(*(list(pairwise(line.tolist())) for line in edges)):
        yield slice(*rows), slice(*columns)


def balanced_edges(shape: tuple[int, ...], side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return where the rows and columns of `balanced_tiles` begin and end."""
    rows, columns = (
        np.linspace(0, size, max(1, round(size / side)) + 1).astype(int) for size in shape[:2]
    )
    return rows, columns


def full_tile(shape: tuple[int, ...]) -> Tile:
    """Return all of an image as one tile."""
    return slice(0, shape[0]), slice(0, shape[1])


def some_tiles(shape: tuple[int, ...], side: int, n_most: float) -> list[Tile]:
    """Return the whole image as one tile, or about `n_most` evenly spread tiles if it is larger.

    Larger means more pixels than `n_most` tiles have.
    """
    excess = shape[0] * shape[1] / (n_most * side**2)
    if excess <= 1:
        return [full_tile(shape)]
    return list(spread_tiles(shape, side, excess**0.5))


def read_tile(image: np.ndarray, tile: Tile, halo: int) -> np.ndarray:
    """Return a copy of the tile with `halo` more pixels on every side, mirrored at the borders.

    (H, W, C) -> (h + 2 * halo, w + 2 * halo, C). A tile may extend beyond the image, which is
    mirrored there, so that neighboring tiles agree on every pixel they share.
    """
    rows = mirrored(tile[0].start - halo, tile[0].stop + halo, image.shape[0])
    columns = mirrored(tile[1].start - halo, tile[1].stop + halo, image.shape[1])
    top, left = rows.min(), columns.min()
    part = np.asarray(image[top : rows.max() + 1, left : columns.max() + 1])
    return part[np.ix_(rows - top, columns - left)]


def widen_tile(tile: Tile, reach: int, shape: tuple[int, ...]) -> Tile:
    """Return the tile with `reach` more pixels on every side, as far as there are any."""
    rows, columns = (slice(part.start - reach, part.stop + reach) for part in tile)
    return clip_tile((rows, columns), shape)


def pad_tile(tile: Tile, reach: int, shape: tuple[int, ...], grid: int = STRIDE) -> Tile:
    """Return the tile padded by at least `reach` pixels on every side, clipped to the image.

    It begins at a multiple of `grid`, which all tiles share.
    """
    padded = widen_tile(tile, reach, shape)
    rows, columns = (slice(part.start // grid * grid, part.stop) for part in padded)
    return rows, columns


def pixel_ranges(tile: Tile, within: Tile, step: int = 1) -> tuple[range, range]:
    """Return every `step`-th row and column of a tile, relative to an enclosing tile."""
    rows, columns = (
        range(part.start - outer.start, part.stop - outer.start, step)
        for part, outer in zip(tile, within, strict=True)
    )
    return rows, columns


def clip_tile(tile: Tile, shape: tuple[int, ...]) -> Tile:
    """Clip a tile to the image."""
    rows, columns = (
        slice(max(0, part.start), min(part.stop, size))
        for part, size in zip(tile, shape[:2], strict=True)
    )
    return rows, columns


def sample_tiles(
    images: Sequence[np.ndarray], side: int, n_tiles: int, rng: np.random.Generator
) -> list[tuple[int, Tile]]:
    """Draw `n_tiles` random (image index, tile), from images in proportion to their pixels.

    A tile wider than its image is centered on it and extends beyond both borders.
    """
    n_pixels = np.array([image.shape[0] * image.shape[1] for image in images], dtype=float)
    chosen = rng.choice(len(images), n_tiles, p=n_pixels / n_pixels.sum())
    starts = [[_random_start(size, side, rng) for size in images[i].shape[:2]] for i in chosen]
    return [
        (int(i), (slice(top, top + side), slice(left, left + side)))
        for i, (top, left) in zip(chosen, starts, strict=True)
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
