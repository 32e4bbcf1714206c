"""Border strengths: gradients, surprise, eigenvectors; each where it alone knows the answer."""

import numpy as np
import pytest

from sklearn_segae.regions._boundary_strength import (
    boundary_strength,
    gradient_strength,
    joint_distribution,
    negative_pmi,
    quantize,
    spectral_distance,
    typical_gradients,
    word_shares,
)
from sklearn_segae.regions._region_graph import RegionGraph

BLOCKS = np.arange(36).reshape(6, 6).repeat(8, 0).repeat(8, 1)  # 36 squares of 8 x 8 pixels
HALVES = (np.arange(48) >= 24).astype(int)[None].repeat(48, 0)  # left and right


def crosses(graph):
    """True for borders between the halves."""
    left = graph.first % 6 < 3
    return left != (graph.second % 6 < 3)


def noise(seed=0, channels=2):
    return np.random.default_rng(seed).normal(size=(48, 48, channels)).astype(np.float32)


def test_strength_is_a_number_for_every_border():
    """Strengths are finite and not negative, in any number of channels, with codes and without."""
    graph = RegionGraph(BLOCKS)
    for channels in (1, 3, 7):
        for codes in (None, noise(1, 4)):
            strength = boundary_strength(graph, noise(0, channels), codes)
            assert strength.shape == graph.length.shape
            assert np.isfinite(strength).all()
            assert (strength >= 0).all()


def test_a_step_is_stronger_than_plain_borders():
    """Where color changes, a border is the strongest."""
    graph = RegionGraph(BLOCKS)
    colors = HALVES[..., None] + 0.1 * noise()

    strength = boundary_strength(graph, colors.astype(np.float32))

    assert strength[crosses(graph)].min() > 3 * strength[~crosses(graph)].max()


def test_gradients_are_in_units():
    """Twice the contrast is twice the strength, twice the unit half of it."""
    graph = RegionGraph(BLOCKS)
    once = gradient_strength(graph, noise(), (1, 1))

    np.testing.assert_allclose(gradient_strength(graph, 2 * noise(), (1, 1)), 2 * once, rtol=1e-5)
    np.testing.assert_allclose(gradient_strength(graph, noise(), (2, 2)), once / 2, rtol=1e-5)


def test_typical_gradients_make_a_strength_of_one():
    """In its own typical gradients, an image has a mean strength of 1 at its fine borders."""
    from sklearn_segae.regions._watershed import fine_regions

    colors = noise(3, 3)
    units = typical_gradients(iter([colors, np.zeros((9, 9, 3), np.float32)]))

    mean = gradient_strength(RegionGraph(fine_regions(colors)), colors, units).mean()
    assert mean == pytest.approx(1)
    np.testing.assert_allclose(typical_gradients([5 * colors]), 5 * units, rtol=0.02)


@pytest.mark.parametrize("images", [[], [np.zeros((9, 9, 1), np.float32)]])
def test_plain_images_have_no_typical_gradients(images):
    """Without borders to look at, nothing is scaled."""
    np.testing.assert_array_equal(typical_gradients(images), [1, 1])


def test_words_that_go_together_do_not_surprise():
    """A pattern of two colors is one thing, as long as they meet everywhere on it."""
    rng = np.random.default_rng(0)
    words = rng.integers(0, 2, (48, 48)) + 2 * HALVES  # 0 and 1 mix left, 2 and 3 right
    graph = RegionGraph(BLOCKS)

    value = negative_pmi(graph, words)

    assert value[crosses(graph)].min() > 10 * value[~crosses(graph)].max()


def test_one_word_surprises_nobody():
    """A map of one word parts nothing."""
    assert not negative_pmi(RegionGraph(BLOCKS), np.zeros((48, 48), int)).any()


def test_surprise_ignores_the_numbers_of_words():
    """Words are names."""
    words = np.random.default_rng(0).integers(0, 5, (48, 48))
    renamed = np.array([3, 0, 4, 2, 1])[words]

    value = negative_pmi(RegionGraph(BLOCKS), words)

    np.testing.assert_allclose(negative_pmi(RegionGraph(BLOCKS), renamed), value, atol=1e-12)


def test_joint_distribution_is_one():
    """Probabilities are positive, symmetric and sum to 1, as shares do in every region."""
    graph = RegionGraph(BLOCKS)
    shares = word_shares(graph, np.random.default_rng(0).integers(0, 5, (48, 48)))

    joint = joint_distribution(graph, shares)

    np.testing.assert_allclose(shares.sum(1), 1)
    np.testing.assert_allclose(joint, joint.T)
    assert joint.sum() == pytest.approx(1)
    assert joint.min() > 0


def test_words_are_few_and_told_apart():
    """Equal pixels are one word, unlike ones two, and few colors make few words."""
    maps = np.stack([HALVES, 1 - HALVES], 2).astype(np.float32)

    words = quantize(maps, seed=0)

    assert len(np.unique(words)) == words.max() + 1 == 2
    np.testing.assert_array_equal(words == words[0, 0], HALVES == 0)
    assert quantize(noise(), 0).max() == 31


def test_eigenvectors_close_gaps():
    """A gap in an outline is stronger than it would be without the outline."""
    graph = RegionGraph(np.arange(144).reshape(12, 12).repeat(4, 0).repeat(4, 1))
    outline = np.flatnonzero((graph.first % 12 == 5) & (graph.second % 12 == 6))
    plain = np.full(len(graph.length), 0.1)
    outlined = plain.copy()
    outlined[outline] = 1.5
    gap = outline[6]
    outlined[gap] = 0.1

    before, after = spectral_distance(graph, plain), spectral_distance(graph, outlined)

    assert after[gap] > 1.5 * before[gap]


def test_eigenvectors_stay_finite_behind_strong_borders():
    """Regions that nothing ties to the others part from them, by a finite number."""
    graph = RegionGraph(BLOCKS)
    distance = spectral_distance(graph, np.where(crosses(graph), 1e4, 0.1))

    assert np.isfinite(distance).all()
    assert np.isfinite(spectral_distance(graph, np.full(len(graph.length), 1e4))).all()
    assert distance[crosses(graph)].min() > distance[~crosses(graph)].max()


@pytest.mark.parametrize("change", [{"codes": noise(1)}, {"units": (1, 2)}, {"seed": 7}])
def test_every_argument_counts(change):
    """Codes, units and seed each have a say."""
    graph = RegionGraph(BLOCKS)

    before = boundary_strength(graph, noise())

    assert not np.allclose(before, boundary_strength(graph, noise(), **change))
