"""Gaussians: the log-densities of several at once, and classes told apart by them."""

from __future__ import annotations

from math import log, pi
from typing import Self

import numpy as np
from scipy.special import log_softmax

RIDGE = 0.1  # share of the identity in the covariances of standardised features


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


class Discriminants:
    """Quadratic discriminant analysis of equally likely classes, of however few samples.

    Features are standardised, then every covariance C becomes .9 C + .1 I [1]_, so that a class
    with fewer samples than features is a class like any other.

    References
    ----------
    .. [1] J. Friedman, "Regularized discriminant analysis", Journal of the American Statistical
       Association 84, 1989, doi:10.1080/01621459.1989.10478752.
    """

    def fit(self, x: np.ndarray, y: np.ndarray) -> Self:
        """Learn the classes in `y` (n,) from `x` (n, f)."""
        self.classes_ = np.unique(y)
        self.centre_, self.spread_ = x.mean(0), x.std(0) + 1e-12
        parts = [self._standardised(x[y == c]) for c in self.classes_]
        self.means_ = np.stack([part.mean(0) for part in parts])
        self.covariances_ = np.stack([shrunk_covariance(part, RIDGE) for part in parts])
        return self

    def predict_log_proba(self, x: np.ndarray) -> np.ndarray:
        """Return the log-probability of every class, (n, k)."""
        logs = log_densities(self._standardised(x), self.means_, self.covariances_)
        return log_softmax(logs, axis=1)

    def _standardised(self, x: np.ndarray) -> np.ndarray:
        return (x - self.centre_) / self.spread_
