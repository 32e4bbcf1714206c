"""The smallest simplex around points: exact without noise, and a stationary point with it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime

from sklearn_segae.networks._simplex import (
    _objective,
    extreme_points,
    minimum_volume_simplex,
    principal_plane,
)
from sklearn_segae.networks._unmixing_autoencoder import UnmixingAutoencoder, sparsemax


def cut_simplex(rng, n=2000, largest=0.8):
    """Return uniform points of a tetrahedron without its corners, in 8 dimensions; its vertices."""
    shares = rng.dirichlet(np.ones(4), 4 * n)
    vertices = rng.uniform(size=(4, 8))
    return shares[shares.max(1) < largest][:n] @ vertices, vertices


def test_corners_need_not_be_among_the_points(rng):
    """Facets determine the simplex."""
    X, vertices = cut_simplex(rng)
    found = minimum_volume_simplex(X, 4)
    distance = np.linalg.norm(found[:, None] - vertices, axis=2)
    assert sorted(distance.argmin(1)) == [0, 1, 2, 3]
    assert distance.min(1).max() < 0.02


def test_weights_are_repetitions(rng):
    """Integers, among them 0."""
    X, _ = cut_simplex(rng, 300)
    X += 0.02 * rng.normal(size=X.shape)
    weight = rng.integers(0, 3, len(X))
    weighted = minimum_volume_simplex(X, 4, weight.astype(float))
    repeated = minimum_volume_simplex(np.repeat(X, weight, axis=0), 4)
    np.testing.assert_allclose(weighted, repeated, atol=1e-6)


def test_the_gradient_is_that_of_the_objective(rng):
    """Finite differences agree, with points inside and outside."""
    points, shares = rng.normal(size=(50, 3)), rng.dirichlet(np.ones(50))
    V = rng.normal(size=12)
    numeric = approx_fprime(V, lambda v: _objective(v, points, shares, 0.3)[0], 1e-6)
    np.testing.assert_allclose(_objective(V, points, shares, 0.3)[1], numeric, atol=1e-4)


def test_noise_is_what_lies_beyond_the_plane(rng):
    """Its standard deviation is found."""
    X, _ = cut_simplex(rng)
    shares = np.full(len(X), 1 / len(X))
    _, axes, noise = principal_plane(X + 0.05 * rng.normal(size=X.shape), 3, shares)
    assert axes.shape == (3, 8)
    assert noise == pytest.approx(0.05, rel=0.1)


def test_extreme_points_are_corners_if_these_are_there(rng):
    """Of a square with points inside, three corners."""
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1.0]])
    points = np.vstack([rng.uniform(0.1, 0.9, (50, 2)), corners])
    assert all(point in corners.tolist() for point in extreme_points(points).tolist())


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(1, 6), st.integers(0, 1000))
def test_sparsemax_is_the_nearest_point_of_the_simplex(n, seed):
    """On it, and with the conditions of optimality: one shift for all that remain."""
    scores = torch.randn(20, n, generator=torch.Generator().manual_seed(seed)).double() * 2
    shares = sparsemax(scores)
    assert shares.min() >= 0
    torch.testing.assert_close(shares.sum(1), torch.ones(20).double())
    shift = torch.where(shares > 0, scores - shares, -torch.inf).amax(1, keepdim=True)
    torch.testing.assert_close(torch.relu(scores - shift), shares)


def test_weights_below_the_bound_have_a_gradient():
    """They are reflected, so that training can bring them back."""
    net = UnmixingAutoencoder(3, 2, lowest=np.zeros(3))
    net.weight.data.fill_(-1.0)
    assert (net.endmembers == 1).all()
    net.endmembers.sum().backward()
    assert (net.weight.grad == -1).all()
