"""Device, precision and random generators of modules."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ._threads import count_weights, threads_for, work_of


def resolve_device(device: str) -> str:
    """Resolve "auto" to CUDA, MPS or the CPU, the first that is available."""
    if device != "auto":
        _check_available(device)
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _check_available(device: str) -> None:
    """Raise an error if torch cannot compute on a device."""
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].split(". ")[0].rstrip(".")
        raise ValueError(
            f"device={device!r} cannot be used: {reason}. Pass 'auto', 'cpu', "
            "or a torch device that this machine has, such as 'cuda:0'."
        ) from error


PRECISIONS: dict[str, torch.dtype] = {
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float32": torch.float32,
}

# A forked process inherits the state of torch's thread pool but not its threads, and would
# deadlock. A single thread needs no pool.
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))


def cast(module: nn.Module, precision: str, device: str) -> Cast | None:
    """Return the module in 16 bits; None for float32."""
    if precision == "float32":
        return None
    return Cast(module, PRECISIONS[precision], torch.device(device).type)


def generators_of(generator: torch.Generator, device: str) -> list[torch.Generator]:
    """Return the generators of training: the given CPU generator, and that of a GPU device.

    The latter has the same seed, or is the global CUDA generator if the CPU generator is global.
    """
    place = torch.device(device)
    if place.type not in ("cuda", "mps", "xpu"):
        return [generator]
    if generator is torch.default_generator and place.type == "cuda":
        index = torch.cuda.current_device() if place.index is None else place.index
        return [generator, torch.cuda.default_generators[index]]
    return [generator, torch.Generator(place).manual_seed(generator.initial_seed())]


class Cast:
    """Wrap the methods of a module in autocast to 16 bits, with float32 outputs.

    Weights remain float32. Losses are computed outside, in float32: torch rejects cross-entropy
    under autocast, and sums in 16 bits are inaccurate.
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


def dtype_of(module: nn.Module) -> torch.dtype:
    """Return the dtype of the weights, float32 for a module without any."""
    return next((p.dtype for p in module.parameters()), torch.float32)


def evaluate(
    module: nn.Module, function: Callable[[nn.Module, Tensor], Tensor], x: np.ndarray
) -> np.ndarray:
    """Return `function(module, x)`, in the precision of `x`."""
    return next(evaluate_blocks(module, function, [x]))


@torch.inference_mode()
def evaluate_blocks(
    module: nn.Module, function: Callable[[nn.Module, Tensor], Tensor], blocks: Iterable[np.ndarray]
) -> Iterator[np.ndarray]:
    """Yield `function(module, x)` for every block, in its precision."""
    if module.training:  # during training, skorch sets it back at every step
        module.eval()
    some = next(module.parameters())
    where, dtype = some.device, some.dtype
    for x in blocks:
        if x.dtype == np.float64 and dtype != torch.float64 and where.type != "mps":
            module, dtype = copy.deepcopy(module).double(), torch.float64
        # Not around `yield`, after which the caller computes.
        with threads_for(work_of(count_weights(module), x.shape)):
            result = function(module, torch.from_numpy(x).to(where, dtype)).cpu().numpy()
        yield result.astype(x.dtype, copy=False)  # the module may be of float64
