"""Modules of the architectures, and checks of user-defined modules."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import nn

from ..networks._autoencoders import (
    ConvAutoencoder,
    DenseAutoencoder,
    FlattenedAutoencoder,
    LinearShortcut,
)
from ._sample_layout import Layout


def build_module(
    architecture: Any,
    layout: Layout,
    n_components: int,
    *,
    hidden_layer_sizes: Sequence[int],
    activation: str,
    bounded_output: bool,
    variational: bool,
) -> nn.Module:
    """Return an untrained module for samples of the given layout."""
    if not isinstance(architecture, str):
        return _build_own(architecture, layout, n_components, variational)
    sizes = tuple(hidden_layer_sizes)
    options = (n_components, sizes, activation, bounded_output, variational)
    layers = _build_layers(architecture, layout, options)
    # No shortcut for outputs in [0, 1], for variational nets, or if the layers are linear anyway.
    if bounded_output or variational or (not sizes and not isinstance(layers, ConvAutoencoder)):
        return layers
    return LinearShortcut(layers, layout.net_shape, n_components)


def _build_layers(architecture: str, layout: Layout, options: Sequence[Any]) -> nn.Module:
    if layout.kind != "rows" and architecture != "dense":
        return ConvAutoencoder(layout.net_shape, *options)
    rows = DenseAutoencoder(prod(layout.net_shape), *options)
    return rows if layout.kind == "rows" else FlattenedAutoencoder(layout.net_shape, rows)


def _size(layout: Layout) -> Any:
    """Return the first argument of modules: the number of features, or the shape of an image."""
    return layout.net_shape[0] if layout.kind == "rows" else layout.net_shape


def _build_own(
    architecture: Any, layout: Layout, n_components: int, variational: bool
) -> nn.Module:
    if isinstance(architecture, nn.Module):
        raise TypeError(
            f"architecture is an instance of {type(architecture).__name__}, but every fit starts "
            "from new weights. Pass the class, or a function of (size, n_components)."
        )
    try:
        module = architecture(_size(layout), n_components)
    except TypeError as error:
        raise TypeError(
            f"architecture={architecture!r:.80} cannot be called with the size of a sample and "
            f"n_components ({error}). Pass a class or a function of these two."
        ) from error
    needed = ["encode", "decode"] + ["posterior"] * variational
    missing = [name for name in needed if not callable(getattr(module, name, None))]
    if missing or not isinstance(module, nn.Module):
        what = f"lacks {' and '.join(missing)}" if missing else "is no torch.nn.Module"
        raise TypeError(
            f"architecture gave a {type(module).__name__}, which {what}. It has to be a "
            f"torch.nn.Module with the methods {', '.join(needed)}."
        )
    _check_sizes(module, layout, n_components)
    return module


@torch.no_grad()
def _check_sizes(module: Any, layout: Layout, n_components: int) -> None:
    """Raise an error if outputs for two samples of zeros have the wrong shape."""
    module.eval()
    x = torch.zeros(2, *layout.net_shape)
    codes = module.encode(x)
    if codes.shape != (2, n_components):
        raise ValueError(
            f"architecture encodes 2 samples as {tuple(codes.shape)}, but n_components="
            f"{n_components} needs {(2, n_components)}."
        )
    if module.decode(codes).shape != x.shape:
        raise ValueError(
            f"architecture decodes 2 samples as {tuple(module.decode(codes).shape)}, but they "
            f"were {tuple(x.shape)}, channels first."
        )
