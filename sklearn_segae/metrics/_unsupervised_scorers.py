"""Scorers for searches without labels: separation of the codes, stability of the segments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params
from sklearn.utils.random import sample_without_replacement

from ..imaging._containers import unpack
from ._contingency import flat, flat_mask, shapes
from ._scorers import AVERAGES, WORST, check_maps, holds_rows, labels_of, to_number

# Losses such as the Davies-Bouldin index have no upper bound, but a search needs a number.
WORST_LOSS = -1e6


@validate_params(
    {
        "metric": [callable],
        "n_pixels": [Interval(Integral, 2, None, closed="left"), None],
        "average": [AVERAGES],
        "greater_is_better": ["boolean"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_unsupervised_scorer(
    metric: Callable[..., float],
    *,
    n_pixels: int | None = 2000,
    average: str = "pooled",
    greater_is_better: bool = True,
    random_state: Any = 0,
) -> UnsupervisedScorer:
    """Make a scorer without true labels from a metric of codes and predicted labels.

    If the sample has a single segment, the metric is undefined. The score is then -1, the lowest
    silhouette, or -1e6 with `greater_is_better=False`, so that a search goes on.

    Parameters
    ----------
    metric : callable
        `metric(codes, labels) -> float` of codes (n, k) and labels (n,), for instance
        :func:`~sklearn.metrics.silhouette_score`,
        :func:`~sklearn.metrics.calinski_harabasz_score`, or with `greater_is_better=False`
        :func:`~sklearn.metrics.davies_bouldin_score`.
    n_pixels : int or None, default=2000
        Maximum number of random pixels to score, of every image if `average="image"`: silhouettes
        take quadratic time. None uses all pixels.
    average : {"pooled", "image"}, default="pooled"
        "pooled" scores all images at once. "image" scores every image and returns the mean, for
        `scope="image"`.
    greater_is_better : as in :func:`make_segmentation_scorer`
    random_state : int, RandomState instance or None, default=0
        Determines the pixels. With an int they are the same for all candidates of a search.

    Returns
    -------
    scorer : callable
        `scorer(estimator, X, y=None) -> float`, for `scoring=` in scikit-learn. The estimator
        needs `transform` and `predict`.

    See Also
    --------
    make_stability_scorer : A scorer that can also compare encoders.

    Notes
    -----
    These metrics measure distances between codes. Use them to compare numbers of segments or
    clusterers on the codes of one encoder. Well separated clusters may still differ from the
    segments of interest.

    Examples
    --------
    >>> from sklearn.metrics import davies_bouldin_score
    >>> from sklearn_segae.metrics import make_unsupervised_scorer
    >>> make_unsupervised_scorer(davies_bouldin_score, greater_is_better=False)
    make_unsupervised_scorer(davies_bouldin_score, greater_is_better=False)
    """
    return UnsupervisedScorer(metric, n_pixels, average, greater_is_better, random_state)


@validate_params(
    {"metric": [callable], "average": [AVERAGES], "random_state": ["random_state"]},
    prefer_skip_nested_validation=True,
)
def make_stability_scorer(
    metric: Callable[..., float] = adjusted_rand_score,
    *,
    average: str = "pooled",
    random_state: Any = 0,
) -> StabilityScorer:
    """Make a scorer of the stability of segments under other images and seeds, without labels.

    A clone of the estimator with other seeds is fitted to the held-out data. The score is the
    agreement of the labels of both on these data [1]_ [2]_, which costs an additional fit for every
    fold. If either has a single segment, on which any two segmenters agree, the score is -1.

    Parameters
    ----------
    metric : callable, default=adjusted_rand_score
        `metric(labels, labels) -> float` of two flat label arrays. It should be invariant to
        permutations of the labels and corrected for chance, so that it does not favor numbers of
        segments.
    average : as in :func:`make_unsupervised_scorer`
    random_state : int, RandomState instance or None, default=0
        Determines the seed that replaces every `random_state` of the clone.

    Returns
    -------
    scorer : callable
        `scorer(estimator, X, y=None) -> float`, for `scoring=` in scikit-learn.

    See Also
    --------
    make_unsupervised_scorer : A scorer from metrics such as silhouettes, without further fits.

    Notes
    -----
    Use two folds, `cv=KFold(2, shuffle=True)`, because a clone fitted to few images is less stable.
    With :class:`~sklearn_segae.model_selection.SingleSplit` both are fitted to the same images and
    only the seeds differ. Too few segments are often as stable as the right number: among
    candidates of similar score, select the one with the most segments. `y`, if given, is passed to
    the `fit` of the clone.

    References
    ----------
    .. [1] A. Ben-Hur, A. Elisseeff, I. Guyon, "A stability based method for discovering structure
       in clustered data", Pacific Symposium on Biocomputing 7, 2002,
       doi:10.1142/9789812799623_0002.
    .. [2] T. Lange, V. Roth, M. Braun, J. Buhmann, "Stability-based validation of clustering
       solutions", Neural Computation 16, 2004, doi:10.1162/089976604773717621.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.model_selection import GridSearchCV, KFold
    >>> from sklearn_segae.metrics import make_stability_scorer
    >>> X = np.repeat([[0.0], [5.0], [6.0]], 50, axis=0)
    >>> X += np.random.default_rng(0).normal(scale=0.1, size=X.shape)
    >>> search = GridSearchCV(
    ...     KMeans(random_state=0), {"n_clusters": [1, 3, 4]},
    ...     scoring=make_stability_scorer(), cv=KFold(2, shuffle=True, random_state=0),
    ... )
    >>> search.fit(X).best_params_
    {'n_clusters': 3}
    """
    return StabilityScorer(metric, average, random_state)


class UnsupervisedScorer:
    """The scorer returned by `make_unsupervised_scorer`, which can be pickled."""

    def __init__(
        self,
        metric: Callable[..., float],
        n_pixels: int | None,
        average: str,
        greater_is_better: bool,
        random_state: Any,
    ) -> None:
        self.metric = metric
        self.n_pixels = n_pixels
        self.average = average
        self.sign = 1 if greater_is_better else -1
        self.random_state = random_state

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Score the segments that the estimator predicts for `X` by the codes of their pixels."""
        if not hasattr(estimator, "transform"):
            raise TypeError(
                f"estimator={estimator!r} has no transform, so there are no codes to score. Pass "
                "an AESegmenter, or any estimator with transform and predict."
            )
        X, _ = unpack(X)
        labels = labels_of(estimator, X)
        if self.average == "pooled":
            return self._score(estimator, X, labels)
        check_maps(labels)
        singles = (slice(i, i + 1) for i in range(len(labels)))
        return float(np.mean([self._score(estimator, X[i], labels[i]) for i in singles]))

    def _score(self, estimator: Any, X: Any, labels: Any) -> float:
        with_data = np.flatnonzero(~flat_mask(labels))
        if not len(with_data):
            return WORST if self.sign > 0 else WORST_LOSS
        chosen = with_data[self._choose(len(with_data))]
        few = flat(labels)[chosen]
        if (few == few[0]).all():
            return WORST if self.sign > 0 else WORST_LOSS
        return self.sign * to_number(
            self.metric, self.metric(_codes(estimator, X, labels, chosen), few)
        )

    def _choose(self, n_all: int) -> np.ndarray:
        """Return the sorted flat indices of the pixels to score."""
        n_pixels = n_all if self.n_pixels is None else min(self.n_pixels, n_all)
        rng = check_random_state(self.random_state)
        return np.sort(sample_without_replacement(n_all, n_pixels, random_state=rng))

    def __repr__(self) -> str:
        extras = "" if self.n_pixels == 2000 else f", n_pixels={self.n_pixels}"
        extras += "" if self.average == "pooled" else f", average={self.average!r}"
        extras += "" if self.sign > 0 else ", greater_is_better=False"
        extras += "" if self.random_state == 0 else f", random_state={self.random_state}"
        name = getattr(self.metric, "__name__", repr(self.metric))
        return f"make_unsupervised_scorer({name}{extras})"


