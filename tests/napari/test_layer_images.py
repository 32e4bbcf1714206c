"""Images of layers: pages, volumes, channels, and their place."""

import numpy as np
import pytest

from sklearn_segae.napari._layers import LayerImages, common_spacing


def test_an_image_is_one_page(make_layer, rng):
    """An image of two axes, or of three with colors, has one page, which is read as it is."""
    gray, color = rng.random((5, 6)), rng.random((5, 6, 3))
    for data, rgb in ((gray, False), (color, True)):
        source = LayerImages([make_layer(data, rgb=rgb)])
        assert source.shape == (5, 6)
        assert source.pages == [()]
        np.testing.assert_array_equal(source.read(()), data)
        assert source.page_at((3, 4)) == ()


def test_axes_before_the_last_two_are_pages(make_layer, rng):
    """Times and slices are images of their own, unless the layer holds volumes."""
    data = rng.random((2, 3, 5, 6))
    source = LayerImages([make_layer(data)])
    assert source.pages == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    np.testing.assert_array_equal(source.read((1, 2)), data[1, 2])
    volumes = LayerImages([make_layer(data)], n_axes=3)
    assert volumes.pages == [(0,), (1,)]
    np.testing.assert_array_equal(volumes.read((1,)), data[1])


def test_the_page_that_is_shown(make_layer):
    """A point of the world is rounded to a page, and clipped to those that there are."""
    source = LayerImages([make_layer(np.zeros((4, 3, 5, 6)), scale=(2, 1, 1, 1))])
    assert source.page_at((3.9, 1.4, 0, 0)) == (2, 1)
    assert source.page_at((99, -5, 0, 0)) == (3, 0)
    assert source.page_at((7, 7, 3.9, 1.4, 0, 0)) == (2, 1)  # of a viewer with more axes


def test_layers_become_channels(make_layer, rng):
    """Gray and color layers of one shape are put side by side."""
    red, green = rng.random((2, 3, 5, 6))
    source = LayerImages([make_layer(red, "red"), make_layer(green, "green")])
    np.testing.assert_array_equal(source.read((2,)), np.stack([red[2], green[2]], axis=-1))
    assert source.name == "red"
    with pytest.raises(ValueError, match="clear the check box Channels"):
        LayerImages([make_layer(red, "red"), make_layer(green[:2], "green")])


def test_levels_are_read_at_full_resolution(make_layer, rng):
    """Of a pyramid, the first level counts."""
    data = rng.random((8, 8))
    source = LayerImages([make_layer([data, data[::2, ::2]], multiscale=True)])
    np.testing.assert_array_equal(source.read(()), data)


def test_spacing_is_the_scale(make_layer):
    """That of the last three axes, in the unit of x; images have none."""
    layer = make_layer(np.zeros((2, 4, 5, 6)), scale=(9, 2, 0.5, 0.5))
    assert LayerImages([layer]).spacing is None
    assert LayerImages([layer], 3).spacing == (2, 0.5, 0.5)
    unit = type(layer.units[0])
    layer.units = (unit(), unit(1000), unit(), unit())
    assert LayerImages([layer], 3).spacing == (2000, 0.5, 0.5)
    layer.units = (unit(), "pixel", unit(), unit())
    with pytest.raises(ValueError, match=r"Set layer\.units"):
        _ = LayerImages([layer], 3).spacing


def test_volumes_have_three_axes(make_layer):
    """A plane is no volume, and the error says what to do."""
    with pytest.raises(ValueError, match="Clear the check box Volumes"):
        LayerImages([make_layer(np.zeros((5, 6)))], 3)


def test_one_model_has_one_spacing(make_layer):
    """Ratios of sides are compared, not sides."""
    scales = (2, 1, 1), (4, 2, 2), (3, 1, 1)
    layers = [make_layer(np.zeros((4, 5, 6)), scale=scale) for scale in scales]
    sources = [LayerImages([layer], 3) for layer in layers]
    assert common_spacing(sources[:2]) == (2, 1, 1)
    with pytest.raises(ValueError, match="same ratios"):
        common_spacing(sources)
    assert common_spacing([LayerImages([layer]) for layer in layers]) is None
