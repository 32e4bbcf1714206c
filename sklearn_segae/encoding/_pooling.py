"""Gaussian pooling of activations, and local contrast normalization."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..imaging._tiles import STRIDE
from ..networks._pixel_autoencoder import PixelAutoencoder, crop

WIDE = 6.0  # pooling from which on every second pixel is enough
BLOCK = 64  # places that are averaged at once: more would multiply more zeros
TINY = 1e-30  # of variance: a root has no gradient at 0
LEAST_CONTRAST = 0.15  # in standard deviations of a channel: flatter places stay flat


class TwoViewNetwork(nn.Module):
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
    def network(self) -> PixelAutoencoder:
        """What reads both."""
        return self.module

    def views(self, x: Tensor) -> list[Tensor]:
        """Return the images, and the flattened images."""
        return [crop(x, pool_radius(self.sigma)), normalize_local_contrast(x, self.sigma)]

    def encode(self, x: Tensor, stride: int = 1) -> Tensor:
        """Return all features of both views, of every `stride`-th pixel."""
        return torch.cat([self.module.encode(view, stride) for view in self.views(x)], 1)


def normalize_local_contrast(x: Tensor, sigma: float) -> Tensor:
    """Take local brightness and contrast away, so that uneven light and depth of print do not show.

    (N, C, H, W) -> (N, C, H - 2 * r, W - 2 * r), r = pool_radius(sigma). Brightness is the mean
    over the channels: differences between channels stay.
    """
    radius = pool_radius(sigma)
    inside = [range(radius, size - radius) for size in x.shape[-2:]]
    light = x.mean(1, keepdim=True)
    mean = pool(light, sigma, *inside)
    variance = pool(light**2, sigma, *inside) - mean**2
    return (crop(x, radius) - mean) / (variance.clamp_min(TINY).sqrt() + LEAST_CONTRAST)


def flat_patches(module: TwoViewNetwork, x: Tensor, size: int, step: int) -> Tensor:
    """Return the flattened brightness of the patches about every `step`-th pixel.

    (N, C, H + 2 * margin, W + 2 * margin) -> (N, size**2, ceil(H / step), ceil(W / step)).
    """
    light = normalize_local_contrast(x, module.sigma).mean(1, keepdim=True)
    inner = crop(light, module.network.margin - size // 2)
    height, width = (-(-(side - size + 1) // step) for side in inner.shape[-2:])
    return functional.unfold(inner, size, stride=step).unflatten(2, (height, width))


Reader = PixelAutoencoder | TwoViewNetwork


def pixel_codes(
    module: Reader,
    x: Tensor,
    axes: Sequence[Tensor],
    sigmas: Sequence[float],
    rows: range,
    columns: range,
) -> Tensor:
    """Project the features of pixels on `axes`, then pool them: a sigma for each set of axes.

    (N, C, H + 2 * margin, W + 2 * margin) -> (N, n_components, len(rows), len(columns)), with axes
    (n_features, n) for n of the components; rows and columns count the H x W pixels. Both steps are
    linear, so that a few components are pooled instead of all features.
    """
    every = torch.cat(list(axes), 1)
    sigma_of = np.repeat(np.asarray(sigmas, float), [a.shape[1] for a in axes])
    views = module.views(x)
    codes = x.new_zeros(len(x), every.shape[1], len(rows), len(columns))
    for view, block in zip(views, every.chunk(len(views)), strict=True):
        looking = block.any(0).cpu().numpy()  # half of the axes look at one view alone
        stride = stride_of(sigma_of[looking].min(initial=np.inf))
        columns_of = np.flatnonzero(looking)
        projected = module.network.project(view, block[:, _index(columns_of, view)], stride)
        for sigma in sorted(set(sigma_of[looking])):
            own = np.flatnonzero(sigma_of[columns_of] == sigma)
            pooled = pool(projected[:, _index(own, view)], sigma, rows, columns, stride=stride)
            codes[:, _index(columns_of[own], view)] += pooled
    return codes


def stride_of(sigma: float) -> int:
    """Return how many pixels apart features are read that are pooled.

    An average over the neighborhood does not need every pixel of it if it is wide.
    """
    return STRIDE if sigma >= WIDE else 1


def _index(places: np.ndarray, like: Tensor) -> slice | Tensor:
    """Return what selects channels: a slice, which copies nothing, where they are consecutive."""
    if len(places) and places[-1] - places[0] == len(places) - 1:
        return slice(int(places[0]), int(places[-1]) + 1)
    return torch.from_numpy(places).to(like.device)


def pooled_features(
    module: Reader, x: Tensor, sigma: float, rows: range, columns: range, stride: int = 1
) -> Tensor:
    """Return all features, pooled, and the pixels themselves as the last C channels.

    (N, C, H + 2 * margin, W + 2 * margin) -> (N, n_features + C, len(rows), len(columns)).
    """
    features = pool(module.encode(x, stride), sigma, rows, columns, stride=stride)
    return torch.cat([features, pool(crop(x, module.margin), 0, rows, columns)], 1)


def pool(maps: Tensor, sigma: float, rows: range, columns: range, *, stride: int = 1) -> Tensor:
    """Average over the Gaussian neighborhoods of the pixels in given rows and columns.

    (N, C, H, W) -> (N, C, len(rows), len(columns)); sigma in pixels, 0 takes the pixels as they
    are. Maps may hold every `stride`-th pixel alone. At their borders the average is over the part
    of a neighborhood that there is: mirroring the image instead would turn its textures around.
    """
    if not sigma:
        return maps[:, :, rows.start : rows.stop : rows.step][
            ..., columns.start : columns.stop : columns.step
        ]
    down, across = (
        _gaussian_blocks(rows, maps, -2, sigma, stride),
        _gaussian_blocks(columns, maps, -1, sigma, stride),
    )
    maps = torch.cat([weights @ maps[..., seen, :] for seen, weights in down], -2)
    return torch.cat([maps[..., seen] @ weights.T for seen, weights in across], -1)


def pool_radius(sigma: float) -> int:
    """Return the pixels on every side that `pool` sees: three standard deviations."""
    return ceil(3 * sigma)


def _gaussian_blocks(
    centers: range, maps: Tensor, axis: int, sigma: float, stride: int
) -> Iterator[tuple[slice, Tensor]]:
    """Yield what some of the centers see of a line of pixels, and matrices that average it.

    A banded matrix, block by block: matrix products are what processors are best at, several times
    faster on a tile than a separable filter of the same size.
    """
    radius, size = pool_radius(sigma), maps.shape[axis]
    for start in range(0, len(centers), BLOCK) if len(centers) else [0]:
        own = centers[start : start + BLOCK]
        first, last = max(0, own.start - radius), own.stop + radius
        seen = slice(-(-first // stride), min(size, -(-last // stride)))
        yield seen, _gaussian_rows(own, seen, sigma, stride).to(maps)


def _gaussian_rows(centers: range, seen: slice, sigma: float, stride: int) -> Tensor:
    """Matrix (len(centers), n_seen) whose rows average pixels about the centers."""
    offsets = stride * torch.arange(seen.start, seen.stop) - torch.tensor(centers)[:, None]
    weights = torch.exp(-0.5 * (offsets.double() / sigma) ** 2) * (
        offsets.abs() <= pool_radius(sigma)
    )
    return weights / weights.sum(1, keepdim=True)
