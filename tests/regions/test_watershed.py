"""Fine regions: connected, few enough, with borders on edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from sklearn_segae.regions._watershed import (
    color_tensor,
    find_markers,
    fine_regions,
    gradient_magnitude,
    neighbors,
    smooth,
    watershed,
)

few = settings(max_examples=40, deadline=None, derandomize=True)
shapes = st.tuples(st.integers(1, 30), st.integers(1, 30), st.integers(1, 4))


def n_patches(labels):
    """Number of 4-connected patches of equal labels."""
    return sum(ndimage.label(labels == value)[1] for value in np.unique(labels))


@few
@given(shapes, st.integers(0, 100))
def test_regions_are_connected_and_numbered(shape, seed):
    """Whatever the size, regions are connected patches, numbered without gaps."""
    colors = np.random.default_rng(seed).normal(size=shape).astype(np.float32)

    regions = fine_regions(colors)

    assert regions.shape == shape[:2]
    assert regions.dtype == np.int32
    assert n_patches(regions) == regions.max() + 1 == len(np.unique(regions))


@pytest.mark.parametrize("value", [0, 0.1, -3])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (40, 1), (30, 41)])
def test_a_plain_image_is_one_region(shape, value):
    """Rounding errors of an image of one color are no edges."""
    assert not fine_regions(np.full((*shape, 2), value, np.float32)).any()


def test_a_ramp_is_not_broken_by_rounding_errors():
    """An even gradient has no minima but where the image ends."""
    ramp = np.linspace(0, 5, 90, dtype=np.float32)[None, :, None].repeat(60, 0)

    assert fine_regions(ramp).max() < 12


@pytest.mark.parametrize("axis", [0, 1])
def test_borders_lie_on_edges(axis):
    """Both sides of a step are parted exactly where it is."""
    step = np.zeros((40, 40, 1), np.float32)
    step[17:] = 1
    step = step if axis == 0 else step.transpose(1, 0, 2)

    regions = fine_regions(step)

    below = step[..., 0] == 0
    assert not np.isin(regions[below], regions[~below]).any()


def test_watershed_grows_one_region_from_every_marker():
    """Regions hold their markers, and meet on the ridge."""
    gradient = 7 - np.abs(np.arange(12) - 7.0)[None].repeat(5, 0)
    markers = np.zeros((5, 12), int)
    markers[2, 1], markers[1:3, 10] = 1, 2

    regions = watershed(gradient, markers)

    assert len(np.unique(regions)) == 2
    assert (regions[:, :7] == regions[2, 1]).all()
    assert (regions[:, 8:] == regions[2, 10]).all()


def test_a_large_image_gets_larger_regions(rng):
    """There are never more markers than asked for, and no fewer than that allows."""
    gradient = rng.random((200, 200), np.float32)

    assert find_markers(gradient).max() > 100
    assert 25 < find_markers(gradient, 100).max() <= 100


def test_smoothing_averages_what_there_is():
    """A plain image stays, and a ramp is not flattened where it ends by more than it must."""
    ramp = np.arange(30, dtype=np.float64)[:, None, None].repeat(20, 1)

    np.testing.assert_allclose(smooth(np.ones((9, 1, 2)), 4), 1)
    np.testing.assert_allclose(smooth(ramp, 2)[8:-8], ramp[8:-8])
    assert smooth(ramp, 2)[0, 0, 0] == pytest.approx(
        np.average(np.arange(7), weights=np.exp(-(np.arange(7) ** 2) / 8))
    )


def test_gradients_do_not_depend_on_direction_or_channel():
    """Steps of one height have one gradient, along rows, columns or diagonals, in any channel."""
    y, x = np.mgrid[:60, :60] - 29.5
    heights = []
    for way in (y, x, (y + x) / np.sqrt(2)):
        maps = np.zeros((60, 60, 3))
        maps[..., 1] = way / 10
        heights.append(gradient_magnitude(color_tensor(maps, 4))[30, 30])

    np.testing.assert_allclose(heights, 0.8, rtol=1e-6)  # 8 pixels of a tenth


def test_neighbors_are_all_pairs_that_share_an_edge():
    """h (w - 1) + (h - 1) w pairs, a step of 1 or of a row apart."""
    p, q = neighbors((3, 5))

    assert len(p) == 3 * 4 + 2 * 5
    assert set(q - p) == {1, 5}
    assert len(set(zip(p.tolist(), q.tolist(), strict=True))) == len(p)
