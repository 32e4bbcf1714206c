"""Gaussian pooling, and the view of normalized local contrast."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nets import noise, pixel_net
from scipy.ndimage import gaussian_filter

from sklearn_segae.encoding._pooling import (
    WIDE,
    TilePooling,
    normalize_local_contrast,
    pool,
    pool_radius,
    stride_of,
    views_of,
)
from sklearn_segae.networks._pixel_autoencoder import crop

few = settings(max_examples=25, deadline=None, derandomize=True)


pytestmark = pytest.mark.usefixtures("one_seed")

OPTIONS = [{}, {"n_channels": 1, "dilations": (1,)}, {"kernel_size": 1}, {"dilations": (2, 1, 3)}]


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


def test_normalization_takes_light_and_contrast_away():
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


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("stride", [2, 3, 4])
def test_reading_every_second_pixel_gives_the_features_of_those_pixels(options, stride):
    """Layers leave out what no later layer looks at, and nothing else."""
    net = pixel_net(**options)
    x = noise(1, options.get("n_channels", 2), 2 * net.margin + 11, 2 * net.margin + 8)

    features = net.encode(x, stride)

    torch.testing.assert_close(features, net.encode(x)[:, :, ::stride, ::stride])


def test_layers_before_the_last_do_less_as_well():
    """With dilations 1, 1, 2, 4 all but the first layer are computed at every second pixel."""
    sides = [m.shape[-1] for m in pixel_net().activations(noise(1, 2, 40, 40), stride=2)]
    assert sides == [40, 38, 18, 16, 12]


def test_what_is_pooled_widely_is_read_coarsely():
    """An average over many pixels needs every second of them, one over few needs all."""
    assert [stride_of(own) for own in (8, WIDE[2], WIDE[2] - 0.1, 0)] == [2, 2, 1, 1]


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_strided_pooling_knows_where_its_pixels_are(stride):
    """A slope stays where it was: rows and columns count pixels, not the steps between them."""
    slope = torch.arange(61.0, dtype=torch.float64).expand(1, 1, 61, 61)
    places = range(20, 40), range(13, 47, 5)

    pooled = pool(slope[..., ::stride, ::stride], 4, *places, stride=stride)

    torch.testing.assert_close(pooled, slope[..., 20:40, 13:47:5], rtol=1e-3, atol=0)


def test_views_are_the_image_and_the_normalized_one():
    """Both without the border that normalization needs; with sigma 0 there is one view."""
    x = noise(1, 2, 40, 40)

    image, normalized = views_of(x, 3)

    torch.testing.assert_close(image, crop(x, pool_radius(3)))
    torch.testing.assert_close(normalized, normalize_local_contrast(x, 3))
    (alone,) = views_of(x, 0)
    assert alone is x


def test_a_frame_is_pooled_like_the_pixels_inside():
    """Pixels beyond the first and the last are averaged likewise, every one of them."""
    maps = noise(1, 1, 30, 30)
    pooling = TilePooling(range(2, 12, 2), range(5, 9))

    framed = pooling.pool_frame(maps, 1.5, frame=4, beyond=(1, 1))

    torch.testing.assert_close(framed, pool(maps, 1.5, range(5, 17), range(8, 14)))
    assert pooling.steps == [2, 1]


def test_matrices_of_predictions_serve_in_training():
    """They are kept between calls, and have gradients passed through them later."""
    maps = torch.randn(1, 2, 12, 12, dtype=torch.float64)
    with torch.inference_mode():
        right = pool(maps, 1.7, *everywhere(maps))
    with torch.enable_grad():
        learned = maps.requires_grad_()
        found = pool(learned, 1.7, *everywhere(maps))
        found.square().sum().backward()

    np.testing.assert_array_equal(found.detach(), right)
    assert learned.grad.abs().min() > 0
