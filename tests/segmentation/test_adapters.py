"""Estimators with one face, and estimators by name."""

import numpy as np
import pytest
from sklearn.base import is_classifier
from sklearn.cluster import AgglomerativeClustering, Birch, KMeans, MeanShift
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from sklearn.svm import LinearSVC

from sklearn_segae import AESegmenter
from sklearn_segae.segmentation import _adapters
from sklearn_segae.segmentation._adapters import (
    BlockwiseGraph,
    Classifier,
    Clusterer,
    InductiveClusterer,
    SelfTraining,
    SoftKMeans,
    SparseMixture,
    adapt,
)
from sklearn_segae.segmentation._dense_classifier import DenseClassifier
from sklearn_segae.segmentation._estimators import ESTIMATORS, is_dense, is_supervised, named
from sklearn_segae.segmentation._gaussian_mixture import ShrunkMixture

KINDS = [
    (LogisticRegression(), Classifier),
    (LinearSVC(), Classifier),
    (SelfTrainingClassifier(LogisticRegression()), SelfTraining),
    (LabelSpreading(), BlockwiseGraph),
    (KMeans(2, n_init=1), SoftKMeans),
    (Birch(n_clusters=2), Clusterer),
    (GaussianMixture(2), Clusterer),
    (MeanShift(), Clusterer),
    (ShrunkMixture(2), SparseMixture),
    (AgglomerativeClustering(2), InductiveClusterer),
]


@pytest.fixture
def clusters(rng):
    """Two far clusters of 40 rows each, the second also far along a second axis."""
    y = np.repeat([0, 1], 40)
    return (y[:, None] * [9.0, 5.0] + rng.normal(size=(80, 2))).astype(np.float32), y


def fitted(estimator, clusters, rng):
    rows, y = clusters
    face = adapt(estimator)
    if face.uses_unlabeled:
        y = np.where(np.arange(80) % 40 == 5, -1, y)
    return face.fit(rows, y) if is_classifier(estimator) else face.fit(rows, 2, rng)


@pytest.mark.parametrize(("estimator", "kind"), KINDS, ids=str)
def test_every_estimator_has_one_face(estimator, kind, clusters, rng):
    """Two clusters get two labels, which are the classes; of clusterers, int32."""
    face = fitted(estimator, clusters, rng)
    labels = face.predict(clusters[0])
    assert type(face) is kind
    assert labels.dtype == (int if is_classifier(estimator) else np.int32)
    assert face.classes_.tolist() == [0, 1]
    assert len(np.unique(labels[:40])) == len(np.unique(labels[40:])) == 1
    assert labels[0] != labels[-1]


@pytest.mark.parametrize(("estimator", "kind"), KINDS, ids=str)
def test_probabilities_wherever_there_can_be_any(estimator, kind, clusters, rng):
    """They sum to 1 and are highest where the label is; distances are enough."""
    face = fitted(estimator, clusters, rng)
    rows = clusters[0]
    has_some = hasattr(estimator, "predict_proba") or kind is SoftKMeans
    assert hasattr(face, "predict_proba") == has_some
    if has_some:
        likely = face.predict_proba(rows)
        assert likely.sum(1) == pytest.approx(np.ones(80), abs=1e-5)
        np.testing.assert_array_equal(face.classes_[likely.argmax(1)], face.predict(rows))


def test_a_graph_gets_few_rows_at_once(clusters, rng, monkeypatch):
    """Blocks of seven rows have the labels and probabilities of all rows together."""
    face = fitted(LabelSpreading(), clusters, rng)
    whole = face.predict(clusters[0]), face.predict_proba(clusters[0])
    monkeypatch.setattr(_adapters, "N_QUADRATIC", 7)
    np.testing.assert_array_equal(face.predict(clusters[0]), whole[0])
    np.testing.assert_allclose(face.predict_proba(clusters[0]), whole[1])


def test_faint_features_are_not_used(clusters, rng):
    """Features of hardly any variance are not used by mixtures and k-means."""
    rows = np.column_stack([clusters[0], np.full(80, 1e-6)])
    assert adapt(ShrunkMixture(2)).fit(rows, 2, rng).used.tolist() == [True, True, False]
    assert adapt(KMeans(2, n_init=1)).fit(rows, 2, rng).used.tolist() == [True, True, False]
    assert adapt(KMeans(2, n_init=1)).fit(clusters[0], 2, rng).used is None


@pytest.mark.parametrize("name", ESTIMATORS)
def test_names_stand_for_estimators(name, clusters):
    """Each is made anew, of the kind that the table says, and AESegmenter takes its name."""
    estimator = named(name)
    assert estimator is not named(name)
    assert is_classifier(estimator) == ESTIMATORS[name].is_classifier == is_supervised(name)
    segmenter = AESegmenter(2, encoder="passthrough", estimator=name, random_state=0)
    rows, y = clusters
    assert is_classifier(segmenter) == is_supervised(name)
    assert isinstance(estimator, DenseClassifier) == ESTIMATORS[name].is_dense == is_dense(name)
    if is_dense(name):  # needs images
        return
    labels = segmenter.fit(rows, y).predict(rows)
    assert labels[0] != labels[-1]
    assert type(segmenter.estimator_) is type(estimator)


def test_an_unknown_name_is_refused():
    """The error names the parameter and the names that there are."""
    with pytest.raises(ValueError, match=r"estimator.*kmeans"):
        AESegmenter(estimator="median").fit(np.zeros((1, 9, 9)))
