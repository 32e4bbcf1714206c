"""Gaussian pooling and local contrast normalization."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from math import ceil
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ..imaging._tiles import STRIDE, mirrored
from ..networks._pixel_autoencoder import PixelAutoencoder, crop

WIDE = 6.0  # minimum pooling for a stride of two pixels
BLOCK_SIZE = 64  # pixels per block; larger blocks multiply more zeros
MAX_CONTRAST_SIGMA = 32  # maximum scale of contrast normalization in pixels
TINY = 1e-30  # of variance, since the square root has no gradient at 0
LEAST_CONTRAST = 0.15  # in standard deviations of a channel, avoids amplifying noise


class TilePooling(NamedTuple):
    """Pooling at given rows and columns of the maps of a tile.

    ONNX graphs use another class with the same methods, for images of any size.
    """

    rows: range
    columns: range

    @property
    def step(self) -> int:
        """Pixels between rows, and between columns."""
        return self.rows.step

    def pool(self, maps: Tensor, sigma: float, stride: int = 1) -> Tensor:
        """Pool at rows and columns; see `pool`."""
        return pool(maps, sigma, self.rows, self.columns, stride=stride)

    def pool_frame(self, maps: Tensor, sigma: float, frame: int, beyond: int) -> Tensor:
        """Pool at all pixels from first to last row and column, and `beyond` pixels around them.

        Maps have `frame` additional pixels on each side.
        """
        first, after = frame - beyond, frame + beyond
        return pool(maps, sigma, *(range(r.start + first, r.stop + after) for r in self))

    def smooth(self, maps: Tensor, sigma: float) -> Tensor:
        """Pool at all pixels; see `smooth`."""
        return smooth(maps, sigma)

    def upsample(self, maps: Tensor, stride: int) -> Tensor:
        """Interpolate maps of cells of `stride` pixels at rows and columns; see `upsample`."""
        return upsample(maps, stride, self.rows, self.columns)

    def mark(self, maps: Tensor, within: int = 0) -> Tensor:
        """Return the maps, since all pixels have data."""
        return maps

    def mirror(self, x: Tensor, multiple: int) -> Tensor:
        """Extend images by reflection to a multiple of a number of rows and columns."""
        return extend(x, [-(-size // multiple) * multiple for size in x.shape[-2:]])


def extend(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """Extend images (N, C, H, W) by reflection to numbers of rows and columns."""
    for axis, (size, wanted) in enumerate(zip(x.shape[-2:], sizes, strict=True), start=2):
        if wanted > size:
            index = torch.from_numpy(mirrored(0, wanted, size))
            x = x.index_select(axis, index.to(x.device))
    return x


def stride_of(sigma: float) -> int:
    """Return the stride in pixels of features to pool; larger for wide neighborhoods."""
    return STRIDE if sigma >= WIDE else 1


def pool(maps: Tensor, sigma: float, rows: range, columns: range, *, stride: int = 1) -> Tensor:
    """Average over Gaussian neighborhoods at given rows and columns.

    (N, C, H, W) -> (N, C, len(rows), len(columns)); sigma in pixels, 0 does not average. Maps may
    hold only every `stride`-th pixel. At borders, neighborhoods are clipped, not mirrored, since
    mirroring would change the orientation of textures.
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
    """Average over Gaussian neighborhoods at all pixels where these are complete.

    (N, C, H, W) -> (N, C, H - 2 * r, W - 2 * r), r = pool_radius(sigma).
    """
    radius = pool_radius(sigma)
    return pool(maps, sigma, *(range(radius, size - radius) for size in maps.shape[-2:]))


def upsample(maps: Tensor, stride: int, rows: range, columns: range) -> Tensor:
    """Interpolate bilinearly between the centers of cells of `stride` x `stride` pixels.

    (N, C, H / stride, W / stride) -> (N, C, len(rows), len(columns)). Cells at the border are
    continued.
    """
    down = _linear_weights(rows, stride, maps.shape[-2]).to(maps)
    across = _linear_weights(columns, stride, maps.shape[-1]).to(maps)
    return down @ maps @ across.T


def _linear_weights(pixels: range, stride: int, n_cells: int) -> Tensor:
    """Return the matrix (len(pixels), n_cells) of a linear interpolation."""
    place = ((torch.tensor(pixels).double() + 0.5) / stride - 0.5).clamp(0, n_cells - 1)
    return (1 - (place[:, None] - torch.arange(n_cells)).abs()).clamp_min(0)


def pool_radius(sigma: float) -> int:
    """Return the radius of the neighborhood in pixels: three standard deviations."""
    return ceil(3 * sigma)


Smooth = Callable[[Tensor, float], Tensor]


def views_of(x: Tensor, sigma: float, smooth: Smooth = smooth) -> list[Tensor]:
    """Return images and their contrast-normalized version, cropped by pool_radius(sigma).

    With sigma 0, return only the images.
    """
    if not sigma:
        return [x]
    return [crop(x, pool_radius(sigma)), normalize_local_contrast(x, sigma, smooth)]


def normalize_local_contrast(x: Tensor, sigma: float, smooth: Smooth = smooth) -> Tensor:
    """Subtract local brightness and divide by local contrast [1]_.

    (N, C, H, W) -> (N, C, H - 2 * r, W - 2 * r), r = pool_radius(sigma). Brightness is the mean
    over the channels, so differences between channels are kept.

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
    network: PixelAutoencoder,
    x: Tensor,
    sigma: float,
    size: int,
    step: int,
    smooth: Smooth = smooth,
) -> Tensor:
    """Return the normalized brightness of the patches around every `step`-th pixel.

    (N, C, H + 2 * m, W + 2 * m) -> (N, size**2, ceil(H / step), ceil(W / step)), where m is the
    margin of the network plus pool_radius(sigma).
    """
    brightness = normalize_local_contrast(x, sigma, smooth).mean(1, keepdim=True)
    inner = crop(brightness, network.margin - size // 2)
    height, width = (-(-(side - size + 1) // step) for side in inner.shape[-2:])
    return functional.unfold(inner, size, stride=step).unflatten(2, (height, width))


def _gaussian_blocks(
    centers: range, maps: Tensor, axis: int, sigma: float, stride: int
) -> Iterator[tuple[slice, Tensor]]:
    """Yield blocks of the banded matrix for Gaussian averages: slice of pixels, and weights.

    On a tile, matrix products are several times faster than a separable filter of the same size.
    """
    radius, size = pool_radius(sigma), maps.shape[axis]
    for start in range(0, len(centers), BLOCK_SIZE) if len(centers) else [0]:
        own = centers[start : start + BLOCK_SIZE]
        first, last = max(0, own.start - radius), own.stop + radius
        within = slice(-(-first // stride), min(size, -(-last // stride)))
        pixels = range(within.start, within.stop)
        yield within, _gaussian_rows(own, pixels, sigma, stride).to(maps)


@lru_cache(maxsize=128)  # small images of one size have the same few matrices
@torch.inference_mode(False)  # they may be used in training, too
def _gaussian_rows(centers: range, pixels: range, sigma: float, stride: int) -> Tensor:
    """Return the matrix (len(centers), len(pixels)) that averages pixels around the centers."""
    offsets = stride * torch.tensor(pixels) - torch.tensor(centers)[:, None]
    weights = torch.exp(-0.5 * (offsets.double() / sigma) ** 2) * (
        offsets.abs() <= pool_radius(sigma)
    )
    return weights / weights.sum(1, keepdim=True)
