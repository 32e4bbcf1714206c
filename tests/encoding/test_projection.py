"""The coherence axes, on features whose autocorrelation is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from sklearn_segae.encoding._projection import coherence_axes, pair_covariances

few = settings(max_examples=40, deadline=None, derandomize=True)


def random_mixing(rng, n):
    """An invertible map, singular values in [1/2, 2]: far above the floor for weak directions."""
    turns = [linalg.qr(rng.normal(size=(n, n)))[0] for _ in range(2)]
    return turns[0] @ np.diag(2 ** rng.uniform(-1, 1, n)) @ turns[1]


def random_problem(rng, n=6):
    """A covariance and a lagged covariance of mixed sources, and the sources' autocorrelations."""
    mixing = random_mixing(rng, n)
    correlations = np.sort(rng.uniform(0.05, 0.95, n))[::-1]
    return mixing @ mixing.T, mixing @ np.diag(correlations) @ mixing.T, correlations


def test_covariances_of_pairs_by_hand():
    """Two pairs of one feature: the mean square of all ends, the mean product of the two ends."""
    first, second = np.array([[1.0], [-2.0]]), np.array([[3.0], [0.0]])

    covariance, lagged = pair_covariances(first, second)

    np.testing.assert_allclose(covariance, [[(1 + 4 + 9 + 0) / 4]])
    np.testing.assert_allclose(lagged, [[(1 * 3 + -2 * 0) / 2]])


def test_pairs_have_no_direction():
    """Both covariances are symmetric, and the same when all pairs are turned round."""
    first, second = np.random.default_rng(0).normal(size=(2, 50, 4))

    there, back = pair_covariances(first, second), pair_covariances(second, first)

    for one, other in zip(there, back, strict=True):
        np.testing.assert_allclose(one, one.T)
        np.testing.assert_allclose(one, other)


def test_a_pixel_is_wholly_coherent_with_itself():
    """Pairs of equal ends have equal covariances, and coherence 1 along every axis."""
    rows = np.random.default_rng(0).normal(size=(50, 4))
    covariance, lagged = pair_covariances(rows, rows)

    axes, coherence = coherence_axes(covariance, lagged, 4, 1)

    np.testing.assert_allclose(covariance, lagged)
    np.testing.assert_allclose(coherence, 1)
    np.testing.assert_allclose(axes.T @ covariance @ axes, np.eye(4), atol=1e-10)


def smooth_and_white(variance_of_white, angle):
    """Covariances of a smooth feature (autocorrelation 0.9, variance 1) turned with a white one."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    covariance = turn @ np.diag([1, variance_of_white]) @ turn.T
    return covariance, turn @ np.diag([0.9, 0]) @ turn.T, turn[:, 0]


@pytest.mark.parametrize("whitening", [0, 0.5, 1])
@pytest.mark.parametrize("variance_of_white", [0.01, 1, 100])
@pytest.mark.parametrize("angle", [0, 0.4, 1.3])
def test_the_smooth_feature_is_found_under_white_noise(whitening, variance_of_white, angle):
    """However strong white noise is, the first axis is the smooth feature, with its coherence."""
    covariance, lagged, smooth = smooth_and_white(variance_of_white, angle)

    axes, coherence = coherence_axes(covariance, lagged, 2, whitening)

    direction = axes[:, 0] / np.linalg.norm(axes[:, 0])
    assert abs(direction @ smooth) == pytest.approx(1)
    np.testing.assert_allclose(coherence, [0.9, 0], atol=1e-9)


@pytest.mark.parametrize(("whitening", "first"), [(0, 1), (1, 0)])
def test_whitening_weighs_coherence_against_variance(whitening, first):
    """Whitened, the most coherent feature leads; else the largest variance times coherence."""
    covariance, correlations = np.diag([1.0, 10.0]), np.array([0.9, 0.5])

    axes, coherence = coherence_axes(covariance, covariance * correlations, 2, whitening)

    assert np.abs(axes[:, 0]).argmax() == first
    np.testing.assert_allclose(coherence, correlations[[first, 1 - first]])


def test_axes_of_sampled_signals():
    """From samples: a random walk's direction is told from that of stronger white noise."""
    rng = np.random.default_rng(0)
    smooth = np.convolve(rng.normal(size=20_020), np.ones(21) / 21**0.5, "valid")
    sources = np.column_stack([smooth, 3 * rng.normal(size=20_000)])
    mixing = np.array([[1.0, 0.5], [-0.7, 1.0]])
    features = sources @ mixing

    covariances = pair_covariances(features[:-3], features[3:])
    axes, coherence = coherence_axes(*covariances, 1, 1)

    correlation = np.corrcoef(features @ axes[:, 0], smooth)[0, 1]
    assert abs(correlation) > 0.99  # exact up to the sampling error of 20,000 pairs
    assert coherence[0] == pytest.approx(18 / 21, abs=0.03)  # 18 of 21 terms are shared


