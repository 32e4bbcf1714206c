"""Local jets: slope, curvature and value of Gaussian averages at several scales."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ._pooling import TilePooling, pool_radius

SIGMAS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)  # in pixels
RADIUS = pool_radius(SIGMAS[-1])
WIDE = 8.0  # scales from here on omit values, which mostly show illumination
TINY = 1e-30
FRAME = 4  # margin for derivatives in pixels


def jet_sizes() -> dict[float, int]:
    """Return the number of components per channel at each scale."""
    return {sigma: 3 if sigma >= WIDE else 4 for sigma in SIGMAS}


def local_jets(x: Tensor, pooling: TilePooling) -> Tensor:
    """Return rotation-invariant derivatives up to second order.

    For each channel smoothed by each of `SIGMAS`: length of the gradient, eigenvalues of the
    Hessian, larger first, and below `WIDE` the value. Derivatives are scale-normalized [1]_, so
    that lines and blobs respond at their width. (N, C, H + 2 * FRAME, W + 2 * FRAME) ->
    (N, n, h, w), for the pixels of the pooling, n = C times the sum of `jet_sizes`.

    References
    ----------
    .. [1] T. Lindeberg, "Feature detection with automatic scale selection", International Journal
       of Computer Vision 30, 1998, doi:10.1023/A:1008045108935.
    """
    step = pooling.step
    jets = torch.cat([jet for sigma in SIGMAS for jet in _jet(x, pooling, sigma)], 1)
    return jets if step == 1 else jets[..., ::step, ::step]


def _jet(x: Tensor, pooling: TilePooling, sigma: float) -> Iterator[Tensor]:
    """Yield slope, curvatures and, below `WIDE`, value (N, C, h, w) by finite differences."""
    # At large scales, adjacent pixels are too similar for accurate differences.
    apart = max(1, round(sigma / 4))
    above, middle, below = _thirds(pooling.pool_frame(x, sigma, FRAME, apart), apart, axis=2)
    area = apart**2
    left, here, right = _thirds(middle, apart, axis=3)
    up, down = (part[..., apart:-apart] for part in (above, below))
    slope = _length(down - up, right - left) / (2 * apart)
    bend_down, bend_across = (down + up - 2 * here) / area, (right + left - 2 * here) / area
    (top_left, _, top_right), (low_left, _, low_right) = (
        _thirds(part, apart, axis=3) for part in (above, below)
    )
    twist = (low_right - low_left - top_right + top_left) / (4 * area)
    mean = (bend_down + bend_across) / 2
    spread = _length((bend_down - bend_across) / 2, twist)
    yield from (sigma * slope, sigma**2 * (mean + spread), sigma**2 * (mean - spread))
    if sigma < WIDE:
        yield here


def _thirds(maps: Tensor, apart: int, axis: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return maps shifted by -`apart`, 0 and +`apart` pixels along an axis."""
    n = maps.shape[axis] - 2 * apart
    before, here, after = (maps.narrow(axis, k * apart, n) for k in range(3))
    return before, here, after


def _length(a: Tensor, b: Tensor) -> Tensor:
    """Return the length of vectors, with gradient 0 instead of NaN at length 0."""
    return (a * a + b * b).clamp_min(TINY).sqrt()  # ONNX has no torch.hypot
