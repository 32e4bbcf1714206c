"""Scorers of label maps for model selection in scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer
from sklearn.utils._param_validation import StrOptions, validate_params

from ..imaging._containers import to_array, to_maps, unpack
from ..imaging._label_maps import IgnoreLabel, is_labeled
from ._contingency import (
    check_labels,
    flat,
    is_counted,
    is_list,
    labeled,
    nothing_labeled,
    shapes,
    unlike_shapes,
)
from ._missing_pixels import missing_pixels, spatial_axes
from ._pixel_classifier import PixelClassifier

# The lowest value of bounded scores and negated losses; finite for means over folds.
WORST = -1.0
AVERAGES = StrOptions({"pooled", "image"})


@validate_params(
    {"metric": [callable, str], "average": [AVERAGES], "greater_is_better": ["boolean"]},
    prefer_skip_nested_validation=True,
)
def make_segmentation_scorer(
    metric: Callable[..., float] | str,
    *,
    ignore_label: IgnoreLabel = None,
    average: str = "pooled",
    greater_is_better: bool = True,
) -> SegmentationScorer:
    """Make a scorer from a metric of two flat label arrays, or from a scorer of scikit-learn.

    If there is a single predicted segment and the metric (a function) raises `ValueError` or
    returns NaN, the score is -1, the lowest value of bounded scores, so that a search goes on.

    Parameters
    ----------
    metric : callable or str
        `metric(y_true, y_pred) -> float`, for instance
        :func:`~sklearn.metrics.adjusted_rand_score` or :func:`mean_iou`. A name of
        :func:`~sklearn.metrics.get_scorer_names`, such as "f1_macro" or "neg_log_loss", is that
        scorer of the labeled pixels.
    ignore_label : int, str, sequence of these, or None, default=None
        True labels of pixels to leave out, besides unlabeled ones (-1, NaN, None, "" or masked).
    average : {"pooled", "image"}, default="pooled"
        "pooled" scores all pixels at once. "image" scores every image and returns the mean over
        the images with labeled pixels, for labels that only have a meaning within their image.
    greater_is_better : bool, default=True
        If False, the scorer returns the negated metric. Names have their own sign.

    Returns
    -------
    scorer : callable
        `scorer(estimator, X, y) -> float`, for `scoring=` in scikit-learn. `ScoringMonitor` needs
        a dictionary, `scoring={"ari": scorer}`.

    Raises
    ------
    ValueError
        If the name is not known, or `greater_is_better` is False for a name. When the scorer is
        called, if no pixel is labeled, or if `average="image"` and `y` holds labels of rows.

    Examples
    --------
    >>> from sklearn.metrics import adjusted_rand_score
    >>> from sklearn_segae.metrics import make_segmentation_scorer
    >>> make_segmentation_scorer(adjusted_rand_score)
    make_segmentation_scorer(adjusted_rand_score)
    >>> make_segmentation_scorer("f1_macro", ignore_label=255)
    make_segmentation_scorer('f1_macro', ignore_label=255)
    """
    if isinstance(metric, str):
        get_scorer(metric)  # raises an error for unknown names
        if not greater_is_better:
            raise ValueError(
                f"greater_is_better=False, but metric={metric!r} is a scorer, which has its sign. "
                "Leave greater_is_better out, or pass a function of sklearn.metrics."
            )
        return NamedScorer(metric, ignore_label, average, greater_is_better)
    return SegmentationScorer(metric, ignore_label, average, greater_is_better)


class SegmentationScorer:
    """The scorer returned by `make_segmentation_scorer`, which can be pickled."""

    def __init__(
        self,
        metric: Any,
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
        check_given(y)
        y_pred = labels_of(estimator, X)
        if self.average == "pooled":
            return self._score(y, y_pred)
        check_maps(y)
        y, y_pred = to_maps(y), to_maps(y_pred)
        if shapes(y) != shapes(y_pred):
            raise ValueError(unlike_shapes(y, y_pred))
        pairs = zip(y, y_pred, strict=True)
        scores = [self._score(t, p) for t, p in pairs if is_counted(t, p, self.ignore_label).any()]
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


class NamedScorer(SegmentationScorer):
    """A scorer of scikit-learn, given by its name, for the labeled pixels of label maps."""

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Score the predictions of the estimator for `X`."""
        check_given(y)
        y = check_labels(y, "y")
        if self.average == "pooled":
            return self._score_pixels(estimator, X, y)
        check_maps(y)
        X, _ = unpack(X)
        parts = [(X[i : i + 1], y[i : i + 1]) for i in range(len(y))]
        parts = [part for part in parts if self._counted(*part).any()]
        if not parts:
            raise ValueError(nothing_labeled(flat(y).size, self.ignore_label))
        return float(np.mean([self._score_pixels(estimator, *part) for part in parts]))

    def _score_pixels(self, estimator: Any, X: Any, y: Any) -> float:
        check_predicts(estimator)
        counted = self._counted(X, y)
        if not counted.any():
            raise ValueError(nothing_labeled(len(counted), self.ignore_label))
        pixels = PixelClassifier(estimator, y, counted)
        return float(get_scorer(self.metric)(pixels, X, np.ma.getdata(flat(y))[counted]))

    def _counted(self, X: Any, y: Any) -> np.ndarray:
        """Return True for the labeled pixels of all images that have data."""
        counted = is_labeled(flat(y), self.ignore_label)
        if holds_rows(y):
            return counted
        missing = missing_pixels(X, spatial_axes(y))
        if shapes(missing) != shapes(y):
            raise ValueError(unlike_shapes(y, missing))
        return counted & ~flat(missing)


def check_given(y: Any) -> None:
    """Raise an error without labels."""
    if y is None:
        raise ValueError(
            "y=None, but this scorer needs true labels. Pass y, or use "
            "make_unsupervised_scorer or make_stability_scorer."
        )


def to_number(metric: Any, score: Any) -> float:
    """Return the value of a metric as a float; raise an error if it is not one number."""
    if np.ndim(score) > 0 or not isinstance(score, Real | np.ndarray):
        name = getattr(metric, "__name__", repr(metric))
        raise TypeError(
            f"metric={name} returned {score!r:.60}, but one number is needed. If it has a "
            "parameter `average`, set it with functools.partial."
        )
    return float(score)


def labels_of(estimator: Any, X: Any) -> Any:
    """Return the labels that an estimator predicts, masked where images have no data."""
    check_predicts(estimator)
    labels = to_maps(estimator.predict(X))
    missing = [] if holds_rows(labels) else missing_pixels(X, spatial_axes(labels))
    if not any(mask.any() for mask in missing):
        return labels
    maps = [np.ma.array(to_array(m), mask=own) for m, own in zip(labels, missing, strict=True)]
    return maps if is_list(labels) else np.ma.stack(maps)


def check_predicts(estimator: Any) -> None:
    """Raise an error for estimators without labels."""
    if not hasattr(estimator, "predict"):
        raise TypeError(
            f"estimator={estimator!r:.80} has no predict, so there are no labels to score. Pass an "
            "AESegmenter, or a pipeline that ends with one."
        )


def check_maps(y: Any) -> None:
    """Raise an error for labels of rows, which cannot be scored image by image."""
    if holds_rows(y):
        raise ValueError(
            f"average='image' needs label maps, but y holds the labels of {len(y)} rows. "
            "Pass average='pooled' for rows, or images with their label maps."
        )


def holds_rows(y: Any) -> bool:
    """Return True for the labels of rows, False for label maps."""
    return not is_list(y) and np.ndim(y) == 1
