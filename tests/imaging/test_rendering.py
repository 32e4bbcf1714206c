"""Pictures of label maps and features: colors that can be said aloud."""

import numpy as np
import pytest

from sklearn_segae.imaging._rendering import (
    colors,
    show_borders,
    show_features,
    show_labels,
    show_overlay,
    stretch,
    to_rgb,
)

QUADRANTS = np.kron([[0, 1], [2, 3]], np.ones((4, 4), int))


def ramp(channels, dtype=float, top=1.0):
    """An image whose channels rise from 0 to `top`, left to right."""
    line = np.linspace(0, top, 50).astype(dtype)
    return np.broadcast_to(line[None, :, None], (20, 50, channels))


def test_colors_are_distinct():
    """Thirty labels have thirty colors, none of them the white of unlabeled pixels."""
    palette = colors(30)

    assert palette.shape == (30, 3)
    assert palette.dtype == np.uint8
    assert len(np.unique(palette, axis=0)) == 30
    # Apart by eye, not by one step of one channel; white is far from all of them.
    everything = np.append(palette, [[255, 255, 255]], axis=0).astype(int)
    distances = np.abs(everything[:, None] - everything[None]).max(-1) + 255 * np.eye(31, dtype=int)
    assert distances.min() >= 8


def test_more_colors_go_on_from_fewer():
    """A label keeps its color whatever the number of labels."""
    for n in range(1, 30):
        np.testing.assert_array_equal(colors(30)[:n], colors(n))


def test_labels_are_shown_in_their_colors():
    """Every pixel has the color of its label, and -1 is white."""
    labels = np.array([[0, 1], [-1, 12]])

    picture = show_labels(labels)

    assert picture.shape == (2, 2, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture[[0, 0, 1], [0, 1, 1]], colors(13)[[0, 1, 12]])
    np.testing.assert_array_equal(picture[1, 0], [255, 255, 255])


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.uint16, np.int64])
def test_labels_of_any_integer_type_are_shown(dtype):
    """The type of a label map plays no role."""
    np.testing.assert_array_equal(show_labels(QUADRANTS.astype(dtype)), show_labels(QUADRANTS))


def test_a_map_without_labels_is_white():
    """Where every pixel is unlabeled, the picture is white."""
    assert (show_labels(np.full((3, 4), -1)) == 255).all()


@pytest.mark.parametrize("n_channels", [1, 2])
def test_few_channels_are_shown_as_gray(n_channels):
    """With fewer than three channels, the first one is shown."""
    image = ramp(n_channels).copy()
    image[..., 1:] = image[::-1, ::-1, 1:]

    picture = to_rgb(image)

    assert picture.shape == (20, 50, 3)
    assert (picture == picture[..., :1]).all()
    assert (picture[:, 0] == 0).all()
    assert (picture[:, -1] == 255).all()


@pytest.mark.parametrize("n_channels", [3, 7])
def test_many_channels_are_shown_by_the_first_three(n_channels):
    """Red, green and blue are the first channels, each stretched by itself."""
    image = ramp(n_channels) * np.array([1, 1000, -0.1, *range(n_channels - 3)])

    picture = to_rgb(image)

    np.testing.assert_array_equal(picture, to_rgb(image[..., :3]))
    np.testing.assert_array_equal(picture[0, 0], [0, 0, 255])
    np.testing.assert_array_equal(picture[0, -1], [255, 255, 0])


def test_bytes_are_shown_as_they_are():
    """An 8-bit picture is not stretched, and not shared either."""
    image = np.random.default_rng(0).integers(100, 120, (5, 6, 3), dtype=np.uint8)

    picture = to_rgb(image)

    np.testing.assert_array_equal(picture, image)
    assert not np.shares_memory(picture, image)


