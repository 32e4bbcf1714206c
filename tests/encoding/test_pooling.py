"""Features become codes: pooling, projection, and the second look at textures."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import noise, pixel_net
from scipy.ndimage import gaussian_filter

from sklearn_segae.encoding._pooling import (
    WIDE,
    TwoViewNetwork,
    normalize_local_contrast,
    pixel_codes,
    pool,
    pool_radius,
    pooled_features,
    stride_of,
)
from sklearn_segae.networks._pixel_autoencoder import PixelAutoencoder, crop

few = settings(max_examples=25, deadline=None, derandomize=True)


pytestmark = pytest.mark.usefixtures("one_seed")

OPTIONS = [{}, {"n_channels": 1, "dilations": (1,)}, {"kernel_size": 1}, {"dilations": (2, 1, 3)}]


@pytest.mark.parametrize("sigma", [0, 0.5, 2])
@pytest.mark.parametrize("options", OPTIONS)
def test_codes_are_projected_pooled_features(options, sigma):
    """Projecting first and pooling the codes gives what pooling the features first would."""
    net = pixel_net(**options)
    c, side = options.get("n_channels", 2), 9 + 2 * net.margin
    x = noise(1, c, side, side)
    net.balance(x)
    axes, places = noise(net.n_features, 3), (range(1, 8), range(0, 9, 2))

    codes = pixel_codes(net, x, [axes], [sigma], *places)
    features = pooled_features(net, x, sigma, *places)

    pixels = features[:, net.n_features :]
    torch.testing.assert_close(pixels, crop(x, net.margin)[:, :, 1:8, ::2])
    expected = torch.einsum("nfhw,fk->nkhw", features[:, : net.n_features], axes)
    torch.testing.assert_close(codes, expected)


def everywhere(maps):
    """All rows and all columns."""
    return range(maps.shape[2]), range(maps.shape[3])


@few
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0.3, 5), st.integers(1, 8))
def test_pooling_keeps_a_constant_up_to_the_border(height, width, sigma, step):
    """Borders average what there is; a grid has ceil(side / step) points."""
    maps = torch.full((1, 2, height, width), -7.5, dtype=torch.float64)

    pooled = pool(maps, sigma, range(0, height, step), range(0, width, step))

    assert pooled.shape == (1, 2, -(-height // step), -(-width // step))
    torch.testing.assert_close(pooled, torch.full_like(pooled, -7.5))


@pytest.mark.parametrize("sigma", [0.4, 1, 2.7, 5])
def test_pooling_is_a_gaussian_filter(sigma):
    """Inside, pooling agrees with scipy's Gaussian filter of the same radius."""
    maps, r = noise(2, 3, 50, 41), pool_radius(sigma)

    pooled = pool(maps, sigma, *everywhere(maps))

    filtered = gaussian_filter(maps.numpy(), sigma, axes=(2, 3), radius=r)
    np.testing.assert_allclose(crop(pooled, r), crop(torch.from_numpy(filtered), r), atol=1e-12)


@pytest.mark.parametrize("sigma", [0, 1.5])
def test_pooling_takes_the_pixels_asked_for(sigma):
    """Any rows and columns, in steps or not, are those of the map pooled everywhere."""
    maps = noise(1, 2, 20, 25)

    some = pool(maps, sigma, range(3, 17, 4), range(5, 6))

    whole = pool(maps, sigma, *everywhere(maps))
    torch.testing.assert_close(some, whole[:, :, 3:17:4, 5:6])


def test_pooling_by_nothing_is_nothing():
    """sigma=0 hands the maps on."""
    maps = noise(1, 1, 5, 5)

    assert torch.equal(pool(maps, 0, *everywhere(maps)), maps)
    assert pool_radius(0) == 0


def test_every_set_of_axes_has_its_own_pooling():
    """Codes of two scales come side by side, each as if it were alone."""
    net, x = pixel_net(), noise(1, 2, 40, 40)
    first, second = noise(net.n_features, 3), noise(net.n_features, 2)
    places = range(5, 20), range(10, 12)

    both = pixel_codes(net, x, [first, second], [3, 1], *places)

    alone = [pixel_codes(net, x, [a], [s], *places) for a, s in ((first, 3), (second, 1))]
    torch.testing.assert_close(both, torch.cat(alone, 1))


