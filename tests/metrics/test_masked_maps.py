"""Masked label maps: masked pixels have no part in scores."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, davies_bouldin_score

from sklearn_segae import AESegmenter, metrics
from sklearn_segae.datasets import make_shapes

SCORES = [
    metrics.pixel_accuracy,
    metrics.matched_accuracy,
    metrics.mean_iou,
    metrics.dice_score,
    metrics.covering,
    metrics.probabilistic_rand_index,
    metrics.variation_of_information,
    metrics.boundary_f1,
]


@pytest.fixture
def maps(rng):
    """True and predicted maps of halves, and a mask."""
    true = np.repeat([[0] * 8 + [1] * 8], 16, axis=0)
    mask = np.zeros((16, 16), bool)
    mask[:, 4:6] = mask[3:9, :5] = True
    return true, true.copy(), mask


@pytest.mark.parametrize("score", SCORES)
def test_masked_pixels_do_not_count(maps, rng, score):
    """Whatever is under the mask, of truth or of prediction, in stacks and in lists."""
    true, pred, mask = maps
    best = 0 if score is metrics.variation_of_information else 1
    junk = np.where(mask, rng.integers(0, 5, mask.shape), true)
    for t, p in ((junk, pred), (true, junk), (junk, junk)):
        for own in ((t, np.ma.array(p, mask=mask)), (np.ma.array(t, mask=mask), p)):
            assert score(*own) == pytest.approx(best)
            assert score(*([m] for m in own)) == pytest.approx(best)
            assert score(*(m[None] for m in own)) == pytest.approx(best)
    assert abs(score(true, junk) - best) > 0.01


def test_matched_maps_stay_masked(maps):
    """No data is not a segment: -1 stays -1."""
    true, pred, mask = maps
    for p in (np.ma.array(1 - pred, mask=mask), np.where(mask, -1, 1 - pred)):
        matched = metrics.match_labels(np.where(mask, -1, true), p)
        np.testing.assert_array_equal(np.asarray(matched)[~mask], true[~mask])
        if isinstance(p, np.ma.MaskedArray):
            np.testing.assert_array_equal(matched.mask, mask)
        else:
            assert (matched[mask] == -1).all()


def test_scorers_leave_out_pixels_without_data():
    """Of images that are NaN or masked; values under the mask do not matter."""
    X, y = make_shapes(2, size=40, random_state=0)
    mask = np.zeros(X.shape, bool)
    mask[:, :, :15] = True
    model = AESegmenter(3, encoder="passthrough", random_state=0).fit(X)
    junk = np.where(mask[..., 0] if X.ndim == 4 else mask, 1, y)
    scorers = [
        metrics.make_segmentation_scorer(adjusted_rand_score),
        metrics.make_segmentation_scorer(adjusted_rand_score, average="image"),
        metrics.make_unsupervised_scorer(davies_bouldin_score, greater_is_better=False),
        metrics.make_stability_scorer(),
    ]
    for scorer in scorers:
        scores = [
            scorer(model, np.ma.array(np.where(mask, v, X), mask=mask), labels)
            for v, labels in ((0, y), (9, junk))
        ]
        scores.append(scorer(model, np.where(mask, np.nan, X), y))
        assert scores[0] == scores[1] == scores[2]


def test_areas_are_those_of_pixels_with_data(rng):
    """Half of the image has no data, and is no area."""
    X, y = make_shapes(1, size=64, random_state=0)
    X = X.astype(float)
    X[:, :, :32] = np.nan
    labels = np.where(rng.random(y.shape) < 0.2, y, -1)
    model = AESegmenter(estimator="logistic", encoder="passthrough", random_state=0).fit(X, y)
    areas = metrics.area_fraction(model, X, labels)
    assert areas.n_pixels == 64 * 32
    assert areas.mapped.sum() == pytest.approx(1)
    assert areas.n_labels.sum() == (labels[:, :, 32:] >= 0).sum()
