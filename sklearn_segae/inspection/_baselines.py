"""Baselines: what the pixels of an image are compared with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from ..imaging._tiled_inference import TileRequest
from ..imaging._tiles import Tile, full_tile, read_tile, some_tiles
from ._log_odds import LogOdds

SIDE, N_TILES = 128, 9  # of what is labeled of a large image, to find its segments in it
INSIDE = 0.5  # of the largest distance to a border: baselines show a segment, not its margin


def other_windows(
    odds: LogOdds, seen: np.ndarray, n: int, rng: np.random.RandomState
) -> list[np.ndarray]:
    """Return random windows (H', W', C) whose region lies within the other segment; [] if none."""
    parts = some_tiles(seen.shape, SIDE, N_TILES)
    places = _inside_other(odds, seen, parts)
    if not len(places) and len(parts) > 1:  # so rare that the tiles may have missed it
        places = _inside_other(odds, seen, [full_tile(seen.shape)])
    if not len(places):
        return []
    chosen = places[rng.randint(len(places), size=n)]
    return [read_tile(seen, tile, 0) for tile in _tiles_about(chosen, odds)]


def mean_window(odds: LogOdds, seen: np.ndarray) -> np.ndarray:
    """Return a window (H', W', C) of the mean pixel of the image."""
    # An image may be a view, computed where it is sliced, that has no mean of its own.
    mean = np.asarray(seen).mean((0, 1), dtype=np.float64)
    return np.broadcast_to(mean, odds.question.window.shape)


def _inside_other(odds: LogOdds, seen: np.ndarray, parts: list[Tile]) -> np.ndarray:
    """Return the pixels (n, 2) of some parts of an image that lie well inside the other segment."""
    label, depths = odds.labels[odds.other], []
    for tile in parts:
        other = odds.labeler.label_map(seen, TileRequest(within=tile)) == label
        depths.append(ndimage.distance_transform_edt(np.pad(other, 1))[1:-1, 1:-1])
    least = INSIDE * max(depth.max() for depth in depths)
    found = [
        np.argwhere((depth >= least) & (depth > 0)) + [part.start for part in tile]
        for depth, tile in zip(depths, parts, strict=True)
    ]
    return np.concatenate(found)


def _tiles_about(places: np.ndarray, odds: LogOdds) -> Iterator[Tile]:
    """Yield tiles the size of a window, the middle of its region on each of the places."""
    height, width = odds.question.window.shape[:2]
    middle = [(part.start + part.stop) // 2 for part in odds.question.tile]
    for y, x in places - middle:
        yield slice(int(y), int(y) + height), slice(int(x), int(x) + width)
