"""Dask arrays of images in, lazy dask arrays of maps out: computed by the user's scheduler."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._compat import require
from ._lazy_images import ImageWindow, check_finite
from ._normalization import NormalizedImage, intensity_span, range_tiles
from ._tiled_inference import TileRequest, tile_side

Extremes = tuple[Any, Any]  # lowest and highest value of every image and channel, (n, C) each


def is_dask(X: Any) -> bool:
    """Tell a dask array, or a list of them, without importing dask."""
    first = X[0] if isinstance(X, list | tuple) and len(X) > 0 else X
    return type(first).__module__.split(".")[0] == "dask" and hasattr(first, "dask")


def lazy_maps(
    images: Any,
    model: Any,
    method: str,
    options: dict[str, Any],
    max_memory: int,
    typical: np.ndarray | None = None,
) -> Any:
    """Return the dask array of the maps `model.method(image, request, **options)`, a task a chunk.

    A chunk comes with the pixels around it that its map depends on, and knows its place in the
    image: borders are treated as in one process, tiles are the same, and so are the maps.

    Parameters
    ----------
    images : dask array of shape (n, H, W, C)
    model : object
        Sent to every worker once. Its `cost(image)` is that of a tile; chunks are whole tiles.
    method : str
        Its first argument looks like a whole image; the part `request.within` is computed.
    options : dict
        Further arguments.
    max_memory : int
        In bytes, for each task.
    typical : ndarray of shape (C,) or None
        Where images are normalized: the range that is typical.
    """
    blank = np.zeros((4, 4, images.shape[3]), images.dtype if typical is None else np.float32)
    cost = model.cost(blank)
    delayed, overlap = require("dask", "scale").delayed, require("dask.array.overlap", "scale")
    side, halo = tile_side(max_memory, cost), cost.halo
    chunks = [_chunks(size, own, side, halo) for size, own in zip(*_sides(images), strict=True)]
    images = images.rechunk((1, *map(tuple, chunks), images.shape[3]))
    # What is in one piece needs nothing around it; dask would ask it to be longer than the halo.
    depth = {axis + 1: halo if len(sizes) > 1 else 0 for axis, sizes in enumerate(chunks)}
    around = overlap.overlap(images, depth, boundary="none", allow_rechunk=False)
    # A few black pixels tell type and shape.
    example = getattr(model, method)(blank, TileRequest(), **options)
    axes = len(example.shape) - 2
    form: dict[str, Any] = {
        "chunks": (images.chunks[0], *images.chunks[1:3], *((n,) for n in example.shape[2:])),
        "drop_axis": [] if axes else [3],
        "dtype": example.dtype,
        "meta": np.empty((0,) * (3 + axes), example.dtype),
    }
    return around.map_blocks(
        _map_chunk,
        delayed(model, pure=False, traverse=False),
        method=method,
        options=options,
        extremes=None if typical is None else _extremes(images),
        typical=typical,
        starts=[np.cumsum([0, *sizes]).tolist() for sizes in chunks],
        halo=halo,
        max_memory=max_memory,
        **form,
    )


def with_channels(stack: Any) -> Any:
    """(n, H, W[, C]) -> (n, H, W, C)."""
    return stack if stack.ndim == 4 else stack[..., None]


def concatenate(stacks: list[Any]) -> Any:
    """Put dask arrays one after the other."""
    return stacks[0] if len(stacks) == 1 else require("dask.array", "scale").concatenate(stacks)


def _map_chunk(
    block: np.ndarray,
    model: Any,
    *,
    method: str,
    options: dict[str, Any],
    extremes: Extremes | None,
    typical: np.ndarray,
    starts: list[list[int]],
    halo: int,
    max_memory: int,
    block_id: tuple[int, ...],
) -> np.ndarray:
    """Return the map of one chunk of one image, (1, h, w, C) with the pixels around it."""
    i, *places = block_id[:3]
    check_finite(block, f"X[{i}]")
    rows, columns = (slice(*own[p : p + 2]) for own, p in zip(starts, places, strict=True))
    origin = max(0, rows.start - halo), max(0, columns.start - halo)
    image: Any = ImageWindow(block[0], origin, (starts[0][-1], starts[1][-1]))
    if extremes is not None:
        low, high = (values[i].astype(np.float64) for values in extremes)
        image = NormalizedImage(image, low, intensity_span(low, high, typical))
    request = TileRequest(max_memory, within=(rows, columns))
    return getattr(model, method)(image, request, **options)[None]


def _sides(images: Any) -> tuple[tuple[int, int], list[int]]:
    """Height and width, and how long chunks are along either."""
    return images.shape[1:3], [max(sizes) for sizes in images.chunks[1:3]]


def _chunks(size: int, own: int, side: int, halo: int) -> list[int]:
    """Return chunks about as long as they are, of whole tiles, and none shorter than the halo."""
    length = side * max(round(own / side), -(-halo // side), 1)
    n, rest = divmod(size, length)
    if n == 0:
        return [size]
    chunks = [length] * n
    if rest >= max(halo, 1):
        return [*chunks, rest]
    chunks[-1] += rest
    return chunks


def _extremes(images: Any) -> Extremes:
    """Lowest and highest values, of the tiles that tell them in one process as well."""
    array = require("dask.array", "scale")
    parts = [images[:, rows, columns] for rows, columns in range_tiles(images.shape[1:3])]
    low = array.stack([part.min((1, 2)) for part in parts]).min(0)
    return low, array.stack([part.max((1, 2)) for part in parts]).max(0)
