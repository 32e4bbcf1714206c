"""The number of segments, read off the codes."""

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, AgglomerativeClustering, Birch, KMeans, MeanShift
from sklearn.datasets import make_blobs
from sklearn.frozen import FrozenEstimator
from sklearn.mixture import GaussianMixture

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


@pytest.fixture
def blobs():
    """Rows in three far clusters."""
    centers = 20 * np.eye(3)
    return make_blobs(300, centers=centers, cluster_std=0.5, random_state=0)[0]


OWN_NUMBERS = [
    (KMeans(5, n_init=1), 5),
    (GaussianMixture(4, reg_covar=1e-3), 4),
    (AgglomerativeClustering(5), 5),
    (Birch(n_clusters=5), 5),
    (MeanShift(), 3),
    (DBSCAN(eps=2), 3),
]


@pytest.mark.parametrize(("estimator", "number"), OWN_NUMBERS, ids=str)
@pytest.mark.parametrize("asked", [2, "auto"])
def test_a_clusterer_with_its_own_number_keeps_it(blobs, estimator, number, asked):
    """n_segments_ is the number of segments of the clusterer, not the parameter."""
    segmenter = AESegmenter(asked, encoder="passthrough", estimator=estimator, random_state=0)
    assert segmenter.fit(blobs).n_segments_ == number
    assert len(np.unique(segmenter.labels_)) == number
    if hasattr(segmenter, "predict_proba"):
        assert segmenter.predict_proba(blobs).shape == (300, number)


@pytest.mark.parametrize("name", [None, "kmeans", "mixture"])
def test_the_parameter_replaces_a_default_number(blobs, name):
    """n_segments_ is n_segments, and so many columns have the probabilities."""
    segmenter = AESegmenter(4, encoder="passthrough", estimator=name, random_state=0).fit(blobs)
    assert segmenter.n_segments_ == 4
    assert segmenter.predict_proba(blobs).shape == (300, 4)


@pytest.mark.parametrize("clusterer", [KMeans(3, n_init=1), Birch(n_clusters=3), MeanShift()])
def test_a_frozen_clusterer_has_the_segments_it_was_fitted_with(blobs, clusterer):
    """Also those that are not in the images."""
    frozen = FrozenEstimator(clusterer.fit(blobs))
    some = blobs[clusterer.labels_ != 0]
    segmenter = AESegmenter(8, encoder="passthrough", estimator=frozen, random_state=0).fit(some)
    assert segmenter.n_segments_ == 3
    assert len(np.unique(segmenter.labels_)) == 2


def test_noise_is_no_segment(blobs):
    """Rows of DBSCAN's label -1 are not counted, not even if there are no others."""
    rows = np.vstack([blobs, 1000 * np.eye(3)])
    options = {"encoder": "passthrough", "random_state": 0}
    segmenter = AESegmenter(estimator=DBSCAN(eps=2), **options).fit(rows)
    assert segmenter.n_segments_ == 3
    assert set(segmenter.labels_) == {-1, 0, 1, 2}
    lonely = AESegmenter(estimator=DBSCAN(eps=1e-6), **options).fit(rows)
    assert lonely.n_segments_ == 0


def test_every_image_has_the_number_that_was_found_in_it():
    """scope="image": an image of two gray values has two segments, one of three has three."""
    two, three = np.zeros((2, 12, 12), np.float32)
    two[6:], three[4:8], three[8:] = 1, 0.5, 1
    segmenter = AESegmenter(
        estimator=DBSCAN(eps=0.1),
        encoder=PixelEncoder(1, features="intensity", pooling=0, max_epochs=0),
        scope="image",
        random_state=0,
    )
    assert segmenter.fit([two, three]).n_segments_ == [2, 3]


def test_refined_borders_have_the_columns_of_the_clusterer():
    """Probabilities of refined borders are for all segments, in images that hold some of them."""
    encoder = PixelEncoder(4, features="texture", pooling=3, n_filters=8, max_epochs=0)
    images, _ = make_mosaic(1, n_segments=2, size=64, random_state=1)
    options = {"encoder": encoder, "refine": True, "random_state": 0}
    segmenter = AESegmenter(2, estimator=KMeans(5, n_init=1), **options).fit(images)
    assert segmenter.labeler_.refiner is not None
    assert segmenter.n_segments_ == 5
    assert segmenter.predict_proba(images).shape == (1, 64, 64, 5)
