"""Reconstruction losses: by name, or torch criteria."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from inspect import signature
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

# Functions of (output, target): elementwise with reduction="none", else the mean.
LOSSES: dict[str, Callable[..., Tensor]] = {
    "cross_entropy": functional.binary_cross_entropy,
    "huber": functional.huber_loss,
    "mae": functional.l1_loss,
    "mse": functional.mse_loss,
}


class Loss:
    """Reconstruction loss of a batch or of every sample.

    Parameters
    ----------
    loss : str, or criterion of (output, target), default="mse"
        A key of `LOSSES`; a torch criterion, as class or instance (its `reduction` is ignored); or
        a function that returns unreduced losses.
    """

    def __init__(self, loss: Any = "mse") -> None:
        if isinstance(loss, str) and loss not in LOSSES:
            raise ValueError(f"loss={loss!r:.40} is not known. Pass one of {sorted(LOSSES)}.")
        self.given = loss
        self.name = loss if isinstance(loss, str) else ""
        # None for a criterion.
        self.mean = LOSSES.get(self.name)
        self.each = partial(self.mean, reduction="none") if self.mean else _unreduced(loss)

    def __getstate__(self) -> dict[str, Any]:
        return {"given": self.given}  # functions are looked up by name again

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["given"])  # type: ignore[misc]

    def __call__(self, output: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the mean over the batch, a scalar; `weight` (N,) has a mean of 1 over all data."""
        if weight is None and self.mean is not None:
            return self.mean(output, target)
        return weighted_mean(self.per_sample(output, target), weight)

    def per_sample(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean over the numbers of every sample, (N,)."""
        losses = self.each(output, target)
        if not isinstance(losses, Tensor):
            raise TypeError(
                f"loss={self.given!r:.80} returned a {type(losses).__name__}, but a torch tensor "
                "is needed: the loss of every number."
            )
        if losses.ndim == 0 or len(losses) != len(target):
            raise ValueError(
                f"loss returned a tensor of shape {tuple(losses.shape)} for {len(target)} samples, "
                "but a loss is needed for each. Return it unreduced, as with reduction='none'."
            )
        return losses.flatten(1).mean(1) if losses.ndim > 1 else losses

    def refuse(self, x: np.ndarray) -> None:
        """Raise an error if `x` cannot be a target of this loss."""
        if self.name == "cross_entropy" and (x.min() < 0 or x.max() > 1):
            raise ValueError(
                "loss='cross_entropy' needs an input in [0, 1], but the scaled one lies in "
                f"[{x.min():.3g}, {x.max():.3g}]. Pass scaling='minmax', or loss='mse'."
            )


def weighted_mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Return the weighted mean over a batch (N,)."""
    return values.mean() if weight is None else (weight * values).mean()


def _unreduced(criterion: Any) -> Callable[[Tensor, Tensor], Tensor]:
    """Return an unreduced copy of a criterion; instantiate a class."""
    criterion = criterion() if isinstance(criterion, type) else copy.deepcopy(criterion)
    _check_arguments(criterion)
    if isinstance(criterion, nn.Module) and hasattr(criterion, "reduction"):
        vars(criterion)["reduction"] = "none"
    return criterion


def _check_arguments(criterion: Any) -> None:
    try:
        signature(criterion).bind(None, None)
    except TypeError as error:
        raise TypeError(
            f"loss={criterion!r:.80} cannot be called with output and target ({error}). Pass a "
            "function of these two, or a torch criterion."
        ) from error
    except ValueError:  # some builtin functions have no signature
        pass
