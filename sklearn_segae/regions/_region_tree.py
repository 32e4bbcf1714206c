"""RegionTree: all segmentations of an image, coarse to fine, in one tree of merges."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from ._watershed import neighbors

FLOOR = 3.3  # leaves 12 segments of a photograph on average, 3 to 25


class RegionTree:
    """Regions of an image that join, weakest border first, until one is left.

    A cut at any height is a segmentation of connected regions, and every finer cut refines it.

    Parameters
    ----------
    regions : ndarray of shape (H, W)
        Numbers 0 to n - 1 of the finest regions, int32.
    merges : ndarray of shape (n - 1, 2)
        The two that join in step t, and are number n + t from then on.
    heights : ndarray of shape (n - 1,)
        Strength of the border at which they join, increasing, float32; about 1 for a typical border
        between fine regions.

    Attributes
    ----------
    regions, merges, heights : ndarray
        As above.
    n_regions : int
        Number n of finest regions.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_segae.regions._region_tree import RegionTree
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
        """Number of finest regions."""
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
        """Label connected segments: a number of them, or all that strong borders part.

        Parameters
        ----------
        n_segments : int, default=None
            At most so many: borders weaker than `min_strength` part none, so that a plain image
            gets fewer. None: as many as `min_strength` leaves.
        threshold : float, default=None
            Part at all borders stronger than this, however many segments that makes. Excludes
            `n_segments`, and `min_strength` has no say.
        min_strength : float, default=3.3
            Weakest border that may part two segments. The default was tuned on photographs; 0 gives
            exactly `n_segments`, or `n_regions` if these are fewer.

        Returns
        -------
        labels : ndarray of shape (H, W)
            0 to k - 1, int32, in no order that means anything.

        Raises
        ------
        ValueError
            If `n_segments` is below 1, `threshold` or `min_strength` negative, or both of
            `n_segments` and `threshold` given.
        """
        _check_cut(n_segments, threshold, min_strength)
        if threshold is not None:
            return self._after(int((self.heights <= threshold).sum()))
        n_weak = int((self.heights < min_strength).sum())
        return self._after(max(n_weak, self.n_regions - (n_segments or self.n_regions)))

    def contours(self) -> np.ndarray:
        """Return the height, float32 (H, W), at which a pixel joins its right and lower neighbor.

        The higher of both, 0 inside a finest region: an ultrametric contour map [1]_. Its pixels
        above a threshold are the borders of `cut(threshold=threshold)`.

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
        """Label maps after the first merges."""
        n_nodes = self.n_regions + n_merges
        joined = np.repeat(np.arange(self.n_regions, n_nodes), 2)
        ends = self.merges[:n_merges].ravel(), joined
        graph = csr_matrix((np.ones(len(joined)), ends), (n_nodes, n_nodes))
        return connected_components(graph, directed=False)[1].astype(np.int32)[self.regions]

    def _joining(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Heights at which pairs of different regions join."""
        n = self.n_regions
        keys, pair = np.unique(first.astype(np.int64) * n + second, return_inverse=True)
        a, b = np.divmod(keys, n)
        parent = np.arange(2 * n - 1)
        parent[self.merges.ravel()] = np.repeat(np.arange(n, 2 * n - 1), 2)
        while (a != b).any():  # a parent's number is higher: the lower of both climbs
            a, b = np.where(a < b, parent[a], a), np.where(b < a, parent[b], b)
        return self.heights[a - n][pair]


def _check_cut(n_segments: Any, threshold: Any, min_strength: Any) -> None:
    if n_segments is not None and threshold is not None:
        raise ValueError(
            f"n_segments={n_segments!r} and threshold={threshold!r} exclude each other. "
            "Give one; cut(n_segments, min_strength=...) bounds both number and strength."
        )
    if n_segments is not None and not (isinstance(n_segments, Integral) and int(n_segments) >= 1):
        raise ValueError(
            f"n_segments={n_segments!r} is not a whole number of at least 1. "
            "Leave it out to get as many segments as the strength of borders asks for."
        )
    heights = (
        {"min_strength": min_strength}
        if threshold is None
        else {"threshold": threshold, "min_strength": min_strength}
    )
    for name, value in heights.items():
        if not (isinstance(value, Real) and float(value) >= 0):
            raise ValueError(
                f"{name}={value!r} is not a number of at least 0. It is a height of the tree: "
                "see its attribute heights, or contours()."
            )
