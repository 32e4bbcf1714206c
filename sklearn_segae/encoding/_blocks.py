"""Blocks of features: groups of components of the codes.

To add a kind of features, add a subclass of `Block`, a function in `_codes.FEATURES` that fits it,
and its name in `persistence._schema`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..imaging._tiles import STRIDE
from ..networks._pixel_autoencoder import crop
from ._backbone import Backbone
from ._local_jets import FRAME, RADIUS, jet_sizes, local_jets
from ._pooling import TilePooling, pool_radius, stride_of, views_of
from ._projection import Projection
from ._spectra import POOLINGS


class Block:
    """Base class of blocks. Fields hold what is fitted, and are stored in files.

    A call maps the encoder's network, images (N, C, H + 2 * margin, W + 2 * margin) and a pooling
    to components (N, n_components, h, w) of the pixels of the pooling. ONNX graphs pass traceable
    replacements of network and pooling.
    """

    @property
    def names(self) -> dict[str, int]:
        """Kinds of components and their numbers, in order."""
        raise NotImplementedError

    @property
    def reach(self) -> int:
        """Number of pixels around a tile that are averaged, clipped at image borders."""
        return 0

    @property
    def grid(self) -> int:
        """Tiles have to begin at multiples of this number of pixels."""
        return STRIDE

    def margin(self, network: Any) -> int:
        """Return the number of further pixels around it, mirrored at image borders."""
        return 0

    def n_numbers(self, network: Any) -> int:
        """Return the number of temporary values per pixel."""
        return 0

    def masked(self, used: np.ndarray) -> Block:
        """Return a block that may skip unused components; `used` is a mask (n,)."""
        return self

    def __call__(self, network: Any, x: Tensor, pooling: TilePooling) -> Tensor:
        """Compute the components."""
        raise NotImplementedError

    @property
    def n_components(self) -> int:
        """Number of components."""
        return sum(self.names.values())


@dataclass(frozen=True, eq=False)
class LearntBlock(Block):
    """Pooled projections of the activations of all layers of the encoder's network."""

    projections: list[Projection]  # widest pooling first
    contrast_sigma: float = 0.0  # > 0: features are those of two views of the image (`views_of`)
    narrow: Projection | None = None  # with narrower pooling, computed on demand

    @property
    def names(self) -> dict[str, int]:
        """Wide and narrow components."""
        kinds = ("wide codes", "narrow codes")
        return {k: len(p.offset) for k, p in zip(kinds, self.projections, strict=False)}

    @property
    def reach(self) -> int:
        """Radius of the widest pooling in pixels."""
        return max(pool_radius(p.sigma) for p in self.projections)

    def margin(self, network: Any) -> int:
        """Return the margin of network and contrast normalization."""
        return network.margin + pool_radius(self.contrast_sigma)

    def n_numbers(self, network: Any) -> int:
        """Count two copies of all layers, and five of the projections."""
        projections = [p for p in (*self.projections, self.narrow) if p is not None]
        return 2 * network.n_features + 5 * sum(len(p.offset) for p in projections)

    def masked(self, used: np.ndarray) -> Block:
        """Set the axes of unused components to 0, which skips layers without other axes."""
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
    """Local jets of linear combinations of the channels."""

    colors: np.ndarray  # (C, q)

    @property
    def names(self) -> dict[str, int]:
        """Jets at each scale."""
        n_colors = self.colors.shape[1]
        return {f"jets at {sigma:g} px": n * n_colors for sigma, n in jet_sizes().items()}

    @property
    def reach(self) -> int:
        """Radius of the largest scale in pixels."""
        return RADIUS

    def margin(self, network: Any) -> int:
        """Return the margin for derivatives."""
        return FRAME

    def __call__(self, network: Any, x: Tensor, pooling: TilePooling) -> Tensor:
        """Compute slope, curvatures and values at each scale."""
        colors = (x.movedim(1, 3) @ _tensor_like(self.colors, x)).movedim(3, 1)
        return local_jets(colors, pooling)


@dataclass(frozen=True, eq=False)
class SpectralBlock(Block):
    """Spectral components, pooled at several scales."""

    axes: np.ndarray  # (C, q)

    @property
    def names(self) -> dict[str, int]:
        """Components at each scale."""
        return {f"spectra at {sigma:g} px": self.axes.shape[1] for sigma in POOLINGS}

    @property
    def reach(self) -> int:
        """Radius of the widest pooling in pixels."""
        return pool_radius(POOLINGS[-1])

    def n_numbers(self, network: Any) -> int:
        """Count three copies of the channels, and two of the components."""
        n_channels, n_components = self.axes.shape
        return 3 * n_channels + 2 * n_components

    def __call__(self, network: Any, x: Tensor, pooling: TilePooling) -> Tensor:
        """Project and pool the spectra."""
        components = (x.movedim(1, 3) @ _tensor_like(self.axes, x)).movedim(3, 1)
        return torch.cat([pooling.pool(components, sigma) for sigma in POOLINGS], 1)


