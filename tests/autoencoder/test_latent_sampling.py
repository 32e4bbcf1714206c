"""Codes drawn from the density of others."""

import numpy as np
import pytest

from sklearn_segae.autoencoder._latent_sampling import MAX_CODES, draw_codes


def test_draws_come_from_where_codes_are(rng):
    """Two far clusters, three quarters of the codes in one: so are the draws."""
    codes = np.concatenate([rng.normal(size=(750, 2)), rng.normal(20, 1, size=(250, 2))])
    drawn = draw_codes(codes.astype(np.float32), 2000, seed=0)
    far = drawn.mean(1) > 10
    assert far.mean() == pytest.approx(0.25, abs=0.04)
    assert drawn[far].mean() == pytest.approx(20, abs=0.3)
    assert drawn[~far].std() == pytest.approx(1, abs=0.15)
    assert drawn.dtype == np.float32


@pytest.mark.parametrize("n_codes", [1, 2, 7, 60, MAX_CODES])
@pytest.mark.parametrize("n_components", [1, 16])
def test_any_number_of_codes_will_do(rng, n_codes, n_components):
    """Fewer codes than a covariance needs, and codes that do not vary, included."""
    for codes in (rng.normal(size=(n_codes, n_components)), np.ones((n_codes, n_components))):
        drawn = draw_codes(codes, 5, seed=0)
        assert drawn.shape == (5, n_components)
        assert np.isfinite(drawn).all()


def test_equal_seeds_equal_draws(rng):
    """And other seeds other ones."""
    codes = rng.normal(size=(100, 3))
    np.testing.assert_array_equal(draw_codes(codes, 4, seed=1), draw_codes(codes, 4, seed=1))
    assert np.abs(draw_codes(codes, 4, seed=1) - draw_codes(codes, 4, seed=2)).max() > 0.1


def test_draws_follow_a_bent_cloud(rng):
    """Codes on a circle: draws lie near it, not inside, and are no copies of the codes."""
    angle = rng.uniform(0, 2 * np.pi, 1000)
    codes = np.column_stack([np.cos(angle), np.sin(angle)])
    drawn = draw_codes(codes, 500, seed=0)
    radius = np.hypot(*drawn.T)
    assert np.abs(radius - 1).max() < 0.05
    to_nearest = np.linalg.norm(drawn[:, None] - codes, axis=2).min(1)
    assert np.median(to_nearest) > 1e-4
