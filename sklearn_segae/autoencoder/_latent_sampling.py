"""Sampling of codes from a density estimate."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

MAX_CODES = 1000  # codes that are kept to estimate the density
# On digits, draws with 20 neighbors are as far from the nearest training sample as held-out samples
# are; with 5 nearer (copies), with 80 further.
N_NEIGHBORS = 20


def draw_codes(codes: np.ndarray, n_samples: int, seed: int) -> np.ndarray:
    """Draw codes (n_samples, n_components) from the density of given codes (n, n_components).

    The density is a mixture of Gaussians, one around every code, with the covariance of the
    differences to its nearest neighbors: manifold Parzen windows [1]_.

    References
    ----------
    .. [1] P. Vincent, Y. Bengio, "Manifold Parzen windows", NIPS 2002.
    """
    rng = np.random.default_rng(seed)
    centers = rng.integers(len(codes), size=n_samples)
    n_neighbors = min(N_NEIGHBORS, len(codes) - 1)
    if n_neighbors == 0:
        return codes[centers]
    nearest = NearestNeighbors(n_neighbors=n_neighbors).fit(codes)
    neighbors = nearest.kneighbors(return_distance=False)[centers]
    steps = codes[neighbors] - codes[centers, None]
    # Sums of steps with independent standard normal weights have that covariance.
    weights = rng.standard_normal((n_samples, n_neighbors)) / np.sqrt(n_neighbors)
    return (codes[centers] + np.einsum("nk,nkc->nc", weights, steps)).astype(codes.dtype)
