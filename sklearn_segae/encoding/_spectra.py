"""Spectral components: the directions of the channels in which signal exceeds noise."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy import linalg

from ..imaging._no_data import rows_with_data
from ._projection import N_COLORS, fix_signs

SPECTRUM = 16  # with more channels, single pixels are more informative than neighborhoods
# Spectra of one material differ, too. Without this share of the variance of a channel, directions
# with hardly any noise have too much weight. Measured: 0.01 to 0.1.
VARIABILITY = 0.03
LEAST_RATIO = 1.5  # of total variance to noise variance, of components that are kept
N_MOST = 16
POOLINGS = (0.0, 1.0, 2.0, 4.0)  # of components for classifiers, in pixels
QUIET = 0.5  # share of the differences of neighbors that are noise, not borders
TINY = 1e-12


class SpectralAxes(NamedTuple):
    """Axes of components, with the largest ratio of signal to noise first."""

    axes: np.ndarray  # (C, q), components have variance 1
    spread: np.ndarray  # (q,), their standard deviations in units of the noise

    def weighted(self, whitening: float) -> np.ndarray:
        """Return axes with relative variances between those in units of noise, 0, and equal, 1."""
        return self.axes * (self.spread / self.spread[:1]) ** (1 - whitening)


def spectral_axes(covariance: np.ndarray, noise: np.ndarray) -> SpectralAxes:
    """Return the components with the least noise, given covariances (C, C) of pixels and noise.

    These are the minimum noise fraction [1]_, with `VARIABILITY` added to the noise.

    References
    ----------
    .. [1] A. Green, M. Berman, P. Switzer, M. Craig, "A transformation for ordering multispectral
       data in terms of image quality with implications for noise removal", IEEE Transactions on
       Geoscience and Remote Sensing 26, 1988, doi:10.1109/36.3001.
    """
    scale = np.trace(covariance) / len(covariance) or 1.0
    powers, axes = linalg.eigh(covariance, noise + VARIABILITY * scale * np.eye(len(covariance)))
    powers, axes = np.maximum(powers[::-1], 0), axes[:, ::-1]
    ratios = powers / np.maximum(np.einsum("cq,cd,dq->q", axes, noise, axes), TINY)
    kept = (ratios > LEAST_RATIO) | (np.arange(len(powers)) < N_COLORS)
    chosen = np.flatnonzero(kept & (powers > 1e-6 * powers[0]))[:N_MOST]
    spread = np.sqrt(powers[chosen])
    return SpectralAxes(fix_signs(axes[:, chosen] / spread), spread)


def noise_covariance(tiles: Iterable[np.ndarray]) -> np.ndarray:
    """Estimate the covariance (C, C) of noise from differences of neighbors in tiles (h, w, C).

    The half with the smaller differences in each tile: others may cross a border.
    """
    total, n = np.zeros(()), 0
    for tile in tiles:
        x = tile.astype(np.float64)
        axes = range(x.ndim - 1)
        steps = np.concatenate([np.diff(x, axis=a).reshape(-1, x.shape[-1]) for a in axes])
        steps = rows_with_data(steps)
        lengths = (steps**2).sum(1)
        quiet = steps[lengths <= np.quantile(lengths, QUIET)] if len(steps) else steps
        total, n = total + quiet.T @ quiet / 2, n + len(quiet)
    return total / max(n, 1)
