"""Spectral components: directions of the channels in which signal exceeds noise."""

import numpy as np
import pytest

from sklearn_segae import AESegmenter, PixelEncoder, persistence
from sklearn_segae.encoding._blocks import SpectralBlock
from sklearn_segae.encoding._feature_sampling import FeatureSampler, TileReader
from sklearn_segae.encoding._projection import weighted_colors
from sklearn_segae.encoding._spectra import VARIABILITY, noise_covariance, spectral_axes
from sklearn_segae.imaging._scaling import fit_channel_scale
from sklearn_segae.metrics import matched_accuracy


def cube(side=32, n_bands=24, n_classes=6, noise=0.2):
    """A cube (side, side, n_bands) of stripes of classes with orthogonal spectra, and classes."""
    rng = np.random.default_rng(0)
    truth = np.tile(np.arange(side) * n_classes // side, (side, 1))
    spectra = np.linalg.qr(rng.normal(size=(n_bands, n_classes)))[0].T
    pixels = spectra[truth] + noise / np.sqrt(n_bands) * rng.normal(size=(side, side, n_bands))
    return pixels.astype(np.float32), truth


def sampler(image):
    scale = fit_channel_scale([image])
    return FeatureSampler(TileReader(None, scale), [image], np.random.default_rng(0))


def problem(n=8, rank=5, signal=9.0):
    """Covariances of pixels and of their noise, which differs between channels."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(n, rank))
    noise = np.diag(rng.uniform(0.5, 2, n))
    return signal * mixing @ mixing.T + noise, noise


def test_noise_does_not_contain_borders():
    """In a tile of two halves it is alike in all directions, as inside the halves."""
    tile = np.random.default_rng(0).normal(size=(60, 60, 3))
    tile[:, 30:, 0] += 50
    found = noise_covariance([tile])
    np.testing.assert_allclose(found / found[0, 0], np.eye(3), atol=0.1)
    assert 0.1 < found[0, 0] < 1  # the smaller half of the differences


def test_components_have_variance_one_and_no_correlation():
    """Their spread in units of noise decreases."""
    covariance, noise = problem()
    axes, spread = spectral_axes(covariance, noise)
    np.testing.assert_allclose(axes.T @ covariance @ axes, np.eye(len(spread)), atol=1e-8)
    assert (np.diff(spread) <= 0).all()


def test_components_are_those_with_signal():
    """As many as spectra differ in; the other directions have nothing but noise."""
    covariance, noise = problem(rank=5)
    assert len(spectral_axes(covariance, noise).spread) == 5


def test_components_without_noise_are_principal():
    """Then only their order by variance is left."""
    covariance, _ = problem()
    axes, spread = spectral_axes(covariance, np.zeros_like(covariance))
    values, vectors = np.linalg.eigh(covariance)
    np.testing.assert_allclose(np.abs(axes[:, 0] * np.sqrt(values[-1])), np.abs(vectors[:, -1]))
    limit = VARIABILITY * np.trace(covariance) / len(covariance)
    np.testing.assert_allclose(spread[0], np.sqrt(values[-1] / limit))


def test_whitening_goes_from_units_of_noise_to_equal_variance():
    """The first component has variance 1 with both."""
    covariance, noise = problem()
    found = spectral_axes(covariance, noise)
    for whitening, expected in ((0, found.spread / found.spread[0]), (1, 1)):
        axes = found.weighted(whitening)
        np.testing.assert_allclose(np.sqrt(np.diag(axes.T @ covariance @ axes)), expected)


def test_colors_stay_colors():
    """Images of up to three channels have no spectral components."""
    image = np.random.default_rng(0).normal(size=(20, 20, 3)).astype(np.float32)
    found = sampler(image)
    expected = weighted_colors(found.color_axes, 0.5)
    np.testing.assert_array_equal(found.intensity_axes(0.5), expected)


def test_more_segments_than_three_colors_hold():
    """Six classes whose spectra have the same distance are found without labels."""
    image, truth = cube()
    labels = AESegmenter(6, random_state=0).fit_predict(image[None])
    assert matched_accuracy(truth[None], labels) > 0.99


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_constant_cubes(value):
    """They have no components, and one segment."""
    labels = AESegmenter(1, random_state=0).fit_predict(np.full((1, 12, 12, 20), value))
    assert not labels.any()


@pytest.mark.parametrize("features", ["intensity", "multiscale"])
def test_codes_of_tiles_are_those_of_the_cube(features):
    """With gaps and little memory, too; classifiers have no network to train."""
    image, _ = cube(side=80)
    image[3:7, 5:9] = np.nan
    encoder = PixelEncoder(4, features=features, max_epochs=0, random_state=0).fit([image])
    (whole,) = encoder.transform([image])
    (tiled,) = encoder.set_params(max_memory="48MiB").transform([image])
    np.testing.assert_allclose(tiled, whole, atol=1e-4)
    assert np.isnan(whole[3:7, 5:9]).all()
    assert not np.isnan(whole).all()


def test_features_of_classifiers_are_components_and_bands(tmp_path):
    """Four components at four scales; no network is trained; a file keeps them."""
    image, _ = cube()
    encoder = PixelEncoder(4, features="multiscale", random_state=0).fit([image])
    names = {f"spectra at {sigma} px": 4 for sigma in (0, 1, 2, 4)}
    assert encoder.codes_.block_names == {**names, "bands": 24}
    assert isinstance(encoder.codes_.blocks[0], SpectralBlock)
    assert encoder.pooling_ == 0
    assert len(encoder.loss_curve_) == 0
    persistence.save(encoder, tmp_path / "encoder")
    loaded = persistence.load(tmp_path / "encoder")
    np.testing.assert_array_equal(loaded.transform([image])[0], encoder.transform([image])[0])


def test_components_average_noise_for_classifiers():
    """By a few strokes, noisy spectra are classified by their neighbors."""
    from sklearn.ensemble import RandomForestClassifier

    image, truth = cube(noise=1.5)
    y = np.where(np.arange(32)[:, None] % 12 == 6, truth, -1)
    forest = RandomForestClassifier(20, random_state=0)
    model = AESegmenter(estimator=forest, random_state=0).fit(image[None], y[None])
    rows = image.reshape(-1, 24)
    alone = forest.fit(rows[y.ravel() >= 0], y[y >= 0]).predict(rows).reshape(y.shape)
    assert (model.predict(image[None])[0] == truth).mean() > (alone == truth).mean() + 0.1


@pytest.mark.parametrize("parameter", [{"pooling": 3}, {"whitening": 0.5}])
def test_parameters_without_effect_are_refused(parameter):
    """The error names the parameter and what to pass."""
    image, _ = cube()
    encoder = PixelEncoder(features="multiscale", **parameter)
    (name,) = parameter
    with pytest.raises(ValueError, match=f"{name}=.* has no effect .* Pass {name}='auto'"):
        encoder.fit([image])
