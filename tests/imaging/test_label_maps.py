"""Specks and borders of label maps, on maps whose answer is known by eye."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from sklearn_segae.imaging._label_maps import find_boundaries, merge_small_regions

few = settings(max_examples=60, deadline=None, derandomize=True)
maps = arrays(int, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(-1, 3))


def quadrants(side=8):
    """Labels 0 1 / 2 3, each a square of `side` pixels."""
    return np.kron([[0, 1], [2, 3]], np.ones((side, side), int))


def patch_sizes(labels):
    """Pixels in each connected patch of equal labels."""
    sizes = []
    for value in np.unique(labels):
        patches, n = ndimage.label(labels == value)
        sizes += [int((patches == i).sum()) for i in range(1, n + 1)]
    return sizes


def test_a_speck_takes_the_label_around_it():
    """Specks vanish into their surroundings, and everything else stays."""
    labels = quadrants()
    dirty = labels.copy()
    dirty[3, 3], dirty[12, 2:4], dirty[0, 15] = 3, 7, 0

    np.testing.assert_array_equal(merge_small_regions(dirty, 3), labels)


def test_a_patch_of_min_size_stays():
    """`min_size` is the smallest size that stays."""
    labels = np.zeros((9, 9), int)
    labels[2:4, 2:5] = 1

    np.testing.assert_array_equal(merge_small_regions(labels, 6), labels)
    assert not merge_small_regions(labels, 7).any()


def test_a_speck_goes_to_the_nearest_patch():
    """Between two patches, every pixel of a speck goes to the nearer one."""
    labels = np.repeat([[0] * 5 + [9] * 4 + [1] * 5], 3, axis=0)

    absorbed = merge_small_regions(labels, 13)

    np.testing.assert_array_equal(absorbed, np.repeat([[0] * 7 + [1] * 7], 3, axis=0))


def test_corners_do_not_connect():
    """Pixels that touch at a corner alone are specks of their own."""
    labels = np.zeros((8, 8), int)
    labels[[2, 3, 4], [2, 3, 4]] = 1

    assert not merge_small_regions(labels, 2).any()


def test_two_specks_that_share_a_label_are_two():
    """Size is that of a patch, not of all pixels with its label."""
    labels = np.zeros((8, 8), int)
    labels[1, 1], labels[5:7, 5:7] = 4, 4

    absorbed = merge_small_regions(labels, 2)

    assert absorbed[1, 1] == 0
    assert (absorbed[5:7, 5:7] == 4).all()


def test_a_map_of_specks_alone_stays():
    """Where nothing is large enough, there is nothing to absorb into."""
    board = np.indices((6, 6)).sum(0) % 2

    np.testing.assert_array_equal(merge_small_regions(board, 2), board)


@few
@given(maps, st.integers(0, 1))
def test_every_patch_has_a_pixel(labels, min_size):
    """`min_size` of 0 or 1 leaves every map as it is."""
    np.testing.assert_array_equal(merge_small_regions(labels, min_size), labels)


@few
@given(maps, st.integers(0, 9))
def test_large_patches_are_not_touched(labels, min_size):
    """Absorbing invents no label, keeps dtype, input and every patch that is large enough."""
    before = labels.copy()

    absorbed = merge_small_regions(labels, min_size)

    np.testing.assert_array_equal(labels, before)
    assert absorbed.dtype == labels.dtype
    assert not np.shares_memory(absorbed, labels)
    assert set(np.unique(absorbed)) <= set(np.unique(labels))
    for value in np.unique(labels):
        patches, n = ndimage.label(labels == value)
        for i in range(1, n + 1):
            if (patches == i).sum() >= min_size:
                assert (absorbed[patches == i] == value).all()


@few
@given(st.integers(5, 20), st.integers(0, 400))
def test_a_constant_map_stays(side, min_size):
    """One label stays one label, however large its patch should be."""
    labels = np.full((side, side), 3)

    np.testing.assert_array_equal(merge_small_regions(labels, min_size), labels)


@pytest.mark.parametrize("seed", range(5))
def test_absorbing_twice_is_absorbing_once(seed):
    """After salt and pepper on large segments is gone, there is no speck left to absorb."""
    rng = np.random.default_rng(seed)
    labels = quadrants(12)
    salted = np.where(rng.random(labels.shape) < 0.1, rng.integers(0, 4, labels.shape), labels)

    once = merge_small_regions(salted, 12)

    assert min(patch_sizes(once)) >= 12
    np.testing.assert_array_equal(merge_small_regions(once, 12), once)


def test_no_speck_is_left():
    """No patch below `min_size` is left, unless there was no other."""
    labels = np.array(
        [
            [0, 3, 2, 1, 2, 1, 0],
            [2, 0, 1, 1, 3, 0, 0],
            [3, 3, 3, 3, 3, 2, 0],
            [0, 2, 2, 3, 0, 0, 1],
            [0, 1, 1, 1, 2, 1, 0],
            [3, 1, 2, 0, 1, 3, 2],
            [1, 2, 2, 1, 3, 1, 0],
        ]
    )

    assert min(patch_sizes(merge_small_regions(labels, 2))) >= 2


def test_borders_of_quadrants_are_a_cross():
    """The last row and column before the next quadrant are border, nothing else."""
    cross = np.zeros((8, 8), bool)
    cross[3, :], cross[:, 3] = True, True

    np.testing.assert_array_equal(find_boundaries(quadrants(4)), cross)


@few
@given(maps)
def test_borders_ignore_the_names_of_labels(labels):
    """Any renaming that keeps labels apart keeps the borders."""
    renamed = np.array([5, -1, 80, 3, 0])[labels]  # -1 takes the last

    np.testing.assert_array_equal(find_boundaries(labels), find_boundaries(renamed))


@few
@given(maps)
def test_no_borders_means_one_label(labels):
    """A map has no border exactly if it is constant."""
    assert find_boundaries(labels).any() == (len(np.unique(labels)) > 1)
