"""Fine regions of an image, by a watershed of its color gradient."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

FINE_WEIGHT = 1 / 0.7  # weight of gradients at sigma 1, which are weaker than those at sigma 2
MARKER_SIGMA = 3.0  # in pixels; gives photographs about one minimum per 360 pixels
MOST_REGIONS = 1500  # the eigenvectors of their graph take a second
TIE_BREAK = 0.1  # weight of the lower of two neighboring levels
DECIMALS = 6  # smaller differences of gradients, of colors of unit variance, are rounding errors


def fine_regions(colors: np.ndarray) -> np.ndarray:
    """Divide an image into small connected regions, int32 (H, W), whose boundaries follow edges.

    Every region is the basin of one marker, see `find_markers`. A constant image is one region.
    """
    gradient = FINE_WEIGHT * gradient_magnitude(color_tensor(colors, 1))
    gradient += gradient_magnitude(color_tensor(colors, 2))
    return watershed(gradient, find_markers(gradient))


def smooth(maps: np.ndarray, sigma: float) -> np.ndarray:
    """Smooth a map (H, W, c) by a Gaussian, normalized by its weight inside the image.

    Padding would repeat the noise of the border pixels; it lowers the covering by .01.
    """
    inside = np.ones((*maps.shape[:2], 1), maps.dtype)
    total, weight = (
        ndimage.gaussian_filter(m, (sigma, sigma, 0), mode="constant", truncate=3)
        for m in (maps, inside)
    )
    return total / weight


def color_tensor(colors: np.ndarray, sigma: int) -> np.ndarray:
    """Return the structure tensor (3, H, W) of smoothed colors (H, W, c): yy, xx and xy.

    It is computed from differences over `sigma` pixels in both directions, so that its square root
    is a contrast in units of the colors rather than a slope.
    """
    # Subtracting one pixel makes a constant image exactly 0.
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
    """Return the minima of a blurred gradient (H, W), numbered from 1; other pixels are 0.

    The standard deviation of the blur is `MARKER_SIGMA`, and larger in images of more than `n_most`
    minima, to bound the cost of the following steps.
    """
    sigma = MARKER_SIGMA
    while True:
        blurred = ndimage.gaussian_filter(gradient, sigma).round(DECIMALS)
        # Pixels of a plateau that only touch at a corner are two markers: regions are 4-connected.
        markers, n = ndimage.label(ndimage.minimum_filter(blurred, 3) == blurred)
        if n <= n_most:
            return markers
        sigma *= 1.05 * np.sqrt(n / n_most)


def watershed(gradient: np.ndarray, markers: np.ndarray) -> np.ndarray:
    """Grow a connected region from every marker, (H, W), (H, W) -> int32 (H, W).

    This is a watershed cut [1]_: the minimum spanning forest rooted in the markers.

    References
    ----------
    .. [1] J. Cousty, G. Bertrand, L. Najman, M. Couprie, "Watershed cuts: minimum spanning forests
       and the drop of water principle", IEEE Transactions on Pattern Analysis and Machine
       Intelligence 31, 2009, doi:10.1109/TPAMI.2008.173.
    """
    root = gradient.size  # an additional node, which turns the forest into a tree
    heads = np.unique(markers, return_index=True)[1][-markers.max() :]
    p, q = neighbors(gradient.shape)
    inside = (markers.ravel()[p] > 0) & (markers.ravel()[q] > 0)
    # Lower than all other weights: heads are joined to the root, then markers to their heads.
    weights = np.where(inside, 0.5, _steps(gradient, p, q))
    weights = np.concatenate([weights, np.full(len(heads), 0.25)])
    ends = np.concatenate([p, heads]), np.concatenate([q, np.full(len(heads), root)])
    tree = minimum_spanning_tree(csr_matrix((weights, ends), (root + 1, root + 1)))
    forest = tree[:root, :root]
    return connected_components(forest, directed=False)[1].reshape(gradient.shape)


def neighbors(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat indices of both pixels of all horizontal and vertical pairs."""
    index = np.arange(shape[0] * shape[1]).reshape(shape)
    p = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    q = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    return p, q


def _steps(gradient: np.ndarray, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return the weight of every pair of pixels, at least 1: the higher of both gradients.

    The lower one breaks ties between paths over the same ridge.
    """
    level = 1 + gradient.ravel() / max(gradient.max(), np.finfo(gradient.dtype).tiny)
    first, second = level[p], level[q]
    return np.maximum(first, second) + TIE_BREAK * np.minimum(first, second)
