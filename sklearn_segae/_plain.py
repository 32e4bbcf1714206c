"""Nested state as JSON text and named arrays, and back: never pickle."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import isfinite
from typing import Any

import numpy as np
import torch

DEPTH = 4  # how far descriptions follow objects into objects


def pack(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """Return JSON for dicts, lists, numbers, texts and tensors, whose numbers go to `arrays`."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if isfinite(value) else {"float": repr(value)}
    if isinstance(value, torch.Tensor):
        name = f"a{len(arrays)}"
        arrays[name] = value.detach().cpu().contiguous().numpy()
        return {"tensor": name}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [pack(item, arrays) for item in value]}
    if isinstance(value, Mapping):
        return {"dict": [[pack(k, arrays), pack(v, arrays)] for k, v in value.items()]}
    raise TypeError(f"{type(value).__name__} is no plain data")


def unpack(value: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return what was packed."""
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "float":
        return float(content)
    if kind == "tensor":
        return torch.from_numpy(arrays[content].copy())
    if kind == "dict":
        return {unpack(k, arrays): unpack(v, arrays) for k, v in content}
    items = [unpack(item, arrays) for item in content]
    return tuple(items) if kind == "tuple" else items


def described(value: Any, depth: int = DEPTH) -> Any:
    """Return what tells equal settings from others, as JSON: names, numbers, nested attributes."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value if not isinstance(value, float) else repr(value)
    if isinstance(value, partial):
        return described([value.func, value.args, value.keywords], depth)
    if callable(value) and hasattr(value, "__qualname__"):
        return value.__qualname__
    if isinstance(value, list | tuple):
        return [described(item, depth - 1) for item in value]
    if isinstance(value, Mapping):
        return {str(k): described(v, depth - 1) for k, v in value.items()}
    name = type(value).__name__
    if depth <= 0 or isinstance(value, torch.Tensor | np.ndarray) or not hasattr(value, "__dict__"):
        return name
    return [name, described(vars(value), depth - 1)]
