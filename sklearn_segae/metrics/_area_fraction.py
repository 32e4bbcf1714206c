"""Fractions of the area that classes cover, with confidence intervals."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import HasMethods, Interval, validate_params

from ..imaging._containers import unpack
from ..imaging._label_maps import IgnoreLabel
from ._area_estimates import estimate_fractions
from ._area_sample import Predictions, check_sample, known_classes, predict_sample
from ._cross_fitting import cross_fit

RARE = 0.001  # share of the pixels below which a predicted class needs no labels


@dataclass(frozen=True, eq=False)
class AreaFractions:
    """Result of `area_fraction`; its string is a table.

    Multiplied by `n_pixels` and the area of a pixel, fractions are areas.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The classes; the other arrays have the same order.
    fraction : ndarray of shape (n_classes,)
        Estimated share of the pixels; sums to 1.
    low, high : ndarray of shape (n_classes,)
        Bounds of the confidence interval, in [0, 1].
    mapped : ndarray of shape (n_classes,)
        Share of the pixels in the label maps of the segmenter, without a correction.
    n_labels : ndarray of shape (n_classes,)
        Number of labeled pixels.
    n_pixels : int
        Number of pixels that the fractions refer to.
    confidence : float
        Confidence level of the intervals.
    """

    classes: np.ndarray
    fraction: np.ndarray
    low: np.ndarray
    high: np.ndarray
    mapped: np.ndarray
    n_labels: np.ndarray
    n_pixels: int
    confidence: float

    @property
    def bias(self) -> np.ndarray:
        """Error of counting the pixels of the label maps, `mapped - fraction`."""
        return self.mapped - self.fraction

    def to_dict(self) -> dict[str, list]:
        """Return a list for each column of the table, as for `pandas.DataFrame`."""
        names = ("classes", "fraction", "low", "high", "mapped", "bias", "n_labels")
        return {name: getattr(self, name).tolist() for name in names}

    def __str__(self) -> str:
        interval = f"{100 * self.confidence:g} % interval"
        lines = [f"{'class':>5}  {'fraction':>8}  {interval:^16}  {'mapped':>6}  {'labels':>6}"]
        for i, name in enumerate(self.classes):
            bounds = f"{self.low[i]:.4f} - {self.high[i]:.4f}"
            lines.append(
                f"{name!s:>5}  {self.fraction[i]:8.4f}  {bounds:^16}  {self.mapped[i]:6.4f}  "
                f"{self.n_labels[i]:6d}"
            )
        return "\n".join(lines)


@validate_params(
    {
        "cv": [Interval(Integral, 2, None, closed="left"), HasMethods(["split"]), None],
        "stratified": ["boolean"],
        "confidence": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def area_fraction(
    segmenter: Any,
    X: Any,
    y: Any,
    *,
    cv: Any = None,
    stratified: bool = False,
    blocks: Any = None,
    mask: Any = None,
    ignore_label: IgnoreLabel = None,
    confidence: float = 0.95,
    random_state: Any = 0,
) -> AreaFractions:
    """Estimate the fraction of the area that each class covers, with confidence intervals.

    Counting the pixels of label maps is biased by the errors of the segmenter. Here, the fraction
    is estimated from labeled pixels. The predictions for all pixels only reduce its variance, so
    that intervals are valid whatever the errors of the segmenter [1]_ [2]_.

    Parameters
    ----------
    segmenter : AESegmenter or another classifier of pixels
        Has `classes_`, `predict` and preferably `predict_proba`. Fitted to other pixels than those
        labeled in `y`, or to any pixels with `cv`.
    X : array (n, H, W) or (n, H, W, C), list of arrays (H, W) or (H, W, C), or array \
