"""ShrunkMixture: a Gaussian mixture for few dimensions and segments of unlike spread."""

from __future__ import annotations

from math import log, pi
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from scipy.special import logsumexp
from sklearn.base import BaseEstimator, ClusterMixin, DensityMixin, _fit_context
from sklearn.cluster import KMeans
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted, validate_data

BLOCK = 2**14  # rows at once: what is computed of them stays in the processor's cache


def log_densities(x: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> np.ndarray:
    """Return (n, k), in the precision of `x` (n, f); means (k, f), covariances (k, f, f)."""
    roots = np.linalg.inv(np.linalg.cholesky(covariances))
    norms = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(1) - 0.5 * x.shape[1] * log(2 * pi)
    # Near the means, so that differences of single floats are exact enough.
    center = means.mean(0)
    shifts = roots @ (means - center)[..., None]
    roots, norms, center, shifts = (a.astype(x.dtype) for a in (roots, norms, center, shifts))
    logs = np.empty((len(x), len(means)), x.dtype)
    for start in range(0, len(x), BLOCK):
        rows = slice(start, start + BLOCK)
        z = roots @ (x[rows] - center).T  # (k, f, n): long rows are added up fast
        z -= shifts
        logs[rows] = norms - 0.5 * np.square(z, out=z).sum(1).T
    return logs


def shrunk_covariance(rows: np.ndarray, ridge: float) -> np.ndarray:
    """Return (1 - ridge) C + ridge I, which has an inverse however few the rows are."""
    own = np.atleast_2d(np.cov(rows.T.astype(np.float64), bias=True))
    return (1 - ridge) * own + ridge * np.eye(rows.shape[1])


RIDGE = 1e-3  # of the largest variance, so that a component on a point stays a density
FAINT = 1e-5  # of the largest variance: features with less are not looked at


class ShrunkMixture(ClusterMixin, DensityMixin, BaseEstimator):
    """Cluster by a mixture of Gaussians whose covariances are drawn towards their mean.

    Between k-means-like components of one shape (shrinkage 1) and free ones (0), which fit noise
    and outliers with components of their own [1]_.

    Parameters
    ----------
    n_components : int, default=8
        Number of components.
    shrinkage : float, default=1/3
        Weight of the common covariance in that of every component, in [0, 1].
    n_init : int, default=10
        Starts of the k-means that it sets out from.
    max_iter : int, default=60
        Most steps of expectation and maximization.
    tol : float, default=1e-4
        They end when responsibilities change by less on average.
    random_state : int, RandomState instance or None, default=None
        Seeds k-means.

    Attributes
    ----------
    weights_ : ndarray of shape (n_components,)
        Share of every component.
    means_ : ndarray of shape (n_components, n_used)
    used_ : ndarray of shape (n_features,)
        True for the features that are looked at: those with at least a 100,000th of the largest
        variance, which the ridge on the covariances would drown otherwise.
    covariances_ : ndarray of shape (n_components, n_used, n_used)
    labels_ : ndarray of shape (n_samples,)
        The likeliest component of every sample that was fitted.
    n_iter_ : int
        Steps taken.
    n_features_in_ : int

    References
    ----------
    .. [1] J. Friedman, "Regularized discriminant analysis", Journal of the American Statistical
       Association 84, 1989, doi:10.1080/01621459.1989.10478752; here within EM.
    """

    n_features_in_: int

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "shrinkage": [Interval(Real, 0, 1, closed="both")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_components: int = 8,
        *,
        shrinkage: float = 1 / 3,
        n_init: int = 10,
        max_iter: int = 60,
        tol: float = 1e-4,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.shrinkage = shrinkage
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the mixture to rows `X` (n_samples, n_features); `y` is ignored."""
        X = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        start = KMeans(self.n_components, n_init=self.n_init, random_state=self.random_state)
        shares = np.eye(self.n_components)[start.fit_predict(X)]
        spread = X.var(0)
        self.used_ = spread >= FAINT * spread.max()
        x = X[:, self.used_].astype(np.float64)
        self.n_iter_, change = 0, np.inf
        while self.n_iter_ < self.max_iter and change >= self.tol:
            self._maximize(x, shares)
            before, shares = shares, self._shares(x)
            change = np.abs(shares - before).mean()
            self.n_iter_ += 1
        self.labels_ = shares.argmax(1)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the likeliest component of every row."""
        return self._log_joint(self._check(X)).argmax(1)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the posterior probability of every component, (n_samples, n_components)."""
        return self._shares(self._check(X))

    def score_samples(self, X: Any) -> np.ndarray:
        """Return the log-density of every row."""
        return logsumexp(self._log_joint(self._check(X)), axis=1)

    def score(self, X: Any, y: Any = None) -> float:
        """Return the mean log-density of the rows."""
        return float(self.score_samples(X).mean())

    def _check(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return X[:, self.used_]

    def _maximize(self, x: np.ndarray, shares: np.ndarray) -> None:
        sizes = shares.sum(0) + 1e-9
        self.weights_ = sizes / sizes.sum()
        self.means_ = shares.T @ x / sizes[:, None]
        own = np.stack([_scatter(x - m, s) for m, s in zip(self.means_, shares.T, strict=True)])
        own /= sizes[:, None, None]
        common = np.tensordot(self.weights_, own, 1)
        floor = RIDGE * max(x.var(0).max(), 1e-12)
        self.covariances_ = (1 - self.shrinkage) * own + self.shrinkage * common
        self.covariances_ += floor * np.eye(x.shape[1])

    def _shares(self, x: np.ndarray) -> np.ndarray:
        joint = self._log_joint(x)
        return np.exp(joint - logsumexp(joint, axis=1, keepdims=True))

    def _log_joint(self, x: np.ndarray) -> np.ndarray:
        """Log of weight times density, (n, k), in the precision of `x`."""
        logs = log_densities(x, self.means_, self.covariances_)
        return logs + np.log(self.weights_).astype(x.dtype)


def _scatter(centered: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return (centered * weights[:, None]).T @ centered
