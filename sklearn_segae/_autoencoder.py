"""AutoencoderTransformer: samples to codes and back."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
import torch
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from ._images import check_images, is_rows
from ._objectives import LOSSES, Reconstruction
from ._scaling import fit_scale, scaled, unscaled
from ._training import (
    TRAINING_CONSTRAINTS,
    Net,
    Samples,
    evaluate,
    loss_curve,
    reraise_interrupt,
    seeded,
    train,
    training_parameters,
)
from .networks import ACTIVATIONS, ConvAutoencoder, DenseAutoencoder, decode, encode, reconstruct

BLOCK = 4096  # rows encoded at once


class AutoencoderTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Reduce samples to a few numbers each with an autoencoder, and bring them back.

    The interface of :class:`~sklearn.decomposition.PCA` with a network inside: rows are encoded by
    dense layers, stacks of images by convolutions, and both are trained to reconstruct their
    input from `n_components` numbers [1]_.

    Parameters
    ----------
    n_components : int, default=16
        Size of the code.
    architecture : {"auto", "dense", "conv"}, default="auto"
        "dense" for rows, "conv" for stacks of images; "auto" takes the one that fits.
    hidden_layer_sizes : sequence of int, default=(256,)
        Units of the dense layers between the input (or the convolutions) and the code, mirrored
        in the decoder. Empty for none.
    activation : {"relu", "tanh", "logistic", "elu", "gelu", "identity"}, default="relu"
        Of the hidden layers. The code is linear.
    variant : {"plain"}, default="plain"
        Kind of autoencoder.
    loss : {"mse", "cross_entropy", "mae", "huber"}, default="mse"
        Reconstruction loss, a mean over the numbers of the scaled input. Cross-entropy needs an
        input in [0, 1], which `scaling="minmax"` provides.
    scaling : {"standard", "minmax"} or None, default="standard"
        How the net sees its input, per feature (rows) or per channel (images): with zero mean and
        unit variance, brought to [0, 1], or as it is. With "minmax" or cross-entropy the
        decoder ends in a logistic layer. `inverse_transform` answers in the input's units.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or callable, default="adam"
        A callable takes (parameters, lr=...), as torch's optimizer classes do.
    lr : float, default=1e-3
        Learning rate, > 0.
    batch_size : int, default=128
        Samples in an update.
    max_epochs : int, default=100
        Passes over the samples at most; 0 leaves the net as it was initialised.
    loss_threshold : float or None, default=None
        Training ends when the training loss of an epoch is at most this. None never ends it.
    tol : float, default=1e-4
        An epoch improves on the best one if its loss is lower by more than this.
    n_iter_no_change : int, default=10
        Training ends after so many epochs in a row without improvement.
    early_stopping : bool, default=False
        Hold samples out, watch their loss instead of the training loss, and end with the weights
        of the best epoch.
    validation_fraction : float, default=0.1
        Share of the samples held out if `early_stopping`, in (0, 1).
    warm_start : bool, default=False
        Let `fit` continue with the weights and the scaling of the last one.
    device : str, default="auto"
        "auto" is CUDA, then MPS, then the CPU; or a torch device such as "cuda:1".
    precision : {"float32"}, default="float32"
        Number format of training.
    compile : False, default=False
        Whether torch compiles the net.
    callbacks : list of skorch callbacks or None, default=None
        Copied for every fit. For schedules, gradient clipping, checkpoints.
    random_state : int, RandomState instance or None, default=None
        Decides on the initial weights and on the order of the samples. No global generator is
        used or moved; None draws fresh entropy.
    verbose : int, default=0
        1 prints a line an epoch.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net; its torch module is `net_.module_`.
    loss_curve_ : list of float
        Mean training loss of every epoch.
    validation_loss_curve_ : list of float
        Mean validation loss of every epoch; empty without `early_stopping`.
    n_iter_ : int
        Number of epochs.
    stop_reason_ : str
        What ended training: "max_epochs", "loss_threshold", "no_improvement", "callback" or
        "interrupted".
    scale_ : ndarray of shape (2, n_features_in_)
        What scaling subtracts, and what it divides by.
    n_features_in_ : int
        Number of features of a row, or of channels of an image.
    feature_names_in_ : ndarray of str
        Names of the features, if `X` had any.
    image_shape_ : tuple or None
        Shape of one image as it came in; None for rows.
    device_ : str
        Where the net was trained.

    References
    ----------
    .. [1] G. Hinton, R. Salakhutdinov, "Reducing the dimensionality of data with neural
       networks", Science 313, 2006, doi:10.1126/science.1127647.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_segae import AutoencoderTransformer
    >>> X, _ = load_digits(return_X_y=True)
    >>> autoencoder = AutoencoderTransformer(10, max_epochs=5, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (1797, 10)
    >>> autoencoder.inverse_transform(autoencoder.transform(X)).shape
    (1797, 64)
    >>> autoencoder.stop_reason_
    'max_epochs'
    """

    n_features_in_: int
    image_shape_: tuple[int, ...] | None

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "architecture": [StrOptions({"auto", "dense", "conv"})],
        "hidden_layer_sizes": ["array-like"],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "variant": [StrOptions({"plain"})],
        "loss": [StrOptions(set(LOSSES))],
        "scaling": [StrOptions({"standard", "minmax"}), None],
        "precision": [StrOptions({"float32"})],
        "compile": [Options(bool, {False})],
        **TRAINING_CONSTRAINTS,
    }

    def __init__(
        self,
        n_components: int = 16,
        *,
        architecture: str = "auto",
        hidden_layer_sizes: Sequence[int] = (256,),
        activation: str = "relu",
        variant: str = "plain",
        loss: str = "mse",
        scaling: str | None = "standard",
        optimizer: Any = "adam",
        lr: float = 1e-3,
        batch_size: int = 128,
        max_epochs: int = 100,
        loss_threshold: float | None = None,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        device: str = "auto",
        precision: str = "float32",
        compile: bool = False,
        callbacks: list[Any] | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.architecture = architecture
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.variant = variant
        self.loss = loss
        self.scaling = scaling
        self.optimizer = optimizer
        self.lr = lr
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.loss_threshold = loss_threshold
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.device = device
        self.precision = precision
        self.compile = compile
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn to reconstruct the samples of `X` from `n_components` numbers each.

        Parameters
        ----------
        X : {array, CSR matrix} of shape (n_samples, n_features), or array (n, H, W) or (n, H, W, C)
            Rows, or a stack of images of one size.
        y : ignored

        Returns
        -------
        self : AutoencoderTransformer
        """
        continued = self.warm_start and hasattr(self, "net_")
        return self._learn(X, continued, **training_parameters(self))

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Pass over `X` once, going on with what was learnt before.

        The first call fixes the scaling, so its samples should be typical. Nothing is held out.

        Parameters
        ----------
        X : as in `fit`
        y : ignored

        Returns
        -------
        self : AutoencoderTransformer
        """
        one_pass = {"max_epochs": 1, "early_stopping": False, "loss_threshold": None}
        return self._learn(X, hasattr(self, "net_"), **(training_parameters(self) | one_pass))

    def transform(self, X: Any) -> np.ndarray:
        """Encode samples.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        codes : ndarray of shape (n_samples, n_components)
            float64 for float64 rows, else float32.
        """
        check_is_fitted(self)
        return np.concatenate(
            [evaluate(self.net_.module_, encode, x) for x in self._scaled_blocks(X)]
        )

    def inverse_transform(self, codes: Any) -> np.ndarray:
        """Decode samples.

        Parameters
        ----------
        codes : array of shape (n_samples, n_components)

        Returns
        -------
        X : ndarray of shape (n_samples, n_features), or (n_samples, *image_shape_)
            In the units of the data that the net was fitted on.
        """
        check_is_fitted(self)
        codes = check_array(codes, dtype=[np.float64, np.float32])
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"codes has {codes.shape[1]} columns, but AutoencoderTransformer was fitted with "
                f"n_components={self._n_features_out}."
            )
        blocks = (codes[i : i + BLOCK] for i in range(0, len(codes), BLOCK))
        decoded = np.concatenate([evaluate(self.net_.module_, decode, block) for block in blocks])
        X = unscaled(_channels_last(decoded), self.scale_)
        return X if self.image_shape_ is None else X.reshape(-1, *self.image_shape_)

    def score(self, X: Any, y: Any = None) -> float:
        """Return minus the mean reconstruction loss of `X`: bigger is better.

        Parameters
        ----------
        X : as in `fit`
        y : ignored

        Returns
        -------
        score : float
        """
        return float(self.score_samples(X).mean())

    def score_samples(self, X: Any) -> np.ndarray:
        """Return minus the reconstruction loss of every sample; outliers score low.

        The loss is that of training: with `scaling="standard"` a mean squared error of 1 is what
        predicting the mean would cost.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        scores : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return np.concatenate([-self._losses(x) for x in self._scaled_blocks(X)])

    @property
    def _n_features_out(self) -> int:
        return self._n_components

    def _learn(self, X: Any, continued: bool, **training: Any) -> Self:
        X = self._check(X, reset=not continued)
        scale = self.scale_ if continued else fit_scale(X, self.scaling)
        samples = _samples(X, scale, self._check_targets)
        with seeded(self.random_state) as rng:
            # A copy: should training fail, the estimator is what it was before.
            net = copy.deepcopy(self.net_) if continued else None
            module = net.module_ if net else self._build(X)
            net = train(module, samples, Reconstruction(self.loss), rng=rng, net=net, **training)
        return self._publish(net, scale)

    def _publish(self, net: Net, scale: np.ndarray) -> Self:
        self.net_, self.scale_ = net, scale
        self.loss_curve_ = loss_curve(net)
        self.validation_loss_curve_ = loss_curve(net, "valid_loss")
        self.n_iter_ = len(net.history)
        self.stop_reason_ = net.stop_reason
        self.device_ = str(net.device)
        reraise_interrupt(net)
        return self

    def _check(self, X: Any, *, reset: bool) -> Any:
        """Return rows (dense or CSR), or a stack (n, H, W, C) of images."""
        if is_rows(X):
            self._fits(rows=True, reset=reset)
            floats = [np.float64, np.float32]
            return validate_data(self, X, accept_sparse="csr", dtype=floats, reset=reset)
        self._fits(rows=False, reset=reset)
        stack = np.asarray(X)
        owner = type(self).__name__
        images = check_images(stack, n_channels=None if reset else self.n_features_in_, owner=owner)
        shape = stack.shape[1:]
        if reset:
            self.image_shape_, self.n_features_in_ = shape, images[0].shape[2]
        elif shape != self.image_shape_:
            raise ValueError(
                f"X holds images of shape {shape}, but {owner} was fitted with "
                f"{self.image_shape_}. Resize them, or use PixelEncoder, which takes any size."
            )
        return np.stack(images)

    def _fits(self, *, rows: bool, reset: bool) -> None:
        """Refuse rows for a convolutional net, images for a dense one."""
        needed = "dense" if rows else "conv"
        what = "rows" if rows else "images"
        if reset and self.architecture not in ("auto", needed):
            raise ValueError(
                f"architecture={self.architecture!r} does not fit {what}, which need {needed!r} "
                "(or 'auto'). Reshape X, or change architecture."
            )
        if reset and rows:
            self.image_shape_ = None
        elif not reset and rows != (self.image_shape_ is None):
            fitted = "rows" if self.image_shape_ is None else "images"
            raise ValueError(f"X holds {what}, but {type(self).__name__} was fitted with {fitted}.")

    def _build(self, X: Any) -> torch.nn.Module:
        self._n_components = self.n_components
        sizes = (self.n_components, tuple(self.hidden_layer_sizes), self.activation, self._bounded)
        if self.image_shape_ is None:
            return DenseAutoencoder(X.shape[1], *sizes)
        return ConvAutoencoder((X.shape[3], *X.shape[1:3]), *sizes)

    @property
    def _bounded(self) -> bool:
        return self.scaling == "minmax" or self.loss == "cross_entropy"

    def _check_targets(self, x: np.ndarray) -> np.ndarray:
        if self.loss == "cross_entropy" and (x.min() < 0 or x.max() > 1):
            raise ValueError(
                f"loss='cross_entropy' needs an input in [0, 1], but scaling={self.scaling!r} "
                f"gives [{x.min():.3g}, {x.max():.3g}]. Pass scaling='minmax', or loss='mse'."
            )
        return x

    def _scaled_blocks(self, X: Any) -> Iterator[np.ndarray]:
        X = self._check(X, reset=False)
        for start in range(0, X.shape[0], BLOCK):
            yield _channels_first(scaled(X[start : start + BLOCK], self.scale_))

    def _losses(self, x: np.ndarray) -> np.ndarray:
        if self.scaling == "minmax":
            x = np.clip(x, 0, 1)  # beyond what fit saw, where the decoder cannot follow
        output = torch.from_numpy(evaluate(self.net_.module_, reconstruct, x))
        target = torch.from_numpy(self._check_targets(x))
        return LOSSES[self.loss](output, target, reduction="none").flatten(1).mean(1).numpy()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _samples(X: Any, scale: np.ndarray, check: Callable[[np.ndarray], np.ndarray]) -> Samples:
    """Return samples for training; dense ones are scaled once, sparse ones batch by batch."""
    if sparse.issparse(X):
        return Samples(lambda i: _tensor(check(scaled(X[i], scale))), X.shape[0])
    everything = _tensor(_channels_first(check(scaled(X, scale))))
    return Samples(lambda i: everything[i], X.shape[0])


def _tensor(x: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(x.astype(np.float32, copy=False))


def _channels_first(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))  # rows stay as they are


def _channels_last(x: np.ndarray) -> np.ndarray:
    return np.moveaxis(x, 1, -1)
