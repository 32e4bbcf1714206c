"""Lazy maps of dask arrays of images, computed by the scheduler of the user."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .._compat import require
from ._label_values import markable
from ._lazy_images import ImageWindow
from ._no_data import GAP_REACH, as_read, may_have_gaps
from ._normalization import Rule, range_tiles
from ._tiled_inference import TileRequest, tile_side
from ._tiles import per_axis


def is_dask(X: Any) -> bool:
    """Return whether X is a dask array or a list of them, without importing dask."""
    first = X[0] if isinstance(X, list | tuple) and len(X) > 0 else X
    return type(first).__module__.split(".")[0] == "dask" and hasattr(first, "dask")


def lazy_maps(
    images: Any,
    model: Any,
    method: str,
    options: dict[str, Any],
    max_memory: int,
    rule: Rule | None = None,
) -> Any:
    """Return a dask array of maps `model.method(image, request, **options)`, one task per chunk.

    Chunks include their halo and their position in the image. Borders and tiles, and thus maps, are
    the same as in one process.

    Parameters
    ----------
    images : dask array of shape (n, H, W, C) or (n, D, H, W, C)
    model : object
        Sent to each worker once. `cost(image)` is the cost of a tile; chunks are whole tiles.
    method : str
        Gets a window in place of the whole image, and computes the part `request.within`.
    options : dict
        Further arguments.
    max_memory : int
        Per task, in bytes.
    rule : Normalization, FullRange or None
        Normalization of the images.
    """
    n_axes, n_channels = images.ndim - 2, images.shape[-1]
    sides = images.shape[1:-1]
    blank = np.zeros((4,) * n_axes + (n_channels,), images.dtype if rule is None else np.float32)
    cost = model.cost(blank)
    delayed, overlap = require("dask", "scale").delayed, require("dask.array.overlap", "scale")
    side, fill = tile_side(max_memory, cost, n_axes), GAP_REACH * may_have_gaps(images)
    halos = [own + fill for own in per_axis(cost.halo, n_axes)]
    largest = [max(sizes) for sizes in images.chunks[1:-1]]
    trios = zip(sides, largest, halos, strict=True)
    chunks = [_chunks(size, own, side, halo) for size, own, halo in trios]
    images = images.rechunk((1, *map(tuple, chunks), n_channels))
    # An axis with one chunk needs no halo; dask requires chunks longer than the halo.
    pairs = enumerate(zip(chunks, halos, strict=True), start=1)
    depth = {axis: halo if len(sizes) > 1 else 0 for axis, (sizes, halo) in pairs}
    around = overlap.overlap(images, depth, boundary="none", allow_rechunk=False)
    # Infer dtype and shape from a small blank image. Pixels without data need a label.
    example = getattr(model, method)(blank, TileRequest(), **options)
    if may_have_gaps(images):
        example = markable(example)
    tail = example.shape[n_axes:]
    form: dict[str, Any] = {
        "chunks": (*images.chunks[:-1], *((n,) for n in tail)),
        "drop_axis": [] if tail else [n_axes + 1],
        "dtype": example.dtype,
        "meta": np.empty((0,) * (1 + n_axes + len(tail)), example.dtype),
    }
    return around.map_blocks(
        _map_chunk,
        delayed(model, pure=False, traverse=False),
        method=method,
        options=options,
        rule=rule,
        intervals=_intervals(images, rule) if rule is not None and rule.per_image else None,
        starts=[np.cumsum([0, *sizes]).tolist() for sizes in chunks],
        halos=halos,
        max_memory=max_memory,
        returned=example.dtype,
        **form,
    )


def with_channels(stack: Any, n_axes: int) -> Any:
    """Reshape (n, H, W[, C]) to (n, H, W, C)."""
    return stack if stack.ndim == n_axes + 2 else stack[..., None]


def concatenate(stacks: list[Any]) -> Any:
    """Concatenate dask arrays."""
    return stacks[0] if len(stacks) == 1 else require("dask.array", "scale").concatenate(stacks)


def _map_chunk(
    block: np.ndarray,
    model: Any,
    *,
    method: str,
    options: dict[str, Any],
    rule: Rule | None,
    intervals: np.ndarray | None,
    starts: list[list[int]],
    halos: list[int],
    max_memory: int,
    returned: np.dtype,
    block_id: tuple[int, ...],
) -> np.ndarray:
    """Return the map of one chunk of one image, (1, h, w, C) with halo."""
    i, *places = block_id[: len(starts) + 1]
    pixels = as_read(block[0], f"X[{i}]")
    within = tuple(slice(*own[p : p + 2]) for own, p in zip(starts, places, strict=True))
    origin = [max(0, part.start - halo) for part, halo in zip(within, halos, strict=True)]
    image: Any = ImageWindow(pixels, origin, [own[-1] for own in starts])
    if rule is not None:
        image = rule.window(image, None if intervals is None else tuple(intervals[i]))
    request = TileRequest(max_memory, within=within)
    return getattr(model, method)(image, request, **options)[None].astype(returned, copy=False)


def _chunks(size: int, own: int, side: int, halo: int) -> list[int]:
    """Return chunk sizes close to `own`, multiples of the tile side, and at least the halo."""
    length = side * max(round(own / side), -(-halo // side), 1)
    n, rest = divmod(size, length)
    if n == 0:
        return [size]
    chunks = [length] * n
    if rest >= max(halo, 1):
        return [*chunks, rest]
    chunks[-1] += rest
    return chunks


def _intervals(images: Any, rule: Rule) -> Any:
    """Return the delayed intervals (n, 2, C) to map, from the same tiles as in one process."""
    delayed, shape = require("dask", "scale").delayed, images.shape[1:]
    summary, interval = delayed(rule.summary), delayed(rule.interval_of)
    cuts = range_tiles(shape)
    read = delayed(partial(as_read, name="X"))
    own = [interval([summary(read(image[cut]), shape) for cut in cuts]) for image in images]
    return delayed(np.array)(own)
