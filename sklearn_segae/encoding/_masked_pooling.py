"""Pooling over pixels with data, as at the borders of images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from ..imaging._no_data import GAP_REACH
from ..imaging._tiles import STRIDE
from ..networks._pixel_autoencoder import crop
from ._pooling import TINY, Smooth, TilePooling, extend, pool, smooth, upsample

NEARLY = 1 - 1e-6  # total weights from here on differ from 1 by rounding
GAP_SIGMA = GAP_REACH / 3  # of the mean that replaces pixels without data, in pixels


def smoothing(present: Tensor | None) -> Smooth:
    """Return a function like `smooth` over pixels with data, whose mask is centered on the maps."""
    if present is None:
        return smooth
    return MaskedPooling.of(TilePooling(range(0), range(0)), present, 0).smooth


class MaskedPooling(TilePooling):
    """Pooling at rows and columns over pixels with data; others have no weight.

    `present` (1, 1, h, w) is 1 where pixels have data, else 0; it extends `margin` pixels beyond
    the maps of the network.
    """

    present: Tensor
    margin: int

    @classmethod
    def of(cls, pooling: TilePooling, present: Tensor, margin: int) -> MaskedPooling:
        """Return a pooling at the same rows and columns."""
        masked = cls(*pooling)
        masked.present, masked.margin = present, margin
        return masked

    def pool(self, maps: Tensor, sigma: float, stride: int = 1) -> Tensor:
        """Pool at rows and columns; see `pool`."""
        if not sigma:
            return super().pool(maps, sigma, stride)
        weights = crop(self.present, self.margin)[..., ::stride, ::stride]
        return _average(partial(super().pool, sigma=sigma, stride=stride), maps, weights)

    def pool_frame(self, maps: Tensor, sigma: float, frame: int, beyond: int) -> Tensor:
        """Pool at all pixels from first to last row and column, and `beyond` pixels around them."""
        weights = crop(self.present, self.margin - frame)
        average = partial(super().pool_frame, sigma=sigma, frame=frame, beyond=beyond)
        return _average(average, maps, weights)

    def smooth(self, maps: Tensor, sigma: float) -> Tensor:
        """Pool at all pixels; see `smooth`."""
        weights = crop(self.present, (self.present.shape[-1] - maps.shape[-1]) // 2)
        return _average(partial(super().smooth, sigma=sigma), maps, weights)

    def upsample(self, maps: Tensor, stride: int) -> Tensor:
        """Interpolate cells of `stride` pixels, weighted by their shares of pixels with data."""
        shares = shares_with_data(crop(self.present, self.margin), maps.shape[-2:], stride)
        return weighted_upsample(maps, shares, stride, self.rows, self.columns)

    def mark(self, maps: Tensor, within: int = 0) -> Tensor:
        """Set maps to NaN at rows and columns with no data at most `within` pixels away."""
        near = self.present
        if within:
            near = functional.max_pool2d(near, 2 * within + 1, 1, within)
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
    # Every second pixel along both axes: tiles begin at multiples of two, so it is the same one.
    rows, columns = (range(GAP_REACH, size - GAP_REACH, STRIDE) for size in x.shape[-2:])
    average = partial(pool, sigma=GAP_SIGMA, rows=rows, columns=columns)
    means = _average(average, x.nan_to_num(), present)
    for axis in (2, 3):
        means = means.repeat_interleave(STRIDE, axis).narrow(axis, 0, inner.shape[axis])
    return torch.where(known > 0, inner, means), known


def fill_crops(x: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return crops (N, C, H, W) without NaN, and the mask of pixels with data; None if all have."""
    if not x[:, 0].isnan().any():
        return x, None
    return fill_gaps(functional.pad(x, [GAP_REACH] * 4, value=torch.nan))


def _average(average: Callable[[Tensor], Tensor], maps: Tensor, weights: Tensor) -> Tensor:
    """Return weighted averages of maps (N, C, H, W), by a function of plain averages.

    Where all pixels have data, they are those of `TilePooling`, bit for bit.
    """
    total = average(weights.to(maps))
    return average(maps * weights) / torch.where(total > NEARLY, 1, total.clamp_min(TINY))
