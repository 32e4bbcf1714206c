"""Autoencoder of mixtures: codes are shares of pure components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ._autoencoders import dense_stack
from ._simplex import minimum_volume_simplex

UNBOUNDED = -torch.finfo(torch.float32).max
PSEUDOINVERSE_TOLERANCE = 1e-8  # k vertices span k - 1 dimensions; the last singular value is 0


class UnmixingAutoencoder(nn.Module):
    """Autoencoder of mixed spectra: abundances as codes, and a linear decoder [1]_.

    (N, n_features) -> encode -> (N, n_components), >= 0 and of sum 1 -> decode -> (N, n_features)

    The encoder is a linear map, plus dense layers if there are any, projected to the simplex by
    sparsemax [2]_. The decoder adds up the endmembers, weighted by the abundances.

    Parameters
    ----------
    n_features, n_components : int
        Numbers of bands and of endmembers.
    hidden_layer_sizes : sequence of int
        Units of the dense layers of the encoder; empty for a linear map alone.
    activation : str
        Activation of these layers, a key of `ACTIVATIONS`.
    lowest : array of shape (n_features,) or None
        Lower bound of the endmembers; None for no bound.

    References
    ----------
    .. [1] B. Palsson et al., "Hyperspectral unmixing using a neural network autoencoder", IEEE
       Access 6, 2018, doi:10.1109/ACCESS.2018.2818280.
    .. [2] A. Martins, R. Astudillo, "From softmax to sparsemax", ICML 2016, arXiv:1602.02068.
    """

    lowest: Tensor
    linear_decoder = True
    weighted_initialization = True

    def __init__(
        self,
        n_features: int,
        n_components: int,
        hidden_layer_sizes: Sequence[int] = (),
        activation: str = "relu",
        lowest: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        sizes = [n_features, *hidden_layer_sizes, n_components]
        self.layers = dense_stack(sizes, activation) if len(sizes) > 2 else None
        self.linear = nn.Linear(n_features, n_components)
        self.weight = nn.Parameter(torch.zeros(n_components, n_features))
        bound = np.full(n_features, UNBOUNDED) if lowest is None else lowest
        self.register_buffer("lowest", torch.as_tensor(bound, dtype=torch.float32))

    @property
    def endmembers(self) -> Tensor:
        """The endmembers (n_components, n_features), weights reflected at the lower bound.

        Clipped ones would have no gradient, and remain at the bound.
        """
        return self.weight + 2 * functional.relu(self.lowest - self.weight)

    def encode(self, x: Tensor) -> Tensor:
        """(N, n_features) -> abundances (N, n_components)."""
        scores = self.linear(x)
        return sparsemax(scores if self.layers is None else scores + self.layers(x))

    def decode(self, codes: Tensor) -> Tensor:
        """Abundances (N, n_components) -> mixtures (N, n_features)."""
        return codes @ self.endmembers

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct the spectra."""
        return self.decode(self.encode(x))

    @torch.no_grad()
    def initialize_from(self, x: Tensor, weight: Tensor | None = None) -> None:
        """Initialize with the vertices of the smallest simplex around `x` (N, n_features).

        `weight` (N,) are sample weights. The linear map gives barycentric coordinates. If `x` has
        too few dimensions for all endmembers, the abundances of the others are 0. Output weights of
        the layers are divided by 10.
        """
        rows = x.double().numpy()
        lowest = self.lowest.double().numpy()
        weights = np.ones(len(rows)) if weight is None else weight.double().numpy()
        vertices = minimum_volume_simplex(rows, len(self.weight), weights)
        vertices = np.maximum(vertices, lowest)
        mean = np.average(rows, axis=0, weights=weights)
        self.weight.copy_(torch.from_numpy(np.maximum(mean, lowest)))
        self.weight[: len(vertices)] = torch.from_numpy(vertices)
        self._encode_barycentric(vertices)
        if self.layers is not None:
            end: Any = self.layers[-1]
            end.weight.mul_(0.1)
            end.bias.zero_()

    def _encode_barycentric(self, vertices: np.ndarray) -> None:
        """Set the linear map to barycentric coordinates; those of further components are -1."""
        n, center = len(vertices), vertices.mean(0)
        inverse = np.linalg.pinv(vertices - center, rcond=PSEUDOINVERSE_TOLERANCE)
        self.linear.weight.zero_()
        self.linear.weight[:n] = torch.from_numpy(inverse.T)
        self.linear.bias.fill_(-1.0)
        self.linear.bias[:n] = torch.from_numpy(1 / n - center @ inverse)


def sparsemax(scores: Tensor) -> Tensor:
    """Project every row of (N, n) to the nearest point of the simplex: >= 0, with a sum of 1."""
    ordered = scores.sort(1, descending=True).values
    counts = torch.arange(1, scores.shape[1] + 1, dtype=scores.dtype, device=scores.device)
    excess = (ordered.cumsum(1) - 1) / counts
    n_kept = (ordered > excess).sum(1, keepdim=True)
    return functional.relu(scores - excess.gather(1, n_kept - 1))
