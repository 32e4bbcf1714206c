"""Training parameters and attributes shared by all estimators with a net."""

from __future__ import annotations

import re
from inspect import cleandoc, signature
from numbers import Integral, Real
from typing import Any, TypeVar

from sklearn.utils._param_validation import Interval, StrOptions

from ._execution import PRECISIONS
from ._net import Net
from ._optimizers import OPTIMIZERS

Estimator = TypeVar("Estimator", bound=type)

CONSTRAINTS: dict[str, list[Any]] = {
    "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
    "lr": [Interval(Real, 0, None, closed="neither")],
    "batch_size": [Interval(Integral, 1, None, closed="left")],
    "max_epochs": [Interval(Integral, 0, None, closed="left")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "early_stopping": ["boolean", Interval(Real, 0, 1, closed="neither")],
    "warm_start": ["boolean"],
    "device": [str],
    "precision": [StrOptions(set(PRECISIONS))],
    "callbacks": [list, tuple, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}

PARAMETERS = """\
optimizer : {"adam", "adamw", "sgd", "rmsprop"} or callable
    A callable is called with (parameters, lr=...), as torch optimizer classes are.
lr : float
    Learning rate, > 0.
batch_size : int
    Number of samples per update.
max_epochs : int
    Maximum number of passes over the samples; 0 keeps the initial weights.
n_iter_no_change : int
    Training ends after this number of consecutive epochs in which the loss does not decrease by
    more than 1e-4 of the best loss.
early_stopping : bool or float
    True holds out 10 % of the samples, a number in (0, 1) that share. Their loss then replaces the
    training loss as stopping criterion, and the weights of the best epoch are restored.
warm_start : bool
    Whether `fit` continues with the weights and the scaling of the previous fit.
device : str
    A torch device such as "cuda:1"; "auto" is CUDA, MPS or the CPU, the first that is available.
precision : {"float32", "bfloat16", "float16"}
    Precision of the layers in training (autocast). Weights, losses and everything after `fit` are
    float32; float16 gradients are scaled to prevent underflow.
callbacks : list of skorch callbacks or None
    Copied for every fit; for schedules, gradient clipping, checkpoints or other stopping criteria.
    scikit-learn 1.9 callbacks, `set_callbacks(ProgressBar())`, are called at every epoch.
random_state : int, RandomState instance or None
    Determines initial weights, order of the samples and noise. Global generators are neither used
    nor changed; None draws fresh entropy.
verbose : int
    1 prints a line per epoch."""

ATTRIBUTES = """\
net_ : skorch.NeuralNet
    The trained net; its torch module is `net_.module_`.
loss_curve_ : list of float
    Mean training loss of every epoch.
n_iter_ : int
    Number of epochs.
stop_reason_ : str
    Why training ended: "max_epochs", "no_improvement", "callback" or "interrupted".
device_ : str
    Device that the net was trained on."""


def trains_net(cls: Estimator) -> Estimator:
    """Add constraints and documentation of the training parameters to an estimator.

    `{training_parameters}` in its docstring is replaced by the parameters in its signature that it
    does not document itself, and `{training_attributes}` by the attributes.
    """
    estimator: Any = cls
    own, text = estimator._parameter_constraints, cleandoc(estimator.__doc__)
    defaults = {n: p.default for n, p in signature(cls).parameters.items() if n in CONSTRAINTS}
    estimator._parameter_constraints = {name: CONSTRAINTS[name] for name in defaults} | own
    described = []
    for entry in re.split(r"\n(?=\w)", PARAMETERS):
        head, body = entry.split("\n", 1)
        name = head.split()[0]
        if name in defaults and f"\n{name} :" not in text:
            value = repr(defaults[name]).replace("'", '"')
            described.append(f"{head}, default={value}\n{body}")
    text = text.replace("{training_parameters}", "\n".join(described))
    estimator.__doc__ = text.replace("{training_attributes}", ATTRIBUTES)
    return cls


def training_parameters(estimator: Any) -> dict[str, Any]:
    """Return the parameters of an estimator that `train` takes."""
    names = set(CONSTRAINTS) - {"random_state", "warm_start"}
    return {name: getattr(estimator, name) for name in names if hasattr(estimator, name)}


def loss_curve(net: Net, name: str = "train_loss") -> list[float]:
    """Return the losses of all epochs so far."""
    return [float(epoch[name]) for epoch in net.history if name in epoch]


def publish_training(estimator: Any, net: Net) -> None:
    """Set the attributes of training; raise KeyboardInterrupt if one ended it."""
    describe_training(estimator, net)
    reraise_interrupt(net)


def describe_training(estimator: Any, net: Net) -> None:
    """Set the attributes of training."""
    estimator.net_ = net
    estimator.loss_curve_ = loss_curve(net)
    estimator.n_iter_ = len(net.history)
    estimator.stop_reason_ = net.stop_reason
    estimator.device_ = str(net.device)


def reraise_interrupt(net: Net) -> None:
    """Raise KeyboardInterrupt if one ended training, once the estimator is usable."""
    if net.stop_reason == "interrupted":
        raise KeyboardInterrupt("training was interrupted; the estimator keeps its last state")
