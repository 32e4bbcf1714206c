"""Checks of the decision trees of scikit-learn in files, which are evaluated by compiled code.

That code does not check nodes: a child or a feature that does not exist is read from memory that
belongs to something else. These checks hold for scikit-learn 1.6 to 1.9.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import numpy as np
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.tree import BaseDecisionTree
from sklearn.tree._tree import Tree

from ._trusted import TREE, TREE_PREDICTOR, untrusted

FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)
BOOSTING = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
# The only estimators that evaluate trees without comparing their numbers of features.
UNCHECKED = (GradientBoostingClassifier, GradientBoostingRegressor)
TREES = {TREE: Tree, TREE_PREDICTOR: TreePredictor}
CODE = (BuiltinFunctionType, FunctionType, ModuleType, type)


def check_decision_trees(value: Any, trusted: Collection[str]) -> None:
    """Raise an error unless all trees in an object from a file can be evaluated safely.

    Trees of `trusted` types are not checked.
    """
    kinds = tuple(cls for name, cls in TREES.items() if name not in trusted)
    parts = list(_parts(value))
    if unknown := set().union(*map(_unchecked, parts)) - set(trusted):
        raise untrusted(unknown, trusted)
    for part in parts:
        if isinstance(part, kinds) or (isinstance(part, type) and part in kinds):
            raise ValueError("a decision tree is where no estimator would put it.")
        for cls, attribute, kind, check in CHECKS:
            if isinstance(part, cls) and kind in kinds and attribute in vars(part):
                check(part)


def _unchecked(part: Any) -> set[str]:
    """Return the type of trees that a part evaluates in ways that are not checked here."""
    if isinstance(part, UNCHECKED) and "estimators_" in vars(part):
        return {TREE}
    with_categories = isinstance(part, BOOSTING) and vars(part).get("_preprocessor") is not None
    return {TREE_PREDICTOR} if with_categories else set()


def _parts(value: Any) -> Iterator[Any]:
    """Yield an object and everything that it refers to, except trees that belong to it."""
    seen: dict[int, Any] = {}  # objects are kept, so that their ids stay unique
    left = [value]
    while left:
        part = left.pop()
        if id(part) not in seen:
            seen[id(part)] = part
            yield part
            if not isinstance(part, CODE):
                left += _referents(part)


def _referents(part: Any) -> list[Any]:
    if isinstance(part, BaseDecisionTree):
        return [v for name, v in vars(part).items() if name != "tree_"]
    if isinstance(part, BOOSTING):
        return [v for name, v in vars(part).items() if name != "_predictors"]
    found = gc.get_referents(part)
    if isinstance(part, np.ndarray) and part.dtype.hasobject:  # not in the list from gc
        found += np.asarray(part).ravel().tolist()
    return found


def _check_forest(forest: Any) -> None:
    """Raise an error if a forest and its trees differ in the numbers of features or classes."""
    sizes = _sizes(forest)
    if any(_sizes(estimator) != sizes for estimator in forest.estimators_):
        raise ValueError("the trees of a forest are for other features or classes.")


def _sizes(estimator: Any) -> tuple[int, int, list[int]]:
    """Return the numbers of features, outputs and classes of each output; [] for regressors."""
    fitted = vars(estimator)
    n_features, n_outputs = fitted["n_features_in_"], fitted["n_outputs_"]
    n_classes = _n_classes(fitted) if {"classes_", "n_classes_"} & set(fitted) else []
    integers = type(n_features) is type(n_outputs) is int
    if not integers or min(n_features, n_outputs, *n_classes) < 1:
        raise ValueError("an estimator with decision trees has a wrong number of features.")
    return n_features, n_outputs, n_classes


def _n_classes(fitted: dict[str, Any]) -> list[int]:
    """Return the number of classes of each output of a classifier with these attributes."""
    classes = fitted["classes_"] if fitted["n_outputs_"] > 1 else [fitted["classes_"]]
    n_classes = np.atleast_1d(fitted["n_classes_"])
    if n_classes.dtype.kind != "i" or n_classes.tolist() != [len(known) for known in classes]:
        raise ValueError("an estimator with decision trees has a wrong number of classes.")
    return n_classes.tolist()


def _check_estimator(estimator: Any) -> None:
    tree = estimator.tree_
    if type(tree) is not Tree:
        raise ValueError("a decision tree is of another type.")
    _check_methods(estimator)
    n_features, n_outputs, n_classes = _sizes(estimator)
    if tree.n_features != n_features or tree.n_outputs != n_outputs:
        raise ValueError("a decision tree is for other features than its estimator.")
    if tree.n_classes.tolist() != (n_classes or [1] * tree.n_outputs):
        raise ValueError("a decision tree is for other classes than its estimator.")
    _check_tree(tree)


def _check_tree(tree: Any) -> None:
    inner = tree.children_left != -1
    _check_links(tree.children_left, tree.children_right, inner, tree.feature, tree.n_features)
    if (tree.children_right[~inner] != -1).any():
        raise ValueError("a leaf of a decision tree has a child.")
    # `decision_path` allocates one item per level; nodes have to be linked correctly before this.
    if not tree.compute_node_depths().max() - 1 <= tree.max_depth < tree.node_count:
        raise ValueError(f"a decision tree claims a wrong depth, {tree.max_depth}.")
    if np.isnan(tree.threshold).any() or not np.isfinite(tree.value).all():
        raise ValueError("a decision tree holds NaN or infinity.")


def _check_links(
    left: np.ndarray, right: np.ndarray, inner: np.ndarray, features: np.ndarray, n_features: int
) -> None:
    """Raise an error unless nodes are one binary tree, with children after their parents."""
    children = np.concatenate([left[inner], right[inner]])
    after = children > np.tile(np.flatnonzero(inner), 2)
    once = np.array_equal(np.sort(children), np.arange(1, len(inner)))
    if len(inner) == 0 or not after.all() or not once:
        raise ValueError("the nodes of a decision tree are not linked as one tree.")
    if not ((features[inner] >= 0) & (features[inner] < n_features)).all():
        raise ValueError(f"a decision tree uses features that are not among its {n_features}.")


def _check_boosting(estimator: Any) -> None:
    fitted = vars(estimator)
    _check_methods(estimator)
    n_features, n_trees = fitted["n_features_in_"], fitted["n_trees_per_iteration_"]
    if type(n_features) is not int or "_in_fit" in fitted:  # features are not compared then
        raise ValueError("a gradient boosting estimator has a wrong number of features.")
    rows = fitted["_predictors"]
    if type(rows) is not list or not rows:
        raise ValueError("a gradient boosting estimator has no list of decision trees.")
    for row in rows:
        if type(row) is not list or len(row) != n_trees:
            raise ValueError("a gradient boosting estimator has a wrong number of decision trees.")
        for predictor in row:
            _check_predictor(predictor, n_features)


def _check_predictor(predictor: Any, n_features: int) -> None:
    nodes = predictor.nodes
    if type(predictor) is not TreePredictor or type(nodes) is not np.ndarray:
        raise ValueError("a decision tree is of another type.")
    if nodes.dtype != PREDICTOR_RECORD_DTYPE or nodes.ndim != 1:
        raise ValueError(f"the nodes of a decision tree are of type {nodes.dtype}.")
    _check_methods(predictor)
    inner = nodes["is_leaf"] == 0
    _check_links(nodes["left"], nodes["right"], inner, nodes["feature_idx"], n_features)
    if nodes["is_categorical"][inner].any():  # which have further indices
        raise ValueError("a decision tree splits categories, which its estimator does not have.")
    if np.isnan(nodes["num_threshold"]).any() or not np.isfinite(nodes["value"]).all():
        raise ValueError("a decision tree holds NaN or infinity.")
    predictor.nodes = nodes.copy()  # that no other object of the file can change


def _check_methods(estimator: Any) -> None:
    """Raise an error for attributes in place of methods, such as those that check features."""
    for name in vars(estimator):
        if hasattr(type(estimator), name):
            raise ValueError(f"{type(estimator).__name__}.{name} is a method, but a file sets it.")


# Estimators, an attribute that they have when fitted, the type of their trees, and the check.
CHECKS: list[tuple[Any, str, type, Callable[[Any], None]]] = [
    (FORESTS, "estimators_", Tree, _check_forest),
    (BaseDecisionTree, "tree_", Tree, _check_estimator),
    (BOOSTING, "_predictors", TreePredictor, _check_boosting),
]
