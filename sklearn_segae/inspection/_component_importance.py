"""Importance of the components of codes for the labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import accuracy_score, adjusted_rand_score
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from ..encoding._pixel_encoder import PixelEncoder
from ..imaging._pixel_sampling import choose_labeled, choose_pixels, gather, pick
from ..segmentation._dense_labeler import DenseLabeler
from ..segmentation._labeler import PixelLabeler
from ..segmentation._targets import Targets, check_targets


@validate_params(
    {
        "groups": [Mapping, StrOptions({"blocks"}), None],
        "metric": [callable, None],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "n_pixels": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=False,
)
def component_importance(
    segmenter: Any,
    images: Any,
    y: Any = None,
    *,
    groups: Mapping[str, Sequence[int]] | str | None = None,
    metric: Callable[[np.ndarray, np.ndarray], float] | None = None,
    n_repeats: int = 5,
    n_pixels: int = 20_000,
    random_state: Any = None,
) -> Bunch:
    """Measure how much labels change when components of the codes are shuffled among pixels.

    This is :func:`sklearn.inspection.permutation_importance` [1]_ with pixels as samples. Redundant
    components have low importance each; shuffle them together as groups.

    Parameters
    ----------
    segmenter : AESegmenter
        A fitted segmenter with `scope="dataset"`. The refinement of boundaries, which uses other
        codes as well, is left out.
    images : as in `AESegmenter.fit`, including rows (n_samples, n_features)
    y : label maps, or array (n_samples,) for rows, default=None
        If given, importance is the decrease of `metric`; pixels with -1 or an `ignore_label` are
        left out. None: importance is the share of pixels whose label changes.
    groups : dict of str to list of int, "blocks" or None, default=None
        Components to shuffle together, by name. "blocks" are the kinds of features of the encoder;
        with `features="multiscale"` these are the jets of every scale, the wide and narrow learned
        codes, and bands. None, and "blocks" if there is only one kind, shuffles every component on
        its own.
    metric : callable of (y_true, y_pred), default=None
        A metric whose larger values are better. None is accuracy if the segmenter predicts classes,
        else the adjusted Rand index.
    n_repeats : int, default=5
        Number of shuffles of each group.
    n_pixels : int, default=20_000
        Maximum number of random pixels.
    random_state : int, RandomState instance or None, default=None
        Determines pixels and shuffles.

    Returns
    -------
    importance : Bunch
        importances : ndarray of shape (n_groups, n_repeats)
            Importances of every shuffle.
        importances_mean, importances_std : ndarray of shape (n_groups,)
            Their mean and standard deviation over the shuffles.
        names : list of str
            Names of the groups.
        components : list of lists of int
            Components of every group.

    References
    ----------
    .. [1] L. Breiman, "Random forests", Machine Learning 45, 2001, doi:10.1023/A:1010933404324.

    Examples
    --------
    >>> from sklearn_segae import AESegmenter, PixelEncoder
    >>> from sklearn_segae.datasets import make_shapes
    >>> from sklearn_segae.inspection import component_importance
    >>> images, _ = make_shapes(2, size=64, random_state=0)
    >>> encoder = PixelEncoder(4, features="intensity", max_epochs=0)
    >>> segmenter = AESegmenter(3, encoder=encoder, random_state=0).fit(images)
    >>> importance = component_importance(segmenter, images, random_state=0)
    >>> importance.names[importance.importances_mean.argmax()]
    'code 0'
    """
    if segmenter.scope == "image":
        raise ValueError(
            "component_importance needs labels that mean the same in every image, but "
            "scope='image'. Fit with scope='dataset'."
        )
    if isinstance(segmenter.labeler_, DenseLabeler):
        raise ValueError(
            f"component_importance changes the codes of single pixels, but {segmenter.estimator!r} "
            "depends on those around them, too. Fit a classifier of codes, such as 'forest'."
        )
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31))
    batch = segmenter.batch(images)
    labeler, seen = segmenter.labeler_, batch.images
    targets = (
        None if y is None else check_targets(batch, y, segmenter.ignore_label, segmenter.estimator)
    )
    chosen = _choose(targets, seen, n_pixels, rng)
    codes = gather(labeler.encoder.encode_tile, seen, chosen)
    truth = None if targets is None else pick(targets.maps, chosen)
    loss = _Loss(labeler, codes, truth, metric)
    members = _groups(groups, labeler.encoder, codes.shape[1])
    losses = np.array(
        [[loss(_shuffled(codes, own, rng)) for _ in range(n_repeats)] for own in members.values()]
    )
    return Bunch(
        importances=losses,
        importances_mean=losses.mean(1),
        importances_std=losses.std(1),
        names=list(members),
        components=[list(own) for own in members.values()],
    )


class _Loss:
    """Loss of score, or changed labels, for modified codes."""

    def __init__(
        self, labeler: PixelLabeler, codes: np.ndarray, truth: np.ndarray | None, metric: Any
    ) -> None:
        self.labeler = labeler
        self.truth = truth
        has_classes = labeler.classes is not None or is_classifier(labeler.estimator.estimator)
        self.metric = metric or (accuracy_score if has_classes else adjusted_rand_score)
        self.labels = labeler.labels_of(codes)
        self.score = 0.0 if truth is None else self.metric(truth, self.labels)

    def __call__(self, codes: np.ndarray) -> float:
        """Return the share of pixels whose label changes, or the loss of the metric."""
        labels = self.labeler.labels_of(codes)
        if self.truth is None:
            return float(np.mean(labels != self.labels))
        return float(self.score - self.metric(self.truth, labels))


def _choose(
    targets: Targets | None, images: Sequence[np.ndarray], n_pixels: int, rng: np.random.Generator
) -> list[np.ndarray]:
    if targets is None:
        return choose_pixels(images, n_pixels, rng)
    return choose_labeled(targets.maps, targets.known, n_pixels, rng)


def _shuffled(codes: np.ndarray, members: Sequence[int], rng: np.random.Generator) -> np.ndarray:
    """Return codes with the given components shuffled together among the rows."""
    shuffled = codes.copy()
    shuffled[:, members] = codes[rng.permutation(len(codes))][:, members]
    return shuffled


def _groups(groups: Any, encoder: Any, n: int) -> dict[str, list[int]]:
    """Return the components of every group, by name."""
    if isinstance(groups, Mapping):
        return _check_groups(groups, n)
    sizes = encoder.codes_.block_names if isinstance(encoder, PixelEncoder) else {}
    if groups is None or len(sizes) < 2:
        return {f"code {i}": [i] for i in range(n)}
    parts = np.split(np.arange(n), np.cumsum(list(sizes.values()))[:-1])
    return {name: part.tolist() for name, part in zip(sizes, parts, strict=True)}


def _check_groups(groups: Mapping[Any, Any], n: int) -> dict[str, list[int]]:
    members = {str(name): [int(i) for i in own] for name, own in groups.items()}
    wrong = [i for own in members.values() for i in own if not 0 <= i < n]
    if wrong or not all(members.values()):
        raise ValueError(
            f"groups={groups!r} has unknown components {wrong}, or a group without components. "
            f"Pass components 0 to {n - 1}, at least one for each group."
        )
    return members
