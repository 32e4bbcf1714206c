"""The vote: one classifier for each block of features."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.segmentation._block_voting import BlockVotingClassifier


@parametrize_with_checks([BlockVotingClassifier(LogisticRegression())])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_probabilities_are_means_over_the_blocks(rng):
    X = rng.normal(size=(200, 5))
    y = (X[:, 0] + X[:, 4] > 0).astype(int)
    vote = BlockVotingClassifier(LogisticRegression(), [3, 2]).fit(X, y)
    parts = [LogisticRegression().fit(b, y).predict_proba(b) for b in (X[:, :3], X[:, 3:])]
    np.testing.assert_allclose(vote.predict_proba(X), np.mean(parts, 0))
    assert vote.score(X, y) > 0.9


def test_weights_reach_every_classifier(rng):
    X = rng.normal(size=(100, 4))
    y = rng.integers(0, 2, 100)
    weight = np.where(y == 1, 1e-6, 1.0)
    vote = BlockVotingClassifier(LogisticRegression(), [2, 2]).fit(X, y, sample_weight=weight)
    assert (vote.predict(X) == 0).all()


def test_other_sizes_are_refused(rng):
    with pytest.raises(ValueError, match=r"block_sizes=\[3\] sum to 3, but X has 4 features"):
        BlockVotingClassifier(LogisticRegression(), [3]).fit(rng.normal(size=(9, 4)), [0, 1, 0] * 3)


def test_a_segmenter_sets_the_blocks_of_its_encoder(mosaic):
    images, labels = mosaic
    encoder = PixelEncoder(4, features="multiscale", max_epochs=0)
    segmenter = AESegmenter(encoder=encoder, estimator="vote", random_state=0).fit(images, labels)
    sizes = segmenter.estimator_.block_sizes
    assert sizes == segmenter.encoder_.block_sizes
    assert len(segmenter.estimator_.estimators_) == len(sizes) == 2
    assert segmenter.score(images, labels) > 0.9
    own = BlockVotingClassifier(RandomForestClassifier(5), [10, 16])
    given = AESegmenter(encoder=encoder, estimator=own, random_state=0).fit(images, labels)
    assert given.estimator_.block_sizes == [10, 16]
    patches = AESegmenter(encoder="passthrough", estimator="vote", random_state=0)
    assert len(patches.fit(images, labels).estimator_.estimators_) == 1
