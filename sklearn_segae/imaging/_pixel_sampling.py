"""Sampling of pixels from a set of images, and of maps at these pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod

import numpy as np

from ._no_data import missing_at
from ._tiles import TILE, Tile, clip_tile, image_tiles, sample_tiles, sides_of

N_TRIES = 20  # to draw a tile in which most pixels have data
LEAST_SHARE = 0.5  # of them
BUDGET = 24 * TILE**2  # pixels of the tiles that a sample is drawn from


def random_tiles(
    images: Sequence[np.ndarray], rng: np.random.Generator
) -> Iterator[tuple[int, Tile]]:
    """Yield (image index, tile) in random order until the tiles hold `BUDGET` pixels with data."""
    return ((i, tile) for i, tile, _ in _tiles_and_gaps(images, rng))


def _tiles_and_gaps(
    images: Sequence[np.ndarray], rng: np.random.Generator
) -> Iterator[tuple[int, Tile, np.ndarray | None]]:
    """Yield the same, with the mask (h, w) of pixels without data or None; no tiles without any."""
    every = [(i, tile) for i, image in enumerate(images) for tile in image_tiles(image)]
    left = BUDGET
    for i, tile in (every[c] for c in rng.permutation(len(every))):
        if left <= 0:
            break
        missing = missing_at(images[i], tile)
        n_pixels = prod(sides_of(tile))
        n_left = n_pixels if missing is None else n_pixels - int(missing.sum())
        if n_left:
            yield i, tile, missing
        left -= n_left


def tiles_with_data(
    images: Sequence[np.ndarray], side: int, n_tiles: int, rng: np.random.Generator
) -> list[tuple[int, Tile]]:
    """Draw tiles as `sample_tiles`; draw those of which most pixels have no data again."""
    chosen = sample_tiles(images, side, n_tiles, rng)
    shares = [_share_with_data(images[i], tile) for i, tile in chosen]
    for _ in range(N_TRIES):
        poor = [k for k, share in enumerate(shares) if share < LEAST_SHARE]
        if not poor:
            break
        for k, (i, tile) in zip(poor, sample_tiles(images, side, len(poor), rng), strict=True):
            share = _share_with_data(images[i], tile)
            if share > shares[k]:
                chosen[k], shares[k] = (i, tile), share
    return chosen


def _share_with_data(image: np.ndarray, tile: Tile) -> float:
    missing = missing_at(image, clip_tile(tile, image.shape))
    return 1.0 if missing is None else 1 - float(missing.mean())


def choose_pixels(
    images: Sequence[np.ndarray], n_pixels: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Draw pixels with data at random, without replacement; return flat indices for every image.

    They come from random tiles of at most `BUDGET` pixels, so that the cost of a sample does not
    grow with the set of images.
    """
    pools = [[np.empty(0, int)] for _ in images]
    for i, tile, missing in _tiles_and_gaps(images, rng):
        places = np.ix_(*(np.arange(part.start, part.stop) for part in tile))
        pixels = np.ravel_multi_index(places, images[i].shape[:-1])
        pools[i].append(pixels.ravel() if missing is None else pixels[~missing])
    return _draw([np.sort(np.concatenate(pool)) for pool in pools], n_pixels, rng)


def choose_labeled(
    targets: Sequence[np.ndarray],
    known: Sequence[np.ndarray],
    n_pixels: int,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Draw labeled pixels in proportion to their classes, at least one of each class."""
    pools = [np.flatnonzero(k) for k in known]
    total = sum(map(len, pools))
    if total <= n_pixels:
        return pools
    parts = [[np.empty(0, int)] for _ in pools]
    labels = [np.unique(t[k]) for t, k in zip(targets, known, strict=True)]
    for value in np.unique(np.concatenate(labels)):
        of_class = [pool[t.ravel()[pool] == value] for t, pool in zip(targets, pools, strict=True)]
        share = -(-n_pixels * sum(map(len, of_class)) // total)
        for part, drawn in zip(parts, _draw(of_class, share, rng), strict=True):
            part.append(drawn)
    return [np.concatenate(part) for part in parts]


def gather(
    function: Callable[[np.ndarray, Tile], np.ndarray],
    images: Sequence[np.ndarray],
    chosen: Sequence[np.ndarray],
) -> np.ndarray:
    """Return rows (n, F) of the maps `function(image, tile)` -> (h, w, F) at the chosen pixels.

    Rows are in the order of the images and of the flat indices. In each tile only the bounding box
    of the chosen pixels is computed.
    """
    return np.concatenate(
        [_gather(function, image, c) for image, c in zip(images, chosen, strict=True) if len(c)]
    )


def pick(maps: Sequence[np.ndarray], chosen: Sequence[np.ndarray]) -> np.ndarray:
    """Return the values (n,) of maps (H, W) at the chosen pixels, in the order of `gather`."""
    return np.concatenate([m.ravel()[c] for m, c in zip(maps, chosen, strict=True)])


def _gather(
    function: Callable[[np.ndarray, Tile], np.ndarray], image: np.ndarray, chosen: np.ndarray
) -> np.ndarray:
    where = np.stack(np.unravel_index(chosen, image.shape[:-1]))
    parts, places = [], []
    for tile in image_tiles(image):
        first, last = ([[getattr(p, end)] for p in tile] for end in ("start", "stop"))
        here = np.flatnonzero(((where >= first) & (where < last)).all(0))
        if len(here):
            box = tuple(map(_bounds, where[:, here]))  # small where pixels come from strokes
            maps = function(image, box)
            start = [[part.start] for part in box]
            parts.append(maps[tuple(where[:, here] - start)])
            places.append(here)
    gathered = np.concatenate(parts)
    result = np.empty_like(gathered)
    result[np.concatenate(places)] = gathered
    return result


def _bounds(places: np.ndarray) -> slice:
    return slice(int(places.min()), int(places.max()) + 1)


def _draw(pools: Sequence[np.ndarray], n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw `n` members from all pools together; return the drawn members of each, in order."""
    sizes = np.array([len(pool) for pool in pools])
    total = int(sizes.sum())
    drawn = np.sort(rng.choice(total, n, replace=False)) if n < total else np.arange(total)
    ends = np.cumsum(sizes)
    parts = np.split(drawn, np.searchsorted(drawn, ends)[:-1])
    shifted = zip(pools, parts, ends - sizes, strict=True)
    return [pool[part - first] for pool, part, first in shifted]
