"""How training calls objective and module: in which number format, compiled or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

PRECISIONS: dict[str, torch.dtype] = {
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float32": torch.float32,
}


def cast(module: nn.Module, precision: str, device: str) -> Cast | None:
    """Return what an objective calls in place of the module; None for float32."""
    if precision == "float32":
        return None
    return Cast(module, PRECISIONS[precision], torch.device(device).type)


def compiled(objective: Callable[..., Tensor], compile: bool | str) -> Callable[..., Tensor] | None:
    """Return the objective, compiled by torch's default backend or the one named, if any.

    All of it: one graph from the batch to the loss.
    """
    if not compile:
        return None
    backend = compile if isinstance(compile, str) else "inductor"
    return torch.compile(type(objective).__call__.__get__(objective), backend=backend)


class Cast:
    """Stand in for a module: its methods in 16 bits (autocast), answering in float32.

    The module stays as it is, with float32 weights of its own, so it pickles. Losses are computed
    outside, in float32: torch refuses cross-entropy under autocast, and 16 bits are too few to sum.
    """

    def __init__(self, module: nn.Module, dtype: torch.dtype, device_type: str) -> None:
        self.module: Any = module
        self.dtype = dtype
        self.device_type = device_type

    def encode(self, x: Tensor) -> Tensor:
        """Run the module's `encode`."""
        with torch.autocast(self.device_type, self.dtype):
            return self.module.encode(x).float()

    def decode(self, codes: Tensor) -> Tensor:
        """Run the module's `decode`."""
        with torch.autocast(self.device_type, self.dtype):
            return self.module.decode(codes).float()

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Run the module's `posterior`."""
        with torch.autocast(self.device_type, self.dtype):
            mean, log_variance = self.module.posterior(x)
            return mean.float(), log_variance.float()
