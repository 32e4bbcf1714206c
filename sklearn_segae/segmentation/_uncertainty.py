"""Uncertainty of probabilities: 0 where one class has them all, 1 where all have the same."""

from __future__ import annotations

import numpy as np
from scipy.special import entr


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """(..., k) -> (...), Shannon's entropy over that of k equal probabilities."""
    return entr(probabilities).sum(-1) / max(np.log(probabilities.shape[-1]), 1e-12)


def margin(probabilities: np.ndarray) -> np.ndarray:
    """(..., k) -> (...), one minus the lead of the likeliest class over the second."""
    if probabilities.shape[-1] < 2:
        return np.zeros(probabilities.shape[:-1], probabilities.dtype)
    second, first = np.moveaxis(np.sort(probabilities, axis=-1)[..., -2:], -1, 0)
    return 1 - (first - second)


def least_confidence(probabilities: np.ndarray) -> np.ndarray:
    """(..., k) -> (...), what the likeliest class lacks, over what it lacks if all are equal."""
    k = probabilities.shape[-1]
    return (1 - probabilities.max(-1)) / max(1 - 1 / k, 1e-12)


MEASURES = {"entropy": entropy, "margin": margin, "least_confidence": least_confidence}
