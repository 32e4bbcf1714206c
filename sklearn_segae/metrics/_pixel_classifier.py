"""Scores of label maps by the scorers of scikit-learn, which want the labels of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.metaestimators import available_if

from ..imaging._containers import to_maps
from ._contingency import check_labels, flat, shapes, unlike_shapes


def _can(method: str) -> Callable[[Any], bool]:
    return lambda pixels: hasattr(pixels.segmenter, method)


class PixelClassifier(ClassifierMixin, BaseEstimator):
    """A fitted segmenter as a classifier of the labeled pixels of images.

    Parameters
    ----------
    segmenter : estimator
        Fitted; predicts label maps.
    y : label maps, or array (n_samples,) for rows
        True labels.
    counted : array (n_pixels,) of bool
        The pixels of all images to predict.
    """

    def __init__(self, segmenter: Any, y: Any, counted: np.ndarray) -> None:
        self.segmenter = segmenter
        self.y = y
        self.counted = counted

    @property
    def classes_(self) -> np.ndarray:
        """Classes of the segmenter; of clusterers, the true labels."""
        labels = np.ma.getdata(flat(self.y))[self.counted]
        return getattr(self.segmenter, "classes_", np.unique(labels))

    def predict(self, X: Any) -> np.ndarray:
        """Return the labels (n,) of the pixels."""
        return self._rows(check_labels(self.segmenter.predict(X), "y_pred"))[:, 0]

    @available_if(_can("predict_proba"))
    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities (n, k) of the pixels."""
        return self._rows(self.segmenter.predict_proba(X))

    @available_if(_can("decision_function"))
    def decision_function(self, X: Any) -> np.ndarray:
        """Return the scores (n,) or (n, k) of the pixels."""
        scores = self._rows(self.segmenter.decision_function(X))
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def _rows(self, values: Any) -> np.ndarray:
        """Return the values (n, k) of the pixels."""
        true, given = shapes(self.y), shapes(values)
        if true != [s[: len(t)] for s, t in zip(given, true, strict=False)]:
            raise ValueError(unlike_shapes(self.y, values))
        return np.ma.getdata(flat(to_maps(values))).reshape(len(self.counted), -1)[self.counted]

    def __sklearn_is_fitted__(self) -> bool:
        return True
