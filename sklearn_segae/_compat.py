"""Optional imports, and detection of out-of-memory errors."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error of numpy, torch or onnxruntime is due to a lack of memory."""
    name, text = type(error).__name__, str(error)
    return (
        isinstance(error, MemoryError)
        or name == "OutOfMemoryError"  # torch, on a GPU
        or "allocate memory" in text  # torch, on the CPU
        or "Failed to allocate" in text  # onnxruntime
    )


def require(module: str, extra: str) -> Any:
    """Import an optional dependency; if it is missing, raise an error that names the extra."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{module} is not installed. Run: pip install 'sklearn-segae[{extra}]'"
        ) from error
