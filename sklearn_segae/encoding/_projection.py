"""Closed forms: from pairs of features to the axes of the codes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]


class FeaturePairs(NamedTuple):
    """Features (n, F) of pixels and of their neighbors, and what belongs to each pair."""

    first: np.ndarray
    second: np.ndarray
    pixels: np.ndarray  # (n, C), the scaled pixel at the first end
    image: np.ndarray  # (n,), index of the image
    sigma: float  # of the pooling


def pair_covariances(first: Array, second: Array) -> tuple[Array, Array]:
    """Covariance (F, F) of centered features, and covariance between the two ends of every pair.

    Both are made symmetric, since a pair has no direction.
    """
    n_pairs = len(first)
    covariance = (first.T @ first + second.T @ second) / (2 * n_pairs)
    lagged = (first.T @ second + second.T @ first) / (2 * n_pairs)
    return covariance, lagged


def coherence_axes(
    covariance: Array, lagged: Array, n_components: int, whitening: float
) -> tuple[Array, Array]:
    r"""Solve for the directions that neighbors share most.

    With C the covariance and S the lagged covariance, take the leading eigenvectors u of
    :math:`C^{-w/2} S C^{-w/2}` and project on :math:`C^{-w/2} u`. Whitening w = 1 gives min/max
    autocorrelation factors [1]_, each then weighted by its autocorrelation; w = 0 keeps variance.

    Parameters
    ----------
    covariance, lagged : array of shape (n_features, n_features)
        C and S, symmetric.
    n_components : int
        Number of axes, at most n_features.
    whitening : float
        w, in [0, 1].

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
    # Directions without variance would be blown up to pure rounding noise.
    floor = max(1e-4 * scale.mean(), np.finfo(float).tiny)
    root = basis * np.maximum(scale, floor) ** (-whitening / 2) @ basis.T
    values, vectors = np.linalg.eigh(root @ lagged @ root)
    best = values.argsort()[::-1][:n_components]
    axes = fix_signs(root @ vectors[:, best])
    coherence = autocorrelation(covariance, lagged, axes)
    return axes * coherence**whitening, coherence


def autocorrelation(covariance: Array, lagged: Array, axes: Array) -> Array:
    """Return the autocorrelation at the lag along every axis, clipped to [0, 1]."""
    power = np.einsum("fk,fg,gk->k", axes, covariance, axes)
    shared = np.einsum("fk,fg,gk->k", axes, lagged, axes)
    return np.clip(shared / np.maximum(power, np.finfo(float).tiny), 0, 1)


def fix_signs(axes: Array) -> Array:
    """Make the largest entry of every axis positive, so that equal data give equal codes."""
    largest = np.abs(axes).argmax(0)
    signs = np.sign(axes[largest, np.arange(axes.shape[1])])
    return axes * np.where(signs == 0, 1, signs)


N_COLORS = 3  # leading colors that count, also of a hundred bands
FAINT = 0.001  # standard deviation of what is added to colors of standard deviation 1


class Projection(NamedTuple):
    """Linear maps from pooled features to codes, and from codes to scaled pixels."""

    axes: np.ndarray  # (F, n_components)
    offset: np.ndarray  # (n_components,), to be subtracted from the projected features
    coherence: np.ndarray  # (n_components,)
    readout: np.ndarray  # (n_components + 1, C), the last row is the intercept
    sigma: float  # of the pooling, in pixels


def fit_projection(
    pairs: FeaturePairs,
    n_components: int,
    whitening: float,
    colors: np.ndarray | None = None,
    n_strong: int = 0,
    n_views: int = 1,
) -> Projection:
    """Solve for the axes of the codes, and for the least-squares way back.

    Coherence axes, within images, of each view by itself; or, given `colors` (C, q), whitened
    principal axes of the pixels, these first, as in `_colors_first`.
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
    """Return the least-squares way from codes (m, n) to pixels (m, C): (n + 1, C)."""
    design = np.column_stack([codes, np.ones(len(codes))])
    return np.linalg.lstsq(design, pixels, rcond=None)[0]


def _axes_of_views(
    covariance: np.ndarray, lagged: np.ndarray, n_components: int, whitening: float, n_views: int
) -> np.ndarray:
    """Coherence axes of every block of features, each block's codes with a total variance of 1."""
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
    """Colors (C, q), then coherence axes of what colors leave unexplained in the features.

    `n_strong` of these, and the colors as they come out of the pooling, get unit variance. The
    others are faint additions: too weak to sway a clusterer, there for whatever uses one
    component at a time, as a forest of trees does.
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
    covariance = np.cov(pixels.T.astype(np.float64)).reshape(n_channels, -1)
    scale, basis = np.linalg.eigh(covariance)
    best = scale.argsort()[::-1][:N_COLORS]
    best = best[scale[best] > 1e-4 * scale.max()]  # a gray image stored as RGB has one color
    return fix_signs(basis[:, best] / np.sqrt(scale[best]))


def _within_images(pairs: FeaturePairs) -> tuple[np.ndarray, np.ndarray]:
    """Center the features image by image: differences between images are not coherence."""
    _, image = np.unique(pairs.image, return_inverse=True)
    ends = [end.astype(np.float64) for end in (pairs.first, pairs.second)]
    # One-hot rows: products with them sum over an image.
    member = sparse.csr_array((np.ones(len(image)), image, np.arange(len(image) + 1)))
    mean = (member.T @ (ends[0] + ends[1])) / (2 * np.bincount(image)[:, None])
    for end in ends:
        end -= mean[image]
    return ends[0], ends[1]
