"""Features of a network for tiles of images, and pairs of features of neighboring pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..imaging._lazy_images import SliceImage
from ..imaging._no_data import GAP_REACH, check_any_data, has_data, missing_in
from ..imaging._pixel_sampling import tiles_with_data
from ..imaging._scaling import sample_evenly, scaled
from ..imaging._tiles import Tile, clip_tile, full_tile, pad_tile, pixel_ranges, read_tile, tiles
from ..networks._pixel_autoencoder import crop
from ..training._execution import evaluate
from ._masked_pooling import MaskedPooling, fill_gaps
from ._pooling import TilePooling, along, pool_radius, stride_of, views_of
from ._projection import N_COLORS, FeaturePairs, color_axes, weighted_colors
from ._spectra import SpectralAxes, noise_covariance, spectral_axes

PAIR_TILE_SIDES = {2: 32, 3: 16}  # of the tiles for pairs, in grid steps
N_PAIR_TILES = 24
FEWER = 3  # tiles of volumes, which have more pixels
N_PAIRS = 40_000  # approximate; the error of covariances is about 1 %
N_ROWS = 40_000
SLICES_PER_VOLUME, MOST_SLICES = 4, 24
N_NOISE_TILES, NOISE_TILE_SIDE = 12, 48  # for the noise of spectra


class TileReader:
    """Apply a network to scaled tiles of images with halo.

    `network` is a `PixelAutoencoder` or `NetworkBackend`. `scale` (2, C) holds the mean and
    standard deviation of each channel. Computes in `dtype`.
    """

    def __init__(self, network: Any, scale: np.ndarray, dtype: type = np.float32) -> None:
        self.network = network
        self.scale = scale
        self.dtype = dtype

    def read(
        self,
        function: Callable[..., Tensor],
        image: np.ndarray,
        tile: Tile,
        margin: Any = None,
    ) -> np.ndarray:
        """Apply `function(network, x)` to a scaled tile and `margin` pixels around it.

        Of volumes, x has five axes.

        `function` maps x (1, C, h + 2 * margin, w + 2 * margin) to (1, F, h', w'), returned as
        (h', w', F). The default margin is that of the network. If pixels have no data, they are
        filled, and `function(network, x, present)` gets the mask (1, 1, H, W) of the others, too.
        """
        margin = self.network.margin if margin is None else margin
        around = GAP_REACH if getattr(image, "is_masked", False) else 0
        pixels = read_tile(image, tile, margin + around)
        if missing_in(pixels) is not None:
            if not around:  # read what fills them, too
                pixels = read_tile(image, tile, margin + GAP_REACH)
            function = partial(_with_gaps, function=function)
        elif around:
            pixels = pixels[(slice(around, -around),) * len(tile)]
        x: np.ndarray = scaled(pixels, self.scale).astype(self.dtype, copy=False)
        # A view: channels stay last.
        maps: np.ndarray = evaluate(self.network, function, np.moveaxis(x, -1, 0)[None])
        return np.moveaxis(maps[0], 0, -1)

    def features(
        self,
        image: np.ndarray,
        tile: Tile,
        sigma: Any,
        step: Any,
        stride: int = 1,
        contrast_sigma: Any = 0.0,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return pooled features (h, w, F) and pixels (h, w, C) at every `step`-th pixel.

        Pools the features of every `stride`-th pixel, for all views (`views_of`) of the image. Both
        are NaN at pixels without data.
        """
        around = pad_tile(tile, pool_radius(sigma), image.shape)
        whole = TilePooling(*pixel_ranges(tile, around, step))
        margin = self.network.margin + pool_radius(contrast_sigma)

        def pooled(network: Any, x: Tensor, present: Tensor | None = None) -> Tensor:
            pooling = whole if present is None else MaskedPooling.of(whole, present, margin)
            views = views_of(x, contrast_sigma, pooling.smooth)
            maps = torch.cat([network.encode(view, stride) for view in views], 1)
            pixels = pooling.pool(crop(views[0], network.margin), 0)
            return pooling.mark(torch.cat([pooling.pool(maps, sigma, stride), pixels], 1))

        maps = self.read(pooled, image, around, margin)
        features, pixels = np.split(maps, [-image.shape[-1]], axis=-1)
        return features, pixels


