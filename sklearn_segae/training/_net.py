"""A skorch net whose loss is a function of the module and a batch of inputs."""

from __future__ import annotations

import copyreg
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Protocol

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor

from ..distributed import average, own_share
from ..networks._serialization import build, describe, weights_of
from ._batches import Batches
from ._execution import cast
from ._optimizers import find_optimizer, name_optimizer, optimizer_options
from ._threads import count_weights, threads_for, work_of

# Events of steps: notifying callbacks without effect takes 2 % of an epoch on small nets.
STEP_EVENTS = ("on_batch_begin", "on_grad_computed", "on_batch_end")


class Objective(Protocol):
    """A loss as a function of the module and a batch of inputs.

    Sample weights (N,), if any, are a third argument. `generator` is on the device of the batch.
    If there is a method `clean`, it computes the validation loss.
    """

    def __call__(self, module: Any, x: Tensor, *, generator: torch.Generator | None) -> Tensor:
        """Return the mean loss of a batch, a scalar."""


class TrainingEnd(Exception):
    """Raised by a callback to end training; its message is the reason."""


class PickledState(dict):
    """State of a net in a pickle, which files of plain data cannot contain."""


class Net(NeuralNet):
    """A skorch net whose criterion is an `Objective`."""

    cast: Any = None  # the module in 16 bits, if used
    n_weights = 0  # of the module, in training
    generators: Sequence[torch.Generator] = ()  # of training; that of the device is last
    scaler: torch.amp.GradScaler | None = None  # for float16 only

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Pickles and copies contain everything, including optimizer state and callbacks.
        state: Any = super().__getstate__()
        return copyreg.__newobj__, (type(self),), PickledState(state)  # type: ignore[attr-defined]

    def __getstate__(self) -> dict[str, Any]:
        """Return plain data for prediction and further training, as for skops."""
        names = ("epoch", "train_loss", "valid_loss")
        return {
            "architecture": describe(self.module_),
            "weights": weights_of(self.module_),
            "optimizer": name_optimizer(self.optimizer),
            "epochs": [{n: float(e[n]) for n in names if n in e} for e in self.history],
            "stop_reason": self.stop_reason,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state of a pickle, or plain data, which may be untrusted."""
        if isinstance(state, PickledState):
            return super().__setstate__(state)
        module = build(state["architecture"], state["weights"])
        optimizer = optimizer_options(find_optimizer(state["optimizer"]), "cpu")
        # The objective is set when training continues.
        NeuralNet.__init__(
            self, module, criterion=partial(_as_criterion, None), **optimizer, verbose=0
        )
        self.initialize()
        for epoch in state["epochs"]:
            self.history.new_epoch()
            for name, value in epoch.items():
                self.history.record(name, int(value) if name == "epoch" else value)
        self.stop_reason = state["stop_reason"]

    @property
    def _default_callbacks(self) -> list[tuple[str, Callback]]:
        # The silent printer formats its table, too: 2 % of the time of small nets.
        silent = set() if self.verbose else {"print_log"}
        return [(name, c) for name, c in super()._default_callbacks if name not in silent]

    @contextmanager
    def training_context(
        self, precision: str, generators: Sequence[torch.Generator]
    ) -> Iterator[None]:
        """Set precision and generators within this context."""
        self.cast = cast(self.module_, precision, self.device)
        self.n_weights = count_weights(self.module_)
        self.generators = generators
        if precision == "float16":
            self.scaler = torch.amp.GradScaler(torch.device(self.device).type)
        try:
            yield
        finally:
            self.cast = self.scaler = None
            self.generators = ()

    def infer(self, x: Tensor, **_: Any) -> Tensor:
        """Return the batch itself: the objective calls the module."""
        return x.to(self.device, non_blocking=True)

    def get_loss(
        self, y_pred: Tensor, y_true: Tensor | None, *_: Any, training: bool = False, **__: Any
    ) -> Tensor:
        """Return the objective of the batch returned by `infer`, with its weights."""
        module = self.cast or self.module_
        weights = () if y_true is None else (y_true.to(self.device),)
        if not training and hasattr(self.criterion_, "clean"):
            return self.criterion_.clean(module, y_pred, *weights)
        return self.criterion_(module, y_pred, *weights, generator=self.generators[-1])

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Update the weights by a batch; small ones take fewer threads."""
        with threads_for(work_of(self.n_weights, batch[0].shape)):
            return super().train_step(batch, **fit_params)

    def validation_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Return the loss of a batch; small ones take fewer threads."""
        with threads_for(work_of(self.n_weights, batch[0].shape)):
            return super().validation_step(batch, **fit_params)

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Compute gradients; those of float16 are scaled to prevent underflow."""
        if not self.module_.training:  # once per epoch, as this visits all modules
            self._set_training(True)
        x, weights = batch
        x = self.infer(own_share(x))
        loss = self.get_loss(x, None if weights is None else own_share(weights), training=True)
        if self.scaler is None:
            loss.backward()
        else:
            self.scaler.scale(loss).backward()
        loss = loss.detach()  # averaged as well, so that all processes stop at the same epoch
        average([loss, *(p.grad for p in self.module_.parameters())])
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer_)  # before callbacks clip gradients
        return {"loss": loss, "y_pred": x}

    def _step_optimizer(self, step_fn: Callable[[], Tensor]) -> None:
        if self.scaler is None:
            return super()._step_optimizer(step_fn)
        step_fn()
        self.scaler.step(self.optimizer_)  # no step if a gradient overflowed
        self.scaler.update()

    def get_split_datasets(
        self, X: tuple[Batches, Batches | None], *_: Any, **__: Any
    ) -> tuple[Batches, Batches | None]:
        """Return training and validation batches as given: `train` has split them."""
        return X

    def get_iterator(self, dataset: Batches, training: bool = False) -> Batches:
        """Return the batches themselves; the net keeps no reference to the data."""
        return dataset

    def initialize_callbacks(self) -> Net:
        """Collect the callbacks with methods for the events of steps, which few have."""
        super().initialize_callbacks()
        callbacks = [callback for _, callback in self.callbacks_]
        self.listeners = {name: [c for c in callbacks if _hears(c, name)] for name in STEP_EVENTS}
        return self

    def notify(self, method_name: str, **kwargs: Any) -> None:
        """Call all callbacks; raise TrainingEnd for a KeyboardInterrupt of a callback."""
        try:
            if method_name not in STEP_EVENTS:
                return super().notify(method_name, **kwargs)
            getattr(self, method_name)(self, **kwargs)
            for callback in self.listeners[method_name]:
                getattr(callback, method_name)(self, **kwargs)
        except KeyboardInterrupt as stop:  # how skorch callbacks end training
            raise TrainingEnd("callback") from stop


def _as_criterion(objective: Objective | None) -> Objective | None:
    """Return the objective, in place of a class that skorch instantiates."""
    return objective


def _hears(callback: Any, event: str) -> bool:
    """Return True if a callback overrides the method of an event."""
    method = getattr(callback, event)
    return getattr(method, "__func__", method) is not getattr(Callback, event)
