"""How large a tile may be that memory holds what is computed for it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from ._tiles import Tile

UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
STEP = 32  # sides are multiples of it, so that whatever is computed on a grid stays on its grid
WIDEST = 512  # side in pixels: wider tiles have less halo, but fall out of the processor's caches
OVERHEAD = 2**25  # bytes: what libraries keep, and the pieces of the image on the way


class Cost(NamedTuple):
    """What working on a tile takes."""

    halo: int  # pixels beyond the tile, on every side, that its answer depends on
    padded: int  # bytes for each pixel of tile and halo while codes are computed
    inner: int  # bytes for each pixel of the tile while codes are looked at


class Work(NamedTuple):
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


def tile_side(max_memory: int, cost: Cost) -> int:
    """Return the side in pixels of the widest tile that needs no more than `max_memory` bytes."""
    for side in range(WIDEST, 0, -STEP):
        if needed(side, cost) <= max_memory:
            return side
    raise ValueError(
        f"max_memory={max_memory} bytes is too little: with its halo of {cost.halo} pixels, a tile "
        f"of {STEP} takes {needed(STEP, cost)}. Pass at least "
        f"'{-(-needed(STEP, cost) // 2**20)}MiB', or lower pooling, width "
        "or patch_size."
    )


def needed(side: int, cost: Cost) -> int:
    """Return the bytes that a tile of some side takes: the most of what it takes at a time."""
    return OVERHEAD + max((side + 2 * cost.halo) ** 2 * cost.padded, side**2 * cost.inner)


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error is of numpy, torch or onnxruntime for want of memory."""
    name, text = type(error).__name__, str(error)
    return (
        isinstance(error, MemoryError)
        or name == "OutOfMemoryError"  # torch's, of a GPU
        or "allocate memory" in text  # torch's, of the CPU
        or "Failed to allocate" in text  # onnxruntime's
    )


def quarters(tile: Tile) -> list[Tile]:
    """Cut a tile at multiples of `STEP`, in both directions; a tile of one step stays whole."""
    rows, columns = (_halves(part) for part in tile)
    return [(r, c) for r in rows for c in columns]


def _halves(part: slice) -> list[slice]:
    middle = part.start + (part.stop - part.start) // (2 * STEP) * STEP
    halves = [slice(part.start, middle), slice(middle, part.stop)]
    return [half for half in halves if half.stop > half.start]
