"""Classifiers that see windows of images, not single pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from ..imaging._image_batch import CODES, LABELS, ImageBatch, MapKind, check_batch
from ..imaging._label_maps import IgnoreLabel
from ..imaging._tiled_inference import TileCost, TileRequest, map_tiles, to_bytes
from ..imaging._tiles import Tile, full_tile, pad_tile, pixel_ranges
from ..imaging._validation import common_spacing
from ._targets import Targets, check_targets


class LabeledFeatures(NamedTuple):
    """Labeled images, and how to read their features."""

    read: Callable[[Any, Tile], np.ndarray]  # image, tile -> features (h, w, C)
    images: Sequence[Any]
    targets: Targets
    n_details: int  # the first features are the pixels themselves
    blocks: list[slice]  # of the features, for classifiers of single pixels
    n_pixels: int  # maximum number for classifiers of single pixels
    spacing: tuple[float, ...] | None = None  # of voxels; None for images

    @property
    def n_features(self) -> int:
        """C, number of features."""
        return max(block.stop for block in self.blocks)

    def feature_maps(self) -> list[np.ndarray]:
        """Return the features (H, W, C) of all images, which may need much memory."""
        return [self.read(image, full_tile(image.shape)) for image in self.images]


class DenseClassifier(ClassifierMixin):
    """Base class of classifiers of pixels that depend on the pixels around them.

    Subclasses have `fit_features`, `window_probabilities`, `margin`, `grid` and `n_numbers`.
    `margin` and `grid` are one number, or one for each axis.
    """

    classes_: np.ndarray
    spacing: Any
    spacing_: tuple[float, ...] | None
    ignore_label: IgnoreLabel
    max_memory: int | str

    @property
    def n_numbers(self) -> int:
        """Number of temporary values for each pixel."""
        raise NotImplementedError

    @property
    def margin(self) -> Any:
        """Number of pixels around a tile that its classes depend on."""
        raise NotImplementedError

    @property
    def grid(self) -> Any:
        """Windows have to begin at multiples of it, in pixels."""
        raise NotImplementedError

    def fit_features(self, data: LabeledFeatures) -> Self:
        """Fit to features of labeled images; after Ctrl-C to the part of training until then."""
        raise NotImplementedError

    def reraise_interrupt(self) -> None:
        """Raise KeyboardInterrupt if one ended the training."""
        raise NotImplementedError

    def window_probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return probabilities (h, w, n_classes) of a window of features (h, w, C)."""
        raise NotImplementedError

    def given_spacing(self) -> tuple[float, ...] | None:
        """Return the spacing of voxels that the parameters say; None for images."""
        return common_spacing([("classifier", self.spacing)])

    def fit_images(self, X: Any, y: Any, sample_weight: Any) -> Self:
        """Fit to the pixels of images, whose values are the features."""
        to_bytes(self.max_memory)  # validates early
        batch = self._check_images(X, reset=True)
        targets = check_targets(batch, y, self.ignore_label, self, sample_weight)
        n, spacing = batch.images[0].shape[-1], self.given_spacing()
        every, most = [slice(0, n)], N_FIT_PIXELS
        data = LabeledFeatures(read_pixels, batch.images, targets, n, every, most, spacing)
        return self.fit_features(data)

    def predict(self, X: Any, out: Any = None) -> Any:
        """Return the most likely class of each pixel.

        Parameters
        ----------
        X : as in `fit`; images may have any size
        out : writable array-like (n, H, W), or list of arrays (H, W), default=None
            Output for label maps, written tile by tile, of a type that holds all classes.

        Returns
        -------
        labels : array (n, H, W) or list of arrays (H, W)
            Of the type of `classes_`; pixels without data as in :meth:`AESegmenter.predict`.
        """
        check_is_fitted(self)
        return self._map(X, "label_map", out, LABELS._replace(labels=self.classes_))

    def predict_proba(self, X: Any) -> Any:
        """Return the probabilities of the classes at each pixel.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        probabilities : array (n, H, W, n_classes) or list of arrays (H, W, n_classes)
        """
        return self._map(X, "probability_map")

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy on labeled pixels.

        Parameters
        ----------
        X, y, sample_weight : as in `fit`

        Returns
        -------
        score : float
        """
        check_is_fitted(self)
        batch = self._check_images(X)
        targets = check_targets(batch, y, self.ignore_label, self, sample_weight)
        labeled = [np.flatnonzero(known) for known in targets.known]
        truth, weight = targets.pick(labeled)
        maps = [self.label_map(image, TileRequest()) for image in batch.images]
        found = np.concatenate([m.ravel()[c] for m, c in zip(maps, labeled, strict=True)])
        return float(np.average(found == truth, weights=weight))

    def likeliest(self, probabilities: np.ndarray) -> np.ndarray:
        """Return classes (n,) of probabilities (n, n_classes)."""
        return self.classes_[probabilities.argmax(1)]

    def probability_map(self, image: Any, request: TileRequest) -> Any:
        """Return probabilities (H, W, n_classes) of an image."""
        return map_tiles(self._of_pixels, image, lambda p: p, self.cost(image), request)

    def label_map(self, image: Any, request: TileRequest) -> Any:
        """Return labels (H, W) of an image."""
        return map_tiles(self._of_pixels, image, self.likeliest, self.cost(image), request)

    def cost(self, image: Any) -> TileCost:
        """Return the memory and the halo of a tile."""
        return window_cost(self, image.shape[-1])

    def _of_pixels(self, image: Any, tile: Tile) -> np.ndarray:
        return tile_probabilities(self, read_pixels, image, tile)

    def _map(self, X: Any, method: str, out: Any = None, kind: MapKind = CODES) -> Any:
        check_is_fitted(self)
        batch = self._check_images(X)
        return batch.map([self] * len(batch), method, to_bytes(self.max_memory), out, kind=kind)

    def _check_images(self, X: Any, reset: bool = False) -> ImageBatch:
        spacing = self.given_spacing() if reset else self.spacing_
        batch = check_batch(self, X, reset=reset, n_axes=2 if spacing is None else 3)
        if batch.is_rows:
            raise ValueError(
                f"{type(self).__name__} classifies pixels by their surroundings, but X holds rows. "
                "Pass images (n, H, W[, C]), or use PixelHead."
            )
        return batch

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.two_d_array = False  # rows have no surroundings
        return tags


N_FIT_PIXELS = 20_000


def read_pixels(image: Any, tile: Tile) -> np.ndarray:
    """Return the values (h, w, C) of a tile of an image, float32."""
    return np.asarray(image[tile], np.float32)


def tile_probabilities(
    classifier: DenseClassifier, read: Callable[[Any, Tile], np.ndarray], image: Any, tile: Tile
) -> np.ndarray:
    """Return probabilities (h, w, n_classes) of a tile, which do not depend on the tile."""
    around = pad_tile(tile, classifier.margin, image.shape, classifier.grid)
    found = classifier.window_probabilities(read(image, around))
    return found[tuple(slice(own.start, own.stop) for own in pixel_ranges(tile, around))]


def window_cost(classifier: DenseClassifier, n_features: int) -> TileCost:
    """Return the memory and the halo of a tile, given its features."""
    padded = 4 * (4 * n_features + classifier.n_numbers)
    return TileCost(classifier.margin + classifier.grid, padded, 16 * len(classifier.classes_))
