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
        """One factor for every layer of either reading."""
        return self.module.strengths.repeat(2)

    def activations(self, x: Tensor) -> list[Tensor]:
        """Return the layers of the first reading, then those of the second."""
        plain = crop(x, pool_radius(self.sigma))
        return self.module.activations(plain) + self.module.activations(flatten(x, self.sigma))

    def crop(self, maps: list[Tensor]) -> list[Tensor]:
        """Cut the layers to the pixels that all of them know."""
        half = len(maps) // 2
        return self.module.crop(maps[:half]) + self.module.crop(maps[half:])

    def encode(self, x: Tensor) -> Tensor:
        """Return all features of both readings."""
        maps = self.activations(x)
        half = len(maps) // 2
        return torch.cat([self.module.features(m) for m in (maps[:half], maps[half:])], 1)


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
    maps = module.activations(x)
    weights = torch.cat(list(axes), 1).split([m.shape[1] for m in maps])
    weights = [s * w for s, w in zip(module.strengths, weights, strict=True)]
    # Products with channels last, and before cropping, where the activations are contiguous.
    projected = [m.movedim(1, -1) @ w for m, w in zip(maps, weights, strict=True)]
    codes = reduce(torch.add, module.crop([p.movedim(-1, 1) for p in projected]))
    parts = zip(codes.split([a.shape[1] for a in axes], 1), sigmas, strict=True)
    return torch.cat([pool(part, sigma, rows, columns) for part, sigma in parts], 1)


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
