"""The estimator at the end: cloned, seeded, told its number of segments, and what it lacks."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
from sklearn.base import clone, is_regressor
from sklearn.utils.validation import has_fit_parameter


def refuse_no_estimators(encoder: Any, estimator: Any) -> None:
    """Raise an error for classes in place of instances, and for estimators without labels."""
    for name, value in (("encoder", encoder), ("estimator", estimator)):
        if isinstance(value, type):
            raise TypeError(
                f"{name}={value.__name__} is a class. Pass an instance: {name}={value.__name__}()."
            )
    if estimator is None or isinstance(estimator, str):
        return
    labels = hasattr(estimator, "predict") or hasattr(estimator, "fit_predict")
    if not labels or is_regressor(estimator):
        raise TypeError(
            f"estimator={estimator!r:.80} gives no labels. Pass a clusterer, a mixture or a "
            "classifier."
        )


def seeded_clone(estimator: Any, seed: int) -> Any:
    """Clone; where a `random_state` is None, it becomes `seed`."""
    copied = clone(estimator)
    unset = [name for name, v in copied.get_params().items() if _is_seed(name) and v is None]
    return copied.set_params(**dict.fromkeys(unset, seed))


def _is_seed(name: str) -> bool:
    return name == "random_state" or name.endswith("__random_state")


def with_segments(clusterer: Any, n_segments: int) -> Any:
    """Set the number of clusters of a clusterer that was left at its default."""
    parameters = clusterer.get_params(deep=False)
    name = next((n for n in ("n_clusters", "n_components") if n in parameters), None)
    if name is None or parameters[name] != signature(type(clusterer)).parameters[name].default:
        return clusterer
    return clone(clusterer).set_params(**{name: n_segments})


def mean_variance(clusterer: Any, codes: np.ndarray) -> float:
    """Variance of the codes about their nearest centre, per dimension."""
    if hasattr(clusterer, "predict_proba") or not hasattr(clusterer, "transform"):
        return np.nan
    return float((clusterer.transform(codes).min(1) ** 2).mean() / codes.shape[1]) or 1.0


def fit_weighted(
    classifier: Any, codes: np.ndarray, y: np.ndarray, weight: np.ndarray | None
) -> None:
    """Fit a classifier, with weights if there are any; refuse them where it has no use for them."""
    if weight is None:
        classifier.fit(codes, y)
    elif has_fit_parameter(classifier, "sample_weight"):
        _fit_weighted(classifier, codes, y, weight)
    else:
        raise ValueError(
            f"sample_weight was given, but estimator={classifier!r} takes none in fit. Leave it "
            "out, or choose an estimator that does, RandomForestClassifier for instance."
        )


def _fit_weighted(classifier: Any, codes: np.ndarray, y: np.ndarray, weight: np.ndarray) -> None:
    try:
        classifier.fit(codes, y, sample_weight=weight)
    except ValueError as error:
        if len(np.unique(y)) > 1:
            raise
        raise ValueError(
            f"estimator={classifier!r} needs at least two classes, but sample_weight leaves class "
            f"{y[0]} alone. Give pixels of others a weight above 0."
        ) from error
