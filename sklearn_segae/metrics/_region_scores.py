"""Scores of partitions: agreement of regions, image by image, with one annotator or several.

A region is the set of all pixels of one label in one image. The value of the label does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array

from ..imaging._label_maps import IgnoreLabel, is_labeled
from ..imaging._label_values import label_array
from ._contingency import contingency, is_list, nothing_labeled, shapes, unlike_shapes


class Agreement(NamedTuple):
    """Agreement of a label map with the annotators of its image."""

    covered: float  # sum over pixels of the overlap of their regions, over all annotators
    area: float  # number of pixels, over all annotators
    rand: float  # mean over the annotators
    variation: float  # mean over the annotators, in bits


def covering(y_true: Any, y_pred: Any, *, ignore_label: IgnoreLabel = None) -> float:
    """Return the covering of the true regions by predicted ones.

    It is the mean, weighted by area, of the largest intersection over union of every true region
    with any predicted region. Regions of all annotators and images are pooled [1]_.

    Parameters
    ----------
    y_true : array like `y_pred` or (n, n_annotators, ...), or list, of int
        A label map for every image of `y_pred`, or a list of maps by several annotators.
    y_pred : array (H, W), (n, H, W) or (n, D, H, W), or list of arrays (H, W) or (D, H, W), of int
        Predicted label maps. The values of the labels do not matter.
    ignore_label : int, str, sequence of these, or None, default=None
        True labels of pixels to leave out, besides unlabeled ones (-1, NaN, None, "" or masked).

    Returns
    -------
    covering : float
        In (0, 1].

    References
    ----------
    .. [1] P. Arbelaez, M. Maire, C. Fowlkes, J. Malik, "Contour detection and hierarchical image
       segmentation", IEEE TPAMI 33, 2011, doi:10.1109/TPAMI.2010.161.

    Examples
    --------
    >>> from sklearn_segae.metrics import covering
    >>> covering([0, 0, 1, 1], [5, 5, 5, 5])
    0.5
    >>> covering([[0, 0, 1, 1], [0, 0, 0, 0]], [5, 5, 5, 5])  # two annotators
    0.75
    """
    pooled = np.array(_agreements(y_true, y_pred, ignore_label))
    covered, area = pooled[:, :2].sum(0)
    return float(covered / area)


def probabilistic_rand_index(
    y_true: Any, y_pred: Any, *, ignore_label: IgnoreLabel = None
) -> float:
    """Return the share of pairs of pixels on which prediction and annotators agree.

    They agree on a pair if both put it into one region, or both into different regions [1]_. This
    Rand index is averaged over the annotators of an image, and then over images. Two maps of many
    regions agree on most pairs by chance: consider :func:`covering` as well.

    Parameters
    ----------
    y_true, y_pred, ignore_label : as in :func:`covering`

    Returns
    -------
    pri : float
        In [0, 1].

    References
    ----------
    .. [1] R. Unnikrishnan, C. Pantofaru, M. Hebert, "Toward objective evaluation of image
       segmentation algorithms", IEEE TPAMI 29, 2007, doi:10.1109/TPAMI.2007.1046.

    Examples
    --------
    >>> from sklearn_segae.metrics import probabilistic_rand_index
    >>> probabilistic_rand_index([0, 0, 1, 1], [7, 7, 3, 3])
    1.0
    >>> probabilistic_rand_index([0, 0, 0, 1], [7, 7, 7, 7])
    0.5
    """
    return float(np.mean([a.rand for a in _agreements(y_true, y_pred, ignore_label)]))


def variation_of_information(
    y_true: Any, y_pred: Any, *, ignore_label: IgnoreLabel = None
) -> float:
    """Return the variation of information between true and predicted label maps, in bits.

    It is H(true | pred) + H(pred | true), a distance between partitions [1]_, 0 for equal ones, and
    is averaged over the annotators of an image, and then over images. Lower is better. A single
    segment scores well if there are few true regions: consider :func:`covering` as well.

    Parameters
    ----------
    y_true, y_pred, ignore_label : as in :func:`covering`

    Returns
    -------
    vi : float
        In bits, from 0 to log2 of the number of pixels.

    References
    ----------
    .. [1] M. Meila, "Comparing clusterings: an information based distance", Journal of
       Multivariate Analysis 98, 2007, doi:10.1016/j.jmva.2006.11.013.

    Examples
    --------
    >>> from sklearn_segae.metrics import variation_of_information
    >>> variation_of_information([0, 0, 1, 1], [3, 3, 3, 3])
    1.0
    >>> variation_of_information([0, 0, 1, 1], [3, 4, 3, 4])
    2.0
    """
    return float(np.mean([a.variation for a in _agreements(y_true, y_pred, ignore_label)]))


def agreement(truths: list[Any], labels: Any, ignore_label: IgnoreLabel) -> Agreement:
    """Compare a label map with those of the annotators of its image."""
    tables = [contingency(truth, labels, ignore_label).counts for truth in truths]
    return Agreement(
        covered=sum(map(_covered, tables)),
        area=float(sum(counts.sum() for counts in tables)),
        rand=float(np.mean([_rand(counts) for counts in tables])),
        variation=float(np.mean([_variation(counts) for counts in tables])),
    )


def annotated_maps(truth: Any, labels: Any, ignore_label: IgnoreLabel) -> list[np.ndarray]:
    """Return the maps of the annotators of one image that have a labeled pixel."""
    if len(truth) == 0:
        raise ValueError("y_true holds no label map for an image. Pass at least one for each.")
    several = np.ndim(truth[0]) == np.ndim(labels)
    maps = [label_array(m, "y_true") for m in (truth if several else [truth])]
    for m in maps:
        if m.shape != np.shape(labels):
            raise ValueError(unlike_shapes(m, labels))
    if np.ma.is_masked(labels):
        hidden = np.ma.getmaskarray(labels)
        maps = [np.ma.masked_array(m, np.ma.getmaskarray(m) | hidden) for m in maps]
    return [m for m in maps if is_labeled(m, ignore_label).any()]


def _agreements(y_true: Any, y_pred: Any, ignore_label: IgnoreLabel) -> list[Agreement]:
    """Compare the maps of all images that have a labeled pixel."""
    scores = [agreement(t, p, ignore_label) for t, p in _images(y_true, y_pred, ignore_label) if t]
    if not scores:
        raise ValueError(nothing_labeled(sum(map(np.prod, shapes(y_pred))), ignore_label))
    return scores


def _images(y_true: Any, y_pred: Any, ignore_label: IgnoreLabel) -> Iterator[tuple[list, Any]]:
    """Yield the annotators' maps and the predicted map of every image."""
    if not is_list(y_pred) and np.ndim(y_pred) < 3:
        y_true, y_pred = [y_true], [y_pred]
    if len(y_true) != len(y_pred):
        raise ValueError(
            f"y_true is of {len(y_true)} images and y_pred of {len(y_pred)}. "
            "Pass for every image one true label map, or a list of those of its annotators."
        )
    for truth, labels in zip(y_true, y_pred, strict=True):
        yield annotated_maps(truth, labels, ignore_label), label_array(labels, "y_pred")


def _covered(counts: csr_array) -> float:
    """Return the sum over true regions of area times largest intersection over union."""
    areas, shared = counts.sum(1), counts.tocoo()
    i, j = shared.coords
    shared.data = shared.data / (areas[i] + counts.sum(0)[j] - shared.data)
    return float(shared.tocsr().max(axis=1).toarray().ravel() @ areas)


def _rand(counts: csr_array) -> float:
    """Return the share of pairs of pixels that agree, from sums of squares of areas."""
    n = counts.sum()
    unlike = ((counts.sum(1) ** 2).sum() + (counts.sum(0) ** 2).sum()) / 2 - (counts.data**2).sum()
    return float(1 - unlike / (n * (n - 1) / 2)) if n > 1 else 1.0


def _variation(counts: csr_array) -> float:
    """Return 2 H(true, pred) - H(true) - H(pred) in bits, with n H = n log n - sum c log c."""
    true, pred, both = (c @ np.log2(c) for c in (counts.sum(1), counts.sum(0), counts.data))
    # Because of rounding, the distance of a map to itself may be slightly negative.
    return max(0.0, float(true + pred - 2 * both) / float(counts.sum()))
