"""Hyperspectral cubes with known abundances."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from scipy import ndimage, special
from sklearn.utils import check_random_state, check_scalar

from ._checks import check_counts, sides_of

SPECTRUM_WIDTH = 1 / 20  # of bumps, standard deviation as a share of the bands
MIXTURE_WIDTH = 1 / 16  # of regions of similar abundances, as a share of the shorter side


def make_mixtures(
    size: int | tuple[int, int] = 64,
    *,
    n_components: int = 4,
    n_bands: int = 100,
    snr: float = 30,
    concentration: float = 1,
    random_state: Any = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make a hyperspectral cube whose pixels are linear mixtures of a few spectra.

    Endmembers are smooth random spectra. The abundances of a pixel have a symmetric Dirichlet
    distribution and are similar in neighboring pixels.

    Parameters
    ----------
    size : int or tuple of int, default=64
        Height and width in pixels; one number for both.
    n_components : int, default=4
        Number of endmembers.
    n_bands : int, default=100
        Number of bands.
    snr : float, default=30
        Signal-to-noise ratio in decibels: 10 times the decimal logarithm of the mean square of the
        mixtures divided by the variance of the Gaussian noise; `numpy.inf` for no noise.
    concentration : float, default=1
        Parameter of the Dirichlet distribution, > 0: 1 is uniform, below 1 there are more pure
        pixels, above 1 fewer.
    random_state : int, RandomState instance or None, default=None
        Determines all random numbers.

    Returns
    -------
    cube : ndarray of shape (height, width, n_bands), float32
        Mixtures with noise, which may be slightly negative.
    abundances : ndarray of shape (height, width, n_components), float64
        Shares of the endmembers in every pixel, >= 0 with a sum of 1.
    endmembers : ndarray of shape (n_components, n_bands), float64
        Values from 0.05 to 0.95; each spectrum reaches both.

    Examples
    --------
    >>> from sklearn_segae.datasets import make_mixtures
    >>> cube, abundances, endmembers = make_mixtures(32, n_components=3, random_state=0)
    >>> cube.shape, abundances.shape, endmembers.shape
    ((32, 32, 100), (32, 32, 3), (3, 100))
    >>> import numpy as np
    >>> bool(np.allclose(cube, abundances @ endmembers, atol=0.1))
    True
    """
    check_counts(n_components=n_components, n_bands=n_bands)
    check_scalar(concentration, "concentration", Real, min_val=0, include_boundaries="neither")
    check_scalar(snr, "snr", Real)
    shape = sides_of(size, "height", "width")
    rng = check_random_state(random_state)
    endmembers = 0.05 + 0.9 * _smooth_spectra(n_components, n_bands, rng)
    abundances = _smooth_dirichlet(n_components, shape, concentration, rng)
    mixtures = abundances @ endmembers
    noise = np.sqrt(np.mean(mixtures**2) / 10 ** (snr / 10))
    cube = mixtures + noise * rng.standard_normal(mixtures.shape)
    return cube.astype(np.float32), abundances, endmembers


def _smooth_spectra(n_spectra: int, n_bands: int, rng: np.random.RandomState) -> np.ndarray:
    """Return smooth random curves (n_spectra, n_bands), each with the range [0, 1]."""
    noise = rng.standard_normal((n_spectra, n_bands))
    curves = ndimage.gaussian_filter1d(noise, SPECTRUM_WIDTH * n_bands, axis=1, mode="wrap")
    low, high = curves.min(1, keepdims=True), curves.max(1, keepdims=True)
    return (curves - low) / np.where(high > low, high - low, 1)  # one band is constant


def _smooth_dirichlet(
    n: int, shape: tuple[int, ...], concentration: float, rng: np.random.RandomState
) -> np.ndarray:
    """Return a field (H, W, n) of the symmetric Dirichlet distribution at every pixel.

    Smooth normal numbers are mapped to those of a gamma distribution, and divided by their sum.
    """
    sigma = MIXTURE_WIDTH * min(shape)
    noise = rng.standard_normal((*shape, n))
    fields = ndimage.gaussian_filter(noise, (sigma, sigma, 0), mode="wrap")
    # Exact marginals: filtered noise has a known variance, that of a filtered impulse.
    impulse = np.zeros(shape)
    impulse[0, 0] = 1
    fields /= np.linalg.norm(ndimage.gaussian_filter(impulse, sigma, mode="wrap"))
    shares = special.gammaincinv(concentration, special.ndtr(fields)) + np.finfo(float).tiny
    return shares / shares.sum(-1, keepdims=True)
