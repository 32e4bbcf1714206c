"""Computation of maps of images, tile by tile, within a memory budget."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .._compat import out_of_memory
from ._label_values import can_hold, is_unlabeled
from ._lazy_images import ReadAheadImage, RowImage, release
from ._no_data import bounds_of, missing_at, spread
from ._tiles import ROW_TILE, Tile, full_tile, moved, per_axis, sides_of, tiles


def map_tiles(
    encode: Callable[[np.ndarray, Tile], np.ndarray],
    image: Any,
    function: Callable[[np.ndarray], np.ndarray],
    cost: TileCost,
    work: TileRequest,
) -> Any:
    """Return the map (H, W, ...) of `function(codes)`, given codes (n, F) of the pixels of a tile.

    It is written to `work.out` if that is given, and restricted to `work.within` if that is given.
    Pixels without data are NaN in it, or unlabeled in label maps.
    """
    max_memory, out, within = work
    if getattr(image, "on_disk", False):
        image = ReadAheadImage(image)
    within = within or full_tile(image.shape)
    n_axes, sides = len(within), sides_of(within)
    side = ROW_TILE if isinstance(image, RowImage) else tile_side(max_memory, cost, n_axes)

    def compute(tile: Tile) -> np.ndarray:
        in_image = moved(tile, within)
        missing = missing_at(image, in_image)
        if missing is not None:
            return _with_gaps(encode, image, in_image, function, missing)
        codes = encode(image, in_image)
        values = function(codes.reshape(-1, codes.shape[-1]))
        return values.reshape(*codes.shape[:-1], *values.shape[1:])

    for whole in tiles((*sides, 1), side):
        for tile, values in _compute_parts(compute, whole):
            if out is None:  # shape is known from the first tile
                out = np.empty((*sides, *values.shape[n_axes:]), values.dtype)
            if work.out is None and values.dtype != out.dtype:  # a tile has pixels without data
                out = out.astype(np.result_type(out, values), copy=False)
            write(out, tile, values)
    return out


def _with_gaps(
    encode: Callable[[np.ndarray, Tile], np.ndarray],
    image: Any,
    tile: Tile,
    function: Callable[[np.ndarray], np.ndarray],
    missing: np.ndarray,
) -> np.ndarray:
    """Return the map (h, w, ...) of a tile of which some pixels are `missing`.

    Codes are computed in the smallest rectangle with all others; in one pixel if there are none,
    for type and shape.
    """
    box = bounds_of(~missing) or (slice(0, 1),) * len(tile)
    codes = encode(image, moved(box, tile))
    flat, inner = codes.reshape(-1, codes.shape[-1]), missing[box].ravel()
    if missing.all():
        values = function(np.zeros_like(flat))[:0]
    else:
        values = function(flat.take(np.flatnonzero(~inner), axis=0))
    return spread(values, missing)


def _compute_parts(
    compute: Callable[[Tile], np.ndarray], tile: Tile
) -> Iterator[tuple[Tile, np.ndarray]]:
    """Yield the values of a tile, or those of its parts if there is too little memory."""
    parts = split_tile(tile)
    try:
        yield tile, compute(tile)
        return
    except Exception as error:
        if not out_of_memory(error):
            raise
        if len(parts) == 1:
            size = " x ".join(map(str, sides_of(tile)))
            raise MemoryError(
                f"There is too little memory for a tile of {size} pixels, the smallest size. "
                "Free some memory, or lower pooling, n_filters or patch_size."
            ) from error
    for part in parts:  # not inside `except`, whose traceback keeps arrays alive
        yield from _compute_parts(compute, part)


def write(out: Any, tile: Tile, values: np.ndarray) -> None:
    """Write the values of a tile; raise an error if labels do not fit the dtype of `out`."""
    holds_any = out.dtype == values.dtype or out.dtype.kind in "fO"
    if not holds_any and not can_hold(out.dtype, values):
        raise ValueError(
            f"out has dtype {out.dtype}, but labels are {_some(values)} of dtype {values.dtype} "
            f"(-1, NaN, None: noise, or no data). Pass an out of dtype {values.dtype}."
        )
    out[tile] = values
    release(out)


def _some(labels: np.ndarray) -> str:
    """Return some of the values of a label map, unlabeled ones first, for an error message."""
    missing = is_unlabeled(labels)
    marks = labels[missing][:1].tolist()
    return f"{[*marks, *np.unique(labels[~missing]).tolist()]}"[:60]


UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
STEP = 32  # sides are multiples of it, so that tiles are aligned with all sampling grids
# Side in pixels, of tiles with 2 or 3 axes; wider ones have less halo, but exceed the processor's
# caches.
WIDEST = {2: 512, 3: 128}
HALOS = 5  # side of the widest tiles in halos, if these are large
OVERHEAD = 2**25  # bytes of libraries, and of the pieces of the image being read


class TileCost(NamedTuple):
    """Memory that a tile takes."""

    halo: Any  # pixels beyond the tile, on every side, that its values depend on
    padded: int  # bytes for each pixel of tile and halo while codes are computed
    inner: int  # bytes for each pixel of the tile while codes are processed
    held: Any = None  # pixels beyond the tile that are in memory at once, if fewer than the halo


class TileRequest(NamedTuple):
    """How a map of an image is computed."""

    max_memory: int = 2**30  # bytes
    out: Any = None  # array to write to; None allocates one
    within: Tile | None = None  # the part to compute; None is the whole image


def to_bytes(max_memory: int | str) -> int:
    """Return an amount of memory, such as "512MiB", as a number of bytes."""
    if not isinstance(max_memory, str):
        return int(max_memory)
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([A-Za-z]+)\s*", max_memory)
    if match is None or match[2] not in UNITS:
        raise ValueError(
            f"max_memory={max_memory!r} is not an amount of memory. Pass bytes, or a number with "
            f"one of {', '.join(UNITS)}, such as '1GiB'."
        )
    return int(float(match[1]) * UNITS[match[2]])


def tile_side(max_memory: int, cost: TileCost, n_axes: int = 2) -> int:
    """Return the side in pixels of the largest tile that takes at most `max_memory` bytes."""
    halo = max(per_axis(cost.halo, n_axes))
    for side in range(max(WIDEST[n_axes], HALOS * halo // STEP * STEP), 0, -STEP):
        if tile_bytes(side, cost, n_axes) <= max_memory:
            return side
    least = tile_bytes(STEP, cost, n_axes)
    raise ValueError(
        f"max_memory={max_memory} bytes is too little: a tile of {STEP} pixels, with a halo of "
        f"{halo}, takes {least} bytes. Pass at least '{-(-least // 2**20)}MiB', or lower pooling, "
        "n_filters or patch_size."
    )


def tile_bytes(side: int, cost: TileCost, n_axes: int = 2) -> int:
    """Return the peak memory, in bytes, of a tile with a given side."""
    held = cost.halo if cost.held is None else cost.held
    n_padded = prod(side + 2 * own for own in per_axis(held, n_axes))
    return OVERHEAD + max(n_padded * cost.padded, side**n_axes * cost.inner)


def split_tile(tile: Tile) -> list[Tile]:
    """Split a tile at multiples of `STEP` along all axes; one of a single step is kept."""
    return list(product(*(_halves(part) for part in tile)))


def _halves(part: slice) -> list[slice]:
    middle = part.start + (part.stop - part.start) // (2 * STEP) * STEP
    halves = [slice(part.start, middle), slice(middle, part.stop)]
    return [half for half in halves if half.stop > half.start]
