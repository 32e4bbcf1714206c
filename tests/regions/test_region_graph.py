"""Borders between regions, and merging along them, on graphs whose answer is known by eye."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_segae.regions._region_graph import RegionGraph, merge
from sklearn_segae.regions._watershed import color_tensor, watershed

few = settings(max_examples=40, deadline=None, derandomize=True)

STRIPS = np.repeat([[0, 1, 2, 3]], 6, axis=0).repeat([3, 2, 4, 1], axis=1)


def random_borders(seed, shape=(12, 15), n=20):
    """Borders of random connected regions."""
    rng = np.random.default_rng(seed)
    markers = np.zeros(shape, int)
    markers.flat[rng.permutation(markers.size)[:n]] = np.arange(n) + 1
    return RegionGraph(watershed(rng.random(shape), markers))


def test_strips_are_a_chain():
    """Each touches the next, along its whole length."""
    graph = RegionGraph(STRIPS)

    np.testing.assert_array_equal(graph.first, [0, 1, 2])
    np.testing.assert_array_equal(graph.second, [1, 2, 3])
    np.testing.assert_array_equal(graph.length, [6, 6, 6])
    np.testing.assert_array_equal(graph.area, [18, 12, 24, 6])


def test_regions_at_a_corner_are_no_neighbors():
    """Quadrants have four borders, not six."""
    graph = RegionGraph(np.kron([[0, 1], [2, 3]], np.ones((4, 4), int)))

    pairs = list(zip(graph.first.tolist(), graph.second.tolist(), strict=True))
    assert pairs == [(0, 1), (0, 2), (1, 3), (2, 3)]


@pytest.mark.parametrize("side", [1, 8])
def test_gradient_is_that_across_the_border(side):
    """What changes along a border does not make it stronger, whether it is long or one pixel."""
    y, x = np.mgrid[: 2 * side, : 2 * side].astype(float)
    tensor = color_tensor((3 * x + 100 * y)[..., None], 1)
    middle = np.zeros((3, 2 * side, 2 * side)) + tensor[:, side, side][:, None, None]

    upright = RegionGraph(np.kron([[0, 1]], np.ones((2 * side, side), int)))
    flat = RegionGraph(np.kron([[0], [1]], np.ones((side, 2 * side), int)))

    xx, yy = np.sqrt(tensor[1, side, side]), np.sqrt(tensor[0, side, side])
    assert upright.gradient(middle) == pytest.approx(xx)
    assert flat.gradient(middle) == pytest.approx(yy)


def test_a_diagonal_border_has_a_diagonal_normal():
    """A gradient along a diagonal is seen in full by the border across, not by that along it."""
    y, x = np.mgrid[:30, :30]
    tensor = np.ones((3, 30, 30))  # of x + y

    assert RegionGraph((x + y > 29).astype(int)).gradient(tensor) == pytest.approx(np.sqrt(2), 0.01)
    assert RegionGraph((x - y > 0).astype(int)).gradient(tensor) < 0.2


def test_the_weakest_border_goes_first():
    """A chain joins in the order of its borders, and heights are their strengths."""
    chain = RegionGraph(np.array([[0, 1, 2, 3]]))

    merges, heights = merge(chain, np.array([2, 1, 3]))

    np.testing.assert_array_equal(merges, [[1, 2], [0, 4], [3, 5]])
    np.testing.assert_allclose(heights, [1, 2, 3])


def test_joint_borders_average_by_length():
    """A region that two others surround by 3 and 1 pixels weighs their strengths so."""
    regions = np.array([[0, 0, 0, 0], [2, 2, 2, 1]])
    graph = RegionGraph(regions)  # 0-1 one pixel, 0-2 three, 1-2 one

    merges, heights = merge(graph, np.array([8.0, 4.0, 0.0]))

    np.testing.assert_array_equal(merges, [[1, 2], [0, 3]])
    assert heights[1] == pytest.approx(5 * 4**0.07)


def test_small_regions_join_sooner():
    """Of two equal borders, that of the smaller region is cheaper."""
    merges, _ = merge(RegionGraph(STRIPS), np.ones(3))

    np.testing.assert_array_equal(merges[0], [2, 3])


@few
@given(st.integers(0, 1000))
def test_merging_makes_one_tree(seed):
    """Every node but the last joins exactly once, parents come later, heights increase."""
    graph = random_borders(seed)
    strength = np.random.default_rng(seed).random(len(graph.length))

    merges, heights = merge(graph, strength)

    n = len(graph.area)
    assert sorted(merges.ravel()) == list(range(2 * n - 2))
    assert (merges.max(1) < n + np.arange(n - 1)).all()
    assert (np.diff(heights) >= 0).all()
