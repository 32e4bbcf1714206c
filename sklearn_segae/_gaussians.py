"""Gaussians: the log-densities of several at once, covariances that have an inverse."""

from __future__ import annotations

from math import log, pi

import numpy as np

BLOCK = 2**14  # rows at once: what is computed of them stays in the processor's cache


def log_densities(x: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Return (n, k), in the precision of `x` (n, f); means (k, f), covariances (k, f, f)."""
    roots = np.linalg.inv(np.linalg.cholesky(covariances))
    norms = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(1) - 0.5 * x.shape[1] * log(2 * pi)
    # Near the means, so that differences of single floats are exact enough.
    centre = means.mean(0)
    shifts = roots @ (means - centre)[..., None]
    roots, norms, centre, shifts = (a.astype(x.dtype) for a in (roots, norms, centre, shifts))
    logs = np.empty((len(x), len(means)), x.dtype)
    for start in range(0, len(x), BLOCK):
        rows = slice(start, start + BLOCK)
        z = roots @ (x[rows] - centre).T  # (k, f, n): long rows are added up fast
        z -= shifts
        logs[rows] = norms - 0.5 * np.square(z, out=z).sum(1).T
    return logs


def shrunk_covariance(rows: np.ndarray, ridge: float) -> np.ndarray:
    """Return (1 - ridge) C + ridge I, which has an inverse however few the rows are."""
    own = np.atleast_2d(np.cov(rows.T.astype(np.float64), bias=True))
    return (1 - ridge) * own + ridge * np.eye(rows.shape[1])
