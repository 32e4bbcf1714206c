"""DenseLabeler: label maps by a classifier that sees windows of pixels and codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from math import prod
from typing import Any, Self

import numpy as np
from sklearn.frozen import FrozenEstimator

from .._base import FitTask
from ..encoding._patch_encoder import PatchEncoder
from ..imaging._tiled_inference import TileCost, TileRequest
from ..imaging._tiles import Tile, moved, pad_tile, per_axis, sides_of, tiles
from ._adapters import unfrozen
from ._dense_classifier import (
    DenseClassifier,
    LabeledFeatures,
    read_pixels,
    tile_probabilities,
    window_cost,
)
from ._labeler import ANYHOW, PixelLabeler, without_small_regions
from ._targets import Targets


class DenseLabeler(PixelLabeler):
    """Label pixels by a `DenseClassifier`, whose features are the pixels followed by the codes."""

    @property
    def classifier(self) -> DenseClassifier:
        """The classifier inside the adapter."""
        return unfrozen(self.estimator.estimator)

    def fit_classifier(self, images: Sequence[np.ndarray], targets: Targets, task: FitTask) -> Self:
        """Fit to labeled pixels and those around them."""
        n_details, first = images[0].shape[-1], (slice(0, 1),) * (images[0].ndim - 1)
        with self.encoder.holding(images[0]):
            self.n_codes = self.encoder.encode_tile(images[0], first).shape[-1]
        start = 0 if self.is_plain else n_details
        sizes = self.encoder.block_sizes or [self.n_codes]
        ends = start + np.cumsum(sizes)
        blocks = [slice(int(end - n), int(end)) for end, n in zip(ends, sizes, strict=True)]
        if isinstance(self.estimator.estimator, FrozenEstimator):
            self.estimator.estimator = unfrozen(self.estimator.estimator)
            return self
        with task.of_part("estimator", self.classifier), ExitStack() as held:
            read = self._holding_reader(held)
            options = blocks, self.n_pixels, self.classifier.given_spacing()
            self.classifier.fit_features(
                LabeledFeatures(read, images, targets, n_details, *options)
            )
        return self

    def reraise_interrupt(self) -> None:
        """Raise KeyboardInterrupt if one ended the training of a network."""
        self.classifier.reraise_interrupt()

    def label_map(self, image: np.ndarray, request: TileRequest = ANYHOW, min_size: int = 0) -> Any:
        """Return the labels (H, W) of an image; merge regions smaller than `min_size`."""
        labels = self._map(self.probabilities, image, [self.classifier.likeliest], request)
        return without_small_regions(labels, min_size, image, request.within)

    def probabilities(self, image: np.ndarray, tile: Tile) -> np.ndarray:
        """Return probabilities (h, w, k) for the pixels of a tile."""
        return tile_probabilities(self.classifier, self._read, image, tile)

    def cost(self, image: np.ndarray) -> TileCost:
        """Return the memory and the halo of a tile."""
        own = window_cost(self.classifier, image.shape[-1] + self.n_codes)
        codes = super().cost(image)
        halo, inner = codes.halo + own.halo, codes.inner + own.inner
        if len(image.shape) == 4:  # codes are computed in parts, in the memory of the classifier
            padded = max(own.padded, _part_bytes(image.shape[-1] + self.n_codes))
            return TileCost(halo, padded, inner, held=own.halo)
        return TileCost(halo, codes.padded + own.padded, inner)

    def receptive_field(self, tile: Tile, shape: tuple[int, ...]) -> Tile:
        """Return the pixels that the labels of a tile depend on."""
        around = pad_tile(tile, self.classifier.margin, shape, self.classifier.grid)
        return self.encoder.receptive_field(around, shape)

    @property
    def grid(self) -> Any:
        """Windows that begin at multiples of this number of pixels have the labels of the image."""
        result = np.lcm(self.encoder.grid, self.classifier.grid)
        return result if np.ndim(result) else int(result)

    @property
    def is_plain(self) -> bool:
        """Whether the codes are the pixels themselves."""
        encoder = self.encoder
        plain = isinstance(encoder, PatchEncoder) and encoder.transformer == "passthrough"
        return plain and encoder.patch_size == 1

    def _holding_reader(self, held: ExitStack) -> Callable[[np.ndarray, Tile], np.ndarray]:
        """Return a function as `_read`, which uses the cache of the encoder for the last image."""
        last: Any = None

        def read(image: np.ndarray, tile: Tile) -> np.ndarray:
            nonlocal last
            if image is not last:
                held.close()
                held.enter_context(self.encoder.holding(image))
                last = image
            return self._read(image, tile)

        return read

    def _read(self, image: np.ndarray, tile: Tile) -> np.ndarray:
        """Return pixels and codes (h, w, C) of a tile."""
        if self.is_plain:
            return read_pixels(image, tile)
        if len(tile) == 3:
            return self._read_in_parts(image, tile)
        codes = self.encoder.encode_tile(image, tile)
        return np.concatenate([read_pixels(image, tile), codes.astype(np.float32, copy=False)], -1)

    def _read_in_parts(self, image: np.ndarray, tile: Tile) -> np.ndarray:
        """Return the same of a window of a volume, whose halo would take much memory at once."""
        n_details, sides = image.shape[-1], sides_of(tile)
        features = np.empty((*sides, n_details + self.n_codes), np.float32)
        features[..., :n_details] = read_pixels(image, tile)
        most = prod(sides) * _part_bytes(features.shape[-1]) - features.nbytes
        steps = _part_sides(sides, self.encoder.cost(image), image.shape, most)
        for part in tiles((*sides, 1), steps):
            features[part][..., n_details:] = self.encoder.encode_tile(image, moved(part, tile))
        return features


LEAST_PART = 16  # side in pixels of the smallest parts of a window
N_NUMBERS = 50  # temporary values per pixel of a window while codes are computed


def _part_bytes(n_features: int) -> int:
    """Return the memory for each pixel of a window while codes are computed, that of a network."""
    return 4 * (4 * n_features + N_NUMBERS)


def _part_sides(
    sides: Sequence[int], cost: TileCost, shape: tuple[int, ...], most: int
) -> list[int]:
    """Return the sides of parts of a window whose codes take at most some bytes, if possible."""
    halos, parts = per_axis(cost.halo, len(sides)), list(sides)

    def n_bytes() -> int:
        trios = zip(parts, halos, shape, strict=False)
        return prod(min(part + 2 * halo, size) for part, halo, size in trios) * cost.padded

    while n_bytes() > most and max(parts) > LEAST_PART:
        axis = int(np.argmax(parts))
        parts[axis] = -(-parts[axis] // 2)
    return parts
