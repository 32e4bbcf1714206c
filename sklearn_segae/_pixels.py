"""Choose pixels of a set of images, and gather what is computed for them tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ._memory import Cost, Work, out_of_memory, quarters, tile_side
from ._tiles import Tile, tiles
from ._views import Ahead, release

TILE = 256  # side of the tiles that samples come from, in pixels
ROW_TILE = 2**14  # the same for rows, which are images one pixel wide
BUDGET = 24 * TILE**2  # a sample of a large set comes from so many pixels: not all are computed


def image_tiles(image: np.ndarray, side: int = TILE) -> Iterator[Tile]:
    """Yield the tiles that an image is worked on in."""
    return tiles(image.shape, ROW_TILE if image.shape[1] == 1 else side)


def random_tiles(
    images: Sequence[np.ndarray], rng: np.random.Generator
) -> Iterator[tuple[int, Tile]]:
    """Yield (image index, tile) in random order, no more once they hold `BUDGET` pixels."""
    every = [(i, tile) for i, image in enumerate(images) for tile in image_tiles(image)]
    left = BUDGET
    for i, tile in (every[c] for c in rng.permutation(len(every))):
        if left <= 0:
            break
        yield i, tile
        left -= (tile[0].stop - tile[0].start) * (tile[1].stop - tile[1].start)


def choose_pixels(
    images: Sequence[np.ndarray], n_pixels: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Draw pixels at random, without replacement: flat indices (m,) for every image.

    From random tiles of `BUDGET` pixels at most, so that a sample costs the same however large the
    set is.
    """
    pools = [[np.empty(0, int)] for _ in images]
    for i, (rows, columns) in random_tiles(images, rng):
        first = np.arange(rows.start, rows.stop)[:, None] * images[i].shape[1]
        pools[i].append((first + np.arange(columns.start, columns.stop)).ravel())
    return _draw([np.sort(np.concatenate(pool)) for pool in pools], n_pixels, rng)


def choose_labelled(
    targets: Sequence[np.ndarray],
    known: Sequence[np.ndarray],
    n_pixels: int,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Draw known pixels in proportion to their classes, at least one of each class."""
    pools = [np.flatnonzero(k) for k in known]
    total = sum(map(len, pools))
    if total <= n_pixels:
        return pools
    parts = [[np.empty(0, int)] for _ in pools]
    for value in np.unique(
        np.concatenate([np.unique(t[k]) for t, k in zip(targets, known, strict=True)])
    ):
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

    Rows come in the order of the images and of the flat indices; only what surrounds the chosen
    pixels of a tile is computed.
    """
    return np.concatenate(
        [_gather(function, image, c) for image, c in zip(images, chosen, strict=True) if len(c)]
    )


def pick(maps: Sequence[np.ndarray], chosen: Sequence[np.ndarray]) -> np.ndarray:
    """Return the values (n,) of maps (H, W) at the chosen pixels, in the order of `gather`."""
    return np.concatenate([m.ravel()[c] for m, c in zip(maps, chosen, strict=True)])


def map_tiles(
    encode: Callable[[np.ndarray, Tile], np.ndarray],
    image: Any,
    function: Callable[[np.ndarray], np.ndarray],
    cost: Cost,
    work: Work,
) -> Any:
    """Return the map (H, W, ...) of `function(codes)` over the codes (n, F) of every tile.

    In `work.out`, if there is one; of the part `work.within`, if that is asked for.
    """
    max_memory, out, within = work
    if getattr(image, "on_disk", False):
        image = Ahead(image)
    side = ROW_TILE if image.shape[1] == 1 else tile_side(max_memory, cost)
    top, left, (height, width) = 0, 0, image.shape[:2]
    if within is not None:
        (top, height), (left, width) = ((p.start, p.stop - p.start) for p in within)

    def answer(tile: Tile) -> np.ndarray:
        rows, columns = tile
        here = (
            slice(rows.start + top, rows.stop + top),
            slice(columns.start + left, columns.stop + left),
        )
        codes = encode(image, here)
        values = function(codes.reshape(-1, codes.shape[2]))
        return values.reshape(*codes.shape[:2], *values.shape[1:])

    for whole in tiles((height, width), side):
        for tile, values in _affordable(answer, whole):
            if out is None:  # until a tile has told type and shape
                out = np.empty((height, width, *values.shape[2:]), values.dtype)
            write(out, tile, values)
    return out


def _affordable(
    answer: Callable[[Tile], np.ndarray], tile: Tile
) -> Iterator[tuple[Tile, np.ndarray]]:
    """Yield the answers for a tile, or for its parts where memory does not suffice for it."""
    parts = quarters(tile)
    try:
        yield tile, answer(tile)
        return
    except Exception as error:
        if not out_of_memory(error):
            raise
        if len(parts) == 1:
            height, width = (part.stop - part.start for part in tile)
            raise MemoryError(
                f"Memory does not suffice for a tile of {height} x {width} pixels, the smallest "
                "that there is. Free some, or lower what widens the codes: pooling, width or "
                "patch_size."
            ) from error
    for part in parts:  # not inside `except`, where the traceback holds what has to be freed
        yield from _affordable(answer, part)


def write(out: Any, tile: Tile, values: np.ndarray) -> None:
    """Put the values of a tile where they belong, if they fit in there."""
    if out.dtype != values.dtype and out.dtype.kind in "iu":
        low, high = int(values.min()), int(values.max())
        bounds = np.iinfo(out.dtype)
        if low < bounds.min or high > bounds.max:
            raise ValueError(
                f"out has dtype {out.dtype}, but there are labels from {low} to {high}. Pass an "
                f"out of dtype {values.dtype}."
            )
    out[tile] = values
    release(out)


def _gather(
    function: Callable[[np.ndarray, Tile], np.ndarray], image: np.ndarray, chosen: np.ndarray
) -> np.ndarray:
    y, x = np.divmod(chosen, image.shape[1])
    parts, places = [], []
    for tile in image_tiles(image):
        rows, columns = tile
        here = np.flatnonzero(
            (rows.start <= y) & (y < rows.stop) & (columns.start <= x) & (x < columns.stop)
        )
        if len(here):
            box = _bounds(y[here]), _bounds(x[here])  # of a few strokes it is small
            maps = function(image, box)
            parts.append(maps[y[here] - box[0].start, x[here] - box[1].start])
            places.append(here)
    gathered = np.concatenate(parts)
    result = np.empty_like(gathered)
    result[np.concatenate(places)] = gathered
    return result


def _bounds(places: np.ndarray) -> slice:
    return slice(int(places.min()), int(places.max()) + 1)


def _draw(pools: Sequence[np.ndarray], n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw `n` of all members of the pools, keeping each with its pool, in order."""
    sizes = np.array([len(pool) for pool in pools])
    total = int(sizes.sum())
    drawn = np.sort(rng.choice(total, n, replace=False)) if n < total else np.arange(total)
    ends = np.cumsum(sizes)
    bounds = np.searchsorted(drawn, ends)
    return [
        pool[part - (end - size)]
        for pool, part, end, size in zip(
            pools, np.split(drawn, bounds[:-1]), ends, sizes, strict=True
        )
    ]
