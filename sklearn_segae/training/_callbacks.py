"""Callbacks of our own: when training ends, scikit-learn's callbacks, the learning rate."""

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

# An epoch improves on the best one if its loss is lower by more than this share of it: losses of
# pixels in [0, 1] are thousandths, others are negative.
TOLERANCE = 1e-4


class StoppingCriteria(Callback):
    """End training when a loss has stopped improving; raise an error if it has diverged."""

    def __init__(self, n_iter_no_change: float, monitor: str) -> None:
        self.n_iter_no_change = n_iter_no_change
        self.monitor = monitor

    def on_train_begin(self, net: Net, **_: Any) -> None:
        """Forget the last training."""
        self.best_loss_, self.n_waited_ = np.inf, 0
        self.best_weights_: dict[str, Tensor] | None = None

    def on_epoch_end(self, net: Net, **_: Any) -> None:
        """Look at the losses of the epoch that just ended."""
        epoch = net.history[-1]
        _check_finite(net, epoch)
        self._watch(net, epoch[self.monitor])
        if self.n_waited_ >= self.n_iter_no_change:
            raise TrainingEnd("no_improvement")

    def on_train_end(self, net: Net, **_: Any) -> None:
        """Go back to the weights with the best validation loss, and check that they are finite."""
        if self.best_weights_ is not None:
            net.module_.load_state_dict(self.best_weights_)
            self.best_weights_ = None
        # The loss of an epoch is that of the weights before its last step.
        if not all(bool(torch.isfinite(weight).all()) for weight in net.module_.parameters()):
            raise _diverged(net, "weights are not finite after the last step")

    def _watch(self, net: Net, loss: float) -> None:
        self.n_waited_ = 0 if self._improves(loss) else self.n_waited_ + 1
        if loss < self.best_loss_:
            self.best_loss_ = loss
            if self.monitor == "valid_loss":
                self.best_weights_ = copy.deepcopy(net.module_.state_dict())

    def _improves(self, loss: float) -> bool:
        if np.isinf(self.best_loss_):  # whose share no first epoch could beat
            return True
        return loss < self.best_loss_ - TOLERANCE * abs(self.best_loss_)


class EpochEnd(Callback):
    """Call `function(epoch, max_epochs, loss)` after every epoch: what a progress bar needs."""

    def __init__(self, function: Callable[[int, int, float], None]) -> None:
        self.function = function

    def on_epoch_end(self, net: Net, **_: Any) -> None:
        """Report the epoch, counted from 1, and its training loss."""
        self.function(len(net.history), net.max_epochs, net.history[-1, "train_loss"])


class SklearnCallbacks(Callback):
    """Report every epoch to callbacks of scikit-learn's, which may end training.

    These may hold the data, which the net must not: copies of this callback lack them, and they
    are removed when training has ended.
    """

    def __init__(self, tasks: Epochs) -> None:
        self.tasks = tasks

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def on_train_end(self, net: Net, **_: Any) -> None:
        """Remove the callbacks of scikit-learn's."""
        del self.tasks

    def on_epoch_begin(self, net: Net, **_: Any) -> None:
        """Report the beginning."""
        self.tasks.begin()

    def on_epoch_end(self, net: Net, **_: Any) -> None:
        """Report the end; end training if a callback wants that."""
        if self.tasks.end(net):
            raise TrainingEnd("callback")


def one_cycle_schedule(n_steps: int) -> LRScheduler:
    """Return a schedule of the learning rate: Smith and Topin 2018, arXiv:1708.07120."""
    factor = partial(_one_cycle_factor, n_steps)
    return LRScheduler(torch.optim.lr_scheduler.LambdaLR, lr_lambda=factor, step_every="batch")


def _one_cycle_factor(n_steps: int, step: int) -> float:
    """Share of the learning rate: up in the first fifth of the steps, then down along a cosine."""
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
