"""Scores of generated samples: their known values, and what they tell apart."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from sklearn_segae.generation._sample_metrics import (
    coverage,
    mode_coverage,
    novelty,
    two_sample_accuracy,
)


def test_two_samples_of_one_density_cannot_be_told_apart(rng):
    """Half of the guesses are right; all are between far densities, none of jittered copies."""
    real, others = rng.normal(size=(2, 1000, 3))
    assert two_sample_accuracy(real, others) == pytest.approx(0.5, abs=0.05)
    assert two_sample_accuracy(real, others + 20) == 1
    assert two_sample_accuracy(real, real + 1e-6) == 0


def test_novelty_is_the_probability_of_being_further_away(rng):
    """New data score a half, copies 0, far samples 1, and equal distances count half."""
    train, real, others = rng.normal(size=(3, 1000, 2))
    assert novelty(train, real, others) == pytest.approx(0.5, abs=0.05)
    assert novelty(train, real, train + 1e-9) < 0.01
    assert novelty(train, real, others + 20) == 1
    assert novelty([[0.0]], [[1.0], [-1.0]], [[1.0], [3.0]]) == 0.75


def test_coverage_counts_neighborhoods_that_were_reached(rng):
    """Samples of one of two clusters cover that one; as many new real ones cover 1 - 2**-k."""
    real, others = rng.normal(size=(2, 1000, 2)) + np.repeat([0, 30], 500)[:, None]
    assert coverage(real, others) == pytest.approx(1 - 2**-5, abs=0.02)
    assert coverage(real, others, 1) == pytest.approx(0.5, abs=0.06)
    assert coverage(real, others[:500]) == pytest.approx(0.5 * (1 - 2**-5), abs=0.02)


@pytest.mark.parametrize(("min_share", "expected"), [(0, 0.75), (0.5, 0.5), (2, 0.25)])
def test_mode_coverage_counts_classes_that_occur_often_enough(min_share, expected):
    """Of four classes one gets 13 samples of 20, one 6, one 1, one none; an even share is 5."""
    classifier = KNeighborsClassifier(1).fit(np.arange(4.0)[:, None], ["a", "b", "c", "d"])
    generated = np.repeat([0.0, 1.0, 2.0], [13, 6, 1])[:, None]
    assert mode_coverage(classifier, generated, min_share=min_share) == expected


def test_images_are_compared_as_rows(rng):
    """Any shape of samples does, as long as all have one."""
    real, others = rng.normal(size=(2, 30, 4, 5))
    flat = real.reshape(30, 20), others.reshape(30, 20)
    assert two_sample_accuracy(real, others) == two_sample_accuracy(*flat)
    assert novelty(real, others, real) == 0
    assert coverage(real, others) == coverage(*flat)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda X: two_sample_accuracy(X, X[:3]), "real holds 5 samples, but generated holds 3"),
        (
            lambda X: two_sample_accuracy(X, X[:, :1]),
            "generated has 1 numbers per sample, but real",
        ),
        (lambda X: novelty(X, X * np.nan, X), "real contains NaN"),
        (lambda X: coverage(X, X), r"n_neighbors=5, but each of the 5 real samples has 4"),
        (lambda X: coverage(X, X, 0), r"n_neighbors=0, but each"),
        (lambda X: mode_coverage(KNeighborsClassifier(), X), "not fitted"),
    ],
)
def test_what_cannot_be_compared_is_refused(rng, call, message):
    """With the argument, its value and the rule."""
    with pytest.raises(ValueError, match=message):
        call(rng.normal(size=(5, 2)))
