"""PixelVotingClassifier: the mean probabilities of several classifiers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from numbers import Integral, Real
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import _BaseComposition

from .._base import Documented, FitTask, all_or_nothing, draw_seed, seeded_clone
from ..imaging._label_maps import IgnoreLabel
from ..imaging._pixel_sampling import choose_labeled, gather
from ..imaging._tiles import Tile
from ._adapters import fit_weighted
from ._dense_classifier import DenseClassifier, LabeledFeatures, tile_probabilities
from ._held_out import folds
from ._targets import Targets
from ._unet_classifier import UNetClassifier

TOLERANCE = 0.02  # of the mean IoU, for weights closer to equal ones
N_WEIGHTS = 4  # weights are multiples of 1 / N_WEIGHTS


class RowMember(NamedTuple):
    """A classifier of single pixels, fitted to a block of the features."""

    classifier: Any
    start: int  # of the block
    stop: int


class PixelVotingClassifier(Documented, DenseClassifier, _BaseComposition):
    """Average the probabilities of classifiers of pixels, such as a forest and a U-Net.

    A classifier for :class:`AESegmenter`. Their errors differ: a forest of single codes follows
    fine structures of the labeled images, a network with context generalizes to others.

    Parameters
    ----------
    estimators : list of (str, classifier)
        Each is a :class:`UNetClassifier`, or a classifier of rows with `predict_proba`, which is
        fitted to the codes of single pixels: one for each block of features, as those of
        "multiscale+pretrained", averaged.
    weights : array of shape (n_estimators,), "auto" or None, default=None
        Weight of each classifier, >= 0. None is equal weights. "auto" selects them (0, 1/4, ... 1)
        by cross-validation with at most three folds of whole images, or of blocks of 64 pixels if
        only one image has labels; networks are trained for 2/5 of the epochs there. Of all weights
        with nearly the highest mean IoU (.02 less), those closest to equal ones are used.
    ignore_label : int, str, sequence of these, or None, default=None
        Labels in `y` to exclude from the fit. :class:`AESegmenter` has its own.
    max_memory : int or str, default="1GiB"
        Memory for `predict` besides input and output, in bytes or with a unit.
    random_state : int, RandomState instance or None, default=None
        Seed of the held-out blocks, and of classifiers whose `random_state` is None.

    Attributes
    ----------
    members_ : list of lists
        The fitted classifiers of each of `estimators`; those of rows with their block.
    weights_ : ndarray of shape (n_estimators,)
        Weights, with a sum of 1.
    classes_ : ndarray of shape (n_classes,)
        Sorted labels, of the type of `y`.
    n_features_in_ : int
        Number of channels.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sklearn_segae import PixelVotingClassifier, UNetClassifier
    >>> from sklearn_segae.datasets import make_shapes
    >>> images, truth = make_shapes(2, size=64, random_state=0)
    >>> net = UNetClassifier(crop_size=64, max_epochs=3)
    >>> both = [("forest", RandomForestClassifier(20)), ("unet", net)]
    >>> PixelVotingClassifier(both, random_state=0).fit(images, truth).predict(images).shape
    (2, 64, 64)
    """

    n_features_in_: int

    _parameter_constraints: dict = {
        "estimators": [list],
        "weights": ["array-like", StrOptions({"auto"}), None],
        "ignore_label": [Real, str, "array-like", None],
        "max_memory": [Interval(Integral, 1, None, closed="left"), str],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimators: list[tuple[str, Any]],
        *,
        weights: Any = None,
        ignore_label: IgnoreLabel = None,
        max_memory: int | str = "1GiB",
        random_state: Any = None,
    ) -> None:
        self.estimators = estimators
        self.weights = weights
        self.ignore_label = ignore_label
        self.max_memory = max_memory
        self.random_state = random_state

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit all classifiers to labeled pixels.

        Parameters
        ----------
        X : array (n, H, W) or (n, H, W, C), or list of arrays (H, W) or (H, W, C)
            A stack of images, or images of different sizes.
        y : label maps of the same sizes
            Integers, whole floats, booleans or strings; -1, NaN, None, "" and masked pixels are
            unlabeled.
        sample_weight : maps of the same sizes, default=None
            Weights of the labeled pixels, >= 0.

        Returns
        -------
        self : PixelVotingClassifier
        """
        return self.fit_images(X, y, sample_weight)

    def fit_features(self, data: LabeledFeatures, task: FitTask | None = None) -> Self:
        """Fit to features of labeled images; `task` is ignored."""
        every = self._checked()
        seed = draw_seed(self.random_state)
        self.classes_ = data.targets.classes
        self.weights_ = self._chosen_weights(every, data, seed)
        pairs = zip(every, self.weights_, strict=True)
        self.members_ = [_fit_members(e, data, seed) if w else [] for (_, e), w in pairs]
        self.rows_, self.n_features_in_ = False, max(b.stop for b in data.blocks)
        return self

    @property
    def margin(self) -> int:
        """Number of pixels around a tile that its classes depend on."""
        return max((net.margin for net in self._nets), default=0)

    @property
    def grid(self) -> int:
        """Windows have to begin at multiples of it, in pixels."""
        return max((net.grid for net in self._nets), default=1)

    @property
    def n_numbers(self) -> int:
        """Number of temporary values for each pixel."""
        nets = max((net.n_numbers for net in self._nets), default=0)
        return nets + 8 * len(self.classes_)

    def window_probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return probabilities (h, w, n_classes) of a window of features (h, w, C)."""
        pairs = zip(self.weights_, self.members_, strict=True)
        return sum(
            weight * _mean_probabilities(members, features) for weight, members in pairs if weight
        )

    @property
    def _nets(self) -> Iterator[DenseClassifier]:
        return (m for own in self.members_ for m in own if isinstance(m, DenseClassifier))

    def _checked(self) -> list[tuple[str, Any]]:
        """Return the classifiers by name; raise an error for others."""
        every = self.estimators
        if not every or not all(_is_named_classifier(item) for item in every):
            raise ValueError(
                f"estimators={every!r:.80}, but a list of (name, classifier) with predict_proba is "
                "needed, such as [('forest', RandomForestClassifier())]."
            )
        self._validate_names([name for name, _ in every])
        return every

    def _chosen_weights(
        self, every: Sequence[tuple[str, Any]], data: LabeledFeatures, seed: int
    ) -> np.ndarray:
        """Return the weights of all classifiers, with a sum of 1."""
        n = len(every)
        if isinstance(self.weights, str):
            return _selected_weights([estimator for _, estimator in every], data, seed)
        weights = np.ones(n) if self.weights is None else np.asarray(self.weights, np.float64)
        if weights.shape != (n,) or not (weights >= 0).all() or not weights.any():
            raise ValueError(
                f"weights={self.weights!r:.60}, but {n} numbers >= 0, one for each of estimators, "
                "are needed, or None."
            )
        return weights / weights.sum()

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters, with those of the classifiers by their names.

        Parameters
        ----------
        deep : bool, default=True

        Returns
        -------
        parameters : dict
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params: Any) -> Self:
        """Set parameters, also those of the classifiers, as `unet__max_epochs`.

        Parameters
        ----------
        **params : values by name

        Returns
        -------
        self : PixelVotingClassifier
        """
        self._set_params("estimators", **params)
        return self


def _is_named_classifier(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and hasattr(item[1], "predict_proba")


def _mean_probabilities(members: Sequence[Any], features: np.ndarray) -> np.ndarray:
    """Return mean probabilities (h, w, n_classes) of a window of features (h, w, C)."""
    return np.mean([_probabilities(m, features) for m in members], axis=0)


def _fit_members(estimator: BaseEstimator, data: LabeledFeatures, seed: int) -> list[Any]:
    """Return fitted clones of a classifier: one, or one for each block of features."""
    if isinstance(estimator, DenseClassifier):
        net: Any = seeded_clone(estimator, seed)
        return [net.fit_features(data)]
    rng = np.random.default_rng(seed)
    chosen = choose_labeled(data.targets.maps, data.targets.known, data.n_pixels, rng)
    y, weight = data.targets.pick(chosen)
    rows = gather(data.read, data.images, chosen)
    members = []
    for block in data.blocks:
        classifier = seeded_clone(estimator, seed)
        fit_weighted(classifier, rows[:, block], y, weight)
        members.append(RowMember(classifier, block.start, block.stop))
    return members


def _probabilities(member: Any, features: np.ndarray) -> np.ndarray:
    """Return probabilities (h, w, n_classes) of a window of features (h, w, C)."""
    if isinstance(member, DenseClassifier):
        return member.window_probabilities(features)
    rows = features[..., member.start : member.stop].reshape(-1, member.stop - member.start)
    return member.classifier.predict_proba(rows).reshape(*features.shape[:2], -1)


def _selected_weights(estimators: Sequence[Any], data: LabeledFeatures, seed: int) -> np.ndarray:
    """Return the weights with the highest mean IoU of held-out labels of all folds."""
    options = _simplex(len(estimators))
    parts = [_out_of_fold(estimators, data, *pair, seed) for pair in folds(data.targets, seed)]
    if not parts:
        return options[0]
    found, y = (np.concatenate(values, axis=-1) for values in zip(*parts, strict=True))
    scores = np.array([_mean_iou(y, np.tensordot(w, found, 1).argmax(0)) for w in options])
    return options[int(np.argmax(scores >= scores.max() - TOLERANCE))]  # the first of these


def _out_of_fold(
    estimators: Sequence[Any], data: LabeledFeatures, fitted: Targets, held_out: Targets, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities (n_estimators, n_classes, n) and classes (n,) of held-out pixels."""
    classes, part = data.targets.classes, data._replace(targets=fitted)
    chosen = [np.flatnonzero(known) for known in held_out.known]
    y = np.searchsorted(classes, held_out.pick(chosen)[0])
    found = np.zeros((len(estimators), len(classes), len(y)))
    columns = np.searchsorted(classes, fitted.classes)
    for own, estimator in zip(found, estimators, strict=True):
        members = _fit_members(_shortened(estimator), part, seed)
        own[columns] = _held_out_probabilities(members, data, chosen).T
    return found, y