(n_samples, n_features)
        The images whose area is of interest, or rows. Images are predicted one at a time. Volumes
        (n, D, H, W) or (n, D, H, W, C), or a list of these, if the label maps have three axes;
        fractions are of the volume then.
    y : label maps of the same sizes, or array (n_samples,) for rows
        Labels of some of the pixels; -1, NaN, None, "" or masked elsewhere. These pixels are a
        random sample of all pixels; see Notes.
    cv : int, splitter or None, default=None
        Needed if the segmenter was fitted to the labels in `y`, since its errors are smaller there.
        Clones are then fitted to all but one of the folds of the labeled pixels, and predict this
        fold and all images [3]_. Blocks are not divided. A splitter gets the positions of the
        labeled pixels (n, 3), that is image, row and column, of voxels (n, 4), or the indices of
        rows (n, 1), their labels, and as groups their blocks, if there are any. None uses the
        segmenter as it is.
    stratified : bool, default=False
        False: every pixel was labeled with the same probability. True: the probability depends on
        the predicted class, as if the same number of pixels of each was labeled [4]_; at least two
        are needed of each.
    blocks : int, maps or array like `y`, or None, default=None
        Which labels are correlated. None: the labeled pixels were drawn one by one. An int, if
        patches were labeled: the side of square or cubic blocks in pixels. All labels in a block
        are counted as one cluster, as are those of a connected patch, which is in the block of its
        center. With 1, each patch is a cluster. Maps hold the index of the cluster of each pixel.
    mask : boolean maps or array like `y`, or None, default=None
        True for the pixels that belong to the area. None: all pixels.
    ignore_label : int, str, sequence of these, or None, default=None
        Labels in `y` that mean "unlabeled", too.
    confidence : float, default=0.95
        Confidence level of the intervals, in (0, 1).
    random_state : int, RandomState instance or None, default=0
        Determines the folds if `cv` is an int.

    Returns
    -------
    areas : AreaFractions
        Arrays `fraction`, `low`, `high` and others; `print` shows a table.

    Raises
    ------
    ValueError
        If `y` has classes that the segmenter does not know, labels in fewer than two blocks, or if
        `stratified` and a predicted class has fewer than two.

    Notes
    -----
    For each class, labels (0 or 1) are regressed on the predicted probability and its square. The
    intercept is the fraction if the means of the covariates over all pixels are subtracted; the
    slopes are those of power tuning [2]_, and a poor map has slopes near 0. With `stratified`,
    predicted classes are covariates, too [4]_. The square is left out with fewer than 100 blocks.
    The variance is that of the jackknife over blocks. Intervals are those of Jeffreys for as many
    independent labels as have this variance [5]_, with a higher bound if none of the labels has the
    class [6]_.

    Labels that were placed by hand are no random sample. With `stratified`, the result is then
    right if the labeled pixels of each predicted class are like the unlabeled ones of that class.
    Strokes inside of objects are not: they avoid borders, where most errors are.

    References
    ----------
    .. [1] A. Angelopoulos et al., "Prediction-powered inference", Science 382, 2023,
       doi:10.1126/science.adi6000.
    .. [2] A. Angelopoulos, J. Duchi, T. Zrnic, "PPI++: efficient prediction-powered inference",
       2023, arXiv:2311.01453.
    .. [3] T. Zrnic, E. Candes, "Cross-prediction-powered inference", 2023, arXiv:2309.16598.
    .. [4] P. Olofsson et al., "Good practices for estimating area and assessing accuracy of land
       change", Remote Sensing of Environment 148, 2014, doi:10.1016/j.rse.2014.02.015.
    .. [5] E. Korn, B. Graubard, "Confidence intervals for proportions with small expected number of
       positive counts estimated from survey data", Survey Methodology 24, 1998.
    .. [6] L. Brown, T. Cai, A. DasGupta, "Interval estimation for a binomial proportion",
       Statistical Science 16, 2001, doi:10.1214/ss/1009213286.

    Examples
    --------
    Two classes have a common range of values, and one pixel in 50 is labeled.

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_segae.metrics import area_fraction
    >>> rng = np.random.default_rng(0)
    >>> truth = (rng.random(20_000) < 0.2).astype(int)
    >>> X = rng.normal(2 * truth)[:, None]
    >>> balanced = LogisticRegression(class_weight="balanced").fit(X[:1000], truth[:1000])
    >>> y = np.where(rng.random(20_000) < 0.02, truth, -1)
    >>> print(area_fraction(balanced, X, y))
    class  fraction   95 % interval    mapped  labels
        0    0.8139  0.7817 - 0.8426   0.7104     296
        1    0.1861  0.1576 - 0.2182   0.2896      72
    >>> float(truth.mean())
    0.198
    """
    X, _ = unpack(X)
    sample = check_sample(X, y, blocks, mask, ignore_label)
    if cv is not None:
        predictions = cross_fit(segmenter, X, sample, cv, random_state)
    else:
        classes = known_classes(segmenter, sample.labels)
        predictions = predict_sample(segmenter, X, sample, classes)
    labels = sample.labels[:, None] == predictions.classes
    estimates = estimate_fractions(
        labels.astype(float),
        predictions.covariates,
        _strata(predictions, stratified),
        sample.blocks,
        len(labels) / sample.n_pixels,
        confidence,
    )
    return AreaFractions(
        predictions.classes,
        *estimates,
        mapped=predictions.mapped,
        n_labels=labels.sum(0),
        n_pixels=sample.n_pixels,
        confidence=confidence,
    )


def _strata(predictions: Predictions, stratified: bool) -> np.ndarray:
    """Return the centered indicators of predicted classes but one, or no covariates."""
    counts, mapped = predictions.predicted.sum(0), predictions.mapped
    # The most frequent class is where all others are 0, together with any that are as good as
    # absent.
    chosen = (mapped >= RARE) & (np.arange(len(mapped)) != mapped.argmax()) & stratified
    few = np.flatnonzero((mapped >= RARE) & (counts < 2) & stratified)
    if len(few):
        k = few[0]
        raise ValueError(
            f"stratified=True needs 2 labels where class {predictions.classes[k]} is predicted, "
            f"{100 * mapped[k]:.2g} % of the pixels, but y has {counts[k]:.0f}. Label some there, "
            "or pass stratified=False if all pixels had the same probability to be labeled."
        )
    return (predictions.predicted - predictions.means)[:, chosen]
