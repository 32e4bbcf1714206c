"""Which generator the weights of a network are drawn from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class DrawingFrom(TorchFunctionMode):
    """Inside this context, weights come from `generator` and not from torch's global one.

    torch's layers draw their weights when they are made, and take no generator. They draw them
    with the functions of `torch.nn.init`, which do; it is filled in here, in this thread alone, so
    that the weights are those that a global generator in the same state would give. So are the
    draws of `torch.pca_lowrank`.
    """

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call a function of torch's, with the generator if it takes one and has none."""
        kwargs = dict(kwargs or {})
        takes_one = function is torch.randn or "generator" in kwargs  # `nn.init` hands None on
        if takes_one and kwargs.get("generator") is None:
            kwargs["generator"] = self.generator
        return function(*args, **kwargs)
