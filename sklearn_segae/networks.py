"""Autoencoders as torch modules: each one has `encode`, `decode` and `forward`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from math import gcd, pi, prod
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ConvAutoencoder", "DenseAutoencoder", "PixelAutoencoder"]

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
}

# By the number of axes that a sample has beside its channels.
CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d}

# Dimensions in which principal axes are looked for beyond their number (Halko et al. 2011).
N_OVERSAMPLED = 8

# Standard deviation of max(0, z), z standard normal: an untrained layer after `initialise`.
RELU_SPREAD = (0.5 - 0.5 / pi) ** 0.5

LINES = 8  # of pixels that are projected at once


def encode(module: Any, x: Tensor) -> Tensor:
    """Call the module's `encode`."""
    return module.encode(x)


def decode(module: Any, codes: Tensor) -> Tensor:
    """Call the module's `decode`."""
    return module.decode(codes)


def reconstruct(module: Any, x: Tensor) -> Tensor:
    """Call the module."""
    return module(x)


class DenseAutoencoder(nn.Module):
    """Rows to codes and back through fully connected layers, mirrored about the code.

    (N, n_features) -> encode -> (N, n_components) -> decode -> (N, n_features)

    Parameters
    ----------
    n_features, n_components : int
        Sizes of a row and of its code.
    hidden_layer_sizes : sequence of int
        Units of the layers between row and code; empty for a linear encoder.
    activation : str
        Of the hidden layers, one of `ACTIVATIONS`. The code itself is linear.
    bounded_output : bool
        Whether outputs lie in [0, 1] (a logistic output layer).
    variational : bool
        Whether the encoder ends in means and log-variances, as `posterior` needs them.
    """

    def __init__(
        self,
        n_features: int,
        n_components: int,
        hidden_layer_sizes: Sequence[int] = (),
        activation: str = "relu",
        bounded_output: bool = False,
        variational: bool = False,
    ) -> None:
        super().__init__()
        n_outputs = 2 * n_components if variational else n_components
        self.encoder = dense_stack([n_features, *hidden_layer_sizes, n_outputs], activation)
        self.decoder = dense_stack(
            [n_components, *reversed(hidden_layer_sizes), n_features], activation
        )
        self.output = nn.Sigmoid() if bounded_output else nn.Identity()
        self.variational = variational

    def encode(self, x: Tensor) -> Tensor:
        """(N, n_features) -> (N, n_components)."""
        return self.posterior(x)[0] if self.variational else self.encoder(x)

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, n_features) -> means and log-variances of the code, (N, n_components) each."""
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        return mean, log_variance

    def decode(self, codes: Tensor) -> Tensor:
        """(N, n_components) -> (N, n_features)."""
        return self.output(self.decoder(codes))

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct the rows."""
        return self.decode(self.encode(x))

    @property
    def ends(self) -> list[nn.Module]:
        """The layers that codes and rows come from."""
        return [self.encoder[-1], self.decoder[-1]]