def _shortened(estimator: Any) -> Any:
    """Return a network that is trained for 2/5 of the epochs, enough to compare it."""
    if not isinstance(estimator, UNetClassifier):
        return estimator
    return clone(estimator).set_params(max_epochs=-(-2 * estimator.max_epochs // 5))


def _held_out_probabilities(
    members: Sequence[Any], data: LabeledFeatures, chosen: Sequence[np.ndarray]
) -> np.ndarray:
    """Return mean probabilities (n, n_classes) of the chosen pixels of all images."""

    def read(image: Any, tile: Tile) -> np.ndarray:
        return np.mean([_tile_probabilities(m, data, image, tile) for m in members], axis=0)

    return gather(read, data.images, chosen)


def _tile_probabilities(member: Any, data: LabeledFeatures, image: Any, tile: Tile) -> np.ndarray:
    if isinstance(member, DenseClassifier):
        return tile_probabilities(member, data.read, image, tile)
    return _probabilities(member, data.read(image, tile))


def _simplex(n: int) -> list[np.ndarray]:
    """Return all weights of n classifiers that are multiples of 1 / `N_WEIGHTS`.

    Those closest to equal weights come first.
    """
    every = product(range(N_WEIGHTS + 1), repeat=n)
    weights = [np.array(w) / N_WEIGHTS for w in every if sum(w) == N_WEIGHTS]
    return sorted(weights, key=lambda w: float(np.sum((w - 1 / n) ** 2)))


def _mean_iou(y: np.ndarray, found: np.ndarray) -> float:
    """Return the mean intersection over union of the classes of `y`, both (n,)."""
    ious = [np.sum((y == c) & (found == c)) / np.sum((y == c) | (found == c)) for c in np.unique(y)]
    return float(np.mean(ious))
