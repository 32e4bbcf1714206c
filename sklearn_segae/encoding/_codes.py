"""Codes of pixels: concatenated, standardized blocks of features, and their inverse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from ..imaging._no_data import missing_in
from ..imaging._scaling import scaled
from ..imaging._tiled_inference import TileCost
from ..imaging._tiles import Tile, every_nth, pad_tile, pixel_ranges
from ._blocks import (
    BandBlock,
    Block,
    JetBlock,
    LearntBlock,
    PretrainedBlock,
    SpectralBlock,
    compute_blocks,
    grid_of,
    largest,
    margin_of,
)
from ._feature_sampling import N_PAIR_TILES, FeatureSampler, TileReader, flatten_map
from ._masked_pooling import MaskedPooling
from ._pooling import TilePooling, along
from ._pretrained import Cells, chosen_tiles, fit_pretrained, interpolate
from ._projection import N_COLORS, fit_projection, fit_readout, weighted_colors
from ._spectra import SPECTRUM

NARROW = 0.4  # pooling of narrow codes, relative to `pooling`
N_STRONG = 2  # features with unit variance in "intensity+texture"
N_STANDARD_TILES, STANDARD_TILE_SIDE = 16, 48  # for mean and standard deviation of components
STANDARD_STEP = 8  # of their pixels, in the larger tiles for pretrained features
SPECTRAL_STEP = 2  # of their pixels for spectral components and bands, whose regression is slow
N_COLOR_TILES = 16  # for features beside colors
N_MULTISCALE_TILES = 24  # for the projections of "multiscale"


class FeatureSettings(NamedTuple):
    """Kind of features, and their scales in pixels."""

    features: str  # a key of `FEATURES`
    pooling: float
    whitening: float
    contrast_sigma: float = 0.0  # scale of contrast normalization of a second view; 0: one view


class Codes(NamedTuple):
    """Codes (components - shift) / divisor of concatenated blocks, and their inverse."""

    settings: FeatureSettings
    blocks: list[Block]
    shift: np.ndarray  # (n_components,)
    divisor: np.ndarray  # (n_components,)
    readout: np.ndarray  # (n_components + 1, C), codes to scaled pixels, last row: intercept
    color_axes: np.ndarray  # (C, n) float32, whitened principal colors

    @property
    def n_components(self) -> int:
        """Number of components."""
        return len(self.shift)

    @property
    def block_names(self) -> dict[str, int]:
        """Kinds of components and their numbers, in order."""
        return {name: n for block in self.blocks for name, n in block.names.items()}

    @property
    def autocorrelation(self) -> np.ndarray:
        """Autocorrelation of the learned components with the widest pooling, or empty."""
        learnt = [b.projections[0].coherence for b in self.blocks if isinstance(b, LearntBlock)]
        return learnt[0] if learnt else np.empty(0)

    @property
    def reach(self) -> Any:
        """Number of pixels around a tile that are averaged, clipped at image borders."""
        return largest(block.reach for block in self.blocks)

    def margin(self, network: Any) -> Any:
        """Return the number of further pixels around it, mirrored at image borders."""
        return margin_of(self.blocks, network)

    def cost(self, network: Any, held: bool = False) -> TileCost:
        """Return the memory and the halo of a tile; pretrained codes of volumes may be `held`."""
        if held and network.voxel:
            return self._replace(blocks=[_held_block(b) for b in self.blocks]).cost(network)
        # Codes with three temporary copies. Measured for textures: 0.5 to 0.7 of it.
        n_numbers, n_codes = sum(b.n_numbers(network) for b in self.blocks), 4 * self.n_components
        halo = self.reach + self.grid - 1 + self.margin(network)
        # The halo is large, and has no codes.
        if self.pretrained is not None or network.voxel:
            return TileCost(halo, 4 * n_numbers, 4 * (n_numbers + n_codes))
        return TileCost(halo, 4 * (n_numbers + n_codes), 4 * n_codes)

    @property
    def grid(self) -> Any:
        """Tiles have to begin at multiples of this number of pixels."""
        return grid_of(self.blocks)

    @property
    def pretrained(self) -> PretrainedBlock | None:
        """The block of pretrained features, if any."""
        return next((b for b in self.blocks if isinstance(b, PretrainedBlock)), None)

    @property
    def has_narrow(self) -> bool:
        """Whether there are components with narrower pooling, for boundaries."""
        last = self.blocks[-1]
        return isinstance(last, LearntBlock) and last.narrow is not None

    def with_narrow(self) -> Codes:
        """Return codes with the narrow components appended."""
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
        """Return components (N, n, h, w), not standardized; x includes `margin` pixels around."""
        return compute_blocks(self.blocks, network, x, pooling)

    def encode_tile(
        self,
        reader: TileReader,
        image: np.ndarray,
        tile: Tile,
        step: Any = 1,
        used: np.ndarray | None = None,
        cells: Cells | None = None,
    ) -> np.ndarray:
        """Return the codes (h, w, n) of every `step`-th pixel of a tile along all axes.

        Components outside the mask `used` (n,) are 0 and not computed. `cells` are the pretrained
        codes of the image (`cells_of`), if known.
        """
        blocks = self.blocks if used is None else self._masked(used)
        maps = read_blocks(reader, blocks, image, tile, step, cells)
        dtype = reader.dtype
        codes = maps
        if self.shift.any() or (self.divisor != 1).any():
            codes = (maps - self.shift.astype(dtype)) / self.divisor.astype(dtype)
        return codes if used is None else np.where(used, codes, dtype(0))

    def _masked(self, used: np.ndarray) -> list[Block]:
        ends = np.cumsum([block.n_components for block in self.blocks])[:-1]
        parts = zip(self.blocks, np.split(used, ends), strict=True)
        return [_masked_block(block, own.tobytes()) for block, own in parts]


def _held_block(block: Block) -> Block:
    """Return a block with the cost of interpolating pretrained codes that are held."""
    return BandBlock(2 * block.n_components) if isinstance(block, PretrainedBlock) else block


@lru_cache(maxsize=32)  # every tile has the same mask
def _masked_block(block: Block, used: bytes) -> Block:
    return block.masked(np.frombuffer(used, bool))


def read_blocks(
    reader: TileReader,
    blocks: Sequence[Block],
    image: np.ndarray,
    tile: Tile,
    step: Any = 1,
    cells: Cells | None = None,
) -> np.ndarray:
    """Return the components (h, w, n), not standardized, of every `step`-th pixel of a tile.

    They are NaN where neither the pixel nor, with `step`, any closer than the next has data.
    """
    if cells is not None:
        parts = [
            interpolate(block, cells, tile, step)
            if isinstance(block, PretrainedBlock)
            else read_blocks(reader, [block], image, tile, step)
            for block in blocks
        ]
        return np.concatenate(parts, -1)
    reach = largest(block.reach for block in blocks)
    around = pad_tile(tile, reach, image.shape, grid_of(blocks))
    whole = TilePooling(*pixel_ranges(tile, around, step))
    margin = margin_of(blocks, reader.network)

    def compute(network: Any, x: Tensor, present: Tensor | None = None) -> Tensor:
        pooling = whole if present is None else MaskedPooling.of(whole, present, margin)
        nearest = [own - 1 for own in pooling.steps]
        return pooling.mark(compute_blocks(blocks, network, x, pooling), nearest)

    return reader.read(compute, image, around, margin)


def fit_codes(sampler: FeatureSampler, settings: FeatureSettings, n_components: int) -> Codes:
    """Fit the blocks of features and standardize them."""
    blocks = FEATURES[settings.features](sampler, settings, n_components)
    return _standardized(settings, blocks, sampler)


def _standardized(settings: FeatureSettings, blocks: list[Block], sampler: FeatureSampler) -> Codes:
    """Standardize components by their mean and variance on tiles, and fit the readout.

    A single block of learned or pretrained codes keeps the variances, which weight its components.
    """
    colors = sampler.color_axes.astype(np.float32)
    if len(blocks) == 1 and isinstance(blocks[0], LearntBlock):
        (learnt,) = blocks[0].projections
        unit = np.ones_like(learnt.offset)
        return Codes(settings, blocks, learnt.offset, unit, learnt.readout, colors)
    rows, pixels = _sample_codes(blocks, sampler)
    shift, divisor = rows.mean(0), np.where(rows.std(0) > 1e-6, rows.std(0), 1)
    if len(blocks) == 1 and isinstance(blocks[0], PretrainedBlock):
        shift, divisor = np.zeros_like(shift), np.ones_like(divisor)
    readout = fit_readout((rows - shift) / divisor, pixels)
    return Codes(settings, blocks, shift, divisor, readout, colors)


def _sample_codes(
    blocks: Sequence[Block], sampler: FeatureSampler
) -> tuple[np.ndarray, np.ndarray]:
    """Return components (n, F), not standardized, and scaled values (n, C) of the same pixels."""
    step: Any
    if sampler.backbone is None:
        step = SPECTRAL_STEP if isinstance(blocks[0], SpectralBlock) else 1
        tiles = sampler.tiles(STANDARD_TILE_SIDE, N_STANDARD_TILES)
    else:  # few large tiles, since receptive fields are large
        tiles = chosen_tiles(sampler)
        step = (1, STANDARD_STEP, STANDARD_STEP) if sampler.voxel else STANDARD_STEP
    rows, values = _codes_and_pixels(blocks, sampler.reader, tiles, step)
    if not len(rows):  # gaps are as regular as the grid
        rows, values = _codes_and_pixels(blocks, sampler.reader, tiles, 1)
    return rows, scaled(values, sampler.reader.scale)


def _codes_and_pixels(
    blocks: Sequence[Block], reader: TileReader, tiles: Sequence[tuple[Any, Tile]], step: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return components and values of every step-th pixel with data in pairs of image and tile."""
    maps = [read_blocks(reader, blocks, *tile, step) for tile in tiles]
    rows = np.concatenate([flatten_map(m) for m in maps]).astype(np.float64)
    values = np.concatenate(
        [flatten_map(every_nth(image[tile], step, len(tile))) for image, tile in tiles]
    )
    missing = missing_in(values)
    return (rows, values) if missing is None else (rows[~missing], values[~missing])


