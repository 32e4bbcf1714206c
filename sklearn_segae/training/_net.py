"""skorch's net, whose loss is a function of the module and a batch of inputs."""

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

# Measured: with them, telling nobody would take 2 % of the time of an epoch on small nets.
STEP_EVENTS = ("on_batch_begin", "on_grad_computed", "on_batch_end")


class Objective(Protocol):
    """A loss as a function of the module and a batch of inputs.

    Where samples have weights, those of the batch (N,) are a third argument. What it draws, it
    draws from `generator`, which is of the device of the batch. An objective with a method `clean`
    is validated by that one.
    """

    def __call__(self, module: Any, x: Tensor, *, generator: torch.Generator | None) -> Tensor:
        """Return the mean loss of a batch, a scalar."""


class TrainingEnd(Exception):
    """Raised by a callback to end training; carries the reason."""


class PickledState(dict):
    """The state of a net in a pickle. Files of plain data cannot hold one: skorch unpickles it."""


class Net(NeuralNet):
    """skorch's loop; the criterion is an `Objective`, which calls the module as it needs."""

    cast: Any = None  # what the objective calls in place of the module, for 16 bits alone
    generators: Sequence[torch.Generator] = ()  # of training, that of the device last
    scaler: torch.amp.GradScaler | None = None  # for float16 alone

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Pickles and copies hold everything, skorch's way, optimizer's momenta and callbacks too.
        state: Any = super().__getstate__()
        return copyreg.__newobj__, (type(self),), PickledState(state)  # type: ignore[attr-defined]

    def __getstate__(self) -> dict[str, Any]:
        """Return what is needed to use it and to train on, as plain data: skops asks for this."""
        names = ("epoch", "train_loss", "valid_loss")
        return {
            "architecture": describe(self.module_),
            "weights": weights_of(self.module_),
            "optimizer": name_optimizer(self.optimizer),
            "epochs": [{n: float(e[n]) for n in names if n in e} for e in self.history],
            "stop_reason": self.stop_reason,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take either state: a pickle's, or plain data, perhaps from a stranger."""
        if isinstance(state, PickledState):
            return super().__setstate__(state)
        module = build(state["architecture"], state["weights"])
        optimizer = optimizer_options(find_optimizer(state["optimizer"]), "cpu")
        # Whoever trains on gives the objective.
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
        # The printer lays out its table every epoch, shown or not: 2 % of the time of small nets.
        silent = set() if self.verbose else {"print_log"}
        return [(name, c) for name, c in super()._default_callbacks if name not in silent]

    @contextmanager
    def training_context(
        self, precision: str, generators: Sequence[torch.Generator]
    ) -> Iterator[None]:
        """Train in a number format, drawing from generators; nothing of it stays in the net."""
        self.cast = cast(self.module_, precision, self.device)
        self.generators = generators
        if precision == "float16":
            self.scaler = torch.amp.GradScaler(torch.device(self.device).type)
        try:
            yield
        finally:
            self.cast = self.scaler = None
            self.generators = ()

    def infer(self, x: Tensor, **_: Any) -> Tensor:
        """Hand the batch on: the objective alone knows what to compute from it."""
        return x.to(self.device, non_blocking=True)

    def get_loss(
        self, y_pred: Tensor, y_true: Tensor | None, *_: Any, training: bool = False, **__: Any
    ) -> Tensor:
        """Return the objective of the batch that `infer` handed on, with its weights."""
        module = self.cast or self.module_
        weights = () if y_true is None else (y_true.to(self.device),)
        if not training and hasattr(self.criterion_, "clean"):
            return self.criterion_.clean(module, y_pred, *weights)
        return self.criterion_(module, y_pred, *weights, generator=self.generators[-1])

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Compute gradients; those of 16 bits are scaled up on the way, lest they vanish."""
        if not self.module_.training:  # once an epoch: it walks through all modules
            self._set_training(True)
        x, weights = batch
        x = self.infer(own_share(x))
        loss = self.get_loss(x, None if weights is None else own_share(weights), training=True)
        if self.scaler is None:
            loss.backward()
        else:
            self.scaler.scale(loss).backward()
        loss = loss.detach()  # that of all processes, too: they agree on when to stop
        average([loss, *(p.grad for p in self.module_.parameters())])
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer_)  # callbacks clip true gradients
        return {"loss": loss, "y_pred": x}

    def _step_optimizer(self, step_fn: Callable[[], Tensor]) -> None:
        if self.scaler is None:
            return super()._step_optimizer(step_fn)
        step_fn()
        self.scaler.step(self.optimizer_)  # not at all if a gradient overflowed
        self.scaler.update()

    def get_split_datasets(
        self, X: tuple[Batches, Batches | None], *_: Any, **__: Any
    ) -> tuple[Batches, Batches | None]:
        """Take training and validation batches as they are: `train` has split them."""
        return X

    def get_iterator(self, dataset: Batches, training: bool = False) -> Batches:
        """Iterate over the batches themselves: the net outlives the data and must not hold it."""
        return dataset

    def initialize_callbacks(self) -> Net:
        """Note who listens to what happens in a step: most callbacks do not."""
        super().initialize_callbacks()
        callbacks = [callback for _, callback in self.callbacks_]
        self.listeners = {name: [c for c in callbacks if _hears(c, name)] for name in STEP_EVENTS}
        return self

    def notify(self, method_name: str, **kwargs: Any) -> None:
        """Call every callback; one that ends training must not look like Ctrl-C."""
        try:
            if method_name not in STEP_EVENTS:
                return super().notify(method_name, **kwargs)
            getattr(self, method_name)(self, **kwargs)
            for callback in self.listeners[method_name]:
                getattr(callback, method_name)(self, **kwargs)
        except KeyboardInterrupt as stop:  # how skorch's own callbacks end training
            raise TrainingEnd("callback") from stop


def _as_criterion(objective: Objective | None) -> Objective | None:
    """Stand in for the class that skorch would instantiate."""
    return objective


def _hears(callback: Any, event: str) -> bool:
    """Whether a callback does anything at an event, that is, has a method of its own for it."""
    method = getattr(callback, event)
    return getattr(method, "__func__", method) is not getattr(Callback, event)
