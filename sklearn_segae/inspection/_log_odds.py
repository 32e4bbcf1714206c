"""Log-odds of a segment against another one, as functions of the pixels of a window."""

from __future__ import annotations

import copy
from math import lcm
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..encoding._pixel_encoder import PixelEncoder
from ..encoding._pooling import TilePooling
from ..imaging._no_data import missing_in
from ..imaging._tiles import Tile, mirrored, pad_tile, pixel_ranges
from ..segmentation._boundary_refinement import LEAST_EVIDENCE, BoundaryRefiner
from ..segmentation._labeler import PixelLabeler
from ._torch_estimators import Head, torch_head

LEAST_PROBABILITY = 1e-3  # lower bound of predicted probabilities, as a forest may predict 0


class AttributionTarget(NamedTuple):
    """Pixels whose labels are explained, and the window of the image that these depend on.

    The explained quantity is the mean over the pixels of the log-odds of two segments.
    """

    window: np.ndarray  # (H', W', C), the part of the image that the labels depend on
    place: Tile  # position of the window in the image
    tile: Tile  # position of the pixels in the window
    weights: np.ndarray  # (h, w) float32, weights of the pixels of the tile, 0 outside the region

    @property
    def region(self) -> np.ndarray:
        """Mask (H', W') of the pixels in the window."""
        region = np.zeros(self.window.shape[:2], bool)
        region[self.tile] = self.weights > 0
        return region


def attribution_target(
    labeler: PixelLabeler, image: np.ndarray, region: np.ndarray
) -> AttributionTarget:
    """Return the pixels of a region (H, W), bool, and the window that their labels depend on."""
    y, x = np.nonzero(region)
    tile = slice(int(y.min()), int(y.max()) + 1), slice(int(x.min()), int(x.max()) + 1)
    place = _receptive_tile(labeler, tile, image.shape)
    inner = tuple(
        slice(t.start - p.start, t.stop - p.start) for t, p in zip(tile, place, strict=True)
    )
    weights, window = region[tile].astype(np.float32), image[place]
    if missing_in(window) is not None:
        raise ValueError(
            f"the labels of the region depend on rows {place[0].start} to {place[0].stop} and "
            f"columns {place[1].start} to {place[1].stop}, where pixels have no data. Pass a "
            "region farther from these."
        )
    return AttributionTarget(window, place, inner, weights / weights.sum())


