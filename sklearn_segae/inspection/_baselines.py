"""Baselines that the pixels of an image are compared with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import ndimage

from ..imaging._no_data import missing_in
from ..imaging._tiled_inference import TileRequest
from ..imaging._tiles import Tile, full_tile, read_tile, some_tiles
from ._log_odds import LogOdds

BASELINE_TILE_SIDE, N_TILES = (
    128,
    9,
)  # tiles of a large image in which the other segment is searched for
INSIDE = 0.5  # minimum distance of baselines to boundaries, relative to the largest distance


def other_windows(
    odds: LogOdds, seen: np.ndarray, n: int, rng: np.random.RandomState
) -> list[np.ndarray]:
    """Return random windows (H', W', C) in the other segment; [] if there are none."""
    parts = some_tiles(seen.shape, BASELINE_TILE_SIDE, N_TILES)
    places = _inside_other(odds, seen, parts)
    if not len(places) and len(parts) > 1:  # the tiles may have missed it
        places = _inside_other(odds, seen, [full_tile(seen.shape)])
    if not len(places):
        return []
    chosen = places[rng.randint(len(places), size=n)]
    windows = [read_tile(seen, tile, 0) for tile in _tiles_about(chosen, odds)]
    return [w if missing_in(w) is None else np.where(np.isnan(w), _mean(seen), w) for w in windows]


def mean_window(odds: LogOdds, seen: np.ndarray) -> np.ndarray:
    """Return a window (H', W', C) of the mean pixel of the image."""
    return np.broadcast_to(_mean(seen), odds.target.window.shape)


def _mean(seen: np.ndarray) -> np.ndarray:
    """Return the mean (C,) of the pixels with data."""
    pixels = np.asarray(seen)  # lazy images have no method `mean`
    mean: Any = np.mean if missing_in(pixels) is None else np.nanmean
    return mean(pixels, (0, 1), dtype=np.float64)


def _inside_other(odds: LogOdds, seen: np.ndarray, parts: list[Tile]) -> np.ndarray:
    """Return the pixels (n, 2) of parts of an image that lie well inside the other segment."""
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
    """Yield tiles of the size of the window whose regions are centered on the places."""
    height, width = odds.target.window.shape[:2]
    middle = [(part.start + part.stop) // 2 for part in odds.target.tile]
    for y, x in places - middle:
        yield slice(int(y), int(y) + height), slice(int(x), int(x) + width)
