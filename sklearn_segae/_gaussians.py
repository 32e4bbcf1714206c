"""Gaussians: the log-densities of several at once, covariances that have an inverse."""

from __future__ import annotations

from math import log, pi

import numpy as np


def log_densities(x: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Return (n, k), in the precision of `x` (n, f); means (k, f), covariances (k, f, f)."""
    logs = np.empty((len(x), len(means)), x.dtype)
    for j, (mean, covariance) in enumerate(zip(means, covariances, strict=True)):
        root = np.linalg.inv(np.linalg.cholesky(covariance)).astype(x.dtype)
        z = (x - mean.astype(x.dtype)) @ root.T
        logs[:, j] = np.log(np.diag(root)).sum() - 0.5 * np.einsum("nf,nf->n", z, z)
    return logs - 0.5 * x.shape[1] * log(2 * pi)


def shrunk_covariance(rows: np.ndarray, ridge: float) -> np.ndarray:
    """Return (1 - ridge) C + ridge I, which has an inverse however few the rows are."""
    own = np.atleast_2d(np.cov(rows.T.astype(np.float64), bias=True))
    return (1 - ridge) * own + ridge * np.eye(rows.shape[1])
