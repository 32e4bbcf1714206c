"""Texture or color: the choice that is read off the images."""

import numpy as np
import pytest
import torch

from sklearn_segae import PixelEncoder
from sklearn_segae.datasets import make_mosaic, make_shapes
from sklearn_segae.encoding._auto_features import Evidence, measure_evidence, texture_scale
from sklearn_segae.encoding._feature_sampling import TileReader
from sklearn_segae.imaging._scaling import fit_channel_scale
from sklearn_segae.networks import PixelAutoencoder


def evidence(images, seed=0):
    """What two small random networks say of the images."""
    torch.manual_seed(seed)
    networks = [PixelAutoencoder(images[0].shape[2], 12) for _ in range(2)]
    for network in networks:
        network.initialize(torch.randn(4, images[0].shape[2], 40, 40))
    readers = [TileReader(network, fit_channel_scale(images)) for network in networks]
    return measure_evidence(readers, images, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", [0, 1])
def test_mosaics_of_one_mean_are_textures(seed):
    """Colors say nothing about them, textures all."""
    images, _ = make_mosaic(1, n_segments=4, size=192, random_state=seed)
    found = evidence(list(images))
    assert found.textured
    assert found.color < 0.1


@pytest.mark.parametrize("seed", [0, 1])
def test_bright_shapes_are_colors(seed):
    """Discs and squares differ in brightness; there is no texture to see."""
    images, _ = make_shapes(3, size=192, random_state=seed)
    assert not evidence(list(images)).textured


def test_noise_is_neither():
    """Nothing in white noise reaches further than pooling."""
    noise = np.random.default_rng(0).normal(size=(192, 192, 1))
    found = evidence([noise])
    assert found.texture < 0.3
    assert found.color < 0.1


def test_spectra_are_colors():
    """With many channels, features of a neighborhood are mixtures of spectra: not asked at all."""
    images, _ = make_mosaic(1, n_segments=3, size=128, n_channels=20, random_state=0)
    assert not evidence(list(images)).textured


def test_texture_has_to_beat_color():
    """Both the threshold and the evidence for color have to be passed."""
    assert Evidence(0.6, 0.5, gap=1).features == "texture"
    assert Evidence(0.6, 0.8, gap=1).features == "intensity"
    assert Evidence(0.3, 0.0, gap=1).features == "intensity"


def test_colors_that_do_not_cluster_are_not_enough():
    """Colors of one Gaussian are read together with features; noise is such an image."""
    assert Evidence(0.3, 0.0, gap=0.01).features == "intensity+texture"
    assert Evidence(0.6, 0.0, gap=0.01).features == "texture"
    noise = np.random.default_rng(0).normal(size=(192, 192, 1))
    assert evidence([noise]).features == "intensity+texture"


def test_small_images_have_small_textures():
    """Pooling is 8 pixels at most, a part of the shorter side below 256, the median over a set."""
    blank = [np.zeros((size, 2 * size, 1)) for size in (1000, 64, 128)]
    assert texture_scale(blank[:1]) == 8
    assert texture_scale(blank) == 4


def test_the_encoder_follows(mosaic, shapes):
    """features_, pooling_ and whitening_ show the choice; numbers of the user's own are kept."""
    quick = {"n_filters": 12, "batch_size": 2, "max_epochs": 0, "random_state": 0}
    color = PixelEncoder(**quick).fit(shapes[0])
    assert (color.features_, color.pooling_, color.whitening_) == ("intensity", 1, 1)
    texture = PixelEncoder(features="texture", **quick).fit(mosaic[0])
    assert (texture.features_, texture.pooling_) == ("texture", 3)
    both = PixelEncoder(features="intensity+texture", **quick).fit(mosaic[0])
    assert (both.features_, both.pooling_) == ("intensity+texture", 1.5)
    own = PixelEncoder(pooling=2.5, whitening=0.5, **quick).fit(shapes[0])
    assert (own.features_, own.pooling_, own.whitening_) == ("texture", 2.5, 0.5)


def test_colors_come_first_and_features_faintly_after(shapes):
    """With the color features, component 0 is the whitened brightness, the others hardly weigh."""
    images, _ = shapes
    encoder = PixelEncoder(
        4, features="intensity", pooling=0, n_filters=8, max_epochs=0, random_state=0
    )
    codes = encoder.fit_transform(images)
    assert np.abs(np.corrcoef(codes[..., 0].ravel(), images.ravel())[0, 1]) > 0.999
    spread = codes.std((0, 1, 2))
    assert spread[0] == pytest.approx(1, rel=0.05)  # over a sample of the pixels
    assert spread[1:].max() < 0.01


def test_both_puts_features_beside_the_colors(shapes):
    """Two further components weigh as much as brightness and are not told by it."""
    images, _ = shapes
    encoder = PixelEncoder(
        6, features="intensity+texture", pooling=1, n_filters=8, max_epochs=0, random_state=0
    )
    codes = encoder.fit_transform(images).reshape(-1, 6)
    spread = codes.std(0)
    assert spread[:3] == pytest.approx(1, rel=0.2)  # over a sample of the pixels
    assert spread[3:].max() < 0.01
    correlation = np.corrcoef(codes[:, :3].T)
    assert np.abs(correlation - np.eye(3)).max() < 0.2
