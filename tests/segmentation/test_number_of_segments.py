"""The number of segments, read off the codes."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_mosaic
from sklearn_segae.segmentation._clustering import MOST, count_clusters


@pytest.mark.parametrize("k", [2, 3, 5, 8])
@pytest.mark.parametrize("n_features", [2, 16])
def test_separate_clusters_are_counted(k, n_features):
    """Well separated blobs in few and in many dimensions."""
    centers = 10 * np.random.default_rng(k).permutation(np.eye(16))[:k, :n_features]
    centers = centers if n_features == 16 else 10 * np.c_[np.arange(k) % 3, np.arange(k) // 3]
    rows, _ = make_blobs(2000, centers=centers, cluster_std=0.5, random_state=0)
    assert count_clusters(rows, seed=0) == k


def test_few_distinct_rows():
    """Never more clusters than different rows; one row is one cluster."""
    assert count_clusters(np.ones((50, 3)), seed=0) == 1
    assert count_clusters(np.repeat([[0.0], [1.0]], 30, axis=0), seed=0) == 2


def test_there_is_a_limit():
    """A dozen at most."""
    rows = np.repeat(100.0 * np.eye(20), 50, axis=0)
    assert count_clusters(rows, seed=0) <= MOST


def test_the_segmenter_asks_for_it():
    """n_segments="auto": found in a mosaic, one number a set or one an image."""
    encoder = PixelEncoder(features="texture", pooling=5, n_filters=12, max_epochs=0)
    images, _ = make_mosaic(2, n_segments=3, size=112, random_state=1)
    segmenter = AESegmenter("auto", encoder=encoder, random_state=0).fit(images)
    assert segmenter.n_segments_ in (2, 3, 4)
    assert len(np.unique(segmenter.labels_)) == segmenter.n_segments_
    assert segmenter.estimator_.n_clusters == segmenter.n_segments_
    own = AESegmenter("auto", encoder=encoder, scope="image", random_state=0).fit(images)
    assert [len(np.unique(labels)) for labels in own.labels_] == own.n_segments_
    assert AESegmenter(3, encoder=encoder, random_state=0).fit(images).n_segments_ == 3
