"""A convolutional autoencoder of patches that computes a feature vector for every pixel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from math import gcd, pi
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ._initialization import DrawingFrom


def pixel_network(
    x: torch.Tensor, n_filters: int, generator: torch.Generator, rows: bool = False
) -> PixelAutoencoder:
    """Return a network with random weights for images like `x` (n, C, H, W)."""
    n_channels = x.shape[1]
    # Smaller patches for many channels.
    patch_size = (
        1 if rows else next(s for s in (9, 7, 5, 3, 1) if s == 1 or n_channels * s**2 < 400)
    )
    kernel_size = 1 if rows else 3
    with DrawingFrom(generator):
        module = PixelAutoencoder(
            n_channels, n_filters, kernel_size=kernel_size, patch_size=patch_size
        )
        module.initialize(x)
    return module


# Standard deviation of max(0, z), z standard normal: an untrained layer after `initialize`.
RELU_SPREAD = (0.5 - 0.5 / pi) ** 0.5

LINES = 8  # of pixels that are projected at once


class PixelAutoencoder(nn.Module):
    """Encode the patch around every pixel as a feature vector, and decode the patch.

    Convolutions have no padding: the features of a pixel depend on (2 * margin + 1)**2 pixels.

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
    """

    strengths: Tensor

    def __init__(
        self,
        n_channels: int,
        n_filters: int = 32,
        dilations: Sequence[int] = (1, 1, 2, 4),
        kernel_size: int = 3,
        patch_size: int = 9,
    ) -> None:
        super().__init__()
        channels = [n_channels] + [n_filters] * len(dilations)
        self.layers: Any = nn.ModuleList(
            nn.Conv2d(n_in, n_out, kernel_size, dilation=d)
            for (n_in, n_out), d in zip(pairwise(channels), dilations, strict=True)
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(n_filters, 2 * n_filters, 1),
            nn.ReLU(),
            nn.Conv2d(2 * n_filters, n_channels * patch_size**2, 1),
        )
        self.patch_size = patch_size
        self.margins = [d * (kernel_size // 2) for d in dilations]
        self.margin = sum(self.margins)
        self.sizes = channels
        self.n_features = sum(channels)
        self.register_buffer("strengths", torch.ones(len(channels)))
        for layer in self.layers:  # twice as fast on a CPU
            layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def activations(self, x: Tensor, stride: int = 1, n_layers: int | None = None) -> list[Tensor]:
        """Return the input and the activations of the first `n_layers`; None is all layers.

        Activations of the last layer are those of every `stride`-th pixel in both directions.
        Previous layers skip pixels that no following layer reads: with dilations 1, 1, 2, 4 and a
        stride of 2, all but the first do a quarter of the work.
        """
        maps = [x]
        layers = zip(self.layers, *self._strides(stride), strict=True)
        for layer, before, after in islice(layers, n_layers):
            step, dilation = after // before, layer.dilation[0] // before
            y = functional.conv2d(maps[-1], layer.weight, layer.bias, step, dilation=dilation)
            maps.append(torch.relu_(y))
        return maps

    def crop(self, maps: list[Tensor], stride: int = 1) -> list[Tensor]:
        """Crop maps the size of the first activations to the pixels of the last layer."""
        height, width = (-(-(size - 2 * self.margin) // stride) for size in maps[0].shape[-2:])
        cropped = []
        for i, m in enumerate(maps):
            first, step = self.place(i, stride)
            rows, columns = (slice(first, first + n * step, step) for n in (height, width))
            cropped.append(m[..., rows, columns])
        return cropped

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
        _, maps, weights = zip(*self.needed_maps(x, axes, stride), strict=True)
        parts = [m.movedim(1, -1) for m in self.crop(list(maps), stride)]
        # Sums of few lines stay in the processor's cache: two to four times as fast as whole maps.
        blocks = [
            _added_up([part[:, start : start + LINES] for part in parts], weights)
            for start in range(0, max(1, parts[0].shape[1]), LINES)
        ]
        return torch.cat(blocks, 1).movedim(-1, 1)

    def needed_maps(
        self, x: Tensor, axes: Tensor, stride: int
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield index, maps and weights of every layer up to the last with nonzero `axes`."""
        parts = axes.split(self.sizes)
        n_layers = max((i for i, part in enumerate(parts) if part.any()), default=0)
        maps = self.activations(x, stride, n_layers)
        for i, own in enumerate(maps):
            yield i, own, self.strengths[i] * parts[i]

    def place(self, layer: int, stride: int) -> tuple[int, int]:
        """Return offset and spacing of the pixels of the last layer in the maps of a layer."""
        own = [1, *self._strides(stride)[1]][layer]
        return sum(self.margins[layer:]) // own, stride // own

    def _strides(self, stride: int) -> tuple[list[int], list[int]]:
        """Return the pixel spacing of the input and of the output of every layer."""
        dilations = [layer.dilation[0] for layer in self.layers]
        after = [gcd(stride, *dilations[i + 1 :]) for i in range(len(dilations))]
        return [1, *after[:-1]], after

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


def _added_up(parts: Sequence[Tensor], weights: Sequence[Tensor]) -> Tensor:
    """Return the sum of maps (N, h, w, c) times weights (c, n): (N, h, w, n)."""
    total = parts[0].flatten(0, 2) @ weights[0]
    for part, own in zip(parts[1:], weights[1:], strict=True):
        total = torch.addmm(total, part.flatten(0, 2), own)
    return total.unflatten(0, parts[0].shape[:3])


def crop(maps: Tensor, margin: int) -> Tensor:
    """Remove `margin` pixels from every side of (N, C, H, W)."""
    return maps[..., margin:-margin, margin:-margin] if margin else maps
