"""From a trained network to the codes of pixels: how widely pooled, how projected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..imaging._scaling import sample_evenly, scaled
from ..imaging._tiled_inference import TileCost
from ..imaging._tiles import STRIDE, Tile, clip_tile, pad_tile, pixel_ranges, sample_tiles
from ..networks._pixel_autoencoder import PixelAutoencoder, crop
from ._feature_sampling import evaluate_tile, row_pairs, sample_pairs
from ._local_jets import FRAME, N_JETS, RADIUS, local_jets
from ._pooling import Reader, TwoViewNetwork, pixel_codes, pool, pool_radius
from ._projection import N_COLORS, Projection, color_axes, fit_projection

WIDEST_LIGHT = 32  # standard deviation in pixels over which local brightness is taken at most


class FeatureSettings(NamedTuple):
    """What to look at, and how widely."""

    features: str  # "intensity", "texture", "intensity+texture" or "multiscale"
    pooling: float
    whitening: float
    light: float = 0.0  # how widely local brightness is taken away for a second look; 0: no such

    def reader(self, module: PixelAutoencoder) -> Reader:
        """Return the network, or what reads twice with it."""
        return TwoViewNetwork(module, self.light) if self.light else module


FINER = 0.4  # of the pooling: where borders are looked at closely
N_STRONG = 2  # features beside the colors, where both lead
N_TILES, SIDE = 16, 48  # small tiles, in pixels, that tell spreads
N_PAIR_TILES = 24  # that projections are fitted to where a classifier chooses among the codes


class Everything(NamedTuple):
    """Jets of colors, codes of both poolings, and many bands as they are, all standardized."""

    colors: np.ndarray  # (C, q), those that jets are of
    shift: np.ndarray  # (n,)
    divisor: np.ndarray  # (n,)
    readout: np.ndarray  # (n + 1, C), as that of a projection


class Codes(NamedTuple):
    """A look at images and the projections fitted for it."""

    look: FeatureSettings
    projection: Projection
    finer: Projection | None  # with narrower pooling, for the borders of textures
    color_axes: np.ndarray  # (C, n) float32, whitened principal colors
    everything: Everything | None = None

    @property
    def n_components(self) -> int:
        """Numbers per pixel."""
        return len(self.readout) - 1

    @property
    def sharpens(self) -> bool:
        """Whether there are narrower codes to ask beside those that are looked at."""
        return self.finer is not None and self.everything is None

    @property
    def reach(self) -> int:
        """Pixels beyond a tile that pooling sees."""
        reach = pool_radius(self.look.pooling)
        return reach if self.everything is None else max(reach, RADIUS)

    def cost(self, module: PixelAutoencoder) -> TileCost:
        """Return what a tile of codes takes."""
        n_learnt = sum(p.axes.shape[1] for p in (self.projection, self.finer) if p is not None)
        # Of all layers, and once more on their way; of projections, one for each layer; of codes,
        # as they come, side by side, and standardized. Measured: 0.5 to 0.7 of it for textures.
        n_numbers = 2 * module.n_features + 5 * n_learnt + 4 * self.n_components
        halo = self.reach + STRIDE - 1 + self.look.reader(module).margin
        return TileCost(halo, 4 * n_numbers, 4 * 4 * self.n_components)

    def stages(self, finely: bool) -> list[tuple[Projection, float]]:
        """Projections, and how widely each is pooled."""
        wide = (self.projection, self.look.pooling)
        if self.finer is None or not (finely or self.everything):
            return [wide]
        return [wide, (self.finer, FINER * self.look.pooling)]

    def encoder(
        self, rows: range, columns: range, finely: bool, dtype: type, device: torch.device
    ) -> Callable[[Any, Tensor], Tensor]:
        """Return a function of (reader, x): codes that are not standardized yet."""
        stages = self.stages(finely)
        axes = [torch.from_numpy(p.axes.astype(dtype)).to(device) for p, _ in stages]
        sigmas = [sigma for _, sigma in stages]
        encode = partial(pixel_codes, axes=axes, sigmas=sigmas, rows=rows, columns=columns)
        if self.everything is None:
            return encode
        colors = torch.from_numpy(self.everything.colors.astype(dtype)).to(device)
        return partial(_everything, colors=colors, encode=encode, rows=rows, columns=columns)

    def standard(self, finely: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return what is subtracted from the codes, and what they are divided by."""
        if self.everything is not None:
            return self.everything.shift, self.everything.divisor
        shift = np.concatenate([p.offset for p, _ in self.stages(finely)])
        return shift, np.ones_like(shift)

    @property
    def readout(self) -> np.ndarray:
        """The way back to scaled pixels, (n_components + 1, C)."""
        return self.projection.readout if self.everything is None else self.everything.readout


def fit_codes(
    module: PixelAutoencoder,
    images: Sequence[np.ndarray],
    scale: np.ndarray,
    look: FeatureSettings,
    n_components: int,
    rng: np.random.Generator,
) -> Codes:
    """Fit the projections that a look at images asks for."""
    pixels = scaled(sample_evenly(images), scale)
    colors = color_axes(pixels).astype(np.float32)
    if look.features == "texture":
        projections = _of_textures(module, images, scale, look, n_components, rng)
    elif look.features == "multiscale":
        projections = _of_everything(module, images, scale, look, n_components, rng)
    else:
        n_strong = N_STRONG if look.features == "intensity+texture" else 0
        pairs = sample_pairs(look.reader(module), images, scale, look.pooling, rng)
        own = fit_projection(pairs, n_components, look.whitening, pixels, n_strong)
        projections = own, None
    codes = Codes(look, *projections, colors)
    return (
        _with_everything(codes, module, images, scale, rng)
        if look.features == "multiscale"
        else codes
    )


