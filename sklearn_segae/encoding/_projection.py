"""Projection of features to codes, in closed form from pairs of features."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]


class FeaturePairs(NamedTuple):
    """Features (n, F) of pixels and of their neighbors."""

    first: np.ndarray
    second: np.ndarray
    pixels: np.ndarray  # (n, C), the scaled first pixels
    image: np.ndarray  # (n,), index of the image
    sigma: float | np.ndarray  # of the pooling, or along each axis


def pair_covariances(first: Array, second: Array) -> tuple[Array, Array]:
    """Return the symmetrized covariance (F, F) of centered features, and that across pairs."""
    n_pairs = len(first)
    covariance = (first.T @ first + second.T @ second) / (2 * n_pairs)
    lagged = (first.T @ second + second.T @ first) / (2 * n_pairs)
    return covariance, lagged


def coherence_axes(
    covariance: Array, lagged: Array, n_components: int, whitening: float
) -> tuple[Array, Array]:
    r"""Compute the directions with the largest autocorrelation between neighbors.

    With covariance C, lagged covariance S and whitening w in [0, 1], take the leading eigenvectors
    u of :math:`C^{-w/2} S C^{-w/2}` and project on :math:`C^{-w/2} u`. w = 1 gives min/max
    autocorrelation factors [1]_, weighted by their autocorrelation; w = 0 keeps variance.

    Returns
    -------
    axes : array of shape (n_features, n_components)
        Leading directions first.
    coherence : array of shape (n_components,)
        Autocorrelation of the codes at the lag, clipped to [0, 1].

    References
    ----------
    .. [1] P. Switzer, A. Green, "Min/max autocorrelation factors for multivariate spatial
       imagery", Stanford technical report 6, 1984.
    """
    scale, basis = np.linalg.eigh(covariance)
    # Whitening directions without variance would amplify rounding errors.
    floor = max(1e-4 * scale.mean(), np.finfo(float).tiny)
    root = basis * np.maximum(scale, floor) ** (-whitening / 2) @ basis.T
    values, vectors = np.linalg.eigh(root @ lagged @ root)
    best = values.argsort()[::-1][:n_components]
    axes = fix_signs(root @ vectors[:, best])
    coherence = autocorrelation(covariance, lagged, axes)
    return axes * coherence**whitening, coherence


def autocorrelation(covariance: Array, lagged: Array, axes: Array) -> Array:
    """Return the autocorrelation at the lag along each axis, clipped to [0, 1]."""
    power = np.einsum("fk,fg,gk->k", axes, covariance, axes)
    shared = np.einsum("fk,fg,gk->k", axes, lagged, axes)
    return np.clip(shared / np.maximum(power, np.finfo(float).tiny), 0, 1)


def fix_signs(axes: Array) -> Array:
    """Make the largest entry of each axis positive, for deterministic signs."""
    largest = np.abs(axes).argmax(0)
    signs = np.sign(axes[largest, np.arange(axes.shape[1])])
    return axes * np.where(signs == 0, 1, signs)


N_COLORS = 3  # maximum number of principal colors
FAINT = 0.001  # standard deviation of features added to colors of standard deviation 1


class Projection(NamedTuple):
    """Linear maps from pooled features to codes, and from codes to scaled pixels."""

    axes: np.ndarray  # (F, n_components)
    offset: np.ndarray  # (n_components,), mean of the projected features
    coherence: np.ndarray  # (n_components,)
    readout: np.ndarray  # (n_components + 1, C), the last row is the intercept
    sigma: float | np.ndarray  # of the pooling, in pixels, or along each axis


def fit_projection(
    pairs: FeaturePairs,
    n_components: int,
    whitening: float,
    colors: np.ndarray | None = None,
    n_strong: int = 0,
    n_views: int = 1,
) -> Projection:
    """Fit the axes of the codes, and the least-squares readout of pixels.

    Axes are coherence axes within images, for each view separately. Given `colors` (C, q), these
    come first; see `_colors_first`.
    """
    first, second = _within_images(pairs)
    covariance, lagged = pair_covariances(first, second)
    if n_components > len(covariance):
        raise ValueError(
            f"n_components={n_components} is more than the {len(covariance)} hidden features. "
            "Lower it, or raise n_filters."
        )
    if colors is not None:
        colors = colors[:, :n_components]
        axes = _colors_first(colors, covariance, lagged, n_components, n_strong)
        coherence = autocorrelation(covariance, lagged, axes)
    else:
        axes = _axes_of_views(covariance, lagged, n_components, whitening, n_views)
        coherence = autocorrelation(covariance, lagged, axes)
        order = (-coherence).argsort(kind="stable") if n_views > 1 else slice(None)
        axes, coherence = axes[:, order], coherence[order]
    offset = pairs.first.mean(0) @ axes
    readout = fit_readout(pairs.first @ axes - offset, pairs.pixels)
    return Projection(axes, offset, coherence, readout, pairs.sigma)


def fit_readout(codes: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Return the least-squares map (n + 1, C) from codes (m, n) to pixels (m, C)."""
    design = np.column_stack([codes, np.ones(len(codes))])
    return np.linalg.lstsq(design, pixels, rcond=None)[0]


