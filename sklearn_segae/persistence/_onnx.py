"""Conversion of fitted estimators to ONNX graphs, and a converter for skl2onnx."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .._compat import require
from ..autoencoder._autoencoder_transformer import AutoencoderTransformer
from ..autoencoder._sample_layout import Layout
from ..encoding._backends import TracedNetwork
from ..encoding._codes import Codes
from ..encoding._pixel_encoder import PixelEncoder
from ..encoding._pooling import pool_radius
from ..imaging._tiles import per_axis
from ..networks._onnx import graph_of
from ..networks._pixel_autoencoder import crop, spatial


def register() -> None:
    """Register the converter of AutoencoderTransformer with skl2onnx."""
    require("skl2onnx", "onnx").update_registered_converter(
        AutoencoderTransformer, "SegaeAutoencoderTransformer", _set_output_type, _convert
    )


def _set_output_type(operator: Any) -> None:
    """Set the type of the output: float32 (n, n_components)."""
    from skl2onnx.common.data_types import FloatTensorType

    model = operator.raw_operator
    operator.outputs[0].type = FloatTensorType([None, model.n_components_])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the graph of the encoder in place of the estimator."""
    import onnx
    from skl2onnx.common.data_types import FloatTensorType
    from skl2onnx.helpers import add_onnx_graph

    given = operator.inputs[0].type
    if not isinstance(given, FloatTensorType):
        raise ValueError(
            f"the input of AutoencoderTransformer is a {type(given).__name__}, but its graph takes "
            "float32. Pass initial_types with a FloatTensorType."
        )
    graph = autoencoder_graph(operator.raw_operator, "encode")
    add_onnx_graph(scope, operator, container, onnx.load_from_string(graph))


TRACED = {2: (24, 20), 3: (14, 24, 20)}  # sides of the traced image or volume


def encoder_graph(encoder: PixelEncoder) -> bytes:
    """Return the graph of images (n, H, W, C) -> codes (n, H, W, k), or of rows -> codes."""
    shape = (2,) if encoder.rows_ else (1, *TRACED[encoder.n_axes])
    example = torch.zeros(*shape, encoder.n_features_in_)
    names = ("X", "codes") if encoder.rows_ else ("images", "codes")
    return graph_of(PixelGraph(encoder), example, names, range(len(shape)))


def autoencoder_graph(autoencoder: AutoencoderTransformer, part: str) -> bytes:
    """Return the graph of samples -> codes ("encode"), or of codes -> samples ("decode")."""
    graph, names = (
        (EncodeGraph, ("X", "codes")) if part == "encode" else (DecodeGraph, ("codes", "X"))
    )
    shape = autoencoder.layout_.shape if part == "encode" else (autoencoder.n_components_,)
    return graph_of(graph(autoencoder), torch.zeros(2, *shape), names, [0])


