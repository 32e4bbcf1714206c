"""Codes of pixels: blocks of features side by side, standardized, and the way back to pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ..imaging._scaling import scaled
from ..imaging._tiled_inference import TileCost
from ..imaging._tiles import STRIDE, Tile, pad_tile, pixel_ranges
from ._blocks import BandBlock, Block, JetBlock, LearntBlock, compute_blocks, margin_of
from ._feature_sampling import FeatureSampler, TileReader, flatten_map
from ._pooling import TilePooling
from ._projection import N_COLORS, fit_projection, fit_readout

NARROW = 0.4  # of the pooling: of codes for boundaries
N_STRONG = 2  # features beside the colors, of "intensity+texture"
# Small tiles that means and spreads of components are measured on.
N_STANDARD_TILES, STANDARD_TILE_SIDE = 16, 48
N_MULTISCALE_TILES = 24  # that projections are fitted to where a classifier chooses among the codes


class FeatureSettings(NamedTuple):
    """Which features, and their scales in pixels."""

    features: str  # a key of `FEATURES`
    pooling: float
    whitening: float
    contrast_sigma: float = 0.0  # of local contrast normalization for a second view; 0: one view


class Codes(NamedTuple):
    """Blocks of features side by side: (components - shift) / divisor; and the way back."""

    settings: FeatureSettings
    blocks: list[Block]
    shift: np.ndarray  # (n_components,)
    divisor: np.ndarray  # (n_components,)
    readout: np.ndarray  # (n_components + 1, C), to scaled pixels, the last row is the intercept
    color_axes: np.ndarray  # (C, n) float32, whitened principal colors

    @property
    def n_components(self) -> int:
        """Numbers per pixel."""
        return len(self.shift)

    @property
    def block_names(self) -> dict[str, int]:
        """Kinds of components, and the number of each, in order."""
        return {name: n for block in self.blocks for name, n in block.names.items()}

    @property
    def autocorrelation(self) -> np.ndarray:
        """Of the most widely pooled learnt components, if there are any."""
        learnt = [b.projections[0].coherence for b in self.blocks if isinstance(b, LearntBlock)]
        return learnt[0] if learnt else np.empty(0)

    @property
    def reach(self) -> int:
        """Pixels beyond a tile that are averaged, as far as the image has them."""
        return max(block.reach for block in self.blocks)

    def margin(self, network: Any) -> int:
        """Pixels beyond these that are read, mirrored at the borders of the image."""
        return margin_of(self.blocks, network)

    def cost(self, network: Any) -> TileCost:
        """Return what a tile of codes takes."""
        # Of codes, as they come, side by side, and standardized. Measured: 0.5 to 0.7 of it for
        # textures.
        n_numbers = sum(b.n_numbers(network) for b in self.blocks) + 4 * self.n_components
        halo = self.reach + STRIDE - 1 + self.margin(network)
        return TileCost(halo, 4 * n_numbers, 4 * 4 * self.n_components)

    @property
    def has_narrow(self) -> bool:
        """Whether there are components of narrower pooling, for boundaries."""
        last = self.blocks[-1]
        return isinstance(last, LearntBlock) and last.narrow is not None

    def with_narrow(self) -> Codes:
        """Return codes that have the narrow components, too, after the others."""
        *others, last = self.blocks
        block: Any = last
        narrow, n = block.narrow, len(block.narrow.offset)
        projections = [*block.projections, narrow]
        return self._replace(
            blocks=[*others, replace(block, projections=projections, narrow=None)],
            shift=np.concatenate([self.shift, narrow.offset]),
            divisor=np.concatenate([self.divisor, np.ones(n)]),
            readout=np.insert(self.readout, [-1] * n, 0, axis=0),
        )

    def compute(self, network: Any, x: Tensor, pooling: TilePooling) -> Tensor:
        """Return components (N, n, h, w), not standardized, of x with `margin` pixels around."""
        return compute_blocks(self.blocks, network, x, pooling)

    def encode_tile(
        self,
        reader: TileReader,
        image: np.ndarray,
        tile: Tile,
        step: int = 1,
        used: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the codes (h, w, n) of every `step`-th pixel of a tile, down and across.

        Components that are not `used` (n,) are 0: what only they need is not computed.
        """
        blocks = self.blocks if used is None else self._masked(used)
        maps = read_blocks(reader, blocks, image, tile, step)
        dtype = reader.dtype
        codes = (maps - self.shift.astype(dtype)) / self.divisor.astype(dtype)
        return codes if used is None else np.where(used, codes, dtype(0))

    def _masked(self, used: np.ndarray) -> list[Block]:
        ends = np.cumsum([block.n_components for block in self.blocks])[:-1]
        parts = zip(self.blocks, np.split(used, ends), strict=True)
        return [block.masked(own) for block, own in parts]