class FeatureSampler:
    """Sample data for the fit of features from images (H, W, C): pixels, tiles and pairs.

    With `rows`, there is one image (n, 1, C) whose pixels have no neighbors. `backbone` is that of
    pretrained features, if these are fitted.
    """

    def __init__(
        self,
        reader: TileReader,
        images: Sequence[np.ndarray],
        rng: np.random.Generator,
        rows: bool = False,
        backbone: Any = None,
    ) -> None:
        self.reader = reader
        self.images = images
        self.rng = rng
        self.rows = rows
        self.backbone = backbone

    @property
    def voxel(self) -> tuple[float, ...]:
        """Relative sides of voxels; empty for images."""
        return self.reader.network.voxel

    @cached_property
    def color_axes(self) -> np.ndarray:
        """Whitened principal colors (C, q) of the scaled pixels; the identity for rows."""
        if self.rows:
            return np.eye(self.images[0].shape[-1])
        return color_axes(self._pixels())

    @cached_property
    def spectral_axes(self) -> SpectralAxes:
        """Axes of the components of the scaled pixels in units of noise."""
        tiles = self.tiles(NOISE_TILE_SIDE, N_NOISE_TILES)
        parts = (scaled(image[tile], self.reader.scale) for image, tile in tiles)
        covariance = np.cov(self._pixels().T.astype(np.float64), bias=True)
        return spectral_axes(covariance, noise_covariance(parts))

    def intensity_axes(self, whitening: float) -> np.ndarray:
        """Return weighted axes (C, q) of colors or, if there are more channels, of spectra."""
        if len(self.color_axes) <= N_COLORS:
            return weighted_colors(self.color_axes, whitening)
        return self.spectral_axes.weighted(whitening)

    def _pixels(self) -> np.ndarray:
        return scaled(sample_evenly(self.images), self.reader.scale)

    def tiles(self, side: int, n_tiles: int) -> list[tuple[np.ndarray, Tile]]:
        """Draw random tiles; return pairs of image and tile."""
        if self.voxel:
            side, n_tiles = side // 2, max(1, n_tiles // FEWER)
        side = min(side, *self.images[0].shape[:-1])
        chosen = tiles_with_data(self.images, side, n_tiles, self.rng)
        return [(self.images[i], clip_tile(tile, self.images[i].shape)) for i, tile in chosen]

    def pairs(
        self, sigma: float, contrast_sigma: float = 0.0, n_tiles: int = N_PAIR_TILES
    ) -> FeaturePairs:
        """Pair pooled features with those `lag_of(sigma)` pixels away along each axis.

        Uses a grid in up to `n_tiles` non-overlapping tiles. Rows are paired with themselves.
        Scales are given in the smallest sides of voxels.
        """
        if self.rows:
            return self._row_pairs()
        n_axes = len(self.images[0].shape) - 1
        sigma, contrast_sigma = (along(own, self.voxel) for own in (sigma, contrast_sigma))
        sigmas = np.broadcast_to(sigma, n_axes).tolist()
        step = np.array([max(1, int(own / 2)) for own in sigmas])
        lags = [round(lag_of(own) / s) for own, s in zip(sigmas, step.tolist(), strict=True)]
        if n_axes == 3:
            n_tiles = max(1, n_tiles // FEWER)
        draw = partial(self._pairs_at, sigma, contrast_sigma, n_tiles)
        # Where gaps are as regular as the grid, every pixel is paired with itself.
        parts = draw(step, lags) or draw(np.ones_like(step), [0] * n_axes)
        check_any_data(len(parts) > 0)
        first, second, pixels, image = map(np.concatenate, zip(*parts, strict=True))
        return FeaturePairs(first, second, pixels, image, sigma)

    def _pairs_at(
        self, sigma: Any, contrast_sigma: Any, n_tiles: int, step: np.ndarray, lags: list[int]
    ) -> list[tuple[np.ndarray, ...]]:
        """Return features, those `lags` steps away, pixels and number of the image, by tiles."""
        images, n_axes = self.images, len(step)
        stride, length = stride_of(sigma, n_axes), PAIR_TILE_SIDES[n_axes]
        sides = length * step
        every = [(i, t) for i, image in enumerate(images) for t in tiles(image.shape, sides)]
        thin = max(1, n_axes * min(n_tiles, len(every)) * length**n_axes // N_PAIRS)
        parts: list[tuple[np.ndarray, ...]] = []
        for i, tile in (every[c] for c in self.rng.permutation(len(every))):
            if len(parts) == n_tiles:
                break
            if not has_data(images[i], tile):
                continue
            features, pixels = self.reader.features(
                images[i], tile, sigma, step, stride, contrast_sigma
            )
            first, second = neighbors(features, lags)
            known = ~np.isnan(first[:, 0] + second[:, 0])
            if known.any():
                ends = [first, second, neighbors(pixels, lags)[0]]
                ends = [(end if known.all() else end[known])[::thin] for end in ends]
                parts.append((*ends, np.full(len(ends[0]), i)))
        return parts

    def _row_pairs(self) -> FeaturePairs:
        (rows,) = self.images
        chosen = rows[self.rng.permutation(len(rows))[:N_ROWS]]
        tile = slice(0, len(chosen)), slice(0, 1)
        features, pixels = (m[:, 0] for m in self.reader.features(chosen, tile, sigma=0, step=1))
        return FeaturePairs(features, features, pixels, np.zeros(len(features), int), 0.0)


def slices_of(volumes: Sequence[Any]) -> list[SliceImage]:
    """Return some evenly spread slices (H, W, C) of volumes (D, H, W, C), with data if possible."""
    n = int(np.clip(MOST_SLICES // len(volumes), 1, SLICES_PER_VOLUME))
    step = max(1, len(volumes) // MOST_SLICES)
    places = [(v, place) for v in volumes[::step] for place in (np.arange(n) + 0.5) / n]
    return [_slice_near(v, int(place * v.shape[0])) for v, place in places]


def _slice_near(volume: Any, depth: int) -> SliceImage:
    """Return the slice at a depth, or the nearest one with data."""
    nearest = sorted(range(volume.shape[0]), key=lambda other: abs(other - depth))
    slices = (SliceImage(volume, other) for other in nearest)
    return next((s for s in slices if has_data(s, full_tile(s.shape))), SliceImage(volume, depth))


def _with_gaps(network: Any, x: Tensor, function: Callable[..., Tensor]) -> Tensor:
    """Apply `function(network, x, present)` to images in which pixels are NaN."""
    return function(network, *fill_gaps(x))


def lag_of(sigma: float) -> int:
    """Return the distance of paired pixels, larger than the range of correlations by pooling."""
    return max(3, round(2.5 * sigma))


def neighbors(maps: np.ndarray, lags: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Return rows (n, F) of grid points, and of those a lag of steps away along each axis."""
    most = max(maps.shape[:-1]) - 1
    if most == 0:  # a single pixel is its own neighbor
        return flatten_map(maps), flatten_map(maps)
    first, second = [], []
    for axis, lag in enumerate(lags):
        own, before = min(lag, most), (slice(None),) * axis
        first.append(flatten_map(maps[(*before, slice(None, -own or None))]))
        second.append(flatten_map(maps[(*before, slice(own, None))]))
    return np.concatenate(first), np.concatenate(second)


def flatten_map(maps: np.ndarray) -> np.ndarray:
    """Reshape (H, W, F) to (H * W, F)."""
    return maps.reshape(-1, maps.shape[-1])
