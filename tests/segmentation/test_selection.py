"""Selection of features and clusterer without labels, and training only where it is used."""

import numpy as np
import pytest
from scipy import ndimage
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_scenes
from sklearn_segae.segmentation._clustering import count_of
from sklearn_segae.segmentation._gaussian_mixture import ShrunkMixture


def agreement(truth, labels):
    return adjusted_rand_score(np.ravel(truth), np.ravel(labels))


def k_means(images, k):
    rows = images.reshape(-1, images.shape[-1])
    return KMeans(k, n_init=4, random_state=0).fit_predict(rows)


@pytest.mark.parametrize("kind", ["intensity", "color", "intensity+texture"])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_default_does_not_lose_to_the_obvious(kind, seed):
    """Neither to k-means on pixels nor on smoothed pixels."""
    k = 2 + 2 * seed
    images, truth = make_scenes(2, n_segments=k, kind=kind, size=64, random_state=seed)
    smooth = ndimage.gaussian_filter(images, (0, 2, 2, 0))
    best = max(agreement(truth, k_means(x, k)) for x in (images, smooth))
    own = agreement(truth, AESegmenter(k, random_state=0).fit_predict(images))
    assert own > best - 0.05


def test_textures_are_segmented():
    """Where k-means on pixels is at chance."""
    images, truth = make_scenes(1, n_segments=2, kind="texture", size=192, random_state=0)
    assert agreement(truth, k_means(images, 2)) < 0.05
    segmenter = AESegmenter(2, random_state=0).fit(images)
    assert segmenter.encoder_.features_ == "texture"
    assert isinstance(segmenter.estimator_, KMeans)
    assert agreement(truth, segmenter.labels_) > 0.85


def test_two_noisy_halves():
    """Two images of 48 x 64 pixels, half dark and half bright, for any number of components."""
    truth = np.zeros((2, 48, 64), int)
    truth[:, :, 32:] = 1
    images = truth + np.random.default_rng(0).normal(0, 0.1, truth.shape)
    for n_components in (1, 4, 16):
        encoder = PixelEncoder(n_components, max_epochs=1)
        labels = AESegmenter(2, encoder=encoder, random_state=0).fit_predict(images)
        assert agreement(truth, labels) > 0.99


@pytest.fixture(scope="module")
def halves():
    return make_scenes(1, n_segments=2, size=48, random_state=0)[0]


def test_only_a_given_encoder_is_trained(halves):
    """The default one has random weights; an encoder of the user's own is trained as it says."""
    assert AESegmenter(2, random_state=0).fit(halves).encoder_.n_iter_ == 0
    encoder = PixelEncoder(max_epochs=2)
    segmenter = AESegmenter(2, encoder=encoder, random_state=0).fit(halves)
    assert segmenter.encoder_.features_ == "intensity"
    assert segmenter.encoder_.n_iter_ == 2


def test_an_untrained_network_gives_the_same_labels(halves):
    """The clusterer does not use its features, so that training would change nothing."""
    chosen = AESegmenter(2, random_state=0).fit(halves)
    pooling = chosen.encoder_.pooling_
    trained = PixelEncoder(features="intensity", pooling=pooling, random_state=0, max_epochs=1)
    codes = [e.fit(halves).transform(halves) for e in (trained, chosen.encoder_)]
    mask = chosen.labeler_.estimator.used
    assert mask.tolist() == [True] + [False] * 15
    np.testing.assert_allclose(codes[0][..., mask], codes[1][..., mask], atol=1e-6)


def test_the_clusterer_is_visible_and_survives_scope_image(halves):
    """estimator_ is a mixture for intensities; every image has one of the same kind."""
    segmenter = AESegmenter(2, scope="image", random_state=0).fit(halves)
    assert isinstance(segmenter.estimator_, ShrunkMixture)
    np.testing.assert_array_equal(segmenter.predict(halves), segmenter.labels_)


def test_given_settings_are_kept(halves):
    """Nothing is selected that the user has set."""
    encoder = PixelEncoder(features="intensity", pooling=3, whitening=1, max_epochs=0)
    found = AESegmenter(2, encoder=encoder, random_state=0).fit(halves).encoder_
    assert (found.features_, found.pooling_, found.whitening_) == ("intensity", 3, 1)


def test_the_number_of_a_clusterer():
    """Its own, unless that is the default; of others, n_segments."""
    assert count_of(KMeans(5), 3) == 5
    assert count_of(KMeans(), 3) == 3
    assert count_of(GaussianMixture(4), 3) == 4
    assert count_of(None, 3) == 3


def test_images_without_contrast():
    """Constant images have one segment; the others are empty."""
    images = np.full((2, 20, 20), 7, np.uint8)
    with pytest.warns(UserWarning, match="distinct clusters"):
        labels = AESegmenter(2, random_state=0).fit_predict(images)
    assert len(np.unique(labels)) == 1
