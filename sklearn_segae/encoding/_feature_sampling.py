"""Features of a trained network, read off tiles of images and paired with their neighbors'."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from torch import Tensor, nn

from ..imaging._scaling import scaled
from ..imaging._tiles import Tile, pad_tile, pixel_ranges, read_tile, tiles
from ..training._execution import evaluate
from ._pooling import Reader, pool_radius, pooled_features, stride_of

SIDE = 32  # of the tiles that pairs are taken from, in steps of their grid
N_TILES = 64  # many small ones rather than few large ones: they should be from everywhere
N_PAIRS = 40_000  # about: covariances of so many are sure to a per cent
N_ROWS = 40_000


class FeaturePairs(NamedTuple):
    """Features (n, F) of pixels and of their neighbors, and what belongs to each pair."""

    first: np.ndarray
    second: np.ndarray
    pixels: np.ndarray  # (n, C), the scaled pixel at the first end
    image: np.ndarray  # (n,), index of the image


def lag_of(sigma: float) -> int:
    """Return how far apart compared pixels are: beyond what pooling alone makes them share."""
    return max(3, round(2.5 * sigma))


def sample_pairs(
    module: Reader,
    images: Sequence[np.ndarray],
    scale: np.ndarray,
    sigma: float,
    rng: np.random.Generator,
    n_tiles: int = N_TILES,
) -> FeaturePairs:
    """Pair pooled pixels with those `lag_of(sigma)` further right and further down.

    From up to `n_tiles` tiles, that do not overlap, on a grid no finer than pooling asks for.
    """
    step = max(1, int(sigma / 2))
    lag = round(lag_of(sigma) / step)
    every = [(i, t) for i, image in enumerate(images) for t in tiles(image.shape, SIDE * step)]
    chosen = [every[c] for c in rng.permutation(len(every))[:n_tiles]]
    thin = max(1, 2 * len(chosen) * SIDE**2 // N_PAIRS)
    parts = []
    for i, tile in chosen:
        maps = grid_features(module, images[i], scale, tile, sigma, step, stride_of(sigma))
        first, second = (end[::thin] for end in _neighbors(maps, lag))
        parts.append(_split(first, second, images[i].shape[2], i))
    return FeaturePairs(*map(np.concatenate, zip(*parts, strict=True)))


def grid_features(
    module: Reader,
    image: np.ndarray,
    scale: np.ndarray,
    tile: Tile,
    sigma: float,
    step: int,
    stride: int = 1,
) -> np.ndarray:
    """Return pooled features, and the pixels behind them, of every `step`-th pixel of a tile.

    Pooled are every `stride`-th pixel's.
    """
    around = pad_tile(tile, pool_radius(sigma), image.shape)
    rows, columns = pixel_ranges(tile, around, step)
    function = partial(pooled_features, sigma=sigma, rows=rows, columns=columns, stride=stride)
    return evaluate_tile(module, function, image, scale, around)


def row_pairs(
    module: Reader, rows: np.ndarray, scale: np.ndarray, rng: np.random.Generator
) -> FeaturePairs:
    """Pair rows (n, 1, C) with themselves, since they have no neighbors."""
    chosen = rows[rng.permutation(len(rows))[:N_ROWS]]
    everything = slice(0, len(chosen)), slice(0, 1)
    maps = grid_features(module, chosen, scale, everything, sigma=0, step=1)[:, 0]
    return _split(maps, maps, rows.shape[2], 0)


def evaluate_tile(
    module: Reader,
    function: Callable[[nn.Module, Tensor], Tensor],
    image: np.ndarray,
    scale: np.ndarray,
    tile: Tile,
    dtype: type = np.float32,
) -> np.ndarray:
    """Apply `function(module, x)` to a scaled tile and what the network sees around it.

    (h + 2 * margin, w + 2 * margin, C) -> (h', w', F).
    """
    x: np.ndarray = scaled(read_tile(image, tile, module.margin), scale).astype(dtype, copy=False)
    maps = evaluate(module, function, x.transpose(2, 0, 1)[None])  # a view: channels stay last
    return maps[0].transpose(1, 2, 0)


def _neighbors(maps: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, F) of grid points, and of those `lag` steps further right or down."""
    lag = min(lag, max(maps.shape[:2]) - 1)  # 0 for a single pixel: its own neighbor
    if lag == 0:
        return _flat(maps), _flat(maps)
    first = np.concatenate([_flat(maps[:-lag]), _flat(maps[:, :-lag])])
    return first, np.concatenate([_flat(maps[lag:]), _flat(maps[:, lag:])])


def _flat(maps: np.ndarray) -> np.ndarray:
    return maps.reshape(-1, maps.shape[2])


def _split(first: np.ndarray, second: np.ndarray, n_channels: int, image: int) -> FeaturePairs:
    """Part the features from the pixels that `pooled_features` put behind them."""
    features = first[:, :-n_channels], second[:, :-n_channels]
    return FeaturePairs(*features, first[:, -n_channels:], np.full(len(first), image))
