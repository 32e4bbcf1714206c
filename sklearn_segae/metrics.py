"""Scores between label maps, over one contingency table, and scorers for model selection.

Label maps are integer arrays of any shape, or lists of them (images of different sizes), which
count as one long map. Pixels whose true label is -1 (unlabelled) or `ignore_label` count nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.optimize import linear_sum_assignment

from ._labels import borders

__all__ = [
    "boundary_f1",
    "make_segmentation_scorer",
    "match_labels",
    "matched_accuracy",
    "mean_iou",
]

UNLABELLED = -1


def match_labels(y_true: Any, y_pred: Any, *, ignore_label: int | None = None) -> Any:
    """Rename predicted segments to the true labels that they overlap most.

    One segment gets one label (the assignment with the most agreeing pixels [1]_); segments beyond
    the number of labels get new ones above the highest.

    Parameters
    ----------
    y_true, y_pred : array or list of arrays of int
        Label maps of equal shapes.
    ignore_label : int, default=None
        A true label that counts nowhere, besides -1. None for no other.

    Returns
    -------
    y_matched : as `y_pred`
        The same segments under other names.

    References
    ----------
    .. [1] H. Kuhn, "The Hungarian method for the assignment problem", Naval Research Logistics
       Quarterly 2, 1955, doi:10.1002/nav.3800020109.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_segae.metrics import match_labels
    >>> match_labels(np.array([0, 0, 5, 5]), np.array([1, 1, 0, 2]))
    array([0, 0, 5, 6])
    """
    classes, segments, counts = _contingency(y_true, y_pred, ignore_label)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    names = dict(zip(segments[columns].tolist(), classes[rows].tolist(), strict=True))
    new_name = int(max(classes.max(), -1 if ignore_label is None else ignore_label)) + 1
    for segment in np.unique(_flat(y_pred)).tolist():
        if segment not in names:
            names[segment] = new_name
            new_name += 1
    return [_rename(m, names) for m in y_pred] if _is_list(y_pred) else _rename(y_pred, names)


def matched_accuracy(y_true: Any, y_pred: Any, *, ignore_label: int | None = None) -> float:
    """Return the share of right pixels, after the best matching of segments to labels.

    Parameters
    ----------
    y_true, y_pred : array or list of arrays of int
        Label maps of equal shapes. The names of the segments play no role.
    ignore_label : int, default=None
        A true label that counts nowhere, besides -1.

    Returns
    -------
    accuracy : float
        In [0, 1].

    Examples
    --------
    >>> from sklearn_segae.metrics import matched_accuracy
    >>> matched_accuracy([0, 0, 1, 1], [7, 7, 7, 3])
    0.75
    """
    _, _, counts = _contingency(y_true, y_pred, ignore_label)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    return float(counts[rows, columns].sum() / counts.sum())


def mean_iou(
    y_true: Any, y_pred: Any, *, matched: bool = True, ignore_label: int | None = None
) -> float:
    """Return the mean over the true labels of intersection over union.

    Parameters
    ----------
    y_true, y_pred : array or list of arrays of int
        Label maps of equal shapes.
    matched : bool, default=True
        Match segments to labels first, one to one with the largest sum of intersections over
        unions, as fits clusters; a label left without a segment counts 0. False compares equal
        names, as fits classes.
    ignore_label : int, default=None
        A true label that counts nowhere, besides -1.

    Returns
    -------
    miou : float
        In [0, 1].

    Examples
    --------
    >>> from sklearn_segae.metrics import mean_iou
    >>> mean_iou([0, 0, 1, 1], [1, 1, 0, 0])
    1.0
    >>> mean_iou([0, 0, 1, 1], [1, 1, 0, 0], matched=False)
    0.0
    """
    classes, segments, counts = _contingency(y_true, y_pred, ignore_label)
    unions = counts.sum(1)[:, None] + counts.sum(0)[None] - counts
    iou = counts / unions
    if matched:
        rows, columns = linear_sum_assignment(iou, maximize=True)
    else:
        _, rows, columns = np.intersect1d(classes, segments, return_indices=True)
    return float(iou[rows, columns].sum() / len(classes))


def boundary_f1(y_true: Any, y_pred: Any, *, tolerance: float = 2) -> float:
    """Return how well the borders between segments agree, whatever the segments are called.

    The harmonic mean of precision, the share of predicted border pixels with a true one nearby,
    and recall, the share of true border pixels with a predicted one nearby [1]_.

    Parameters
    ----------
    y_true, y_pred : array (H, W) or (n, H, W), or list of arrays (H, W), of int
        Label maps of equal shapes; their border pixels are pooled.
    tolerance : float, default=2
        Greatest distance that is nearby, in pixels.

    Returns
    -------
    f1 : float
        In [0, 1]; 1 if neither has a border.

    References
    ----------
    .. [1] D. Martin, C. Fowlkes, J. Malik, "Learning to detect natural image boundaries using local
       brightness, color, and texture cues", IEEE TPAMI 26, 2004, doi:10.1109/TPAMI.2004.1273918;
       without its one-to-one assignment of pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_segae.metrics import boundary_f1
    >>> truth = np.repeat([[0, 0, 0, 0, 1, 1, 1, 1]], 8, axis=0)
    >>> boundary_f1(truth, np.roll(truth[:, ::-1], 1, axis=1), tolerance=0)
    0.0
    >>> boundary_f1(truth, 1 - truth, tolerance=0)
    1.0
    """
    if _shapes(y_true) != _shapes(y_pred):
        raise ValueError(_unlike_shapes(y_true, y_pred))
    single = not _is_list(y_true) and np.ndim(y_true) == 2
    pairs = [(y_true, y_pred)] if single else zip(y_true, y_pred, strict=True)
    edges = [(borders(np.asarray(t)), borders(np.asarray(p))) for t, p in pairs]
    recalled = np.concatenate([_near(p, tolerance)[t] for t, p in edges])
    precise = np.concatenate([_near(t, tolerance)[p] for t, p in edges])
    if not len(recalled) and not len(precise):
        return 1.0
    precision, recall = (float(hits.mean()) if len(hits) else 0.0 for hits in (precise, recalled))
    return 2 * precision * recall / max(precision + recall, 1e-12)


def make_segmentation_scorer(
    metric: Callable[..., float],
    *,
    ignore_label: int | None = None,
    average: str = "pooled",
    greater_is_better: bool = True,
) -> SegmentationScorer:
    """Make a scorer of any metric of two flat label arrays.

    Parameters
    ----------
    metric : callable
        `metric(y_true, y_pred) -> float`, for instance
        :func:`~sklearn.metrics.adjusted_rand_score` or :func:`mean_iou`.
    ignore_label : int, default=None
        A true label whose pixels are left out, besides -1.
    average : {"pooled", "image"}, default="pooled"
        Over all pixels at once, or per image and then the mean over the images that have
        labelled pixels (for label maps that mean something within their image alone).
    greater_is_better : bool, default=True
        False makes the scorer return minus the metric.

    Returns
    -------
    scorer : callable
        `scorer(estimator, X, y) -> float`, for `scoring=` of scikit-learn's model selection.

    Examples
    --------
    >>> from sklearn.metrics import adjusted_rand_score
    >>> from sklearn_segae.metrics import make_segmentation_scorer
    >>> make_segmentation_scorer(adjusted_rand_score)
    make_segmentation_scorer(adjusted_rand_score)
    """
    if average not in ("pooled", "image"):
        raise ValueError(f"average={average!r} is not known. Pass 'pooled' or 'image'.")
    return SegmentationScorer(metric, ignore_label, average, greater_is_better)


class SegmentationScorer:
    """What `make_segmentation_scorer` returns: a picklable `scorer(estimator, X, y)`."""

    def __init__(
        self,
        metric: Callable[..., float],
        ignore_label: int | None,
        average: str,
        greater_is_better: bool,
    ) -> None:
        self.metric = metric
        self.ignore_label = ignore_label
        self.average = average
        self.sign = 1 if greater_is_better else -1

    def __call__(self, estimator: Any, X: Any, y: Any) -> float:
        """Score the label maps that the estimator predicts for `X`."""
        y_pred = estimator.predict(X)
        if self.average == "pooled":
            return self.sign * self._score(y, y_pred)
        pairs = zip(y, y_pred, strict=True)
        scores = [self._score(t, p) for t, p in pairs if _known(_flat(t), self.ignore_label).any()]
        if not scores:
            raise ValueError(_nothing_labelled(_flat(y), self.ignore_label))
        return self.sign * float(np.mean(scores))

    def _score(self, y_true: Any, y_pred: Any) -> float:
        return float(self.metric(*_labelled(y_true, y_pred, self.ignore_label)))

    def __repr__(self) -> str:
        extras = "" if self.ignore_label is None else f", ignore_label={self.ignore_label}"
        extras += "" if self.average == "pooled" else f", average={self.average!r}"
        extras += "" if self.sign > 0 else ", greater_is_better=False"
        name = getattr(self.metric, "__name__", repr(self.metric))
        return f"make_segmentation_scorer({name}{extras})"


def _contingency(
    y_true: Any, y_pred: Any, ignore_label: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, segments and the pixels (n_labels, n_segments) that they share."""
    true, pred = _labelled(y_true, y_pred, ignore_label)
    classes, t = np.unique(true, return_inverse=True)
    segments, p = np.unique(pred, return_inverse=True)
    shape = len(classes), len(segments)
    counts = np.bincount(t * shape[1] + p, minlength=shape[0] * shape[1])
    return classes, segments, counts.reshape(shape).astype(float)


