"""Fractions of classes from labels and predictions: identities, invariances, coverage."""

import numpy as np
import pytest
from scipy import stats

from sklearn_segae.metrics._area_estimates import estimate_fractions


def population(n=20_000, shift=1.5, seed=0):
    """One-hot labels of two classes, a fifth in the second, and overconfident probabilities."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < 0.2).astype(int)
    p = 1 / (1 + np.exp(-3 * rng.normal(shift * (2 * truth - 1) + 0.5)))
    return np.eye(2)[truth], np.column_stack([1 - p, p])


def centered(p):
    return np.stack([p - p.mean(0), p**2 - (p**2).mean(0)], axis=2)


def estimate(labels, covariates, strata=None, blocks=None, share=0.0, confidence=0.95):
    n = len(labels)
    strata = np.zeros((n, 0)) if strata is None else strata
    blocks = np.arange(n) if blocks is None else blocks
    return estimate_fractions(labels, covariates, strata, blocks, share, confidence)


def test_labels_alone_have_intervals_near_those_of_jeffreys():
    """Without covariates, the fraction is the mean label; t quantiles widen the interval a bit."""
    labels = np.eye(2)[(np.arange(40) < 8).astype(int)]
    found = estimate(labels, np.zeros((40, 2, 0)))
    low, high = stats.beta.ppf([0.025, 0.975], 32.5, 8.5)
    np.testing.assert_allclose(found.fraction, [0.8, 0.2])
    assert low - 0.02 < found.low[0] < low
    assert high < found.high[0] < high + 0.02
    np.testing.assert_allclose(found.low, 1 - found.high[::-1])


def test_constant_predictions_are_as_good_as_none():
    """A map that knows nothing has slope 0, whatever it claims; only the freedom is smaller."""
    labels = np.eye(2)[(np.arange(100) < 20).astype(int)]
    alone = estimate(labels, np.zeros((100, 2, 0)))
    found = estimate(labels, np.zeros((100, 2, 2)))
    np.testing.assert_allclose(found.fraction, alone.fraction, atol=1e-9)
    np.testing.assert_allclose(found.high - found.low, alone.high - alone.low, rtol=0.01)


def test_a_perfect_map_leaves_the_width_of_unseen_errors():
    """The fraction is that of the map; the interval has the width of an error in n labels."""
    labels, _ = population()
    chosen = np.random.default_rng(1).choice(len(labels), 200, replace=False)
    found = estimate(labels[chosen], centered(labels)[chosen])
    np.testing.assert_allclose(found.fraction, labels.mean(0), atol=1e-3)
    assert (found.high - found.low < 4 / 200).all()


def test_estimates_do_not_depend_on_the_scale_of_the_predictions():
    """A map that is wrong by any factor is as good: the slope undoes it."""
    labels, p = population(300)
    found = estimate(labels, centered(p))
    other = estimate(labels, -7 * centered(p))
    np.testing.assert_allclose(found, other, atol=1e-6)


def test_estimates_do_not_depend_on_orders():
    """Permuted pixels give the same estimates, permuted classes permuted ones."""
    labels, p = population(300)
    x, blocks = centered(p), np.arange(300) // 10
    found = estimate(labels, x, blocks=blocks)
    order = np.random.default_rng(0).permutation(300)
    np.testing.assert_allclose(estimate(labels[order], x[order], blocks=blocks[order]), found)
    swapped = estimate(labels[:, ::-1], x[:, ::-1], blocks=blocks)
    np.testing.assert_allclose(np.array(swapped)[:, ::-1], found)


def test_copies_in_a_block_are_worth_one_label():
    """Ten copies of each label, in one block each, have the interval of the labels once."""
    labels, p = population(200)
    once = estimate(labels, centered(p))
    copies = np.repeat(labels, 10, axis=0), np.repeat(centered(p), 10, axis=0)
    blocks = np.repeat(np.arange(200), 10)
    np.testing.assert_allclose(estimate(*copies, blocks=blocks), once, rtol=0.01)
    many = estimate(*copies)
    assert ((many.high - many.low) < 0.5 * (once.high - once.low)).all()


def test_many_blocks_are_pooled():
    """More blocks than fit into memory at once give the same fractions and similar intervals."""
    labels, p = population(30_000)
    found = estimate(labels, centered(p))
    pooled = estimate(labels, centered(p), blocks=np.arange(30_000) % 10_000)
    np.testing.assert_allclose(found, pooled)


def test_all_pixels_labeled_leave_no_uncertainty():
    """A census has intervals of width 0, also for classes without pixels."""
    labels, p = population(500)
    labels = np.column_stack([labels, np.zeros(500)])
    p = np.column_stack([p, np.zeros(500)])
    found = estimate(labels, centered(p), share=1.0)
    np.testing.assert_allclose(found.fraction, labels.mean(0), atol=1e-9)
    np.testing.assert_allclose(found.low, found.high, atol=1e-4)


def test_higher_confidence_has_wider_intervals():
    """Intervals of 99 % contain those of 80 %."""
    labels, p = population(100)
    wide, narrow = (estimate(labels, centered(p), confidence=c) for c in (0.99, 0.8))
    assert (wide.low < narrow.low).all()
    assert (wide.high > narrow.high).all()


def test_a_class_that_was_not_drawn_has_an_upper_bound():
    """No label of a class in 100 is no proof of its absence: the bound is some 3 / 100."""
    labels = np.eye(3)[np.arange(100) % 2]
    found = estimate(labels, np.zeros((100, 3, 2)))
    assert found.fraction[2] == 0
    assert found.low[2] == 0
    assert 0.02 < found.high[2] < 0.04


@pytest.mark.parametrize(("n", "kind"), [(60, "pixels"), (300, "pixels"), (300, "stratified")])
def test_intervals_cover_the_truth(n, kind):
    """Of 400 intervals of 95 %, 92 to 98 % contain the truth; they are much narrower with a map.

    The standard error of the coverage is 1.1 %.
    """
    labels, p = population()
    truth, x, rng = labels.mean(0), centered(p), np.random.default_rng(2)
    strata = (p[:, 1:] > 0.5) - (p[:, 1:] > 0.5).mean(0)
    halves = [np.flatnonzero(s) for s in (strata[:, 0] > 0, strata[:, 0] < 0)]
    hits, widths, alone = [], [], []
    for _ in range(400):
        i = rng.choice(len(labels), n, replace=False)
        if kind == "stratified":
            i = np.concatenate([rng.choice(half, n // 2, replace=False) for half in halves])
        found = estimate(labels[i], x[i], strata[i] if kind == "stratified" else None)
        i = rng.choice(len(labels), n, replace=False)
        other = estimate(labels[i], x[i, :, :0])
        hits.append((found.low <= truth) & (truth <= found.high))
        widths.append((found.high - found.low).mean())
        alone.append((other.high - other.low).mean())
    assert 0.92 < np.mean(hits) < 0.98
    assert np.mean(widths) < 0.75 * np.mean(alone)


def test_intervals_of_blocks_cover_the_truth():
    """Labels of blocks of 1 to 60 equal pixels: as clusters they cover, as pixels they do not."""
    rng = np.random.default_rng(3)
    hits = []
    for _ in range(300):
        blocks = np.repeat(np.arange(25), rng.integers(1, 60, 25))
        labels = np.eye(2)[(rng.random(25) < 0.2).astype(int)][blocks]
        for each in (blocks, np.arange(len(blocks))):
            found = estimate(labels, np.zeros((len(blocks), 2, 0)), blocks=each)
            hits.append(found.low[1] <= 0.2 <= found.high[1])
    clustered, independent = np.reshape(hits, (-1, 2)).mean(0)
    assert 0.9 < clustered < 0.99
    assert independent < 0.6
