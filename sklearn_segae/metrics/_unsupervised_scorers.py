"""Scorers for searches without labels: how well codes part into segments, and how stably."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.metrics import adjusted_rand_score
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params
from sklearn.utils.random import sample_without_replacement

from ._contingency import flat, shapes
from ._scorers import AVERAGES, WORST, check_maps, holds_rows, labels_of, to_number

# Losses have no upper bound (Davies-Bouldin's index passes 1 easily), but a search needs a number.
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
    """Make a scorer that needs no labels, of any metric of codes and predicted labels.

    Where the sample holds one segment, there is nothing to compare: the score is -1, below any
    silhouette, or -1e6 with `greater_is_better=False`, so that a search goes on.

    Parameters
    ----------
    metric : callable
        `metric(codes, labels) -> float`, codes (n, k) and labels (n,): for instance
        :func:`~sklearn.metrics.silhouette_score`,
        :func:`~sklearn.metrics.calinski_harabasz_score`, or with `greater_is_better=False`
        :func:`~sklearn.metrics.davies_bouldin_score`.
    n_pixels : int or None, default=2000
        So many random pixels at most are looked at, with "image" of every image: silhouettes take
        quadratic time. None takes all.
    average : {"pooled", "image"}, default="pooled"
        Over all images at once, or per image and then the mean, for `scope="image"`.
    greater_is_better : bool, default=True
        False makes the scorer return minus the metric.
    random_state : int, RandomState instance or None, default=0
        Draws the pixels. With an int they are the same for all candidates of a search.

    Returns
    -------
    scorer : callable
        `scorer(estimator, X, y=None) -> float`, for `scoring=` of scikit-learn's model selection.
        The estimator needs `transform` and `predict`.

    Raises
    ------
    TypeError
        By the scorer, if the estimator has no `transform`.

    See Also
    --------
    make_stability_scorer : Compares encoders fairly, too.

    Notes
    -----
    These metrics measure distances between codes. Compare numbers of segments or clusterers on the
    codes of one encoder; codes that part well may well part something else than you look for.

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
    """Make a scorer of how little the segments depend on images and seed; it needs no labels.

    A twin of the estimator, with other seeds, is fitted to the held-out data; the score is how well
    the two agree there, whatever they call their segments. So segments have to be found again in
    other images [1]_ [2]_, and a fit of the twin is paid for every fold. Where one segment is left,
    which any two segmenters agree on, the score is -1.

    Parameters
    ----------
    metric : callable, default=adjusted_rand_score
        `metric(labels, labels) -> float` of two flat label arrays that does not mind names and is
        corrected for chance, so that many segments are no worse a priori than few.
    average : {"pooled", "image"}, default="pooled"
        Over all pixels at once, or per image and then the mean, for `scope="image"`.
    random_state : int, RandomState instance or None, default=0
        Draws the seed that replaces every `random_state` of the twin.

    Returns
    -------
    scorer : callable
        `scorer(estimator, X, y=None) -> float`, for `scoring=` of scikit-learn's model selection.

    See Also
    --------
    make_unsupervised_scorer : Silhouettes and the like; no further fits.

    Notes
    -----
    Give it halves, `cv=KFold(2, shuffle=True)`, for a twin from few images is the less stable one.
    With :class:`~sklearn_segae.model_selection.SingleSplit` both see the same images, and seeds
    alone differ. Too few segments are often as stable as the right number: of candidates that
    score alike, take that with the most segments. `y`, where it is given, is handed to the twin's
    `fit`.

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
    """What `make_unsupervised_scorer` returns: a picklable `scorer(estimator, X, y=None)`."""

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
        """Score the segments that the estimator makes of `X` by the codes of their pixels."""
        if not hasattr(estimator, "transform"):
            raise TypeError(
                f"estimator={estimator!r} has no transform, and so no codes to judge labels by. "
                "Pass an AESegmenter, or any estimator with transform and predict."
            )
        labels = labels_of(estimator, X)
        if self.average == "pooled":
            return self._score(estimator, X, labels)
        check_maps(labels)
        singles = (slice(i, i + 1) for i in range(len(labels)))
        return float(np.mean([self._score(estimator, X[i], labels[i]) for i in singles]))

    def _score(self, estimator: Any, X: Any, labels: Any) -> float:
        chosen = self._choose(flat(labels).size)
        few = flat(labels)[chosen]
        if (few == few[0]).all():
            return WORST if self.sign > 0 else WORST_LOSS
        return self.sign * to_number(
            self.metric, self.metric(_codes(estimator, X, labels, chosen), few)
        )

    def _choose(self, n_all: int) -> np.ndarray:
        """Sorted flat indices of the pixels that are looked at."""
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
    """What `make_stability_scorer` returns: a picklable `scorer(estimator, X, y=None)`."""

    def __init__(self, metric: Callable[..., float], average: str, random_state: Any) -> None:
        self.metric = metric
        self.average = average
        self.random_state = random_state

    def __call__(self, estimator: Any, X: Any, y: Any = None) -> float:
        """Compare the labels of `X` with those of a twin that is fitted to `X`."""
        # Not 0 itself, too often the estimator's own, nor what is drawn first, its encoder's then.
        seed = int(check_random_state(self.random_state).randint(2**31, size=2)[1])
        ours = labels_of(estimator, X)
        theirs = labels_of(_reseeded(estimator, seed).fit(X, y), X)
        if self.average == "pooled":
            return self._agreement(ours, theirs)
        check_maps(ours)
        pairs = zip(ours, theirs, strict=True)
        return float(np.mean([self._agreement(*pair) for pair in pairs]))

    def _agreement(self, ours: Any, theirs: Any) -> float:
        ours, theirs = flat(ours), flat(theirs)
        if (ours == ours[0]).all() or (theirs == theirs[0]).all():
            return WORST
        return to_number(self.metric, self.metric(ours, theirs))

    def __repr__(self) -> str:
        name = getattr(self.metric, "__name__", repr(self.metric))
        options = [] if self.metric is adjusted_rand_score else [name]
        options += [] if self.average == "pooled" else [f"average={self.average!r}"]
        options += [] if self.random_state == 0 else [f"random_state={self.random_state}"]
        return f"make_stability_scorer({', '.join(options)})"


def _codes(estimator: Any, X: Any, labels: Any, chosen: np.ndarray) -> np.ndarray:
    """Codes (n, k) of the pixels with the flat indices `chosen`."""
    if holds_rows(labels):
        return np.asarray(estimator.transform(X))[chosen]
    return np.concatenate(list(_codes_of_images(estimator, X, labels, chosen)))


def _codes_of_images(
    estimator: Any, X: Any, labels: Any, chosen: np.ndarray
) -> Iterator[np.ndarray]:
    # One image at a time: the codes of all pixels of all images may not fit into memory.
    ends = np.cumsum([height * width for height, width in shapes(labels)])
    parts = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
    for i, part in enumerate(parts):
        if len(part):
            (codes,) = estimator.transform(X[i : i + 1])
            yield codes.reshape(-1, codes.shape[-1])[part - ends[i]]  # counted from the end


def _reseeded(estimator: Any, seed: int) -> Any:
    """Clone, with other seeds."""
    seeds = [name for name in estimator.get_params() if name.split("__")[-1] == "random_state"]
    return clone(estimator).set_params(**dict.fromkeys(seeds, seed))
