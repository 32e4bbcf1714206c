"""RegionTree: cuts that nest, of connected segments, and the contours that tell the same."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from sklearn.metrics import adjusted_rand_score

from sklearn_segae.imaging._label_maps import find_boundaries
from sklearn_segae.regions._region_tree import FLOOR, RegionTree
from sklearn_segae.regions._tree_builder import region_tree

few = settings(max_examples=25, deadline=None, derandomize=True)
shapes = st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(1, 3))

QUADRANTS = np.kron([[0, 1], [2, 3]], np.ones((40, 40), int))
PALETTE = np.array([[-1, 0, 1], [1, 1, 0], [0, -1, -1], [1.5, -1, 1]], np.float32)


def noise(shape=(60, 70, 2), seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def quadrants(level=0.0):
    """Four colors, with noise of a level."""
    return PALETTE[QUADRANTS] + level * noise((80, 80, 3))


def n_patches(labels):
    return sum(ndimage.label(labels == value)[1] for value in np.unique(labels))


def stripes():
    """Upright stripes left, lying ones right: (colors, codes that tell which, halves)."""
    y, x = np.mgrid[:64, :96]
    halves = (x >= 48).astype(int)
    colors = np.where(halves, y % 4 < 2, x % 4 < 2)[..., None] + 0.1 * noise((64, 96, 1))
    codes = ndimage.gaussian_filter(2.0 * halves - 1, 2)[..., None] + 0.1 * noise((64, 96, 1), 1)
    return colors.astype(np.float32), codes.astype(np.float32), halves


@pytest.mark.parametrize("level", [0.01, 0.1, 0.3])
def test_quadrants_are_found(level):
    """Four colors are four segments, but where they meet, by number, strength and default."""
    tree = region_tree(quadrants(level))

    for labels in (tree.cut(4), tree.cut(), tree.cut(9), tree.cut(threshold=5)):
        assert labels.max() + 1 == 4
        away = np.maximum(*np.abs(np.mgrid[:80, :80] - 39.5)) > 2  # of the point where all meet
        assert adjusted_rand_score(QUADRANTS[away], labels[away]) == 1


@pytest.mark.parametrize("side", [25, 60, 150])
def test_the_floor_suits_images_of_any_size(side):
    """Noise is one segment, and two halves are two, however many pixels there are."""
    halves = (np.arange(2 * side) >= side).astype(int)[None].repeat(side, 0)
    even = 0.2 * noise((side, 2 * side, 3))

    assert not region_tree(even).cut().any()
    labels = region_tree(PALETTE[halves] + even).cut()
    assert adjusted_rand_score(halves.ravel(), labels.ravel()) == 1


def test_a_drawing_without_noise_needs_no_floor():
    """Four even colors are the four finest regions."""
    tree = region_tree(quadrants())

    assert tree.n_regions == 4
    assert adjusted_rand_score(QUADRANTS.ravel(), tree.cut(4, min_strength=0).ravel()) > 0.995


def test_finer_cuts_refine_coarser_ones():
    """A cut into one more segment parts one in two, and moves no border."""
    tree = region_tree(noise())

    for coarse, fine in pairwise(tree.cut(k, min_strength=0) for k in range(1, tree.n_regions + 1)):
        assert len(set(zip(fine.ravel(), coarse.ravel(), strict=True))) == fine.max() + 1
        assert (find_boundaries(fine) >= find_boundaries(coarse)).all()


@few
@given(shapes, st.integers(1, 12), st.integers(0, 50))
def test_segments_are_connected_and_as_many_as_asked_for(shape, k, seed):
    """Without a floor there are exactly k patches, 0 to k - 1, or as many as there are regions."""
    tree = region_tree(noise(shape, seed))

    labels = tree.cut(k, min_strength=0)

    assert labels.dtype == np.int32
    assert labels.shape == shape[:2]
    n = min(k, tree.n_regions)
    assert n_patches(labels) == n
    np.testing.assert_array_equal(np.unique(labels), range(n))


def test_the_floor_keeps_weak_borders_from_parting():
    """More segments than strong borders make are not given, unless the floor is lowered."""
    tree = region_tree(quadrants(0.1))

    assert tree.cut(50).max() + 1 == 1 + (tree.heights >= FLOOR).sum() == 4
    assert tree.cut(15, min_strength=0).max() + 1 == 15 < tree.n_regions
    assert tree.cut(3).max() + 1 == 3
    assert not tree.cut(50, min_strength=np.inf).any()
    np.testing.assert_array_equal(tree.cut(), tree.cut(tree.n_regions))


def test_a_threshold_leaves_the_stronger_borders():
    """There are as many segments as heights above the threshold, and one."""
    tree = region_tree(noise())

    for threshold in (0, *tree.heights[::9], 99):
        labels = tree.cut(threshold=threshold)
        assert labels.max() == (tree.heights > threshold).sum()


def test_contours_are_the_borders_of_all_cuts():
    """The contours above a threshold are the borders of the cut at it."""
    tree = region_tree(noise())
    contours = tree.contours()

    assert contours.dtype == np.float32
    np.testing.assert_array_equal(contours > 0, find_boundaries(tree.regions))
    for threshold in (0, *tree.heights[::9], FLOOR):
        np.testing.assert_array_equal(
            contours > threshold, find_boundaries(tree.cut(threshold=threshold))
        )


def test_heights_increase():
    """Every merge is at least as costly as the one before."""
    tree = region_tree(noise())

    assert tree.merges.shape == (tree.n_regions - 1, 2)
    assert (np.diff(tree.heights) >= 0).all()
    assert np.isfinite(tree.heights).all()


def test_equal_input_gives_equal_trees():
    """Nothing is left to chance, and the input stays as it is."""
    colors, codes = noise(), noise(seed=1)
    before = colors.copy(), codes.copy()
    state = np.random.get_state()[1].copy()  # noqa: NPY002

    first, second = region_tree(colors, codes), region_tree(colors, codes)

    for name in ("regions", "merges", "heights"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    np.testing.assert_array_equal((colors, codes), before)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 2, 3), (2, 2, 1), (1, 300, 2), (300, 1, 1)])
def test_tiny_and_narrow_images_have_trees(shape):
    """From one pixel up, every image has a tree to cut."""
    tree = region_tree(noise(shape), noise(shape, 1))

    assert tree.cut(2, min_strength=0).shape == tree.contours().shape == shape[:2]
    assert np.isfinite(tree.contours()).all()


def test_a_plain_image_is_one_segment():
    """An image of one color has one region, and nothing to merge."""
    tree = region_tree(np.full((20, 30, 3), 0.1, np.float32), np.ones((20, 30, 4), np.float32))

    assert tree.n_regions == 1
    assert not tree.cut(5, min_strength=0).any()
    assert not tree.cut(threshold=0).any()
    assert not tree.contours().any()


def test_codes_tell_textures_apart_that_share_their_colors():
    """Upright and lying stripes of the same colors are two segments to whom codes say so."""
    colors, codes, halves = stripes()

    with_codes = region_tree(colors, codes).cut(2, min_strength=0)
    without = region_tree(colors).cut(2, min_strength=0)

    assert adjusted_rand_score(halves.ravel(), with_codes.ravel()) > 0.9
    assert adjusted_rand_score(halves.ravel(), without.ravel()) < 0.5


@pytest.mark.parametrize("flip", [np.flipud, np.fliplr, lambda a: a.swapaxes(0, 1)])
def test_a_mirrored_image_has_mirrored_segments(flip):
    """Left and right, up and down, rows and columns are alike: nearly, since words are sampled."""
    colors = quadrants(0.5)

    labels, mirrored = region_tree(colors).cut(4), region_tree(flip(colors)).cut(4)

    assert adjusted_rand_score(flip(labels).ravel(), mirrored.ravel()) > 0.95


@pytest.mark.parametrize("change", [{"codes": noise(seed=1)}, {"units": (1, 2)}, {"seed": 7}])
def test_every_argument_counts(change):
    """Codes, units and seed each change the heights, and none the regions."""
    before, after = region_tree(noise()), region_tree(noise(), **change)

    np.testing.assert_array_equal(before.regions, after.regions)
    assert not np.allclose(before.heights, after.heights)


def test_a_tree_can_be_pickled():
    """A tree goes to disk and back, and says what it is."""
    tree = region_tree(noise())

    again = pickle.loads(pickle.dumps(tree))

    np.testing.assert_array_equal(again.cut(5, min_strength=0), tree.cut(5, min_strength=0))
    assert repr(again) == f"RegionTree(60 x 70 pixels, n_regions={tree.n_regions})"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_segments": 3, "threshold": 1}, "n_segments=3 and threshold=1 exclude each other"),
        ({"n_segments": 0}, "n_segments=0 is not a whole number"),
        ({"n_segments": 2.5}, "n_segments=2.5 is not a whole number"),
        ({"threshold": -1}, "threshold=-1 is not a number"),
        ({"threshold": np.nan}, "threshold=nan is not a number"),
        ({"min_strength": -0.5}, "min_strength=-0.5 is not a number"),
        ({"min_strength": None}, "min_strength=None is not a number"),
    ],
)
def test_impossible_cuts_are_refused(arguments, message):
    """What cannot be cut is said, with the value and a way out."""
    tree = RegionTree(np.array([[0, 1]]), np.array([[0, 1]]), np.array([1.0]))

    with pytest.raises(ValueError, match=message):
        tree.cut(**arguments)
