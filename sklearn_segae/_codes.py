"""From a trained network to the codes of pixels: how widely pooled, how projected."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch

from ._projection import (
    Projection,
    colour_axes,
    evaluate_tile,
    fit_projection,
    row_pairs,
    sample_pairs,
)
from ._reading import Reader, TwiceRead, pixel_codes, pool_radius
from ._scaling import sample_evenly, scaled
from ._tiles import Tile, places, widen
from .networks import PixelAutoencoder

FINER = 0.4  # of the pooling: where borders are looked at closely
N_STRONG = 2  # features beside the colours, where both lead


class Look(NamedTuple):
    """What to look at, and how widely."""

    cue: str  # "colour", "texture" or "both"
    pooling: float
    whitening: float
    light: float = 0.0  # how widely local brightness is taken away for a second look; 0: no such

    def reader(self, module: PixelAutoencoder) -> Reader:
        """Return the network, or what reads twice with it."""
        return TwiceRead(module, self.light) if self.light else module


class Codes(NamedTuple):
    """A look at images and the projections fitted for it."""

    look: Look
    projection: Projection
    finer: Projection | None  # with narrower pooling, for the borders of textures
    colour_axes: np.ndarray  # (C, n) float32, whitened principal colours


def fit_codes(
    module: PixelAutoencoder,
    images: Sequence[np.ndarray],
    scale: np.ndarray,
    look: Look,
    n_components: int,
    rng: np.random.Generator,
) -> Codes:
    """Fit the projection of a look at images, and for textures another with narrower pooling."""
    pixels = scaled(sample_evenly(images), scale)
    colours = colour_axes(pixels).astype(np.float32)
    pairs = sample_pairs(look.reader(module), images, scale, look.pooling, rng)
    if look.cue != "texture":
        n_strong = N_STRONG if look.cue == "both" else 0
        projection = fit_projection(pairs, n_components, look.whitening, pixels, n_strong)
        return Codes(look, projection, None, colours)
    n_readings = 2 if look.light else 1
    projection = fit_projection(pairs, n_components, look.whitening, n_readings=n_readings)
    if not look.pooling:
        return Codes(look, projection, None, colours)
    pairs = sample_pairs(module, images, scale, FINER * look.pooling, rng)
    finer = fit_projection(pairs, n_components, look.whitening)
    unused = np.zeros(((n_readings - 1) * len(finer.axes), n_components), np.float32)
    return Codes(look, projection, finer._replace(axes=np.vstack([finer.axes, unused])), colours)


def fit_row_codes(
    module: PixelAutoencoder,
    rows: np.ndarray,
    scale: np.ndarray,
    look: Look,
    n_components: int,
    rng: np.random.Generator,
) -> Codes:
    """Fit the projection of rows (n, 1, C), which have no neighbours."""
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
    projection = codes.projection if used is None else codes.projection.masked(used)
    pooling = codes.look.pooling
    around = widen(tile, pool_radius(pooling), image.shape, step)
    rows, columns = places(tile, around, step)
    stages = [(projection, pooling)]
    if finely and codes.finer is not None:
        stages.append((codes.finer, FINER * pooling))
    device = next(module.parameters()).device
    axes = [torch.from_numpy(p.axes.astype(dtype)).to(device) for p, _ in stages]
    sigmas = [sigma for _, sigma in stages]
    encode = partial(pixel_codes, axes=axes, sigmas=sigmas, rows=rows, columns=columns)
    maps = evaluate_tile(codes.look.reader(module), encode, image, scale, around, dtype)
    return maps - np.concatenate([p.offset for p, _ in stages]).astype(dtype)
