"""Where torch computes."""

from __future__ import annotations

import torch


def resolve_device(device: str) -> str:
    """Turn "auto" into the fastest device there is: CUDA, then MPS, then the CPU."""
    if device != "auto":
        _refuse_missing(device)
        return device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _refuse_missing(device: str) -> None:
    """Raise an error if torch cannot compute on a device, for whatever reason it gives."""
    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0].split(". ")[0].rstrip(".")
        raise ValueError(
            f"device={device!r} cannot be used: {reason}. Pass 'auto', 'cpu', "
            "or a torch device that this machine has, such as 'cuda:0'."
        ) from error
