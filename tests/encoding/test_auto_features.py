"""Intensity, texture or both, with which smoothing: chosen by description length."""

import numpy as np
import pytest
from scipy import ndimage
from sklearn.cluster import KMeans

from sklearn_segae import PixelEncoder
from sklearn_segae._base import seeded
from sklearn_segae.datasets import (
    load_coins,
    load_textures,
    make_mosaic,
    make_scenes,
    make_shapes,
)
from sklearn_segae.encoding._auto_features import FeatureSelection, texture_scale
from sklearn_segae.encoding._feature_sampling import FeatureSampler, TileReader
from sklearn_segae.imaging._scaling import fit_channel_scale
from sklearn_segae.networks import PixelAutoencoder
from sklearn_segae.segmentation._gaussian_mixture import ShrunkMixture


def selection(images, n_segments, **options):
    """Return the selection for images, with a small random network."""
    images = [np.atleast_3d(image).astype(np.float32) for image in images]
    network = PixelAutoencoder(images[0].shape[2], 12)
    network.initialize(torch_noise(images[0].shape[2]))
    reader = TileReader(network, fit_channel_scale(images))
    sampler = FeatureSampler(reader, images, np.random.default_rng(0))
    return FeatureSelection(sampler, n_segments, **options)


def torch_noise(n_channels):
    with seeded(0) as (_, generator):
        import torch

        return torch.randn(4, n_channels, 40, 40, generator=generator)


def chosen(images, n_segments):
    return selection(images, n_segments).best.features


@pytest.mark.parametrize("seed", [0, 1])
def test_mosaics_of_one_mean_are_textures(seed):
    """Intensities say nothing about them."""
    images, _ = make_mosaic(1, n_segments=4, size=192, random_state=seed)
    assert chosen(images, 4) == "texture"


@pytest.mark.parametrize("seed", [0, 1])
def test_bright_shapes_are_intensities(seed):
    """Discs and squares differ in brightness; there is no texture."""
    images, _ = make_shapes(3, size=192, random_state=seed)
    assert chosen(images, 3) == "intensity"


@pytest.mark.parametrize("size", [0, 3, 5])
def test_smooth_objects_with_relief_are_intensities(size):
    """A median filter leaves the relief of coins, which looks like a texture."""
    image = load_coins().images[0] / 255
    flat = image / ndimage.gaussian_filter(image, 40)
    assert chosen([ndimage.median_filter(flat, size) if size else flat], 2) == "intensity"


def test_photographs_of_textures_are_textures():
    """Their intensities differ a little, but such segments are speckled."""
    assert chosen(load_textures().images, 3) == "texture"


@pytest.mark.parametrize("kind", ["intensity", "color", "texture"])
@pytest.mark.parametrize("n_segments", [2, 3])
def test_scenes_of_one_kind(kind, n_segments):
    """What segments differ by is found, in two images of 128 pixels."""
    images, _ = make_scenes(2, n_segments=n_segments, kind=kind, random_state=n_segments)
    assert chosen(images, n_segments) == ("texture" if kind == "texture" else "intensity")


def test_spectra_are_intensities():
    """With many channels, features of a neighborhood are mixtures of spectra."""
    images, _ = make_mosaic(1, n_segments=3, size=128, n_channels=20, random_state=0)
    assert chosen(images, 3) == "intensity"


def test_colors_of_one_cluster_may_be_joined_by_texture():
    """Where colors have one cluster, and texture with them shortens the description, it is kept."""
    rng = np.random.default_rng(0)
    rough = rng.normal(size=(160, 160))
    smooth = ndimage.gaussian_filter(rng.normal(size=(160, 160)), 1.5)
    halves = np.where(np.arange(160) < 80, rough, smooth / smooth.std())
    found = selection([halves], 2)
    assert found.best.features in ("texture", "intensity+texture")
    assert selection([rough], 2).best.features == "intensity"


