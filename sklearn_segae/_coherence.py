"""Closed forms for what neighbouring pixels share: lagged covariances and the coherence axes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class CoherenceAxes(NamedTuple):
    """Linear codes `(features - mean) @ axes` and the coherence of each, in [0, 1]."""

    mean: Array
    axes: Array
    coherence: Array


def pair_covariances(first: Array, second: Array) -> tuple[Array, Array]:
    """Covariance (F, F) of centred features, and covariance between the two ends of every pair.

    Both are made symmetric, since a pair has no direction.
    """
    n_pairs = len(first)
    covariance = (first.T @ first + second.T @ second) / (2 * n_pairs)
    lagged = (first.T @ second + second.T @ first) / (2 * n_pairs)
    return covariance, lagged


def coherence_axes(
    covariance: Array, lagged: Array, n_components: int, whitening: float
) -> tuple[Array, Array]:
    r"""Solve for the directions that neighbours share most.

    With C the covariance and S the lagged covariance, take the leading eigenvectors u of
    :math:`C^{-w/2} S C^{-w/2}` and project on :math:`C^{-w/2} u`. Whitening w = 1 gives min/max
    autocorrelation factors [1]_, each then weighted by its autocorrelation; w = 0 keeps variance.

    Parameters
    ----------
    covariance, lagged : array of shape (n_features, n_features)
        C and S, symmetric.
    n_components : int
        Number of axes, at most n_features.
    whitening : float
        w, in [0, 1].

    Returns
    -------
    axes : array of shape (n_features, n_components)
        Leading directions first.
    coherence : array of shape (n_components,)
        Autocorrelation of the codes at the lag, clipped to [0, 1].

    References
    ----------
    .. [1] P. Switzer, A. Green, "Min/max autocorrelation factors for multivariate spatial
       imagery", Stanford technical report 6, 1984.
    """
    scale, basis = np.linalg.eigh(covariance)
    # Directions without variance would be blown up to pure rounding noise.
    floor = max(1e-4 * scale.mean(), np.finfo(float).tiny)
    root = basis * np.maximum(scale, floor) ** (-whitening / 2) @ basis.T
    values, vectors = np.linalg.eigh(root @ lagged @ root)
    best = values.argsort()[::-1][:n_components]
    axes = fix_signs(root @ vectors[:, best])
    coherence = autocorrelation(covariance, lagged, axes)
    return axes * coherence**whitening, coherence


def autocorrelation(covariance: Array, lagged: Array, axes: Array) -> Array:
    """Return the autocorrelation at the lag along every axis, clipped to [0, 1]."""
    power = np.einsum("fk,fg,gk->k", axes, covariance, axes)
    shared = np.einsum("fk,fg,gk->k", axes, lagged, axes)
    return np.clip(shared / np.maximum(power, np.finfo(float).tiny), 0, 1)


def fix_signs(axes: Array) -> Array:
    """Make the largest entry of every axis positive, so that equal data give equal codes."""
    largest = np.abs(axes).argmax(0)
    signs = np.sign(axes[largest, np.arange(axes.shape[1])])
    return axes * np.where(signs == 0, 1, signs)
