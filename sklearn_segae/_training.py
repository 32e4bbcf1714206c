"""The training loop: the only file that knows skorch."""

from __future__ import annotations

import copy
import copyreg
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import cos, pi
from numbers import Integral, Real
from typing import Any, Protocol

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from skorch import NeuralNet
from skorch.callbacks import Callback, LRScheduler
from torch import Tensor, nn

from ._batches import Batches, Samples, spread_evenly
from ._callbacks import Epochs
from ._execution import cast, compiled
from ._memory import out_of_memory
from ._modules import build, describe, weights_of
from ._optimizers import OPTIMIZERS, find_optimizer, name_optimizer, optimizer_options
from .distributed import average, common_seed, own_share

# Measured: with them, telling nobody would take 2 % of the time of an epoch on small nets.
STEP_EVENTS = ("on_batch_begin", "on_grad_computed", "on_batch_end")

# Samples that a module sees before training. Their principal axes take milliseconds.
N_LOOKED_AT = 1000

# Parameters that mean the same in every estimator that trains a net.
TRAINING_CONSTRAINTS: dict[str, list[Any]] = {
    "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
    "lr": [Interval(Real, 0, None, closed="neither")],
    "batch_size": [Interval(Integral, 1, None, closed="left")],
    "max_epochs": [Interval(Integral, 0, None, closed="left")],
    "loss_threshold": [Real, None],
    "tol": [Interval(Real, 0, None, closed="left")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "warm_start": ["boolean"],
    "device": [str],
    "callbacks": [list, tuple, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


class Objective(Protocol):
    """A loss as a function of the module and a batch of inputs.

    Where samples have weights, those of the batch (N,) are a third argument. An objective with a
    method `clean` is validated by that one.
    """

    def __call__(self, module: Any, x: Tensor) -> Tensor:
        """Return the mean loss of a batch, a scalar."""


class TrainingEnd(Exception):
    """Raised by a callback to end training; carries the reason."""


class Net(NeuralNet):
    """skorch's loop; the criterion is an `Objective`, which calls the module as it needs."""

    cast: Any = None  # what the objective calls in place of the module, for 16 bits alone
    compiled: Callable[..., Tensor] | None = None  # the objective, compiled
    scaler: torch.amp.GradScaler | None = None  # for float16 alone

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Pickles and copies hold everything, skorch's way, optimizer's momenta and callbacks too.
        return copyreg.__newobj__, (type(self),), super().__getstate__()  # type: ignore[attr-defined]

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
        if "architecture" not in state:
            return super().__setstate__(state)
        module = build(state["architecture"], state["weights"])
        optimizer = optimizer_options(find_optimizer(state["optimizer"]), "cpu")
        # Whoever trains on gives the objective.
        NeuralNet.__init__(self, module, criterion=partial(_given, None), **optimizer, verbose=0)
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
    def run_as(self, precision: str, compile: bool | str) -> Iterator[None]:
        """Train in a number format, compiled or not; nothing of it stays, so the net pickles."""
        self.cast = cast(self.module_, precision, self.device)
        self.compiled = compiled(self.criterion_, compile)
        if precision == "float16":
            self.scaler = torch.amp.GradScaler(torch.device(self.device).type)
        try:
            yield
        finally:
            self.cast = self.compiled = self.scaler = None

    def infer(self, x: Tensor, **_: Any) -> Tensor:
        """Hand the batch on: the objective alone knows what to compute from it."""
        return x.to(self.device, non_blocking=True)

    def get_loss(
        self, y_pred: Tensor, y_true: Tensor | None, *_: Any, training: bool = False, **__: Any
    ) -> Tensor:
        """Return the objective of the batch that `infer` handed on, with its weights."""
        module, objective = self.cast or self.module_, self.compiled or self.criterion_
        if not training:  # without noise and penalties, so that variants compare
            objective = getattr(self.criterion_, "clean", self.criterion_)
        weights = () if y_true is None else (y_true.to(self.device),)
        return objective(module, y_pred, *weights)

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


class StopRules(Callback):
    """End training at a loss, or when the loss has stopped to improve; refuse a diverged one."""

    def __init__(
        self,
        loss_threshold: float | None,
        tol: float,
        n_iter_no_change: int,
        monitor: str,
    ) -> None:
        self.loss_threshold = loss_threshold
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.monitor = monitor

    def on_train_begin(self, net: Net, **_: Any) -> None:
        """Forget the last training."""
        self.best_loss_, self.n_waited_ = np.inf, 0
        self.best_weights_: dict[str, Tensor] | None = None

    def on_epoch_end(self, net: Net, **_: Any) -> None:
        """Look at the losses of the epoch that just ended."""
        epoch = net.history[-1]
        _refuse_divergence(net, epoch)
        self._watch(net, epoch[self.monitor])
        if self.loss_threshold is not None and epoch["train_loss"] <= self.loss_threshold:
            raise TrainingEnd("loss_threshold")
        if self.n_waited_ >= self.n_iter_no_change:
            raise TrainingEnd("no_improvement")

    def on_train_end(self, net: Net, **_: Any) -> None:
        """Go back to the weights with the best validation loss; refuse broken ones."""
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
        # A share of the best loss: those of pixels in [0, 1] are thousandths, others are negative.
        if np.isinf(self.best_loss_):  # whose share no first epoch could beat
            return True
        return loss < self.best_loss_ - self.tol * abs(self.best_loss_)


class OnEpoch(Callback):
    """Call `function(epoch, max_epochs, loss)` after every epoch: what a progress bar needs."""

    def __init__(self, function: Callable[[int, int, float], None]) -> None:
        self.function = function

    def on_epoch_end(self, net: Net, **_: Any) -> None:
        """Report the epoch, counted from 1, and its training loss."""
        self.function(len(net.history), net.max_epochs, net.history[-1, "train_loss"])


class TellEpochs(Callback):
    """Tell of every epoch; end training if the answer is yes.

    Whoever is told may know the data, which the net must not hold: they are forgotten in copies,
    and when training has ended.
    """

    def __init__(self, tasks: Epochs) -> None:
        self.tasks = tasks

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def on_train_end(self, net: Net, **_: Any) -> None:
        """Forget whom to tell."""
        del self.tasks

    def on_epoch_begin(self, net: Net, **_: Any) -> None:
        """Tell of the beginning."""
        self.tasks.begin()

    def on_epoch_end(self, net: Net, **_: Any) -> None:
        """Tell of the end, and listen."""
        if self.tasks.end(net):
            raise TrainingEnd("callback")


def training_parameters(estimator: Any) -> dict[str, Any]:
    """Read those of the parameters that training estimators share which this one has."""
    names = set(TRAINING_CONSTRAINTS) - {"random_state", "warm_start"}
    return {name: getattr(estimator, name) for name in names if hasattr(estimator, name)}


def train(
    module: nn.Module,
    samples: Samples,
    objective: Objective,
    *,
    rng: np.random.Generator,
    net: Net | None = None,
    optimizer: str | Callable[..., torch.optim.Optimizer] = "adam",
    lr: float = 1e-3,
    batch_size: int = 128,
    max_epochs: int = 100,
    loss_threshold: float | None = None,
    tol: float = 1e-4,
    n_iter_no_change: int = 10,
    early_stopping: bool = False,
    validation_fraction: float = 0.1,
    device: str = "auto",
    callbacks: list[Any] | tuple[Any, ...] | None = None,
    verbose: int | bool = 0,
    one_cycle: bool = False,
    precision: str = "float32",
    compile: bool | str = False,
    tasks: Epochs | None = None,
) -> Net:
    """Minimise `objective` over the samples and return the net, its `stop_reason` set.

    `net` continues an earlier training. With `one_cycle` the learning rate rises to `lr` and falls
    to nothing over the epochs (Smith and Topin 2018, arXiv:1708.07120). `precision` and `compile`
    say how the module is run; `tasks` is told of epochs.

    Call inside `seeded`: whatever randomness the module and the objective use is torch's global
    generator, which that restores. A Ctrl-C ends training with the reason "interrupted"; the
    caller publishes the net, then calls `reraise_interrupt`.
    """
    _refuse_strangers(callbacks)
    training, validation = _split(samples, validation_fraction if early_stopping else 0, rng)
    monitor = "valid_loss" if early_stopping else "train_loss"
    rules = StopRules(loss_threshold, tol, n_iter_no_change, monitor)
    n_steps = max_epochs * -(-len(training) // batch_size)
    own = [rules, _one_cycle(n_steps)] if one_cycle else [rules]
    # Before the rules: once they end training, nobody after them hears of the epoch.
    own = [TellEpochs(tasks), *own] if tasks else own
    net = net or _new_net(module, training, objective, optimizer, resolve_device(device))
    net.criterion_ = objective  # a continued training may have another one
    net.set_params(
        callbacks=[*own, *copy.deepcopy(list(callbacks or []))],
        lr=lr,
        max_epochs=max_epochs,
        verbose=int(verbose),
    )
    net.initialize_callbacks()
    batches = Batches(training, batch_size, rng)
    with net.run_as(precision, compile):
        _run(net, batches, Batches(validation, batch_size) if validation else None)
    return net


def _new_net(
    module: Any,
    training: Samples,
    objective: Objective,
    optimizer: str | Callable[..., torch.optim.Optimizer],
    device: str,
) -> Net:
    """Make a net of the module, which may look at some samples before training."""
    if hasattr(module, "start_from"):
        module.start_from(training.take(spread_evenly(len(training), N_LOOKED_AT)))
    net = Net(
        module.to(device),
        criterion=partial(_given, objective),
        **optimizer_options(optimizer, device),
        device=device,
    )
    try:
        return net.initialize()
    except TypeError as error:
        raise TypeError(
            f"optimizer={optimizer!r:.80} cannot be called as one of torch's ({error}). Pass one "
            f"of {sorted(OPTIMIZERS)}, or a class such as torch.optim.NAdam."
        ) from error


def _refuse_strangers(callbacks: Any) -> None:
    """Raise an error if one of the callbacks is none of skorch's."""
    for i, callback in enumerate(callbacks or []):
        given = callback[1] if isinstance(callback, tuple) else callback  # (name, callback)
        kind = given if isinstance(given, type) else type(given)
        if not issubclass(kind, Callback):
            raise TypeError(
                f"callbacks[{i}]={given!r:.80} is no skorch.callbacks.Callback. Pass one of those; "
                "callbacks of scikit-learn's go to set_callbacks."
            )


def _run(net: Net, training: Batches, validation: Batches | None) -> None:
    net.stop_reason = "max_epochs"
    n_before = len(net.history)
    net.notify("on_train_begin", X=(training, validation), y=None)
    n_resumed = len(net.history) - n_before  # epochs that a checkpoint brought
    try:
        net.fit_loop((training, validation), epochs=net.max_epochs - n_resumed)
    except TrainingEnd as end:
        net.stop_reason = str(end)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise MemoryError(
            f"Training ran out of memory with batches of {training.batch_size}. Lower batch_size, "
            "or the sizes of the net."
        ) from error
    except KeyboardInterrupt:
        net.stop_reason = "interrupted"
    net.notify("on_train_end", X=None, y=None)
    net.module_.eval()


def reraise_interrupt(net: Net) -> None:
    """Raise the Ctrl-C that ended training, once the estimator is usable."""
    if net.stop_reason == "interrupted":
        raise KeyboardInterrupt("training was interrupted; the estimator keeps what it had learnt")


def loss_curve(net: Net, name: str = "train_loss") -> list[float]:
    """Return the losses of all epochs so far."""
    return [float(epoch[name]) for epoch in net.history if name in epoch]


@contextmanager
def seeded(random_state: Any) -> Iterator[np.random.Generator]:
    """Yield a generator, and torch's global one seeded likewise; put that back afterwards."""
    seed = draw_seed(random_state)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield np.random.default_rng(seed)


def draw_seed(random_state: Any) -> int:
    """Return a seed; None draws fresh entropy and leaves numpy's global generator as it was."""
    if random_state is None:
        return common_seed(int(np.random.SeedSequence().generate_state(1)[0] // 2))
    return common_seed(int(check_random_state(random_state).randint(2**31 - 1)))


def resolve_device(device: str) -> str:
    """Turn "auto" into the fastest device there is: CUDA, then MPS, then the CPU."""
    if device != "auto":
        _refuse_missing(device)
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _refuse_missing(device: str) -> None:
    """Raise an error if torch cannot compute on a device, for whatever reason it gives."""
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].split(". ")[0].rstrip(".")
        raise ValueError(
            f"device={device!r} cannot be used: {reason}. Pass 'auto', 'cpu', "
            "or a torch device that this machine has, such as 'cuda:0'."
        ) from error


def _one_cycle(n_steps: int) -> LRScheduler:
    factor = partial(_one_cycle_factor, n_steps)
    return LRScheduler(torch.optim.lr_scheduler.LambdaLR, lr_lambda=factor, step_every="batch")


def _one_cycle_factor(n_steps: int, step: int) -> float:
    """Share of the learning rate: up in the first fifth of the steps, then down along a cosine."""
    rise = max(1, n_steps // 5)
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 + 0.5 * cos(pi * min(1, (step - rise) / max(1, n_steps - rise)))


def _hears(callback: Any, event: str) -> bool:
    """Whether a callback does anything at an event, that is, has a method of its own for it."""
    method = getattr(callback, event)
    return getattr(method, "__func__", method) is not getattr(Callback, event)


def _given(objective: Objective | None) -> Objective | None:
    """Stand in for the class that skorch would instantiate."""
    return objective


def _split(
    samples: Samples, fraction: float, rng: np.random.Generator
) -> tuple[Samples, Samples | None]:
    if not fraction:
        return samples, None
    n = len(samples)
    if n < 2:
        raise ValueError(
            f"n_samples={n} is too few for early_stopping=True, which sets some samples aside for "
            "validation. Pass at least 2 samples, or early_stopping=False."
        )
    order = rng.permutation(n)
    n_held_out = min(max(1, round(fraction * n)), n - 1)
    return samples.subset(order[n_held_out:]), samples.subset(order[:n_held_out])


def _refuse_divergence(net: Net, epoch: dict[str, Any]) -> None:
    if not np.isfinite(epoch["train_loss"]):
        raise _diverged(net, f"the loss of epoch {epoch['epoch']} is {epoch['train_loss']}")


def _diverged(net: Net, how: str) -> FloatingPointError:
    return FloatingPointError(
        f"Training diverged with lr={net.lr:g}: {how}. Lower lr, scale the data if they are huge, "
        "or pass callbacks=[skorch.callbacks.GradientNormClipping(1.0)]."
    )
