"""Splitters of the pixels of a scene, and for searches without labels."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy.spatial import KDTree
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state


class SpatialBlockKFold(BaseCrossValidator):
    """Split the pixels of one scene, or the voxels of one volume, into folds of whole blocks.

    Rows are the pixels of a scene (pixels x bands), as for hyperspectral images. Neighboring pixels
    are similar and mostly have the same label, so that random folds test a classifier on pixels
    whose neighbors are in the training set [1]_. Here, all pixels of a block are in one fold.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    block_size : int, (int, int) or (int, int, int)
        Side of a block in pixels, or its height and width, or its depth, height and width in
        voxels. It should exceed the distance over which pixels are correlated.
    shape : (int, int) or (int, int, int), default=None
        Height and width of the scene, or depth, height and width of the volume, if the samples are
        all of its pixels in the order of `numpy.ravel`. None: the coordinates are passed to `split`
        as `groups`.
    buffer : float, default=0
        Pixels at most this far from a test pixel are left out of the training set. 0 keeps all
        pixels; 1 leaves out those that share an edge with a test pixel.
    shuffle : bool, default=True
        Whether to assign blocks to folds in random order. False assigns consecutive blocks to a
        fold, which may then lack a class.
    random_state : int, RandomState instance or None, default=None
        Determines the order; needs `shuffle=True`.

    References
    ----------
    .. [1] D. Roberts et al., "Cross-validation strategies for data with temporal, spatial,
       hierarchical, or phylogenetic structure", Ecography 40, 2017, doi:10.1111/ecog.02881.

    Examples
    --------
    Some pixels of a scene are labeled; `np.argwhere` returns their coordinates.

    >>> import numpy as np
    >>> from sklearn_segae.model_selection import SpatialBlockKFold
    >>> labeled = np.eye(6, dtype=bool)
    >>> X, where = np.zeros((6, 3)), np.argwhere(labeled)
    >>> for train, test in SpatialBlockKFold(3, block_size=2, shuffle=False).split(X, groups=where):
    ...     print(train, test)
    [2 3 4 5] [0 1]
    [0 1 4 5] [2 3]
    [0 1 2 3] [4 5]
    """

    # Searches pass `groups` by default, as to the group splitters of scikit-learn.
    __metadata_request__split = {"groups": True}

    def __init__(
        self,
        n_splits: int = 5,
        *,
        block_size: int | tuple[int, ...],
        shape: tuple[int, ...] | None = None,
        buffer: float = 0,
        shuffle: bool = True,
        random_state: Any = None,
    ) -> None:
        self.n_splits = n_splits
        self.block_size = block_size
        self.shape = shape
        self.buffer = buffer
        self.shuffle = shuffle
        self.random_state = random_state
        self._check_parameters()

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the indices of training and test pixels of every fold.

        Parameters
        ----------
        X : array of shape (n_pixels, n_bands)
            The pixels.
        y : ignored
            Present for the interface.
        groups : array of shape (n_pixels, 2) or (n_pixels, 3), default=None
            Row and column of every pixel, or z, y and x of every voxel, if the parameter `shape`
            is None.

        Yields
        ------
        train, test : ndarray of int
            Sorted indices; every pixel is in one test set.
        """
        where = self._coordinates(_n_samples(X), groups)
        folds = self._folds(where)
        for fold in range(self.n_splits):
            test = folds == fold
            train = ~test & ~self._near(where, test)
            if not train.any():
                raise ValueError(
                    f"buffer={self.buffer} leaves no pixel to train on beside fold {fold}. "
                    "Pass a smaller buffer, or more n_splits."
                )
            yield np.flatnonzero(train), np.flatnonzero(test)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds, as given; the parameters are ignored."""
        return self.n_splits

    def _check_parameters(self) -> None:
        types = {"n_splits": (Integral, "an integer"), "buffer": (Real, "a number")}
        for name, (kind, what) in types.items():
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(f"{name}={value!r} is not {what}. Pass one, such as {name}=5.")
        sides = np.asarray(self.block_size)
        if sides.dtype.kind not in "iu" or sides.shape not in ((), (2,), (3,)):
            raise TypeError(
                f"block_size={self.block_size!r} is not an integer. Pass one, a pair for scenes or "
                "three for volumes, in pixels."
            )
        if self.n_splits < 2:
            raise ValueError(
                f"n_splits={self.n_splits} leaves nothing to train on. Pass at least 2, or use "
                "SingleSplit to fit and score on all pixels."
            )
        if sides.min() < 1:
            raise ValueError(f"block_size={self.block_size} is not positive. Pass 1 or more.")
        if self.buffer < 0:
            raise ValueError(f"buffer={self.buffer} is negative. Pass 0 or more.")
        if self.random_state is not None and not self.shuffle:
            raise ValueError(
                f"random_state={self.random_state} has no effect with shuffle=False. "
                "Pass shuffle=True, or random_state=None."
            )

    def _coordinates(self, n_pixels: int, groups: Any) -> np.ndarray:
        """Return the coordinates (n_pixels, n_axes) of every pixel."""
        if (groups is None) == (self.shape is None):
            which = "neither shape nor groups is" if groups is None else "both shape and groups are"
            raise ValueError(
                f"{which} given for {n_pixels} pixels. Pass SpatialBlockKFold(shape=(height, "
                "width)) for all pixels of a scene (with a depth for volumes), or split(X, y, "
                "groups=np.argwhere(mask)) for those of a mask."
            )
        where = np.argwhere(np.ones(self.shape)) if groups is None else np.asarray(groups)
        if where.shape not in ((n_pixels, 2), (n_pixels, 3)):
            given = f"shape={self.shape}" if groups is None else f"groups of shape {where.shape}"
            raise ValueError(
                f"{given} does not fit X of {n_pixels} pixels. Rows are the pixels of one scene; "
                "pass their coordinates (n_pixels, 2), of voxels (n_pixels, 3), as groups, such as "
                "np.argwhere(mask)."
            )
        sides = np.atleast_1d(self.block_size)
        if len(sides) not in (1, where.shape[1]):
            raise ValueError(
                f"block_size={self.block_size} has {len(sides)} sides, but the coordinates have "
                f"{where.shape[1]} axes. Pass one side for each, or an int."
            )
        return where

    def _folds(self, where: np.ndarray) -> np.ndarray:
        """Return the index (n_pixels,) of the test fold of every pixel."""
        corners, block = np.unique(where // self.block_size, axis=0, return_inverse=True)
        n_blocks, block = len(corners), block.ravel()  # numpy 2.0.0 returns (n_pixels, 1)
        if n_blocks < self.n_splits:
            raise ValueError(
                f"block_size={self.block_size} gives {n_blocks} blocks, too few for "
                f"n_splits={self.n_splits}. Pass smaller blocks, or fewer splits."
            )
        if not self.shuffle:
            return (np.arange(n_blocks) * self.n_splits // n_blocks)[block]
        # Large blocks first, so that blocks cut by the border of the scene are spread evenly.
        order = check_random_state(self.random_state).permutation(n_blocks)
        sizes = np.bincount(block)
        order = order[np.argsort(-sizes[order], kind="stable")]
        folds = np.empty(n_blocks, int)
        folds[order] = np.arange(n_blocks) % self.n_splits
        return folds[block]

    def _near(self, where: np.ndarray, test: np.ndarray) -> np.ndarray:
        """Return True for pixels (n_pixels,) within the buffer around test pixels."""
        if self.buffer == 0:
            return np.zeros(len(where), bool)
        distance, _ = KDTree(where[test]).query(where, distance_upper_bound=self.buffer + 1e-9)
        return np.isfinite(distance)


class SingleSplit(BaseCrossValidator):
    """Fit and score on all samples, in a single split, for searches without labels.

    A clusterer that ignores `y` cannot overfit to it, so that a search over its parameters may
    score on the training samples, and fits every candidate once. Do not use it for classifiers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sklearn_segae.model_selection import SingleSplit
    >>> X = np.repeat([[0.0], [1.0], [9.0]], 5, axis=0)
    >>> y = np.repeat([0, 0, 1], 5)
    >>> search = GridSearchCV(
    ...     KMeans(random_state=0), {"n_clusters": [1, 2, 3]},
    ...     scoring="adjusted_rand_score", cv=SingleSplit(),
    ... )
    >>> search.fit(X, y).best_params_
    {'n_clusters': 2}
    """

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield all indices of `X`, rows or images, as training and test set; ignore the rest."""
        yield np.arange(_n_samples(X)), np.arange(_n_samples(X))

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return 1; the parameters are ignored."""
        return 1


def _n_samples(X: Any) -> int:
    # Sparse matrices have no length, and lists no shape.
    return X.shape[0] if hasattr(X, "shape") else len(X)
