"""Gaussians: densities as scipy has them, classes as scikit-learn does, and smaller ones too."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.preprocessing import StandardScaler

from sklearn_segae._gaussians import Discriminants, log_densities


@pytest.fixture
def classes(rng):
    x = np.concatenate([rng.normal(size=(80, 4)), rng.normal(1, [1, 2, 3, 4], (120, 4))])
    return x, np.repeat(["a", "b"], [80, 120])


def test_log_densities_are_those_of_scipy(rng):
    """For any means and covariances, in the precision of the rows."""
    x, means = rng.normal(size=(7, 3)), rng.normal(size=(2, 3))
    roots = rng.normal(size=(2, 3, 3))
    covariances = roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(3)
    expected = [multivariate_normal(*p).logpdf(x) for p in zip(means, covariances, strict=True)]
    np.testing.assert_allclose(log_densities(x, means, covariances).T, expected)
    single = log_densities(x.astype(np.float32), means, covariances)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single.T, expected, rtol=1e-4)


def test_large_classes_are_told_apart_as_by_scikit_learn(classes):
    """The ridge is that of its `reg_param`, on standardised features; up to n / (n - 1)."""
    x, y = classes
    z = StandardScaler().fit_transform(x)
    theirs = QuadraticDiscriminantAnalysis(reg_param=0.1, priors=[0.5, 0.5]).fit(z, y)
    ours = Discriminants().fit(x, y)
    assert ours.classes_.tolist() == ["a", "b"]
    np.testing.assert_allclose(
        np.exp(ours.predict_log_proba(x)), theirs.predict_proba(z), atol=0.02
    )


def test_a_class_of_fewer_samples_than_features_is_a_class(rng):
    """Where a covariance has no inverse, the ridge gives it one."""
    x = np.concatenate([rng.normal(size=(200, 32)), rng.normal(3, 1, (5, 32))])
    y = np.repeat([0, 1], [200, 5])
    shares = np.exp(Discriminants().fit(x, y).predict_log_proba(x))
    np.testing.assert_allclose(shares.sum(1), 1)
    assert (shares.argmax(1) == y).mean() > 0.98


def test_a_feature_that_never_changes_does_no_harm(classes):
    """It says nothing, and divides by nothing."""
    x, y = classes
    constant = np.column_stack([x, np.full(len(x), 7.0)])
    np.testing.assert_allclose(
        Discriminants().fit(constant, y).predict_log_proba(constant),
        Discriminants().fit(x, y).predict_log_proba(x),
        atol=1e-6,
    )
