"""Checkpoints, to resume an interrupted fit."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from io import BytesIO
from numbers import Integral
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import joblib
import numpy as np
import torch

from .storage._files import first_line, to_path, written_whole
from .training._net import Callback, Net

__all__ = ["TrainingCheckpoint"]


def __dir__() -> list[str]:
    return __all__


DEPTH = 4  # maximum depth of nested objects in descriptions
PARTS = {"start", "settings", "state"}  # of a file
STATELESS = ("epoch_timer", "print_log")  # skorch callbacks without effect on weights


class TrainingCheckpoint(Callback):
    """Save the state of training after epochs, and resume from it in the next `fit`.

    Pass it as the last of the `callbacks` of an :class:`~sklearn_segae.AutoencoderTransformer` or a
    :class:`~sklearn_segae.PixelEncoder`. If the file exists, `fit` restores weights, optimizer,
    schedule, losses and random states from it. On the same machine the result is bitwise equal to
    that of an uninterrupted fit. A complete fit is not repeated. The file contains data, no code;
    it is replaced atomically and never deleted.

    Parameters
    ----------
    path : path-like
        Path of the file. Candidates of a search must not share one.
    every : int, default=1
        Number of epochs between checkpoints, >= 1.

    Raises
    ------
    ValueError
        In `fit`, if the file is damaged or of another fit (other data, parameters, or a
        `random_state` of None), or if the state of a callback is not plain data.
    FileNotFoundError
        In `fit`, if the folder of the file does not exist.

    Notes
    -----
    Two fits are the same if settings, initial weights and initial random states are equal. Of other
    callbacks, attributes that end in "_" are stored.

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
    ...     autoencoder.fit(X).loss_curve_ == curve  # read from the file, not trained again
    True
    """

    def __init__(self, path: str | os.PathLike[str], *, every: int = 1) -> None:
        self.path = path
        self.every = every

    def on_train_begin(self, net: Net, X: Any = None, **_: Any) -> None:
        """Record the settings and the start of training; resume from the file, if it exists."""
        file = self._check(net)
        training, _validation = X
        self.rng = training.rng
        self.settings = _settings(net, training)
        self.start = _digest({**net.module_.state_dict(), **_random_state(net, self.rng)})
        if file.exists():
            self._resume(net, file)

    def on_epoch_end(self, net: Net, **_: Any) -> None:
        """Write the file after `every` epochs."""
        if len(net.history) % self.every == 0:
            self._write(net)

    def on_train_end(self, net: Net, **_: Any) -> None:
        """Delete the generator, which a fitted net does not need."""
        del self.rng

    def _check(self, net: Net) -> Path:
        file = to_path(self.path)
        if not isinstance(self.every, Integral) or self.every < 1:
            raise ValueError(
                f"every={self.every!r} is no number of epochs. Pass a whole one, 1 or more."
            )
        if not file.parent.is_dir():
            raise FileNotFoundError(f"{file}: there is no folder {file.parent}. Make it first.")
        others = [name for name, _ in net.callbacks_ if name not in STATELESS]
        mine = next(name for name, callback in net.callbacks_ if callback is self)
        if others[-1] != mine:
            raise ValueError(
                f"callbacks end with {others[-1]}, but those after "
                f"TrainingCheckpoint({str(file)!r}) would "
                "not be resumed. Pass it as the last one."
            )
        return file

    def _write(self, net: Net) -> None:
        content = BytesIO()  # first, so that a full disk is an OSError
        parts = {"start": self.start, "settings": self.settings, "state": self._state(net)}
        torch.save(_plain(parts), content)
        with written_whole(to_path(self.path)) as unfinished:
            unfinished.write_bytes(content.getbuffer())

    def _resume(self, net: Net, file: Path) -> None:
        stored = _read(file)
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
            "random": _random_state(net, self.rng),
        }

    def _restore(self, net: Net, state: dict[str, Any]) -> None:
        net.module_.load_state_dict(state["weights"])
        net.optimizer_.load_state_dict(state["optimizer"])
        if net.scaler:
            net.scaler.load_state_dict(state["scaler"])
        net.history.clear()
        for epoch in state["epochs"]:
            net.history.new_epoch()
            for name, value in epoch.items():
                net.history.record(name, value)
        for name, callback in self._others(net):
            _restore_to(callback, state["callbacks"][name])
        _restore_random_state(net, self.rng, state["random"])

    def _others(self, net: Net) -> list[tuple[str, Any]]:
        return [(n, c) for n, c in net.callbacks_ if c is not self and n not in STATELESS]


def _random_state(net: Net, rng: np.random.Generator) -> dict[str, Any]:
    """Return the states of the generators of training."""
    states = {f"torch {i}": own.get_state() for i, own in enumerate(net.generators)}
    return {"numpy": rng.bit_generator.state, **states}


def _restore_random_state(net: Net, rng: np.random.Generator, state: dict[str, Any]) -> None:
    rng.bit_generator.state = state["numpy"]
    for i, generator in enumerate(net.generators):
        generator.set_state(state[f"torch {i}"])


def _digest(state: Mapping[str, Any]) -> str:
    """Return a hash of tensors and plain data."""
    arrays = {k: v.cpu().numpy() if torch.is_tensor(v) else v for k, v in state.items()}
    return joblib.hash(arrays)


def _read(file: Path) -> dict[str, Any]:
    """Return the parts of a checkpoint, on the CPU; raise an error for other files."""
    content = BytesIO(file.read_bytes())
    try:
        with ZipFile(content) as archive:
            damaged = archive.testzip()  # torch.load does not compare the checksums
        if damaged is not None:
            raise ValueError(f"the checksum of {damaged} differs")
        content.seek(0)
        stored = torch.load(content, map_location="cpu", weights_only=True)
        if not isinstance(stored, dict) or set(stored) != PARTS:
            raise ValueError("it holds something else")
    except Exception as error:  # zipfile and torch raise errors of many kinds
        raise ValueError(
            f"{file} is no checkpoint, or a damaged one ({first_line(error)}). Pass another path, "
            "or delete it."
        ) from error
    return stored


def _settings(net: Net, training: Any) -> dict[str, str]:
    """Return the settings of training as JSON."""
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
    return {name: json.dumps(_described(value)) for name, value in settings.items()}


def _described(value: Any, depth: int = DEPTH) -> Any:
    """Return JSON data that identify settings: names, numbers, nested attributes."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return repr(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple):
        return [_described(item, depth - 1) for item in value]
    if isinstance(value, Mapping):
        return {str(k): _described(v, depth - 1) for k, v in value.items()}
    return _described_object(value, depth)


