"""Maps of images computed tile by tile, within a budget of memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from .._compat import out_of_memory
from ._lazy_images import ReadAheadImage, RowImage, release
from ._tiles import ROW_TILE, Tile, tiles


def map_tiles(
    encode: Callable[[np.ndarray, Tile], np.ndarray],
    image: Any,
    function: Callable[[np.ndarray], np.ndarray],
    cost: TileCost,
    work: TileRequest,
) -> Any:
    """Return the map (H, W, ...) of `function(codes)` over the codes (n, F) of every tile.

    In `work.out`, if there is one; of the part `work.within`, if that is asked for.
    """
    max_memory, out, within = work
    if getattr(image, "on_disk", False):
        image = ReadAheadImage(image)
    side = ROW_TILE if isinstance(image, RowImage) else tile_side(max_memory, cost)
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
    parts = split_tile(tile)
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
                "that there is. Free some, or lower what widens the codes: pooling, n_filters or "
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


UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
STEP = 32  # sides are multiples of it, so that whatever is computed on a grid stays on its grid
WIDEST = 512  # side in pixels: wider tiles have less halo, but fall out of the processor's caches
OVERHEAD = 2**25  # bytes: what libraries keep, and the pieces of the image on the way


class TileCost(NamedTuple):
    """What working on a tile takes."""

    halo: int  # pixels beyond the tile, on every side, that its answer depends on
    padded: int  # bytes for each pixel of tile and halo while codes are computed
    inner: int  # bytes for each pixel of the tile while codes are looked at


class TileRequest(NamedTuple):
    """How an image is to be worked on."""

    max_memory: int = 2**30  # bytes
    out: Any = None  # where the answer goes; None makes an array
    within: Tile | None = None  # the part that is asked for; None is all of the image


def to_bytes(max_memory: int | str) -> int:
    """Read "512MiB" or a number of bytes."""
    if not isinstance(max_memory, str):
        return int(max_memory)
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([A-Za-z]+)\s*", max_memory)
    if match is None or match[2] not in UNITS:
        raise ValueError(
            f"max_memory={max_memory!r} is not an amount of memory. Pass bytes, or a number with "
            f"one of {', '.join(UNITS)}, such as '1GiB'."
        )
    return int(float(match[1]) * UNITS[match[2]])


def tile_side(max_memory: int, cost: TileCost) -> int:
    """Return the side in pixels of the widest tile that needs no more than `max_memory` bytes."""
    for side in range(WIDEST, 0, -STEP):
        if tile_bytes(side, cost) <= max_memory:
            return side
    raise ValueError(
        f"max_memory={max_memory} bytes is too little: with its halo of {cost.halo} pixels, a tile "
        f"of {STEP} takes {tile_bytes(STEP, cost)}. Pass at least "
        f"'{-(-tile_bytes(STEP, cost) // 2**20)}MiB', or lower pooling, n_filters "
        "or patch_size."
    )


def tile_bytes(side: int, cost: TileCost) -> int:
    """Return the bytes that a tile of some side takes: the most of what it takes at a time."""
    return OVERHEAD + max((side + 2 * cost.halo) ** 2 * cost.padded, side**2 * cost.inner)


def split_tile(tile: Tile) -> list[Tile]:
    """Cut a tile at multiples of `STEP`, in both directions; a tile of one step stays whole."""
    rows, columns = (_halves(part) for part in tile)
    return [(r, c) for r in rows for c in columns]


def _halves(part: slice) -> list[slice]:
    middle = part.start + (part.stop - part.start) // (2 * STEP) * STEP
    halves = [slice(part.start, middle), slice(middle, part.stop)]
    return [half for half in halves if half.stop > half.start]
