"""Synthetic images: what their docstrings promise."""

import numpy as np
import pytest

from sklearn_segae.datasets import make_mosaic, make_shapes

MAKERS = [make_mosaic, make_shapes]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(("n_images", "size", "n_channels"), [(1, 64, 1), (3, 50, 2)])
def test_shapes_and_types(make, n_images, size, n_channels):
    """Images are float32 with channels, labels int32 without, of the size asked for."""
    images, labels = make(n_images, size=size, n_channels=n_channels, random_state=0)

    assert images.shape == (n_images, size, size, n_channels)
    assert labels.shape == (n_images, size, size)
    assert images.dtype == np.float32
    assert labels.dtype == np.int32
    assert np.isfinite(images).all()


@pytest.mark.parametrize("make", MAKERS)
def test_the_seed_decides_on_everything(make):
    """The same seed makes the same images, another one others, and no global state is touched."""
    before = np.random.get_state()[1].copy()  # noqa: NPY002 the global state is what we look at

    first, second, other = (make(2, size=40, random_state=seed) for seed in (0, 0, 1))

    for a, b, c in zip(first, second, other, strict=True):
        np.testing.assert_array_equal(a, b)
        assert (a != c).any()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("make", MAKERS)
def test_images_of_a_set_differ(make):
    """Neither images nor label maps are repeated within a set, nor channels within an image."""
    images, labels = make(2, size=40, n_channels=2, random_state=0)

    assert (labels[0] != labels[1]).any()
    assert (images[0] != images[1]).any()
    assert (images[..., 0] != images[..., 1]).any()


@pytest.mark.parametrize("n_segments", [1, 2, 4, 7])
def test_every_texture_is_in_every_image(n_segments):
    """Labels are 0 to n_segments - 1, each on at least half its even share of every image."""
    _, labels = make_mosaic(3, n_segments=n_segments, size=64, random_state=0)

    for label_map in labels:
        counts = np.bincount(label_map.ravel())
        assert len(counts) == n_segments
        assert counts.min() >= 0.5 * label_map.size / n_segments


def test_textures_share_mean_and_spread():
    """Neither brightness nor contrast tells the segments of a mosaic apart."""
    images, labels = make_mosaic(4, size=128, n_channels=2, random_state=0)

    for image, label_map in zip(images, labels, strict=True):
        for value in range(4):
            pixels = image[label_map == value]
            # A segment has thousands of pixels, but they are correlated: 0.11 was the largest
            # mean of 48 segments, 0.04 the largest deviation of a spread.
            assert np.abs(pixels.mean(0)).max() < 0.2
            assert np.abs(pixels.std(0) - 1).max() < 0.1


def step_correlations(image, mask):
    """Autocorrelations of the masked pixels with their neighbors: down, right, two diagonals."""

    def correlation(dy, dx):
        there, both = np.roll(image, (-dy, -dx), (0, 1)), mask & np.roll(mask, (-dy, -dx), (0, 1))
        return np.corrcoef(image[both], there[both])[0, 1]

    return np.array([correlation(*step) for step in ((2, 0), (0, 2), (2, 2), (2, -2))])


def test_textures_are_told_apart_by_their_pattern():
    """Neighbors of a texture correlate alike in every image, and unlike those of another one."""
    images, labels = make_mosaic(2, size=128, random_state=0)

    signatures = np.array(
        [
            [step_correlations(image[..., 0], label_map == value) for value in range(4)]
            for image, label_map in zip(images, labels, strict=True)
        ]
    )

    distances = np.linalg.norm(signatures[0][:, None] - signatures[1][None], axis=-1)
    np.testing.assert_array_equal(distances.argmin(1), np.arange(4))


def test_shapes_without_noise_have_three_values():
    """Background is 0, discs are 0.6 and squares 1, in every channel."""
    images, labels = make_shapes(2, size=64, noise=0, n_channels=3, random_state=0)

    expected = np.array([0, 0.6, 1], np.float32)[labels]
    np.testing.assert_array_equal(images, np.repeat(expected[..., None], 3, axis=-1))
    assert set(np.unique(labels)) == {0, 1, 2}


def test_noise_has_the_spread_asked_for():
    """What is added to the shapes is Gaussian noise of standard deviation `noise`."""
    images, labels = make_shapes(2, size=128, noise=0.3, random_state=0)

    noise = images[..., 0] - np.array([0, 0.6, 1])[labels]

    # 32,768 pixels: five standard errors are 0.3 * 5 / sqrt(n) = 0.008, less for the spread.
    assert abs(noise.mean()) < 0.008
    assert noise.std() == pytest.approx(0.3, abs=0.006)
    assert np.mean(np.abs(noise) < 0.3) == pytest.approx(0.683, abs=0.013)


@pytest.mark.parametrize("noise", [0, 5])
def test_noise_does_not_move_shapes(noise):
    """Label maps of one seed are the same under any noise."""
    _, labels = make_shapes(2, size=40, noise=noise, random_state=0)

    np.testing.assert_array_equal(labels, make_shapes(2, size=40, random_state=0)[1])


@pytest.mark.parametrize(("n_shapes", "values"), [(0, {0}), (1, {0, 1}), (30, {0, 1, 2})])
def test_shapes_are_alternately_discs_and_squares(n_shapes, values):
    """The first shape is a disc, the second a square; no shapes leave the background."""
    _, labels = make_shapes(1, n_shapes=n_shapes, random_state=0)

    assert set(np.unique(labels)) == values


def test_discs_are_round_and_squares_are_square():
    """A whole disc fills pi / 4 of its bounding box, a square all of it."""

    def filled(label_map, value):
        y, x = np.nonzero(label_map == value)
        box = (np.ptp(y) + 1, np.ptp(x) + 1)
        return len(y) / (box[0] * box[1]), box

    # Of many images with one or two shapes, those that show them whole and apart.
    for seed in range(30):
        _, [label_map] = make_shapes(1, size=200, n_shapes=2, random_state=seed)
        inner = not (label_map[[0, -1]].any() or label_map[:, [0, -1]].any())
        share, box = filled(label_map, 1)
        if inner and box[0] == box[1] and filled(label_map, 2)[1][0] == filled(label_map, 2)[1][1]:
            break

    assert share == pytest.approx(np.pi / 4, abs=0.04)  # pixels of a disc some 30 wide
    assert filled(label_map, 2)[0] == 1
