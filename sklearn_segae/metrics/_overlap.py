"""Scores of labels: accuracy, IoU and Dice, with or without matching segments to labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..imaging._label_maps import IgnoreLabel, ignored_labels
from ..imaging._label_values import UNLABELED, are_strings, is_unlabeled, unique_labels
from ._contingency import Table, check_labels, check_same_kind, contingency, flat, is_list, labeled


def match_labels(y_true: Any, y_pred: Any, *, ignore_label: IgnoreLabel = None) -> Any:
    """Relabel predicted segments with the true labels that they overlap most.

    Segments are assigned to labels one to one, such that the number of agreeing pixels is largest
    [1]_. If there are more segments than labels, the others get new labels above the highest; -1
    stays -1.

    Parameters
    ----------
    y_true, y_pred : array or list of arrays
        Label maps of equal shapes: integers, whole floats, booleans or strings. Pixels that are
        masked in either map, or have no true label (-1, NaN, None or ""), are left out.
    ignore_label : int, str, sequence of these, or None, default=None
        Further true labels of pixels to leave out.

    Returns
    -------
    y_matched : as `y_pred`
        The same segments with other labels.

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
    new = dict(zip(segments[columns].tolist(), classes[rows].tolist(), strict=True))
    y_pred = check_labels(y_pred, "y_pred")
    others = np.setdiff1d(unique_labels(_values(flat(y_pred)))[0], segments[columns])
    others = others[~is_unlabeled(others)]  # are noise, or pixels without data
    new |= zip(others.tolist(), _new_labels(classes, len(others), ignore_label), strict=True)
    mark = "" if are_strings(classes) else UNLABELED
    maps = y_pred if is_list(y_pred) else [y_pred]
    matched = [_relabel(m, new, mark) for m in maps]
    return matched if is_list(y_pred) else matched[0]


def pixel_accuracy(y_true: Any, y_pred: Any, *, ignore_label: IgnoreLabel = None) -> float:
    """Return the share of pixels whose predicted label equals the true one.

    Parameters
    ----------
    y_true, y_pred, ignore_label : as in :func:`match_labels`

    Returns
    -------
    accuracy : float
        In [0, 1].

    See Also
    --------
    matched_accuracy : The accuracy of clusters, whose labels are arbitrary.

    Examples
    --------
    >>> from sklearn_segae.metrics import pixel_accuracy
    >>> pixel_accuracy([0, 0, 1, -1], [0, 1, 1, 1])
    0.666...
    """
    true, pred = labeled(y_true, y_pred, ignore_label)
    check_same_kind(true, pred, "use matched_accuracy")
    return float(np.mean(true == pred))


def matched_accuracy(y_true: Any, y_pred: Any, *, ignore_label: IgnoreLabel = None) -> float:
    """Return the share of correct pixels after the best matching of segments to labels.

    Parameters
    ----------
    y_true, y_pred, ignore_label : as in :func:`match_labels`

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
    y_true: Any, y_pred: Any, *, matched: bool = True, ignore_label: IgnoreLabel = None
) -> float:
    """Return the mean intersection over union of the true labels.

    Parameters
    ----------
    y_true, y_pred, ignore_label : as in :func:`match_labels`
    matched : bool, default=True
        Whether to match segments to labels one to one first, such that the sum of the scores is
        largest, which suits clusters; a label without a segment scores 0. False compares equal
        labels, which suits classes.

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
    y_true: Any, y_pred: Any, *, matched: bool = True, ignore_label: IgnoreLabel = None
) -> float:
    """Return the mean Dice coefficient [1]_ of the true labels, which is their F1 score.

    Parameters
    ----------
    y_true, y_pred, matched, ignore_label : as in :func:`mean_iou`

    Returns
    -------
    dice : float
        In [0, 1]: twice the number of shared pixels, divided by the sum of both sizes.

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


def _mean_overlap(table: Table, overlap: np.ndarray, matched: bool) -> float:
    """Return the mean over the true labels of the overlap (n_labels, n_segments)."""
    if matched:
        rows, columns = linear_sum_assignment(overlap, maximize=True)
    else:
        check_same_kind(table.classes, table.segments, "matched=True")
        _, rows, columns = np.intersect1d(table.classes, table.segments, return_indices=True)
    return float(overlap[rows, columns].sum() / len(table.classes))


def _new_labels(classes: np.ndarray, n: int, ignore_label: IgnoreLabel) -> range:
    """Return `n` labels above the highest one."""
    if n and are_strings(classes):
        raise ValueError(
            f"y_pred has {n} more segments than y_true labels, which would get new labels above "
            "the highest one, but labels are strings. Pass "
            "numpy.unique(y_true, return_inverse=True)[1] instead of y_true."
        )
    highest = -1 if are_strings(classes) else max(classes.max(), -1, *ignored_labels(ignore_label))
    return range(int(highest) + 1, int(highest) + 1 + n)


def _values(labels: np.ndarray) -> np.ndarray:
    """Return labels without their mask, and "" in place of None, which cannot be sorted."""
    values = np.ma.getdata(labels)
    return np.where(is_unlabeled(values), "", values) if values.dtype.kind == "O" else values


def _relabel(labels: np.ndarray, new: dict[Any, Any], mark: Any) -> np.ndarray:
    """Return a map with new labels, and a mark for values without one."""
    values, index = unique_labels(_values(labels).ravel())
    found = np.array([new.get(v, mark) for v in values.tolist()])[index].reshape(labels.shape)
    masked = np.ma.isMaskedArray(labels)
    return np.ma.masked_array(found, np.ma.getmaskarray(labels)) if masked else found
