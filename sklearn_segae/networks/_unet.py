"""A U-Net on feature maps: classification of every pixel with context of several scales."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ._pixel_autoencoder import common_length


class UNet(nn.Module):
    """Classify every pixel of feature maps, from coarse to fine [1]_.

    The contracting path averages the features, which have been computed for every pixel, to
    several strides, as in a feature pyramid [2]_; the expanding path is convolutional. In training
    with a generator, random features, except for the first `n_details`, are dropped at each stride.
    There is no normalization layer, so that a pixel depends on those within `reach` pixels alone.

    (N, C, H, W) -> (N, n_classes, H, W); H and W are multiples of `grid`. Volumes have an axis D
    more.

    Parameters
    ----------
    n_channels : int
        C, number of features.
    n_details : int
        Number of channels, the first ones, that the last layers see as they are.
    n_classes : int
    strides : sequence of int
        In pixels, increasing; each divides the next.
    n_filters : int
        Channels of the layers at these strides.
    n_fine_filters : int
        Channels of the layers at full resolution.
    dropout : float
        Probability that a feature at one stride is set to 0 in training.
    voxel : sequence of float
        Sides of the voxels of volumes along z, y and x, relative to the smallest one: along long
        sides, strides are smaller, the nearest of `strides` and 1. Empty for images.

    References
    ----------
    .. [1] O. Ronneberger, P. Fischer, T. Brox, "U-Net: convolutional networks for biomedical image
       segmentation", MICCAI 2015, arXiv:1505.04597.
    .. [2] T.-Y. Lin et al., "Feature pyramid networks for object detection", CVPR 2017,
       arXiv:1612.03144.
    """

    def __init__(
        self,
        n_channels: int,
        n_details: int,
        n_classes: int,
        strides: Sequence[int] = (2, 4, 8, 16),
        n_filters: int = 32,
        n_fine_filters: int = 12,
        dropout: float = 0.2,
        voxel: Sequence[float] = (),
    ) -> None:
        super().__init__()
        self.n_channels, self.n_details, self.n_filters = n_channels, n_details, n_filters
        self.strides, self.dropout, self.voxel = list(strides), dropout, tuple(voxel)
        self.n_axes = len(self.voxel) or 2
        self.cells = np.array([_cell(s, strides, self.voxel or (1, 1)) for s in strides])
        conv: Any = nn.Conv3d if self.voxel else nn.Conv2d
        self.laterals = nn.ModuleList(conv(n_channels, n_filters, 1) for _ in strides)
        self.mixers = nn.ModuleList(conv(n_filters, n_filters, 3, padding=1) for _ in strides)
        self.narrow = conv(n_filters, n_fine_filters, 1)
        self.shortcut = conv(n_channels, n_fine_filters, 1)
        n_inputs = [n_fine_filters + n_details, n_fine_filters]
        self.fine = nn.ModuleList(conv(n, n_fine_filters, 3, padding=1) for n in n_inputs)
        self.head = conv(n_fine_filters, n_classes, 1)
        self.to(memory_format=self.memory_format)  # type: ignore[call-overload]

    @property
    def memory_format(self) -> Any:
        """Order of the axes in memory that is fast: channels last."""
        return torch.channels_last_3d if self.voxel else torch.channels_last

    @property
    def grid(self) -> Any:
        """Images begin at multiples of it, in pixels, and their sides are multiples of it.

        Like `reach` one number, or one for each axis.
        """
        return common_length(self.cells[-1])

    @property
    def reach(self) -> Any:
        """Number of pixels around a pixel that its logits depend on."""
        # At each stride a cell for the convolution and, if it is larger than that of the stride
        # before, one for the interpolation.
        before = np.vstack([np.ones_like(self.cells[:1]), self.cells[:-1]])
        interpolated = np.where(self.cells > before, self.cells, 0)
        aligned = self.cells[-1] * (self.cells[-1] > 1)
        return common_length(aligned + (self.cells + interpolated).sum(0) + len(self.fine))

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return logits; with a generator, some features are dropped at random."""
        y: Any = None
        for maps, lateral, mixer in self._levels(x):
            z = torch.relu(lateral(self._dropped(maps, generator)))
            if y is not None:
                z = z + _enlarged(y, z)
            y = torch.relu(mixer(z))
        y = _enlarged(self.narrow(y), x) + self.shortcut(self._dropped(x, generator))
        y = torch.relu(y)
        y = torch.cat([y, x[:, : self.n_details]], 1)
        for layer in self.fine:
            y = torch.relu(layer(y))
        return self.head(y)

    def _levels(self, x: Tensor) -> list[tuple[Tensor, nn.Module, nn.Module]]:
        """Return averaged features and layers of each stride, the coarsest first."""
        maps = []
        average: Any = functional.avg_pool3d if self.voxel else functional.avg_pool2d
        for before, cell in pairwise([np.ones_like(self.cells[0]), *self.cells]):
            x = average(x, (cell // before).tolist())
            maps.append(x)
        return list(zip(maps, self.laterals, self.mixers, strict=True))[::-1]

    def _dropped(self, maps: Tensor, generator: torch.Generator | None) -> Tensor:
        """Set random features after the details to 0, and scale the others."""
        if generator is None or not self.dropout:
            return maps
        shape = *maps.shape[:2], *[1] * self.n_axes
        drawn = torch.rand(shape, generator=generator, device=maps.device)
        factors = (drawn >= self.dropout) / (1 - self.dropout)
        factors[:, : self.n_details] = 1
        return maps * factors

    @torch.no_grad()
    def initialize_from(self, x: Tensor) -> None:
        """Draw weights, scaled to outputs of unit variance on `x` [1]_, except for the head.

        Channels of `x` after the features, such as labels, are ignored.

        References
        ----------
        .. [1] D. Mishkin, J. Matas, "All you need is a good init", ICLR 2016, arXiv:1511.06422.
        """
        kinds = nn.Conv2d, nn.Conv3d
        layers = [m for m in self.modules() if isinstance(m, kinds) and m is not self.head]
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        hooks = [layer.register_forward_hook(_scale_to_unit_variance) for layer in layers]
        self(x[:, : self.n_channels])
        for hook in hooks:
            hook.remove()


def _cell(stride: int, strides: Sequence[int], voxel: Sequence[float]) -> list[int]:
    """Return the stride along each axis: that of `strides`, or 1, with the nearest length."""
    return [min([1, *strides], key=lambda s: abs(log(s * side / stride))) for side in voxel]


def _enlarged(maps: Tensor, finer: Tensor) -> Tensor:
    """Interpolate linearly between the centers of cells, for the pixels of finer maps."""
    pairs = zip(finer.shape[2:], maps.shape[2:], strict=True)
    mode = "bilinear" if maps.ndim == 4 else "trilinear"
    return functional.interpolate(maps, scale_factor=[float(a // b) for a, b in pairs], mode=mode)


def _scale_to_unit_variance(layer: nn.Module, _: object, output: Tensor) -> Tensor:
    """Scale the weights of a layer, and its output, as a forward hook."""
    spread = output.std()
    if spread < 1e-6:  # constant images
        return output
    layer.weight.div_(spread)  # type: ignore[operator]
    return output / spread
