"""Adapters: a common interface for estimators that label codes.

To support a new kind of estimator, add a class and a row of `ADAPTERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from scipy.special import softmax
from sklearn.base import is_classifier
from sklearn.cluster import Birch
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import has_fit_parameter

from ..imaging._label_values import unique_labels
from ._clustering import choose_optimum, mean_variance, with_segments
from ._gaussian_mixture import ShrunkMixture, in_use
from ._grid_sample import GridSample

N_QUADRATIC = 2_000  # maximum number of pixels for estimators with quadratic cost


def unfrozen(estimator: Any) -> Any:
    """Return the estimator inside a `FrozenEstimator`; return others unchanged."""
    return estimator.estimator if isinstance(estimator, FrozenEstimator) else estimator


def _inner_has(name: str) -> Callable[[Any], bool]:
    return lambda adapter: hasattr(adapter.estimator, name)


class Adapter:
    """Wrap an estimator in a common interface.

    `estimator` is fitted to codes (n, F) in place, unless it is a `FrozenEstimator`. `predict` and,
    after the fit, `classes_` always exist; `predict_proba` if probabilities can be computed.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Possible labels, sorted.
    n_most : int or None
        Maximum number of rows in `fit`.
    uses_unlabeled : bool
        Whether unlabeled rows are used in `fit`.
    used : ndarray of shape (F,) or None
        Mask of the features in use; None for all.
    """

    n_most: int | None = None
    uses_unlabeled = False
    used: np.ndarray | None = None

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """Return labels (n,) of codes (n, F); integers as int32."""
        return as_labels(self.estimator.predict(codes))

    @available_if(_inner_has("predict_proba"))
    def predict_proba(self, codes: np.ndarray) -> np.ndarray:
        """Return probabilities (n, n_classes) of codes (n, F)."""
        return self.estimator.predict_proba(codes)

    @available_if(_inner_has("decision_function"))
    def decision_function(self, codes: np.ndarray) -> np.ndarray:
        """Return scores (n,) or (n, n_classes) of codes (n, F)."""
        return self.estimator.decision_function(codes)

    @available_if(_inner_has("score"))
    def score(self, codes: np.ndarray) -> float:
        """Return the score of codes (n, F)."""
        return float(self.estimator.score(codes))


class Classifier(Adapter):
    """Adapter of classifiers."""

    @staticmethod
    def handles(estimator: Any) -> bool:
        """Return whether this class adapts an estimator."""
        return is_classifier(estimator)

    @property
    def classes_(self) -> np.ndarray:
        """Possible labels, sorted."""
        return self.estimator.classes_

    def fit(self, codes: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> Self:
        """Fit to codes (n, F) with labels (n,) and optional weights (n,)."""
        fit_weighted(self.estimator, codes, y, weight)
        self.estimator = unfrozen(self.estimator)
        return self

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """Return labels (n,) of codes (n, F), of the type of the fitted ones."""
        return np.asarray(self.estimator.predict(codes)).astype(self.classes_.dtype, copy=False)


class SemiSupervised(Classifier):
    """Adapter of classifiers that also use unlabeled rows, whose label is -1.

    Labels of types without -1, such as strings, are encoded: `names` are the labels.
    """

    uses_unlabeled = True
    names: np.ndarray | None

    @property
    def classes_(self) -> np.ndarray:
        """Possible labels, sorted."""
        classes = self.estimator.classes_
        return classes if self.names is None else self.names[classes]

    def fit(self, codes: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None) -> Self:
        """Fit to codes (n, F), the first of which have labels; the others are unlabeled."""
        plain = y.dtype.kind == "i" or isinstance(self.estimator, FrozenEstimator)
        self.names, y = (None, y) if plain else unique_labels(y)
        unlabeled = np.full(len(codes) - len(y), -1)
        return super().fit(codes, np.concatenate([y, unlabeled.astype(y.dtype)]), weight)

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """Return labels (n,) of codes (n, F), of the type of the fitted ones."""
        labels = self.predict_encoded(codes)
        return labels if self.names is None else self.names[labels]

    def predict_encoded(self, codes: np.ndarray) -> np.ndarray:
        """Return labels (n,) of codes (n, F) as the estimator has them."""
        return self.estimator.predict(codes)


class SelfTraining(SemiSupervised):
    """Adapter of self-training classifiers."""

    @staticmethod
    def handles(estimator: Any) -> bool:
        """Return whether this class adapts an estimator."""
        return isinstance(estimator, SelfTrainingClassifier)


class BlockwiseGraph(SemiSupervised):
    """Adapter of label propagation; predicts in blocks, since every row meets all fitted rows."""

    n_most = N_QUADRATIC

    @staticmethod
    def handles(estimator: Any) -> bool:
        """Return whether this class adapts an estimator."""
        return isinstance(estimator, LabelPropagation | LabelSpreading)

    def predict_encoded(self, codes: np.ndarray) -> np.ndarray:
        """Return labels (n,) of codes (n, F) as the estimator has them."""
        return _in_blocks(self.estimator.predict, codes)

    def predict_proba(self, codes: np.ndarray) -> np.ndarray:
        """Return probabilities (n, n_classes) of codes (n, F)."""
        return _in_blocks(self.estimator.predict_proba, codes)


class Clusterer(Adapter):
    """Adapter of clusterers and mixtures with `predict`."""

    classes_: np.ndarray

    @staticmethod
    def handles(estimator: Any) -> bool:
        """Return whether this class adapts an estimator."""
        return hasattr(estimator, "predict")

    def fit(
        self,
        codes: np.ndarray,
        n_segments: int,
        rng: np.random.Generator,
        sample: GridSample | None = None,
    ) -> Self:
        """Fit to codes (n, F); `n_segments` replaces a default number of clusters.

        Only `MultiStartKMeans` uses `rng` and `sample`.
        """
        if not isinstance(self.estimator, FrozenEstimator):  # its `fit` needs labels
            codes = self.visible(codes)
            self.estimator = with_segments(self.estimator, n_segments).fit(codes)
        self.estimator = unfrozen(self.estimator)
        return self.describe(codes)

    def visible(self, codes: np.ndarray) -> np.ndarray:
        """Return the codes (n, F) to fit to."""
        return codes

    def describe(self, codes: np.ndarray) -> Self:
        """Set attributes that the fitted estimator lacks."""
        if hasattr(self, "predict_proba"):
            self.classes_ = np.arange(self.predict_proba(codes[:1]).shape[1])
        else:
            found = self.predict(codes)
            # A frozen clusterer may have labels that none of these codes gets.
            fitted = getattr(self.estimator, "labels_", found)
            self.classes_ = as_labels(np.union1d(fitted, found))
        return self


class SparseMixture(Clusterer):
    """Adapter of mixtures that use a subset of the features."""

    @staticmethod
    def handles(estimator: Any) -> bool:
        """Return whether this class adapts an estimator."""
        return isinstance(estimator, ShrunkMixture)

    @property
    def used(self) -> np.ndarray:  # type: ignore[override]
        """Mask of the features in use."""
        return self.estimator.used_


class SoftKMeans(Clusterer):
    """Adapter of k-means, and others with distances to centers, that adds `predict_proba`.

    Probabilities are those of a Gaussian mixture with equal weights and the same `variance` in
    all dimensions, of which k-means is the limit.
    """

    variance: float

    def __init__(self, estimator: Any) -> None:
        super().__init__(estimator)
        self.used: np.ndarray | None = None

    @staticmethod
    def handles(estimator: Any) -> bool:
        """Return whether this class adapts an estimator."""
        has_distances = hasattr(estimator, "predict") and hasattr(estimator, "transform")
        # Birch's are to subclusters, of which a label has many.
        own = hasattr(estimator, "predict_proba") or isinstance(estimator, Birch)
        return has_distances and not own

    def visible(self, codes: np.ndarray) -> np.ndarray:
        """Return codes with 0 for faint features, which are then not computed in `predict`."""
        used = in_use(codes)
        self.used = None if used.all() else used
        return np.where(used, codes, codes.dtype.type(0))

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """Return labels (n,) of codes (n, F); integers as int32."""
        return super().predict(self._typed(codes))

    @available_if(_inner_has("score"))
    def score(self, codes: np.ndarray) -> float:
        """Return the score of codes (n, F)."""
        return super().score(self._typed(codes))

    def _typed(self, codes: np.ndarray) -> np.ndarray:
        """Return codes in the type of the centers: k-means of scikit-learn fails with others."""
        centers = getattr(self.estimator, "cluster_centers_", codes)
        return codes.astype(centers.dtype, copy=False)

    def predict_proba(self, codes: np.ndarray) -> np.ndarray:
        """Return probabilities (n, n_clusters) of codes (n, F)."""
        distances = np.asarray(self.estimator.transform(codes))  # may be a frame, see `set_output`
        return softmax(-0.5 * distances**2 / self.variance, axis=1)

    def describe(self, codes: np.ndarray) -> Self:
        """Set attributes that the fitted estimator lacks."""
        self.variance = mean_variance(self.estimator, codes)
        return super().describe(codes)


class MultiStartKMeans:
    """k-means with many initializations; `fit` selects by shortest description length."""

    n_most: int | None = None

    def fit(
        self, codes: np.ndarray, n_segments: int, rng: np.random.Generator, sample: Any
    ) -> SoftKMeans:
        """Fit to `len(codes)` random points of a `GridSample`."""
        optimum = choose_optimum(sample, n_segments, len(codes), int(rng.integers(2**31)))
        return SoftKMeans(optimum).describe(codes)


class InductiveClusterer(Clusterer):
    """Adapter of clusterers without `predict`; new rows get the label of the nearest fitted row."""

    n_most = N_QUADRATIC
    neighbor: KNeighborsClassifier

    @staticmethod
    def handles(estimator: Any) -> bool:
        """Return whether this class adapts an estimator."""
        return hasattr(estimator, "fit_predict")

    def fit(
        self,
        codes: np.ndarray,
        n_segments: int,
        rng: np.random.Generator,
        sample: GridSample | None = None,
    ) -> Self:
        """Fit to codes (n, F) and store them."""
        self.estimator = with_segments(self.estimator, n_segments)
        labels = self.estimator.fit_predict(codes)
        self.neighbor = KNeighborsClassifier(1).fit(codes, labels)
        self.classes_ = self.neighbor.classes_
        return self

    def predict(self, codes: np.ndarray) -> np.ndarray:
        """Return labels (n,) of codes (n, F), int32."""
        return as_labels(self.neighbor.predict(codes))


# The first that handles an estimator is used.
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
    """Return the adapter of an estimator, fitted or not."""
    inner = unfrozen(estimator)
    return next((kind for kind in ADAPTERS if kind.handles(inner)), Adapter)(estimator)


def as_labels(labels: np.ndarray) -> np.ndarray:
    """Convert integer labels to int32; return others unchanged."""
    return labels.astype(np.int32) if labels.dtype.kind in "biu" else labels


def fit_weighted(
    classifier: Any, codes: np.ndarray, y: np.ndarray, weight: np.ndarray | None
) -> None:
    """Fit a classifier; raise an error for weights if it does not support them."""
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
