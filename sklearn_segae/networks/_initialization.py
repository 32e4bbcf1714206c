"""Random generator of initial weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class DrawingFrom(TorchFunctionMode):
    """Draw initial weights from `generator` instead of torch's global one in this context.

    Layers of torch take no generator, but the functions of `torch.nn.init` that they call do. It is
    added to these calls, and to those of `torch.pca_lowrank`, in this thread only. The weights
    equal those from a global generator in the same state.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call a torch function, with the generator if it takes one and has none."""
        kwargs = dict(kwargs or {})
        takes_one = function is torch.randn or "generator" in kwargs  # `nn.init` passes None
        if takes_one and kwargs.get("generator") is None:
            kwargs["generator"] = self.generator
        return function(*args, **kwargs)
