"""PixelVotingClassifier: weighted probabilities of several classifiers."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from sklearn_segae import AESegmenter, PixelEncoder, PixelVotingClassifier, UNetClassifier
from sklearn_segae.segmentation._dense_classifier import LabeledFeatures
from sklearn_segae.segmentation._targets import Targets


def targets(maps):
    """Return the labels of all pixels that are not negative."""
    known = [m >= 0 for m in maps]
    return Targets(maps, known, [~k for k in known], np.arange(6))


NET = UNetClassifier(4, crop_size=32, max_epochs=1)
LINEAR = LogisticRegression()
TREE = DecisionTreeClassifier(max_depth=3, random_state=0)


def first_channel(x):
    """Return the intensity alone."""
    return x[:, :1]


@pytest.fixture(scope="module")
def bright():
    """Images whose classes are dark and bright, with noise."""
    rng = np.random.default_rng(0)
    truth = np.kron(rng.integers(2, size=(2, 8, 8)), np.ones((16, 16), int))
    return (truth + rng.normal(0, 0.3, truth.shape)).astype(np.float32), truth


def test_probabilities_are_weighted_means(bright):
    """They are those of the classifiers."""
    images, truth = bright
    both = PixelVotingClassifier([("a", LINEAR), ("b", NET)], weights=[1, 3], random_state=0)
    found = both.fit(images, truth).predict_proba(images)
    alone = PixelVotingClassifier([("x", LINEAR)], random_state=0).fit(images, truth)
    net = both.members_[1]
    parts = alone.predict_proba(images), net.predict_proba(images)
    np.testing.assert_allclose(found, 0.25 * parts[0] + 0.75 * parts[1], atol=1e-6)
    np.testing.assert_array_equal(both.predict(images), found.argmax(-1))
    assert both.weights_.tolist() == [0.25, 0.75]


def test_a_weight_of_zero_costs_nothing(bright):
    """Such a classifier is not fitted, and no surroundings are read."""
    images, truth = bright
    vote = PixelVotingClassifier([("a", LINEAR), ("b", NET)], weights=[1, 0]).fit(images, truth)
    assert vote.members_[1] is None
    assert vote.margin == 0
    assert vote.score(images, truth) > 0.9


def test_weights_are_chosen_on_labels_held_out(bright):
    """A classifier that guesses gets none."""
    images, truth = bright
    guess = DummyClassifier(strategy="stratified", random_state=0)
    options = {"weights": "auto", "random_state": 0}
    vote = PixelVotingClassifier([("guess", guess), ("line", LINEAR)], **options)
    assert vote.fit(images, truth).weights_[1] > 0.5
    vote = PixelVotingClassifier([("line", LINEAR), ("same", LINEAR)], **options)
    assert vote.fit(images, truth).weights_.tolist() == [0.5, 0.5]


def test_a_class_with_one_label_is_never_held_out(bright):
    """Every classifier knows every class, also while weights are chosen."""
    images, truth = bright
    y = np.full_like(truth, -1)
    y[0, ::7, ::7] = truth[0, ::7, ::7]
    y[0, 0, 0] = 5
    for seed in range(5):
        vote = PixelVotingClassifier(
            [("a", LINEAR), ("b", LINEAR)], weights="auto", random_state=seed
        )
        assert vote.fit(images, y).classes_.tolist() == [0, 1, 5]


def test_blocks_of_features_have_weights_of_their_own(bright):
    """The codes of one block may be useless, those of another decide."""
    images, truth = bright
    noise = np.random.default_rng(1).normal(size=images.shape)
    X = np.stack([noise, images], -1)
    y = np.where(np.arange(128) % 7 == 0, truth, -1)
    data = LabeledFeatures(
        lambda image, tile: image[tile],
        list(X),
        targets(list(y)),
        2,
        [slice(0, 1), slice(1, 2)],
        999,
    )
    vote = PixelVotingClassifier([("line", LINEAR)], weights="auto", random_state=0)
    vote.fit_features(data)
    assert vote.weights_[1] >= 0.5
    assert vote.set_params(weights=None).fit_features(data).weights_.tolist() == [0.5, 0.5]
    both = PixelVotingClassifier([("a", LINEAR), ("b", LINEAR)], weights=[3, 1])
    assert both.fit_features(data).weights_.tolist() == [0.375, 0.375, 0.125, 0.125]


def test_weights_are_equal_if_labels_of_one_class_can_be_held_out(bright):
    """They would say nothing about the others."""
    images, truth = bright
    y = np.full_like(truth, -1)
    y[0, :64], y[1, :64] = np.where(truth[0, :64] == 1, 1, -1), truth[1, :64]
    tree = DummyClassifier(strategy="constant", constant=1)
    vote = PixelVotingClassifier([("line", LINEAR), ("one", tree)], weights="auto", random_state=0)
    assert vote.fit(images, y).weights_.tolist() == [0.5, 0.5]


def test_networks_need_labels(bright):
    """With fewer than 500 labeled pixels they have no weight, unless there is nothing else."""
    images, truth = bright
    y = np.full_like(truth, -1)
    y[:, ::9, ::9] = truth[:, ::9, ::9]  # 450 pixels
    both = PixelVotingClassifier([("a", LINEAR), ("b", NET)], weights="auto", random_state=0)
    vote = both.fit(images, y)
    assert vote.weights_.tolist() == [1, 0]
    assert vote.members_[1] is None
    alone = PixelVotingClassifier([("net", NET)], weights="auto", random_state=0)
    assert alone.fit(images, y).weights_.tolist() == [1]


def test_whole_images_are_held_out(bright):
    """A classifier that is right only in images whose labels it has seen gets less weight."""
    images, truth = bright
    cue = truth + 10 * np.arange(len(truth))[:, None, None]  # other values in each image
    X = np.stack([images, cue], -1)
    intensity = make_pipeline(FunctionTransformer(first_channel), LINEAR)
    vote = PixelVotingClassifier([("cue", TREE), ("intensity", intensity)], random_state=0)
    assert vote.set_params(weights="auto").fit(X, truth).weights_[1] > 0.5
    one = vote.fit(X[:1], truth[:1])  # blocks of the same image have the same values
    assert one.weights_[0] >= 0.5


def test_each_kind_of_features_has_its_own_classifier(mosaic):
    """Pretrained codes are seen apart; pixels and codes by the network."""
    images, labels = mosaic
    vote = PixelVotingClassifier([("line", LINEAR), ("net", NET)])
    for features, n in (("multiscale", 1), ("multiscale+pretrained", 2)):
        encoder = PixelEncoder(8, features=features, max_epochs=0)
        segmenter = AESegmenter(encoder=encoder, estimator=vote, random_state=0)
        segmenter.fit(images, labels)
        *rows, net = segmenter.estimator_.members_
        assert len(rows) == n
        n_codes = segmenter.transform(images).shape[-1]
        assert sum(m.stop - m.start for m in rows) == n_codes
        assert net.n_features_in_ == n_codes + images.shape[3]


def test_the_default_is_a_forest_and_a_network():
    """Named "vote", with parameters that a search reaches."""
    vote = PixelVotingClassifier([("line", LINEAR), ("unet", NET)])
    assert clone(vote).set_params(unet__max_epochs=7).get_params()["unet__max_epochs"] == 7
    segmenter = AESegmenter(estimator=vote).set_params(estimator__line__C=3)
    assert segmenter.get_params()["estimator__line"].C == 3


def test_sample_weights_reach_every_classifier(bright):
    """A class without weight is not found."""
    images, truth = bright
    vote = PixelVotingClassifier([("a", LINEAR), ("b", NET)], random_state=0)
    weight = np.where(truth == 1, 1e-6, 1.0)
    assert (vote.fit(images, truth, sample_weight=weight).predict(images) == 0).all()


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"weights": [1]}, "2 numbers >= 0, one for each of estimators"),
        ({"weights": [0, 0]}, "2 numbers >= 0"),
        ({"weights": [-1, 2]}, "2 numbers >= 0"),
        ({"estimators": []}, "a list of .name, classifier. with predict_proba is needed"),
        ({"estimators": [LINEAR]}, "a list of .name, classifier. with predict_proba is needed"),
        ({"estimators": [("a", LINEAR), ("a", NET)]}, "not unique"),
    ],
)
def test_refusals(bright, parameters, message):
    """Errors name the argument and a way out."""
    given = {"estimators": [("a", LINEAR), ("b", NET)]} | parameters
    with pytest.raises(ValueError, match=message):
        PixelVotingClassifier(**given).fit(*bright)
