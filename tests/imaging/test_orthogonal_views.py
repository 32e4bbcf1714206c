"""Orthogonal views of volumes have square pixels."""

import numpy as np
import pytest

from sklearn_segae.imaging._orthogonal_views import orthogonal_views, square_pixels


def test_slices_are_where_they_should_be(rng):
    """(y, x) at the top left, (y, z) to its right, (z, x) below it; the rest is masked."""
    volume = rng.integers(0, 99, (4, 5, 6))
    views = orthogonal_views(volume, (1, 1, 1), (1, 2, 3))
    assert views.shape == (5 + 3 + 4, 6 + 3 + 4)
    np.testing.assert_array_equal(views[:5, :6], volume[1])
    np.testing.assert_array_equal(views[:5, 9:], volume[:, :, 3].T)
    np.testing.assert_array_equal(views[8:, :6], volume[:, 2])
    assert views.mask.sum() == views.size - 30 - 20 - 24


@pytest.mark.parametrize(
    ("spacing", "sides"),
    [((2, 1, 1), (8, 5, 6)), ((1, 2, 1), (4, 10, 6)), ((1, 1, 2.5), (4, 5, 15))],
)
def test_long_sides_are_repeated(spacing, sides):
    """Every voxel, evenly."""
    lines = square_pixels((4, 5, 6), spacing)
    assert [len(line) for line in lines] == list(sides)
    for line, n in zip(lines, (4, 5, 6), strict=True):
        counts = np.bincount(line, minlength=n)
        assert counts.min() >= 1
        assert np.ptp(counts) <= 1


def test_large_volumes_are_subsampled():
    """To pictures of a maximum size."""
    volume = np.zeros((50, 300, 400), np.float32)
    views = orthogonal_views(volume, (4, 1, 1), longest=200)
    assert 195 <= max(views.shape) <= 201
    assert np.isnan(views).any()


def test_codes_keep_their_last_axis(rng):
    codes = rng.normal(size=(4, 5, 6, 3))
    np.testing.assert_array_equal(orthogonal_views(codes, (1, 1, 1))[:5, :6], codes[2])