class Shortcut(nn.Module):
    """An autoencoder with a linear way beside its layers, to codes and back.

    It does for their sum what the shortcuts of residual networks do [1]_: layers have only to learn
    what it leaves over.

    (N, *shape) -> encode -> (N, n_components) -> decode -> (N, *shape)

    Parameters
    ----------
    layers : nn.Module
        An autoencoder with `ends`, and neither bounded nor variational.
    shape : sequence of int
        Of a sample, channels first.
    n_components : int
        Size of a code.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR
       2016, doi:10.1109/CVPR.2016.90.
    """

    def __init__(self, layers: Any, shape: Sequence[int], n_components: int) -> None:
        super().__init__()
        self.layers = layers
        self.shape = tuple(shape)
        self.there = nn.Linear(prod(shape), n_components)
        self.back = nn.Linear(n_components, prod(shape))

    def encode(self, x: Tensor) -> Tensor:
        """(N, *shape) -> (N, n_components)."""
        return self.layers.encode(x) + self.there(x.flatten(1))

    def decode(self, codes: Tensor) -> Tensor:
        """(N, n_components) -> (N, *shape)."""
        return self.layers.decode(codes) + self.back(codes).unflatten(1, self.shape)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct the samples."""
        return self.decode(self.encode(x))

    @torch.no_grad()
    def start_from(self, x: Tensor) -> None:
        """Begin near the principal components of `x` (N, *shape).

        Components that `x` has too few samples or numbers for are 0 on the linear way. The ends of
        the layers begin with a tenth of their strength.
        """
        rows = x.flatten(1)
        n_axes, mean = min(self.there.out_features, *rows.shape), rows.mean(0)
        axes = torch.zeros_like(self.there.weight)
        n_drawn = min(n_axes + N_OVERSAMPLED, *rows.shape)
        axes[:n_axes] = torch.pca_lowrank(rows, n_drawn)[2].T[:n_axes]
        for linear, weight, bias in [(self.there, axes, -axes @ mean), (self.back, axes.T, mean)]:
            linear.weight.copy_(weight)
            linear.bias.copy_(bias)
        for end in self.layers.ends:
            end.weight.mul_(0.1)
            end.bias.zero_()


class Flattened(nn.Module):
    """Images or signals to codes and back, each read as one long row.

    (N, *shape) -> encode -> (N, n_components) -> decode -> (N, *shape)

    Parameters
    ----------
    shape : sequence of int
        Of a sample, channels first.
    rows : DenseAutoencoder
        For rows of as many numbers.
    """

    def __init__(self, shape: Sequence[int], rows: DenseAutoencoder) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.rows = rows

    def encode(self, x: Tensor) -> Tensor:
        """(N, *shape) -> (N, n_components)."""
        return self.rows.encode(x.flatten(1))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, *shape) -> means and log-variances of the code, (N, n_components) each."""
        return self.rows.posterior(x.flatten(1))

    def decode(self, codes: Tensor) -> Tensor:
        """(N, n_components) -> (N, *shape)."""
        return self.rows.decode(codes).unflatten(1, self.shape)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct the samples."""
        return self.decode(self.encode(x))

    @property
    def ends(self) -> list[nn.Module]:
        """The layers that codes and samples come from."""
        return self.rows.ends


class ConvAutoencoder(nn.Module):
    """Images or signals of one size to codes and back: strided convolutions, then dense layers.

    (N, C, H, W) -> encode -> (N, n_components) -> decode -> (N, C, H, W), for any H and W >= 1;
    and so for signals (N, C, T). The decoder mirrors the encoder.

    Parameters
    ----------
    shape : (int, int, int) or (int, int)
        C, H, W of images, or C, T of signals.
    n_components : int
        Size of a code.
    hidden_layer_sizes : sequence of int
        Units of the dense layers between the convolutions and the code.
    activation : str
        One of `ACTIVATIONS`.
    bounded_output : bool
        Whether outputs lie in [0, 1].
    variational : bool
        Whether there is a `posterior`.
    widths : sequence of int
        Channels of the convolutions; each halves the sides.
    """

    def __init__(
        self,
        shape: Sequence[int],
        n_components: int,
        hidden_layer_sizes: Sequence[int] = (),
        activation: str = "relu",
        bounded_output: bool = False,
        variational: bool = False,
        widths: Sequence[int] = (16, 32),
    ) -> None:
        super().__init__()
        n_channels, *side = shape
        convolution = CONVOLUTIONS[len(side)]
        channels = [n_channels, *widths]
        sides = [tuple(side)]
        for _ in widths:
            sides.append(tuple((s + 1) // 2 for s in sides[-1]))
        self.smallest = (channels[-1], *sides[-1])
        self.down = nn.Sequential(
            *(_halve(convolution, i, o, activation) for i, o in pairwise(channels))
        )
        self.dense = DenseAutoencoder(
            prod(self.smallest),
            n_components,
            hidden_layer_sizes,
            activation,
            variational=variational,
        )
        steps = zip(pairwise(channels[::-1]), sides[-2::-1], strict=True)
        self.up = nn.Sequential(
            *(_enlarge(convolution, i, o, s, activation) for (i, o), s in steps)
        )
        self.output = nn.Sigmoid() if bounded_output else nn.Identity()

    def encode(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, n_components)."""
        return self.dense.encode(self.down(x).flatten(1))

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) -> means and log-variances of the code, (N, n_components) each."""
        return self.dense.posterior(self.down(x).flatten(1))

    def decode(self, codes: Tensor) -> Tensor:
        """(N, n_components) -> (N, C, H, W)."""
        return self.output(self.up(self.dense.decode(codes).unflatten(1, self.smallest)))

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct the images or signals."""
        return self.decode(self.encode(x))

    @property
    def ends(self) -> list[nn.Module]:
        """The layers that codes and images come from."""
        last: Any = self.up[-1]
        return [self.dense.ends[0], last[-1]]


