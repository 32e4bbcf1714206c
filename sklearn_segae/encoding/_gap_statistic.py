"""Variance within clusters of k-means, and the gap statistic."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning


def gap_statistic(rows: np.ndarray, numbers: Iterable[int], seed: int) -> float:
    """Return the gap statistic of rows (n, F) over a Gaussian with their covariance [1]_.

    Averaged over numbers of clusters. It is near 0 if the rows have one cluster.

    References
    ----------
    .. [1] R. Tibshirani, G. Walther, T. Hastie, "Estimating the number of clusters in a data set
       via the gap statistic", JRSS B 63, 2001.
    """
    rng = np.random.default_rng(seed)
    covariance = np.cov(rows.T).reshape(rows.shape[1], -1)
    null = rng.multivariate_normal(rows.mean(0), covariance, len(rows))
    ratios = [variance_left(null, k, seed) / variance_left(rows, k, seed) for k in numbers]
    return float(np.mean(np.log(ratios)))


def variance_left(rows: np.ndarray, k: int, seed: int) -> float:
    """Return the share of the variance of rows (n, F) within k clusters of k-means."""
    with warnings.catch_warnings():  # rows may have fewer than k distinct values
        warnings.simplefilter("ignore", ConvergenceWarning)
        inertia = KMeans(k, n_init=5, random_state=seed).fit(rows).inertia_
    return float(inertia / ((rows - rows.mean(0)) ** 2).sum() + 1e-12)
