"""Optimizers by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}


def optimizer_options(optimizer: str | Callable[..., Any], device: str) -> dict[str, Any]:
    """Return the skorch parameters of an optimizer."""
    if not isinstance(optimizer, str):
        return {"optimizer": optimizer}
    # A fused Adam halves the time of an epoch on small nets.
    fused = optimizer != "rmsprop" and torch.device(device).type in ("cpu", "cuda", "mps")
    return {
        "optimizer": OPTIMIZERS[optimizer],
        **({"optimizer__fused": True} if fused else {}),
    }


def name_optimizer(optimizer: Any) -> str:
    """Return the key of an optimizer in `OPTIMIZERS`, or the name of another torch class."""
    every = {**vars(torch.optim), **OPTIMIZERS}
    known = {cls: name for name, cls in every.items() if isinstance(cls, type)}
    if not isinstance(optimizer, type) or optimizer not in known:
        raise ValueError(
            f"optimizer={optimizer!r} is neither a name nor a class of torch.optim, so that it "
            "cannot be stored as plain data. Use pickle or joblib."
        )
    return known[optimizer]


def find_optimizer(name: Any) -> str | type[torch.optim.Optimizer]:
    """Return the optimizer with the given name; only optimizers are found."""
    if isinstance(name, str) and name in OPTIMIZERS:
        return name
    cls = vars(torch.optim).get(name) if isinstance(name, str) else None
    if isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer):
        return cls
    raise ValueError(f"optimizer {name!r:.80} is not an optimizer of torch.")