def dense_stack(sizes: Sequence[int], activation: str) -> nn.Sequential:
    """Return fully connected layers of the given sizes, the last one linear."""
    if not all(isinstance(n, Integral) and n > 0 for n in sizes):
        raise ValueError(
            f"hidden_layer_sizes={tuple(sizes[1:-1])!r:.80}, but a layer has a whole number of "
            "units, at least 1. Pass () for no hidden layer."
        )
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])  # the last layer stays linear


def _halve(convolution: Any, n_in: int, n_out: int, activation: str) -> nn.Sequential:
    return nn.Sequential(
        convolution(n_in, n_out, 3, stride=2, padding=1), ACTIVATIONS[activation]()
    )


def _enlarge(
    convolution: Any, n_in: int, n_out: int, side: tuple[int, ...], activation: str
) -> nn.Sequential:
    # Upsampling to a given size, not a transposed convolution: any side comes back exactly. The
    # activation stands in front, so that the last stage of the decoder ends linear.
    return nn.Sequential(
        ACTIVATIONS[activation](), nn.Upsample(size=side), convolution(n_in, n_out, 3, padding=1)
    )


class PixelAutoencoder(nn.Module):
    """A feature vector for every pixel from the patch around it, and the patch from the features.

    Convolutions without padding: features of a pixel see (2 * margin + 1)**2 pixels and nothing
    else, wherever the pixel lies.

    (N, C, H, W) -> encode -> (N, n_features, H - 2 * margin, W - 2 * margin)
    hidden features (N, width, h, w) -> decode -> (N, C * patch_size**2, h, w)

    Parameters
    ----------
    n_channels : int
        C, channels of the images.
    width : int
        Channels of every hidden layer.
    dilations : sequence of int
        One convolution each; their sum is the margin.
    kernel_size : int
        3 for images; 1 for rows, whose pixels have no neighbours.
    patch_size : int
        Side of the square patch that the decoder reconstructs, odd, in pixels.
    """

    strengths: Tensor

    def __init__(
        self,
        n_channels: int,
        width: int = 32,
        dilations: Sequence[int] = (1, 1, 2, 4),
        kernel_size: int = 3,
        patch_size: int = 9,
    ) -> None:
        super().__init__()
        channels = [n_channels] + [width] * len(dilations)
        self.layers: Any = nn.ModuleList(
            nn.Conv2d(n_in, n_out, kernel_size, dilation=d)
            for (n_in, n_out), d in zip(pairwise(channels), dilations, strict=True)
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(width, 2 * width, 1),
            nn.ReLU(),
            nn.Conv2d(2 * width, n_channels * patch_size**2, 1),
        )
        self.patch_size = patch_size
        self.margins = [d * (kernel_size // 2) for d in dilations]
        self.margin = sum(self.margins)
        self.sizes = channels
        self.n_features = sum(channels)
        self.register_buffer("strengths", torch.ones(len(channels)))
        for layer in self.layers:  # measured: twice as fast on a CPU
            layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def activations(self, x: Tensor, stride: int = 1, n_layers: int | None = None) -> list[Tensor]:
        """Input and activations of the first `n_layers`, each smaller than the one before.

        None is all layers.
        The last layer's are those of every `stride`-th pixel, down and across. Layers before it
        leave out what none of the following looks at: with dilations 1, 1, 2, 4 and a stride of 2,
        all but the first do a quarter of the work.
        """
        maps = [x]
        layers = zip(self.layers, *self._strides(stride), strict=True)
        for layer, before, after in islice(layers, n_layers):
            step, dilation = after // before, layer.dilation[0] // before
            y = functional.conv2d(maps[-1], layer.weight, layer.bias, step, dilation=dilation)
            maps.append(torch.relu_(y))
        return maps

    @property
    def network(self) -> PixelAutoencoder:
        """What reads the views: itself."""
        return self

    def views(self, x: Tensor) -> list[Tensor]:
        """Return what is to be read of images: themselves."""
        return [x]

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
        """Input and activations -> (N, n_features, h, w), side by side, equally strong."""
        parts = zip(self.strengths, self.crop(maps, stride), strict=True)
        return torch.cat([strength * m for strength, m in parts], 1)

    def encode(self, x: Tensor, stride: int = 1) -> Tensor:
        """(N, C, H, W) -> (N, n_features, h, w), of every `stride`-th pixel.

        h = ceil((H - 2 * margin) / stride), w likewise.
        """
        return self.features(self.activations(x, stride), stride)

    def project(self, x: Tensor, axes: Tensor, stride: int = 1) -> Tensor:
        """Return `encode(x, stride)` times `axes` (n_features, n): (N, n, h, w).

        Layers that no axis looks at are not computed.
        """
        _, maps, weights = zip(*self.looked_at(x, axes, stride), strict=True)
        parts = [m.movedim(1, -1) for m in self.crop(list(maps), stride)]
        # Some lines at a time, so that what is added up stays in the processor's cache: measured,
        # two to four times as fast as adding whole maps.
        blocks = [
            _added_up([part[:, start : start + LINES] for part in parts], weights)
            for start in range(0, max(1, parts[0].shape[1]), LINES)
        ]
        return torch.cat(blocks, 1).movedim(-1, 1)

    def looked_at(
        self, x: Tensor, axes: Tensor, stride: int
    ) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield what `axes` look at: a layer, its maps, and what these are multiplied by."""
        parts = axes.split(self.sizes)
        n_layers = max((i for i, part in enumerate(parts) if part.any()), default=0)
        maps = self.activations(x, stride, n_layers)
        for i, own in enumerate(maps):
            yield i, own, self.strengths[i] * parts[i]

    def place(self, layer: int, stride: int) -> tuple[int, int]:
        """Return where the pixels of the last layer begin in a layer's maps, and how far apart."""
        own = [1, *self._strides(stride)[1]][layer]
        return sum(self.margins[layer:]) // own, stride // own

    def _strides(self, stride: int) -> tuple[list[int], list[int]]:
        """Pixels between what every layer reads, and between what it writes."""
        dilations = [layer.dilation[0] for layer in self.layers]
        after = [gcd(stride, *dilations[i + 1 :]) for i in range(len(dilations))]
        return [1, *after[:-1]], after

    def decode(self, hidden: Tensor) -> Tensor:
        """(N, width, h, w), the last layer's activations -> the patch around every pixel."""
        return self.decoder(hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct the patch around every pixel that is `margin` away from the border."""
        return self.decode(self.activations(x)[-1])

    @torch.no_grad()
    def initialise(self, x: Tensor) -> None:
        """Draw the weights of every layer, scaled to outputs of unit spread on `x`.

        A data-dependent initialisation [1]_: whatever the channels of the images are like, the
        layers of the untrained network are comparable.

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
        """Make all layers' features as strong on `x` as those of an untrained network.

        Training is free to scale a layer up or down, which means nothing; where the projection
        keeps variance, it would.
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
    """Take `margin` pixels off every side of (N, C, H, W)."""
    return maps[..., margin:-margin, margin:-margin] if margin else maps
