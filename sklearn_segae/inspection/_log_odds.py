"""What is explained about some pixels: the log-odds of a segment against another."""

from __future__ import annotations

import copy
from math import lcm
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..encoding._pixel_encoder import PixelEncoder
from ..imaging._tiles import STRIDE, Tile, pad_tile, read_tile
from ..segmentation._boundary_refinement import LEAST_EVIDENCE, BoundaryRefiner
from ..segmentation._labeler import PixelLabeler
from ._torch_estimators import Head, torch_head

LEAST_PROBABILITY = 1e-3  # of estimators that are asked for probabilities: a vote of 0 is no proof


class AttributionTarget(NamedTuple):
    """Pixels of an image, and all that their labels depend on.

    Asked about are the log-odds of one segment against another, a mean over the pixels.
    """

    window: np.ndarray  # (H', W', C), the part of the image that is seen
    place: Tile  # of the window in the image
    tile: Tile  # of the pixels in the window
    weights: np.ndarray  # (h, w) float32 of the pixels of the tile, 0 beside the region

    @property
    def region(self) -> np.ndarray:
        """The pixels (H', W'), bool."""
        region = np.zeros(self.window.shape[:2], bool)
        region[self.tile] = self.weights > 0
        return region


def attribution_target(
    labeler: PixelLabeler, image: np.ndarray, region: np.ndarray
) -> AttributionTarget:
    """Cut out what the labels of a region (H, W), bool, depend on."""
    y, x = np.nonzero(region)
    tile = slice(int(y.min()), int(y.max()) + 1), slice(int(x.min()), int(x.max()) + 1)
    place = _seen(labeler, tile, image.shape)
    inner = tuple(
        slice(t.start - p.start, t.stop - p.start) for t, p in zip(tile, place, strict=True)
    )
    weights = region[tile].astype(np.float32)
    return AttributionTarget(image[place], place, inner, weights / weights.sum())  # type: ignore[arg-type]


