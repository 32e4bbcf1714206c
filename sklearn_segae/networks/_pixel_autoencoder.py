"""A convolutional autoencoder of patches that computes a feature vector for every pixel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from math import gcd, pi
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ._initialization import DrawingFrom


def pixel_network(
    x: torch.Tensor,
    n_filters: int,
    generator: torch.Generator,
    rows: bool = False,
    voxel: Sequence[float] = (),
) -> PixelAutoencoder:
    """Return a network with random weights for images like `x` (n, C, H, W), or volumes."""
    n_channels, n_axes = x.shape[1], x.ndim - 2
    # Smaller patches for many channels.
    patch_size = (
        1 if rows else next(s for s in (9, 7, 5, 3, 1) if s == 1 or n_channels * s**n_axes < 400)
    )
    kernel_size = 1 if rows else 3
    with DrawingFrom(generator):
        module = PixelAutoencoder(
            n_channels, n_filters, kernel_size=kernel_size, patch_size=patch_size, voxel=voxel
        )
        module.initialize(x)
    return module


# Standard deviation of max(0, z), z standard normal: an untrained layer after `initialize`.
RELU_SPREAD = (0.5 - 0.5 / pi) ** 0.5

LINES = 8  # of pixels that are projected at once


class PixelAutoencoder(nn.Module):
    """Encode the patch around every pixel as a feature vector, and decode the patch.

    Convolutions have no padding: the features of a pixel depend on (2 * margin + 1)**2 pixels. For
    volumes, they have three axes.

    (N, C, H, W) -> encode -> (N, n_features, H - 2 * margin, W - 2 * margin)
    hidden features (N, n_filters, h, w) -> decode -> (N, C * patch_size**2, h, w)

    Parameters
    ----------
    n_channels : int
        C, number of channels of the images.
    n_filters : int
        Channels of every hidden layer.
    dilations : sequence of int
        Dilations of the convolutions; their sum is the margin.
    kernel_size : int
        3 for images; 1 for rows, whose pixels have no neighbors.
    patch_size : int
        Side of the square patch that the decoder reconstructs, odd, in pixels.
    voxel : sequence of float
        Sides of the voxels of volumes along z, y and x, relative to the smallest one: dilations are
        smaller along long sides. Empty for images.

    Attributes
    ----------
    margin : int or ndarray of shape (3,)
        Number of pixels around a pixel that its features depend on, along all axes or along each.
    """

    strengths: Tensor

    def __init__(
        self,
        n_channels: int,
        n_filters: int = 32,
        dilations: Sequence[int] = (1, 1, 2, 4),
        kernel_size: int = 3,
        patch_size: int = 9,
        voxel: Sequence[float] = (),
    ) -> None:
        super().__init__()
        channels = [n_channels] + [n_filters] * len(dilations)
        self.voxel = tuple(voxel)
        self.n_axes = len(self.voxel) or 2
        self.dilations = list(dilations)
        own = [[max(1, round(d / side)) for side in self.voxel or (1, 1)] for d in dilations]
        conv: Any = nn.Conv3d if self.voxel else nn.Conv2d
        self.layers: Any = nn.ModuleList(
            conv(n_in, n_out, kernel_size, dilation=tuple(d))
            for (n_in, n_out), d in zip(pairwise(channels), own, strict=True)
        )
        self.decoder = nn.Sequential(
            conv(n_filters, 2 * n_filters, 1),
            nn.ReLU(),
            conv(2 * n_filters, n_channels * patch_size**self.n_axes, 1),
        )
        self.patch_size = patch_size
        self.margins = np.array(own) * (kernel_size // 2)  # (n_layers, n_axes)
        self.margin: Any = common_length(self.margins.sum(0))
        self.sizes = channels
        self.n_features = sum(channels)
        self.register_buffer("strengths", torch.ones(len(channels)))
        for layer in self.layers:  # twice as fast on a CPU
            last: Any = torch.channels_last_3d if self.voxel else torch.channels_last
            layer.to(memory_format=last)  # type: ignore[call-overload]

    def activations(self, x: Tensor, stride: int = 1, n_layers: int | None = None) -> list[Tensor]:
        """Return the input and the activations of the first `n_layers`; None is all layers.

        Activations of the last layer are those of every `stride`-th pixel in both directions.
        Previous layers skip pixels that no following layer reads: with dilations 1, 1, 2, 4 and a
        stride of 2, all but the first do a quarter of the work.
        """
        return list(self.layer_maps(x, stride, n_layers))

    def layer_maps(
        self, x: Tensor, stride: int = 1, n_layers: int | None = None
    ) -> Iterator[Tensor]:
        """Yield the same, one after the other."""
        yield x
        convolve = functional.conv3d if self.voxel else functional.conv2d
        layers = zip(self.layers, *self._strides(stride), strict=True)
        for layer, before, after in islice(layers, n_layers):
            steps, dilations = (
                [int(a) // b for a, b in zip(of, before, strict=True)]
                for of in (after, layer.dilation)
            )
            x = torch.relu_(convolve(x, layer.weight, layer.bias, steps, dilation=dilations))
            yield x

    def crop(self, maps: list[Tensor], stride: int = 1) -> list[Tensor]:
        """Crop maps the size of the first activations to the pixels of the last layer."""
        counts = self.counts(maps[0], stride)
        return [self.crop_layer(m, i, counts, stride) for i, m in enumerate(maps)]

    def counts(self, x: Tensor, stride: int) -> list[int]:
        """Return the numbers of pixels of the last layer along each axis."""
        pairs = zip(x.shape[2:], self.margins.sum(0).tolist(), strict=True)
        return [-(-(size - 2 * margin) // stride) for size, margin in pairs]

    def crop_layer(self, maps: Tensor, layer: int, counts: Sequence[int], stride: int) -> Tensor:
        """Crop the maps of a layer to the pixels of the last layer."""
        places = zip(counts, self.place(layer, stride), strict=True)
        parts = (slice(first, first + n * step, step) for n, (first, step) in places)
        return maps[spatial(parts)]

    def features(self, maps: list[Tensor], stride: int = 1) -> Tensor:
        """Concatenate input and activations with the factors `strengths`: (N, n_features, h, w)."""
        parts = zip(self.strengths, self.crop(maps, stride), strict=True)
        return torch.cat([strength * m for strength, m in parts], 1)

    def encode(self, x: Tensor, stride: int = 1) -> Tensor:
        """(N, C, H, W) -> (N, n_features, h, w), of every `stride`-th pixel.

        h = ceil((H - 2 * margin) / stride), and w accordingly.
        """
        return self.features(self.activations(x, stride), stride)

    def project(self, x: Tensor, axes: Tensor, stride: int = 1) -> Tensor:
        """Return `encode(x, stride)` times `axes` (n_features, n): (N, n, h, w)."""
        if self.voxel:
            return self._project_volumes(x, axes, stride)
        _, maps, weights = zip(*self.needed_maps(x, axes, stride), strict=True)
        parts = [m.movedim(1, -1) for m in self.crop(list(maps), stride)]
        # Sums of few lines stay in the processor's cache: two to four times as fast as whole maps.
        blocks = [
            _added_up([part[:, start : start + LINES] for part in parts], weights)
            for start in range(0, max(1, parts[0].shape[1]), LINES)
        ]
        return torch.cat(blocks, 1).movedim(-1, 1)

    def _project_volumes(self, x: Tensor, axes: Tensor, stride: int) -> Tensor:
        """Project layer by layer, since the maps of all layers would take much memory."""
        parts, counts = axes.split(self.sizes), self.counts(x, stride)
        total = x.new_zeros((x.shape[0], *counts, axes.shape[1]))
        for i, maps in enumerate(self.layer_maps(x, stride, _n_layers(parts))):
            cropped = self.crop_layer(maps, i, counts, stride).movedim(1, -1)
            weights = self.strengths[i] * parts[i]
            for sums, volume in zip(total, cropped, strict=True):
                for line, own in zip(sums, volume, strict=True):  # slices fit into the cache
                    line.flatten(0, 1).add_(own.flatten(0, 1) @ weights)
        return total.movedim(-1, 1)

    def needed_maps(
        self, x: Tensor, axes: Tensor, stride: int
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield index, maps and weights of every layer up to the last with nonzero `axes`."""
        parts = axes.split(self.sizes)
        maps = self.activations(x, stride, _n_layers(parts))
        for i, own in enumerate(maps):
            yield i, own, self.strengths[i] * parts[i]

    def place(self, layer: int, stride: int) -> list[tuple[int, int]]:
        """Return offset and spacing of the pixels of the last layer in the maps of a layer.

        For each axis.
        """
        own = [[1] * self.n_axes, *self._strides(stride)[1]][layer]
        pairs = zip(self.margins[layer:].sum(0).tolist(), own, strict=True)
        return [(margin // spacing, stride // spacing) for margin, spacing in pairs]

    def _strides(self, stride: int) -> tuple[list[list[int]], list[list[int]]]:
        """Return the pixel spacing of the input and of the output of every layer."""
        dilations = list(zip(*(layer.dilation for layer in self.layers), strict=True))
        n_layers = len(self.layers)
        after = [[gcd(stride, *own[i + 1 :]) for own in dilations] for i in range(n_layers)]
        return [[1] * self.n_axes, *after[:-1]], after

    def decode(self, hidden: Tensor) -> Tensor:
        """Decode activations (N, n_filters, h, w) of the last layer to patches around pixels."""
        return self.decoder(hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct the patch around every pixel at least `margin` from the border."""
        return self.decode(self.activations(x)[-1])

    @torch.no_grad()
    def initialize(self, x: Tensor) -> None:
        """Draw the weights of every layer, scaled to outputs of unit variance on `x` [1]_.

        References
        ----------
        .. [1] D. Mishkin, J. Matas, "All you need is a good init", ICLR 2016, arXiv:1511.06422.
        """
        for layer in self.layers:
            weight, bias = layer.parameters()
            nn.init.kaiming_normal_(weight)
            nn.init.zeros_(bias)
            weight.div_(layer(x).std() + 1e-6)
            x = torch.relu(layer(x))

    @torch.no_grad()
    def balance(self, x: Tensor) -> None:
        """Set `strengths` so that features on `x` are scaled as in an untrained network.

        Otherwise the arbitrary scale of trained layers would affect projections by variance.
        """
        for i, maps in enumerate(self.activations(x)[1:], start=1):
            self.strengths[i] = RELU_SPREAD / (maps.std() + 1e-6)


def _n_layers(parts: Sequence[Tensor]) -> int:
    """Return the number of layers up to the last with nonzero axes; the first part is the input."""
    return max((i for i, part in enumerate(parts) if part.any()), default=0)


def _added_up(parts: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """Return the sum of maps (N, h, w, c) times weights (c, n): (N, h, w, n)."""
    total = parts[0].flatten(0, -2) @ weights[0]
    for part, own in zip(parts[1:], weights[1:], strict=True):
        total = torch.addmm(total, part.flatten(0, -2), own)
    return total.unflatten(0, parts[0].shape[:-1])


def common_length(lengths: np.ndarray) -> Any:
    """Return lengths along axes, or the number that all of them are."""
    return lengths if len(set(lengths.tolist())) > 1 else int(lengths[0])


def spatial(parts: Iterable[slice]) -> Any:
    """Return the index of parts along the spatial axes of maps (N, C, H, W)."""
    return (..., *parts)


def crop(maps: Tensor, margin: Any) -> Tensor:
    """Remove `margin` pixels from every side of (N, C, H, W); a number, or one for each axis."""
    if not np.any(margin):
        return maps
    n_axes = maps.ndim - 2
    margins = np.broadcast_to(margin, n_axes).tolist()
    pairs = zip(margins, maps.shape[2:], strict=True)
    return maps[spatial(slice(own, size - own) for own, size in pairs)]
