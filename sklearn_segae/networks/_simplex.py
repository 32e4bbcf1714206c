"""The smallest simplex around noisy points: mixtures whose pure components are its vertices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr
from scipy.optimize import minimize

Array = NDArray[np.float64]

# Of the log volume, against half the squared distances of outer points in units of the noise. With
# 1/4, facets around uniformly distributed points are unbiased: the volume shrinks by d/h, for d
# axes and height h, if a facet moves by 1; points have density d/h near it, and noise of variance 1
# moves outwards those within it: d/h times the integral of v P(noise > v), which is 1/4.
VOLUME_WEIGHT = 0.25
ENLARGED = 1.3  # of the simplex between points, at the start: few points are close to vertices
RANK_TOLERANCE = 1e-5  # relative to the largest singular value; float32 has about 1e-7
PRECISE = {"ftol": 1e-14, "gtol": 1e-9, "maxiter": 1000}
MIN_NOISE = 1e-3  # relative to the least variable axis; keeps distances finite without noise


def minimum_volume_simplex(X: Array, n_vertices: int, weight: Array | None = None) -> Array:
    """Return the vertices (k, n_features) of the smallest simplex around points (n, n_features).

    k is `n_vertices`, or less if the points lie in a space of fewer than n_vertices - 1 dimensions.
    Points may lie outside by the noise, whose variance is that beyond the principal axes of the
    simplex. `weight` (n,) are sample weights. The optimization [1]_ starts at points chosen by
    successive projections [2]_, which is vertex component analysis [3]_ without random numbers.

    References
    ----------
    .. [1] J. Bioucas-Dias, "A variable splitting augmented Lagrangian approach to linear spectral
       unmixing", WHISPERS 2009, doi:10.1109/WHISPERS.2009.5289072.
    .. [2] M. Araujo et al., "The successive projections algorithm for variable selection in
       spectroscopic multicomponent analysis", Chemometrics 57, 2001.
    .. [3] J. Nascimento, J. Bioucas-Dias, "Vertex component analysis: a fast algorithm to unmix
       hyperspectral data", IEEE TGRS 43, 2005, doi:10.1109/TGRS.2005.844293.
    """
    shares = np.full(len(X), 1.0) if weight is None else weight
    shares = shares / shares.sum()
    mean, axes, noise = principal_plane(X, n_vertices - 1, shares)
    if not len(axes):
        return mean[None]
    points = (X - mean) @ axes.T
    start = extreme_points(points)
    start = start.mean(0) + ENLARGED * (start - start.mean(0))
    arguments = (points, shares, noise)
    found = minimize(_objective, start.ravel(), arguments, "L-BFGS-B", jac=True, options=PRECISE)
    return found.x.reshape(start.shape) @ axes + mean


def principal_plane(X: Array, n_axes: int, shares: Array) -> tuple[Array, Array, float]:
    """Return mean, at most `n_axes` principal axes (r, n_features), and the noise beyond them.

    `shares` (n,) are sample weights of sum 1. The noise is a standard deviation, the same in all
    directions.
    """
    mean = shares @ X
    deviations = np.sqrt(shares)[:, None] * (X - mean)
    _, values, axes = np.linalg.svd(deviations, full_matrices=False)
    r = min(n_axes, int((values > RANK_TOLERANCE * values[0]).sum()))
    noise = np.sqrt((values[r:] ** 2).sum() / max(1, X.shape[1] - r))
    least = MIN_NOISE * values[r - 1] if r else 1.0
    return mean, axes[:r], float(max(noise, least))


def extreme_points(points: Array) -> Array:
    """Return r + 1 of the points (n, r), each the farthest from the plane through those before."""
    # With a constant coordinate, affine planes of points are linear spaces. QR with column pivoting
    # selects the column with the largest norm after projection.
    constant = np.full(len(points), np.linalg.norm(points, axis=1).max())
    _, pivots = qr(np.column_stack([points, constant]).T, mode="r", pivoting=True)
    return points[pivots[: points.shape[1] + 1]]


def _objective(vertices: Array, points: Array, shares: Array, noise: float) -> tuple[float, Array]:
    """Return the mean cost of points (n, r) for vertices (r + 1, r), and its gradient."""
    n, r = points.shape
    V = vertices.reshape(r + 1, r)
    # Barycentric coordinates are linear in (point, 1); divided by the norm of their gradient, they
    # are distances to facets, negative outside.
    Q = np.linalg.inv(np.column_stack([V, np.ones(r + 1)]))
    norms = np.linalg.norm(Q[:-1], axis=0) * noise
    homogeneous = np.column_stack([points, np.ones(n)])
    outside = np.minimum(homogeneous @ Q / norms, 0)
    slope = homogeneous.T @ (shares[:, None] * outside / norms)
    slope[:-1] -= Q[:-1] * (shares @ outside**2) * (noise / norms) ** 2
    volume, volume_slope = _log_volume(V, noise)
    value = 0.5 * (shares @ outside**2).sum() + VOLUME_WEIGHT * volume
    gradient = VOLUME_WEIGHT * volume_slope - (Q.T @ slope @ Q.T)[:, :-1]
    return value, gradient.ravel()


def _log_volume(V: Array, noise: float) -> tuple[float, Array]:
    """Return the log volume up to a constant, and its gradient.

    Noise is added to the squared widths: a simplex that is flatter has no smaller volume.
    """
    centered = V - V.mean(0)
    gram = centered.T @ centered + noise**2 * np.eye(V.shape[1])
    return 0.5 * float(np.linalg.slogdet(gram)[1]), np.linalg.solve(gram, centered.T).T