def _labelled(y_true: Any, y_pred: Any, ignore_label: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Flat labels of the pixels that count."""
    true, pred = _flat(y_true), _flat(y_pred)
    if _shapes(y_true) != _shapes(y_pred):
        raise ValueError(_unlike_shapes(y_true, y_pred))
    known = _known(true, ignore_label)
    if not known.any():
        raise ValueError(_nothing_labelled(true, ignore_label))
    return true[known], pred[known]


def _unlike_shapes(y_true: Any, y_pred: Any) -> str:
    return (
        f"y_true has shape {_shapes(y_true)} and y_pred has {_shapes(y_pred)}. "
        "Pass two label maps of the same images."
    )


def _near(edge: np.ndarray, tolerance: float) -> np.ndarray:
    """Return True where a border pixel is at most `tolerance` pixels away."""
    if not edge.any():
        return edge
    return distance_transform_edt(~edge) <= tolerance


def _known(true: np.ndarray, ignore_label: int | None) -> np.ndarray:
    # Names of classes may be strings, which cannot be -1.
    known = np.ones(true.shape, bool) if true.dtype.kind in "OUS" else true != UNLABELLED
    return known if ignore_label is None else known & (true != ignore_label)


def _nothing_labelled(true: np.ndarray, ignore_label: int | None) -> str:
    return f"y_true has no labelled pixel: all {true.size} are -1 or ignore_label={ignore_label}."


def _shapes(y: Any) -> list[tuple[int, ...]]:
    """Shapes of the single maps; a stack has those of its images."""
    if _is_list(y) or np.ndim(y) > 2:
        return [np.shape(m) for m in y]
    return [np.shape(y)]


def _flat(y: Any) -> np.ndarray:
    return np.concatenate([np.ravel(m) for m in y]) if _is_list(y) else np.ravel(y)


def _is_list(y: Any) -> bool:
    return isinstance(y, list | tuple) and any(np.ndim(m) > 0 for m in y)


def _rename(labels: Any, names: dict[int, int]) -> np.ndarray:
    values, index = np.unique(labels, return_inverse=True)
    return np.array([names[v] for v in values.tolist()])[index].reshape(np.shape(labels))
