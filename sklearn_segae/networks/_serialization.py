"""Conversion of networks to plain data (a description of sizes, and weights) and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from ._autoencoders import (
    ACTIVATIONS,
    ConvAutoencoder,
    DenseAutoencoder,
    FlattenedAutoencoder,
    LinearShortcut,
    dense_stack,
)
from ._pixel_autoencoder import PixelAutoencoder
from ._unet import UNet
from ._unmixing_autoencoder import UnmixingAutoencoder

Description = dict[str, Any]

MAX_MARGIN = 256  # maximum margin of a network in pixels; those of ours are 8 and 78
FORMATS = {torch.float32, torch.float64}


def describe(module: Any) -> Description:
    """Return the kind of a network and its arguments as JSON; reject user-defined networks."""
    kind = type(module).__name__
    if kind not in KINDS or type(module) is not KINDS[kind].cls:
        raise ValueError(
            f"the network is a {kind}, of an architecture of your own, whose code no file holds. "
            "Use pickle or joblib, which find it by name and trust the file they load."
        )
    return {"kind": kind, **KINDS[kind].describe(module)}


def build(description: Any, weights: Mapping[str, np.ndarray]) -> nn.Module:
    """Return the network with the given description and weights.

    Memory is allocated only after names, shapes and formats of all weights were checked.
    """
    try:
        with torch.device("meta"):
            module = _build(description)
    except ValueError:
        raise
    except Exception as error:  # layers raise various errors for invalid sizes
        raise ValueError(f"the network's description is not valid ({error}).") from error
    tensors = {name: _tensor(name, array) for name, array in weights.items()}
    formats = {t.dtype for t in tensors.values()}
    if len(formats) != 1 or not formats <= FORMATS:
        raise ValueError(f"weights are {formats}, but all should be float32, or all float64.")
    module.to(formats.pop())
    expected = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    found = {name: tuple(t.shape) for name, t in tensors.items()}
    if expected != found:
        wrong = sorted(dict(expected.items() ^ found.items()))[0]
        raise ValueError(
            f"weight {wrong} has shape {found.get(wrong)}, but the network {expected.get(wrong)}."
        )
    # Copied into a new network, so that convolutions keep their channels last.
    module = module.to_empty(device="cpu")
    module.load_state_dict(tensors)
    return module.eval()


def input_shape(module: nn.Module) -> tuple[int, ...]:
    """Return the shape of one input sample of an autoencoder, channels first."""
    sizes = describe(module)
    return tuple(sizes.get("shape") or (sizes["n_features"],))


def weights_of(module: nn.Module) -> dict[str, np.ndarray]:
    """Return copies of all weights and buffers by name, from any device."""
    return {
        name: tensor.detach().cpu().numpy().copy(order="C")
        for name, tensor in module.state_dict().items()
    }


def _tensor(name: str, array: Any) -> torch.Tensor:
    if not isinstance(array, np.ndarray) or not np.isfinite(array).all():
        raise ValueError(f"weight {name} is no array of finite numbers.")
    return torch.from_numpy(array)


def _build(description: Any) -> nn.Module:
    if not isinstance(description, dict) or description.get("kind") not in KINDS:
        raise ValueError(f"the network's description {description!r:.80} names no known kind.")
    arguments = {key: value for key, value in description.items() if key != "kind"}
    return KINDS[description["kind"]].build(**arguments)


class Kind(NamedTuple):
    """Functions that describe and build networks of a class."""

    cls: type[nn.Module]
    describe: Callable[[Any], Description]
    build: Callable[..., nn.Module]


def _describe_stack(module: nn.Sequential) -> Description:
    linear = [layer for layer in module if isinstance(layer, nn.Linear)]
    sizes = [linear[0].in_features, *(layer.out_features for layer in linear)]
    return {"sizes": list(map(int, sizes)), "activation": _activation(module)}


def _activation(stack: nn.Sequential) -> str:
    layer = stack[1] if len(stack) > 1 else nn.ReLU()
    return next(name for name, cls in ACTIVATIONS.items() if type(layer) is cls)


def _describe_dense(module: Any) -> Description:
    sizes = _describe_stack(module.encoder)["sizes"]
    return {
        "n_features": sizes[0],
        "n_components": int(module.decoder[0].in_features),
        "hidden_layer_sizes": sizes[1:-1],
        "activation": _activation(module.encoder),
        "bounded_output": isinstance(module.output, nn.Sigmoid),
        "variational": module.variational,
    }


def _describe_conv(module: Any) -> Description:
    dense = _describe_dense(module.dense)
    names = ("n_components", "hidden_layer_sizes", "variational")
    activation = next(n for n, cls in ACTIVATIONS.items() if type(module.down[0][1]) is cls)
    return {
        "shape": list(map(int, (module.down[0][0].in_channels, *module.up[-1][1].size))),
        "widths": [stage[0].out_channels for stage in module.down],
        "activation": activation,
        "bounded_output": isinstance(module.output, nn.Sigmoid),
        **{name: dense[name] for name in names},
    }


def _describe_flattened(module: Any) -> Description:
    return {"shape": list(map(int, module.shape)), "rows": describe(module.rows)}


def _build_flattened(shape: Any, rows: Any) -> nn.Module:
    built: Any = _build(rows)
    return FlattenedAutoencoder(shape, built)


def _describe_shortcut(module: Any) -> Description:
    return {
        "layers": describe(module.layers),
        "shape": list(map(int, module.shape)),
        "n_components": int(module.encode_linear.out_features),
    }


def _build_shortcut(layers: Any, shape: Any, n_components: Any) -> nn.Module:
    return LinearShortcut(_build(layers), shape, n_components)


def _describe_unmixing(module: Any) -> Description:
    stack = None if module.layers is None else _describe_stack(module.layers)
    return {
        "n_features": int(module.linear.in_features),
        "n_components": int(module.linear.out_features),
        "hidden_layer_sizes": stack["sizes"][1:-1] if stack else [],
        "activation": stack["activation"] if stack else "relu",
    }


def _describe_pixels(module: Any) -> Description:
    return {
        "n_channels": int(module.sizes[0]),
        "n_filters": int(module.sizes[1]),
        "dilations": module.dilations,
        "kernel_size": module.layers[0].kernel_size[0],
        "patch_size": module.patch_size,
        "voxel": list(module.voxel),
    }


def _build_pixels(**arguments: Any) -> nn.Module:
    dilations, kernel_size = arguments["dilations"], arguments["kernel_size"]
    if kernel_size not in (1, 3) or not all(type(d) is int and d > 0 for d in dilations):
        raise ValueError(f"kernel_size={kernel_size} or dilations={dilations} are not valid.")
    if sum(dilations) > MAX_MARGIN:
        raise ValueError(f"dilations={dilations} see further than {MAX_MARGIN} pixels.")
    _check_voxel(arguments.get("voxel", []))
    return PixelAutoencoder(**arguments)


def _check_voxel(voxel: Any) -> None:
    if len(voxel) not in (0, 3) or not all(type(s) is float and s >= 1 for s in voxel):
        raise ValueError(f"voxel={voxel} is not valid: three sides of at least 1, or none.")


def _describe_unet(module: Any) -> Description:
    return {
        "n_channels": int(module.n_channels),
        "n_details": int(module.n_details),
        "n_classes": int(module.head.out_channels),
        "strides": list(map(int, module.strides)),
        "n_filters": int(module.narrow.in_channels),
        "n_fine_filters": int(module.narrow.out_channels),
        "dropout": float(module.dropout),
        "voxel": list(module.voxel),
    }


def _build_unet(**arguments: Any) -> nn.Module:
    strides = arguments["strides"]
    steps = [(a, b) for a, b in pairwise([1, *strides])]
    if not strides or not all(type(b) is int and b > a and b % a == 0 for a, b in steps):
        raise ValueError(f"strides={strides} do not increase, or one does not divide the next.")
    if 2 * sum(strides) + strides[-1] > MAX_MARGIN:
        raise ValueError(f"strides={strides} see further than {MAX_MARGIN} pixels.")
    _check_voxel(arguments.get("voxel", []))
    return UNet(**arguments)


KINDS = {
    "ConvAutoencoder": Kind(ConvAutoencoder, _describe_conv, ConvAutoencoder),
    "DenseAutoencoder": Kind(DenseAutoencoder, _describe_dense, DenseAutoencoder),
    "FlattenedAutoencoder": Kind(FlattenedAutoencoder, _describe_flattened, _build_flattened),
    "PixelAutoencoder": Kind(PixelAutoencoder, _describe_pixels, _build_pixels),
    "Sequential": Kind(nn.Sequential, _describe_stack, dense_stack),
    "LinearShortcut": Kind(LinearShortcut, _describe_shortcut, _build_shortcut),
    "UnmixingAutoencoder": Kind(UnmixingAutoencoder, _describe_unmixing, UnmixingAutoencoder),
    "UNet": Kind(UNet, _describe_unet, _build_unet),
}
