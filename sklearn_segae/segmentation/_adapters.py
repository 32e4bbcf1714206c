"""Estimators with one face: what labels codes, whatever scikit-learn's estimator itself has.

A new kind of estimator is one class here and one row of `ADAPTERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from scipy.special import softmax
from sklearn.base import is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import has_fit_parameter

from ._clustering import choose_optimum, mean_variance, with_segments
from ._gaussian_mixture import ShrunkMixture
from ._grid_sample import GridSample

N_QUADRATIC = 2_000  # pixels for estimators whose cost is quadratic


def unfrozen(estimator: Any) -> Any:
    """Return what is inside a `FrozenEstimator`; anything else as it is."""
    return estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator


def _inner_has(name: str) -> Callable[[Any], bool]:
    return lambda adapter: hasattr(adapter.estimator, name)


class Adapter:
    """One face for every estimator.

    `predict` and, once it is fitted, `classes_` are always there; `predict_proba` wherever there is
    anything to make probabilities of.

    Parameters
    ----------
    estimator : estimator
        To be fitted to codes (n, F), in place; a `FrozenEstimator` stays as it is.

    Attributes
    ----------
    estimator : estimator
        The user's own.
    classes_ : ndarray of shape (n_classes,)
        Labels that it may give, sorted.
    n_most : int or None
        Rows that it can be fitted to at most.
    uses_unlabeled : bool
        Whether it learns from rows without a label, too.
    used : ndarray of shape (F,) or None
        True for the features that it looks at; None: all.
    """

    n_most: int | None = None
    uses_unlabeled = False
    used: np.ndarray | None = None

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """(n, F) -> (n,); integers are int32."""
        return as_labels(self.estimator.predict(codes))

    @available_if(_inner_has("predict_proba"))
    def predict_proba(self, codes: np.ndarray) -> np.ndarray:
        """(n, F) -> (n, n_classes)."""
        return self.estimator.predict_proba(codes)

    @available_if(_inner_has("decision_function"))
    def decision_function(self, codes: np.ndarray) -> np.ndarray:
        """(n, F) -> (n,) or (n, n_classes)."""
        return self.estimator.decision_function(codes)

    @available_if(_inner_has("score"))
    def score(self, codes: np.ndarray) -> float:
        """Return the estimator's own score of rows (n, F)."""
        return float(self.estimator.score(codes))