@dataclass(frozen=True, eq=False)
class BandBlock(Block):
    """The scaled channels."""

    n_channels: int

    @property
    def names(self) -> dict[str, int]:
        """The channels."""
        return {"bands": self.n_channels}

    def __call__(self, network: Any, x: Tensor, pooling: TilePooling) -> Tensor:
        """Return the scaled pixels."""
        return pooling.pool(x, 0)


class StrideAxes(NamedTuple):
    """Linear encoder of the features at one stride: (features - mean) @ axes."""

    axes: np.ndarray  # (F, n)
    mean: np.ndarray  # (F,)


@dataclass(frozen=True, eq=False)
class PretrainedBlock(Block):
    """Codes of the features of a frozen network, encoded at their stride and interpolated."""

    backbone: Backbone
    to_rgb: np.ndarray  # (C + 1, 3), scaled channels to the input of the network, last row: offset
    encoders: list[StrideAxes]  # one for each stride

    @property
    def names(self) -> dict[str, int]:
        """Codes at each stride."""
        pairs = zip(self.strides, self.encoders, strict=True)
        return {f"pretrained codes at stride {s}": e.axes.shape[1] for s, e in pairs}

    @property
    def strides(self) -> list[int]:
        """Sides of the cells in pixels."""
        return self.backbone.strides

    @property
    def reach(self) -> int:
        """Radius of the receptive field in pixels."""
        return self.backbone.reach

    @property
    def grid(self) -> int:
        """Spacing of the tiles on which the network has the same cells."""
        return self.backbone.grid

    def n_numbers(self, network: Any) -> int:
        """Count activations."""
        return self.backbone.n_numbers

    def cells(self, x: Tensor, pooling: TilePooling) -> list[Tensor]:
        """Return the codes (N, n, H / s, W / s) of images (N, C, H, W) at each stride s."""
        maps = self.features(x, pooling)
        return [_encoded(m, e) for m, e in zip(maps, self.encoders, strict=True)]

    def features(self, x: Tensor, pooling: TilePooling) -> list[Tensor]:
        """Return the features (N, F, H / s, W / s) of images (N, C, H, W) at each stride s."""
        weights = _tensor_like(self.to_rgb, x)
        rgb = (x.movedim(1, 3) @ weights[:-1] + weights[-1]).movedim(3, 1)
        return self.backbone.maps(pooling.mirror(rgb, self.grid))

    def __call__(self, network: Any, x: Tensor, pooling: TilePooling) -> Tensor:
        """Interpolate the codes at all strides."""
        pairs = zip(self.cells(x, pooling), self.strides, strict=True)
        return torch.cat([pooling.upsample(cells, stride) for cells, stride in pairs], 1)


def _encoded(maps: Tensor, encoder: StrideAxes) -> Tensor:
    axes, mean = (_tensor_like(a, maps) for a in encoder)
    return ((maps.movedim(1, 3) - mean) @ axes).movedim(3, 1)


def margin_of(blocks: Sequence[Block], network: Any) -> int:
    """Return the largest margin of blocks."""
    return max(block.margin(network) for block in blocks)


def grid_of(blocks: Sequence[Block]) -> int:
    """Return the spacing in pixels of the possible starts of tiles."""
    return math.lcm(*(block.grid for block in blocks))


def compute_blocks(
    blocks: Sequence[Block], network: Any, x: Tensor, pooling: TilePooling
) -> Tensor:
    """Return the concatenated components (N, n, h, w) of blocks; `x` has the margin `margin_of`."""
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
    """Project the features of all views on each set of axes, then pool with its sigma.

    Views (N, C, H + 2 * margin, W + 2 * margin) -> (N, n_components, h, w). A set of axes
    (n_views * n_features, n) gives n components. Both steps are linear, so projecting first saves
    pooling of all features.
    """
    every, ends = torch.cat(list(axes), 1), np.cumsum([a.shape[1] for a in axes])
    parts = every.chunk(len(views))
    needed = np.stack([part.any(0).cpu().numpy() for part in parts])  # often one view only
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
    """Return `n` channels with maps at `columns` and 0 elsewhere."""
    if len(columns) == n:
        return maps
    place = np.full(n, len(columns))
    place[columns] = np.arange(len(columns))
    return torch.cat([maps, torch.zeros_like(maps[:, :1])], 1)[:, place]


def _tensor_like(array: np.ndarray, x: Tensor) -> Tensor:
    return torch.from_numpy(array).to(x.dtype).to(x.device)