def _seen(labeler: PixelLabeler, tile: Tile, shape: tuple[int, ...]) -> Tile:
    """Return the tile of all pixels that the labels of another depend on."""
    refiner, grid = labeler.refiner, STRIDE
    if refiner is not None:
        tile, grid = refiner.around(tile, shape), lcm(STRIDE, refiner.step)
    rows, columns = labeler.encoder.receptive_field(tile, shape)
    # What lies on a grid lies on it in the window as well.
    return tuple(slice(part.start // grid * grid, part.stop) for part in (rows, columns))  # type: ignore[return-value]


class LogOdds:
    """Mean log-odds of one segment against another, of any labeler: windows are asked one by one.

    Calling it with windows (N, C, H', W') returns (N,).
    """

    def __init__(self, labeler: PixelLabeler, question: AttributionTarget) -> None:
        self.labeler = labeler
        self.question = question
        self.labels = _labels(labeler)
        self.segment = self.other = 0  # columns

    def choose(self, segment: Any, other: Any) -> None:
        """Set the two, each by label; None is the likeliest, and the likeliest other."""
        logs = self.log_probabilities(self.tensor(self.question.window))
        mean = torch.einsum("nhwk,hw->k", logs, self._weights(logs)).detach().cpu().numpy()
        self.segment = int(mean.argmax()) if segment is None else self._column(segment, "segment")
        others = mean.copy()
        others[self.segment] = -np.inf
        self.other = int(others.argmax()) if other is None else self._column(other, "against")
        if self.other == self.segment:
            raise ValueError(
                f"segment {self.labels[self.segment]!r} is to be explained against itself. Pass "
                f"another one of {self.labels.tolist()}, or fit with two segments or more."
            )

    def tensor(self, window: np.ndarray) -> Tensor:
        """(H', W', C) -> (1, C, H', W')."""
        return torch.from_numpy(window.astype(np.float32)).movedim(-1, 0)[None]

    def log_probabilities(self, x: Tensor) -> Tensor:
        """(N, C, H', W') -> (N, h, w, k), but for a constant of every pixel."""
        windows = x.movedim(1, -1).cpu().numpy()
        tile = self.question.tile
        found = np.stack([self.labeler.probabilities(window, tile) for window in windows])
        return torch.from_numpy(np.log(np.maximum(found, LEAST_PROBABILITY)))

    def __call__(self, x: Tensor) -> Tensor:
        """(N, C, H', W') -> (N,)."""
        logs = self.log_probabilities(x)
        odds = logs[..., self.segment] - logs[..., self.other]
        return (odds * self._weights(logs)).sum((1, 2))

    def _weights(self, logs: Tensor) -> Tensor:
        return torch.from_numpy(self.question.weights).to(logs)

    def _column(self, label: Any, name: str) -> int:
        found = np.flatnonzero(self.labels == label)
        if not len(found):
            raise ValueError(f"{name}={label!r} is no segment. Pass one of {self.labels.tolist()}.")
        return int(found[0])


class TorchLogOdds(LogOdds):
    """The same, differentiable and for many windows at once; needs a PixelEncoder and a head."""

    def __init__(self, labeler: PixelLabeler, question: AttributionTarget) -> None:
        super().__init__(labeler, question)
        encoder, refiner, window = labeler.encoder, labeler.refiner, question.window
        self.codes, scale = encoder.codes_, encoder.scale_
        module = copy.deepcopy(encoder.net_.module_).eval().requires_grad_(False)
        self.reader: Any = self.codes.look.reader(module)
        self.device = next(module.parameters()).device
        self.finely, step, tile = refiner is not None, 1, question.tile
        self.gathering: list[Tensor] = []  # from the grid to the pixels, down and across
        if refiner is not None:
            step = refiner.step
            grid = refiner.around(tile, window.shape)
            self.gathering = [_gathering(refiner, grid, tile, axis) for axis in (0, 1)]
            tile = grid
        around = pad_tile(tile, self.codes.reach, window.shape)
        rows, columns = (
            range(part.start - outer.start, part.stop - outer.start, step)
            for part, outer in zip(tile, around, strict=True)
        )
        self.encode = self.codes.encoder(rows, columns, self.finely, np.float32, self.device)
        self.head: Any = _head(labeler)
        self.mirrored = _mirrored(window.shape, around, self.reader.margin)
        self.scale = torch.from_numpy(scale).float()[..., None, None]
        self.standard = [torch.from_numpy(np.asarray(a)) for a in self.codes.standard(self.finely)]
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
        """(N, C, H', W') -> (N, h, w, k), but for a constant of every pixel."""
        mean, spread = self.scale.to(x)
        rows, columns = self.mirrored
        seen = ((x - mean) / spread)[:, :, rows][..., columns]
        shift, divisor = self.standard
        codes = self.encode(self.reader, seen).movedim(1, -1)
        logs = self.head((codes - shift.to(codes)) / divisor.to(codes))
        if self.gathering:
            logs = self._gather(logs)
        if self.groups:
            logs = torch.stack([logs[..., group].logsumexp(-1) for group in self.groups], -1)
        return logs

    def _gather(self, logs: Tensor) -> Tensor:
        """Do as `BoundaryRefiner.probabilities` does, but for the last normalization."""
        down, across = (weights.to(logs) for weights in self.gathering)
        evidence = logs.log_softmax(-1).clamp_min(LEAST_EVIDENCE)
        return torch.einsum("hi,nijk,wj->nhwk", down, evidence, across)


def is_differentiable(labeler: PixelLabeler) -> bool:
    """Tell whether there are gradients from labels to pixels."""
    return isinstance(labeler.encoder, PixelEncoder) and _head(labeler) is not None


def _labels(labeler: PixelLabeler) -> np.ndarray:
    """Return the labels in the order of the columns of `Labeling.probabilities`."""
    if labeler.classes is not None:
        return np.unique(labeler.classes.classes)
    return labeler.segments


def _head(labeler: PixelLabeler) -> Head | None:
    refiner = labeler.refiner
    if refiner is not None:
        return torch_head(refiner.model, np.nan)
    return torch_head(labeler.estimator.estimator, getattr(labeler.estimator, "variance", np.nan))


def _mirrored(shape: tuple[int, ...], tile: Tile, margin: int) -> list[Tensor]:
    """Return the rows and columns that `read_tile` reads, as indices."""
    rows = read_tile(np.arange(shape[0])[:, None], (tile[0], slice(0, 1)), margin)[:, margin]
    columns = read_tile(np.arange(shape[1])[None], (slice(0, 1), tile[1]), margin)[margin]
    return [torch.from_numpy(rows), torch.from_numpy(columns)]


def _gathering(refiner: BoundaryRefiner, grid: Tile, tile: Tile, axis: int) -> Tensor:
    """Return the weights (pixels, grid) of `BoundaryRefiner.gather` along one axis."""
    n, one = len(range(grid[axis].start, grid[axis].stop, refiner.step)), slice(0, 1)
    units = np.eye(n, dtype=np.float32)[:, None]
    weights = refiner.gather(units, (grid[axis], one), (tile[axis], one))
    return torch.from_numpy(weights[:, 0])
