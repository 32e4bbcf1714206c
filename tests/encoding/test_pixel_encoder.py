"""PixelEncoder: a pixel's code is its neighborhood's, and coherent, and leads back to pixels."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from sklearn_segae import PixelEncoder
from sklearn_segae.datasets import make_mosaic
from sklearn_segae.encoding._objectives import (
    CoherentReconstruction,
    PatchReconstruction,
    coherence,
)
from sklearn_segae.imaging._tiles import tiles
from sklearn_segae.networks import PixelAutoencoder


@pytest.fixture(scope="module")
def fitted():
    """An encoder with pooling, so that halos are long, and two images it never saw."""
    images, _ = make_mosaic(3, n_segments=3, size=96, n_channels=2, random_state=1)
    encoder = PixelEncoder(5, pooling=2, whitening=1, n_filters=6, max_epochs=1, random_state=0)
    return encoder.fit(images[:1]), images[1:]


def reach(encoder):
    return (
        encoder.net_.module_.margin + 3 * int(encoder.pooling_) + 3 * int(encoder.contrast_sigma_)
    )


@pytest.mark.parametrize(("top", "left"), [(0, 0), (13, 7), (26, 20)])
def test_a_crop_has_the_codes_of_the_whole_image(fitted, top, left):
    """Away from its borders, at any offset: the code depends on the neighborhood alone."""
    encoder, images = fitted
    r = reach(encoder)
    whole = encoder.transform(images)
    part = encoder.transform(images[:, top : top + 70, left : left + 72])
    inner = part[:, r:-r, r:-r]
    expected = whole[:, top + r : top + 70 - r, left + r : left + 72 - r]
    # Convolutions and pooling over other shapes round differently.
    np.testing.assert_allclose(inner, expected, atol=1e-5)


def test_nothing_beyond_the_reach_matters(fitted):
    """Repainting all pixels further away than the receptive field leaves a code as it was."""
    encoder, images = fitted
    r = reach(encoder)
    repainted = images[:1].copy()
    far = np.ones(repainted.shape[1:3], bool)
    far[48 - r : 48 + r + 1, 48 - r : 48 + r + 1] = False
    repainted[:, far] = 7.0
    before, after = (encoder.transform(x)[0, 48, 48] for x in (images[:1], repainted))
    np.testing.assert_allclose(after, before, atol=1e-5)
    repainted[:, 48, 48 + r] = 50.0
    assert np.abs(encoder.transform(repainted)[0, 48, 48] - before).max() > 0


@pytest.mark.parametrize("side", [7, 33, 64, 1000])
def test_tiles_do_not_show(fitted, side):
    """Tiled equals whole for every side of the tiles, seams included."""
    encoder, images = fitted
    whole = encoder.transform(images[:1])[0]
    tiled = np.empty_like(whole)
    for tile in tiles(images[0].shape, side):
        tiled[tile] = encoder.encode_tile(images[0], tile)
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2), (50, 9)])
def test_images_smaller_than_the_receptive_field(fitted, shape):
    """Any size has codes: the image is mirrored about its borders."""
    encoder, images = fitted
    (codes,) = encoder.transform([images[0][: shape[0], : shape[1]]])
    assert codes.shape == (*shape, 5)
    assert np.isfinite(codes).all()


def test_fit_on_images_smaller_than_a_crop():
    """A thumbnail is enough to fit."""
    image = np.random.default_rng(0).normal(size=(9, 14, 1))
    encoder = PixelEncoder(2, pooling=3, n_filters=4, batch_size=2, max_epochs=1).fit([image])
    assert encoder.transform([image])[0].shape == (9, 14, 2)


def test_components_come_by_coherence(fitted):
    """autocorrelation_ lies in [0, 1], falls, and is what the codes' autocorrelation comes to."""
    encoder, images = fitted
    r = encoder.autocorrelation_
    assert ((r >= 0) & (r <= 1)).all()
    assert (np.diff(r) <= 1e-9).all()
    codes = encoder.transform(images)  # other images than those of the fit, the same textures
    across = [
        np.corrcoef(codes[:, :, :-5, i].ravel(), codes[:, :, 5:, i].ravel())[0, 1] for i in (0, 4)
    ]
    assert across[0] > across[1]


