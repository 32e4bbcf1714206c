"""Estimators by name, for `AESegmenter(estimator=...)`, the command line and the annotation page.

To add one, add a function and a row of `ESTIMATORS`. Imports are local to keep start-up fast.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class NamedEstimator(NamedTuple):
    """Factory of an estimator, and of which kind it is."""

    make: Callable[[], Any]
    is_classifier: bool
    is_dense: bool = False  # a classifier that sees more than the codes of a pixel


def _head() -> Any:
    from ._pixel_head import PixelHead

    return PixelHead()


def _trees() -> Any:
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(50)


def _forest() -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier()


def _vote() -> Any:
    from ._pixel_voting import PixelVotingClassifier

    return PixelVotingClassifier([("forest", _forest()), ("unet", _unet())], weights="auto")


def _unet() -> Any:
    from ._unet_classifier import UNetClassifier

    return UNetClassifier()


def _logistic() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def _boosting() -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier()


def _kmeans() -> Any:
    from sklearn.cluster import KMeans

    return KMeans(n_init=20)


def _mixture() -> Any:
    from sklearn.mixture import GaussianMixture

    return GaussianMixture(n_init=5)


ESTIMATORS = {
    "forest": NamedEstimator(_forest, True),
    "head": NamedEstimator(_head, True),
    "logistic": NamedEstimator(_logistic, True),
    "boosting": NamedEstimator(_boosting, True),
    "trees": NamedEstimator(_trees, True),
    "unet": NamedEstimator(_unet, True, True),
    "vote": NamedEstimator(_vote, True, True),
    "kmeans": NamedEstimator(_kmeans, False),
    "mixture": NamedEstimator(_mixture, False),
}


def named(estimator: Any) -> Any:
    """Return the estimator of a name; return others unchanged."""
    by_name = isinstance(estimator, str) and estimator in ESTIMATORS
    return ESTIMATORS[estimator].make() if by_name else estimator


def is_supervised(estimator: Any) -> bool:
    """Return whether an estimator, or the estimator of a name, is a classifier."""
    if isinstance(estimator, str):
        return estimator in ESTIMATORS and ESTIMATORS[estimator].is_classifier
    from sklearn.base import is_classifier

    return estimator is not None and is_classifier(estimator)


def is_dense(estimator: Any) -> bool:
    """Return whether an estimator, or that of a name, sees more than the codes of a pixel."""
    if isinstance(estimator, str):
        return estimator in ESTIMATORS and ESTIMATORS[estimator].is_dense
    from ._adapters import unfrozen
    from ._dense_classifier import DenseClassifier

    return isinstance(unfrozen(estimator), DenseClassifier)
