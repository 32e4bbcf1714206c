"""Scorers of label maps, for scikit-learn's model selection."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import StrOptions, validate_params

from ..imaging._label_maps import IgnoreLabel, is_labeled
from ._contingency import flat, is_list, labeled, nothing_labeled, shapes, unlike_shapes

# The lowest value of any of scikit-learn's bounded scores, and of its bounded losses with a minus.
# Finite, for one infinite or missing fold would spoil the means of a search.
WORST = -1.0
AVERAGES = StrOptions({"pooled", "image"})


@validate_params(
    {"metric": [callable], "average": [AVERAGES], "greater_is_better": ["boolean"]},
    prefer_skip_nested_validation=True,
)
def make_segmentation_scorer(
    metric: Callable[..., float],
    *,
    ignore_label: IgnoreLabel = None,
    average: str = "pooled",
    greater_is_better: bool = True,
) -> SegmentationScorer:
    """Make a scorer of any metric of two flat label arrays.

    Where one segment is left and the metric cannot cope (it raises `ValueError`, or is NaN), the
    score is -1, as low as scikit-learn's bounded scores go, so that a search goes on.

    Parameters
    ----------
    metric : callable
        `metric(y_true, y_pred) -> float`, for instance
        :func:`~sklearn.metrics.adjusted_rand_score` or :func:`mean_iou`.
    ignore_label : int, sequence of int or None, default=None
        A true label whose pixels are left out, besides -1.
    average : {"pooled", "image"}, default="pooled"
        Over all pixels at once, or per image and then the mean over the images that have
        labeled pixels (for label maps that mean something within their image alone).
    greater_is_better : bool, default=True
        False makes the scorer return minus the metric.

    Returns
    -------
    scorer : callable
        `scorer(estimator, X, y) -> float`, for `scoring=` of scikit-learn's model selection.
        A `ScoringMonitor` takes it by a name, `scoring={"ari": scorer}`.

    Raises
    ------
    ValueError
        By the scorer, if no pixel is labeled or if `average="image"` meets the labels of rows.

    Examples
    --------
    >>> from sklearn.metrics import adjusted_rand_score
    >>> from sklearn_segae.metrics import make_segmentation_scorer
    >>> make_segmentation_scorer(adjusted_rand_score)
    make_segmentation_scorer(adjusted_rand_score)
    """
    return SegmentationScorer(metric, ignore_label, average, greater_is_better)


class SegmentationScorer:
    """What `make_segmentation_scorer` returns: a picklable `scorer(estimator, X, y)`."""

    def __init__(
        self,
        metric: Callable[..., float],
        ignore_label: IgnoreLabel,
        average: str,
        greater_is_better: bool,
    ) -> None:
        self.metric = metric
        self.ignore_label = ignore_label
        self.average = average
        self.sign = 1 if greater_is_better else -1

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Score the label maps that the estimator predicts for `X`."""
        if y is None:
            raise ValueError(
                "y=None, but this scorer compares with true labels. Pass y, or a scorer that "
                "needs none: make_unsupervised_scorer, make_stability_scorer."
            )
        y_pred = labels_of(estimator, X)
        if self.average == "pooled":
            return self._score(y, y_pred)
        check_maps(y)
        if shapes(y) != shapes(y_pred):
            raise ValueError(unlike_shapes(y, y_pred))
        pairs = zip(y, y_pred, strict=True)
        scores = [
            self._score(t, p) for t, p in pairs if is_labeled(flat(t), self.ignore_label).any()
        ]
        if not scores:
            raise ValueError(nothing_labeled(flat(y).size, self.ignore_label))
        return float(np.mean(scores))

    def _score(self, y_true: Any, y_pred: Any) -> float:
        true, pred = labeled(y_true, y_pred, self.ignore_label)
        one_segment = bool((pred == pred[0]).all())
        try:
            score = self.sign * to_number(self.metric, self.metric(true, pred))
        except ValueError:
            if one_segment:
                return WORST
            raise
        return WORST if one_segment and np.isnan(score) else score

    def __repr__(self) -> str:
        extras = "" if self.ignore_label is None else f", ignore_label={self.ignore_label}"
        extras += "" if self.average == "pooled" else f", average={self.average!r}"
        extras += "" if self.sign > 0 else ", greater_is_better=False"
        name = getattr(self.metric, "__name__", repr(self.metric))
        return f"make_segmentation_scorer({name}{extras})"


def to_number(metric: Any, score: Any) -> float:
    """Return what a metric returned, if that is one number."""
    if np.ndim(score) > 0 or not isinstance(score, Real | np.ndarray):
        name = getattr(metric, "__name__", repr(metric))
        raise TypeError(
            f"metric={name} returned {score!r:.60}, but one number is needed. Where it has an "
            "`average`, pass a functools.partial that sets it."
        )
    return float(score)


def labels_of(estimator: Any, X: Any) -> Any:
    """Return the labels that an estimator predicts."""
    if not hasattr(estimator, "predict"):
        raise TypeError(
            f"estimator={estimator!r:.80} has no predict, and so no labels to score. Pass an "
            "AESegmenter, or a pipeline that ends with one."
        )
    return estimator.predict(X)


def check_maps(y: Any) -> None:
    """Refuse the labels of rows, where scores of single images are asked for."""
    if holds_rows(y):
        raise ValueError(
            f"average='image' needs label maps, and y is of {len(y)} rows. "
            "Pass average='pooled' for rows, or images with their label maps."
        )


def holds_rows(y: Any) -> bool:
    """Return True for the labels of rows, False for label maps."""
    return not is_list(y) and np.ndim(y) == 1
