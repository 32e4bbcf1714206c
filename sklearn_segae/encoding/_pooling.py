"""Averages over Gaussian neighborhoods of pixels, and local contrast normalization."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ..imaging._tiles import STRIDE
from ..networks._pixel_autoencoder import PixelAutoencoder, crop

WIDE = 6.0  # pooling from which on every second pixel is enough
BLOCK_SIZE = 64  # pixels that are averaged at once: more would multiply more zeros
MAX_CONTRAST_SIGMA = 32  # standard deviation in pixels of local brightness, at most
TINY = 1e-30  # of variance: a root has no gradient at 0
LEAST_CONTRAST = 0.15  # in standard deviations of a channel: flatter places stay flat


class TilePooling(NamedTuple):
    """Averages about the pixels of some rows and columns, counted in the maps of a tile.

    ONNX graphs have a class of their own with the same methods, for images of any size.
    """

    rows: range
    columns: range

    @property
    def step(self) -> int:
        """Pixels between rows, and between columns."""
        return self.rows.step

    def pool(self, maps: Tensor, sigma: float, stride: int = 1) -> Tensor:
        """Average as `pool` does."""
        return pool(maps, sigma, self.rows, self.columns, stride=stride)

    def pool_frame(self, maps: Tensor, sigma: float, frame: int, beyond: int) -> Tensor:
        """Average about every pixel from the first to the last, and `beyond` more on every side.

        Maps have `frame` pixels more on every side than rows and columns count.
        """
        first, after = frame - beyond, frame + beyond
        return pool(maps, sigma, *(range(r.start + first, r.stop + after) for r in self))

    def smooth(self, maps: Tensor, sigma: float) -> Tensor:
        """Average as `smooth` does, about all pixels."""
        return smooth(maps, sigma)


def stride_of(sigma: float) -> int:
    """Return how many pixels apart features are read that are pooled.

    An average over the neighborhood does not need every pixel of it if it is wide.
    """
    return STRIDE if sigma >= WIDE else 1


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
    maps = torch.cat([weights @ maps[..., within, :] for within, weights in down], -2)
    return torch.cat([maps[..., within] @ weights.T for within, weights in across], -1)


def smooth(maps: Tensor, sigma: float) -> Tensor:
    """Average about every pixel that has all of its neighborhood.

    (N, C, H, W) -> (N, C, H - 2 * r, W - 2 * r), r = pool_radius(sigma).
    """
    radius = pool_radius(sigma)
    return pool(maps, sigma, *(range(radius, size - radius) for size in maps.shape[-2:]))


def pool_radius(sigma: float) -> int:
    """Return the pixels on every side that `pool` sees: three standard deviations."""
    return ceil(3 * sigma)


Smooth = Callable[[Tensor, float], Tensor]


def views_of(x: Tensor, sigma: float, smooth: Smooth = smooth) -> list[Tensor]:
    """Return images, and the same with local contrast normalized, r pixels less on every side each.

    r = pool_radius(sigma); with sigma 0 the images alone.
    """
    if not sigma:
        return [x]
    return [crop(x, pool_radius(sigma)), normalize_local_contrast(x, sigma, smooth)]


def normalize_local_contrast(x: Tensor, sigma: float, smooth: Smooth = smooth) -> Tensor:
    """Subtract local brightness and divide by local contrast [1]_, so that uneven light is gone.

    (N, C, H, W) -> (N, C, H - 2 * r, W - 2 * r), r = pool_radius(sigma). Brightness is the mean
    over the channels: differences between channels stay.

    References
    ----------
    .. [1] K. Jarrett, K. Kavukcuoglu, M. Ranzato, Y. LeCun, "What is the best multi-stage
       architecture for object recognition?", ICCV 2009, doi:10.1109/ICCV.2009.5459469.
    """
    brightness = x.mean(1, keepdim=True)
    mean = smooth(brightness, sigma)
    variance = smooth(brightness**2, sigma) - mean**2
    inner = crop(x, pool_radius(sigma))
    return (inner - mean) / (variance.clamp_min(TINY).sqrt() + LEAST_CONTRAST)


def normalized_patches(
    network: PixelAutoencoder, x: Tensor, sigma: float, size: int, step: int
) -> Tensor:
    """Return the normalized brightness of the patches about every `step`-th pixel.

    (N, C, H + 2 * m, W + 2 * m) -> (N, size**2, ceil(H / step), ceil(W / step)), m the margin of
    the network and pool_radius(sigma).
    """
    brightness = normalize_local_contrast(x, sigma).mean(1, keepdim=True)
    inner = crop(brightness, network.margin - size // 2)
    height, width = (-(-(side - size + 1) // step) for side in inner.shape[-2:])
    return functional.unfold(inner, size, stride=step).unflatten(2, (height, width))


def _gaussian_blocks(
    centers: range, maps: Tensor, axis: int, sigma: float, stride: int
) -> Iterator[tuple[slice, Tensor]]:
    """Yield parts of a line of pixels about some of the centers, and matrices that average them.

    A banded matrix, block by block: matrix products are what processors are best at, several times
    faster on a tile than a separable filter of the same size.
    """
    radius, size = pool_radius(sigma), maps.shape[axis]
    for start in range(0, len(centers), BLOCK_SIZE) if len(centers) else [0]:
        own = centers[start : start + BLOCK_SIZE]
        first, last = max(0, own.start - radius), own.stop + radius
        within = slice(-(-first // stride), min(size, -(-last // stride)))
        yield within, _gaussian_rows(own, within, sigma, stride).to(maps)


def _gaussian_rows(centers: range, within: slice, sigma: float, stride: int) -> Tensor:
    """Matrix (len(centers), n_within) whose rows average pixels about the centers."""
    offsets = stride * torch.arange(within.start, within.stop) - torch.tensor(centers)[:, None]
    weights = torch.exp(-0.5 * (offsets.double() / sigma) ** 2) * (
        offsets.abs() <= pool_radius(sigma)
    )
    return weights / weights.sum(1, keepdim=True)