def fit_wide_texture(
    sampler: FeatureSampler, settings: FeatureSettings, n: int, n_tiles: int = N_PAIR_TILES
) -> LearntBlock:
    """Fit components of all views."""
    _, pooling, whitening, contrast_sigma = settings
    pairs = sampler.pairs(pooling, contrast_sigma, n_tiles)
    n_views = 2 if contrast_sigma else 1
    projection = fit_projection(pairs, n, whitening, n_views=n_views)
    return LearntBlock([projection], along(contrast_sigma, sampler.voxel))


def _fit_texture(sampler: FeatureSampler, settings: FeatureSettings, n: int) -> list[Block]:
    """Fit wide components of all views, and narrow ones of the original image for boundaries."""
    block = fit_wide_texture(sampler, settings, n)
    if not settings.pooling:
        return [block]
    pairs = sampler.pairs(NARROW * settings.pooling)
    narrow = fit_projection(pairs, n, settings.whitening)
    unused = np.zeros((len(block.projections[0].axes) - len(narrow.axes), n))
    narrow = narrow._replace(axes=np.vstack([narrow.axes, unused]))
    return [replace(block, narrow=narrow)]


def fit_colors_and_texture(
    sampler: FeatureSampler, settings: FeatureSettings, n: int
) -> LearntBlock:
    """Fit color components followed by features, `N_STRONG` of them with unit variance."""
    pairs = sampler.pairs(settings.pooling, n_tiles=N_COLOR_TILES)
    colors = weighted_colors(sampler.color_axes, settings.whitening)
    return LearntBlock([fit_projection(pairs, n, settings.whitening, colors, N_STRONG)])


