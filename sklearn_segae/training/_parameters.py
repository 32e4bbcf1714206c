"""Parameters of training, and its results, that are the same in all estimators with a net."""

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
    A callable takes (parameters, lr=...), as torch's optimizer classes do.
lr : float
    Learning rate, > 0.
batch_size : int
    Samples in an update.
max_epochs : int
    Passes over the samples at most; 0 leaves the net as it was initialized.
n_iter_no_change : int
    Training ends after so many epochs in a row without improvement, which is a loss lower than the
    best one by more than a ten-thousandth of it.
early_stopping : bool or float
    True holds out a tenth of the samples, a number in (0, 1) that share of them. Their loss,
    instead of the training loss, then decides when training ends, and the weights are those of the
    best epoch. False holds out nothing.
warm_start : bool
    Let `fit` continue with the weights and the scaling of the last one.
device : str
    "auto" is CUDA, then MPS, then the CPU; or a torch device such as "cuda:1".
precision : {"float32", "bfloat16", "float16"}
    Number format of the layers' sums in training (autocast). Weights, losses and everything after
    `fit` are float32; gradients of float16 are scaled, so that they do not vanish.
callbacks : list of skorch callbacks or None
    Copied for every fit. For schedules, gradient clipping, checkpoints, other ends of training.
    Those of scikit-learn 1.9, `set_callbacks(ProgressBar())`, are told of every epoch.
random_state : int, RandomState instance or None
    Decides on everything that is random: initial weights, order of the samples, noise. No global
    generator is used or moved; None draws fresh entropy.
verbose : int
    1 prints a line an epoch."""

ATTRIBUTES = """\
net_ : skorch.NeuralNet
    The trained net; its torch module is `net_.module_`.
loss_curve_ : list of float
    Mean training loss of every epoch.
n_iter_ : int
    Number of epochs.
stop_reason_ : str
    What ended training: "max_epochs", "no_improvement", "callback" or "interrupted".
device_ : str
    Where the net was trained."""


def trains_net(cls: Estimator) -> Estimator:
    """Give an estimator the constraints and the documentation of the parameters above.

    Of those in its signature: in its docstring they stand for `{training_parameters}`, but for
    those that it describes itself, and the attributes for `{training_attributes}`.
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
    """Return those of an estimator's parameters that `train` takes."""
    names = set(CONSTRAINTS) - {"random_state", "warm_start"}
    return {name: getattr(estimator, name) for name in names if hasattr(estimator, name)}


def loss_curve(net: Net, name: str = "train_loss") -> list[float]:
    """Return the losses of all epochs so far."""
    return [float(epoch[name]) for epoch in net.history if name in epoch]


def publish_training(estimator: Any, net: Net) -> None:
    """Set the attributes that training leaves; raise the Ctrl-C that ended it, if one did."""
    estimator.net_ = net
    estimator.loss_curve_ = loss_curve(net)
    estimator.n_iter_ = len(net.history)
    estimator.stop_reason_ = net.stop_reason
    estimator.device_ = str(net.device)
    reraise_interrupt(net)


def reraise_interrupt(net: Net) -> None:
    """Raise the Ctrl-C that ended training, once the estimator is usable."""
    if net.stop_reason == "interrupted":
        raise KeyboardInterrupt("training was interrupted; the estimator keeps what it had learnt")
