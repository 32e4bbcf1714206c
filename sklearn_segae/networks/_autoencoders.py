"""Autoencoders as torch modules: each one has `encode`, `decode` and `forward`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from numbers import Integral
from typing import Any

import torch
from torch import Tensor, nn

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


class LinearShortcut(nn.Module):
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
        self.encode_linear = nn.Linear(prod(shape), n_components)
        self.decode_linear = nn.Linear(n_components, prod(shape))

    def encode(self, x: Tensor) -> Tensor:
        """(N, *shape) -> (N, n_components)."""
        return self.layers.encode(x) + self.encode_linear(x.flatten(1))

    def decode(self, codes: Tensor) -> Tensor:
        """(N, n_components) -> (N, *shape)."""
        return self.layers.decode(codes) + self.decode_linear(codes).unflatten(1, self.shape)

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct the samples."""
        return self.decode(self.encode(x))

    @torch.no_grad()
    def initialize_from(self, x: Tensor) -> None:
        """Begin near the principal components of `x` (N, *shape).

        Components that `x` has too few samples or numbers for are 0 on the linear way. The ends of
        the layers begin with a tenth of their strength.
        """
        rows = x.flatten(1)
        n_axes, mean = min(self.encode_linear.out_features, *rows.shape), rows.mean(0)
        axes = torch.zeros_like(self.encode_linear.weight)
        n_drawn = min(n_axes + N_OVERSAMPLED, *rows.shape)
        axes[:n_axes] = torch.pca_lowrank(rows, n_drawn)[2].T[:n_axes]
        for linear, weight, bias in [
            (self.encode_linear, axes, -axes @ mean),
            (self.decode_linear, axes.T, mean),
        ]:
            linear.weight.copy_(weight)
            linear.bias.copy_(bias)
        for end in self.layers.ends:
            end.weight.mul_(0.1)
            end.bias.zero_()


class FlattenedAutoencoder(nn.Module):
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
