"""Blocks of features: some components of the codes each, computed from the pixels around a pixel.

A new kind of features is a subclass of `Block` here or in a file of its own, a row of
`_codes.FEATURES` that fits it, and its name in `persistence._schema`, so that files may hold it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..networks._pixel_autoencoder import crop
from ._local_jets import FRAME, RADIUS, jet_sizes, local_jets
from ._pooling import TilePooling, pool_radius, stride_of, views_of
from ._projection import Projection


class Block:
    """Some components of the codes. What is fitted is in its fields, which files store.

    Called with the encoder's network (which it need not use), images (N, C, H + 2 * margin,
    W + 2 * margin) and a pooling, it returns (N, n_components, h, w): components of the pixels that
    the pooling is for. In ONNX graphs `pooling` and network are replaced by what traces.
    """

    @property
    def names(self) -> dict[str, int]:
        """Kinds of components, and the number of each, in order."""
        raise NotImplementedError

    @property
    def reach(self) -> int:
        """Pixels beyond a tile that are averaged, as far as the image has them."""
        return 0

    def margin(self, network: Any) -> int:
        """Pixels beyond these that are read, mirrored at the borders of the image."""
        return 0

    def n_numbers(self, network: Any) -> int:
        """Numbers a pixel that are in memory while components are computed, beside these."""
        return 0

    def masked(self, used: np.ndarray) -> Block:
        """Return a block that may leave out what only unused components need, bool (n,)."""
        return self

    def __call__(self, network: Any, x: Tensor, pooling: TilePooling) -> Tensor:
        """Compute the components."""
        raise NotImplementedError

    @property
    def n_components(self) -> int:
        """Numbers per pixel."""
        return sum(self.names.values())


@dataclass(frozen=True, eq=False)
class LearntBlock(Block):
    """Projections of the activations of all layers of the encoder's network, each pooled.

    Attributes
    ----------
    projections : list of Projection
        The most widely pooled first.
    contrast_sigma : float
        If above 0, projected are the features of two views of the image (see `views_of`).
    narrow : Projection or None
        Of the same features, pooled less: components that are computed on demand.
    """

    projections: list[Projection]
    contrast_sigma: float = 0.0
    narrow: Projection | None = None

    @property
    def names(self) -> dict[str, int]:
        """Wide components, and then narrow ones, if there are any."""
        kinds = ("wide codes", "narrow codes")
        return {k: len(p.offset) for k, p in zip(kinds, self.projections, strict=False)}

    @property
    def reach(self) -> int:
        """Radius of the widest pooling."""
        return max(pool_radius(p.sigma) for p in self.projections)

    def margin(self, network: Any) -> int:
        """Return that of the network, and of the contrast normalization before it."""
        return network.margin + pool_radius(self.contrast_sigma)

    def n_numbers(self, network: Any) -> int:
        """Count all layers, and once more on their way; of projections, one for each layer."""
        projections = [p for p in (*self.projections, self.narrow) if p is not None]
        return 2 * network.n_features + 5 * sum(len(p.offset) for p in projections)

    def masked(self, used: np.ndarray) -> Block:
        """Set the axes of unused components to 0: layers that no axis needs are left out."""
        parts = np.split(used, np.cumsum(list(self.names.values()))[:-1])
        pairs = zip(self.projections, parts, strict=True)
        return replace(self, projections=[p._replace(axes=p.axes * u) for p, u in pairs])

    def __call__(self, network: Any, x: Tensor, pooling: TilePooling) -> Tensor:
        """Compute the components of all projections in one pass over the layers."""
        views = views_of(x, self.contrast_sigma, pooling.smooth)
        axes = [_tensor_like(p.axes, x) for p in self.projections]
        return project_and_pool(network, views, axes, [p.sigma for p in self.projections], pooling)


@dataclass(frozen=True, eq=False)
class JetBlock(Block):
    """Local jets of some colors."""

    colors: np.ndarray  # (C, q), those that jets are of

    @property
    def names(self) -> dict[str, int]:
        """Jets of every scale."""
        n_colors = self.colors.shape[1]
        return {f"jets at {sigma:g} px": n * n_colors for sigma, n in jet_sizes().items()}

    @property
    def reach(self) -> int:
        """Radius of the widest scale."""
        return RADIUS

    def margin(self, network: Any) -> int:
        """Return the pixels that derivatives need."""
        return FRAME

    def __call__(self, network: Any, x: Tensor, pooling: TilePooling) -> Tensor:
        """Compute slope, curvatures and values of every scale."""
        colors = (x.movedim(1, 3) @ _tensor_like(self.colors, x)).movedim(3, 1)
        return local_jets(colors, pooling)


@dataclass(frozen=True, eq=False)
class BandBlock(Block):
    """The channels themselves."""

    n_channels: int

    @property
    def names(self) -> dict[str, int]:
        """The channels."""
        return {"bands": self.n_channels}

    def __call__(self, network: Any, x: Tensor, pooling: TilePooling) -> Tensor:
        """Return the scaled pixels."""
        return pooling.pool(x, 0)


def margin_of(blocks: Sequence[Block], network: Any) -> int:
    """Return the largest margin of blocks."""
    return max(block.margin(network) for block in blocks)


def compute_blocks(
    blocks: Sequence[Block], network: Any, x: Tensor, pooling: TilePooling
) -> Tensor:
    """Return the components (N, n, h, w) of blocks, side by side; `x` has `margin_of` them."""
    margin = margin_of(blocks, network)
    maps = [block(network, crop(x, margin - block.margin(network)), pooling) for block in blocks]
    return torch.cat(maps, 1)


def project_and_pool(
    network: Any,
    views: Sequence[Tensor],
    axes: Sequence[Tensor],
    sigmas: Sequence[float],
    pooling: TilePooling,
) -> Tensor:
    """Project the features of all views on `axes`, then pool them: a sigma for each set of axes.

    Views (N, C, H + 2 * margin, W + 2 * margin) -> (N, n_components, h, w), with axes
    (n_views * n_features, n) for n of the components. Both steps are linear, so that a few
    components are pooled instead of all features.
    """
    every, ends = torch.cat(list(axes), 1), np.cumsum([a.shape[1] for a in axes])
    parts = every.chunk(len(views))
    needed = np.stack([part.any(0).cpu().numpy() for part in parts])  # often by one view alone
    needed[0] |= ~needed.any()  # all axes may be masked
    maps = []
    for view, part, own in zip(views, parts, map(np.flatnonzero, needed), strict=True):
        sizes = np.diff(np.searchsorted(own, [0, *ends])).tolist()
        if any(sizes):
            stride = stride_of(min(s for s, size in zip(sigmas, sizes, strict=True) if size))
            projected = network.project(view, part[:, own], stride).split(sizes, 1)
            sets = [(p, s) for p, s in zip(projected, sigmas, strict=True) if p.shape[1]]
            pooled = torch.cat([pooling.pool(p, sigma, stride) for p, sigma in sets], 1)
            maps.append(_at_columns(pooled, own, every.shape[1]))
    return reduce(torch.add, maps).contiguous()


def _at_columns(maps: Tensor, columns: np.ndarray, n: int) -> Tensor:
    """Return `n` channels: maps in their columns, 0 in the others."""
    if len(columns) == n:
        return maps
    place = np.full(n, len(columns))
    place[columns] = np.arange(len(columns))
    return torch.cat([maps, torch.zeros_like(maps[:, :1])], 1)[:, place]


def _tensor_like(array: np.ndarray, x: Tensor) -> Tensor:
    return torch.from_numpy(array).to(x.dtype).to(x.device)
