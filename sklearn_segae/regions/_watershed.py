"""Fine regions of an image: the watershed of its color gradient."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

FINE_WEIGHT = 1 / 0.7  # of gradients at sigma 1, which are weaker than those at sigma 2
MARKER_SIGMA = 3.0  # in pixels: a photograph has about one minimum in 360 pixels then
MOST_REGIONS = 1500  # the eigenvectors of so many take a second
TIE_BREAK = 0.1  # weight of the lower of two neighboring levels
DECIMALS = 6  # of a gradient of colors of unit variance: less is rounding noise


def fine_regions(colors: np.ndarray) -> np.ndarray:
    """Part an image into small connected regions, int32 (H, W), whose borders follow edges.

    Every region is the basin of one marker, see `find_markers`. An image without any gradient is
    one region.
    """
    gradient = FINE_WEIGHT * gradient_magnitude(color_tensor(colors, 1))
    gradient += gradient_magnitude(color_tensor(colors, 2))
    return watershed(gradient, find_markers(gradient))


def smooth(maps: np.ndarray, sigma: float) -> np.ndarray:
    """Average (H, W, c) over Gaussian neighborhoods, or the part of them inside the image.

    To continue the image beyond its borders would repeat their noise, and cost .01 of covering.
    """
    inside = np.ones((*maps.shape[:2], 1), maps.dtype)
    total, weight = (
        ndimage.gaussian_filter(m, (sigma, sigma, 0), mode="constant", truncate=3)
        for m in (maps, inside)
    )
    return total / weight


def color_tensor(colors: np.ndarray, sigma: int) -> np.ndarray:
    """Return the structure tensor (3, H, W) of smoothed colors (H, W, c): yy, xx and xy.

    From differences over `sigma` pixels either way, so that its square root is a contrast, in
    units of the colors, rather than a slope.
    """
    # Less one of its pixels, a plain image is 0, and stays so exactly.
    smoothed = smooth(colors - colors[0, 0], sigma)
    padded = np.pad(smoothed, ((sigma, sigma), (sigma, sigma), (0, 0)), "edge")
    rows, columns = padded[:, sigma:-sigma], padded[sigma:-sigma]
    down = rows[2 * sigma :] - rows[: -2 * sigma]
    right = columns[:, 2 * sigma :] - columns[:, : -2 * sigma]
    return np.stack([(down**2).sum(2), (right**2).sum(2), (down * right).sum(2)])


def gradient_magnitude(tensor: np.ndarray) -> np.ndarray:
    """Return the gradient (H, W) in the direction in which it is largest."""
    yy, xx, xy = tensor
    return np.sqrt((yy + xx) / 2 + np.hypot((yy - xx) / 2, xy))


def find_markers(gradient: np.ndarray, n_most: int = MOST_REGIONS) -> np.ndarray:
    """Give the minima of a blurred gradient (H, W) the numbers 1, 2, ..., and 0 elsewhere.

    Blurred by `MARKER_SIGMA`; by more in images that have over `n_most` minima, which keeps the
    cost of what follows in bounds however large an image is.
    """
    sigma = MARKER_SIGMA
    while True:
        blurred = ndimage.gaussian_filter(gradient, sigma).round(DECIMALS)
        # Pixels of a plateau that touch at corners alone are two markers: regions are connected.
        markers, n = ndimage.label(ndimage.minimum_filter(blurred, 3) == blurred)
        if n <= n_most:
            return markers
        sigma *= 1.05 * np.sqrt(n / n_most)


def watershed(gradient: np.ndarray, markers: np.ndarray) -> np.ndarray:
    """Grow a connected region from every marker: they meet where the gradient is high.

    (H, W), (H, W) -> int32 (H, W). A watershed cut [1]_: the minimum spanning forest that is
    rooted in the markers.

    References
    ----------
    .. [1] J. Cousty, G. Bertrand, L. Najman, M. Couprie, "Watershed cuts: minimum spanning forests
       and the drop of water principle", IEEE Transactions on Pattern Analysis and Machine
       Intelligence 31, 2009, doi:10.1109/TPAMI.2008.173.
    """
    root = gradient.size  # above all markers: as a tree has one root, so a forest has a node more
    heads = np.unique(markers, return_index=True)[1][-markers.max() :]
    p, q = neighbors(gradient.shape)
    inside = (markers.ravel()[p] > 0) & (markers.ravel()[q] > 0)
    # Cheaper than any step: first all heads hang on the root, then all markers on their heads.
    weights = np.where(inside, 0.5, _steps(gradient, p, q))
    weights = np.concatenate([weights, np.full(len(heads), 0.25)])
    ends = np.concatenate([p, heads]), np.concatenate([q, np.full(len(heads), root)])
    tree = minimum_spanning_tree(csr_matrix((weights, ends), (root + 1, root + 1)))
    forest = tree[:root, :root]
    return connected_components(forest, directed=False)[1].reshape(gradient.shape)


def neighbors(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return flat indices of all pixels that have one to the right or below, and of those."""
    index = np.arange(shape[0] * shape[1]).reshape(shape)
    p = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    q = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    return p, q


def _steps(gradient: np.ndarray, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Cost of going from one pixel to the next, at least 1: the higher of both levels.

    Their lower one decides between ways over the same ridge, which would be taken at random.
    """
    level = 1 + gradient.ravel() / max(gradient.max(), np.finfo(gradient.dtype).tiny)
    first, second = level[p], level[q]
    return np.maximum(first, second) + TIE_BREAK * np.minimum(first, second)