@pytest.mark.parametrize(("noise", "least"), [(0.02, 0), (1.2, 2)])
def test_noisy_images_are_smoothed(noise, least):
    """Without noise, single pixels are clustered; with much of it, wide averages."""
    images, _ = make_scenes(2, n_segments=2, noise=0, random_state=0)
    noisy = images + np.random.default_rng(0).normal(0, noise, images.shape)
    pooling = selection(noisy, 2).intensity.pooling
    assert pooling == 0 if not least else pooling >= least


@pytest.mark.parametrize("clusterer", [KMeans(n_init=4), ShrunkMixture(tol=1e-3)])
def test_small_objects_of_clean_images_are_not_smoothed(clusterer):
    """Wide averages would put their dim surroundings, too, into the segment of the objects."""
    rng = np.random.default_rng(0)
    found = selection(nuclei(rng), 2, clusterer=clusterer)
    blurred = [ndimage.gaussian_filter(c, (4, 4, 0)) for c in found.colors]
    maps = [found._segment(codes, clusterer) for codes in (found.colors, blurred)]
    assert found.length.independent(maps[1]) < found.length.independent(maps[0])
    assert found.intensity.pooling == 0


def nuclei(rng):
    """Discs of several brightnesses on a dark background, a little out of focus."""
    centers = np.zeros((256, 256))
    centers[tuple(rng.integers(8, 248, (2, 60)))] = rng.uniform(0.3, 1, 60)
    discs = ndimage.grey_dilation(centers, footprint=np.hypot(*np.indices((13, 13)) - 6) <= 6)
    return [ndimage.gaussian_filter(discs, 1) + rng.normal(0, 0.003, discs.shape)]


def test_noisy_images_of_small_objects_are_smoothed():
    """Labels of single pixels would be speckled."""
    rng = np.random.default_rng(0)
    noisy = [image + rng.normal(0, 0.2, image.shape) for image in nuclei(rng)]
    assert selection(noisy, 2, clusterer=ShrunkMixture(tol=1e-3)).intensity.pooling >= 1


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 1), (4, 4, 3), (5, 5, 1), (8, 200, 2)])
def test_images_of_any_size(shape):
    """Too small images for a comparison are intensities."""
    image = np.random.default_rng(0).normal(size=shape)
    assert chosen([image], 2) == "intensity"


@pytest.mark.parametrize("whitening", [0, 0.5, 1])
def test_whitening_of_colors(whitening):
    """0 keeps the relative standard deviations of two colors, 4 and 1; 1 equalizes them."""
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(1, 64, 64, 2)) @ [[1.0, 1.0], [0.25, -0.25]]
    encoder = PixelEncoder(
        4, features="intensity", pooling=0, whitening=whitening, max_epochs=0, random_state=0
    )
    spread = encoder.fit_transform(mixed).std((0, 1, 2))
    assert spread[0] == pytest.approx(1, rel=0.02)
    assert spread[1] == pytest.approx(0.25 ** (1 - whitening), rel=0.02)


def test_binary_images():
    """Fewer distinct values than segments, without warnings."""
    assert chosen([np.arange(64 * 64).reshape(64, 64) % 64 < 32], 5) == "intensity"


def test_images_without_contrast():
    """Constant images have nothing to compare; the encoder is fitted anyway."""
    assert chosen([np.full((32, 32), 7.0)], 2) == "intensity"
    encoder = PixelEncoder(max_epochs=0, random_state=0).fit(np.full((1, 32, 32), 7.0))
    assert encoder.features_ == "intensity"
    assert np.isfinite(encoder.transform(np.full((1, 32, 32), 7.0))).all()


def test_small_images_have_small_textures():
    """Pooling is 8 pixels at most, a part of the shorter side below 256, the median over a set."""
    blank = [np.zeros((size, 2 * size, 1)) for size in (1000, 64, 128)]
    assert texture_scale(blank[:1]) == 8
    assert texture_scale(blank) == 4


def test_the_encoder_follows(mosaic, shapes):
    """features_, pooling_ and whitening_ show the choice; numbers of the user's own are kept."""
    quick = {"n_filters": 12, "batch_size": 2, "max_epochs": 0, "random_state": 0}
    color = PixelEncoder(**quick).fit(shapes[0])
    assert (color.features_, color.pooling_, color.whitening_) == ("intensity", color.pooling_, 0)
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
