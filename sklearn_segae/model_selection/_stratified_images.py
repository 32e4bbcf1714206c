"""Folds of images in which the classes of the label maps are equally frequent."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state

from ..imaging._containers import to_maps
from ..imaging._label_maps import IgnoreLabel, is_labeled
from ..imaging._label_values import join_labels, label_array


class StratifiedImageKFold(BaseCrossValidator):
    """Split images into folds that hold every class in about the same number of images.

    An image has several classes, so that they cannot be equally frequent in all folds. Iterative
    stratification [1]_ assigns the images of the rarest class first: a class in at least `n_splits`
    images is in every fold, unless rarer classes prevent it.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2 and at most the number of images.
    ignore_label : int, str, sequence of these, or None, default=None
        Labels that are not classes, such as 255, besides unlabeled pixels.
    random_state : int, RandomState instance or None, default=None
        Determines the fold of an image if several need it equally.

    References
    ----------
    .. [1] K. Sechidis, G. Tsoumakas, I. Vlahavas, "On the stratification of multi-label data",
       ECML PKDD 2011, doi:10.1007/978-3-642-23808-6_10.

    Examples
    --------
    Two of six images show class 2.

    >>> import numpy as np
    >>> from sklearn_segae.model_selection import StratifiedImageKFold
    >>> y = np.zeros((6, 4, 4), int)
    >>> y[[0, 1], 0, 0] = 2
    >>> for train, test in StratifiedImageKFold(2, random_state=0).split(y, y):
    ...     print(test, (y[test] == 2).any())
    [0 2 5] True
    [1 3 4] True
    """

    def __init__(
        self, n_splits: int = 5, *, ignore_label: IgnoreLabel = None, random_state: Any = None
    ) -> None:
        self.n_splits = n_splits
        self.ignore_label = ignore_label
        self.random_state = random_state
        if not isinstance(n_splits, Integral):
            raise TypeError(
                f"n_splits={n_splits!r} is not an integer. Pass one, such as n_splits=5."
            )
        if n_splits < 2:
            raise ValueError(f"n_splits={n_splits} leaves nothing to train on. Pass at least 2.")

    def split(self, X: Any, y: Any, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the indices of training and test images of every fold.

        Parameters
        ----------
        X : array (n, H, W[, C]) or list of arrays
            The images, or volumes; only their number is used.
        y : array (n, H, W) or (n, D, H, W), or list of arrays (H, W) or (D, H, W)
            Label maps; unlabeled pixels as in :meth:`~sklearn_segae.AESegmenter.fit`.
        groups : ignored
            Present for the interface.

        Yields
        ------
        train, test : ndarray of int
            Sorted indices; every image is in one test set.
        """
        folds = self._folds(self._present(X, y))
        for fold in range(self.n_splits):
            yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of folds, as given; the parameters are ignored."""
        return self.n_splits

    def _present(self, X: Any, y: Any) -> np.ndarray:
        """Return True for the classes that an image has, (n_images, n_classes)."""
        given = [] if y is None else to_maps(y)
        maps = [label_array(labels, f"y[{i}]") for i, labels in enumerate(given)]
        if not maps or any(labels.ndim < 2 for labels in maps):
            raise ValueError(
                "y holds no label maps, but images are stratified by their classes. Pass label "
                "maps, KFold for images without labels, or StratifiedKFold for rows."
            )
        if len(maps) != len(X):
            raise ValueError(
                f"y holds {len(maps)} label maps, but X holds {len(X)} images. Pass one for every "
                "image."
            )
        if len(maps) < self.n_splits:
            raise ValueError(
                f"n_splits={self.n_splits} is more than the {len(maps)} images. Pass at most "
                f"n_splits={len(maps)}."
            )
        known = [is_labeled(labels, self.ignore_label) for labels in maps]
        own = [np.unique(np.ma.getdata(m)[k]) for m, k in zip(maps, known, strict=True)]
        classes = np.unique(join_labels(own))
        return np.array([np.isin(classes, labels) for labels in own])

    def _folds(self, present: np.ndarray) -> np.ndarray:
        """Return the index (n_images,) of the test fold of every image."""
        rng = check_random_state(self.random_state)
        sizes, counts = np.array([len(present), *present.sum(0)]), present.sum(0)
        if len(counts) and counts.min() < self.n_splits:
            warnings.warn(
                f"A class is in only {counts.min()} images, fewer than n_splits={self.n_splits}: "
                "some folds lack it.",
                UserWarning,
                stacklevel=3,
            )
        # Images and classes that each fold still needs. First column: images of any class.
        members = np.column_stack([np.ones(len(present), bool), present])
        needed = np.tile(sizes / self.n_splits, (self.n_splits, 1))
        folds = np.full(len(present), -1)
        while (free := folds < 0).any():
            left = members[free].sum(0)
            # The rarest class, and at last the images without labels.
            rarest = min(np.flatnonzero(left), key=lambda c: (c == 0, left[c]))
            for image in np.flatnonzero(free & members[:, rarest]):
                order = np.lexsort([rng.random(self.n_splits), -needed[:, 0], -needed[:, rarest]])
                folds[image] = order[0]
                needed[order[0], members[image]] -= 1
        return folds
