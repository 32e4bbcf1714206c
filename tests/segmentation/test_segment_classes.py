"""Names of segments: by the most labeled pixels, or like the nearest that has one."""

import numpy as np

from sklearn_segae.segmentation._segment_classes import (
    SegmentClasses,
    assign_classes,
    segment_centers,
)


def test_the_majority_names_a_segment():
    """Weights count; a segment without labels is called like its neighbor in code space."""
    segments = np.array([-1, 0, 1, 2])
    centers = np.array([[0.0], [1.0], [5.0], [4.0]])
    labels, y = np.array([-1, -1, -1, 1, 0]), np.array([7, 7, 3, 9, 3])
    assert assign_classes(segments, centers, labels, y).classes.tolist() == [7, 3, 9, 9]
    weight = np.array([1, 1, 3, 1, 1])
    assert assign_classes(segments, centers, labels, y, weight).classes.tolist() == [3, 3, 9, 9]


def test_probabilities_of_a_class_are_those_of_its_segments():
    """Columns of one class add up; classes are sorted."""
    names = SegmentClasses(np.arange(3), np.array([8, 2, 8]))
    np.testing.assert_allclose(names.gather(np.array([[0.1, 0.2, 0.7]])), [[0.2, 0.8]])
    assert names.of(np.array([[2, 1], [1, 0]])).tolist() == [[8, 2], [2, 8]]


def test_names_may_be_words():
    """Labels of rows are of any kind."""
    names = assign_classes(
        np.arange(2), np.eye(2), np.array([0, 1, 1]), np.array(["wood", "sand", "sand"])
    )
    assert names.of(np.array([1, 0])).tolist() == ["sand", "wood"]


def test_centers_are_scaled_means():
    """In units of every code's spread; a segment without pixels has that of all."""
    codes = np.array([[0.0, 0], [0, 10], [4, 0], [4, 10]])
    centers = segment_centers(codes, np.array([0, 0, 1, 1]), np.array([0, 1, 5]))
    np.testing.assert_allclose(centers, [[-1, 0], [1, 0], [0, 0]], atol=1e-9)
