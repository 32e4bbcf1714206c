"""Checkpoints: a long fit that was killed goes on where it was."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from math import isfinite
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ._compat import require
from .persistence._archive import dump_json, load_json, read_archive, write_archive
from .storage._files import to_path
from .training._net import Callback, Net

DEPTH = 4  # how far descriptions follow objects into objects


def pack(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Return JSON for dicts, lists, numbers, texts and tensors, whose numbers go to `arrays`."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else {"float": repr(value)}
    if isinstance(value, torch.Tensor):
        name = f"a{len(arrays)}"
        arrays[name] = value.detach().cpu().contiguous().numpy()
        return {"tensor": name}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [pack(item, arrays) for item in value]}
    if isinstance(value, Mapping):
        return {"dict": [[pack(k, arrays), pack(v, arrays)] for k, v in value.items()]}
    raise TypeError(f"{type(value).__name__} is no plain data")


def unpack(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return what was packed."""
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "float":
        return float(content)
    if kind == "tensor":
        return torch.from_numpy(arrays[content].copy())
    if kind == "dict":
        return {unpack(k, arrays): unpack(v, arrays) for k, v in content}
    items = [unpack(item, arrays) for item in content]
    return tuple(items) if kind == "tuple" else items


def described(value: Any, depth: int = DEPTH) -> Any:
    """Return what tells equal settings from others, as JSON: names, numbers, nested attributes."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value if not isinstance(value, float) else repr(value)
    if isinstance(value, partial):
        return described([value.func, value.args, value.keywords], depth)
    if callable(value) and hasattr(value, "__qualname__"):
        return value.__qualname__
    if isinstance(value, list | tuple):
        return [described(item, depth - 1) for item in value]
    if isinstance(value, Mapping):
        return {str(k): described(v, depth - 1) for k, v in value.items()}
    name = type(value).__name__
    if depth <= 0 or isinstance(value, torch.Tensor | np.ndarray) or not hasattr(value, "__dict__"):
        return name
    return [name, described(vars(value), depth - 1)]


__all__ = ["TrainingCheckpoint"]

STATE, ARRAYS = "state.json", "arrays.safetensors"
TELL_TIME = ("epoch_timer", "print_log")  # callbacks of skorch's whose state changes no weight


class TrainingCheckpoint(Callback):
    """Write down a training after its epochs, and go on from there in the next `fit`.

    For `callbacks=` of an :class:`~sklearn_segae.AutoencoderTransformer`, a
    :class:`~sklearn_segae.PixelEncoder` or a :class:`~sklearn_segae.PixelHead`, as the last of
    them. If the file is there, `fit` begins with what it holds: weights, optimizer, schedule,
    losses, and the states of both random generators, so that on the same machine it ends with the
    same bits as if it had never been killed. A fit that is complete is not repeated. The file is
    plain data, checksummed; it is replaced as a whole, and stays until you delete it.

    Parameters
    ----------
    path : path-like
        Of the file. One for each fit: a search would mix up its candidates.
    every : int, default=1
        Write after so many epochs, >= 1.

    Raises
    ------
    ValueError
        By `fit`, if the file is damaged or of another fit (other data, parameters, or a
        `random_state` of None), or if a callback has a state that is no plain data.
    FileNotFoundError
        By `fit`, if there is no folder for the file.
    ImportError
        By `fit`, without `safetensors`.

    Notes
    -----
    Whether the fit is the same is told by the weights and random states it starts from, which
    come of data and seed, and by its settings. Of callbacks, attributes that end in "_" are
    stored.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_segae import AutoencoderTransformer
    >>> from sklearn_segae.checkpoint import TrainingCheckpoint
    >>> X, _ = load_digits(return_X_y=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     keep = TrainingCheckpoint(f"{folder}/run.ckpt", every=2)
    ...     autoencoder = AutoencoderTransformer(
    ...         2, max_epochs=4, callbacks=[keep], random_state=0
    ...     )
    ...     curve = autoencoder.fit(X).loss_curve_
    ...     autoencoder.fit(X).loss_curve_ == curve  # read, not learnt again
    True
    """

    def __init__(self, path: str | os.PathLike[str], *, every: int = 1) -> None:
        self.path = path
        self.every = every

    def on_train_begin(self, net: Net, X: Any = None, **_: Any) -> None:
        """Note what is about to be trained; take up what the file holds, if there is one."""
        self.safetensors = require("safetensors.numpy", "persistence")
        file = self._check(net)
        training, _validation = X
        self.rng = training.rng
        self.settings = _settings(net, training)
        self.start = _digest({"weights": net.module_.state_dict(), **self._random(net)})
        if file.exists():
            self._resume(net, file)

    def on_epoch_end(self, net: Net, **_: Any) -> None:
        """Write, if it is time."""
        if len(net.history) % self.every == 0:
            self._write(net)

    def on_train_end(self, net: Net, **_: Any) -> None:
        """Forget the generator and the module, which a fitted net need not hold."""
        del self.rng, self.safetensors

    def _check(self, net: Net) -> Path:
        file = to_path(self.path)
        if not isinstance(self.every, Integral) or self.every < 1:
            raise ValueError(
                f"every={self.every!r} is no number of epochs. Pass a whole one, 1 or more."
            )
        if not file.parent.is_dir():
            raise FileNotFoundError(f"{file}: there is no folder {file.parent}. Make it first.")
        others = [name for name, _ in net.callbacks_ if name not in TELL_TIME]
        mine = next(name for name, callback in net.callbacks_ if callback is self)
        if others[-1] != mine:
            raise ValueError(
                f"callbacks end with {others[-1]}, but those after "
                f"TrainingCheckpoint({str(file)!r}) would "
                "not be resumed. Pass it as the last one."
            )
        return file

    def _write(self, net: Net) -> None:
        arrays: dict[str, np.ndarray] = {}
        state = {"start": self.start, "settings": self.settings, "state": self._state(net)}
        content = dump_json(pack(state, arrays))
        write_archive(to_path(self.path), {STATE: content, ARRAYS: self.safetensors.save(arrays)})

    def _resume(self, net: Net, file: Path) -> None:
        members = read_archive(file)
        if set(members) != {STATE, ARRAYS}:
            raise ValueError(f"{file} is no checkpoint. Pass another path, or delete it.")
        arrays = self.safetensors.load(members[ARRAYS])
        stored = unpack(load_json(members[STATE], STATE), arrays)
        self._check_same_fit(file, stored)
        self._restore(net, stored["state"])

    def _check_same_fit(self, file: Path, stored: dict[str, Any]) -> None:
        old, new = stored["settings"], self.settings
        differing = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        if differing:
            name = differing[0]
            why = f"{name} was {old.get(name)!r:.60} and is {new.get(name)!r:.60}"
        elif stored["start"] != self.start:
            why = "it started from other weights: other data, architecture or random_state"
        else:
            return
        raise ValueError(
            f"{file} is of another fit: {why}. Fit with the same data, parameters and an int as "
            "random_state, pass another path, or delete the file."
        )

    def _state(self, net: Net) -> dict[str, Any]:
        return {
            "weights": net.module_.state_dict(),
            "optimizer": net.optimizer_.state_dict(),
            "scaler": net.scaler.state_dict() if net.scaler else None,
            "epochs": [{k: v for k, v in e.items() if k != "batches"} for e in net.history],
            "callbacks": {name: _state_of(name, callback) for name, callback in self._others(net)},
            **self._random(net),
        }

    def _restore(self, net: Net, state: dict[str, Any]) -> None:
        net.module_.load_state_dict(state["weights"])
        _load_optimizer(net.optimizer_, state["optimizer"])
        if net.scaler:
            net.scaler.load_state_dict(state["scaler"])
        net.history.clear()
        for epoch in state["epochs"]:
            net.history.new_epoch()
            for name, value in epoch.items():
                net.history.record(name, value)
        for name, callback in self._others(net):
            _restore_to(callback, state["callbacks"][name])
        self.rng.bit_generator.state = state["numpy"]
        torch.set_rng_state(state["torch"])
        if state["cuda"] is not None:
            torch.cuda.set_rng_state(state["cuda"], net.device)

    def _random(self, net: Net) -> dict[str, Any]:
        on_cuda = torch.device(net.device).type == "cuda"
        return {
            "numpy": self.rng.bit_generator.state,
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state(net.device) if on_cuda else None,
        }

    def _others(self, net: Net) -> list[tuple[str, Any]]:
        return [(n, c) for n, c in net.callbacks_ if c is not self and n not in TELL_TIME]


def _settings(net: Net, training: Any) -> dict[str, Any]:
    """Return what decides on a training, beside its start."""
    callbacks = [c for n, c in net.callbacks_ if not isinstance(c, TrainingCheckpoint)]
    parameters = [
        [type(c).__name__, {k: v for k, v in vars(c).items() if not k.endswith("_")}]
        for c in callbacks
    ]
    settings = {
        "lr": net.lr,
        "max_epochs": net.max_epochs,
        "batch_size": training.batch_size,
        "number of samples": len(training.samples),
        "optimizer": net.optimizer,
        "objective": net.criterion_,
        "precision": None if net.cast is None else str(net.cast.dtype),
        "callbacks": parameters,
    }
    return {name: dump_json(described(value)).decode() for name, value in settings.items()}


def _state_of(name: str, callback: Any) -> dict[str, Any]:
    """Return what a callback has learnt: attributes that end in "_"."""
    state = {}
    for key, value in vars(callback).items():
        has_state = hasattr(value, "state_dict") and not isinstance(value, type)
        if not key.endswith("_") or (callable(value) and not has_state):
            continue
        state[key] = value.state_dict() if has_state else value
        try:
            pack(state[key], {})
        except TypeError as error:
            raise ValueError(
                f"callback {name} has a state that a checkpoint cannot hold ({key}: {error}). "
                "Leave it out, or leave TrainingCheckpoint out."
            ) from error
    return state


def _restore_to(callback: Any, state: dict[str, Any]) -> None:
    for key, value in state.items():
        known: Any = getattr(callback, key, None)
        if hasattr(known, "load_state_dict"):
            known.load_state_dict(value)
        else:
            setattr(callback, key, value)


def _load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    optimizer.load_state_dict(state)
    for parameter, own in optimizer.state.items():
        for key, value in own.items():
            # Laid out as the weights are, channels last perhaps: fused steps walk through memory.
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                own[key] = torch.empty_like(parameter, requires_grad=False).copy_(value)


def _digest(state: Mapping[str, Any]) -> str:
    arrays: dict[str, np.ndarray] = {}
    total = sha256(dump_json(pack(state, arrays)))
    for array in arrays.values():
        total.update(array.tobytes())
    return total.hexdigest()
