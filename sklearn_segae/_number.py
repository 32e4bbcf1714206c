"""How many segments are there? Read off the codes, without labels."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans

MOST = 12  # segments that are looked for
N_SAMPLES = 6_000
POWER = 0.5


def count_clusters(codes: np.ndarray, seed: int) -> int:
    """Return the number of clusters of rows (n, F), 2 to `MOST`, by the jump method [1]_.

    With d(k) the share of the variance that k-means leaves within k clusters, it is the k at which
    d(k)**-POWER rises most. The paper's power is half the number of dimensions if clusters are
    round; codes of segments vary along few directions, as if there were one.

    References
    ----------
    .. [1] C. Sugar, G. James, "Finding the number of clusters in a dataset: an
       information-theoretic approach", Journal of the American Statistical Association 98, 2003,
       doi:10.1198/016214503000000666.
    """
    rows = np.random.default_rng(seed).permutation(codes)[:N_SAMPLES]
    most = min(MOST, len(np.unique(rows, axis=0)))
    if most < 2:
        return 1
    total = ((rows - rows.mean(0)) ** 2).sum()
    numbers = range(2, most + 1)
    left = [_inertia(rows, k, seed) / total for k in numbers]
    rises = np.diff(np.maximum([1, *left], 1e-6) ** -POWER)
    return int(numbers[rises.argmax()])


def _inertia(rows: np.ndarray, k: int, seed: int) -> float:
    return float(KMeans(k, n_init=5, random_state=seed).fit(rows).inertia_)
