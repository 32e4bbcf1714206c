"""Members of a vote: classifiers of all features, or of a block of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .._base import FitTask, seeded_clone
from ..imaging._no_data import zero_filled
from ..imaging._pixel_sampling import choose_labeled, gather
from ..imaging._tiles import Tile
from ._adapters import fit_weighted
from ._dense_classifier import DenseClassifier, LabeledFeatures, tile_probabilities


class RowMember(NamedTuple):
    """A classifier of single pixels, and the block of the features it is fitted to."""

    classifier: Any
    start: int  # of the block
    stop: int


def unfitted_members(estimator: Any, blocks: Sequence[slice]) -> list[Any]:
    """Return the members for a classifier: one for a network, else one for each block."""
    if isinstance(estimator, DenseClassifier):
        return [estimator]
    return [RowMember(estimator, block.start, block.stop) for block in blocks]


def fit_member(member: Any, data: LabeledFeatures, seed: int, task: FitTask) -> Any:
    """Return a fitted clone."""
    if isinstance(member, DenseClassifier):
        net: Any = seeded_clone(member, seed)
        with task.of_part("network", net):
            return net.fit_features(data)
    rng = np.random.default_rng(seed)
    chosen = choose_labeled(data.targets.maps, data.targets.known, data.n_pixels, rng)
    y, weight = data.targets.pick(chosen)
    rows = gather(data.read, data.images, chosen)[:, member.start : member.stop]
    classifier = seeded_clone(member.classifier, seed)
    fit_weighted(classifier, rows, y, weight)
    return member._replace(classifier=classifier)


def reraise_interrupt(members: Sequence[Any]) -> None:
    """Raise KeyboardInterrupt if one ended the training of a network."""
    for member in members:
        if isinstance(member, DenseClassifier):
            member.reraise_interrupt()


def member_probabilities(member: Any, features: np.ndarray) -> np.ndarray:
    """Return probabilities (h, w, n_classes) of a window of features (h, w, C)."""
    if isinstance(member, DenseClassifier):
        return member.window_probabilities(features)
    own = zero_filled(features[..., member.start : member.stop])
    rows = own.reshape(-1, member.stop - member.start)
    return member.classifier.predict_proba(rows).reshape(*features.shape[:-1], -1)


def gather_probabilities(
    member: Any, data: LabeledFeatures, chosen: Sequence[np.ndarray]
) -> np.ndarray:
    """Return probabilities (n, n_classes) of the chosen pixels of all images."""

    def read(image: Any, tile: Tile) -> np.ndarray:
        if isinstance(member, DenseClassifier):
            return tile_probabilities(member, data.read, image, tile)
        return member_probabilities(member, data.read(image, tile))

    return gather(read, data.images, chosen)