def _described_object(value: Any, depth: int) -> Any:
    if isinstance(value, partial):
        return _described([value.func, value.args, value.keywords], depth)
    if callable(value) and hasattr(value, "__qualname__"):
        return value.__qualname__
    name = type(value).__name__
    if depth <= 0 or isinstance(value, torch.Tensor | np.ndarray) or not hasattr(value, "__dict__"):
        return name
    return [name, _described(vars(value), depth - 1)]


def _state_of(name: str, callback: Any) -> dict[str, Any]:
    """Return the state of a callback: attributes that end in "_"."""
    state = {}
    for key, value in vars(callback).items():
        has_state = hasattr(value, "state_dict") and not isinstance(value, type)
        if not key.endswith("_") or (callable(value) and not has_state):
            continue
        try:
            state[key] = _plain(value.state_dict() if has_state else value)
        except TypeError as error:
            raise ValueError(
                f"callback {name} has a state that a checkpoint cannot hold ({key}: {error}). "
                "Leave it out, or leave TrainingCheckpoint out."
            ) from error
    return state


def _plain(value: Any) -> Any:
    """Return data that `torch.load` accepts with `weights_only`; raise TypeError for others."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, float, str) or torch.is_tensor(value):
        return value
    if isinstance(value, list | tuple):
        items = [_plain(item) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    if isinstance(value, Mapping):
        return {_plain(k): _plain(v) for k, v in value.items()}
    raise TypeError(f"{type(value).__name__} is no plain data")


def _restore_to(callback: Any, state: dict[str, Any]) -> None:
    for key, value in state.items():
        known: Any = getattr(callback, key, None)
        if hasattr(known, "load_state_dict"):
            known.load_state_dict(value)
        else:
            setattr(callback, key, value)
