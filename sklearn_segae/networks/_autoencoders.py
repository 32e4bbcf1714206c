"""Autoencoders of rows, images and signals as torch modules."""

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

# By the number of axes of a sample besides channels.
CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d}

# Oversampling of the randomized search for principal axes (Halko et al. 2011).
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


def has_linear_decoder(module: Any) -> bool:
    """Return whether `decode` of one of our modules is known to be an affine map."""
    return bool(getattr(module, "linear_decoder", False))


class DenseAutoencoder(nn.Module):
    """Autoencoder of rows with fully connected layers; the decoder mirrors the encoder.

    (N, n_features) -> encode -> (N, n_components) -> decode -> (N, n_features)

    Parameters
    ----------
    n_features, n_components : int
        Sizes of a row and of its code.
    hidden_layer_sizes : sequence of int
        Units of the layers between row and code; empty for a linear encoder.
    activation : str
        Activation of the hidden layers, a key of `ACTIVATIONS`. The code is linear.
    bounded_output : bool
        Whether outputs lie in [0, 1] (a logistic output layer).
    variational : bool
        Whether the encoder outputs means and log-variances, for `posterior`.
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
    def linear_decoder(self) -> bool:
        """Whether the decoder is an affine map."""
        layers = [*self.decoder, self.output]
        return all(isinstance(layer, nn.Linear | nn.Identity) for layer in layers)

    @property
    def ends(self) -> list[nn.Module]:
        """The output layers of encoder and decoder."""
        return [self.encoder[-1], self.decoder[-1]]


class LinearShortcut(nn.Module):
    """An autoencoder with linear shortcuts in parallel to encoder and decoder [1]_.

    (N, *shape) -> encode -> (N, n_components) -> decode -> (N, *shape)

    Parameters
    ----------
    layers : nn.Module
        An autoencoder with `ends`, neither bounded nor variational.
    shape : sequence of int
        Shape of a sample, channels first.
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

    @property
    def linear_decoder(self) -> bool:
        """Whether the decoder is an affine map."""
        return has_linear_decoder(self.layers)

    @torch.no_grad()
    def initialize_from(self, x: Tensor) -> None:
        """Initialize the shortcuts with the principal axes of `x` (N, *shape).

        Components beyond the rank of `x` are 0. The weights of the output layers are divided by 10.
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
    """Autoencoder of images or signals that are flattened to rows.

    (N, *shape) -> encode -> (N, n_components) -> decode -> (N, *shape)

    Parameters
    ----------
    shape : sequence of int
        Shape of a sample, channels first.
    rows : DenseAutoencoder
        Autoencoder of the flattened samples.
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
    def linear_decoder(self) -> bool:
        """Whether the decoder is an affine map."""
        return self.rows.linear_decoder

    @property
    def ends(self) -> list[nn.Module]:
        """The output layers of encoder and decoder."""
        return self.rows.ends


class ConvAutoencoder(nn.Module):
    """Autoencoder of images or signals of one size: strided convolutions, then dense layers.

    (N, C, H, W) -> encode -> (N, n_components) -> decode -> (N, C, H, W), for any H and W >= 1,
    or signals (N, C, T). The decoder mirrors the encoder.

    Parameters
    ----------
    shape : (int, int, int) or (int, int)
        C, H, W of images, or C, T of signals.
    n_components, activation, bounded_output, variational : as in :class:`DenseAutoencoder`
    hidden_layer_sizes : sequence of int
        Units of the dense layers between the convolutions and the code.
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
        """The output layers of encoder and decoder."""
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
    # Upsampling to a given size, unlike a transposed convolution, restores any side exactly. The
    # activation comes first, so that the output of the decoder is linear.
    return nn.Sequential(
        ACTIVATIONS[activation](), nn.Upsample(size=side), convolution(n_in, n_out, 3, padding=1)
    )
