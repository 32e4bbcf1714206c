"""How training calls a module: in which number format, compiled or not."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

PRECISIONS: dict[str, torch.dtype] = {
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float32": torch.float32,
}


def execution(
    module: nn.Module, precision: str, compiled: bool | str, device: str
) -> Execution | None:
    """Return what an objective calls in place of the module; None where that is not needed."""
    if precision == "float32" and not compiled:
        return None
    return Execution(module, PRECISIONS[precision], compiled, torch.device(device).type)


class Execution:
    """Stand in for a module: its methods, under autocast and compiled, answering in float32.

    The module stays as it is, with float32 weights of its own, so it pickles. Losses are computed
    outside, in float32: torch refuses cross-entropy under autocast, and 16 bits are too few to sum.
    """

    def __init__(
        self, module: nn.Module, dtype: torch.dtype, compiled: bool | str, device_type: str
    ) -> None:
        self.module = module
        self.dtype = dtype
        self.device_type = device_type
        self.compiled = compiled
        self._methods: dict[str, Any] = {}

    def encode(self, x: Tensor) -> Tensor:
        """Run the module's `encode`."""
        return self._run("encode", x).float()

    def decode(self, codes: Tensor) -> Tensor:
        """Run the module's `decode`."""
        return self._run("decode", codes).float()

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Run the module's `posterior`."""
        mean, log_variance = self._run("posterior", x)
        return mean.float(), log_variance.float()

    def _run(self, name: str, x: Tensor) -> Any:
        enabled = self.dtype is not torch.float32
        with torch.autocast(self.device_type, self.dtype if enabled else None, enabled):
            return self._method(name)(x)

    def _method(self, name: str) -> Any:
        if name not in self._methods:
            method = getattr(self.module, name)
            backend = self.compiled if isinstance(self.compiled, str) else "inductor"
            compiled = torch.compile(method, backend=backend) if self.compiled else method
            self._methods[name] = compiled
        return self._methods[name]
