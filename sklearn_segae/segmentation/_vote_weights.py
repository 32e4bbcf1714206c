"""Weights of the members of a vote, selected by cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
from sklearn.base import clone

from .._base import FitTask
from ..imaging._pixel_sampling import pick
from ._dense_classifier import DenseClassifier, LabeledFeatures
from ._held_out import folds
from ._targets import Targets
from ._unet_classifier import UNetClassifier
from ._vote_members import fit_member, gather_probabilities, reraise_interrupt

TOLERANCE = 0.02  # of the mean IoU, for weights closer to equal ones
N_WEIGHTS = 4  # weights are multiples of 1 / N_WEIGHTS
LEAST_FOR_NETWORKS = 500  # labeled pixels; with fewer, networks lose, and weights are guesses


def selected_weights(
    members: Sequence[Any], data: LabeledFeatures, seed: int, task: FitTask
) -> np.ndarray:
    """Return the weights of all members; networks have none if too few pixels have labels."""
    rows = [i for i, member in enumerate(members) if not isinstance(member, DenseClassifier)]
    few = sum(int(known.sum()) for known in data.targets.known) < LEAST_FOR_NETWORKS
    used = rows if few and rows else list(range(len(members)))
    weights = np.zeros(len(members))
    weights[used] = _best_weights([members[i] for i in used], data, seed, task)
    return weights


def _best_weights(
    members: Sequence[Any], data: LabeledFeatures, seed: int, task: FitTask
) -> np.ndarray:
    """Return the weights with the highest mean IoU of held-out labels of all folds.

    Equal weights if fewer than two classes can be held out, which says nothing.
    """
    options = simplex(len(members))
    if len(options) == 1:
        return options[0]
    parts = [_out_of_fold(members, data, *pair, seed, task) for pair in folds(data.targets, seed)]
    if len({label for _, y in parts for label in y.tolist()}) < 2:
        return np.full(len(members), 1 / len(members))
    found, y = (np.concatenate(values, axis=-1) for values in zip(*parts, strict=True))
    scores = np.array([_mean_iou(y, np.tensordot(w, found, 1).argmax(0)) for w in options])
    return options[int(np.argmax(scores >= scores.max() - TOLERANCE))]  # the first of these


def _out_of_fold(
    members: Sequence[Any],
    data: LabeledFeatures,
    fitted: Targets,
    held_out: Targets,
    seed: int,
    task: FitTask,
) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (n_members, n_classes, n) and classes (n,) of held-out pixels."""
    classes, part = data.targets.present, data._replace(targets=fitted)
    chosen = [np.flatnonzero(known) for known in held_out.known]
    y = np.searchsorted(classes, pick(held_out.maps, chosen))
    found = np.zeros((len(members), len(classes), len(y)))
    columns = np.searchsorted(classes, fitted.present)
    for own, member in zip(found, members, strict=True):
        shorter = fit_member(_shortened(member), part, seed, task)
        reraise_interrupt([shorter])
        own[columns] = gather_probabilities(shorter, data, chosen).T
    return found, y


def _shortened(member: Any) -> Any:
    """Return a network that is trained for 2/5 of the epochs, enough to compare it."""
    if not isinstance(member, UNetClassifier):
        return member
    return clone(member).set_params(max_epochs=-(-2 * member.max_epochs // 5))


def simplex(n: int) -> list[np.ndarray]:
    """Return all weights of n members that are multiples of 1 / `N_WEIGHTS`.

    Those closest to equal weights come first.
    """
    every = product(range(N_WEIGHTS + 1), repeat=n)
    weights = [np.array(w) / N_WEIGHTS for w in every if sum(w) == N_WEIGHTS]
    return sorted(weights, key=lambda w: float(np.sum((w - 1 / n) ** 2)))


def _mean_iou(y: np.ndarray, found: np.ndarray) -> float:
    """Return the mean intersection over union of the classes of `y`, both (n,)."""
    ious = [np.sum((y == c) & (found == c)) / np.sum((y == c) | (found == c)) for c in np.unique(y)]
    return float(np.mean(ious))
