"""Which components of the codes the labels hang on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import accuracy_score, adjusted_rand_score
from sklearn.utils import Bunch, check_random_state

from .._base import check_named
from ..encoding._local_jets import SIGMAS, WIDE
from ..encoding._pixel_encoder import PixelEncoder
from ..imaging._pixel_sampling import choose_labeled, choose_pixels, gather, pick
from ..segmentation._labeler import PixelLabeler
from ..segmentation._targets import Targets, check_targets


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
    """Shuffle components of the codes among pixels, and see what breaks.

    As :func:`sklearn.inspection.permutation_importance` does [1]_, with pixels for samples. What
    two components both tell is lost by neither shuffle alone: groups answer for that.

    Parameters
    ----------
    segmenter : AESegmenter
        A fitted one with `scope="dataset"`. Asked is its estimator; where borders are refined, the
        last step, which sees other codes as well, is left out.
    images : as in `AESegmenter.fit`; rows (n_samples, n_features) as well
    y : label maps, or array (n_samples,) for rows, default=None
        None: importance is the share of pixels whose label changes. Given: what `metric` loses.
        Pixels with -1 or an `ignore_label` play no role.
    groups : dict of str to list of int, "blocks" or None, default=None
        Components that are shuffled together, by name. "blocks" are, with `features="multiscale"`,
        jets of every scale, wide and narrow learnt codes, and bands; with any other the codes one
        by one, as None always has it.
    metric : callable of (y_true, y_pred), default=None
        Bigger is better. None is accuracy where labels have names, else the adjusted Rand index.
    n_repeats : int, default=5
        Shuffles of each.
    n_pixels : int, default=20_000
        Random pixels at most.
    random_state : int, RandomState instance or None, default=None
        Chooses pixels and shuffles.

    Returns
    -------
    importance : Bunch
        importances : ndarray of shape (n_groups, n_repeats)
        importances_mean, importances_std : ndarray of shape (n_groups,)
        names : list of str
        components : list of lists of int, the members of every group

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
    if n_repeats < 1:
        raise ValueError(f"n_repeats={n_repeats}, but every group is shuffled at least once.")
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
    """What is lost when codes are spoilt."""

    def __init__(
        self, labeler: PixelLabeler, codes: np.ndarray, truth: np.ndarray | None, metric: Any
    ) -> None:
        self.labeler = labeler
        self.truth = truth
        has_names = labeler.classes is not None or is_classifier(labeler.estimator.estimator)
        self.metric = metric or (accuracy_score if has_names else adjusted_rand_score)
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
    """Shuffle components together among the rows."""
    spoilt = codes.copy()
    spoilt[:, members] = codes[rng.permutation(len(codes))][:, members]
    return spoilt


def _groups(groups: Any, encoder: Any, n: int) -> dict[str, list[int]]:
    """Return the members of every group, by name."""
    if isinstance(groups, Mapping):
        members = {str(name): [int(i) for i in own] for name, own in groups.items()}
        wrong = [i for own in members.values() for i in own if not 0 <= i < n]
        if wrong or not all(members.values()):
            raise ValueError(
                f"groups={groups!r} names components {wrong}, or none, but a group has at least "
                f"one of 0 to {n - 1}."
            )
        return members
    if groups is not None:
        check_named("groups", groups, ("blocks",))
    if groups == "blocks" and isinstance(encoder, PixelEncoder) and encoder.codes_.everything:
        return _blocks(encoder, n)
    return {f"code {i}": [i] for i in range(n)}


def _blocks(encoder: PixelEncoder, n: int) -> dict[str, list[int]]:
    """Return what `_codes` puts side by side: jets of every scale, learnt codes, bands."""
    codes: Any = encoder.codes_
    n_colors = codes.everything.colors.shape[1]
    sizes = {f"jets at {s:g} px": n_colors * (3 if s >= WIDE else 4) for s in SIGMAS}
    sizes["wide codes"] = len(codes.projection.coherence)
    sizes["narrow codes"] = len(codes.finer.coherence)
    if sum(sizes.values()) < n:
        sizes["bands"] = n - sum(sizes.values())
    ends = np.cumsum(list(sizes.values()))
    starts = ends - list(sizes.values())
    return {name: list(range(a, b)) for name, a, b in zip(sizes, starts, ends, strict=True)}
