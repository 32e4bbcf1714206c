"""RegionTree: a hierarchy of segmentations of an image."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from ._watershed import neighbors

FLOOR = 3.3  # gives photographs 12 segments on average, 3 to 25


class RegionTree:
    """Hierarchy of regions of an image, merged in the order of the strength of their boundaries.

    A cut at any height is a segmentation into connected regions. Every finer cut refines it.

    Parameters
    ----------
    regions : ndarray of shape (H, W)
        Numbers 0 to n - 1 of the finest regions, int32.
    merges : ndarray of shape (n - 1, 2)
        The two regions that are merged in step t, which gives region n + t.
    heights : ndarray of shape (n - 1,)
        Strength of the boundary between them, increasing, float32; about 1 for a typical boundary
        between fine regions.

    Attributes
    ----------
    regions, merges, heights : ndarray
        As above.
    n_regions : int
        Number n of the finest regions.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_segae.regions import RegionTree
    >>> tree = RegionTree(np.array([[0, 1, 2]]), np.array([[0, 1], [2, 3]]), np.array([1.0, 4.0]))
    >>> tree.cut(threshold=2)
    array([[0, 0, 1]], dtype=int32)
    >>> tree.contours()
    array([[1., 4., 0.]], dtype=float32)
    """

    def __init__(self, regions: np.ndarray, merges: np.ndarray, heights: np.ndarray) -> None:
        self.regions = np.asarray(regions, np.int32)
        self.merges = np.asarray(merges, np.int32).reshape(-1, 2)
        self.heights = np.asarray(heights, np.float32)

    @property
    def n_regions(self) -> int:
        """Number of the finest regions."""
        return len(self.merges) + 1

    def __repr__(self) -> str:
        height, width = self.regions.shape
        return f"RegionTree({height} x {width} pixels, n_regions={self.n_regions})"

    def cut(
        self,
        n_segments: int | None = None,
        threshold: float | None = None,
        *,
        min_strength: float = FLOOR,
    ) -> np.ndarray:
        """Cut the tree into a number of segments, or at a strength of boundaries.

        Parameters
        ----------
        n_segments : int, default=None
            Maximum number of segments. There are fewer if fewer boundaries reach
            `min_strength`. None: as many as `min_strength` gives.
        threshold : float, default=None
            Keep exactly the boundaries stronger than this, whatever the number of segments.
            Excludes `n_segments`; `min_strength` is then ignored.
        min_strength : float, default=3.3
            Minimum strength of boundaries between segments. The default was tuned on photographs;
            0 gives exactly `n_segments`, or `n_regions` if that is smaller.

        Returns
        -------
        labels : ndarray of shape (H, W)
            Connected segments 0 to k - 1, int32, in arbitrary order.

        Raises
        ------
        ValueError
            If `n_segments` is below 1, if `threshold` or `min_strength` is negative, or if both
            `n_segments` and `threshold` are given.
        """
        _check_cut(n_segments, threshold, min_strength)
        if threshold is not None:
            return self._after(int((self.heights <= threshold).sum()))
        n_weak = int((self.heights < min_strength).sum())
        return self._after(max(n_weak, self.n_regions - (n_segments or self.n_regions)))

    def contours(self) -> np.ndarray:
        """Return the ultrametric contour map [1]_ of the tree, float32 (H, W).

        It holds the height at which a pixel is merged with its right and its lower neighbor, the
        higher of both, and 0 inside the finest regions. Pixels above a threshold are the
        boundaries of `cut(threshold=threshold)`.

        References
        ----------
        .. [1] P. Arbelaez, "Boundary extraction in natural images using ultrametric contour maps",
           CVPR Workshops 2006, doi:10.1109/CVPRW.2006.48.
        """
        result = np.zeros(self.regions.size, np.float32)
        p, q = neighbors(self.regions.shape)
        sides = self.regions.ravel()[np.stack([p, q])]
        apart = sides[0] != sides[1]
        np.maximum.at(result, p[apart], self._joining(*sides[:, apart]))
        return result.reshape(self.regions.shape)

    def _after(self, n_merges: int) -> np.ndarray:
        """Return the label map after the first merges."""
        n_nodes = self.n_regions + n_merges
        joined = np.repeat(np.arange(self.n_regions, n_nodes), 2)
        ends = self.merges[:n_merges].ravel(), joined
        graph = csr_matrix((np.ones(len(joined)), ends), (n_nodes, n_nodes))
        return connected_components(graph, directed=False)[1].astype(np.int32)[self.regions]

    def _joining(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return the heights at which pairs of different regions are merged."""
        n = self.n_regions
        keys, pair = np.unique(first.astype(np.int64) * n + second, return_inverse=True)
        a, b = np.divmod(keys, n)
        parent = np.arange(2 * n - 1)
        parent[self.merges.ravel()] = np.repeat(np.arange(n, 2 * n - 1), 2)
        # Parents have higher numbers: replace the lower of both by its parent.
        while (a != b).any():
            a, b = np.where(a < b, parent[a], a), np.where(b < a, parent[b], b)
        return self.heights[a - n][pair]


def _check_cut(n_segments: Any, threshold: Any, min_strength: Any) -> None:
    if n_segments is not None and threshold is not None:
        raise ValueError(
            f"n_segments={n_segments!r} and threshold={threshold!r} exclude each other. "
            "Pass one; cut(n_segments, min_strength=...) bounds both number and strength."
        )
    if n_segments is not None and not (isinstance(n_segments, Integral) and int(n_segments) >= 1):
        raise ValueError(
            f"n_segments={n_segments!r} is not a whole number of at least 1. "
            "Leave it out to let the strength of the boundaries determine the number."
        )
    heights = {"threshold": 0 if threshold is None else threshold, "min_strength": min_strength}
    for name, value in heights.items():
        if not (isinstance(value, Real) and float(value) >= 0):
            raise ValueError(
                f"{name}={value!r} is not a number of at least 0. It is a height of the tree: "
                "see its attribute heights, or contours()."
            )
