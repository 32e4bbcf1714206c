"""Fit of the codes of pretrained features: a linear autoencoder for each stride."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..imaging._lazy_images import SliceImage
from ..imaging._no_data import check_any_data, has_data, missing_in, rows_with_data
from ..imaging._scaling import sample_evenly
from ..imaging._tiled_inference import TileCost
from ..imaging._tiles import Tile, balanced_tiles, pad_tile, per_axis, pixel_ranges, tiles
from ._backbone import MEAN, SPREAD, Backbone
from ._blocks import PretrainedBlock, StrideAxes
from ._feature_sampling import FeatureSampler, TileReader, flatten_map, slices_of
from ._masked_pooling import shares_with_data, weighted_upsample
from ._pooling import TilePooling, pool_axis, pool_radius, upsample
from ._projection import fix_signs

TILE_SIDE, N_TILES = 256, 12  # of the tiles whose features are encoded
N_TOKENS = 20_000  # features at each stride
DEPTH_SIGMA = 1.0  # pooling of the codes of slices of volumes, in the smallest sides of voxels
RANGE = 1, 99  # percentiles of the pixels, for black and white
OPPONENTS = np.array([[1, 1, 1], [1, 0, -1], [0.5, -1, 0.5]])  # for principal colors


def fit_pretrained(
    sampler: FeatureSampler, backbone: Backbone, n_components: int, whitening: float
) -> PretrainedBlock:
    """Fit the conversion of channels to RGB, and principal axes of the features at each stride.

    The optimal linear autoencoder of features consists of their principal axes [1]_. The
    codes of each stride have a total variance of 1.

    References
    ----------
    .. [1] P. Baldi, K. Hornik, "Neural networks and principal component analysis: learning from
       examples without local minima", Neural Networks 2, 1989, doi:10.1016/0893-6080(89)90014-2.
    """
    if len(sampler.images[0].shape) == 4:
        return _fit_slices(sampler, backbone, n_components, whitening)
    numbers = split_components(n_components, backbone.channels)
    block = PretrainedBlock(backbone, fit_rgb(sampler), [])
    tokens = _tokens(sampler, block)
    encoders = [fit_axes(t, n, whitening) for t, n in zip(tokens, numbers, strict=True)]
    return PretrainedBlock(backbone, block.to_rgb, encoders)


def _fit_slices(
    sampler: FeatureSampler, backbone: Backbone, n_components: int, whitening: float
) -> PretrainedBlock:
    """Fit to some slices of volumes."""
    slices: Any = slices_of(sampler.images)
    flat = FeatureSampler(sampler.reader, slices, sampler.rng)
    block = fit_pretrained(flat, backbone, n_components, whitening)
    return replace(block, depth_sigma=DEPTH_SIGMA / sampler.voxel[0])


def split_components(n_components: int, channels: Sequence[int]) -> list[int]:
    """Return the numbers of components of all strides: equal, or one more for the coarsest."""
    n_strides = len(channels)
    if not n_strides <= n_components <= n_strides * min(channels):
        raise ValueError(
            f"n_components={n_components} is not in [{n_strides}, {n_strides * min(channels)}]: "
            f"there are {n_strides} strides, with at least {min(channels)} features. Change "
            "n_components or strides."
        )
    return [(n_components + i) // n_strides for i in range(n_strides)]


def fit_rgb(sampler: FeatureSampler) -> np.ndarray:
    """Return the affine map (C + 1, 3) of scaled channels to normalized RGB.

    Gray values are repeated; other numbers of channels than 1 and 3 are replaced by their
    principal colors.
    """
    scale = sampler.reader.scale
    n_channels = scale.shape[1]
    if n_channels not in (1, 3):
        axes = sampler.color_axes
        return np.vstack([axes @ OPPONENTS[: axes.shape[1]], np.zeros((1, 3))])
    low, high = np.percentile(sample_evenly(sampler.images).astype(float), RANGE)
    width = high - low or 1.0
    to_rgb = np.eye(3) if n_channels == 3 else np.ones((1, 3))
    gains = to_rgb * (scale[1] / width)[:, None]
    offset = ((scale[0] - low) / width) @ to_rgb
    return np.vstack([gains, offset - MEAN]) / SPREAD


def fit_axes(tokens: np.ndarray, n_components: int, whitening: float) -> StrideAxes:
    """Return the principal axes of tokens (n, F), the largest variance first.

    Codes have a total variance of 1: equal ones with whitening 1, in proportion to those of the
    features with 0.
    """
    mean = tokens.mean(0)
    variance, basis = np.linalg.eigh(np.cov(tokens - mean, rowvar=False, bias=True))
    best = variance.argsort()[::-1][:n_components]
    power = np.maximum(variance[best], max(1e-9 * variance.max(), 1e-12))
    factors = power ** (-whitening / 2)
    total = (factors**2 * power).sum()
    return StrideAxes(fix_signs(basis[:, best]) * factors / np.sqrt(total), mean)


def _tokens(sampler: FeatureSampler, block: PretrainedBlock) -> list[np.ndarray]:
    """Return the features (n, F) at each stride of random pixels."""
    chosen = chosen_tiles(sampler)
    n_pixels = N_TOKENS // len(chosen)
    tokens = np.concatenate([_tile_tokens(sampler, block, *t, n_pixels) for t in chosen])
    tokens = rows_with_data(tokens)
    check_any_data(len(tokens) > 0)
    ends = np.cumsum(block.backbone.channels)[:-1]
    return [t.astype(np.float64) for t in np.split(tokens, ends, axis=1)]


def chosen_tiles(sampler: FeatureSampler) -> list[tuple[Any, Tile]]:
    """Return up to `N_TILES` pairs of image and tile with data, of different places.

    Tiles of volumes are one slice deep.
    """
    if len(sampler.images[0].shape) == 4:
        slices: Any = slices_of(sampler.images)
        flat = chosen_tiles(FeatureSampler(sampler.reader, slices, sampler.rng))
        return [(own.volume, (own.depth, *tile)) for own, tile in flat]
    every = [(i, t) for i in sampler.images for t in balanced_tiles(i.shape, TILE_SIDE)]
    drawn = (every[c] for c in sampler.rng.permutation(len(every)))
    return list(islice((pair for pair in drawn if has_data(*pair)), N_TILES))


def _tile_tokens(
    sampler: FeatureSampler, block: PretrainedBlock, image: np.ndarray, tile: Tile, n_pixels: int
) -> np.ndarray:
    """Return the features (n, F) of random pixels of a tile, those of all strides side by side.

    They are NaN at pixels without data.
    """
    around = pad_tile(tile, block.backbone.reach, image.shape, block.backbone.grid)
    pooling = TilePooling(*pixel_ranges(tile, around))
    rows, columns = (
        torch.from_numpy(sampler.rng.integers(r.start, r.stop, n_pixels)) for r in pooling
    )

    def of_pixels(network: Any, x: Tensor, present: Tensor | None = None) -> Tensor:
        pairs = zip(block.features(x, pooling), block.strides, strict=True)
        features = torch.cat([m[..., rows // s, columns // s] for m, s in pairs], 1)
        if present is not None:
            features = torch.where(present[..., rows, columns] > 0, features, torch.nan)
        return features[..., None]

    return flatten_map(sampler.reader.read(of_pixels, image, around, 0))


def cells_of(
    block: PretrainedBlock, image: np.ndarray, scale: np.ndarray, reader: TileReader, side: int
) -> list[np.ndarray]:
    """Return the codes (h, w, n) of the cells of an image (H, W, C) at each stride.

    They are computed in tiles of about `side` pixels, by a `reader` with the given `scale`.
    """
    side = max(1, side // block.backbone.grid) * block.backbone.grid
    sizes = list(block.names.values())
    shapes = zip(_cell_shapes(block, image.shape), sizes, strict=True)
    maps = [np.empty((*shape, n), np.float32) for shape, n in shapes]
    for tile in tiles(image.shape, side):
        parts = _tile_cells(block, image, tile, reader)
        for whole, part, stride in zip(maps, parts, block.strides, strict=True):
            top, left = (p.start // stride for p in tile)
            whole[top : top + part.shape[0], left : left + part.shape[1]] = part
    return maps


def cells_of_volume(
    block: PretrainedBlock, volume: Any, scale: np.ndarray, reader: TileReader, side: int
) -> list[np.ndarray]:
    """Return the codes (D, h, w, n) of the cells of all slices of a volume at each stride."""
    slices: list[Any] = [SliceImage(volume, z) for z in range(volume.shape[0])]
    return [
        np.stack(maps)
        for maps in zip(*(cells_of(block, own, scale, reader, side) for own in slices), strict=True)
    ]


def slice_cost(block: PretrainedBlock) -> TileCost:
    """Return the memory and the halo of a tile of a slice of a volume."""
    n_bytes = 4 * block.backbone.n_numbers
    return TileCost(block.backbone.reach + block.backbone.grid - 1, n_bytes, n_bytes)


class Cells(NamedTuple):
    """Codes (h, w, n) of the cells of an image at each stride, and shares of pixels with data.

    Of volumes, codes (D, h, w, n) of all slices. Shares (1, 1, h, w) are None if all pixels have
    data.
    """

    maps: Sequence[np.ndarray]
    shares: Sequence[Tensor] | None


def cell_shares(block: PretrainedBlock, image: np.ndarray) -> list[Tensor] | None:
    """Return the shares (1, 1, h, w) of pixels with data of the cells of an image, or None."""
    missing = missing_in(image)
    if missing is None:
        return None
    present = torch.from_numpy((~missing).astype(np.float32))[None, None]
    shapes = zip(_cell_shapes(block, image.shape), block.strides, strict=True)
    return [shares_with_data(present, shape, stride) for shape, stride in shapes]


def _cell_shapes(block: PretrainedBlock, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the numbers of rows and columns of cells at each stride, mirrored ones included."""
    height, width = (-(-size // block.backbone.grid) * block.backbone.grid for size in shape[:2])
    return [(height // s, width // s) for s in block.strides]


def _tile_cells(
    block: PretrainedBlock, image: np.ndarray, tile: Tile, reader: TileReader
) -> list[np.ndarray]:
    """Return the codes (h, w, n) at each stride of a tile that begins on the grid."""
    around = pad_tile(tile, block.backbone.reach, image.shape, block.backbone.grid)
    pooling = TilePooling(*pixel_ranges(tile, around))
    shapes = _cell_shapes(block, tuple(map(len, pooling)))

    def flat_cells(network: Any, x: Tensor, present: Tensor | None = None) -> Tensor:
        parts = []
        for cells, (h, w), s in zip(block.cells(x, pooling), shapes, block.strides, strict=True):
            top, left = (r.start // s for r in pooling)
            parts.append(cells[0, :, top : top + h, left : left + w].flatten())
        return torch.cat(parts)[None, :, None, None]

    flat = reader.read(flat_cells, image, around, 0).ravel()
    sizes = list(block.names.values())
    ends = np.cumsum([n * h * w for n, (h, w) in zip(sizes, shapes, strict=True)])[:-1]
    parts = zip(np.split(flat, ends), sizes, shapes, strict=True)
    return [part.reshape(n, *shape).transpose(1, 2, 0) for part, n, shape in parts]


def interpolate(block: PretrainedBlock, cells: Cells, tile: Tile, step: int) -> np.ndarray:
    """Return the components (h, w, n) of every `step`-th pixel of a tile of an image."""
    if block.depth_sigma is not None:
        return _interpolate_volume(block, block.depth_sigma, cells, tile, step)
    rows, columns = (range(part.start, part.stop, step) for part in tile)
    maps = [torch.from_numpy(c).movedim(-1, 0)[None] for c in cells.maps]
    if cells.shares is None:
        parts = [upsample(m, s, rows, columns) for m, s in zip(maps, block.strides, strict=True)]
    else:
        trios = zip(maps, cells.shares, block.strides, strict=True)
        parts = [weighted_upsample(m, share, s, rows, columns) for m, share, s in trios]
    return torch.cat(parts, 1)[0].movedim(0, -1).numpy()


def _interpolate_volume(
    block: PretrainedBlock, depth_sigma: float, cells: Cells, tile: Tile, step: Any
) -> np.ndarray:
    """Return the components (d, h, w, n) of every `step`-th voxel of a tile of a volume."""
    positions = [
        range(part.start, part.stop, own)
        for part, own in zip(tile, per_axis(step, len(tile)), strict=True)
    ]
    reach = pool_radius(depth_sigma)
    first, last = max(0, tile[0].start - reach), tile[0].stop + reach
    maps = [torch.from_numpy(c[first:last]).movedim(-1, 1) for c in cells.maps]
    pairs = zip(maps, block.strides, strict=True)
    slices = torch.cat([upsample(m, s, *positions[1:]) for m, s in pairs], 1)
    depths = range(positions[0].start - first, positions[0].stop - first, positions[0].step)
    volume = pool_axis(slices.movedim(0, 1)[None], depth_sigma, depths, -3)
    return volume[0].movedim(0, -1).numpy()