class Classifier(Adapter):
    """A classifier."""

    @staticmethod
    def handles(estimator: Any) -> bool:
        """Tell whether this is the face for an estimator."""
        return is_classifier(estimator)

    @property
    def classes_(self) -> np.ndarray:
        """Labels that it may give, sorted."""
        return self.estimator.classes_

    def fit(self, codes: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> Self:
        """Fit to labels (n,), with weights (n,) if there are any."""
        fit_weighted(self.estimator, codes, y, weight)
        self.estimator = unfrozen(self.estimator)
        return self


class SelfTraining(Classifier):
    """A classifier that labels further rows for itself."""

    uses_unlabeled = True

    @staticmethod
    def handles(estimator: Any) -> bool:
        """Tell whether this is the face for an estimator."""
        return isinstance(estimator, SelfTrainingClassifier)


class BlockwiseGraph(Classifier):
    """Label propagation: it compares rows with all rows of the fit, so that it gets few at once."""

    n_most = N_QUADRATIC
    uses_unlabeled = True

    @staticmethod
    def handles(estimator: Any) -> bool:
        """Tell whether this is the face for an estimator."""
        return isinstance(estimator, LabelPropagation | LabelSpreading)

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """(n, F) -> (n,); integers are int32."""
        return as_labels(_in_blocks(self.estimator.predict, codes))

    def predict_proba(self, codes: np.ndarray) -> np.ndarray:
        """(n, F) -> (n, n_classes)."""
        return _in_blocks(self.estimator.predict_proba, codes)


class Clusterer(Adapter):
    """A clusterer or mixture that labels new rows."""

    classes_: np.ndarray

    @staticmethod
    def handles(estimator: Any) -> bool:
        """Tell whether this is the face for an estimator."""
        return hasattr(estimator, "predict")

    def fit(
        self,
        codes: np.ndarray,
        n_segments: int,
        rng: np.random.Generator,
        sample: GridSample | None = None,
    ) -> Self:
        """Fit to rows (n, F), with `n_segments` clusters where their number was left open.

        Only `MultiStartKMeans` has use for `rng` and for `sample`, which has narrow codes as well.
        """
        estimator = with_segments(self.estimator, n_segments).fit(codes)
        self.estimator = unfrozen(estimator)
        return self.describe(codes)

    def describe(self, codes: np.ndarray) -> Self:
        """Learn what a fitted estimator does not say of itself."""
        if hasattr(self, "predict_proba"):
            self.classes_ = np.arange(self.predict_proba(codes[:1]).shape[1])
        else:
            self.classes_ = np.unique(self.predict(codes))
        return self


class SparseMixture(Clusterer):
    """A mixture that looks at some of the features only."""

    @staticmethod
    def handles(estimator: Any) -> bool:
        """Tell whether this is the face for an estimator."""
        return isinstance(estimator, ShrunkMixture)

    @property
    def used(self) -> np.ndarray:  # type: ignore[override]
        """True for the features that it looks at."""
        return self.estimator.used_


class SoftKMeans(Clusterer):
    """k-means, or whatever has distances to its centers, with probabilities.

    Those of the mixture that k-means is the limit of: equal weights and one variance, `variance`,
    per dimension.
    """

    variance: float

    @staticmethod
    def handles(estimator: Any) -> bool:
        """Tell whether this is the face for an estimator."""
        methods = ("predict", "transform")
        return all(hasattr(estimator, name) for name in methods) and not hasattr(
            estimator, "predict_proba"
        )

    def predict_proba(self, codes: np.ndarray) -> np.ndarray:
        """(n, F) -> (n, n_clusters)."""
        return softmax(-0.5 * self.estimator.transform(codes) ** 2 / self.variance, axis=1)

    def describe(self, codes: np.ndarray) -> Self:
        """Learn what a fitted estimator does not say of itself."""
        self.variance = mean_variance(self.estimator, codes)
        return super().describe(codes)


class MultiStartKMeans:
    """k-means from many starts; `fit` returns the optimum with the shortest description length."""

    n_most: int | None = None

    def fit(
        self, codes: np.ndarray, n_segments: int, rng: np.random.Generator, sample: Any
    ) -> SoftKMeans:
        """Fit to as many places of a `GridSample` as there are rows."""
        optimum = choose_optimum(sample, n_segments, len(codes), int(rng.integers(2**31)))
        return SoftKMeans(optimum).describe(codes)


class InductiveClusterer(Clusterer):
    """A clusterer that labels only what it is fitted to: other rows join their nearest neighbor."""

    n_most = N_QUADRATIC
    neighbor: KNeighborsClassifier

    @staticmethod
    def handles(estimator: Any) -> bool:
        """Tell whether this is the face for an estimator."""
        return hasattr(estimator, "fit_predict")

    def fit(
        self,
        codes: np.ndarray,
        n_segments: int,
        rng: np.random.Generator,
        sample: GridSample | None = None,
    ) -> Self:
        """Fit to rows (n, F), and remember them."""
        self.estimator = with_segments(self.estimator, n_segments)
        labels = self.estimator.fit_predict(codes)
        self.neighbor = KNeighborsClassifier(1).fit(codes, labels)
        self.classes_ = self.neighbor.classes_
        return self

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """(n, F) -> (n,), int32."""
        return as_labels(self.neighbor.predict(codes))


# The first that handles an estimator is its face.
ADAPTERS: tuple[Any, ...] = (
    BlockwiseGraph,
    SelfTraining,
    Classifier,
    SparseMixture,
    SoftKMeans,
    Clusterer,
    InductiveClusterer,
)


def adapt(estimator: Any) -> Any:
    """Return the face of an estimator, fitted or not."""
    inner = unfrozen(estimator)
    return next((kind for kind in ADAPTERS if kind.handles(inner)), Adapter)(estimator)


def as_labels(labels: np.ndarray) -> np.ndarray:
    """Return integers as int32, names as they are."""
    return labels.astype(np.int32) if labels.dtype.kind in "biu" else labels


def fit_weighted(
    classifier: Any, codes: np.ndarray, y: np.ndarray, weight: np.ndarray | None
) -> None:
    """Fit a classifier, with weights if there are any; refuse them where it has no use for them."""
    if weight is None:
        classifier.fit(codes, y)
        return
    if not has_fit_parameter(classifier, "sample_weight"):
        raise ValueError(
            f"sample_weight was given, but estimator={classifier!r} takes none in fit. Leave it "
            "out, or choose an estimator that does, RandomForestClassifier for instance."
        )
    try:
        classifier.fit(codes, y, sample_weight=weight)
    except ValueError as error:
        if len(np.unique(y)) > 1:
            raise
        raise ValueError(
            f"estimator={classifier!r} needs at least two classes, but sample_weight leaves class "
            f"{y[0]} alone. Give pixels of others a weight above 0."
        ) from error


def _in_blocks(function: Callable[[np.ndarray], np.ndarray], codes: np.ndarray) -> np.ndarray:
    starts = range(0, len(codes), N_QUADRATIC)
    return np.concatenate([function(codes[i : i + N_QUADRATIC]) for i in starts])