def test_flattening_takes_light_and_contrast_away():
    """Scaled and shifted brightness makes hardly a difference; channel differences stay."""
    x = 5 * noise(1, 2, 60, 60)
    lit = 3 * x + torch.linspace(0, 20, 60, dtype=torch.float64)

    flat = normalize_local_contrast(x, 4)

    assert flat.shape == (1, 2, 36, 36)
    torch.testing.assert_close(normalize_local_contrast(lit, 4), flat, atol=0.35, rtol=0)
    assert (normalize_local_contrast(lit, 4) - flat).abs().mean() < 0.05
    assert normalize_local_contrast(torch.ones(1, 1, 40, 40), 2).abs().max() < 1e-3
    split = torch.stack([torch.ones(1, 30, 30), -torch.ones(1, 30, 30)], 1)
    assert normalize_local_contrast(split, 2)[:, 0].min() > 1


def test_reading_twice_is_reading_both():
    """The first half are the features of the image, the second those of the flattened image."""
    net, x = pixel_net(), noise(1, 2, 60, 60)
    net.balance(x)
    twice = TwoViewNetwork(net, 3)
    inner = crop(x, pool_radius(3))

    features = twice.encode(x)

    torch.testing.assert_close(features[:, : net.n_features], net.encode(inner))
    torch.testing.assert_close(
        features[:, net.n_features :], net.encode(normalize_local_contrast(x, 3))
    )
    assert features.shape[-1] == 60 - 2 * twice.margin
    places = range(3), range(4, 9)
    axes = noise(2 * net.n_features, 3)
    codes = pixel_codes(twice, x, [axes], [0], *places)
    expected = torch.einsum("nfhw,fk->nkhw", features[:, :, :3, 4:9], axes)
    torch.testing.assert_close(codes, expected)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("reader", [lambda net: net, lambda net: TwoViewNetwork(net, 2)])
@pytest.mark.parametrize("stride", [2, 3, 4])
def test_reading_every_second_pixel_gives_the_features_of_those_pixels(options, reader, stride):
    """Layers leave out what no later layer looks at, and nothing else."""
    net = reader(pixel_net(**options))
    x = noise(1, options.get("n_channels", 2), 2 * net.margin + 11, 2 * net.margin + 8)

    features = net.encode(x, stride)

    torch.testing.assert_close(features, net.encode(x)[:, :, ::stride, ::stride])


def test_layers_before_the_last_do_less_as_well():
    """With dilations 1, 1, 2, 4 all but the first layer are computed at every second pixel."""
    sides = [m.shape[-1] for m in pixel_net().activations(noise(1, 2, 40, 40), stride=2)]
    assert sides == [40, 38, 18, 16, 12]


def test_what_is_pooled_widely_is_read_coarsely():
    """An average over many pixels needs every second of them, one over few needs all."""
    assert (stride_of(8), stride_of(WIDE), stride_of(WIDE - 0.1), stride_of(0)) == (2, 2, 1, 1)


def test_coarse_reading_hardly_changes_wide_averages():
    """Codes from every second pixel are nearly those that every pixel would give."""
    net, x = pixel_net(), pool(noise(1, 2, 100, 90), 1.5, range(100), range(90))
    net.balance(x)
    axes, places = noise(net.n_features, 3), (range(84), range(74))
    fine = pool(net.project(x, axes), WIDE, *places)

    coarse = pixel_codes(net, x, [axes], [WIDE], *places)

    assert coarse.shape == fine.shape
    error = (coarse - fine).std((0, 2, 3)) / fine.std((0, 2, 3))
    assert 0 < error.max() < 0.3  # what varies from pixel to pixel, noise, would be seen more


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_strided_pooling_knows_where_its_pixels_are(stride):
    """A slope stays where it was: rows and columns count pixels, not the steps between them."""
    slope = torch.arange(61.0, dtype=torch.float64).expand(1, 1, 61, 61)
    places = range(20, 40), range(13, 47, 5)

    pooled = pool(slope[..., ::stride, ::stride], 4, *places, stride=stride)

    torch.testing.assert_close(pooled, slope[..., 20:40, 13:47:5], rtol=1e-3, atol=0)


def test_only_what_the_axes_look_at_is_computed(monkeypatch):
    """Views and layers that no axis has a weight for are left out, with the same codes."""
    twice, x = TwoViewNetwork(pixel_net(), 2), noise(1, 2, 40, 40)
    axes = noise(2 * twice.network.n_features, 3)
    axes[2 + 3 :] = 0  # the pixels and the first layer of the first view
    seen = []
    activations = PixelAutoencoder.activations
    monkeypatch.setattr(
        PixelAutoencoder,
        "activations",
        lambda self, x, stride=1, n=None: seen.append(n) or activations(self, x, stride, n),
    )

    codes = pixel_codes(twice, x, [axes], [0], range(3), range(4))

    assert seen == [1, 0]
    monkeypatch.undo()
    expected = torch.einsum("nfhw,fk->nkhw", twice.encode(x)[:, :, :3, :4], axes)
    torch.testing.assert_close(codes, expected)
