"""Blocks of features: groups of components of the codes.

To add a kind of features, add a subclass of `Block`, a function in `_codes.FEATURES` that fits it,
and its name in `persistence._schema`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..imaging._tiles import STRIDE
from ..networks._pixel_autoencoder import crop
from ._backbone import Backbone
from ._local_jets import FRAME, jet_sizes, local_jets
from ._pooling import TilePooling, along, pool_radius, stride_of, views_of
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
    def reach(self) -> Any:
        """Number of pixels around a tile that are averaged, clipped at image borders.

        This and other lengths are a number, or one for each axis.
        """
        return 0

    @property
    def grid(self) -> Any:
        """Tiles have to begin at multiples of this number of pixels."""
        return STRIDE

    def margin(self, network: Any) -> Any:
        """Return the number of further pixels around it, mirrored at image borders."""
        return 0

    def n_numbers(self, network: Any) -> int:
        """Return the number of temporary values per pixel of a tile and its surroundings."""
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
    contrast_sigma: float | np.ndarray = (
        0.0  # > 0: features are those of two views of the image (`views_of`)
    )
    narrow: Projection | None = None  # with narrower pooling, computed on demand

    @property
    def names(self) -> dict[str, int]:
        """Wide and narrow components."""
        kinds = ("wide codes", "narrow codes")
        return {k: len(p.offset) for k, p in zip(kinds, self.projections, strict=False)}

    @property
    def reach(self) -> Any:
        """Radius of the widest pooling in pixels."""
        return largest(pool_radius(p.sigma) for p in self.projections)

    def margin(self, network: Any) -> Any:
        """Return the margin of network and contrast normalization."""
        return network.margin + pool_radius(self.contrast_sigma)

    def n_numbers(self, network: Any) -> int:
        """Count two copies of all layers, and five of the projections.

        Of volumes, those that are not of every second voxel, and two copies of the projections.
        """
        projections = [p for p in (*self.projections, self.narrow) if p is not None]
        n_components = sum(len(p.offset) for p in projections)
        if not network.voxel:
            return 2 * network.n_features + 5 * n_components
        stride = stride_of(min(np.min(p.sigma) for p in projections), 3)
        n_layers = 1 if stride > 1 else 2
        return n_layers * max(network.sizes) + 4 * network.sizes[0] + 2 * n_components // stride**3

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
    voxel: tuple[float, ...] = ()  # relative sides of voxels; empty for images

    @property
    def names(self) -> dict[str, int]:
        """Jets at each scale."""
        n_colors, sizes = self.colors.shape[1], jet_sizes(len(self.voxel) or 2)
        return {f"jets at {sigma:g} px": n * n_colors for sigma, n in sizes.items()}

    @property
    def reach(self) -> Any:
        """Radius of the largest scale in pixels."""
        return pool_radius(along(max(jet_sizes(len(self.voxel) or 2)), self.voxel))

    def margin(self, network: Any) -> int:
        """Return the margin for derivatives."""
        return FRAME

    def __call__(self, network: Any, x: Tensor, pooling: TilePooling) -> Tensor:
        """Compute slope, curvatures and values at each scale."""
        last = x.ndim - 1  # ONNX has no negative axes here
        colors = (x.movedim(1, last) @ _tensor_like(self.colors, x)).movedim(last, 1)
        return local_jets(colors, pooling, self.voxel)


@dataclass(frozen=True, eq=False)
class SpectralBlock(Block):
    """Spectral components, pooled at several scales."""

    axes: np.ndarray  # (C, q)
    voxel: tuple[float, ...] = ()  # relative sides of voxels; empty for images

    @property
    def names(self) -> dict[str, int]:
        """Components at each scale."""
        return {f"spectra at {sigma:g} px": self.axes.shape[1] for sigma in POOLINGS}

    @property
    def reach(self) -> Any:
        """Radius of the widest pooling in pixels."""
        return pool_radius(along(POOLINGS[-1], self.voxel))

    def n_numbers(self, network: Any) -> int:
        """Count three copies of the channels, and two of the components."""
        n_channels, n_components = self.axes.shape
        return 3 * n_channels + 2 * n_components

    def __call__(self, network: Any, x: Tensor, pooling: TilePooling) -> Tensor:
        """Project and pool the spectra."""
        last = x.ndim - 1
        components = (x.movedim(1, last) @ _tensor_like(self.axes, x)).movedim(last, 1)
        sigmas = [along(sigma, self.voxel) for sigma in POOLINGS]
        return torch.cat([pooling.pool(components, sigma) for sigma in sigmas], 1)


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


SLICES = 8  # of volumes in a tile, at least


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
    depth_sigma: float | None = None  # pooling along z, of volumes, which are read by slices

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
    def reach(self) -> Any:
        """Radius of the receptive field in pixels."""
        own = self.backbone.reach
        if self.depth_sigma is None:
            return own
        return np.array([pool_radius(self.depth_sigma), own, own])

    @property
    def grid(self) -> Any:
        """Spacing of the tiles on which the network has the same cells."""
        own = self.backbone.grid
        return own if self.depth_sigma is None else np.array([1, own, own])

    def n_numbers(self, network: Any) -> int:
        """Count activations; those of one slice of volumes, which have many."""
        n_numbers = self.backbone.n_numbers
        return n_numbers if self.depth_sigma is None else n_numbers // SLICES

    def cells(self, x: Tensor, pooling: TilePooling) -> list[Tensor]:
        """Return the codes (N, n, H / s, W / s) of images (N, C, H, W) at each stride s."""
        maps = self.features(x, pooling)
        return [_encoded(m, e) for m, e in zip(maps, self.encoders, strict=True)]

    def features(self, x: Tensor, pooling: TilePooling) -> list[Tensor]:
        """Return the features (N, F, H / s, W / s) of images (N, C, H, W) at each stride s."""
        weights = _tensor_like(self.to_rgb, x)
        rgb = (x.movedim(1, 3) @ weights[:-1] + weights[-1]).movedim(3, 1)
        return self.backbone.maps(pooling.mirror(rgb, self.backbone.grid))

    def __call__(self, network: Any, x: Tensor, pooling: TilePooling) -> Tensor:
        """Interpolate the codes at all strides."""
        if self.depth_sigma is not None:
            return pooling.pool_slices(partial(self.of_slices, network), x, self.depth_sigma)
        return self.of_slices(network, x, pooling)

    def of_slices(self, network: Any, x: Tensor, pooling: TilePooling) -> Tensor:
        """Interpolate the codes of images at all strides."""
        pairs = zip(self.cells(x, pooling), self.strides, strict=True)
        return torch.cat([pooling.upsample(cells, stride) for cells, stride in pairs], 1)


def _encoded(maps: Tensor, encoder: StrideAxes) -> Tensor:
    axes, mean = (_tensor_like(a, maps) for a in encoder)
    return ((maps.movedim(1, 3) - mean) @ axes).movedim(3, 1)


def largest(lengths: Iterable[Any]) -> Any:
    """Return the largest of lengths, along each axis if any has one for each."""
    result = reduce(np.maximum, lengths)
    return result if np.ndim(result) else int(result)


def margin_of(blocks: Sequence[Block], network: Any) -> Any:
    """Return the largest margin of blocks."""
    return largest(block.margin(network) for block in blocks)


def grid_of(blocks: Sequence[Block]) -> Any:
    """Return the spacing in pixels of the possible starts of tiles."""
    result = reduce(np.lcm, (block.grid for block in blocks))
    return result if np.ndim(result) else int(result)


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
    sigmas: Sequence[Any],
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
            used = [np.min(s) for s, size in zip(sigmas, sizes, strict=True) if size]
            stride = stride_of(min(used), view.ndim - 2)
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
