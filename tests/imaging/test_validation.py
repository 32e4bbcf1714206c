"""What counts as images, and the words for everything that does not."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_segae.imaging._label_maps import check_label_maps
from sklearn_segae.imaging._validation import check_images, is_rows, like

GRAY, COLOR = np.zeros((6, 5)), np.zeros((6, 5, 3))


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((4, 3)),
        np.zeros(4),
        sparse.csr_matrix((4, 3)),
        pd.DataFrame({"a": [1.0, 2.0]}),
        [[1, 2], [3, 4]],
        [np.zeros(3), np.ones(3)],
        [],
    ],
)
def test_tables_of_numbers_are_rows(X):
    """Two axes or fewer, a sparse matrix, a data frame and lists of vectors are rows."""
    assert is_rows(X)


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((2, 6, 5)),
        np.zeros((2, 6, 5, 3)),
        [GRAY, COLOR],
        (GRAY,),
        [[[1, 2], [3, 4]]],
        np.zeros((2, 2, 2, 2, 2)),
    ],
)
def test_stacks_and_lists_of_arrays_are_images(X):
    """Three axes or more, as one array, nested lists or a list of arrays, are images."""
    assert not is_rows(X)


@pytest.mark.parametrize("dtype", ["?", "u1", "i2", "u2", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize("shape", [(2, 6, 5), (2, 6, 5, 1), (2, 6, 5, 7), (1, 1, 1)])
def test_images_come_back_as_views(dtype, shape):
    """A stack of any real dtype becomes (H, W, C) views of itself: no copy, no conversion."""
    X = np.ones(shape, dtype)

    images = check_images(X)

    channels = shape[3] if len(shape) == 4 else 1
    assert [image.shape for image in images] == [(*shape[1:3], channels)] * shape[0]
    assert all(image.dtype == X.dtype and np.shares_memory(image, X) for image in images)


def test_images_in_a_list_may_differ_in_size():
    """A list may mix sizes, and images with one channel with or without their last axis."""
    images = check_images([np.zeros((3, 4)), np.zeros((7, 2, 1)), np.zeros((1, 9))])

    assert [image.shape for image in images] == [(3, 4, 1), (7, 2, 1), (1, 9, 1)]


def test_nested_lists_of_numbers_are_a_stack():
    """Nested lists hold the same pixels as the array made from them."""
    numbers = [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [0, 1, 2]]]

    images = check_images(numbers)

    np.testing.assert_array_equal(np.stack(images)[..., 0], numbers)


def test_read_only_images_are_fine():
    """Nothing is written to the input, so a read-only memory map is as good as an array."""
    X = np.arange(24.0).reshape(2, 4, 3)
    X.flags.writeable = False

    assert check_images(X)[1][3, 2, 0] == 23


@pytest.mark.parametrize("shape", [(6, 5, 3), (480, 640, 3), (6, 5, 4)])
def test_a_lone_color_image_is_refused(shape):
    """One image that was not put into a stack is recognized, and the way out is X[None]."""
    with pytest.raises(ValueError, match=re.escape(f"X has shape {shape}")) as error:
        check_images(np.zeros(shape))

    assert "X[None]" in str(error.value)
    assert check_images(np.zeros(shape)[None])[0].shape == shape
    assert check_images(np.zeros(shape)[..., None])[0].shape == (*shape[1:], 1)


@pytest.mark.parametrize("shape", [(4,), (4, 4), (1, 1, 4, 4, 1)])
def test_a_stack_has_three_or_four_axes(shape):
    """Other numbers of axes are refused with the shape and the two that are known."""
    with pytest.raises(ValueError, match=re.escape(f"X has shape {shape}")) as error:
        check_images(np.zeros(shape))

    assert "(n, H, W)" in str(error.value)
    assert "(n, H, W, C)" in str(error.value)


@pytest.mark.parametrize("wrong", [np.zeros(5), np.zeros((5, 5, 1, 1))])
def test_an_image_of_a_list_has_two_or_three_axes(wrong):
    """The image that is none is named by its place in the list."""
    with pytest.raises(ValueError, match=re.escape(f"X[1] has shape {wrong.shape}")):
        check_images([GRAY, wrong])


@pytest.mark.parametrize("value", [np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_infinity_is_refused(value, dtype):
    """It is found wherever it is, and the image is named."""
    X = np.zeros((3, 6, 5), dtype)
    X[1, 5, 4] = value

    with pytest.raises(ValueError, match=r"X\[1\] contains infinity.*masked_invalid"):
        check_images(X)


def test_opposite_infinities_do_not_hide_each_other():
    """The check by a sum still sees inf - inf."""
    X = np.zeros((1, 6, 5))
    X[0, 0, :2] = np.inf, -np.inf

    with pytest.raises(ValueError, match="infinity"):
        check_images(X)


@pytest.mark.parametrize(
    ("dtype", "value"), [(np.float16, 6e4), (np.float32, 3e38), (float, 1e308)]
)
def test_a_sum_that_overflows_is_no_missing_value(dtype, value):
    """Images of huge but finite values pass, without a warning."""
    assert len(check_images(np.full((1, 64, 64), value, dtype))) == 1


@pytest.mark.parametrize(
    "X", [np.zeros((0, 4, 4)), np.zeros((2, 0, 4)), np.zeros((2, 4, 0)), np.zeros((2, 4, 4, 0))]
)
def test_nothing_is_no_image(X):
    """Empty stacks, and images without pixels or channels, are refused."""
    with pytest.raises(ValueError, match=r"X holds 0 images|at least one pixel"):
        check_images(X)


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((2, 4, 4), complex),
        np.full((2, 4, 4), None),
        np.full((2, 4, 4), "a"),
        np.zeros((2, 4, 4), "M8[s]"),
    ],
)
def test_only_real_numbers_are_pixels(X):
    """Other kinds are refused with their dtype."""
    with pytest.raises(ValueError, match=re.escape(f"X[0] has dtype {X.dtype}")):
        check_images(X)


def test_channels_must_agree():
    """The first image that differs is named, with both numbers of channels."""
    with pytest.raises(ValueError, match=r"X\[2\] has 3 channels, but X\[0\] has 1"):
        check_images([GRAY, GRAY, COLOR])


def test_channels_must_be_those_of_fit():
    """Given a number of channels, the error says who asks for it."""
    with pytest.raises(ValueError, match=r"X\[0\] has 3 channels, but Model was fitted with 2"):
        check_images([COLOR], n_channels=2, owner="Model")

    assert len(check_images([COLOR], n_channels=3, owner="Model")) == 1


def test_label_maps_fit_their_images():
    """Integer maps of the images' sizes pass unchanged, as a stack or a list."""
    images = check_images(np.zeros((2, 6, 5, 3)))
    y = np.arange(60, dtype=np.uint16).reshape(2, 6, 5)

    maps = check_label_maps(y, images)

    np.testing.assert_array_equal(np.stack(maps), y)
    assert [m.dtype for m in check_label_maps(list(y), images)] == [np.uint16] * 2


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros((1, 6, 5), int), "y holds 1 label maps, but X holds 2 images"),
        (np.zeros((2, 5, 6), int), r"y\[0\] has shape \(5, 6\), but X\[0\] has \(6, 5\) pixels"),
        (np.zeros((2, 6, 5, 1), int), r"y\[0\] has shape \(6, 5, 1\)"),
        ([np.zeros((6, 5), int), np.full((6, 5), 0.5)], r"y\[1\] holds 0.5, but labels are whole"),
    ],
)
def test_label_maps_that_do_not_fit_are_refused(y, message):
    """Wrong count, size and dtype are named with the map, its value and the rule."""
    with pytest.raises(ValueError, match=message):
        check_label_maps(y, check_images(np.zeros((2, 6, 5))))


def test_maps_come_back_in_the_container_of_the_images():
    """A stack of images gives a stack of maps, a list a list."""
    maps = [np.zeros((6, 5), int), np.ones((6, 5), int)]

    stack = like(np.zeros((2, 6, 5)), maps)

    assert isinstance(stack, np.ndarray)
    assert stack.shape == (2, 6, 5)
    assert like([GRAY, COLOR], maps) is maps
    assert like((GRAY, GRAY), maps) is maps


def test_a_list_of_lists_of_different_lengths_is_refused_in_our_words():
    """Images given as nested lists of different sizes are told to come as arrays."""
    with pytest.raises(ValueError, match="X"):
        check_images([np.zeros((2, 2)), [[1, 2, 3], [4, 5, 6]]])


def test_an_empty_list_holds_no_images():
    """An empty list is refused for what it is."""
    with pytest.raises(ValueError, match="X holds 0 images"):
        check_images([])
