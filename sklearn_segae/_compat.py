"""What other libraries may lack: optional imports, and errors for want of memory."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def out_of_memory(error: BaseException) -> bool:
    """Tell whether an error is of numpy, torch or onnxruntime for want of memory."""
    name, text = type(error).__name__, str(error)
    return (
        isinstance(error, MemoryError)
        or name == "OutOfMemoryError"  # torch's, of a GPU
        or "allocate memory" in text  # torch's, of the CPU
        or "Failed to allocate" in text  # onnxruntime's
    )


def require(module: str, extra: str) -> Any:
    """Import an optional dependency, or name the extra that installs it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{module} is not installed. Run: pip install 'sklearn-segae[{extra}]'"
        ) from error
