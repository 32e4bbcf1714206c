"""Label-map algebra: names for segments, specks, palettes' indices. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def absorb_specks(labels: np.ndarray, min_size: int) -> np.ndarray:
    """Give every connected patch below `min_size` pixels the label of the nearest larger patch.

    Pixels are neighbours if they share an edge. A map that has small patches only stays as it is.
    """
    small = _in_specks(labels, min_size)
    if small.all():
        return labels.copy()
    while small.any():  # parts of a speck may join different neighbours across a corner: rarely
        nearest = ndimage.distance_transform_edt(small, return_distances=False, return_indices=True)
        labels = labels[tuple(nearest)]
        small = _in_specks(labels, min_size)
    return labels.copy()


def _in_specks(labels: np.ndarray, min_size: int) -> np.ndarray:
    small = np.zeros(labels.shape, bool)
    for value in np.unique(labels):
        patches, _ = ndimage.label(labels == value)
        sizes = np.bincount(patches.ravel())
        small |= (patches > 0) & (sizes[patches] < min_size)
    return small


def borders(labels: np.ndarray) -> np.ndarray:
    """Return True where a pixel's label differs from that of the pixel below or to the right."""
    edge = np.zeros(labels.shape, bool)
    edge[:-1] |= labels[:-1] != labels[1:]
    edge[:, :-1] |= labels[:, :-1] != labels[:, 1:]
    return edge
