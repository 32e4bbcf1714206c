"""Values, names and colors of classes."""

from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_segae.imaging._rendering import colors
from sklearn_segae.napari._classes import CLEAR, Classes


def test_strokes_have_the_first_names():
    """Classes without a name are numbered; unlabeled pixels are 0 and transparent."""
    classes = Classes.of_strokes(["sky", ""], 3)
    assert classes.names == ["sky", "class 2", "class 3"]
    assert classes.missing == 0
    assert classes.table() == {"index": [0, 1, 2, 3], "class": ["none", *classes.names]}
    table = classes.colors()
    assert table[0] == table[None] == CLEAR
    np.testing.assert_allclose([table[i][:3] for i in (1, 2, 3)], colors(3) / 255)


@pytest.mark.parametrize(
    ("known", "labels", "expected", "missing"),
    [
        (np.array([1, 3]), [[1, 3], [3, -1]], [[1, 3], [3, 0]], 0),
        (np.array([0, 255]), [[0, 255], [255, -1]], [[0, 255], [255, -1]], -1),
        (np.array(["cat", "dog"]), [["dog", ""], ["cat", "cat"]], [[2, 0], [1, 1]], 0),
        (np.array([1.0, 2.0]), [[1.0, np.nan], [2.0, 2.0]], [[1, 0], [2, 2]], 0),
    ],
)
def test_integers_keep_their_values(known, labels, expected, missing):
    """So label maps that napari saves equal those of `predict`; strings are numbered from 1."""
    classes = Classes.of_model(SimpleNamespace(classes_=known))
    found = classes.encode(np.array(labels))
    np.testing.assert_array_equal(found, expected)
    assert classes.missing == missing
    assert set(np.unique(found)) <= set(classes.colors())
    assert found.dtype.itemsize <= 2


def test_segments_of_clusterers():
    """They are 0 to k - 1, all of them visible, and noise is not."""
    classes = Classes.of_model(SimpleNamespace(n_segments_=3))
    np.testing.assert_array_equal(classes.values, [0, 1, 2])
    assert classes.encode(np.array([[2, -1]])).tolist() == [[2, -1]]
    table = classes.colors()
    assert table[-1] == CLEAR
    assert table[0] != CLEAR
    several = Classes.of_model(SimpleNamespace(n_segments_=[2, 4]))  # scope="image"
    assert len(several.values) == 4


def test_strings_are_names():
    """Names of a model are its own."""
    model = SimpleNamespace(classes_=np.array(["cat", "dog"]))
    assert Classes.of_model(model, ["sky"]).names == ["cat", "dog"]
    numbered = SimpleNamespace(classes_=np.array([1, 300]))
    assert Classes.of_model(numbered, ["sky"]).names == ["sky", "class 300"]
