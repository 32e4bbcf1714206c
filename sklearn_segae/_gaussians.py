"""Gaussians: the log-densities of several at once, and classes told apart by them."""

from __future__ import annotations

from math import log, pi
from typing import Self

import numpy as np
from scipy.special import log_softmax


def log_densities(x: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Return (n, k), in the precision of `x` (n, f); means (k, f), covariances (k, f, f)."""
    logs = np.empty((len(x), len(means)), x.dtype)
    for j, (mean, covariance) in enumerate(zip(means, covariances, strict=True)):
        root = np.linalg.inv(np.linalg.cholesky(covariance)).astype(x.dtype)
        z = (x - mean.astype(x.dtype)) @ root.T
        logs[:, j] = np.log(np.diag(root)).sum() - 0.5 * np.einsum("nf,nf->n", z, z)
    return logs - 0.5 * x.shape[1] * log(2 * pi)


class Discriminants:
    """Quadratic discriminant analysis of equally likely classes, of however few samples.

    Features are standardised, then every covariance C becomes (1 - ridge) C + ridge I [1]_, so
    that a class with fewer samples than features is a class like any other.

    Parameters
    ----------
    ridge : float
        In (0, 1].

    References
    ----------
    .. [1] J. Friedman, "Regularized discriminant analysis", Journal of the American Statistical
       Association 84, 1989, doi:10.1080/01621459.1989.10478752.
    """

    def __init__(self, ridge: float) -> None:
        self.ridge = ridge

    def fit(self, x: np.ndarray, y: np.ndarray) -> Self:
        """Learn the classes in `y` (n,) from `x` (n, f)."""
        self.classes_ = np.unique(y)
        self.centre_, self.spread_ = x.mean(0), x.std(0) + 1e-12
        parts = [self._standardised(x[y == c]).astype(np.float64) for c in self.classes_]
        self.means_ = np.stack([part.mean(0) for part in parts])
        own = np.stack([np.cov(part.T, bias=True) for part in parts])
        self.covariances_ = (1 - self.ridge) * own + self.ridge * np.eye(x.shape[1])
        return self

    def predict_log_proba(self, x: np.ndarray) -> np.ndarray:
        """Return the log-probability of every class, (n, k)."""
        logs = log_densities(self._standardised(x), self.means_, self.covariances_)
        return log_softmax(logs, axis=1)

    def _standardised(self, x: np.ndarray) -> np.ndarray:
        return (x - self.centre_) / self.spread_
