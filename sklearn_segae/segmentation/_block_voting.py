"""BlockVotingClassifier: one classifier for each block of features."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context, clone
from sklearn.utils._param_validation import HasMethods
from sklearn.utils.validation import check_is_fitted, validate_data


class BlockVotingClassifier(ClassifierMixin, BaseEstimator):
    """Average the probabilities of classifiers, each fitted to a block of the features.

    A forest of few labels that sees everything at once mostly splits on the block with the most
    features, which need not be the one that generalizes to other images.

    Parameters
    ----------
    estimator : classifier
        With `predict_proba`; a clone is fitted to each block.
    block_sizes : sequence of int, default=None
        Numbers of features of the blocks, in order. None is a single block; an `AESegmenter` sets
        the blocks of its encoder.

    Attributes
    ----------
    estimators_ : list of classifiers
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    """

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "block_sizes": ["array-like", None],
    }

    def __init__(self, estimator: Any, block_sizes: Sequence[int] | None = None) -> None:
        self.estimator = estimator
        self.block_sizes = block_sizes

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit a classifier to each block of the features (n, F), with labels (n,)."""
        X, y = validate_data(self, X, y)
        sizes = [X.shape[1]] if self.block_sizes is None else list(self.block_sizes)
        if sum(sizes) != X.shape[1]:
            raise ValueError(
                f"block_sizes={sizes} sum to {sum(sizes)}, but X has {X.shape[1]} features. Pass "
                "the size of every block, or None."
            )
        self.sizes_ = sizes
        weights = {} if sample_weight is None else {"sample_weight": sample_weight}
        self.estimators_ = [
            clone(self.estimator).fit(block, y, **weights) for block in self._blocks(X)
        ]
        self.classes_ = self.estimators_[0].classes_
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the mean probabilities (n, n_classes) of all blocks."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        pairs = zip(self.estimators_, self._blocks(X), strict=True)
        return np.mean([estimator.predict_proba(block) for estimator, block in pairs], axis=0)

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable classes (n,)."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(1)]

    def _blocks(self, X: np.ndarray) -> Iterator[np.ndarray]:
        return iter(np.split(X, np.cumsum(self.sizes_)[:-1], axis=1))


def with_blocks(estimator: Any, encoder: Any) -> Any:
    """Return an unfitted estimator with the blocks of a fitted encoder, if it votes over blocks."""
    if isinstance(estimator, BlockVotingClassifier) and estimator.block_sizes is None:
        estimator.set_params(block_sizes=encoder.block_sizes)
    return estimator