def _receptive_tile(labeler: PixelLabeler, tile: Tile, shape: tuple[int, ...]) -> Tile:
    """Return the tile of all pixels that the labels of a tile depend on."""
    refiner, grid = labeler.refiner, labeler.grid
    if refiner is not None:
        tile, grid = refiner.around(tile, shape), lcm(grid, refiner.step)
    rows, columns = labeler.receptive_field(tile, shape)
    # The window begins on the grid, so that its pixels lie on the same grid as in the image.
    rows, columns = (slice(p.start // grid * grid, p.stop) for p in (rows, columns))
    return rows, columns


class LogOdds:
    """Mean log-odds of a segment against another one, for any encoder and estimator.

    Calling it with windows (N, C, H', W') returns (N,). Windows are processed one by one.
    """

    def __init__(self, labeler: PixelLabeler, target: AttributionTarget) -> None:
        self.labeler = labeler
        self.target = target
        self.labels = _labels(labeler)
        self.segment = self.other = 0  # columns

    def choose(self, segment: Any, other: Any) -> None:
        """Set both segments by label; None is the most probable one, or other one."""
        logs = self.log_probabilities(self.tensor(self.target.window))
        mean = torch.einsum("nhwk,hw->k", logs, self._weights(logs)).detach().cpu().numpy()
        self.segment = int(mean.argmax()) if segment is None else self._column(segment, "segment")
        others = mean.copy()
        others[self.segment] = -np.inf
        self.other = int(others.argmax()) if other is None else self._column(other, "against")
        if self.other == self.segment:
            raise ValueError(
                f"against={self.labels[self.segment]!r} is the explained segment itself. Pass "
                f"another one of {self.labels.tolist()}, or fit with at least two segments."
            )

    def tensor(self, window: np.ndarray) -> Tensor:
        """(H', W', C) -> (1, C, H', W')."""
        return torch.from_numpy(window.astype(np.float32)).movedim(-1, 0)[None]

    def log_probabilities(self, x: Tensor) -> Tensor:
        """(N, C, H', W') -> (N, h, w, k), up to a constant for every pixel."""
        windows = x.movedim(1, -1).cpu().numpy()
        tile = self.target.tile
        found = np.stack([self.labeler.probabilities(window, tile) for window in windows])
        return torch.from_numpy(np.log(np.maximum(found, LEAST_PROBABILITY)))

    def __call__(self, x: Tensor) -> Tensor:
        """(N, C, H', W') -> (N,)."""
        logs = self.log_probabilities(x)
        odds = logs[..., self.segment] - logs[..., self.other]
        return (odds * self._weights(logs)).sum((1, 2))

    def _weights(self, logs: Tensor) -> Tensor:
        return torch.from_numpy(self.target.weights).to(logs)

    def _column(self, label: Any, name: str) -> int:
        found = np.flatnonzero(self.labels == label)
        if not len(found):
            raise ValueError(
                f"{name}={label!r} is not a segment. Pass one of {self.labels.tolist()}."
            )
        return int(found[0])


class TorchLogOdds(LogOdds):
    """Differentiable log-odds of batches of windows, for a PixelEncoder and a `torch_head`."""

    def __init__(self, labeler: PixelLabeler, target: AttributionTarget) -> None:
        super().__init__(labeler, target)
        encoder, refiner, window = labeler.encoder, labeler.refiner, target.window
        self.codes = encoder.codes_ if refiner is None else encoder.codes_.with_narrow()
        self.network = copy.deepcopy(encoder.net_.module_).eval().requires_grad_(False)
        self.device = next(self.network.parameters()).device
        step, tile = 1, target.tile
        self.gathering: list[Tensor] = []  # weights from the grid to rows and columns of pixels
        if refiner is not None:
            step = refiner.step
            grid = refiner.around(tile, window.shape)
            self.gathering = [_gathering(refiner, grid, tile, axis) for axis in (0, 1)]
            tile = grid
        around = pad_tile(tile, self.codes.reach, window.shape, self.codes.grid)
        self.pooling = TilePooling(*pixel_ranges(tile, around, step))
        self.head: Any = _head(labeler)
        margin = self.codes.margin(self.network)
        self.mirrored = [  # rows and columns that `read_tile` reads
            torch.from_numpy(mirrored(part.start - margin, part.stop + margin, size))
            for part, size in zip(around, window.shape[:2], strict=True)
        ]
        self.scale = torch.from_numpy(encoder.scale_).float()[..., None, None]
        self.standard = [torch.from_numpy(a) for a in (self.codes.shift, self.codes.divisor)]
        segments = labeler.segments if refiner is None else refiner.classes_
        self.labels = segments
        self.groups: list[list[int]] = []  # columns of segments that stand for one class
        if labeler.classes is not None:
            classes = labeler.classes.of(segments)
            self.labels = np.unique(classes)
            self.groups = [np.flatnonzero(classes == label).tolist() for label in self.labels]

    def tensor(self, window: np.ndarray) -> Tensor:
        """(H', W', C) -> (1, C, H', W')."""
        return super().tensor(window).to(self.device)

    def log_probabilities(self, x: Tensor) -> Tensor:
        """(N, C, H', W') -> (N, h, w, k), up to a constant for every pixel."""
        mean, spread = self.scale.to(x)
        rows, columns = self.mirrored
        seen = ((x - mean) / spread)[:, :, rows][..., columns]
        shift, divisor = self.standard
        codes = self.codes.compute(self.network, seen, self.pooling).movedim(1, -1)
        logs = self.head((codes - shift.to(codes)) / divisor.to(codes))
        if self.gathering:
            logs = self._gather(logs)
        if self.groups:
            logs = torch.stack([logs[..., group].logsumexp(-1) for group in self.groups], -1)
        return logs

    def _gather(self, logs: Tensor) -> Tensor:
        """Interpolate as `BoundaryRefiner.probabilities`, without its normalization."""
        down, across = (weights.to(logs) for weights in self.gathering)
        evidence = logs.log_softmax(-1).clamp_min(LEAST_EVIDENCE)
        return torch.einsum("hi,nijk,wj->nhwk", down, evidence, across)


def is_differentiable(labeler: PixelLabeler) -> bool:
    """Return whether labels are a differentiable function of the pixels."""
    return isinstance(labeler.encoder, PixelEncoder) and _head(labeler) is not None


def _labels(labeler: PixelLabeler) -> np.ndarray:
    """Return the labels in the order of the columns of `PixelLabeler.probabilities`."""
    if labeler.classes is not None:
        return np.unique(labeler.classes.classes)
    return labeler.segments


def _head(labeler: PixelLabeler) -> Head | None:
    refiner = labeler.refiner
    if refiner is not None:
        return torch_head(refiner.model, np.nan)
    return torch_head(labeler.estimator.estimator, getattr(labeler.estimator, "variance", np.nan))


def _gathering(refiner: BoundaryRefiner, grid: Tile, tile: Tile, axis: int) -> Tensor:
    """Return the weights (pixels, grid) of `BoundaryRefiner.gather`, separable, along one axis."""
    n, one = len(range(grid[axis].start, grid[axis].stop, refiner.step)), slice(0, 1)
    units = np.eye(n, dtype=np.float32)[:, None]
    weights = refiner.gather(units, (grid[axis], one), (tile[axis], one))
    return torch.from_numpy(weights[:, 0])