def _fit_intensity(sampler: FeatureSampler, settings: FeatureSettings, n: int) -> list[Block]:
    pairs = sampler.pairs(settings.pooling, n_tiles=N_COLOR_TILES)
    axes = sampler.intensity_axes(settings.whitening)
    return [LearntBlock([fit_projection(pairs, n, settings.whitening, axes)])]


def _fit_both(sampler: FeatureSampler, settings: FeatureSettings, n: int) -> list[Block]:
    return [fit_colors_and_texture(sampler, settings, n)]


def _fit_multiscale(sampler: FeatureSampler, settings: FeatureSettings, n: int) -> list[Block]:
    """Fit jets, learned components (half with narrow pooling) and, if more than 3, all bands.

    With many channels, fit the spectral components instead of jets and learned ones.
    """
    n_channels = sampler.images[0].shape[-1]
    if n_channels > SPECTRUM:
        axes = sampler.spectral_axes.weighted(0)[:, :n].astype(np.float32)
        return [SpectralBlock(axes, sampler.voxel), BandBlock(n_channels)]
    sigmas = settings.pooling, NARROW * settings.pooling
    numbers = -(-n // 2), max(1, n // 2)
    projections = [
        fit_projection(sampler.pairs(sigma, n_tiles=N_MULTISCALE_TILES), k, settings.whitening)
        for sigma, k in zip(sigmas, numbers, strict=True)
    ]
    jets, *bands = _fixed_blocks(sampler)
    return [jets, LearntBlock(projections), *bands]


def _fixed_blocks(sampler: FeatureSampler) -> list[Block]:
    """Return jets and, if there are more than 3 channels, all bands."""
    n_channels, voxel = sampler.images[0].shape[-1], sampler.voxel
    if n_channels <= N_COLORS:
        return [JetBlock(np.eye(n_channels), voxel)]
    return [JetBlock(sampler.color_axes.astype(np.float32), voxel), BandBlock(n_channels)]


def _fit_pretrained(sampler: FeatureSampler, settings: FeatureSettings, n: int) -> list[Block]:
    return [fit_pretrained(sampler, sampler.backbone, n, settings.whitening)]


def _fit_multiscale_pretrained(
    sampler: FeatureSampler, settings: FeatureSettings, n: int
) -> list[Block]:
    """Fit jets, pretrained codes and, if there are more than 3, all bands."""
    jets, *bands = _fixed_blocks(sampler)
    return [jets, fit_pretrained(sampler, sampler.backbone, n, settings.whitening), *bands]


# Functions that fit blocks, for each value of `features`.
FEATURES: dict[str, Callable[[FeatureSampler, FeatureSettings, int], list[Block]]] = {
    "texture": _fit_texture,
    "intensity": _fit_intensity,
    "intensity+texture": _fit_both,
    "multiscale": _fit_multiscale,
    "pretrained": _fit_pretrained,
    "multiscale+pretrained": _fit_multiscale_pretrained,
}
PRETRAINED = {"pretrained", "multiscale+pretrained"}
