"""Label files of several programs as strokes to begin with."""

import numpy as np
import pytest
import tifffile

from sklearn_segae.annotate._initial_strokes import read_strokes
from sklearn_segae.storage._files import write_image


def saved(folder, *maps, suffix=".png"):
    paths = [folder / f"labels{i}{suffix}" for i in range(len(maps))]
    for path, labels in zip(paths, maps, strict=True):
        write_image(path, labels)
    return paths


def test_numbers_of_classes_are_kept(tmp_path):
    """0 is unlabeled, gaps in the numbers stay."""
    found = read_strokes(saved(tmp_path, np.uint8([[0, 1], [4, 4]]), np.uint8([[0, 0], [2, 0]])))
    np.testing.assert_array_equal(found.strokes, [[[0, 1], [4, 4]], [[0, 0], [2, 0]]])
    assert found.labels == []


def test_large_labels_become_classes_in_order(tmp_path):
    """Masks of 0 and 255 have one class; all files have the same numbers."""
    found = read_strokes(saved(tmp_path, np.uint8([[0, 255]]), np.uint8([[128, 0]])))
    np.testing.assert_array_equal(found.strokes, [[[0, 2]], [[1, 0]]])
    assert found.labels == [128, 255]


def test_zero_is_a_class_if_minus_one_is_unlabeled(tmp_path):
    """As in strokes of numpy arrays and scikit-learn."""
    found = read_strokes(saved(tmp_path, np.int16([[-1, 0], [1, 2]]), suffix=".tif"))
    np.testing.assert_array_equal(found.strokes, [[[0, 1], [2, 3]]])
    assert found.labels == [0, 1, 2]


def test_pages_are_maps_of_images(tmp_path):
    """In their order."""
    path = tmp_path / "pages.tif"
    tifffile.imwrite(path, np.eye(8, dtype=np.uint8)[:2, None] * np.ones((1, 9, 1), np.uint8))
    assert [s.shape for s in read_strokes([path]).strokes] == [(9, 8), (9, 8)]


def test_maps_of_objects_are_refused(tmp_path):
    """Every object would be a class."""
    paths = saved(tmp_path, np.arange(40, dtype=np.uint8)[None])
    with pytest.raises(ValueError, match=r"39 different labels, .* maps of classes"):
        read_strokes(paths)


def test_an_annotation_starts_from_label_files(start, tmp_path):
    """Classes have the labels as names, unless there are others."""
    masks = saved(tmp_path, *np.zeros((2, 64, 64), np.uint8) + np.uint8([[[7]], [[200]]]))
    project = start(tmp_path, labels=masks)
    assert [c.name for c in project.state.classes] == [
        "label 7",
        "label 200",
    ]
    assert [np.unique(s).tolist() for s in project.session.strokes] == [[1], [2]]
    assert [project.n_strokes(i) for i in (0, 1)] == [1, 1]
    again = start(tmp_path)  # the strokes were saved at once
    np.testing.assert_array_equal(again.session.strokes, project.session.strokes)
    with pytest.raises(ValueError, match="Leave --labels out"):
        start(tmp_path, labels=masks)
