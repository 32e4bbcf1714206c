"""PixelHead: a small neural network that classifies codes."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from torch import Tensor, nn
from torch.nn import functional

from .._base import Documented, all_or_nothing, fit_context, seeded
from ..imaging._no_data import masked_rows
from ..imaging._scaling import fit_scale, scaled
from ..networks._autoencoders import ACTIVATIONS, dense_stack
from ..networks._initialization import DrawingFrom
from ..training._batches import Samples
from ..training._execution import evaluate, resolve_device
from ..training._parameters import publish_training, training_parameters, trains_net
from ..training._train import train


@trains_net
class PixelHead(Documented, ClassifierMixin, BaseEstimator):
    """Classify rows, such as the codes of pixels, with a small dense network.

    A classifier for :class:`AESegmenter`. All rows form one batch in float64 (float32 on MPS): a
    row with weight 2 counts as two rows, and the order of the rows does not matter.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default=(64,)
        Units of the hidden layers; empty for multinomial logistic regression.
    activation : {"relu", "tanh", "logistic", "elu", "gelu", "identity"}, default="relu"
        Activation function of the hidden layers.
    alpha : float, default=1e-3
        Strength of the L2 regularization, >= 0.
    class_weight : {"balanced"}, dict or None, default=None
        Weights of the classes, as in :class:`~sklearn.linear_model.LogisticRegression`.
    max_epochs : int, default=200
        Maximum number of steps, each with all rows.
    {training_parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.
    {training_attributes}
    scale_ : ndarray of shape (2, `n_features_in_`)
        Mean and standard deviation of each feature, used to standardize the input of the net.
    n_features_in_ : int
        Number of features.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_segae import PixelHead
    >>> X, y = load_iris(return_X_y=True)
    >>> PixelHead(random_state=0).fit(X, y).score(X, y) > 0.95
    True
    """

    _parameter_constraints: dict = {
        "hidden_layer_sizes": ["array-like"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (64,),
        *,
        activation: str = "relu",
        alpha: float = 1e-3,
        class_weight: Any = None,
        lr: float = 1e-2,
        max_epochs: int = 200,
        n_iter_no_change: int = 10,
        device: str = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.alpha = alpha
        self.class_weight = class_weight
        self.lr = lr
        self.max_epochs = max_epochs
        self.n_iter_no_change = n_iter_no_change
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the network to labeled rows.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        y : array of shape (n_samples,)
            Class labels.
        sample_weight : array of shape (n_samples,), default=None
            Weights of the rows, >= 0.

        Returns
        -------
        self : PixelHead
        """
        if np.ma.is_masked(y):
            raise ValueError(
                f"y is masked in {np.ma.count_masked(y)} rows, but a label is needed for every "
                "row. Pass X[~y.mask] and y.compressed()."
            )
        X, y = validate_data(self, masked_rows(X), y, dtype=np.float64)
        check_classification_targets(y)
        classes, indices = np.unique(y, return_inverse=True)
        weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        weight = weight * weigh_classes(self.class_weight, y, weight)
        counts = weight > 0
        X, indices, weight = X[counts], indices[counts], weight[counts]
        scale = fit_scale(X, "standard", weight)
        dtype = number_format(resolve_device(self.device))
        sizes = [X.shape[1], *self.hidden_layer_sizes, len(classes)]
        with seeded(self.random_state) as (rng, generator):
            with DrawingFrom(generator):
                module = dense_stack(sizes, self.activation).to(dtype)
            net = train(
                module,
                _samples(scaled(X, scale), indices, weight, dtype),
                Classification(self.alpha),
                rng=rng,
                generator=generator,
                batch_size=len(X),
                **training_parameters(self),
            )
        self.classes_, self.scale_ = classes, scale
        publish_training(self, net)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the logits of the classes; for two classes, their difference.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        scores : ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        check_is_fitted(self)
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probabilities of the classes.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self)
        return torch.softmax(torch.from_numpy(self._logits(X)), 1).numpy()

    def predict(self, X: Any) -> np.ndarray:
        """Return the most likely class of each row.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self.classes_[self._logits(X).argmax(1)]

    def _logits(self, X: Any) -> np.ndarray:
        X = validate_data(self, masked_rows(X), dtype=[np.float64, np.float32], reset=False)
        return evaluate(self.net_.module_, _call, scaled(X, self.scale_))


class Classification:
    """Cross-entropy plus L2 regularization; the last column of a batch holds the classes."""

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    def __call__(
        self, module: nn.Module, x: Tensor, weight: Tensor | None = None, **_: Any
    ) -> Tensor:
        """Return the mean loss of the batch, a scalar."""
        losses = functional.cross_entropy(module(x[:, :-1]), x[:, -1].long(), reduction="none")
        loss = losses.mean() if weight is None else (weight * losses).mean()
        return loss + self.alpha * sum(p.square().sum() for p in module.parameters() if p.ndim > 1)


def weigh_classes(class_weight: Any, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the class weight of each row; "balanced" gives all classes the same total weight."""
    if class_weight != "balanced":
        return compute_sample_weight(class_weight, y)
    _, indices = np.unique(y, return_inverse=True)
    totals = np.bincount(indices, weight)
    return weight.sum() / (len(totals) * np.maximum(totals, 1e-12))[indices]


def number_format(device: str) -> torch.dtype:
    """Return float64, or float32 on MPS."""
    return torch.float32 if device.startswith("mps") else torch.float64


def _samples(X: np.ndarray, indices: np.ndarray, weight: np.ndarray, dtype: torch.dtype) -> Samples:
    rows = torch.from_numpy(np.column_stack([X, indices])).to(dtype)
    return Samples(lambda i: rows[i], len(rows), torch.from_numpy(weight / weight.mean()).to(dtype))


def _call(module: Any, x: Tensor) -> Tensor:
    return module(x)
