"""Types that `load` trusts besides estimators: metrics, scorers, splitters and decision trees.

Those of saved searches compute numbers or indices from their arguments, whatever a file sets as
their attributes. Decision trees are trusted because `_decision_trees` checks them.
"""

from __future__ import annotations

from collections.abc import Iterable
from inspect import isfunction
from typing import Any

import sklearn.metrics
import sklearn.model_selection
from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit

from .. import metrics, model_selection
from ..metrics._scorers import NamedScorer, SegmentationScorer
from ..metrics._unsupervised_scorers import StabilityScorer, UnsupervisedScorer

TREE = "sklearn.tree._tree.Tree"
TREE_PREDICTOR = "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"
HALVING = "sklearn.model_selection._search_successive_halving"
# scikit-learn has no public name for its scorers, and halving has to be enabled before skops is
# imported. A metric with options is a `partial`, whose function has to be trusted, too.
OTHERS = [
    "functools.partial",
    *(f"{HALVING}.{name}" for name in ("HalvingGridSearchCV", "HalvingRandomSearchCV")),
    *(f"sklearn.metrics._scorer._{name}" for name in ("Scorer", "PassthroughScorer")),
    "sklearn.metrics._scorer._MultimetricScorer",
    *(TREE, TREE_PREDICTOR),
]


def trusted_types() -> list[str]:
    """Return the names of all trusted types and functions."""
    members = [
        getattr(module, name)
        for module in (sklearn.metrics, metrics, sklearn.model_selection, model_selection)
        for name in module.__all__
        if not name.endswith("SearchCV")
    ]
    found = [SegmentationScorer, NamedScorer, StabilityScorer, UnsupervisedScorer]
    found += [member for member in members if isfunction(member) or _is_splitter(member)]
    return [f"{member.__module__}.{member.__qualname__}" for member in found] + OTHERS


def untrusted(unknown: Iterable[str], trusted: Iterable[str]) -> ValueError:
    """Return the error for types in a file that are not among those trusted by the caller."""
    return ValueError(
        f"the file holds types that are not trusted: {', '.join(sorted(unknown))}. If you know "
        f"them to be harmless, pass load(path, trusted={sorted({*unknown, *trusted})})."
    )


def _is_splitter(member: Any) -> bool:
    return isinstance(member, type) and issubclass(member, BaseCrossValidator | BaseShuffleSplit)