def read_blocks(
    reader: TileReader, blocks: Sequence[Block], image: np.ndarray, tile: Tile, step: int = 1
) -> np.ndarray:
    """Return the components (h, w, n) of every `step`-th pixel of a tile, not standardized."""
    around = pad_tile(tile, max(block.reach for block in blocks), image.shape)
    pooling = TilePooling(*pixel_ranges(tile, around, step))
    compute = partial(compute_blocks, blocks, pooling=pooling)
    return reader.read(compute, image, around, margin_of(blocks, reader.network))


def fit_codes(sampler: FeatureSampler, settings: FeatureSettings, n_components: int) -> Codes:
    """Fit the blocks of features that the settings name, and standardize them."""
    blocks = FEATURES[settings.features](sampler, settings, n_components)
    return _standardized(settings, blocks, sampler)


def _standardized(settings: FeatureSettings, blocks: list[Block], sampler: FeatureSampler) -> Codes:
    """Measure mean and spread of all components on small tiles, and fit the way back to pixels."""
    colors = sampler.color_axes.astype(np.float32)
    if len(blocks) == 1 and isinstance(blocks[0], LearntBlock):
        # Learnt components alone stay as strong as the projection made them: it weighs them.
        (learnt,) = blocks[0].projections
        unit = np.ones_like(learnt.offset)
        return Codes(settings, blocks, learnt.offset, unit, learnt.readout, colors)
    tiles = sampler.tiles(STANDARD_TILE_SIDE, N_STANDARD_TILES)
    maps = [read_blocks(sampler.reader, blocks, *tile) for tile in tiles]
    rows = np.concatenate([flatten_map(m) for m in maps]).astype(np.float64)
    scale = sampler.reader.scale
    pixels = np.concatenate([scaled(flatten_map(image[tile]), scale) for image, tile in tiles])
    shift, spread = rows.mean(0), rows.std(0)
    divisor = np.where(spread > 1e-6, spread, 1)
    readout = fit_readout((rows - shift) / divisor, pixels)
    return Codes(settings, blocks, shift, divisor, readout, colors)


def _fit_texture(sampler: FeatureSampler, settings: FeatureSettings, n: int) -> list[Block]:
    """Fit wide components of all views, and narrow ones of the image itself for boundaries."""
    _, pooling, whitening, contrast_sigma = settings
    n_views = 2 if contrast_sigma else 1
    pairs = sampler.pairs(pooling, contrast_sigma)
    wide = fit_projection(pairs, n, whitening, n_views=n_views)
    if not pooling:
        return [LearntBlock([wide], contrast_sigma)]
    narrow = fit_projection(sampler.pairs(NARROW * pooling), n, whitening)
    unused = np.zeros(((n_views - 1) * len(narrow.axes), n))
    narrow = narrow._replace(axes=np.vstack([narrow.axes, unused]))
    return [LearntBlock([wide], contrast_sigma, narrow)]


def _fit_intensity(
    sampler: FeatureSampler, settings: FeatureSettings, n: int, n_strong: int = 0
) -> list[Block]:
    """Fit components led by colors."""
    pairs = sampler.pairs(settings.pooling)
    projection = fit_projection(pairs, n, settings.whitening, sampler.color_axes, n_strong)
    return [LearntBlock([projection])]


def _fit_multiscale(sampler: FeatureSampler, settings: FeatureSettings, n: int) -> list[Block]:
    """Fit half of the learnt components to features pooled widely, half to the same pooled less.

    Before them jets of colors; after them all bands, where jets are not of them all.
    """
    sigmas = settings.pooling, NARROW * settings.pooling
    numbers = -(-n // 2), max(1, n // 2)
    projections = [
        fit_projection(sampler.pairs(sigma, n_tiles=N_MULTISCALE_TILES), k, settings.whitening)
        for sigma, k in zip(sigmas, numbers, strict=True)
    ]
    n_channels = sampler.images[0].shape[2]
    if n_channels <= N_COLORS:
        return [JetBlock(np.eye(n_channels)), LearntBlock(projections)]
    colors = sampler.color_axes.astype(np.float32)
    return [JetBlock(colors), LearntBlock(projections), BandBlock(n_channels)]


# What `features` may be: a function that fits blocks for each.
FEATURES: dict[str, Callable[[FeatureSampler, FeatureSettings, int], list[Block]]] = {
    "texture": _fit_texture,
    "intensity": _fit_intensity,
    "intensity+texture": partial(_fit_intensity, n_strong=N_STRONG),
    "multiscale": _fit_multiscale,
}