@pytest.mark.parametrize(
    ("dtype", "top"), [(np.uint16, 40_000), (np.int16, 300), (np.float32, 1e-3), (np.float64, 1e9)]
)
@pytest.mark.parametrize("axes", [2, 3])
def test_other_types_are_stretched(dtype, top, axes):
    """Whatever the units, the lowest values are black and the highest are white."""
    image = ramp(1, dtype, top)
    image = image[..., 0] if axes == 2 else image

    picture = to_rgb(image)

    assert picture.dtype == np.uint8
    assert (picture[:, 0] == 0).all()
    assert (picture[:, -1] == 255).all()
    assert (np.diff(picture[0, :, 0].astype(int)) >= 0).all()


def test_masks_are_shown_black_and_white():
    """A boolean image is a picture, too."""
    mask = np.eye(6, dtype=bool)

    np.testing.assert_array_equal(to_rgb(mask)[..., 0], 255 * mask)


def test_stretching_ignores_outliers():
    """One hot pixel in a thousand does not make the rest black."""
    image = ramp(1).copy()
    image[0, 0] = 1e6

    stretched = stretch(image)

    assert stretched[0, 0] == 1
    np.testing.assert_allclose(stretched[1:], np.clip(ramp(1)[1:], 0, 1), atol=0.03)  # 1 % clipped


def test_a_constant_channel_is_black():
    """Where there is nothing to see, nothing is divided by zero."""
    assert not stretch(np.full((4, 4, 1), 7.0)).any()


def test_overlays_keep_image_and_labels_visible():
    """Inside segments, colors are mixed by the alpha; borders are white."""
    image = np.full((8, 8), 100, np.uint8)

    picture = show_overlay(image, QUADRANTS, alpha=0.25)

    for value, (y, x) in enumerate([(1, 1), (1, 6), (6, 1), (6, 6)]):
        # Below one step: results are cut to whole numbers.
        np.testing.assert_allclose(picture[y, x], 75 + 0.25 * colors(4)[value], atol=1)
    assert (picture[3] == 255).all()
    assert (picture[:, 3] == 255).all()
    assert (image == 100).all()


@pytest.mark.parametrize(("alpha", "expected"), [(0, 100), (1, None)])
def test_opacity_runs_from_image_to_labels(alpha, expected):
    """An alpha of 0 shows the image alone, one of 1 the labels alone."""
    labels = np.zeros((4, 4), int)

    picture = show_overlay(np.full((4, 4), 100, np.uint8), labels, alpha)

    np.testing.assert_array_equal(picture, show_labels(labels) if expected is None else expected)


def test_borders_are_drawn_in_yellow():
    """The cross between quadrants is yellow, the rest is the image, darker."""
    picture = show_borders(np.full((8, 8), 100, np.uint8), QUADRANTS)

    assert (picture[3] == (255, 230, 0)).all()
    assert (picture[:, 3] == (255, 230, 0)).all()
    assert (picture[4:, 4:] == 60).all()


@pytest.mark.parametrize(
    ("n", "n_columns", "gap", "size"),
    [(1, 4, 4, (20, 50)), (4, 4, 4, (20, 212)), (5, 4, 4, (44, 212)), (3, 2, 1, (41, 101))],
)
def test_feature_sheets(n, n_columns, gap, size):
    """Components lie row by row, apart by the gap, first one top left; the rest is white."""
    codes = np.zeros((20, 50, n))
    codes[5:10, :, n - 1] = 1.0  # a bar in the last one alone

    sheet = show_features(codes, n_columns, gap)

    assert sheet.shape == (*size, 3)
    row, column = divmod(n - 1, min(n, n_columns))
    top, left = row * (20 + gap), column * (50 + gap)
    last = sheet[top : top + 20, left : left + 50]
    assert (last[5:10] == 255).all()
    assert not last[:5].any()
    assert (sheet[:20, :50] == 0).all() or n == 1
    assert (sheet[20 : 20 + gap] == 255).all()
    assert (sheet[top : top + 20, left + 50 :] == 255).all()


def test_features_without_a_gap():
    """Components may touch."""
    assert show_features(np.zeros((20, 50, 2)), gap=0).shape == (20, 100, 3)
