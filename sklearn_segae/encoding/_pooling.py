"""Gaussian pooling and local contrast normalization.

Scales `sigma` are a number, or one for each spatial axis, in pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..imaging._tiles import STRIDE, mirrored
from ..networks._pixel_autoencoder import PixelAutoencoder, crop, spatial

WIDE = {2: 6.0, 3: 3.0}  # minimum pooling for a stride of two pixels, by the number of axes
BLOCK_SIZE = 64  # pixels per block; larger blocks multiply more zeros
MAX_CONTRAST_SIGMA = 32  # maximum scale of contrast normalization in pixels
TINY = 1e-30  # of variance, since the square root has no gradient at 0
LEAST_CONTRAST = 0.15  # in standard deviations of a channel, avoids amplifying noise


class TilePooling(tuple[range, ...]):
    """Pooling at given positions along each axis of the maps of a tile.

    ONNX graphs use another class with the same methods, for images of any size.
    """

    def __new__(cls, *positions: range) -> Self:
        """Return a pooling at positions along each axis."""
        return super().__new__(cls, positions)

    @property
    def steps(self) -> list[int]:
        """Pixels between positions along each axis."""
        return [own.step for own in self]

    def pool(self, maps: Tensor, sigma: Any, stride: int = 1) -> Tensor:
        """Pool at the positions; see `pool`."""
        return pool(maps, sigma, *self, stride=stride)

    def pool_frame(self, maps: Tensor, sigma: Any, frame: int, beyond: Sequence[int]) -> Tensor:
        """Pool at all pixels from first to last position, and `beyond` pixels around them.

        Maps have `frame` additional pixels on each side.
        """
        pairs = zip(self, beyond, strict=True)
        return pool(
            maps, sigma, *(range(r.start + frame - b, r.stop + frame + b) for r, b in pairs)
        )

    def smooth(self, maps: Tensor, sigma: Any) -> Tensor:
        """Pool at all pixels; see `smooth`."""
        return smooth(maps, sigma)

    def upsample(self, maps: Tensor, stride: int) -> Tensor:
        """Interpolate maps of cells of `stride` pixels at rows and columns; see `upsample`."""
        return upsample(maps, stride, *self)

    def pool_slices(
        self, function: Callable[[Tensor, TilePooling], Tensor], x: Tensor, sigma: float
    ) -> Tensor:
        """Pool the maps `function(slice, pooling)` of slices (1, C, H, W) of a volume along z."""
        slices = x[0].movedim(1, 0).split(1)  # one by one, since activations take memory
        maps = torch.cat([function(own, self.of_slice(z)) for z, own in enumerate(slices)])
        return pool_axis(maps.movedim(0, 1)[None], sigma, self[0], -3)

    def of_slice(self, z: int) -> TilePooling:
        """Return the pooling at the same positions of a slice of the volume."""
        return TilePooling(*self[1:])

    def mark(self, maps: Tensor, within: Sequence[int] = ()) -> Tensor:
        """Return the maps, since all pixels have data."""
        return maps

    def mirror(self, x: Tensor, multiple: int) -> Tensor:
        """Extend images by reflection to a multiple of a number of rows and columns."""
        return extend(x, [-(-size // multiple) * multiple for size in x.shape[2:]])


def extend(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """Extend images (N, C, H, W) by reflection to numbers of rows and columns."""
    for axis, (size, wanted) in enumerate(zip(x.shape[-2:], sizes, strict=True), start=2):
        if wanted > size:
            index = torch.from_numpy(mirrored(0, wanted, size))
            x = x.index_select(axis, index.to(x.device))
    return x


def stride_of(sigma: Any, n_axes: int = 2) -> int:
    """Return the stride in pixels of features to pool; larger for wide neighborhoods."""
    return STRIDE if np.min(sigma) >= WIDE[n_axes] else 1


def pool(maps: Tensor, sigma: Any, *positions: range, stride: int = 1) -> Tensor:
    """Average over Gaussian neighborhoods at given positions along each axis.

    (N, C, H, W) -> (N, C, len(rows), len(columns)); sigma 0 does not average. Maps may hold only
    every `stride`-th pixel. At borders, neighborhoods are clipped, not mirrored, since mirroring
    would change the orientation of textures.
    """
    if not np.any(sigma):
        return maps[spatial(slice(p.start, p.stop, p.step) for p in positions)]
    n_axes = len(positions)
    for axis, own in enumerate(np.broadcast_to(sigma, n_axes).tolist()):
        maps = pool_axis(maps, own, positions[axis], axis - n_axes, stride)
    return maps


def pool_axis(maps: Tensor, sigma: float, centers: range, axis: int, stride: int = 1) -> Tensor:
    """Average along an axis, counted from the last, -1; sigma 0 takes the centers."""
    if not sigma:
        own = slice(centers.start, centers.stop, centers.step)
        return maps[spatial([own, *[slice(None)] * ~axis])]
    blocks = _gaussian_blocks(centers, maps, axis, sigma, stride)
    if axis == -1:
        return torch.cat([maps[..., within] @ weights.T for within, weights in blocks], -1)
    rest = maps.shape[axis + 1 :]
    flat = maps.flatten(axis + 1)  # what follows the axis is one axis
    pooled = torch.cat([weights @ flat[..., within, :] for within, weights in blocks], -2)
    return pooled.unflatten(-1, rest)


def smooth(maps: Tensor, sigma: Any) -> Tensor:
    """Average over Gaussian neighborhoods at all pixels where these are complete.

    (N, C, H, W) -> (N, C, H - 2 * r, W - 2 * r), r = pool_radius(sigma).
    """
    sizes = maps.shape[2:]
    radii = np.broadcast_to(pool_radius(sigma), len(sizes)).tolist()
    positions = (range(own, size - own) for own, size in zip(radii, sizes, strict=True))
    return pool(maps, sigma, *positions)


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


def along(length: float, voxel: Sequence[float]) -> Any:
    """Return a length in voxels along each axis; the same number for images or cubes.

    It is given in the smallest sides of voxels, which have the relative sides `voxel`.
    """
    return length if len(set(voxel)) < 2 else length / np.array(voxel)


def pool_radius(sigma: Any) -> Any:
    """Return the radius of the neighborhood in pixels: three standard deviations."""
    radius = np.ceil(3 * np.asarray(sigma)).astype(int)
    return radius if radius.ndim else int(radius)


Smooth = Callable[[Tensor, Any], Tensor]


def views_of(x: Tensor, sigma: Any, smooth: Smooth = smooth) -> list[Tensor]:
    """Return images and their contrast-normalized version, cropped by pool_radius(sigma).

    With sigma 0, return only the images.
    """
    if not np.any(sigma):
        return [x]
    return [crop(x, pool_radius(sigma)), normalize_local_contrast(x, sigma, smooth)]


def normalize_local_contrast(x: Tensor, sigma: Any, smooth: Smooth = smooth) -> Tensor:
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
    sigma: Any,
    size: int,
    step: Any,
    smooth: Smooth = smooth,
) -> Tensor:
    """Return the normalized brightness of the patches around every `step`-th pixel.

    (N, C, H + 2 * m, W + 2 * m) -> (N, size**2, ceil(H / step), ceil(W / step)), where m is the
    margin of the network plus pool_radius(sigma).
    """
    brightness = normalize_local_contrast(x, sigma, smooth).mean(1, keepdim=True)
    return patches_of(crop(brightness, network.margin - size // 2), size, step)


def patches_of(maps: Tensor, size: int, step: Any) -> Tensor:
    """Return the patches of `size` pixels along each axis, at every `step`-th pixel.

    (N, C, H, W) -> (N, C * size**2, h, w), channels first, of patches that are in the maps.
    """
    n_axes = maps.ndim - 2
    if n_axes == 2 and np.ndim(step) == 0:
        places = [-(-(side - size + 1) // step) for side in maps.shape[2:]]
        return functional.unfold(maps, size, stride=step).unflatten(2, places)
    for axis, own in enumerate(np.broadcast_to(step, n_axes).tolist(), start=2):
        maps = maps.unfold(axis, size, own)
    return maps.movedim(1, n_axes + 1).flatten(n_axes + 1).movedim(-1, 1)


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
