"""Where codes lie: a density to draw new ones from."""

from __future__ import annotations

import numpy as np
from sklearn.neighbors import NearestNeighbors

MAX_CODES = 1000  # a sample that describes the density well enough, and is cheap to keep
# Draws about a code spread as so many nearest codes do. On digits, draws from 20 are as far from
# the nearest training sample as held-out samples are; from 5 nearer (copies), from 80 further.
N_NEIGHBORS = 20


def draw_codes(codes: np.ndarray, n_samples: int, seed: int) -> np.ndarray:
    """Draw codes (n_samples, n_components) from the density of others, given as (n, n_components).

    The density is a mixture of Gaussians, one about every code, with the covariance of the steps
    to its nearest neighbors: manifold Parzen windows [1]_, which follow bent clouds of codes, and
    need no fit.

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
    # Steps with independent standard normal weights have that covariance.
    weights = rng.standard_normal((n_samples, n_neighbors)) / np.sqrt(n_neighbors)
    return (codes[centers] + np.einsum("nk,nkc->nc", weights, steps)).astype(codes.dtype)
