"""AESegmenter with labels: weights, heads, doubts, names."""

import numpy as np
import pytest
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from skorch import NeuralNetClassifier
from torch import nn

from sklearn_segae import AESegmenter, PixelHead

RAW = {"encoder": "passthrough", "normalize": "dataset", "random_state": 0}


@pytest.fixture
def quadrants(rng):
    """Two noisy images of four gray values, one a quadrant, and their labels, 10 to 13."""
    labels = np.kron([[10, 11], [12, 13]], np.ones((20, 20), int))[None].repeat(2, 0)
    return labels + rng.normal(0, 0.2, labels.shape), labels


@pytest.fixture
def scribbles(quadrants):
    """Sixteen labeled pixels in the first image, none in the second."""
    _, labels = quadrants
    y = np.full(labels.shape, -1)
    y[0, 5::10, 5::10] = labels[0, 5::10, 5::10]
    return y


@pytest.mark.parametrize(
    "estimator",
    [
        "head",
        PixelHead(()),
        RandomForestClassifier(20),
        HistGradientBoostingClassifier(min_samples_leaf=1),
        LogisticRegression(C=1000),
        KNeighborsClassifier(3),
        SelfTrainingClassifier(RandomForestClassifier(10)),
        LabelSpreading(gamma=20),
    ],
    ids=lambda e: e if isinstance(e, str) else type(e).__name__,
)
def test_any_classifier_will_do(quadrants, scribbles, estimator):
    """A few labeled pixels in one image are enough for the other; labels come back as given."""
    images, labels = quadrants
    segmenter = AESegmenter(estimator=estimator, **RAW).fit(images, scribbles)
    assert segmenter.classes_.tolist() == [10, 11, 12, 13]
    predicted = segmenter.predict(images)
    assert predicted.dtype == scribbles.dtype
    assert accuracy_score(labels[1].ravel(), predicted[1].ravel()) > 0.9
    np.testing.assert_allclose(segmenter.predict_proba(images).sum(-1), 1, atol=1e-5)


class Softmax(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(1, 2), nn.Softmax(dim=1))

    def forward(self, x):
        return self.layers(x.float())


def test_a_network_wrapped_by_skorch_will_do(quadrants):
    """With the types that torch insists on: labels from 0, int64."""
    images, labels = quadrants
    net = NeuralNetClassifier(Softmax, lr=0.5, train_split=None, verbose=0)
    y = (labels > 11).astype(np.int64)
    segmenter = AESegmenter(estimator=net, **RAW).fit(images.astype(np.float32) - 11, y)
    assert segmenter.score(images.astype(np.float32) - 11, y) > 0.9


def test_weights_decide_between_contradicting_labels(quadrants):
    """Where two labels are given to one gray value, the heavier one wins; 0 is no label at all."""
    images, labels = quadrants
    y, weight = np.where(labels > 11, 1, 0), np.ones(labels.shape)
    y[1] = 1 - y[1]
    for heavy in (0, 1):
        weight[heavy], weight[1 - heavy] = 5, 1
        segmenter = AESegmenter(estimator=LogisticRegression(), **RAW)
        predicted = segmenter.fit(images, y, sample_weight=weight).predict(images)
        assert (predicted[heavy] == y[heavy]).mean() > 0.9
    weight[:] = y == 1  # no label of class 0 is left
    with pytest.raises(ValueError, match="sample_weight leaves class 1 alone"):
        segmenter.fit(images, y, sample_weight=weight)
    segmenter = AESegmenter(estimator=RandomForestClassifier(3), **RAW)
    assert segmenter.fit(images, y, sample_weight=weight).classes_.tolist() == [1]


def test_weights_of_rows(quadrants):
    """Rows have one weight each."""
    images, labels = quadrants
    X, y = images.reshape(-1, 1), (labels.ravel() > 11).astype(int)
    weight = np.where(y == 1, 1000.0, 1.0)
    segmenter = AESegmenter(estimator=LogisticRegression(C=0.001), **RAW)
    plain = segmenter.fit(X, y).predict(X).mean()
    assert segmenter.fit(X, y, sample_weight=weight).predict(X).mean() > plain


@pytest.mark.parametrize(
    ("estimator", "weight", "message"),
    [
        (KNeighborsClassifier(), np.ones((2, 40, 40)), "takes none in fit"),
        (KMeans(), np.ones((2, 40, 40)), "is a clusterer"),
        (LogisticRegression(), np.ones((2, 40, 39)), r"sample_weight has shapes \[\(40, 39\)"),
        (LogisticRegression(), -np.ones((2, 40, 40)), "must be finite and not negative"),
        (LogisticRegression(), np.zeros((2, 40, 40)), "or of zero weight"),
    ],
)
def test_weights_that_mean_nothing_are_refused(quadrants, estimator, weight, message):
    """For whom they are, of which shape, and which values."""
    images, labels = quadrants
    with pytest.raises(ValueError, match=message):
        AESegmenter(estimator=estimator, **RAW).fit(images, labels, sample_weight=weight)