def test_pooling_is_a_gaussian_blur_of_the_codes():
    """Codes at sigma 3 are those at sigma 0, blurred: pooling and projecting are both linear."""
    images, _ = make_mosaic(1, n_segments=3, size=96, random_state=0)
    encoder = PixelEncoder(3, pooling=3, whitening=0, n_filters=6, max_epochs=0, random_state=0)
    pooled = encoder.fit(images).transform(images)[0]
    (block,) = encoder.codes_.blocks
    sharp = replace(block, projections=[block.projections[0]._replace(sigma=0.0)])
    encoder.codes_ = encoder.codes_._replace(blocks=[sharp])
    blurred = gaussian_filter(encoder.transform(images)[0], (3, 3, 0), truncate=3)
    inner = slice(12, -12)
    np.testing.assert_allclose(pooled[inner, inner], blurred[inner, inner], atol=1e-4)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("pooling", 2.0),
        ("whitening", 0.5),
        ("n_filters", 7),
        ("max_epochs", 2),
        ("batch_size", 2),
        ("lr", 0.1),
        ("loss", "mae"),
        ("random_state", 1),
    ],
)
def test_parameters_change_the_codes(shapes, parameter, value):
    """None of them is ignored."""
    base = PixelEncoder(
        3, pooling=0, whitening=0, n_filters=4, batch_size=1, max_epochs=1, random_state=0
    )
    codes = base.fit_transform(shapes[0])
    other = base.set_params(**{parameter: value}).fit_transform(shapes[0])
    assert np.abs(other - codes).max() > 1e-4


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("pooling", -1),
        ("pooling", "large"),
        ("whitening", 2),
        ("n_components", 0),
        ("n_filters", 0),
        ("loss", "cross_entropy"),
    ],
)
def test_values_out_of_range_are_refused(shapes, parameter, value):
    """The error names the parameter and its range."""
    with pytest.raises(ValueError, match=f"The '{parameter}' parameter of PixelEncoder must be"):
        PixelEncoder(**{parameter: value}).fit(shapes[0])


def test_more_components_than_features_are_refused(shapes):
    """The error says how many features there are and how to get more."""
    encoder = PixelEncoder(99, pooling=0, n_filters=2, batch_size=1, max_epochs=0)
    with pytest.raises(ValueError, match=r"n_components=99 is more than the 9 .*raise n_filters"):
        encoder.fit(shapes[0])
    assert not hasattr(encoder, "net_")


def test_inverse_transform_gives_the_image_back(shapes):
    """Without pooling, whitening or compression, the pixels are in the codes."""
    images = (100 + 50 * shapes[0]).astype(np.uint8)
    encoder = PixelEncoder(9, pooling=0, whitening=0, n_filters=2, max_epochs=0).fit(images)
    there_and_back = encoder.inverse_transform(encoder.transform(images))
    assert there_and_back.shape == images.shape
    np.testing.assert_allclose(there_and_back, images, atol=0.1)  # of a range of 100


def test_rows_are_encoded_one_by_one(rows):
    """A row's code does not depend on the rows around it, and rows come back from codes."""
    encoder = PixelEncoder(6, max_epochs=3, random_state=0).fit(rows)
    codes = encoder.transform(rows)
    np.testing.assert_allclose(encoder.transform(rows[::-1])[::-1], codes, atol=1e-12)
    assert (codes.dtype, encoder.transform(rows.astype(np.float32)).dtype) == (
        np.float64,
        np.float32,
    )
    assert np.abs(encoder.inverse_transform(codes) - rows).mean() < 0.1 * rows.std()


def test_warm_start_goes_on(shapes):
    """A second fit adds epochs to the first one's."""
    encoder = PixelEncoder(2, pooling=0, n_filters=4, batch_size=1, max_epochs=2, warm_start=True)
    assert encoder.fit(shapes[0]).n_iter_ == 2
    assert encoder.fit(shapes[0]).n_iter_ == 4


def test_hundreds_of_channels():
    """A spectral cube is an image like any other."""
    cube = np.random.default_rng(0).normal(size=(1, 20, 22, 204)).astype(np.float32)
    encoder = PixelEncoder(8, n_filters=4, batch_size=1, max_epochs=1, random_state=0)
    assert encoder.fit_transform(cube).shape == (1, 20, 22, 8)


def test_coherence_of_noise_and_of_smooth_features():
    """Features that neighbors share count, noise does not: 2 smooth ones of 4 give about 2."""
    torch.manual_seed(0)
    noise = torch.randn(8, 4, 80, 80)
    low = coherence(noise, sigma=2)
    smooth = noise.clone()
    for i in range(2):
        coarse = torch.randn(8, 1, 3, 3)
        smooth[:, i : i + 1] = 9 * torch.nn.functional.interpolate(coarse, size=80, mode="bilinear")
    assert low < 1  # four noises' squared correlations, over some 1,000 pairs
    assert 1.4 < coherence(smooth, sigma=2) < 2.6


def test_coherence_does_not_depend_on_the_features_scale():
    """Whitening undoes any common scale, so that training cannot win by growing weights."""
    torch.manual_seed(0)
    features = torch.randn(4, 3, 60, 60).cumsum(-1)
    torch.testing.assert_close(
        coherence(features, 2), coherence(100 * features, 2), rtol=1e-3, atol=0
    )


