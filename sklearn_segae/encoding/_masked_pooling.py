"""Pooling over pixels with data, as at the borders of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..imaging._no_data import GAP_REACH
from ..imaging._tiles import STRIDE
from ..networks._pixel_autoencoder import crop, spatial
from ._pooling import TINY, Smooth, TilePooling, extend, pool, smooth, upsample

NEARLY = 1 - 1e-6  # total weights from here on differ from 1 by rounding
GAP_SIGMA = GAP_REACH / 3  # of the mean that replaces pixels without data, in pixels


def smoothing(present: Tensor | None) -> Smooth:
    """Return a function like `smooth` over pixels with data, whose mask is centered on the maps."""
    if present is None:
        return smooth
    nowhere = TilePooling(*[range(0)] * (present.ndim - 2))
    return MaskedPooling.of(nowhere, present, 0).smooth


class MaskedPooling(TilePooling):
    """Pooling at positions over pixels with data; others have no weight.

    `present` (1, 1, h, w) is 1 where pixels have data, else 0; it extends `margin` pixels beyond
    the maps of the network.
    """

    present: Tensor
    margin: Any  # a number, or one for each axis

    @classmethod
    def of(cls, pooling: TilePooling, present: Tensor, margin: Any) -> MaskedPooling:
        """Return a pooling at the same positions."""
        masked = cls(*pooling)
        masked.present, masked.margin = present, margin
        return masked

    def pool(self, maps: Tensor, sigma: Any, stride: int = 1) -> Tensor:
        """Pool at the positions; see `pool`."""
        if not np.any(sigma):
            return super().pool(maps, sigma, stride)
        every = slice(None, None, stride)
        weights = crop(self.present, self.margin)[spatial([every] * len(self))]
        return _average(partial(super().pool, sigma=sigma, stride=stride), maps, weights)

    def pool_frame(self, maps: Tensor, sigma: Any, frame: int, beyond: Sequence[int]) -> Tensor:
        """Pool at all pixels from first to last position, and `beyond` pixels around them."""
        weights = crop(self.present, self.margin - frame)
        average = partial(super().pool_frame, sigma=sigma, frame=frame, beyond=beyond)
        return _average(average, maps, weights)

    def smooth(self, maps: Tensor, sigma: Any) -> Tensor:
        """Pool at all pixels; see `smooth`."""
        pairs = zip(self.present.shape[2:], maps.shape[2:], strict=True)
        weights = crop(self.present, [(wide - own) // 2 for wide, own in pairs])
        return _average(partial(super().smooth, sigma=sigma), maps, weights)

    def upsample(self, maps: Tensor, stride: int) -> Tensor:
        """Interpolate cells of `stride` pixels, weighted by their shares of pixels with data."""
        shares = shares_with_data(crop(self.present, self.margin), maps.shape[-2:], stride)
        return weighted_upsample(maps, shares, stride, *self)

    def pool_slices(
        self, function: Callable[[Tensor, TilePooling], Tensor], x: Tensor, sigma: float
    ) -> Tensor:
        """Pool the maps of slices along z, over slices with data at the same row and column."""
        at_positions = TilePooling(range(self.present.shape[2]), *self[1:])
        known = at_positions.pool(crop(self.present, self.margin), 0)
        slices = x[0].movedim(1, 0).split(1)
        parts = [function(own, self.of_slice(z)) for z, own in enumerate(slices)]
        maps = torch.cat(parts).movedim(0, 1)[None]
        plain = TilePooling(self[0], *map(range, maps.shape[3:]))
        along_z = (sigma, 0, 0)
        return _average(lambda m: plain.pool(m, along_z), maps, known)

    def of_slice(self, z: int) -> TilePooling:
        """Return the pooling at the same positions of a slice of the volume."""
        margin = np.broadcast_to(self.margin, 3).tolist()
        present = self.present[:, :, z + margin[0]]
        return MaskedPooling.of(TilePooling(*self[1:]), present, margin[1:])

    def mark(self, maps: Tensor, within: Sequence[int] = ()) -> Tensor:
        """Set maps to NaN at positions with no data at most `within` pixels away."""
        near = self.present
        if any(within):
            largest = functional.max_pool2d if len(self) == 2 else functional.max_pool3d
            near = largest(near, [2 * own + 1 for own in within], 1, list(within))
        known = super().pool(crop(near, self.margin), 0)
        return torch.where(known > 0, maps, torch.nan)


def shares_with_data(present: Tensor, shape: Sequence[int], stride: int) -> Tensor:
    """Return the shares of pixels with data of (h, w) cells of `stride` pixels."""
    return functional.avg_pool2d(extend(present, [stride * n for n in shape]), stride)


def weighted_upsample(
    maps: Tensor, shares: Tensor, stride: int, rows: range, columns: range
) -> Tensor:
    """Interpolate as `upsample`, with weights (1, 1, h, w) of the cells."""
    average = partial(upsample, stride=stride, rows=rows, columns=columns)
    return _average(average, maps, shares)


def fill_gaps(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return images without NaN and the mask (N, 1, h, w) of pixels with data, as numbers.

    Pixels without data are the mean of those at most `GAP_REACH` pixels away, or else 0, the mean
    of scaled images. Both are cropped by `GAP_REACH`.
    """
    present = (~x[:, :1].isnan()).to(x)
    inner, known = crop(x, GAP_REACH), crop(present, GAP_REACH)
    # Every second pixel along all axes: tiles begin at multiples of two, so it is the same one.
    positions = [range(GAP_REACH, size - GAP_REACH, STRIDE) for size in x.shape[2:]]
    means = _average(lambda m: pool(m, GAP_SIGMA, *positions), x.nan_to_num(), present)
    for axis in range(2, x.ndim):
        means = means.repeat_interleave(STRIDE, axis).narrow(axis, 0, inner.shape[axis])
    return torch.where(known > 0, inner, means), known


def fill_crops(x: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return crops (N, C, H, W) without NaN, and the mask of pixels with data; None if all have."""
    if not x[:, 0].isnan().any():
        return x, None
    return fill_gaps(functional.pad(x, [GAP_REACH] * 2 * (x.ndim - 2), value=torch.nan))


def _average(average: Callable[[Tensor], Tensor], maps: Tensor, weights: Tensor) -> Tensor:
    """Return weighted averages of maps (N, C, H, W), by a function of plain averages.

    Where all pixels have data, they are those of `TilePooling`, bit for bit.
    """
    total = average(weights.to(maps))
    return average(maps * weights) / torch.where(total > NEARLY, 1, total.clamp_min(TINY))
