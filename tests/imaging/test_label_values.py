"""Types of labels, what is unlabeled, and indices of classes."""

import numpy as np
import pandas as pd
import pytest

from sklearn_segae.imaging._label_maps import as_stored, check_label_maps, is_labeled
from sklearn_segae.imaging._label_values import (
    can_hold,
    encode_labels,
    join_labels,
    label_array,
    mark_unlabeled,
)

UNLABELED = [
    (np.array([3, -1, 5]), [1, 0, 1]),
    (np.array([3.0, np.nan, -1.0]), [1, 0, 0]),
    (np.array([3, 255, 5], np.uint8), [1, 1, 1]),
    (np.array([True, False, True]), [1, 1, 1]),
    (np.array(["sea", "", "land"]), [1, 0, 1]),
    (np.array(["sea", None, np.nan, pd.NA, ""], object), [1, 0, 0, 0, 0]),
    (np.array([3, None, -1], object), [1, 0, 0]),
    (np.ma.masked_array([3, 4, -1], [True, False, False]), [0, 1, 0]),
    (np.ma.masked_array(np.array([3, 4], np.uint8), [True, False]), [0, 1]),
]


@pytest.mark.parametrize(("labels", "known"), UNLABELED, ids=repr)
def test_what_is_unlabeled(labels, known):
    """-1, NaN, None, empty strings and masked pixels; nothing in unsigned types and booleans."""
    array = label_array(labels, "y")
    np.testing.assert_array_equal(is_labeled(array), np.array(known, bool))
    marked = mark_unlabeled(array, is_labeled(array))
    np.testing.assert_array_equal(is_labeled(label_array(marked, "y")), np.array(known, bool))
    kept = np.ma.getdata(array)[is_labeled(array)]
    np.testing.assert_array_equal(marked[is_labeled(array)], kept)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint64, bool])
def test_any_type_can_be_marked(dtype):
    """Types without a mark become larger ones; no label changes."""
    labels = np.array([0, 1, 1 if dtype is bool else np.iinfo(dtype).max], dtype)
    marked = mark_unlabeled(labels, np.array([True, False, True]))
    np.testing.assert_array_equal(is_labeled(marked), [True, False, True])
    assert marked[2] == labels[2]


@pytest.mark.parametrize(("labels", "known"), UNLABELED, ids=repr)
def test_indices_and_classes_are_the_labels(labels, known):
    """Class indices give the labels back, of the same type."""
    array = label_array(labels, "y")
    known = np.array(known, bool)
    (indices,), classes = encode_labels([array], [known])
    assert indices.dtype == np.int32
    assert (indices[~known] == -1).all()
    assert classes.dtype == array.dtype
    np.testing.assert_array_equal(classes[indices[known]], np.ma.getdata(array)[known])


def test_classes_of_several_maps():
    """They are those of all maps; a map without labels does not change their type."""
    maps = [np.array([[7, 3]], np.uint8), np.array([[-1, -1]]), np.array([[3, 9]], np.uint8)]
    encoded, classes = encode_labels(maps, [is_labeled(m) for m in maps])
    assert classes.tolist() == [3, 7, 9]
    assert classes.dtype == np.uint8
    assert [m.tolist() for m in encoded] == [[[1, 0]], [[-1, -1]], [[0, 2]]]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.array([0.5, 1]), "holds 0.5, but labels are whole numbers"),
        (np.array([np.inf, 1]), "holds inf, but labels are whole numbers"),
        (np.array([1j]), r"has dtype complex128.*Pass y.astype\(str\)"),
        (np.array([b"sea"]), r"has dtype \|S3.*Pass y.astype\(str\)"),
        (np.array(["2026-01-01"], "M8[D]"), "has dtype datetime64"),
        (np.array([1, "a"], object), r"types int, str.*Pass y.astype\(str\)"),
        (np.array([(1, 2), None], object), "types tuple"),
    ],
    ids=str,
)
def test_other_labels_are_refused(labels, words):
    """What is no label is named, and what the error advises works."""
    with pytest.raises(ValueError, match=words):
        label_array(labels, "y")
    for way_out in (lambda: labels.astype(str), lambda: np.round(labels)):
        if "astype" in words:
            assert label_array(way_out(), "y").dtype.kind == "U"
            break


def test_strings_and_numbers_are_not_mixed():
    """numpy would turn the numbers into strings."""
    with pytest.raises(ValueError, match="hold numbers and strings"):
        join_labels([np.array(["a"]), np.array([1])])


def test_large_and_negative_integers_stay_integers():
    """numpy joins uint64 and signed integers as floats, which are not exact."""
    joined = join_labels([np.array([2**60 + 1], np.uint64), np.array([-5])])
    assert joined.dtype.kind == "i"
    assert joined.tolist() == [2**60 + 1, -5]


@pytest.mark.parametrize(
    ("dtype", "labels", "fits"),
    [
        ("u1", np.array([0, 255]), True),
        ("u1", np.array([0, 256]), False),
        ("u1", np.array([-1, 1]), False),
        ("i4", np.array([4294967295], np.uint32), False),
        ("i8", np.array([4294967295], np.uint32), True),
        ("f8", np.array([0, 1]), False),
        ("i2", np.array([0.0, 7.0]), True),
        ("u1", np.array([True, False]), True),
        ("?", np.array([0, 1]), False),
        ("U2", np.array(["sea"]), False),
        ("U3", np.array(["sea"]), True),
        ("O", np.array(["sea"]), True),
        ("U3", np.array(["sea"], object), True),
        ("i4", np.array(["3"]), False),
    ],
)
def test_which_types_hold_labels(dtype, labels, fits):
    """Those in which every label is equal to itself."""
    assert can_hold(np.dtype(dtype), labels) is fits


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [
        ([0, 255], "u1"),
        ([0, 256], "u2"),
        ([0, 2**16], "i4"),
        ([0, 2**32 - 1], "u4"),
        ([-1, 2], "i4"),
        ([-1, 2**31], "i8"),
        ([2**63], "u8"),
    ],
)
def test_the_smallest_type_of_files(labels, dtype):
    """No label wraps around."""
    stored = as_stored(np.array(labels))
    assert stored.dtype == dtype
    assert stored.tolist() == labels


@pytest.mark.parametrize(
    ("labels", "ignore_label", "words"),
    [
        (np.array(["sea", "land"]), 0, "labels are strings, not numbers.*ignore_label='sea'"),
        (np.array([3, 4]), "void", "labels are numbers, not strings.*ignore_label=3"),
    ],
)
def test_ignored_labels_are_of_the_same_kind(labels, ignore_label, words):
    """A label that can never occur is a mistake."""
    with pytest.raises(ValueError, match=words):
        is_labeled(labels, ignore_label)
    assert is_labeled(labels, labels[0].item()).tolist() == [False, True]


def test_sequences_of_label_maps():
    """A stack may be masked, a Series may hold arrays, lists may be nested."""
    images = [np.zeros((2, 2, 3))] * 2
    labels = np.array([[[1, 2], [2, 1]], [[3, 3], [3, 1]]])
    masked = np.ma.masked_array(labels, labels == 3)
    for y in (masked, labels.tolist(), pd.Series(list(labels)), list(labels)):
        maps = check_label_maps(y, images)
        np.testing.assert_array_equal(np.ma.getdata(np.ma.stack(maps)), labels)
    assert is_labeled(check_label_maps(masked, images)[1]).sum() == 1
