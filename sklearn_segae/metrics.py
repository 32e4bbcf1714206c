"""Scores between label maps, over one contingency table, and scorers for model selection.

Label maps are integer arrays of any shape, or lists of them (images of different sizes). Scores of
labels (accuracies, IoU, Dice) read these as one long map. Scores of regions (covering, Rand index,
variation of information) go image by image, with one annotator or several. Pixels whose true label
is -1 (unlabelled) or `ignore_label` count nowhere.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from ._contingency import (
    Table,
    contingency,
    flat,
    is_list,
    labelled,
    names_of,
    shapes,
    unlike_shapes,
)
from ._labels import borders
from ._partitions import covering, probabilistic_rand_index, variation_of_information
from ._region_benchmark import region_benchmark
from ._scorers import make_segmentation_scorer
from ._unsupervised_scorers import make_stability_scorer, make_unsupervised_scorer

__all__ = [
    "boundary_f1",
    "covering",
    "dice_score",
    "make_segmentation_scorer",
    "make_stability_scorer",
    "make_unsupervised_scorer",
    "match_labels",
    "matched_accuracy",
    "mean_iou",
    "pixel_accuracy",
    "probabilistic_rand_index",
    "region_benchmark",
    "variation_of_information",
]


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
    classes, segments, counts = contingency(y_true, y_pred, ignore_label)
    rows, columns = linear_sum_assignment(counts.toarray(), maximize=True)
    names = dict(zip(segments[columns].tolist(), classes[rows].tolist(), strict=True))
    new_name = int(max(classes.max(), -1 if ignore_label is None else ignore_label)) + 1
    for segment in names_of(flat(y_pred))[0].tolist():
        if segment not in names:
            names[segment] = new_name
            new_name += 1
    return [_rename(m, names) for m in y_pred] if is_list(y_pred) else _rename(y_pred, names)


def pixel_accuracy(y_true: Any, y_pred: Any, *, ignore_label: int | None = None) -> float:
    """Return the share of pixels whose predicted label is the true one, by name.

    Parameters
    ----------
    y_true, y_pred : array or list of arrays of int
        Label maps of equal shapes.
    ignore_label : int, default=None
        A true label that counts nowhere, besides -1.

    Returns
    -------
    accuracy : float
        In [0, 1].

    See Also
    --------
    matched_accuracy : For clusters, whose names mean nothing.

    Examples
    --------
    >>> from sklearn_segae.metrics import pixel_accuracy
    >>> pixel_accuracy([0, 0, 1, -1], [0, 1, 1, 1])
    0.666...
    """
    true, pred = labelled(y_true, y_pred, ignore_label)
    return float(np.mean(true == pred))


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
    counts = contingency(y_true, y_pred, ignore_label).counts.toarray()
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
    table = contingency(y_true, y_pred, ignore_label)
    counts = table.counts.toarray()
    unions = counts.sum(1)[:, None] + counts.sum(0) - counts
    return _mean_overlap(table, counts / unions, matched)


def dice_score(
    y_true: Any, y_pred: Any, *, matched: bool = True, ignore_label: int | None = None
) -> float:
    """Return the mean over the true labels of Dice's coefficient [1]_, the F1 score of a label.

    Parameters
    ----------
    y_true, y_pred : array or list of arrays of int
        Label maps of equal shapes.
    matched : bool, default=True
        Match segments to labels first, one to one with the largest sum of coefficients, as fits
        clusters; a label left without a segment counts 0. False compares equal names, as fits
        classes.
    ignore_label : int, default=None
        A true label that counts nowhere, besides -1.

    Returns
    -------
    dice : float
        In [0, 1]; twice the shared pixels over the sum of both sizes.

    References
    ----------
    .. [1] L. Dice, "Measures of the amount of ecologic association between species", Ecology 26,
       1945, doi:10.2307/1932409.

    Examples
    --------
    >>> from sklearn_segae.metrics import dice_score
    >>> dice_score([0, 0, 1, 1], [1, 1, 0, 0])
    1.0
    >>> dice_score([0, 0, 0, 1], [0, 0, 1, 1], matched=False)
    0.733...
    """
    table = contingency(y_true, y_pred, ignore_label)
    counts = table.counts.toarray()
    sizes = counts.sum(1)[:, None] + counts.sum(0)
    return _mean_overlap(table, 2 * counts / sizes, matched)


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
    if shapes(y_true) != shapes(y_pred):
        raise ValueError(unlike_shapes(y_true, y_pred))
    if any(len(shape) != 2 for shape in shapes(y_true)):
        raise ValueError(
            f"y_true has shape {shapes(y_true)}, but borders are those of maps (H, W). Pass label "
            "maps, not the labels of rows."
        )
    if not isinstance(tolerance, Real) or not tolerance >= 0:
        raise ValueError(f"tolerance={tolerance!r} is no distance in pixels. Pass 0 or more.")
    single = not is_list(y_true) and np.ndim(y_true) == 2
    pairs = [(y_true, y_pred)] if single else zip(y_true, y_pred, strict=True)
    edges = [(borders(np.asarray(t)), borders(np.asarray(p))) for t, p in pairs]
    recalled = np.concatenate([_near(p, tolerance)[t] for t, p in edges])
    precise = np.concatenate([_near(t, tolerance)[p] for t, p in edges])
    if not len(recalled) and not len(precise):
        return 1.0
    precision, recall = (float(hits.mean()) if len(hits) else 0.0 for hits in (precise, recalled))
    return 2 * precision * recall / max(precision + recall, 1e-12)


def _mean_overlap(table: Table, overlap: np.ndarray, matched: bool) -> float:
    """Mean over the true labels of the overlap (n_labels, n_segments) with their own segments."""
    if matched:
        rows, columns = linear_sum_assignment(overlap, maximize=True)
    else:
        _, rows, columns = np.intersect1d(table.classes, table.segments, return_indices=True)
    return float(overlap[rows, columns].sum() / len(table.classes))


def _near(edge: np.ndarray, tolerance: float) -> np.ndarray:
    """Return True where a border pixel is at most `tolerance` pixels away.

    A disc moves over the border pixels, row by row of the disc: for the few pixels of a tolerance
    that takes a tenth of the time of a distance transform.
    """
    height, width = edge.shape
    reach = int(min(tolerance, height + width))
    # Whether a row of pixels holds a border is whether their running count grows along it.
    count = np.pad(edge, ((reach, reach), (reach + 1, reach))).cumsum(1, dtype=np.int32)
    near = np.zeros_like(edge)
    for dy in range(-reach, reach + 1):
        half = int(min(np.sqrt(max(tolerance**2 - dy**2, 0) + 1e-9), reach))
        rows = count[reach + dy :][:height]
        near |= rows[:, reach + 1 + half :][:, :width] > rows[:, reach - half :][:, :width]
    return near


def _rename(labels: Any, names: dict[int, int]) -> np.ndarray:
    values, index = names_of(np.ravel(labels))
    return np.array([names[v] for v in values.tolist()])[index].reshape(np.shape(labels))
