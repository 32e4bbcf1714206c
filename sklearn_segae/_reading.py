"""From activations to what codes are made of: layers side by side, pooled, projected."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import ceil

import torch
from torch import Tensor, nn

from .networks import PixelAutoencoder, crop

LEAST_CONTRAST = 0.15  # in standard deviations of a channel: flatter places stay flat


class TwiceRead(nn.Module):
    """A `PixelAutoencoder` that looks at an image as it is, and at the same image `flatten`ed.

    (N, C, H, W) -> encode -> (N, 2 * n_features, H - 2 * margin, W - 2 * margin), the features of
    the image first. For reading only: it has no decoder, and nothing of its own to train.

    Parameters
    ----------
    module : PixelAutoencoder
        Reads both.
    sigma : float
        Of `flatten`, in pixels.
    """

    def __init__(self, module: PixelAutoencoder, sigma: float) -> None:
        super().__init__()
        self.module = module
        self.sigma = sigma
        self.margin = module.margin + pool_radius(sigma)

    @property
    def strengths(self) -> Tensor:
        """One factor for every layer, the same for both readings."""
        return self.module.strengths

    def readings(self, x: Tensor) -> list[list[Tensor]]:
        """Return the activations for the images, and those for the flattened images."""
        plain = crop(x, pool_radius(self.sigma))
        return [self.module.activations(y) for y in (plain, flatten(x, self.sigma))]

    def crop(self, maps: list[Tensor]) -> list[Tensor]:
        """Cut the layers of one reading to the pixels that all of them know."""
        return self.module.crop(maps)

    def encode(self, x: Tensor) -> Tensor:
        """Return all features of both readings."""
        return torch.cat([self.module.features(maps) for maps in self.readings(x)], 1)


def flatten(x: Tensor, sigma: float) -> Tensor:
    """Take local brightness and contrast away, so that uneven light and depth of print do not show.

    (N, C, H, W) -> (N, C, H - 2 * r, W - 2 * r), r = pool_radius(sigma). Brightness is the mean
    over the channels: differences between channels stay.
    """
    radius = pool_radius(sigma)
    inside = [range(radius, size - radius) for size in x.shape[-2:]]
    light = x.mean(1, keepdim=True)
    mean = pool(light, sigma, *inside)
    variance = pool(light**2, sigma, *inside) - mean**2
    return (crop(x, radius) - mean) / (variance.clamp_min(0).sqrt() + LEAST_CONTRAST)


Reader = PixelAutoencoder | TwiceRead


def pixel_codes(
    module: Reader,
    x: Tensor,
    axes: Sequence[Tensor],
    sigmas: Sequence[float],
    rows: range,
    columns: range,
) -> Tensor:
    """Project the features of every pixel on `axes`, then pool them: a sigma for each set of axes.

    (N, C, H + 2 * margin, W + 2 * margin) -> (N, n_components, len(rows), len(columns)), with axes
    (n_features, n) for n of the components; rows and columns count the H x W pixels. Both steps are
    linear, so that a few components are pooled instead of all features.
    """
    every = torch.cat(list(axes), 1)
    sigma_of = torch.tensor(
        [s for a, s in zip(axes, sigmas, strict=True) for _ in range(a.shape[1])]
    )
    readings = module.readings(x)
    codes = x.new_zeros(len(x), every.shape[1], len(rows), len(columns))
    for maps, block in zip(readings, every.chunk(len(readings)), strict=True):
        for sigma in sorted(set(sigmas)):
            # Half of the axes look at one reading alone: what is 0 need not be computed.
            used = (block.any(0).cpu() & (sigma_of == sigma)).nonzero()[:, 0].to(x.device)
            codes[:, used] += pool(_project(module, maps, block[:, used]), sigma, rows, columns)
    return codes


def _project(module: Reader, maps: list[Tensor], axes: Tensor) -> Tensor:
    """Project the layers of one reading on `axes` (n_features, n): (N, n, H, W)."""
    weights = axes.split([m.shape[1] for m in maps])
    weights = [s * w for s, w in zip(module.strengths, weights, strict=True)]
    # Products with channels last, and before cropping, where the activations are contiguous.
    projected = [m.movedim(1, -1) @ w for m, w in zip(maps, weights, strict=True)]
    return reduce(torch.add, module.crop([p.movedim(-1, 1) for p in projected]))


def pooled_features(module: Reader, x: Tensor, sigma: float, rows: range, columns: range) -> Tensor:
    """Return all features, pooled, and the pixels themselves as the last C channels.

    (N, C, H + 2 * margin, W + 2 * margin) -> (N, n_features + C, len(rows), len(columns)).
    """
    pixels = pool(crop(x, module.margin), 0, rows, columns)
    return torch.cat([pool(module.encode(x), sigma, rows, columns), pixels], 1)


def pool(maps: Tensor, sigma: float, rows: range, columns: range) -> Tensor:
    """Average over the Gaussian neighbourhoods of the pixels in given rows and columns.

    (N, C, H, W) -> (N, C, len(rows), len(columns)); sigma in pixels, 0 takes the pixels as they
    are. At the borders of the maps the average is over the part of a neighbourhood that there is:
    mirroring the image instead would turn its textures around.
    """
    if not sigma:
        return maps[:, :, rows.start : rows.stop : rows.step][
            ..., columns.start : columns.stop : columns.step
        ]
    # As a product with two banded matrices, since that is what processors are best at: several
    # times faster on a tile than a separable filter of the same size.
    height, width = maps.shape[-2:]
    down, across = _gaussian_rows(rows, height, sigma), _gaussian_rows(columns, width, sigma)
    return down.to(maps) @ maps @ across.to(maps).T


def pool_radius(sigma: float) -> int:
    """Return the pixels on every side that `pool` sees: three standard deviations."""
    return ceil(3 * sigma)


def _gaussian_rows(centres: range, size: int, sigma: float) -> Tensor:
    """Matrix (len(centres), size) whose rows average a line of pixels about the centres."""
    offsets = torch.arange(size) - torch.tensor(centres)[:, None]
    weights = torch.exp(-0.5 * (offsets.double() / sigma) ** 2) * (
        offsets.abs() <= pool_radius(sigma)
    )
    return weights / weights.sum(1, keepdim=True)
