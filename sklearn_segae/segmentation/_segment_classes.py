"""Classes for segments that were found without labels, by majority vote."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class SegmentClasses(NamedTuple):
    """The class of every segment."""

    segments: np.ndarray  # (n,) sorted
    classes: np.ndarray  # (n,), the class that each of them stands for

    def of(self, labels: np.ndarray) -> np.ndarray:
        """Return the classes of a map of segments."""
        return self.classes[np.searchsorted(self.segments, labels)]

    def gather(self, probabilities: np.ndarray) -> np.ndarray:
        """Add up the columns (..., n) of segments that stand for one class, in sorted order."""
        stands_for = self.classes[:, None] == np.unique(self.classes)
        return probabilities @ stands_for.astype(probabilities.dtype)


def assign_classes(
    segments: np.ndarray,
    centers: np.ndarray,
    labels: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray | None = None,
) -> SegmentClasses:
    """Give every segment the class that most of its labeled pixels have.

    A segment without a labeled pixel takes the name of the named segment whose center is nearest.

    Parameters
    ----------
    segments : ndarray of shape (n,)
        All that there are, sorted.
    centers : ndarray of shape (n, F)
        Their mean codes, scaled alike.
    labels, y, weight : ndarray of shape (m,)
        Segment and class of the labeled pixels, and how often each of them counts.
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
    """Return the mean codes of segments, scaled to unit spread; that of all where one has none."""
    codes = (codes - codes.mean(0)) / (codes.std(0) + 1e-12)
    members = labels == segments[:, None]
    return (members @ codes) / np.maximum(members.sum(1, keepdims=True), 1)
