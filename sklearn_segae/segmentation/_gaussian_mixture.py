"""ShrunkMixture: a Gaussian mixture with shrunk covariances."""

from __future__ import annotations

from math import log, pi
from numbers import Real
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.mixture import GaussianMixture
from sklearn.utils._param_validation import Interval

BLOCK = 2**14  # rows per block, fits into the processor's cache


def log_densities(x: np.ndarray, means: np.ndarray, precisions_cholesky: np.ndarray) -> np.ndarray:
    """Return log-densities (n, k) of `x` (n, f), in its dtype; several times faster for small f.

    `means` (k, f) and `precisions_cholesky` (k, f, f) are as in scikit-learn.
    """
    roots = precisions_cholesky.swapaxes(1, 2)
    norms = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(1) - 0.5 * x.shape[1] * log(2 * pi)
    # Centering keeps single precision accurate.
    center = means.mean(0)
    shifts = roots @ (means - center)[..., None]
    roots, norms, center, shifts = (a.astype(x.dtype) for a in (roots, norms, center, shifts))
    logs = np.empty((len(x), len(means)), x.dtype)
    for start in range(0, len(x), BLOCK):
        rows = slice(start, start + BLOCK)
        z = roots @ (x[rows] - center).T  # (k, f, n), fast to sum
        z -= shifts
        logs[rows] = norms - 0.5 * np.square(z, out=z).sum(1).T
    return logs


def shrunk_covariance(rows: np.ndarray, ridge: float) -> np.ndarray:
    """Return (1 - ridge) C + ridge I, which is invertible for any number of rows."""
    own = np.atleast_2d(np.cov(rows.T.astype(np.float64), bias=True))
    return (1 - ridge) * own + ridge * np.eye(rows.shape[1])


def in_use(rows: np.ndarray) -> np.ndarray:
    """Return the mask (F,) of the features of rows (n, F) that are not faint."""
    spread = rows.var(0)
    used: np.ndarray = spread >= FAINT * spread.max()
    return used


RIDGE = 1e-3  # of the largest variance, keeps covariances positive definite
FAINT = 1e-5  # minimum variance of features in use, relative to the largest
N_STARTS = 5  # of k-means


class ShrunkMixture(GaussianMixture):
    """Cluster by a Gaussian mixture whose covariances are shrunk to their mean [1]_.

    With shrinkage 1 all components have the same covariance; with 0 they have separate ones, which
    may fit noise and outliers. Fitted by the EM algorithm of
    :class:`~sklearn.mixture.GaussianMixture` with `covariance_type="full"`.

    Parameters
    ----------
    n_components : int, default=8
        Number of components.
    shrinkage : float, default=1/3
        Weight of the common covariance, in [0, 1].
    max_iter : int, default=500
        Maximum number of EM iterations.
    tol : float, default=1e-5
        EM stops when the mean log-density of the samples changes by less.
    random_state : int, RandomState instance or None, default=None
        Seed of k-means, whose best of 5 initializations starts EM.

    Attributes
    ----------
    used_ : ndarray of shape (n_features,)
        Mask of the features in the densities: those with at least 1e-5 of the largest variance.
        The ridge on the covariances would dominate the others; all components share their mean
        and variance.
    weights_, means_, covariances_, precisions_cholesky_, converged_, n_iter_, ...
        As in :class:`~sklearn.mixture.GaussianMixture`.

    References
    ----------
    .. [1] J. Friedman, "Regularized discriminant analysis", Journal of the American Statistical
       Association 84, 1989, doi:10.1080/01621459.1989.10478752; here within EM.
    """

    _parameter_constraints: dict = {
        **GaussianMixture._parameter_constraints,
        "shrinkage": [Interval(Real, 0, 1, closed="both")],
    }
    # Fixed parameters of GaussianMixture.
    covariance_type, init_params, n_init, warm_start = "full", "kmeans", 1, False
    weights_init = means_init = precisions_init = None
    verbose, verbose_interval = 0, 10

    def __init__(
        self,
        n_components: int = 8,
        *,
        shrinkage: float = 1 / 3,
        max_iter: int = 500,
        tol: float = 1e-5,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.shrinkage = shrinkage
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def _initialize_parameters(self, X: np.ndarray, random_state: Any, **_: Any) -> None:
        self.used_ = in_use(X)
        k_means = KMeans(self.n_components, n_init=N_STARTS, random_state=random_state)
        self._maximize(X, np.eye(self.n_components)[k_means.fit_predict(X)])

    def _m_step(self, X: np.ndarray, log_resp: np.ndarray, **_: Any) -> None:
        self._maximize(X, np.exp(log_resp, dtype=np.float64))

    def _maximize(self, X: np.ndarray, shares: np.ndarray) -> None:
        """Set the parameters from the responsibilities (n_samples, n_components)."""
        x, used = X[:, self.used_].astype(np.float64), self.used_
        sizes = shares.sum(0) + 1e-9
        self.weights_ = sizes / sizes.sum()
        means = shares.T @ x / sizes[:, None]
        own = np.stack([_scatter(x - m, s) for m, s in zip(means, shares.T, strict=True)])
        own /= sizes[:, None, None]
        common = np.tensordot(self.weights_, own, 1)
        # All components share mean and variance of the unused features.
        self.means_ = np.tile(X.mean(0, dtype=np.float64), (len(sizes), 1))
        self.means_[:, used] = means
        self.covariances_ = np.zeros((len(sizes), X.shape[1], X.shape[1]))
        mixed = (1 - self.shrinkage) * own + self.shrinkage * common
        self.covariances_[np.ix_(np.arange(len(sizes)), used, used)] = mixed
        floor = RIDGE * max(x.var(0).max(), 1e-12)
        self.covariances_ += floor * np.eye(X.shape[1])
        roots = np.linalg.inv(np.linalg.cholesky(self.covariances_))
        self.precisions_cholesky_ = roots.swapaxes(1, 2)

    def _estimate_weighted_log_prob(self, X: np.ndarray, **_: Any) -> np.ndarray:
        # In the dtype of X.
        return self._estimate_log_prob(X) + np.log(self.weights_).astype(X.dtype)

    def _estimate_log_prob(self, X: np.ndarray, **_: Any) -> np.ndarray:
        used = self.used_
        factors = self.precisions_cholesky_[:, used][:, :, used]
        return log_densities(X[:, used], self.means_[:, used], factors)


def _scatter(centered: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return (centered * weights[:, None]).T @ centered
