"""Local jets: slope, curvature and value of Gaussian averages at several scales."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..networks._pixel_autoencoder import spatial
from ._pooling import TilePooling, along

# Scales of images and volumes in pixels. Wide ones take a large halo, in volumes above all.
SIGMAS = {2: (0.5, 1.0, 2.0, 4.0, 8.0, 16.0), 3: (0.5, 1.0, 2.0, 4.0)}
WIDE = 8.0  # scales from here on omit values, which mostly show illumination
TINY = 1e-30
FRAME = 4  # margin for derivatives in pixels


def jet_sizes(n_axes: int = 2) -> dict[float, int]:
    """Return the number of components per channel at each scale."""
    return {sigma: n_axes + 1 + (sigma < WIDE) for sigma in SIGMAS[n_axes]}


def local_jets(x: Tensor, pooling: TilePooling, voxel: Sequence[float] = ()) -> Tensor:
    """Return rotation-invariant derivatives up to second order.

    For each channel smoothed by each of `SIGMAS`: length of the gradient, eigenvalues of the
    Hessian, larger first, and below `WIDE` the value. Derivatives are scale-normalized [1]_, so
    that lines and blobs respond at their width. (N, C, H + 2 * FRAME, W + 2 * FRAME) ->
    (N, n, h, w), for the pixels of the pooling, n = C times the sum of `jet_sizes`. Of volumes,
    `voxel` are the relative sides of voxels.

    References
    ----------
    .. [1] T. Lindeberg, "Feature detection with automatic scale selection", International Journal
       of Computer Vision 30, 1998, doi:10.1023/A:1008045108935.
    """
    n_axes = len(voxel) or 2
    jet = partial(_jet_of_volume, voxel=voxel) if voxel else _jet
    jets = torch.cat([part for sigma in SIGMAS[n_axes] for part in jet(x, pooling, sigma)], 1)
    if max(pooling.steps) == 1:
        return jets
    return jets[spatial(slice(None, None, step) for step in pooling.steps)]


def _jet(x: Tensor, pooling: TilePooling, sigma: float) -> Iterator[Tensor]:
    """Yield slope, curvatures and, below `WIDE`, value (N, C, h, w) by finite differences."""
    # At large scales, adjacent pixels are too similar for accurate differences.
    apart = max(1, round(sigma / 4))
    pooled = pooling.pool_frame(x, sigma, FRAME, (apart, apart))
    above, middle, below = _thirds(pooled, apart, axis=2)
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


def _jet_of_volume(
    x: Tensor, pooling: TilePooling, sigma: float, voxel: Sequence[float]
) -> Iterator[Tensor]:
    """Yield slope, three curvatures and, below `WIDE`, value (N, C, d, h, w)."""
    widths = np.broadcast_to(along(sigma, voxel), 3).tolist()
    apart = [max(1, round(width / 4)) for width in widths]
    pooled = pooling.pool_frame(x, along(sigma, voxel), FRAME, apart)
    lengths = [a * side for a, side in zip(apart, voxel, strict=True)]

    def at(*steps: int) -> Tensor:
        """Return maps shifted by some steps of -1, 0 and +1 along the axes."""
        part = pooled
        for axis, (step, own) in enumerate(zip(steps, apart, strict=True), start=2):
            part = part.narrow(axis, (step + 1) * own, part.shape[axis] - 2 * own)
        return part

    here, ones = at(0, 0, 0), np.eye(3, dtype=int).tolist()
    ends = [(at(*(-s for s in one)), at(*one)) for one in ones]
    slopes = [(b - a) / (2 * h) for (a, b), h in zip(ends, lengths, strict=True)]
    bends = [(a + b - 2 * here) / h**2 for (a, b), h in zip(ends, lengths, strict=True)]
    twists = []
    for i, j in ((0, 1), (0, 2), (1, 2)):
        same, other = np.add(ones[i], ones[j]).tolist(), np.subtract(ones[i], ones[j]).tolist()
        corners = at(*same) + at(*(-s for s in same)) - at(*other) - at(*(-s for s in other))
        twists.append(corners / (4 * lengths[i] * lengths[j]))
    yield sigma * sum(s * s for s in slopes).clamp_min(TINY).sqrt()
    yield from (sigma**2 * value for value in _eigenvalues(bends, twists))
    if sigma < WIDE:
        yield here


def _eigenvalues(diagonal: Sequence[Tensor], others: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return the eigenvalues of symmetric 3 x 3 matrices, largest first [1]_.

    `others` are the entries (0, 1), (0, 2) and (1, 2).

    References
    ----------
    .. [1] O. Smith, "Eigenvalues of a symmetric 3 x 3 matrix", Communications of the ACM 4, 1961,
       doi:10.1145/355578.366316.
    """
    mean = sum(diagonal) / 3
    a, b, c = (own - mean for own in diagonal)
    d, e, f = others
    spread = ((a * a + b * b + c * c + 2 * (d * d + e * e + f * f)) / 6).clamp_min(TINY).sqrt()
    determinant = a * (b * c - f * f) - d * (d * c - e * f) + e * (d * f - b * e)
    angle = torch.acos((determinant / (2 * spread**3).clamp_min(TINY)).clamp(-1, 1)) / 3
    first = mean + 2 * spread * torch.cos(angle)
    last = mean + 2 * spread * torch.cos(angle + 2 * np.pi / 3)
    return first, 3 * mean - first - last, last


def _thirds(maps: Tensor, apart: int, axis: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return maps shifted by -`apart`, 0 and +`apart` pixels along an axis."""
    n = maps.shape[axis] - 2 * apart
    before, here, after = (maps.narrow(axis, k * apart, n) for k in range(3))
    return before, here, after


def _length(a: Tensor, b: Tensor) -> Tensor:
    """Return the length of vectors, with gradient 0 instead of NaN at length 0."""
    return (a * a + b * b).clamp_min(TINY).sqrt()  # ONNX has no torch.hypot