def _axes_of_views(
    covariance: np.ndarray, lagged: np.ndarray, n_components: int, whitening: float, n_views: int
) -> np.ndarray:
    """Return coherence axes for each view; with several, codes of each have total variance 1."""
    if n_views == 1:
        return coherence_axes(covariance, lagged, n_components, whitening)[0]
    blocks = np.split(np.arange(len(covariance)), n_views)
    columns = np.array_split(np.arange(n_components), n_views)
    axes = np.zeros((len(covariance), n_components))
    for block, column in zip(blocks, columns, strict=True):
        own = np.ix_(block, block)
        part, _ = coherence_axes(covariance[own], lagged[own], len(column), whitening)
        power = np.einsum("fk,fg,gk->", part, covariance[own], part)
        axes[np.ix_(block, column)] = part / np.sqrt(max(power, 1e-12))
    return axes


def _colors_first(
    colors: np.ndarray,
    covariance: np.ndarray,
    lagged: np.ndarray,
    n_components: int,
    n_strong: int,
) -> np.ndarray:
    """Return colors (C, q), then coherence axes of the features that colors do not explain.

    If `n_strong`, colors after pooling and that many features get unit variance. The variance of
    other features is too small to influence clusterers, but not forests of trees.
    """
    unused = len(covariance) - len(colors)  # pixels are the first of the features
    colors = np.vstack([colors, np.zeros((unused, colors.shape[1]))])
    explained = covariance @ colors
    left = np.eye(len(covariance)) - colors @ np.linalg.pinv(colors.T @ explained) @ explained.T
    n_others = n_components - colors.shape[1]
    axes, _ = coherence_axes(left.T @ covariance @ left, left.T @ lagged @ left, n_others, 1)
    others = left @ axes
    others[:, n_strong:] *= FAINT
    if n_strong:
        colors, others[:, :n_strong] = (
            a / np.sqrt(np.einsum("fk,fg,gk->k", a, covariance, a) + 1e-12)
            for a in (colors, others[:, :n_strong])
        )
    return np.hstack([colors, others])


def color_axes(pixels: np.ndarray) -> np.ndarray:
    """Return at most `N_COLORS` whitened principal axes (C, n) of pixels (m, C)."""
    n_channels = pixels.shape[1]
    covariance = np.cov(pixels.T.astype(np.float64), bias=True).reshape(n_channels, -1)
    scale, basis = np.linalg.eigh(covariance)
    best = scale.argsort()[::-1][:N_COLORS]
    best = best[scale[best] > 1e-4 * scale.max()]  # gray images stored as RGB have one color
    return fix_signs(basis[:, best] / np.sqrt(scale[best]))


def weighted_colors(axes: np.ndarray, whitening: float) -> np.ndarray:
    """Return color axes (C, n) with relative variances between their own, 0, and equal ones, 1.

    `axes` are those of `color_axes`. The first color has unit variance.
    """
    lengths = np.linalg.norm(axes, axis=0)  # the inverse of the standard deviations
    return axes * (lengths[:1] / lengths) ** (1 - whitening)


def _within_images(pairs: FeaturePairs) -> tuple[np.ndarray, np.ndarray]:
    """Center the features of each image, since differences between images are not coherence."""
    _, image = np.unique(pairs.image, return_inverse=True)
    ends = [end.astype(np.float64) for end in (pairs.first, pairs.second)]
    # Products with one-hot rows sum over an image.
    member = sparse.csr_array((np.ones(len(image)), image, np.arange(len(image) + 1)))
    mean = (member.T @ (ends[0] + ends[1])) / (2 * np.bincount(image)[:, None])
    for end in ends:
        end -= mean[image]
    return ends[0], ends[1]
