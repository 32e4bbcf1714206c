"""Decision trees in model files: loaded without trust, and only if they can be evaluated."""

import io
import json
import re
import subprocess
import sys
from ast import literal_eval
from collections import defaultdict
from functools import partial
from pathlib import Path

import fuzz_decision_trees
import numpy as np
import pytest
import sklearn
from fuzz_decision_trees import members, sealed
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier
from sklearn.tree._tree import Tree

from sklearn_segae import AESegmenter, AutoencoderTransformer
from sklearn_segae.datasets import make_shapes
from sklearn_segae.persistence import load, save
from sklearn_segae.persistence._trusted import TREE_PREDICTOR
from sklearn_segae.segmentation._estimators import named

NODES = "nodes of a decision tree are not linked"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.segae"


@pytest.fixture(scope="module")
def data():
    """Rows of three features, some missing, and three classes."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3)).astype(np.float32)
    y = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)
    X[::20, 2] = np.nan
    return X, y


SMALL = {
    "trees": {"n_estimators": 2},
    "forest": {"n_estimators": 2},
    "boosting": {"max_iter": 2},
    "vote": {"weights": None, "forest__n_estimators": 2, "unet__max_epochs": 1},
}


def there_and_back(estimator, path, **options):
    save(estimator, path)
    return load(path, **options)


FITTED = [
    DecisionTreeClassifier(),
    DecisionTreeRegressor(),
    DecisionTreeClassifier(max_leaf_nodes=5),
    DecisionTreeClassifier(ccp_alpha=0.02),
    DecisionTreeClassifier(max_depth=1),
    RandomForestClassifier(3),
    RandomForestRegressor(3),
    BaggingClassifier(DecisionTreeClassifier(), 3, max_features=2),
    HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=3),
    HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=3),
]
COMPLETE = [  # that take no missing values in scikit-learn 1.6
    ExtraTreeClassifier(),
    ExtraTreesClassifier(3),
    ExtraTreesRegressor(3),
    AdaBoostClassifier(n_estimators=3),
    IsolationForest(n_estimators=3),
]


@pytest.mark.parametrize("estimator", FITTED + COMPLETE, ids=str)
def test_trees_load_without_trust(data, path, estimator):
    """All predictions are the same."""
    X, y = data
    X = np.nan_to_num(X) if any(estimator is e for e in COMPLETE) else X
    estimator.set_params(
        **({"random_state": 0} if "random_state" in estimator.get_params() else {})
    )
    estimator.fit(X, y)
    again = there_and_back(estimator, path)
    np.testing.assert_array_equal(again.predict(X), estimator.predict(X))
    if hasattr(estimator, "predict_proba"):
        np.testing.assert_array_equal(again.predict_proba(X), estimator.predict_proba(X))


@pytest.mark.parametrize("cls", [RandomForestClassifier, RandomForestRegressor])
def test_several_outputs(data, path, cls):
    """Outputs with two and three classes, or two numbers."""
    X, y = data
    estimator = cls(3, random_state=0).fit(X, np.stack([y, y > 0], axis=1))
    np.testing.assert_array_equal(there_and_back(estimator, path).predict(X), estimator.predict(X))


def test_a_pipeline_with_networks(data, path):
    """Trees are found beside an estimator of this package."""
    X, y = np.nan_to_num(data[0]), data[1]
    encoder = AutoencoderTransformer(2, max_epochs=1, random_state=0)
    model = make_pipeline(encoder, RandomForestClassifier(3, random_state=0)).fit(X, y)
    np.testing.assert_array_equal(there_and_back(model, path).predict(X), model.predict(X))


@pytest.mark.parametrize("name", ["trees", "forest", "boosting", "vote"])
def test_segmenters_by_name(path, name):
    """The classifiers of the command line and of the annotation page, with few trees."""
    images, labels = make_shapes(1, size=32, random_state=0)
    estimator = named(name).set_params(**SMALL[name])
    model = AESegmenter(encoder="passthrough", estimator=estimator, random_state=0)
    model.fit(images, labels)
    again = there_and_back(model, path)
    np.testing.assert_array_equal(again.predict(images), model.predict(images))


def test_unfitted_ones_and_copies_can_be_fitted(data, path):
    """An unfitted forest has no trees, and a loaded one can be fitted further."""
    X, y = data
    assert not hasattr(there_and_back(GradientBoostingClassifier(), path), "estimators_")
    forest = there_and_back(RandomForestClassifier(2, warm_start=True, random_state=0), path)
    again = there_and_back(forest.fit(X, y), path).set_params(n_estimators=4).fit(X, y)
    both = RandomForestClassifier(4, random_state=0).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X)[:, 0] >= 0, both.predict(X) >= 0)


def forged_tree(tree, n_features=None, n_classes=None, n_outputs=None, **changes):
    """A copy of a tree with other sizes, or with changes of its state and its nodes."""
    (features, classes, outputs), state = tree.__reduce__()[1:]
    state = {**state, "nodes": state["nodes"].copy(), "values": state["values"].copy()}
    for name, change in changes.items():
        if name in state:
            state[name] = change(state[name]) if callable(change) else change
        else:
            index, value = change
            state["nodes"][name][index] = value
    sizes = (n_features or features, classes if n_classes is None else n_classes)
    copy = Tree(*sizes, n_outputs or outputs)
    copy.__setstate__(state)
    return copy


LEAF = 2  # in `fitted_tree`; node 0 is the root, node 1 an inner node


@pytest.fixture
def fitted_tree():
    """A tree of five nodes: the root, an inner node and its two leaves, and a leaf."""
    X = np.float32([[0, 0, 0], [0, 1, 0], [1, 0, 0], [1, 1, 0]])
    tree = DecisionTreeClassifier(random_state=0).fit(X, [0, 1, 2, 2])
    inner = tree.tree_.children_left != -1
    assert inner.tolist() == [True, True, False, False, False]
    return tree


class TestForgeries:
    @staticmethod
    def refuse(estimator, path, message):
        save(estimator, path)
        with pytest.raises(ValueError, match=message):
            load(path)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"left_child": (0, 10**6)}, NODES),
            ({"right_child": (0, 5)}, NODES),
            ({"right_child": (0, -7)}, NODES),
            ({"right_child": (1, -1)}, NODES),
            ({"left_child": (1, 0)}, NODES),  # a cycle
            ({"left_child": (1, 1)}, NODES),
            ({"left_child": (1, 3)}, NODES),  # a node with two parents, another with none
            ({"left_child": (LEAF, 4)}, NODES),
            ({"left_child": (0, -1)}, NODES),  # a root that is a leaf
            ({"right_child": (LEAF, 4)}, "a leaf of a decision tree has a child"),
            ({"feature": (0, 3)}, "not among its 3"),
            ({"feature": (1, 10**9)}, "not among its 3"),
            ({"feature": (0, -2)}, "not among its 3"),
            ({"threshold": (0, np.nan)}, "NaN"),
            ({"values": lambda v: v + np.inf}, "NaN"),
            ({"max_depth": 1}, "wrong depth, 1"),
            ({"max_depth": -1}, "wrong depth, -1"),
            ({"max_depth": 10**12}, "wrong depth"),
            ({"node_count": 3}, NODES),
            ({"node_count": 0}, NODES),
            ({"n_features": 9}, "other features than its estimator"),
            ({"n_classes": np.array([2]), "values": lambda v: v[..., :2].copy()}, "other classes"),
        ],
    )
    def test_nodes(self, fitted_tree, path, changes, message):
        """Every rule, for a tree alone and for one of a forest."""
        fitted_tree.tree_ = forged_tree(fitted_tree.tree_, **changes)
        self.refuse(fitted_tree, path, message)
        forest = RandomForestClassifier(2).fit(np.eye(3), [0, 1, 2])
        forest.estimators_[1] = fitted_tree
        self.refuse(forest, path, message)

    def test_more_nodes_are_claimed_than_are_there(self, fitted_tree, path):
        """scikit-learn takes the number of nodes that are there."""
        fitted_tree.tree_ = forged_tree(fitted_tree.tree_, node_count=10**9)
        assert there_and_back(fitted_tree, path).tree_.node_count == 5

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("n_features_in_", 4),
            ("n_features_in_", 3.0),
            ("n_features_in_", np.array([])),
            ("n_outputs_", 2),
            ("n_classes_", np.int64(10**9)),
            ("n_classes_", [np.array([])]),
            ("classes_", np.arange(4)),
            ("_validate_X_predict", np.multiply),  # would not compare the features
        ],
        ids=str,
    )
    def test_attributes_of_estimators(self, fitted_tree, path, name, value):
        """Features are compared when a tree is used, so that their number has to be right."""
        vars(fitted_tree)[name] = value
        self.refuse(fitted_tree, path, "features|classes|is a method|not valid")

    def test_trees_without_outputs(self, path):
        """Their values are empty, but partial dependence reads one for each node."""
        save(DecisionTreeRegressor().fit([[0], [1]], [0, 1]), path)
        parts = members(path.read_bytes())
        inner = members(parts["part_0.skops"])
        schema = json.loads(inner["schema.json"])
        fitted = schema["content"]["content"]
        for number in (fitted["n_outputs_"], fitted["tree_"]["__reduce__"]["args"]["content"][2]):
            number["content"] = "0"
            del number["__id__"]  # which is shared by equal numbers
        values = io.BytesIO()
        np.save(values, np.empty((3, 0, 1)))
        name = fitted["tree_"]["content"]["content"]["values"]["file"]
        inner |= {"schema.json": json.dumps(schema).encode(), name: values.getvalue()}
        path.write_bytes(sealed(parts | {"part_0.skops": sealed(inner)}))
        with pytest.raises(ValueError, match="wrong number of features"):
            load(path)

    @pytest.mark.parametrize(
        "name", ["n_features_in_", "n_outputs_", "n_classes_", "classes_", "tree_"]
    )
    def test_missing_attributes(self, fitted_tree, path, name):
        """scikit-learn does not compare features if their number is missing."""
        del vars(fitted_tree)[name]
        if name == "tree_":
            assert not hasattr(there_and_back(fitted_tree, path), "tree_")
        else:
            self.refuse(fitted_tree, path, f"'{name}'")

    @pytest.mark.parametrize("name", ["n_features_in_", "n_outputs_", "n_classes_"])
    def test_attributes_of_forests(self, data, path, name):
        """A forest allocates the probabilities of as many classes as it claims."""
        forest = RandomForestClassifier(2).fit(*data)
        vars(forest)[name] = 10**9
        self.refuse(forest, path, "forest|classes|not valid")

    @pytest.mark.parametrize(
        "place",
        [
            lambda tree: tree,
            lambda tree: [(tree,)],
            lambda tree: {"a": {tree}},
            lambda tree: np.array([[None, tree]], dtype=object),
            lambda tree: partial(print, tree),
            lambda tree: partial(Tree, 3, tree.n_classes, 1),
            lambda tree: Tree,
            lambda tree: defaultdict(Tree),
        ],
        ids=["tree", "tuple", "set", "array", "partial", "class", "constructor", "default"],
    )
    def test_trees_outside_of_estimators(self, fitted_tree, path, place):
        """No estimator compares features there."""
        voting = VotingClassifier([("a", DecisionTreeClassifier())])
        voting.estimators_ = place(fitted_tree.tree_)
        voting.first = fitted_tree  # the same tree where it belongs
        self.refuse(voting, path, "where no estimator would put it|not trusted|not readable")

    def test_another_object_as_a_tree(self, fitted_tree, path):
        """An estimator has a tree of scikit-learn or none."""
        fitted_tree.tree_ = RandomForestClassifier()
        self.refuse(fitted_tree, path, "of another type")


@pytest.fixture
def boosting(data):
    return HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=3).fit(*data)


class TestForgedBoosting:
    refuse = staticmethod(TestForgeries.refuse)

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("left", 10**6, NODES),
            ("left", 0, NODES),
            ("right", 1, NODES),
            ("is_leaf", 1, NODES),
            ("feature_idx", 3, "not among its 3"),
            ("feature_idx", -1, "not among its 3"),
            ("num_threshold", np.nan, "NaN"),
            ("value", np.inf, "NaN"),
            ("is_categorical", 1, "splits categories"),
        ],
    )
    def test_nodes(self, boosting, path, name, value, message):
        boosting._predictors[1][2].nodes[name][0] = value
        self.refuse(boosting, path, message)

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("n_features_in_", 1, "not among its 1"),
            ("n_features_in_", np.array([]), "wrong number of features"),
            ("_in_fit", True, "wrong number of features"),
            ("_preprocess_X", np.multiply, "is a method"),
            ("_predictors", [], "no list"),
            ("_predictors", {0: []}, "no list"),
            ("n_trees_per_iteration_", 10**9, "wrong number of decision trees"),
        ],
    )
    def test_attributes_of_estimators(self, boosting, path, name, value, message):
        vars(boosting)[name] = value
        self.refuse(boosting, path, message)

    @pytest.mark.parametrize("name", ["n_features_in_", "n_trees_per_iteration_"])
    def test_missing_attributes(self, boosting, path, name):
        del vars(boosting)[name]
        self.refuse(boosting, path, f"'{name}'")

    def test_predictors(self, boosting, path):
        """Of another type, with another method, with other nodes, or in another place."""
        row = boosting._predictors[0]
        nodes = row[0].nodes
        self.refuse_predictor(row, path, boosting, nodes=nodes["left"])
        self.refuse_predictor(row, path, boosting, nodes=nodes[:, None])
        self.refuse_predictor(row, path, boosting, nodes=nodes, predict=np.multiply)
        row[0] = TreePredictor(nodes[:0], None, None)
        self.refuse(boosting, path, NODES)
        row[0] = DecisionTreeClassifier()
        self.refuse(boosting, path, "'nodes'")
        voting = VotingClassifier([("a", TreePredictor(nodes, None, None))])
        self.refuse(voting, path, "where no estimator would put it")

    def refuse_predictor(self, row, path, boosting, **attributes):
        row[0] = TreePredictor(np.empty(0), None, None)
        vars(row[0]).update(attributes)
        self.refuse(boosting, path, "type|is a method|not readable")

    def test_nodes_that_something_else_refers_to(self, boosting, path):
        """They are copied, so that nothing else changes them after they were checked."""
        boosting.other = boosting._predictors[0][0].nodes
        again = there_and_back(boosting, path)
        assert not np.shares_memory(again.other, again._predictors[0][0].nodes)


class TestTrust:
    """What is trusted by the caller is not checked."""

    def test_gradient_boosting(self, data, path):
        """`GradientBoostingClassifier` does not compare features."""
        X, y = np.nan_to_num(data[0]), data[1]
        model = GradientBoostingClassifier(n_estimators=2).fit(X, y)
        save(model, path)
        with pytest.raises(ValueError, match=r"trusted=\['sklearn.tree._tree.Tree'\]"):
            load(path)
        for trusted in (["sklearn.tree._tree.Tree"], [Tree]):
            again = load(path, trusted=trusted)
            np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))

    def test_categories(self, data, path):
        """Splits of categories have further indices, which are not checked."""
        X, y = np.nan_to_num(data[0]), data[1]
        X[:, 0] = X[:, 0] > 0
        model = HistGradientBoostingClassifier(categorical_features=[0], max_iter=2).fit(X, y)
        save(model, path)
        trusted = []
        for _ in range(3):  # as the errors say, each of which lists further types
            with pytest.raises(ValueError, match=r"load\(path, trusted=") as found:
                load(path, trusted=trusted)
            trusted = literal_eval(re.search(r"trusted=(\[.*\])", str(found.value))[1])
            if TREE_PREDICTOR in trusted:
                break
        again = load(path, trusted=trusted)
        np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_the_estimators_that_hand_trees_to_compiled_code():
    """Who reads `tree_` in scikit-learn: a new reader has to be looked at.

    The forests and `IsolationForest` call methods of decision trees, which compare features.
    """
    folder = Path(sklearn.__file__).parent
    files = [f for f in folder.rglob("*.py*") if f.suffix in (".py", ".pyx")]
    found = {
        str(file.relative_to(folder))
        for file in files
        if "tests" not in file.parts and re.search(r"\.tree_\b", file.read_text("utf-8"))
    }
    assert {file for file in found if not file.startswith(("tree/", "neighbors/"))} == {
        "ensemble/_forest.py",
        "ensemble/_gb.py",
        "ensemble/_gradient_boosting.pyx",
        "ensemble/_iforest.py",
    }


def test_forged_arrays(data, tmp_path):
    """No forgery of the arrays ends the process that loads and uses it."""
    classifiers = [
        DecisionTreeClassifier(random_state=0),
        HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=3),
    ]
    files = [tmp_path / "tree.segae", tmp_path / "boosting.segae"]
    for classifier, file in zip(classifiers, files, strict=True):
        save(classifier.fit(*data), file)
    command = [sys.executable, fuzz_decision_trees.__file__, "60", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    counts = np.array([line.split() for line in done.stdout.splitlines()], dtype=int)
    assert counts.shape == (2, 2)
    assert counts.min() > 5