class StabilityScorer:
    """The scorer returned by `make_stability_scorer`, which can be pickled."""

    def __init__(self, metric: Callable[..., float], average: str, random_state: Any) -> None:
        self.metric = metric
        self.average = average
        self.random_state = random_state

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Compare the labels of `X` with those of a clone that is fitted to `X`."""
        # The second draw: 0 is often the seed of the estimator, and the first draw of its encoder.
        seed = int(check_random_state(self.random_state).randint(2**31, size=2)[1])
        own = labels_of(estimator, X)
        other = labels_of(_reseeded(estimator, seed).fit(X, y), X)
        if self.average == "pooled":
            return self._agreement(own, other)
        check_maps(own)
        pairs = zip(own, other, strict=True)
        return float(np.mean([self._agreement(*pair) for pair in pairs]))

    def _agreement(self, own: Any, other: Any) -> float:
        both = ~flat_mask(own)
        if not both.any():
            return WORST
        own, other = flat(own)[both], flat(other)[both]
        if (own == own[0]).all() or (other == other[0]).all():
            return WORST
        return to_number(self.metric, self.metric(own, other))

    def __repr__(self) -> str:
        name = getattr(self.metric, "__name__", repr(self.metric))
        options = [] if self.metric is adjusted_rand_score else [name]
        options += [] if self.average == "pooled" else [f"average={self.average!r}"]
        options += [] if self.random_state == 0 else [f"random_state={self.random_state}"]
        return f"make_stability_scorer({', '.join(options)})"


def _codes(estimator: Any, X: Any, labels: Any, chosen: np.ndarray) -> np.ndarray:
    """Return the codes (n, k) of the pixels with the flat indices `chosen`."""
    if holds_rows(labels):
        return np.asarray(estimator.transform(X))[chosen]
    return np.concatenate(list(_codes_of_images(estimator, X, labels, chosen)))


def _codes_of_images(
    estimator: Any, X: Any, labels: Any, chosen: np.ndarray
) -> Iterator[np.ndarray]:
    # One image at a time, because the codes of all images may not fit into memory.
    ends = np.cumsum([prod(shape) for shape in shapes(labels)])
    parts = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
    for i, part in enumerate(parts):
        if len(part):
            (codes,) = estimator.transform(X[i : i + 1])
            yield codes.reshape(-1, codes.shape[-1])[part - ends[i]]  # counted from the end


def _reseeded(estimator: Any, seed: int) -> Any:
    """Return a clone with another seed for every `random_state`."""
    seeds = [name for name in estimator.get_params() if name.split("__")[-1] == "random_state"]
    return clone(estimator).set_params(**dict.fromkeys(seeds, seed))