def _of_textures(
    module: PixelAutoencoder,
    images: Sequence[np.ndarray],
    scale: np.ndarray,
    look: FeatureSettings,
    n_components: int,
    rng: np.random.Generator,
) -> tuple[Projection, Projection | None]:
    """Fit wide codes of both readings, and narrow ones of the first for the borders."""
    n_readings = 2 if look.light else 1
    pairs = sample_pairs(look.reader(module), images, scale, look.pooling, rng)
    wide = fit_projection(pairs, n_components, look.whitening, n_readings=n_readings)
    if not look.pooling:
        return wide, None
    pairs = sample_pairs(module, images, scale, FINER * look.pooling, rng)
    finer = fit_projection(pairs, n_components, look.whitening)
    unused = np.zeros(((n_readings - 1) * len(finer.axes), n_components), np.float32)
    return wide, finer._replace(axes=np.vstack([finer.axes, unused]))


def _of_everything(
    module: PixelAutoencoder,
    images: Sequence[np.ndarray],
    scale: np.ndarray,
    look: FeatureSettings,
    n_components: int,
    rng: np.random.Generator,
) -> tuple[Projection, Projection]:
    """Fit half of the codes to features pooled widely, half to the same pooled less."""
    n_wide, n_fine = -(-n_components // 2), max(1, n_components // 2)
    pairs = sample_pairs(module, images, scale, look.pooling, rng, N_PAIR_TILES)
    wide = fit_projection(pairs, n_wide, look.whitening)
    pairs = sample_pairs(module, images, scale, FINER * look.pooling, rng, N_PAIR_TILES)
    return wide, fit_projection(pairs, n_fine, look.whitening)


def _with_everything(
    codes: Codes,
    module: PixelAutoencoder,
    images: Sequence[np.ndarray],
    scale: np.ndarray,
    rng: np.random.Generator,
) -> Codes:
    """Measure spreads, and solve for the way back, on small tiles from everywhere."""
    n_channels = images[0].shape[2]
    colors = codes.color_axes if has_bands(n_channels) else np.eye(n_channels)
    n_learnt = sum(len(p.coherence) for p in (codes.projection, codes.finer) if p is not None)
    n = colors.shape[1] * N_JETS + n_learnt + n_channels * has_bands(n_channels)
    blank = Everything(colors, np.zeros(n), np.ones(n), np.zeros((n + 1, n_channels)))
    codes = codes._replace(everything=blank)
    chosen = sample_tiles(images, min(SIDE, *images[0].shape[:2]), N_TILES, rng)
    tiles = [(images[i], clip_tile(tile, images[i].shape)) for i, tile in chosen]
    maps = [encode_tile(module, codes, image, scale, t, np.float32) for image, t in tiles]
    rows = np.concatenate([m.reshape(-1, n) for m in maps]).astype(np.float64)
    pixels = np.concatenate([scaled(im[t].reshape(-1, n_channels), scale) for im, t in tiles])
    shift, spread = rows.mean(0), rows.std(0)
    divisor = np.where(spread > 1e-6, spread, 1)
    design = np.column_stack([(rows - shift) / divisor, np.ones(len(rows))])
    readout = np.linalg.lstsq(design, pixels, rcond=None)[0]
    return codes._replace(everything=Everything(colors, shift, divisor, readout))


def fit_row_codes(
    module: PixelAutoencoder,
    rows: np.ndarray,
    scale: np.ndarray,
    look: FeatureSettings,
    n_components: int,
    rng: np.random.Generator,
) -> Codes:
    """Fit the projection of rows (n, 1, C), which have no neighbors."""
    projection = fit_projection(row_pairs(module, rows, scale, rng), n_components, look.whitening)
    return Codes(look, projection, None, np.eye(rows.shape[2], dtype=np.float32))


def encode_tile(
    module: PixelAutoencoder,
    codes: Codes,
    image: np.ndarray,
    scale: np.ndarray,
    tile: Tile,
    dtype: type,
    finely: bool = False,
    step: int = 1,
    used: np.ndarray | None = None,
) -> np.ndarray:
    """Return the codes (h, w, n_components) of every `step`-th pixel of a tile, down and across.

    `finely` appends those of `codes.finer`. Components that are not `used` (n_components,) are 0:
    what only they look at is not computed.
    """
    if used is not None:
        codes = codes._replace(projection=codes.projection.masked(used))
    around = pad_tile(tile, codes.reach, image.shape)
    device = next(module.parameters()).device
    encode = codes.encoder(*pixel_ranges(tile, around, step), finely, dtype, device)
    maps = evaluate_tile(codes.look.reader(module), encode, image, scale, around, dtype)
    shift, divisor = codes.standard(finely)
    return (maps - shift.astype(dtype)) / divisor.astype(dtype)


def _everything(
    module: PixelAutoencoder,
    x: Tensor,
    colors: Tensor,
    encode: Callable[[Any, Tensor], Tensor],
    rows: range,
    columns: range,
) -> Tensor:
    """Put the jets of colors before the codes, and all bands where jets are not of them all."""
    framed = (crop(x, module.margin - FRAME).movedim(1, -1) @ colors).movedim(-1, 1)
    parts = [local_jets(framed, rows, columns), encode(module, x)]
    if has_bands(x.shape[1]):
        parts.append(pool(crop(x, module.margin), 0, rows, columns))
    return torch.cat(parts, 1)


def has_bands(n_channels: int) -> bool:
    """Tell whether there are more channels than colors that count."""
    return n_channels > N_COLORS