@few
@given(st.integers(0, 10_000))
def test_whitened_codes_are_as_strong_as_they_are_coherent(seed):
    """With whitening 1 codes are uncorrelated, with their coherence as standard deviation."""
    covariance, lagged, correlations = random_problem(np.random.default_rng(seed))

    axes, coherence = coherence_axes(covariance, lagged, 6, 1)

    np.testing.assert_allclose(coherence, correlations, atol=1e-9)
    np.testing.assert_allclose(axes.T @ covariance @ axes, np.diag(coherence**2), atol=1e-9)
    np.testing.assert_allclose(axes.T @ lagged @ axes, np.diag(coherence**3), atol=1e-9)


@few
@given(st.integers(0, 10_000))
def test_whitened_codes_do_not_depend_on_the_basis_of_the_features(seed):
    """Any invertible mixing of the features gives the same codes, up to sign."""
    rng = np.random.default_rng(seed)
    covariance, lagged = np.eye(4), np.diag([0.9, 0.6, 0.4, 0.1])
    mixing, features = random_mixing(rng, 4), rng.normal(size=(30, 4))

    axes, coherence = coherence_axes(covariance, lagged, 3, 1)
    mixed = coherence_axes(mixing.T @ covariance @ mixing, mixing.T @ lagged @ mixing, 3, 1)

    np.testing.assert_allclose(mixed[1], coherence, atol=1e-9)
    codes, mixed_codes = features @ axes, features @ mixing @ mixed[0]
    np.testing.assert_allclose(np.abs(mixed_codes), np.abs(codes), atol=1e-9)


@few
@given(st.integers(0, 10_000), st.floats(0, 1))
def test_fewer_axes_are_the_first_of_more(seed, whitening):
    """The number of components cuts the list of axes, it does not change them."""
    covariance, lagged, _ = random_problem(np.random.default_rng(seed))

    all_axes, all_coherence = coherence_axes(covariance, lagged, 6, whitening)
    axes, coherence = coherence_axes(covariance, lagged, 2, whitening)

    np.testing.assert_array_equal(axes, all_axes[:, :2])
    np.testing.assert_array_equal(coherence, all_coherence[:2])


def test_without_whitening_axes_are_orthonormal():
    """Whitening 0 only turns the features: distances between codes are those of features."""
    covariance, lagged, _ = random_problem(np.random.default_rng(0))

    axes, _ = coherence_axes(covariance, lagged, 6, 0)

    np.testing.assert_allclose(axes.T @ axes, np.eye(6), atol=1e-10)
    shared = axes.T @ lagged @ axes
    np.testing.assert_allclose(shared, np.diag(np.sort(np.diag(shared))[::-1]), atol=1e-9)


@pytest.mark.parametrize("whitening", [0, 1])
def test_a_dead_feature_does_no_harm(whitening):
    """A feature without variance adds nothing to the codes, and no NaN."""
    covariance, lagged = np.diag([1.0, 0.0, 2.0]), np.diag([0.8, 0.0, 0.2])

    axes, coherence = coherence_axes(covariance, lagged, 3, whitening)

    assert np.isfinite(axes).all()
    np.testing.assert_allclose(coherence, [0.8, 0.1, 0], atol=1e-12)
    np.testing.assert_allclose(axes[1, :2], 0, atol=1e-12)


def test_a_feature_of_next_to_no_variance_does_not_lead():
    """Whitening does not blow rounding noise up to a code, however coherent it looks."""
    covariance = np.diag([1.0, 1e-9])

    axes, coherence = coherence_axes(covariance, covariance * [0.5, 0.99], 2, 1)

    np.testing.assert_allclose(coherence, [0.5, 0.99])
    codes = axes.T @ covariance @ axes
    assert codes[1, 1] < 1e-3 * codes[0, 0]


def test_no_variance_at_all_does_no_harm():
    """Constant features have codes of 0."""
    axes, coherence = coherence_axes(np.zeros((3, 3)), np.zeros((3, 3)), 2, 1)

    assert not axes.any()
    assert not coherence.any()


def test_negative_autocorrelation_is_no_coherence():
    """A feature that alternates between neighbors counts as 0, and comes last."""
    _, coherence = coherence_axes(np.eye(2), np.diag([-0.8, 0.3]), 2, 1)

    np.testing.assert_allclose(coherence, [0.3, 0])


@few
@given(st.integers(0, 10_000), st.floats(0, 1))
def test_signs_are_fixed(seed, whitening):
    """The largest entry of every axis is positive."""
    covariance, lagged, _ = random_problem(np.random.default_rng(seed))

    axes, _ = coherence_axes(covariance, lagged, 6, whitening)

    assert (axes.max(0) >= -axes.min(0)).all()