def test_training_raises_coherence_and_lowers_the_reconstruction_loss():
    """Both terms of the objective improve on crops that training did not see."""
    images, _ = make_mosaic(1, n_segments=3, size=128, random_state=0)
    held_out, _ = make_mosaic(1, n_segments=3, size=96, random_state=0)
    x = torch.from_numpy(held_out).movedim(-1, 1)
    results = []
    for max_epochs in (0, 10):
        encoder = PixelEncoder(n_filters=8, max_epochs=max_epochs, random_state=0).fit(images)
        module: PixelAutoencoder = encoder.net_.module_
        with torch.no_grad():
            loss = PatchReconstruction()(module, x).item()
            results.append((loss, coherence(module.encode(x), 4).item()))
    (loss_before, coherence_before), (loss_after, coherence_after) = results
    assert loss_after < loss_before
    assert coherence_after > coherence_before


def test_objective_draws_its_scale_anew():
    """Several scales take turns, from torch's generator, which random_state seeds."""
    module = PixelAutoencoder(1, 4)
    x = torch.randn(2, 1, 90, 90)
    objective = CoherentReconstruction()
    with torch.no_grad():
        losses = {round(objective(module, x).item(), 4) for _ in range(20)}
    assert 1 < len(losses) <= len(objective.sigmas)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_codes_of_the_cpu(shapes):
    """The same untrained weights encode alike on both devices, up to rounding."""
    codes = [
        PixelEncoder(2, pooling=2, max_epochs=0, device=device, random_state=0).fit_transform(
            shapes[0]
        )
        for device in ("cpu", "cuda")
    ]
    np.testing.assert_allclose(codes[0], codes[1], atol=1e-3)


def test_a_part_on_the_grid_has_the_coarse_codes_of_the_whole(monkeypatch):
    """Codes of every second pixel do not depend on the tile, as long as it starts on the grid."""
    images, _ = make_mosaic(1, n_segments=3, size=96, random_state=1)
    encoder = PixelEncoder(
        4, features="texture", pooling=6, whitening=0, n_filters=6, max_epochs=0, random_state=0
    )
    encoder.fit(images)
    image = images[0].astype(np.float32)
    whole = encoder.encode_tile(image, (slice(0, 96), slice(0, 96)), step=2)
    part = encoder.encode_tile(image, (slice(10, 90), slice(6, 96)), step=2)
    inside = slice(27, -27)  # farther from the part's borders than pooling and light reach
    np.testing.assert_allclose(part[inside, inside], whole[5:45, 3:][inside, inside], atol=1e-4)
    every = encoder.encode_tile(image, (slice(0, 96), slice(0, 96)))
    np.testing.assert_allclose(whole, every[::2, ::2], atol=1e-4)
    monkeypatch.setattr("sklearn_segae.encoding._pooling.WIDE", {2: np.inf})
    exact = encoder.encode_tile(image, (slice(0, 96), slice(0, 96)))
    assert 0 < np.abs(every - exact).mean() < 0.2 * exact.std()


def test_all_there_is_to_see(mosaic):
    """features="multiscale": jets of the colors, then codes of two poolings, each standardized."""
    images, _ = mosaic
    encoder = PixelEncoder(6, features="multiscale", max_epochs=1, random_state=0).fit(images)
    codes = encoder.transform(images)
    assert codes.shape == (*images.shape[:3], 22 + 6)
    # As far as a sample of small tiles tells.
    np.testing.assert_allclose(codes.mean((0, 1, 2)), 0, atol=0.3)
    np.testing.assert_allclose(codes.std((0, 1, 2)), 1, atol=0.3)
    assert len(encoder.get_feature_names_out()) == 28
    back = encoder.inverse_transform(codes)
    assert np.mean((back - images) ** 2) < 0.01 * images.var()


def test_all_there_is_to_see_of_many_bands(rng):
    """Jets of at most three colors; every band stays in sight."""
    images = rng.normal(size=(1, 48, 48, 7)).cumsum(3)
    encoder = PixelEncoder(4, features="multiscale", max_epochs=0, random_state=0).fit(images)
    codes = encoder.transform(images)
    assert codes.shape[3] == 3 * 22 + 4 + 7
    scaled = (images - encoder.scale_[0]) / encoder.scale_[1]
    assert np.corrcoef(codes[..., -1].ravel(), scaled[..., -1].ravel())[0, 1] > 0.999


def test_a_crop_has_the_codes_of_the_whole_with_all_there_is(mosaic):
    """Wherever jets of the widest scale see no border."""
    image = np.concatenate([mosaic[0][0], mosaic[0][1]], axis=1)
    image = np.concatenate([image, image[::-1]])
    encoder = PixelEncoder(4, features="multiscale", pooling=3, max_epochs=1, random_state=0).fit(
        image[None]
    )
    whole = encoder.transform(image[None])[0]
    crop = encoder.transform(image[None, 20:180, 10:170])[0]
    inner = (slice(56, 104), slice(56, 104))
    shifted = (slice(76, 124), slice(66, 114))
    # Derivatives of averages over 16 pixels are differences of nearly equal floats.
    np.testing.assert_allclose(crop[inner], whole[shifted], atol=1e-3)
