"""Measures of uncertainty: 0 for the sure, 1 for the clueless."""

import numpy as np
import pytest

from sklearn_segae.segmentation._uncertainty import MEASURES

measures = pytest.mark.parametrize("doubt", MEASURES.values(), ids=MEASURES)


@measures
@pytest.mark.parametrize("k", [2, 3, 7])
def test_runs_from_zero_to_one(doubt, k, rng):
    """Sure is 0, all alike is 1, everything else between."""
    assert doubt(np.eye(k)) == pytest.approx(np.zeros(k))
    assert doubt(np.full((4, k), 1 / k)) == pytest.approx(np.ones(4))
    between = doubt(rng.dirichlet(np.ones(k), 100))
    assert (between > 0).all()
    assert (between < 1).all()


@measures
def test_one_class_leaves_no_doubt(doubt):
    """There is nothing else that it could be."""
    assert doubt(np.ones((2, 3, 1))).tolist() == [[0, 0, 0], [0, 0, 0]]


def test_closed_forms():
    """Half a bit of two; a lead of a half; .3 lacking out of .5."""
    p = np.array([0.7, 0.2, 0.1])
    assert MEASURES["margin"](p) == pytest.approx(0.5)
    assert MEASURES["least_confidence"](p) == pytest.approx(0.3 / (2 / 3))
    assert MEASURES["entropy"](np.array([0.5, 0.5, 0, 0])) == pytest.approx(0.5)
