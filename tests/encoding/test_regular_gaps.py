"""Images in which only every other row or pixel has data, such as interlaced scans."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_scenes, make_volume
from sklearn_segae.imaging._scaling import sample_evenly

KEPT = {
    "odd rows": np.s_[:, 1::2],
    "odd pixels": np.s_[:, 1::2, 1::2],
    "every third": np.s_[:, 1::3, 1::3],
}


def with_gaps(images, kept):
    """Return images that have data in `kept` only, and where that is."""
    known = np.zeros(images.shape[:-1], bool)
    known[kept] = True
    return np.where(known[..., None], images, np.nan), known


@pytest.mark.parametrize("features", [None, "texture", "multiscale", "intensity+texture"])
@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
def test_gaps_may_be_as_regular_as_any_grid(kept, features):
    """Pixels are segmented as without gaps, although grids of samples may hit gaps alone."""
    images, truth = make_scenes(1, n_segments=2, kind="intensity", size=64, random_state=0)
    encoder = features and PixelEncoder(4, features=features, max_epochs=0)
    X, known = with_gaps(images, kept)

    labels = AESegmenter(2, encoder=encoder, random_state=0).fit_predict(X)

    assert adjusted_rand_score(truth[known], labels[known]) > 0.85  # 0.9 for textures
    assert (labels[~known] == -1).all()


def test_spectra_and_volumes_may_have_them_too():
    """Noise is estimated without neighbors, and slices are chosen that have data."""
    spectra, truth = make_scenes(1, n_segments=2, n_channels=20, size=64, random_state=0)
    X, known = with_gaps(spectra, KEPT["odd pixels"])
    labels = AESegmenter(2, random_state=0).fit_predict(X)
    assert adjusted_rand_score(truth[known], labels[known]) > 0.9

    volumes, truth = make_volume(random_state=0)
    X, known = with_gaps(volumes, KEPT["odd rows"])  # here, slices
    labels = AESegmenter(3, spacing=(1, 1, 1), random_state=0).fit_predict(X)
    assert adjusted_rand_score(truth[known], labels[known]) > 0.9


def test_large_images_are_sampled_where_they_have_data():
    """A grid of every second pixel would find none."""
    X, _ = with_gaps(np.ones((1, 900, 900, 1)), KEPT["odd rows"])

    assert len(sample_evenly(X, 1000)) > 100


@pytest.mark.parametrize("n_segments", [2, "auto"])
@pytest.mark.parametrize("place", [np.s_[0, :2], np.s_[0, :, :2], np.s_[0, 0, :3]])
def test_data_may_be_at_the_border_alone(place, n_segments):
    """Descriptions of pixels by their neighbors leave it out; it is segmented all the same."""
    X = np.full((1, 32, 32), np.nan)
    X[place] = np.random.default_rng(0).normal(size=X[place].shape)

    labels = AESegmenter(n_segments, random_state=0).fit_predict(X)

    np.testing.assert_array_equal(labels >= 0, np.isfinite(X))


def test_three_pixels_are_enough_for_an_encoder():
    """The error about images without data is for those alone."""
    X = np.full((1, 32, 32), np.nan)
    X[0, 7, 9:12] = 1, 2, 3

    codes = PixelEncoder(1, features="multiscale", max_epochs=0).fit_transform(X)
    assert np.isfinite(codes[0, 7, 9:12]).all()
    with pytest.raises(ValueError, match="no pixel with data"):
        PixelEncoder(1).fit(np.full((1, 32, 32), np.nan))
