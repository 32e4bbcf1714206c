"""Assign classes to segments by majority vote of labeled pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class SegmentClasses(NamedTuple):
    """Classes of the segments."""

    segments: np.ndarray  # (n,), sorted
    classes: np.ndarray  # (n,)

    def of(self, labels: np.ndarray) -> np.ndarray:
        """Return the classes of a map of segments."""
        return self.classes[np.searchsorted(self.segments, labels)]

    def gather(self, probabilities: np.ndarray) -> np.ndarray:
        """Sum the columns (..., n) of segments with the same class; return in sorted order."""
        stands_for = self.classes[:, None] == np.unique(self.classes)
        return probabilities @ stands_for.astype(probabilities.dtype)


def assign_classes(
    segments: np.ndarray,
    centers: np.ndarray,
    labels: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray | None = None,
) -> SegmentClasses:
    """Assign the majority class of its labeled pixels to each segment.

    A segment without labeled pixels gets the class of the labeled segment with the nearest center.

    Parameters
    ----------
    segments : ndarray of shape (n,)
        All segments, sorted.
    centers : ndarray of shape (n, F)
        Standardized mean codes of the segments.
    labels, y, weight : ndarray of shape (m,)
        Segments, classes and weights of the labeled pixels.
    """
    values, y = np.unique(y, return_inverse=True)
    votes = np.zeros((len(segments), len(values)))
    np.add.at(votes, (np.searchsorted(segments, labels), y), 1 if weight is None else weight)
    named = votes.any(1)
    apart = ((centers[:, None] - centers[named]) ** 2).sum(2)
    nearest = np.flatnonzero(named)[apart.argmin(1)]
    speaks = np.where(named, np.arange(len(segments)), nearest)
    return SegmentClasses(segments, values[votes.argmax(1)][speaks])


def segment_centers(codes: np.ndarray, labels: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Return the mean standardized codes of segments; 0 for segments without pixels."""
    codes = (codes - codes.mean(0)) / (codes.std(0) + 1e-12)
    members = labels == segments[:, None]
    return (members @ codes) / np.maximum(members.sum(1, keepdims=True), 1)
