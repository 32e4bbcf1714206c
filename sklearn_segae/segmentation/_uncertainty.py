"""Measures of uncertainty: 0 if one class has probability 1, 1 if all are equally likely."""

from __future__ import annotations

import numpy as np
from scipy.special import entr


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return the Shannon entropy (...) of (..., k), divided by that of equal probabilities."""
    return entr(probabilities).sum(-1) / max(np.log(probabilities.shape[-1]), 1e-12)


def margin(probabilities: np.ndarray) -> np.ndarray:
    """Return one minus the difference of the two largest probabilities, (..., k) -> (...)."""
    if probabilities.shape[-1] < 2:
        return np.zeros(probabilities.shape[:-1], probabilities.dtype)
    second, first = np.moveaxis(np.sort(probabilities, axis=-1)[..., -2:], -1, 0)
    return 1 - (first - second)


def least_confidence(probabilities: np.ndarray) -> np.ndarray:
    """Return one minus the largest probability, scaled to a maximum of 1, (..., k) -> (...)."""
    k = probabilities.shape[-1]
    return (1 - probabilities.max(-1)) / max(1 - 1 / k, 1e-12)


MEASURES = {"entropy": entropy, "margin": margin, "least_confidence": least_confidence}
