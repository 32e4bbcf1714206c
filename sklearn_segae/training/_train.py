"""Training of a module on samples with an objective."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from math import inf
from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import nn

from .._base import Epochs
from .._compat import out_of_memory
from ..networks._initialization import DrawingFrom
from ._batches import Batches, Samples, spread_evenly
from ._callbacks import SklearnCallbacks, StoppingCriteria, one_cycle_schedule
from ._execution import generators_of, resolve_device
from ._net import Net, Objective, TrainingEnd, _as_criterion
from ._optimizers import OPTIMIZERS, optimizer_options

N_LOOKED_AT = 1000  # samples for initialization; their principal axes take milliseconds
HELD_OUT = 0.1  # share of the samples, with early_stopping=True


def train(
    module: nn.Module,
    samples: Samples,
    objective: Objective,
    *,
    rng: np.random.Generator,
    generator: torch.Generator,
    net: Net | None = None,
    optimizer: str | Callable[..., torch.optim.Optimizer] = "adam",
    lr: float = 1e-3,
    batch_size: int = 128,
    max_epochs: int = 100,
    n_iter_no_change: float = inf,
    early_stopping: bool | float = False,
    device: str = "auto",
    callbacks: list[Any] | tuple[Any, ...] | None = None,
    verbose: int | bool = 0,
    one_cycle: bool = False,
    precision: str = "float32",
    tasks: Epochs | None = None,
    validation: Batches | None = None,
) -> Net:
    """Minimize `objective` over the samples and return the net with its `stop_reason`.

    `net` continues an earlier training. With `one_cycle` the learning rate increases to `lr` and
    decreases to 0 over the epochs (Smith and Topin 2018, arXiv:1708.07120). `tasks` are notified of
    epochs. `validation` are held-out batches, in place of those that `early_stopping` draws. The
    order of the samples is drawn from `rng`, everything else from `generator`.

    Ctrl-C ends training with the reason "interrupted", which `publish_training` raises again.
    """
    _check_callbacks(callbacks)
    training = samples
    if validation is None:
        training, held_out = _split(samples, early_stopping, rng)
        validation = Batches(held_out, batch_size) if held_out else None
    net = net or _new_net(module, training, objective, optimizer, device, generator)
    net.criterion_ = objective  # may change when training continues
    own = [StoppingCriteria(n_iter_no_change, "valid_loss" if validation else "train_loss")]
    if one_cycle:
        own.append(one_cycle_schedule(max_epochs * -(-len(training) // batch_size)))
    # First, since callbacks after one that ends training are not called.
    own = [SklearnCallbacks(tasks), *own] if tasks else own
    all_callbacks = [*own, *copy.deepcopy(list(callbacks or []))]
    net.set_params(callbacks=all_callbacks, lr=lr, max_epochs=max_epochs, verbose=int(verbose))
    for group in net.optimizer_.param_groups:
        group["initial_lr"] = lr  # schedules of an earlier training have set theirs
    net.initialize_callbacks()
    with net.training_context(precision, generators_of(generator, net.device)):
        _run(net, Batches(training, batch_size, rng), validation)
    return net


def _new_net(
    module: Any,
    training: Samples,
    objective: Objective,
    optimizer: str | Callable[..., torch.optim.Optimizer],
    device: str,
    generator: torch.Generator,
) -> Net:
    """Return a net of the module, which may be initialized from some samples."""
    device = resolve_device(device)
    if hasattr(module, "initialize_from"):
        index = spread_evenly(len(training), N_LOOKED_AT)
        takes_weights = getattr(module, "weighted_initialization", False)
        weights = training.weights if takes_weights else None
        with DrawingFrom(generator):
            module.initialize_from(
                training.take(index), *([] if weights is None else [weights[index]])
            )
    net = Net(
        module.to(device),
        criterion=partial(_as_criterion, objective),
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


def _check_callbacks(callbacks: Any) -> None:
    """Raise an error if one of the callbacks is not a skorch callback."""
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
    n_resumed = len(net.history) - n_before  # epochs restored from a checkpoint
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


def _split(
    samples: Samples, early_stopping: bool | float, rng: np.random.Generator
) -> tuple[Samples, Samples | None]:
    """Return the training samples and the held-out samples, if any."""
    if not early_stopping:
        return samples, None
    n, fraction = len(samples), HELD_OUT if early_stopping is True else early_stopping
    if n < 2:
        raise ValueError(
            f"n_samples={n} is too few for early_stopping={early_stopping}, which holds some "
            "of them out. Pass at least 2 samples, or early_stopping=False."
        )
    order = rng.permutation(n)
    n_held_out = min(max(1, round(fraction * n)), n - 1)
    return samples.subset(order[n_held_out:]), samples.subset(order[:n_held_out])