class Scale(nn.Module):
    """Scale float32 numbers, features last, as `scaled` of `imaging`."""

    nearest: Tensor
    rest: Tensor
    divisor: Tensor

    def __init__(self, scale: np.ndarray) -> None:
        super().__init__()
        shift, divisor = scale
        nearest = shift.astype(np.float32)
        for name, value in (("nearest", nearest), ("rest", shift - nearest), ("divisor", divisor)):
            self.register_buffer(name, torch.from_numpy(value.astype(np.float32)))

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) -> (..., C)."""
        return (x - self.nearest - self.rest) / self.divisor


class EncodeGraph(nn.Module):
    """`AutoencoderTransformer.transform` of float32 samples."""

    def __init__(self, autoencoder: AutoencoderTransformer) -> None:
        super().__init__()
        self.scale = Scale(autoencoder.scale_)
        self.module = on_cpu(autoencoder.net_.module_)
        self.encode = autoencoder.variant_.encode
        self.layout = autoencoder.layout_

    def forward(self, x: Tensor) -> Tensor:
        """(n, *shape) -> (n, n_components)."""
        x = self.scale(x if _has_channels(self.layout) else x[..., None])
        return self.encode(self.module, x.movedim(x.ndim - 1, 1))


class DecodeGraph(nn.Module):
    """`AutoencoderTransformer.inverse_transform` of float32 codes."""

    shift: Tensor
    divisor: Tensor

    def __init__(self, autoencoder: AutoencoderTransformer) -> None:
        super().__init__()
        for name, value in zip(("shift", "divisor"), autoencoder.scale_, strict=True):
            self.register_buffer(name, torch.from_numpy(value.astype(np.float32)))
        self.module: Any = on_cpu(autoencoder.net_.module_)
        self.layout = autoencoder.layout_

    def forward(self, codes: Tensor) -> Tensor:
        """(n, n_components) -> (n, *shape)."""
        x = self.module.decode(codes)
        x = x.movedim(1, x.ndim - 1) * self.divisor + self.shift
        return x if _has_channels(self.layout) else x[..., 0]


class PixelGraph(nn.Module):
    """`PixelEncoder.transform` of float32 images, borders included.

    Because image sizes vary, pooling is a convolution that is normalized at the borders.
    """

    shift: Tensor
    divisor: Tensor

    def __init__(self, encoder: PixelEncoder) -> None:
        super().__init__()
        self.scale = Scale(encoder.scale_)
        self.codes: Codes = encoder.codes_
        _check_traceable(self.codes)
        self.rows = encoder.rows_
        self.network = TracedNetwork(encoder.net_.module_)
        for name in ("shift", "divisor"):
            value = getattr(self.codes, name).astype(np.float32)
            self.register_buffer(name, torch.from_numpy(value))

    def forward(self, images: Tensor) -> Tensor:
        """(n, H, W, C) -> (n, H, W, k), volumes likewise, or rows (n, C) -> (n, k)."""
        x = self.scale(images[:, None, None] if self.rows else images)
        x = x.movedim(x.ndim - 1, 1)
        pooling: Any = TracedPooling(x.shape[2:])
        margins = np.broadcast_to(self.codes.margin(self.network), x.ndim - 2).tolist()
        for axis, margin in enumerate(margins, start=2):
            x = _mirrored(x, margin, axis)
        codes = self.codes.compute(self.network, x, pooling)
        codes = codes.movedim(1, codes.ndim - 1)
        codes = (codes - self.shift) / self.divisor
        return codes[:, 0, 0] if self.rows else codes


def _check_traceable(codes: Codes) -> None:
    """Raise an error for backbones that run on windows; others are measured, before tracing."""
    block = codes.pretrained
    if block is not None and block.depth_sigma is not None:
        raise ValueError(
            "pretrained features of volumes are computed slice by slice, of which no graph is "
            "made. Use features='multiscale', or pickle."
        )
    if block is not None and not block.backbone.is_local:
        raise ValueError(
            "features of the backbone depend on the whole image, and it runs on windows, of which "
            "no graph is made. Use another backbone, such as 'efficientnet-lite0', or pickle."
        )


class TracedPooling:
    """The methods of `TilePooling` for all pixels of images of variable `size` (H, W)."""

    def __init__(self, size: Sequence[Any]) -> None:
        self.size = size
        self.steps = [1] * len(size)

    def pool(self, maps: Tensor, sigma: Any, stride: int = 1) -> Tensor:
        """(N, n, h, w), of every `stride`-th pixel -> (N, n, H, W)."""
        return _pool(maps, sigma, self.size, stride)

    def pool_frame(self, maps: Tensor, sigma: Any, frame: int, beyond: Sequence[int]) -> Tensor:
        """(N, n, H + 2 * frame, W + 2 * frame) -> (N, n, H + 2 * beyond, W + 2 * beyond)."""
        return crop(_pool(maps, sigma, maps.shape[2:]), [frame - own for own in beyond])

    def upsample(self, maps: Tensor, stride: int) -> Tensor:
        """(N, n, H / stride, W / stride) -> (N, n, H, W), bilinear between cell centers."""
        maps = functional.interpolate(maps, scale_factor=float(stride), mode="bilinear")
        return maps[..., : self.size[0], : self.size[1]]

    def mirror(self, x: Tensor, multiple: Any) -> Tensor:
        """Extend images by reflection to a multiple of a number of pixels along each axis."""
        for axis, own in enumerate(per_axis(multiple, x.ndim - 2), start=2):
            missing = (-x.shape[axis]) % own
            x = x.index_select(axis, _reflection(0, x.shape[axis] + missing, x.shape[axis]))
        return x

    def smooth(self, maps: Tensor, sigma: Any) -> Tensor:
        """Average with Gaussian weights, without padding."""
        convolve = functional.conv2d if maps.ndim == 4 else functional.conv3d
        for axis, own in enumerate(np.broadcast_to(sigma, maps.ndim - 2).tolist()):
            maps = convolve(maps, _gaussian(own, maps, axis), groups=int(maps.shape[1]))
        return maps


def _pool(maps: Tensor, sigma: Any, size: Sequence[Any], stride: int = 1) -> Tensor:
    """(N, n, h, w) -> (N, n, *size)."""
    if not np.any(sigma):
        return maps
    ones = torch.ones_like(maps[:1, :1])
    return _spread(maps, sigma, size, stride) / _spread(ones, sigma, size, stride)


def _spread(maps: Tensor, sigma: Any, size: Sequence[Any], stride: int) -> Tensor:
    """Sum the neighborhoods of pixels with Gaussian weights, with zero padding."""
    n_axes = maps.ndim - 2
    transposed = functional.conv_transpose2d if n_axes == 2 else functional.conv_transpose3d
    maps = functional.pad(maps, (0, 1) * n_axes)  # strides omit pixels after the last
    for axis, own in enumerate(np.broadcast_to(sigma, n_axes).tolist()):
        strides, padding = [1] * n_axes, [0] * n_axes
        strides[axis], padding[axis] = stride, pool_radius(own)
        weights = _gaussian(own, maps, axis)
        maps = transposed(maps, weights, stride=strides, padding=padding, groups=int(maps.shape[1]))
    return maps[spatial(map(slice, size))]


def _gaussian(sigma: float, maps: Tensor, axis: int) -> Tensor:
    """Return Gaussian weights along a spatial axis that sum to 1, (C, 1, n, 1) for the first."""
    radius = pool_radius(sigma)
    weights = torch.exp(-0.5 * (torch.arange(-radius, radius + 1).double() / sigma) ** 2)
    shape = [-1 if own == axis else 1 for own in range(maps.ndim - 2)]
    weights = (weights / weights.sum()).float().reshape(1, 1, *shape)
    return weights.repeat(int(maps.shape[1]), *[1] * (maps.ndim - 1))


def _mirrored(x: Tensor, margin: int, axis: int) -> Tensor:
    """Pad by reflection, repeatedly if needed, as `imaging._tiles.mirrored` for a dynamic size."""
    size = x.shape[axis]
    return x.index_select(axis, _reflection(-margin, size + margin, size))


def _reflection(start: Any, stop: Any, size: Any) -> Tensor:
    """Return the indices start..stop of a line of `size` pixels mirrored at its end pixels."""
    period = torch.as_tensor(2 * (size - 1)).clamp_min(1)
    index = torch.remainder(torch.arange(start, stop), period)
    return torch.minimum(index, (period - index).abs())


def _has_channels(layout: Layout) -> bool:
    """Return True if samples have an axis of channels or features."""
    return layout.kind == "rows" or len(layout.shape) == len(layout.net_shape)


def on_cpu(module: Any) -> Any:
    """Return a copy of a module on the CPU, float32, for prediction."""
    return copy.deepcopy(module).cpu().float().eval().requires_grad_(False)
