"""From the features of a trained net to a few codes: what neighbours share, read off samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy import sparse
from torch import Tensor, nn

from ._coherence import autocorrelation, coherence_axes, fix_signs, pair_covariances
from ._execution import evaluate
from ._reading import Reader, pool_radius, pooled_features, stride_of
from ._scaling import scaled
from ._tiles import Tile, places, read_tile, tiles, widen

SIDE = 32  # of the tiles that pairs are taken from, in steps of their grid
N_TILES = 64  # many small ones rather than few large ones: they should be from everywhere
N_PAIRS = 40_000  # about: covariances of so many are sure to a per cent
N_ROWS = 40_000
N_COLOURS = 3  # leading colours that count, also of a hundred bands
FAINT = 0.001  # standard deviation of what is added to colours of standard deviation 1


class FeaturePairs(NamedTuple):
    """Features (n, F) of pixels and of their neighbours, and what belongs to each pair."""

    first: np.ndarray
    second: np.ndarray
    pixels: np.ndarray  # (n, C), the scaled pixel at the first end
    image: np.ndarray  # (n,), index of the image


class Projection(NamedTuple):
    """Linear maps from features to codes and from codes to scaled pixels."""

    axes: np.ndarray  # (F, n_components) float32
    offset: np.ndarray  # (n_components,), to be subtracted from the projected features
    coherence: np.ndarray  # (n_components,)
    readout: np.ndarray  # (n_components + 1, C), the last row is the intercept

    def masked(self, used: np.ndarray) -> Projection:
        """Return the projection whose components are 0 where `used` (n_components,) is False."""
        return self._replace(axes=self.axes * used, offset=self.offset * used)


def lag_of(sigma: float) -> int:
    """Return how far apart compared pixels are: beyond what pooling alone makes them share."""
    return max(3, round(2.5 * sigma))


def fit_projection(
    pairs: FeaturePairs,
    n_components: int,
    whitening: float,
    pixels: np.ndarray | None = None,
    n_strong: int = 0,
    n_readings: int = 1,
) -> Projection:
    """Solve for the axes of the codes, and for the least-squares way back.

    Coherence axes, within images, of each reading by itself; or, given scaled `pixels` (n, C) from
    everywhere, their whitened principal colours first, as in `_colours_first`.
    """
    first, second = _within_images(pairs)
    covariance, lagged = pair_covariances(first, second)
    if n_components > len(covariance):
        raise ValueError(
            f"n_components={n_components} is more than the {len(covariance)} hidden features. "
            "Lower it, or raise width."
        )
    if pixels is not None:
        colours = colour_axes(pixels)[:, :n_components]
        axes = _colours_first(colours, covariance, lagged, n_components, n_strong)
        coherence = autocorrelation(covariance, lagged, axes)
    else:
        axes = _axes_of_readings(covariance, lagged, n_components, whitening, n_readings)
        coherence = autocorrelation(covariance, lagged, axes)
        order = (-coherence).argsort(kind="stable") if n_readings > 1 else slice(None)
        axes, coherence = axes[:, order], coherence[order]
    offset = pairs.first.mean(0) @ axes
    codes = np.column_stack([pairs.first @ axes - offset, np.ones(len(pairs.first))])
    readout = np.linalg.lstsq(codes, pairs.pixels, rcond=None)[0]
    return Projection(axes, offset, coherence, readout)


def _axes_of_readings(
    covariance: np.ndarray, lagged: np.ndarray, n_components: int, whitening: float, n_readings: int
) -> np.ndarray:
    """Coherence axes of every block of features, each block's codes with a total variance of 1."""
    if n_readings == 1:
        return coherence_axes(covariance, lagged, n_components, whitening)[0]
    blocks = np.split(np.arange(len(covariance)), n_readings)
    columns = np.array_split(np.arange(n_components), n_readings)
    axes = np.zeros((len(covariance), n_components))
    for block, column in zip(blocks, columns, strict=True):
        own = np.ix_(block, block)
        part, _ = coherence_axes(covariance[own], lagged[own], len(column), whitening)
        power = np.einsum("fk,fg,gk->", part, covariance[own], part)
        axes[np.ix_(block, column)] = part / np.sqrt(max(power, 1e-12))
    return axes


def _colours_first(
    colours: np.ndarray,
    covariance: np.ndarray,
    lagged: np.ndarray,
    n_components: int,
    n_strong: int,
) -> np.ndarray:
    """Colours (C, q), then coherence axes of what colours leave unexplained in the features.

    `n_strong` of these, and the colours as they come out of the pooling, get unit variance. The
    others are faint additions: too weak to sway a clusterer, there for whatever looks at one
    component at a time, as a forest of trees does.
    """
    unused = len(covariance) - len(colours)  # pixels are the first of the features
    colours = np.vstack([colours, np.zeros((unused, colours.shape[1]))])
    explained = covariance @ colours
    left = np.eye(len(covariance)) - colours @ np.linalg.pinv(colours.T @ explained) @ explained.T
    n_others = n_components - colours.shape[1]
    axes, _ = coherence_axes(left.T @ covariance @ left, left.T @ lagged @ left, n_others, 1)
    others = left @ axes
    others[:, n_strong:] *= FAINT
    if n_strong:
        colours, others[:, :n_strong] = (
            a / np.sqrt(np.einsum("fk,fg,gk->k", a, covariance, a) + 1e-12)
            for a in (colours, others[:, :n_strong])
        )
    return np.hstack([colours, others])


def colour_axes(pixels: np.ndarray) -> np.ndarray:
    """Return at most `N_COLOURS` whitened principal axes (C, n) of pixels (m, C)."""
    n_channels = pixels.shape[1]
    covariance = np.cov(pixels.T.astype(np.float64)).reshape(n_channels, -1)
    scale, basis = np.linalg.eigh(covariance)
    best = scale.argsort()[::-1][:N_COLOURS]
    best = best[scale[best] > 1e-4 * scale.max()]  # a grey image stored as RGB has one colour
    return fix_signs(basis[:, best] / np.sqrt(scale[best]))


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
        first, second = (end[::thin] for end in _neighbours(maps, lag))
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
    around = widen(tile, pool_radius(sigma), image.shape)
    rows, columns = places(tile, around, step)
    function = partial(pooled_features, sigma=sigma, rows=rows, columns=columns, stride=stride)
    return evaluate_tile(module, function, image, scale, around)


def row_pairs(
    module: Reader, rows: np.ndarray, scale: np.ndarray, rng: np.random.Generator
) -> FeaturePairs:
    """Pair rows (n, 1, C) with themselves, since they have no neighbours."""
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


def _neighbours(maps: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, F) of grid points, and of those `lag` steps further right or down."""
    lag = min(lag, max(maps.shape[:2]) - 1)  # 0 for a single pixel: its own neighbour
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


def _within_images(pairs: FeaturePairs) -> tuple[np.ndarray, np.ndarray]:
    """Centre the features image by image: differences between images are not coherence."""
    _, image = np.unique(pairs.image, return_inverse=True)
    ends = [end.astype(np.float64) for end in (pairs.first, pairs.second)]
    # One-hot rows: products with them sum over an image.
    member = sparse.csr_array((np.ones(len(image)), image, np.arange(len(image) + 1)))
    mean = (member.T @ (ends[0] + ends[1])) / (2 * np.bincount(image)[:, None])
    for end in ends:
        end -= mean[image]
    return ends[0], ends[1]
