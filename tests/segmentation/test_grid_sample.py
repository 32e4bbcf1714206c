"""A survey: codes on a grid of random tiles, and how far its places are from borders."""

import numpy as np
import pytest

from sklearn_segae import PixelEncoder
from sklearn_segae.datasets import make_mosaic
from sklearn_segae.segmentation._grid_sample import GridSample, grid_step


@pytest.fixture(scope="module")
def encoder_and_images():
    images, _ = make_mosaic(2, n_segments=3, size=96, random_state=0)
    images = [image.astype(np.float32) for image in images]
    encoder = PixelEncoder(
        4, features="texture", pooling=8, n_filters=6, max_epochs=0, random_state=0
    )
    return encoder.fit(images), images


def test_it_holds_wide_and_narrow_codes_of_a_grid(encoder_and_images):
    """Every second pixel of every image, as the encoder encodes it."""
    encoder, images = encoder_and_images
    survey = GridSample(encoder, images, np.random.default_rng(0))
    assert survey.step == grid_step(8) == 2
    assert len(survey) == 2 * 48 * 48
    assert survey.wide.shape == survey.narrow.shape == (len(survey), 4)
    everything = slice(0, 96), slice(0, 96)
    expected = [
        encoder.encode_tile(x, everything, narrow=True, step=2).reshape(-1, 8) for x in images
    ]
    found = survey.codes.reshape(2, -1, 8)
    assert any(np.allclose(found, order, atol=1e-5) for order in (expected, expected[::-1]))


def test_distances_are_in_poolings_and_end_at_the_tile(encoder_and_images):
    """Places at a border are 0 away, on both sides; without any, all are far."""
    encoder, images = encoder_and_images
    survey = GridSample(encoder, images[:1], np.random.default_rng(0))
    labels = np.zeros((48, 48), int)
    assert np.isinf(survey.away_from_borders(labels.ravel())).all()
    labels[:, 20:] = 1
    away = survey.away_from_borders(labels.ravel()).reshape(48, 48)
    assert (away[:, 19:21] == 0).all()
    np.testing.assert_allclose(away[5, [0, 11, 28, 47]], np.array([19, 8, 8, 27]) / 4)


def test_patches_are_those_about_the_places(encoder_and_images):
    """One for every place, centered there, and without local brightness and contrast."""
    encoder, images = encoder_and_images
    survey = GridSample(encoder, images[:1], np.random.default_rng(0))
    patches = survey.patches().reshape(48, 48, 9, 9)
    np.testing.assert_array_equal(patches[10, 10, 2:, 4:], patches[11, 12, :-2, :-4])
    bright = GridSample(encoder, [3 * images[0] + 7], np.random.default_rng(0)).patches()
    assert np.abs(bright - patches.reshape(-1, 81)).mean() < 0.1 * patches.std()
