"""Predictions for images by models that were fitted to other images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn import model_selection
from sklearn.base import BaseEstimator, MetaEstimatorMixin

from ..imaging._validation import is_image_list, is_rows

PER_CLASS = ("predict_proba", "predict_log_proba", "decision_function")


def cross_val_predict(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    groups: Any = None,
    cv: Any = None,
    n_jobs: int | None = None,
    verbose: int = 0,
    params: dict[str, Any] | None = None,
    pre_dispatch: int | str = "2*n_jobs",
    method: str = "predict",
) -> Any:
    """Predict each image by a model that was fitted to the other folds.

    As :func:`sklearn.model_selection.cross_val_predict`, which it calls, but also for images of
    several sizes and for maps with several numbers per pixel. Clusters of different folds have no
    common numbering.

    Parameters
    ----------
    estimator : estimator
        A segmenter, or a pipeline that ends with one; it is cloned.
    X : array (n, H, W) or (n, H, W, C), list of arrays (H, W) or (H, W, C), or array \
(n_samples, n_features)
        Images or rows, or volumes as the estimator takes them.
    y : label maps of the same sizes, or array (n_samples,) for rows, default=None
        Labels to fit to.
    groups : array (n,), default=None
        Groups of the images for the splitter.
    cv : int, splitter or iterable of (train, test), default=None
        Folds of images; None is 5. Each image has to be in one test set.
    n_jobs : int or None, default=None
        Number of processes.
    verbose : int, default=0
    params : dict, default=None
        Parameters of `fit` (and, with metadata routing, of the splitter), such as `sample_weight`.
    pre_dispatch : int or str, default="2*n_jobs"
        Number of folds that are sent to processes at once.
    method : {"predict", "predict_proba", "decision_function", "transform", ...}, default="predict"
        Method of the estimator. Probabilities are in the order of the sorted classes of all folds;
        they are 0 for classes that a fold was not fitted to.

    Returns
    -------
    predictions : array (n, [D,] H, W[, k]) or list of arrays ([D,] H, W[, k])
        In the container type of `X`; for rows as scikit-learn returns them.

    Raises
    ------
    ValueError
        If the test sets are no partition of the images, or if folds differ in their classes and
        `method` is not "predict" or "predict_proba".

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_segae import AESegmenter
    >>> from sklearn_segae.datasets import make_shapes
    >>> from sklearn_segae.model_selection import cross_val_predict
    >>> images, labels = make_shapes(4, size=32, random_state=0)
    >>> images, labels = [*images[:3], images[3, :20]], [*labels[:3], labels[3, :20]]
    >>> model = AESegmenter(encoder="passthrough", estimator=LogisticRegression(max_iter=500))
    >>> maps = cross_val_predict(model, images, labels, cv=2, method="predict_proba")
    >>> [probabilities.shape for probabilities in maps]
    [(32, 32, 3), (32, 32, 3), (32, 32, 3), (20, 32, 3)]
    """
    predict = partial(
        model_selection.cross_val_predict,
        y=y,
        groups=groups,
        cv=cv,
        n_jobs=n_jobs,
        verbose=verbose,
        params=params,
        pre_dispatch=pre_dispatch,
    )
    if is_rows(X):
        return predict(estimator, X, method=method)
    # Without y: numpy cannot read label maps of equal heights and several widths.
    folds = model_selection.check_cv(cv)
    pairs = predict(_ObjectOfEveryImage(estimator, method), X, cv=folds)
    maps, classes = list(pairs[:, 0]), list(pairs[:, 1])
    if method in PER_CLASS and classes[0] is not None:
        maps = _with_all_classes(maps, classes, method)
    if len(_tails(X, maps)) > 1:
        raise ValueError(
            f"method={method!r} gives different numbers per pixel in different folds. Pass "
            "method='predict', or fix n_segments or n_components."
        )
    if is_image_list(X):
        return maps
    masked = any(isinstance(own, np.ma.MaskedArray) for own in maps)
    return np.ma.stack(maps) if masked else np.stack(maps)


class _ObjectOfEveryImage(MetaEstimatorMixin, BaseEstimator):
    """Predict one object for every image, since scikit-learn concatenates arrays of one shape."""

    def __init__(self, estimator: Any, method: str) -> None:
        self.estimator = estimator
        self.method = method

    def fit(self, X: Any, y: Any = None, **params: Any) -> Self:
        """Fit the estimator; it is a clone already."""
        self.estimator.fit(X, **({} if y is None else {"y": y}), **params)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return pairs (map, classes) of all images, (n, 2) objects."""
        maps = getattr(self.estimator, self.method)(X)
        pairs = np.empty((len(maps), 2), object)
        for i in range(len(maps)):
            pairs[i, 0] = maps[i]
            pairs[i, 1] = getattr(self.estimator, "classes_", None)
        return pairs

    def get_metadata_routing(self) -> Any:
        """Return the requests of the estimator."""
        return self.estimator.get_metadata_routing()

    def __sklearn_tags__(self) -> Any:
        return self.estimator.__sklearn_tags__()


def _tails(X: Any, maps: list[Any]) -> set[tuple[int, ...]]:
    """Return the shapes of what the maps have for a pixel.

    Images are volumes if the maps have three of their sides; if the third is a number of channels,
    it is the same for all.
    """
    pairs = zip(X, maps, strict=True) if is_image_list(X) else [(X[0], maps[0])]
    n_axes = 3 if all(np.shape(x)[:3] == m.shape[:3] for x, m in pairs) else 2
    return {m.shape[n_axes:] for m in maps}


def _with_all_classes(maps: list[Any], classes: Sequence[np.ndarray], method: str) -> list[Any]:
    """Return maps whose columns are the sorted classes of all folds."""
    every = np.unique(np.concatenate(classes))
    if all(len(own) == len(every) for own in classes):
        return maps
    if method != "predict_proba":
        raise ValueError(
            f"method={method!r} has no value for classes that a fold was not fitted to, but only "
            f"some folds have all classes {every.tolist()}. Pass method='predict_proba', or "
            "cv=StratifiedImageKFold()."
        )
    return [
        _at_columns(m, np.searchsorted(every, own), len(every))
        for m, own in zip(maps, classes, strict=True)
    ]


def _at_columns(probabilities: Any, columns: np.ndarray, n: int) -> Any:
    """Return probabilities (..., n) with those given at `columns`, and 0 elsewhere."""
    n_given = probabilities.shape[-1]
    place = np.full(n, n_given)
    place[columns] = np.arange(n_given)
    zero = 0 * probabilities[..., :1]  # NaN or masked where there are no data
    join = np.ma.concatenate if isinstance(probabilities, np.ma.MaskedArray) else np.concatenate
    return join([probabilities, zero], -1)[..., place]
