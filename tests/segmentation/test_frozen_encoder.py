"""AESegmenter with encoders and estimators inside scikit-learn's FrozenEstimator."""

import copy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.persistence import load, save

OPTIONS = {"normalize": "dataset", "ignore_label": 9, "random_state": 0}


@pytest.fixture(scope="module")
def encoder(shapes):
    return PixelEncoder(4, n_filters=4, max_epochs=1, random_state=3).fit(shapes[0])


@pytest.fixture
def strokes(shapes):
    """Every eighth pixel labeled, 9 elsewhere."""
    y = np.full(shapes[1].shape, 9)
    y[:, ::8, ::8] = shapes[1][:, ::8, ::8]
    return y


def test_a_frozen_encoder_is_used_as_it_is(shapes, strokes, encoder):
    """The very encoder is kept, untouched, and its codes are those of the segmenter."""
    weights = copy.deepcopy(encoder.net_.module_.state_dict())
    segmenter = AESegmenter(
        encoder=FrozenEstimator(encoder), estimator=LogisticRegression(), **OPTIONS
    ).fit(shapes[0], strokes)
    assert segmenter.encoder_ is encoder
    assert all((weights[k] == v).all() for k, v in encoder.net_.module_.state_dict().items())
    np.testing.assert_array_equal(segmenter.transform(shapes[0]), encoder.transform(shapes[0]))
    assert segmenter.score(*shapes) > 0.9


def test_freezing_what_was_learnt_changes_nothing(shapes):
    """A segmenter and one with its frozen encoder give equal maps; clones are equal, too."""
    first = AESegmenter(3, encoder=PixelEncoder(4, max_epochs=1), random_state=0).fit(shapes[0])
    frozen = AESegmenter(3, encoder=FrozenEstimator(first.encoder_), random_state=0)
    for segmenter in (frozen, clone(frozen)):
        np.testing.assert_array_equal(segmenter.fit_predict(shapes[0]), first.labels_)


def test_a_frozen_transformer_of_patches(shapes, encoder):
    """Any fitted transformer is looked through; it gets patches and is not fitted again."""
    pca = PCA(3).fit(np.random.default_rng(0).normal(size=(50, 9)))
    axes = pca.components_.copy()
    segmenter = AESegmenter(3, encoder=FrozenEstimator(pca), patch_size=3, **OPTIONS)
    assert segmenter.fit(shapes[0]).encoder_ is pca
    np.testing.assert_array_equal(pca.components_, axes)


def test_a_frozen_classifier_is_not_fitted_again(shapes, strokes, encoder):
    """Encoder and classifier, fitted elsewhere, are put together by a fit that trains nothing."""
    codes = encoder.transform(shapes[0]).reshape(-1, 4)
    classifier = LogisticRegression().fit(codes, shapes[1].ravel())
    segmenter = AESegmenter(
        encoder=FrozenEstimator(encoder), estimator=FrozenEstimator(classifier), **OPTIONS
    ).fit(shapes[0], strokes)
    assert segmenter.estimator_ is classifier
    np.testing.assert_array_equal(
        segmenter.predict(shapes[0]).ravel(), classifier.predict(codes).astype(np.int32)
    )


def test_a_frozen_clusterer_is_not_fitted_again(shapes, encoder):
    """Its segments are those of the clusterer itself, whatever `n_segments` is."""
    codes = encoder.transform(shapes[0])
    clusterer = KMeans(3, random_state=0).fit(codes.reshape(-1, 4))
    frozen = {"encoder": FrozenEstimator(encoder), "estimator": FrozenEstimator(clusterer)}
    segmenter = AESegmenter(5, **frozen, **OPTIONS).fit(shapes[0])
    expected = clusterer.predict(codes.reshape(-1, 4)).reshape(codes.shape[:3])
    np.testing.assert_array_equal(segmenter.labels_, expected)
    assert segmenter.estimator_ is clusterer


def test_a_segmenter_with_a_frozen_encoder_is_saved(shapes, strokes, encoder, tmp_path):
    """It comes back with the same label maps."""
    segmenter = AESegmenter(encoder=FrozenEstimator(encoder), estimator="head", **OPTIONS)
    segmenter.fit(shapes[0], strokes)
    save(segmenter, tmp_path / "model.segae")
    again = load(tmp_path / "model.segae")
    np.testing.assert_array_equal(again.predict(shapes[0]), segmenter.predict(shapes[0]))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"encoder": FrozenEstimator(PixelEncoder())}, NotFittedError, "not fitted"),
    ],
)
def test_what_a_frozen_encoder_cannot_do(shapes, strokes, encoder, change, error, message):
    """It has to be fitted."""
    given = {"encoder": FrozenEstimator(encoder), "estimator": LogisticRegression(), **OPTIONS}
    with pytest.raises(error, match=message):
        AESegmenter(**(given | change)).fit(shapes[0], strokes)


def test_a_frozen_encoder_of_other_channels(shapes, encoder):
    """Images of other channels, or rows, are refused with what was expected."""
    segmenter = AESegmenter(3, encoder=FrozenEstimator(encoder), **OPTIONS)
    with pytest.raises(ValueError, match=r"images of 1 channels, but X holds images of 2"):
        segmenter.fit(np.repeat(shapes[0], 2, axis=3))
    with pytest.raises(ValueError, match="holds rows"):
        segmenter.fit(shapes[0].reshape(-1, 1))
