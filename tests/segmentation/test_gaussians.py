"""Gaussians: densities as scipy has them, and covariances with an inverse."""

import numpy as np
from scipy.stats import multivariate_normal

from sklearn_segae.segmentation._gaussian_mixture import log_densities, shrunk_covariance


def test_log_densities_are_those_of_scipy(rng, monkeypatch):
    """For any means and covariances, in the precision of the rows, block by block."""
    monkeypatch.setattr("sklearn_segae.segmentation._gaussian_mixture.BLOCK", 4)
    x, means = rng.normal(size=(7, 3)), rng.normal(size=(2, 3))
    roots = rng.normal(size=(2, 3, 3))
    covariances = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(3)
    factors = np.linalg.inv(np.linalg.cholesky(covariances)).swapaxes(1, 2)
    expected = [multivariate_normal(*p).logpdf(x) for p in zip(means, covariances, strict=True)]
    np.testing.assert_allclose(log_densities(x, means, factors).T, expected)
    single = log_densities(x.astype(np.float32), means, factors)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single.T, expected, rtol=1e-4)


def test_log_densities_far_from_the_origin_keep_their_precision(rng):
    """Single floats lose nothing where means are large beside the spread."""
    x, means = rng.normal(size=(50, 3)), rng.normal(size=(2, 3))
    factors = np.stack([np.eye(3)] * 2)
    near = log_densities(x.astype(np.float32), means, factors)
    far = log_densities((x + 4096).astype(np.float32), means + 4096, factors)
    np.testing.assert_allclose(near, far, atol=0.01)  # pixels there are 5e-4 apart


def test_a_covariance_of_few_rows_has_an_inverse(rng):
    """The ridge is the identity's share; without it, the covariance is that of numpy."""
    rows = rng.normal(size=(5, 32))
    assert np.linalg.eigvalsh(shrunk_covariance(rows, 0.1)).min() > 0.099
    np.testing.assert_allclose(shrunk_covariance(rows, 0), np.cov(rows.T, bias=True))
    np.testing.assert_allclose(shrunk_covariance(rows, 1), np.eye(32))
    assert shrunk_covariance(rows[:, :1], 0.5).shape == (1, 1)
