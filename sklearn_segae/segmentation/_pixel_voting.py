"""PixelVotingClassifier: the mean probabilities of several classifiers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.metaestimators import _BaseComposition

from .._base import (
    CallbackSupportMixin,
    Documented,
    FitTask,
    all_or_nothing,
    draw_seed,
    fit_context,
)
from ..imaging._label_maps import IgnoreLabel
from ..imaging._validation import common_spacing
from ._dense_classifier import DenseClassifier, LabeledFeatures
from ._held_out import N_FOLDS
from ._vote_members import fit_member, member_probabilities, reraise_interrupt, unfitted_members
from ._vote_weights import selected_weights


class PixelVotingClassifier(Documented, CallbackSupportMixin, DenseClassifier, _BaseComposition):
    """Average the probabilities of classifiers of pixels, such as a forest and a U-Net.

    A classifier for :class:`AESegmenter`. Their errors differ: a forest of single codes follows
    fine structures of the labeled images, a network with context generalizes to others.

    Parameters
    ----------
    estimators : list of (str, classifier)
        Each is a :class:`UNetClassifier`, or a classifier of rows with `predict_proba`, which is
        fitted to the codes of single pixels: one for each block of features, such as the two of
        "multiscale+pretrained". These are the members of the vote.
    weights : array of shape (n_estimators,), "auto" or None, default=None
        Weight of each classifier, >= 0, divided among its members. None is equal weights. "auto"
        selects those of all members (0, 1/4, ... 1) by cross-validation with at most three folds
        of whole images, or of blocks of 64 pixels if only one image has labels; networks are
        trained for 2/5 of the epochs there. Of all weights with nearly the highest mean IoU
        (.02 less), those closest to equal ones are used. With fewer than 500 labeled pixels,
        networks have a weight of 0 beside classifiers of rows. Blocks of volumes have 32 voxels.
    spacing : sequence of three floats or None, default=None
        Spacing of the voxels of volumes along z, y and x, in any unit; None is that of the
        networks, or images. :class:`AESegmenter` sets it.
    ignore_label : int, str, sequence of these, or None, default=None
        Labels in `y` to exclude from the fit. :class:`AESegmenter` has its own.
    max_memory : int or str, default="1GiB"
        Memory for `predict` besides input and output, in bytes or with a unit.
    random_state : int, RandomState instance or None, default=None
        Seed of the held-out blocks, and of classifiers whose `random_state` is None.

    Attributes
    ----------
    members_ : list
        Fitted networks, and classifiers of rows with their block; None for a weight of 0.
    weights_ : ndarray of shape (n_members,)
        Weights, with a sum of 1.
    spacing_ : tuple of float or None
        Spacing of voxels; None for images.
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
        "spacing": ["array-like", None],
        "ignore_label": [Real, str, "array-like", None],
        "max_memory": [Interval(Integral, 1, None, closed="left"), str],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimators: list[tuple[str, Any]],
        *,
        weights: Any = None,
        spacing: Sequence[float] | None = None,
        ignore_label: IgnoreLabel = None,
        max_memory: int | str = "1GiB",
        random_state: Any = None,
    ) -> None:
        self.estimators = estimators
        self.weights = weights
        self.spacing = spacing
        self.ignore_label = ignore_label
        self.max_memory = max_memory
        self.random_state = random_state

    @all_or_nothing
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit all classifiers to labeled pixels.

        Parameters
        ----------
        X : array (n, H, W) or (n, H, W, C), or list of arrays (H, W) or (H, W, C)
            A stack of images, or images of different sizes. Pixels that are NaN or masked in any
            channel have no data: they have no part. With `spacing`, volumes (n, D, H, W),
            (n, D, H, W, C), or a list of these; label maps and others have an axis D more, too.
        y : label maps of the same sizes
            Integers, whole floats, booleans or strings; -1, NaN, None, "" and masked pixels are
            unlabeled.
        sample_weight : maps of the same sizes, default=None
            Weights of the labeled pixels, >= 0.

        Returns
        -------
        self : PixelVotingClassifier
        """
        self.fit_images(X, y, sample_weight)
        self.reraise_interrupt()
        return self

    @fit_context(prefer_skip_nested_validation=False)
    def fit_features(self, data: LabeledFeatures) -> Self:
        """Fit to features of labeled images; after Ctrl-C to the part of training until then."""
        every = [unfitted_members(e, data.blocks) for _, e in self._checked()]
        flat = [member for own in every for member in own]
        n_nets = sum(isinstance(member, DenseClassifier) for member in flat)
        n_parts = n_nets * (1 + N_FOLDS if isinstance(self.weights, str) else 1)
        task = FitTask(self, n_parts, X=data.feature_maps, y=data.targets.maps)
        seed = draw_seed(self.random_state)
        weights = self._weights_of(every)
        if weights is None:
            weights = selected_weights(flat, data, seed, task)
        members: list[Any] = []
        for member, weight in zip(flat, weights, strict=True):
            reraise_interrupt(members)  # a vote that lacks others is not kept
            members.append(fit_member(member, data, seed, task) if weight else None)
        self.classes_, self.weights_, self.members_ = data.targets.classes, weights, members
        self.rows_, self.n_features_in_, self.spacing_ = False, data.n_features, data.spacing
        task.finish()
        return self

    def reraise_interrupt(self) -> None:
        """Raise KeyboardInterrupt if one ended the training of a network."""
        reraise_interrupt(self.members_)

    def given_spacing(self) -> tuple[float, ...] | None:
        """Return the spacing of voxels that the parameters say; None for images."""
        pairs = [(name, e) for name, e in self._checked() if isinstance(e, DenseClassifier)]
        own = [(name, net.given_spacing()) for name, net in pairs]
        return common_spacing([("vote", self.spacing), *own])

    @property
    def margin(self) -> Any:
        """Number of pixels around a tile that its classes depend on."""
        return reduce(np.maximum, (net.margin for net in self._nets), 0)

    @property
    def grid(self) -> Any:
        """Windows have to begin at multiples of it, in pixels."""
        return reduce(np.lcm, (net.grid for net in self._nets), 1)

    @property
    def n_numbers(self) -> int:
        """Number of temporary values for each pixel."""
        nets = max((net.n_numbers for net in self._nets), default=0)
        return nets + 8 * len(self.classes_)

    def window_probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return probabilities (h, w, n_classes) of a window of features (h, w, C)."""
        pairs = zip(self.weights_, self.members_, strict=True)
        return sum(w * member_probabilities(m, features) for w, m in pairs if w)

    @property
    def _nets(self) -> Iterator[DenseClassifier]:
        return (m for m in self.members_ if isinstance(m, DenseClassifier))

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

    def _weights_of(self, every: Sequence[Sequence[Any]]) -> np.ndarray | None:
        """Return the weights of the members of all classifiers; None for "auto"."""
        n = len(every)
        if isinstance(self.weights, str):
            return None
        weights = np.ones(n) if self.weights is None else np.asarray(self.weights, np.float64)
        if weights.shape != (n,) or not (weights >= 0).all() or not weights.any():
            raise ValueError(
                f"weights={self.weights!r:.60}, but {n} numbers >= 0, one for each of estimators, "
                "are needed, or None."
            )
        sizes = [len(own) for own in every]
        return np.repeat(weights / weights.sum() / sizes, sizes)

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
