"""skorch callbacks: stopping criteria, scikit-learn callbacks, learning rate schedule."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from math import cos, pi
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback, LRScheduler
from torch import Tensor

from .._base import Epochs
from ._net import Net, TrainingEnd

# Minimum improvement of the loss, relative to the best loss, as the scale of losses varies.
TOLERANCE = 1e-4


class StoppingCriteria(Callback):
    """End training when a loss stops improving; raise an error if training diverges."""

    def __init__(self, n_iter_no_change: float, monitor: str) -> None:
        self.n_iter_no_change = n_iter_no_change
        self.monitor = monitor

    def on_train_begin(self, net: Net, **_: Any) -> None:
        """Reset the state of the last training."""
        self.best_loss_, self.n_waited_ = np.inf, 0
        self.best_weights_: dict[str, Tensor] | None = None

    def on_epoch_end(self, net: Net, **_: Any) -> None:
        """Check the losses of the epoch."""
        epoch = net.history[-1]
        _check_finite(net, epoch)
        self._watch(net, epoch[self.monitor])
        if self.n_waited_ >= self.n_iter_no_change:
            raise TrainingEnd("no_improvement")

    def on_train_end(self, net: Net, **_: Any) -> None:
        """Restore the weights with the best validation loss, and check that they are finite."""
        if self.best_weights_ is not None:
            net.module_.load_state_dict(self.best_weights_)
            self.best_weights_ = None
        # The loss of an epoch does not depend on its last step.
        if not all(bool(torch.isfinite(weight).all()) for weight in net.module_.parameters()):
            raise _diverged(net, "weights are not finite after the last step")

    def _watch(self, net: Net, loss: float) -> None:
        self.n_waited_ = 0 if self._improves(loss) else self.n_waited_ + 1
        if loss < self.best_loss_:
            self.best_loss_ = loss
            if self.monitor == "valid_loss":
                self.best_weights_ = copy.deepcopy(net.module_.state_dict())

    def _improves(self, loss: float) -> bool:
        if np.isinf(self.best_loss_):  # a relative improvement on infinity is undefined
            return True
        return loss < self.best_loss_ - TOLERANCE * abs(self.best_loss_)


class EpochEnd(Callback):
    """Call `function(epoch, max_epochs, loss)` after every epoch, e.g. for a progress bar."""

    def __init__(self, function: Callable[[int, int, float], None]) -> None:
        self.function = function

    def on_epoch_end(self, net: Net, **_: Any) -> None:
        """Report the epoch, counted from 1, and its training loss."""
        self.function(len(net.history), net.max_epochs, net.history[-1, "train_loss"])


class SklearnCallbacks(Callback):
    """Report every epoch to scikit-learn callbacks, which may end training.

    They may hold the data, so copies of this callback and trained nets do not contain them.
    """

    def __init__(self, tasks: Epochs) -> None:
        self.tasks = tasks

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def on_train_end(self, net: Net, **_: Any) -> None:
        """Remove the scikit-learn callbacks."""
        del self.tasks

    def on_epoch_begin(self, net: Net, **_: Any) -> None:
        """Report the start of an epoch."""
        self.tasks.begin()

    def on_epoch_end(self, net: Net, **_: Any) -> None:
        """Report the end of an epoch; end training if a callback requests it."""
        if self.tasks.end(net):
            raise TrainingEnd("callback")


def one_cycle_schedule(n_steps: int) -> LRScheduler:
    """Return a one-cycle learning rate schedule (Smith and Topin 2018, arXiv:1708.07120)."""
    factor = partial(_one_cycle_factor, n_steps)
    return LRScheduler(torch.optim.lr_scheduler.LambdaLR, lr_lambda=factor, step_every="batch")


def _one_cycle_factor(n_steps: int, step: int) -> float:
    """Factor of the learning rate: linear increase in the first fifth, then cosine decrease."""
    rise = max(1, n_steps // 5)
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 + 0.5 * cos(pi * min(1, (step - rise) / max(1, n_steps - rise)))


def _check_finite(net: Net, epoch: dict[str, Any]) -> None:
    if not np.isfinite(epoch["train_loss"]):
        raise _diverged(net, f"the loss of epoch {epoch['epoch']} is {epoch['train_loss']}")


def _diverged(net: Net, how: str) -> FloatingPointError:
    return FloatingPointError(
        f"Training diverged with lr={net.lr:g}: {how}. Lower lr, scale the data if they are huge, "
        "or pass callbacks=[skorch.callbacks.GradientNormClipping(1.0)]."
    )
