"""PixelHead: a small network that classifies codes."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from torch import Tensor, nn
from torch.nn import functional

from .._base import Documented, all_or_nothing, seeded
from ..imaging._scaling import fit_scale, scaled
from ..networks._autoencoders import ACTIVATIONS, dense_stack
from ..training._batches import Samples
from ..training._execution import evaluate, resolve_device
from ..training._parameters import TRAINING_CONSTRAINTS, training_parameters
from ..training._train import loss_curve, reraise_interrupt, train

# Of the parameters that mean the same in every estimator that trains a net.
SHARED = (
    *("optimizer", "lr", "loss_threshold", "tol", "n_iter_no_change", "device", "callbacks"),
    *("random_state", "verbose"),
)


class PixelHead(Documented, ClassifierMixin, BaseEstimator):
    """Classify rows, such as the codes of pixels, with a small dense network.

    The last step of an :class:`AESegmenter` that learns from labels; there, `fine_tune` lets it
    teach the encoder, too. All rows are one batch in float64 (float32 on MPS), so that a row with
    weight 2 counts as two, and the order of the rows does not matter.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default=(64,)
        Units of the hidden layers; empty for multinomial logistic regression.
    activation : {"relu", "tanh", "logistic", "elu", "gelu", "identity"}, default="relu"
        Of the hidden layers.
    alpha : float, default=1e-3
        Weight of the squared norm of the weights in the loss, >= 0 (L2 regularization).
    class_weight : {"balanced"}, dict or None, default=None
        Weights of the classes, as in :class:`~sklearn.linear_model.LogisticRegression`.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or callable, default="adam"
        This and all that follow are as in :class:`AutoencoderTransformer`.
    lr : float, default=1e-2
        Learning rate, > 0.
    max_epochs : int, default=200
        Steps at most, each over all rows.
    loss_threshold : float or None, default=None
        Training ends when the loss of a step is at most this.
    tol : float, default=1e-4
        A step improves on the best one if its loss is lower by more than this share of it.
    n_iter_no_change : int, default=10
        Training ends after so many steps in a row without improvement.
    device : str, default="auto"
        "auto" is CUDA, then MPS, then the CPU; or a torch device such as "cuda:1".
    callbacks : list of skorch callbacks or None, default=None
        Copied for every fit.
    random_state : int, RandomState instance or None, default=None
        Decides on the initial weights.
    verbose : int, default=0
        1 prints a line a step.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels.
    net_ : skorch.NeuralNet
        The trained net.
    scale_ : ndarray of shape (2, `n_features_in_`)
        Mean and standard deviation of every feature, which the net sees standardized.
    loss_curve_ : list of float
        Losses of all steps.
    n_iter_ : int
        Number of steps.
    stop_reason_ : str
        As in :class:`AutoencoderTransformer`.
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
        **{name: TRAINING_CONSTRAINTS[name] for name in SHARED},
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (64,),
        *,
        activation: str = "relu",
        alpha: float = 1e-3,
        class_weight: Any = None,
        optimizer: Any = "adam",
        lr: float = 1e-2,
        max_epochs: int = 200,
        loss_threshold: float | None = None,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        device: str = "auto",
        callbacks: list[Any] | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.alpha = alpha
        self.class_weight = class_weight
        self.optimizer = optimizer
        self.lr = lr
        self.max_epochs = max_epochs
        self.loss_threshold = loss_threshold
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.device = device
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn to tell the classes of `y` apart.

        Parameters
        ----------
        X : array of shape (n_samples, n_features)
        y : array of shape (n_samples,)
            Labels of any kind.
        sample_weight : array of shape (n_samples,), default=None
            How often every row counts.

        Returns
        -------
        self : PixelHead
        """
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        classes, indices = np.unique(y, return_inverse=True)
        weight = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        weight = weight * weigh_classes(self.class_weight, y, weight)
        counts = weight > 0
        X, indices, weight = X[counts], indices[counts], weight[counts]
        scale = fit_scale(X, "standard", weight)
        with seeded(self.random_state) as rng:
            sizes = [X.shape[1], *self.hidden_layer_sizes, len(classes)]
            net = train(
                dense_stack(sizes, self.activation).to(number_format(resolve_device(self.device))),
                _samples(
                    scaled(X, scale), indices, weight, number_format(resolve_device(self.device))
                ),
                Classification(self.alpha),
                rng=rng,
                batch_size=len(X),
                **training_parameters(self),
            )
        self.classes_, self.scale_, self.net_ = classes, scale, net
        self.loss_curve_, self.n_iter_ = loss_curve(net), len(net.history)
        self.stop_reason_ = net.stop_reason
        reraise_interrupt(net)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the logits of the classes; for two classes their difference.

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
        """Return the likeliest class of every row.

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
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return evaluate(self.net_.module_, _call, scaled(X, self.scale_))


class Classification:
    """Cross-entropy of the classes that travel as the last column of a batch, plus the decay."""

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    def __call__(self, module: nn.Module, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the mean loss of the batch, a scalar."""
        losses = functional.cross_entropy(module(x[:, :-1]), x[:, -1].long(), reduction="none")
        loss = losses.mean() if weight is None else (weight * losses).mean()
        return loss + self.alpha * sum(p.square().sum() for p in module.parameters() if p.ndim > 1)


def weigh_classes(class_weight: Any, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the weight of the class of every row; "balanced" classes weigh the same in total."""
    if class_weight != "balanced":
        return compute_sample_weight(class_weight, y)
    _, indices = np.unique(y, return_inverse=True)
    totals = np.bincount(indices, weight)
    return weight.sum() / (len(totals) * np.maximum(totals, 1e-12))[indices]


def number_format(device: str) -> torch.dtype:
    """Return float64, or what comes nearest on the device."""
    return torch.float32 if device.startswith("mps") else torch.float64


def _samples(X: np.ndarray, indices: np.ndarray, weight: np.ndarray, dtype: torch.dtype) -> Samples:
    rows = torch.from_numpy(np.column_stack([X, indices])).to(dtype)
    return Samples(lambda i: rows[i], len(rows), torch.from_numpy(weight / weight.mean()).to(dtype))


def _call(module: Any, x: Tensor) -> Tensor:
    return module(x)