def test_fit_takes_no_other_metadata(quadrants):
    """A misspelt keyword is an error."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'weights'"):
        AESegmenter(**RAW).fit(quadrants[0], weights=1)


def test_doubt_is_at_the_border_of_gray_values(quadrants, scribbles):
    """Pixels between two classes are less sure than those in the middle of one."""
    images, _ = quadrants
    segmenter = AESegmenter(estimator=LogisticRegression(C=100), **RAW).fit(images, scribbles)
    ramp = np.linspace(10, 13, 61).reshape(1, 1, -1)
    for measure in ("entropy", "margin", "least_confidence"):
        doubt = segmenter.uncertainty(ramp, measure=measure)[0, 0]
        assert 0 <= doubt.min() <= doubt.max() <= 1
        assert doubt[[10, 30, 50]].min() > 0.4 > 0.1 > doubt[[0, 60]].max()
    with pytest.raises(ValueError, match="measure='variance' is not known"):
        segmenter.uncertainty(ramp, measure="variance")


def test_a_clusterer_has_doubts_too(quadrants):
    """Distances to centers make probabilities, and these doubts; a list stays a list."""
    images, _ = quadrants
    segmenter = AESegmenter(4, estimator=KMeans(n_init=4), **RAW).fit(images)
    doubt = segmenter.uncertainty([images[0], images[1, :7]])
    assert [d.shape for d in doubt] == [(40, 40), (7, 40)]


def test_decision_function_is_the_estimators(quadrants):
    """One map for two classes, one for each of several; absent where the estimator has none."""
    images, labels = quadrants
    segmenter = AESegmenter(estimator=LogisticRegression(), **RAW).fit(images, labels)
    scores = segmenter.decision_function(images)
    assert scores.shape == (2, 40, 40, 4)
    np.testing.assert_array_equal(segmenter.classes_[scores.argmax(-1)], segmenter.predict(images))
    segmenter.fit(images, labels > 11)
    assert segmenter.decision_function([images[0]])[0].shape == (40, 40)
    assert not hasattr(AESegmenter(estimator=RandomForestClassifier()), "decision_function")


@pytest.mark.parametrize("estimator", [None, GaussianMixture(), KMeans(n_init=4)])
def test_one_pixel_names_a_segment(quadrants, estimator):
    """Four labeled pixels say what four segments are, in all images."""
    images, labels = quadrants
    segmenter = AESegmenter(4, estimator=estimator, **RAW).fit(images)
    before = segmenter.labels_.copy()
    y = np.full((1, 40, 40), -1)
    y[0, 10::20, 10::20] = labels[0, 10::20, 10::20]
    assert segmenter.assign_classes(images[:1], y) is segmenter
    assert segmenter.classes_.tolist() == [10, 11, 12, 13]
    assert (segmenter.predict(images) == labels).mean() > 0.95
    np.testing.assert_array_equal(segmenter.segment_classes_[before], segmenter.predict(images))
    probabilities = segmenter.predict_proba(images)
    np.testing.assert_array_equal(
        segmenter.classes_[probabilities.argmax(-1)], segmenter.predict(images)
    )


def test_several_segments_may_have_one_name(quadrants):
    """Classes of unlike parts; another naming, or another fit, forgets the first."""
    images, labels = quadrants
    halves = (labels > 11).astype(int)
    segmenter = AESegmenter(4, estimator=KMeans(n_init=4), **RAW).fit(images)
    assert (segmenter.assign_classes(images, halves).predict(images) == halves).mean() > 0.95
    assert segmenter.predict_proba(images).shape == (2, 40, 40, 2)
    again = segmenter.assign_classes(images, labels).predict(images)
    assert (again == labels).mean() > 0.95
    segmenter.fit(images)
    assert not hasattr(segmenter, "segment_classes_")
    assert not hasattr(segmenter, "classes_")
    assert set(np.unique(segmenter.predict(images))) == {0, 1, 2, 3}


def test_weights_decide_on_a_contested_name(quadrants):
    """Of two names for one segment, the heavier one wins."""
    images, labels = quadrants
    y = labels.copy()
    y[1] = 10  # contradicts three quarters of the first image
    segmenter = AESegmenter(4, estimator=KMeans(n_init=4), **RAW).fit(images)
    for heavy, expected in ((0, [10, 11, 12, 13]), (1, [10])):
        weight = np.ones(y.shape)
        weight[heavy] = 5
        assert segmenter.assign_classes(images, y, weight).classes_.tolist() == expected


def test_a_segment_without_labels_is_named_like_its_neighbor(quadrants):
    """Of three labeled segments, the one with the nearest code lends its name."""
    images, labels = quadrants
    y = np.where(labels == 13, -1, labels)
    segmenter = AESegmenter(4, estimator=KMeans(n_init=4), **RAW).fit(images)
    predicted = segmenter.assign_classes(images, y).predict(images)
    assert (predicted[labels == 13] == 12).mean() > 0.95


def test_noise_has_a_name_as_well(quadrants):
    """HDBSCAN calls pixels -1 that belong nowhere; they are a segment like others."""
    images, labels = quadrants
    segmenter = AESegmenter(estimator=HDBSCAN(min_cluster_size=100, copy=True), **RAW).fit(images)
    predicted = segmenter.assign_classes(images, labels).predict(images)
    assert set(np.unique(predicted)) <= {10, 11, 12, 13}


@pytest.mark.parametrize(
    "parameters", [{"estimator": "head"}, {"scope": "image", "estimator": KMeans()}]
)
def test_only_segments_that_lack_names_get_some(quadrants, parameters):
    """A classifier's have, and those of single images mean nothing elsewhere."""
    images, labels = quadrants
    segmenter = AESegmenter(4, **RAW, **parameters).fit(images, labels)
    with pytest.raises(ValueError, match="assign_classes is for segments that mean the same"):
        segmenter.assign_classes(images, labels)
