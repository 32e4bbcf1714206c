"""PixelLabeler: codes of pixels to label maps."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any, Self

import numpy as np

from .._base import FitTask
from ..encoding._tile_encoder import TileEncoder
from ..imaging._label_maps import UNLABELED, merge_small_regions
from ..imaging._no_data import apply_to_data, missing_at
from ..imaging._pixel_sampling import choose_labeled, choose_pixels, gather, pick
from ..imaging._tiled_inference import TileCost, TileRequest, map_tiles
from ..imaging._tiles import Tile, full_tile
from ._boundary_refinement import BoundaryRefiner
from ._clustering import count_clusters
from ._grid_sample import GridSample
from ._segment_classes import SegmentClasses, assign_classes, segment_centers
from ._targets import Targets
from ._uncertainty import MEASURES

ANYHOW = TileRequest()
Step = Callable[[np.ndarray], np.ndarray]  # maps rows of a tile to rows


class PixelLabeler:
    """Label pixels by their codes.

    Parameters
    ----------
    encoder : TileEncoder
        Fitted.
    estimator : Adapter or MultiStartKMeans
        Fitted to codes.
    n_segments : int or "auto"
        Replaces a default number of clusters.
    refine : bool
        Whether to refine borders; needs `encoder.has_narrow`.
    n_pixels : int
        Maximum number of random pixels to which the estimator is fitted.
    rng : numpy.random.Generator

    Attributes
    ----------
    refiner : BoundaryRefiner or None
        With refined borders, labels pixels instead of the estimator.
    classes : SegmentClasses or None
        Classes of the segments, after `assign_classes`.
    n_codes : int
        Number of components of the codes.
    """

    def __init__(
        self,
        encoder: TileEncoder,
        estimator: Any,
        n_segments: int | str,
        refine: bool,
        n_pixels: int,
        rng: np.random.Generator,
    ) -> None:
        self.encoder: Any = encoder
        self.estimator = estimator
        self.n_segments = n_segments
        self.refine = refine
        self.n_pixels = n_pixels
        self.rng = rng
        self.refiner: BoundaryRefiner | None = None
        self.classes: SegmentClasses | None = None

    def fit_clusterer(self, images: Sequence[np.ndarray]) -> Self:
        """Fit to a random sample of the pixels."""
        survey = self._survey(images)
        codes = self._sample(images, survey)
        self.n_codes = codes.shape[1]
        if self.n_segments != "auto" and int(self.n_segments) > len(codes):
            raise ValueError(
                f"n_segments={self.n_segments} is more than n_samples={len(codes)}, the pixels "
                "that the estimator is fitted to. Lower it, or raise n_fit_pixels."
            )
        if self.n_segments == "auto":
            self.n_segments = count_clusters(codes, self._draw_seed())
        n_segments = int(self.n_segments)
        self.estimator = self.estimator.fit(codes, n_segments, self.rng, survey)
        return self._fit_refiner(survey)

    def fit_classifier(self, images: Sequence[np.ndarray], targets: Targets, task: FitTask) -> Self:
        """Fit to labeled pixels, and also to unlabeled ones if the estimator uses them.

        A network is a part of the `task`; other classifiers have none.
        """
        uses_unlabeled = self.estimator.uses_unlabeled
        n_most = self._n_affordable // (2 if uses_unlabeled else 1)
        chosen = choose_labeled(targets.maps, targets.known, n_most, self.rng)
        y, weight = targets.pick(chosen)
        codes = self._gather(images, chosen)
        self.n_codes = codes.shape[1]
        if uses_unlabeled:
            more = self._unlabeled(images, targets, len(y))
            codes = np.concatenate([codes, more])
        self.estimator.fit(codes, y, weight)
        return self._fit_refiner(self._survey(images))

    def assign_classes(self, images: Sequence[np.ndarray], targets: Targets) -> None:
        """Assign classes to segments by the labeled pixels of images."""
        without = copy.copy(self)  # on errors, the old classes are kept
        without.classes = None
        self.classes = without._find_classes(images, targets)

    def _find_classes(self, images: Sequence[np.ndarray], targets: Targets) -> SegmentClasses:
        maps = [self.label_map(image) for image in images]
        found = [np.unique(_with_data(m, image)) for m, image in zip(maps, images, strict=True)]
        segments = np.unique(np.concatenate([self.segments, *found]))
        chosen = choose_pixels(images, self.n_pixels, np.random.default_rng(0))
        codes = gather(self.encoder.encode_tile, images, chosen)
        centers = segment_centers(codes, pick(maps, chosen), segments)
        labeled = [np.flatnonzero(known) for known in targets.known]
        y, weight = targets.pick(labeled)
        return assign_classes(segments, centers, pick(maps, labeled), y, weight)

    def label_map(self, image: np.ndarray, request: TileRequest = ANYHOW, min_size: int = 0) -> Any:
        """Return the labels (H, W) of an image; merge regions smaller than `min_size`."""
        if self.refiner is None:
            labels = self._map(self._used_codes, image, [self.labels_of], request)
        else:
            segments = self.refiner.classes_
            assign: list[Step] = [] if self.classes is None else [self.classes.of]
            steps = [lambda likely: segments[likely.argmax(-1)], *assign]
            labels = self._map(self.refiner.probabilities, image, steps, request)
        return without_small_regions(labels, min_size, image, request.within)

    def probability_map(self, image: np.ndarray, request: TileRequest = ANYHOW) -> Any:
        """Return probabilities (H, W, k) for an image, in the order of the labels."""
        return self._map(self.probabilities, image, [], request)

    def uncertainty_map(self, image: np.ndarray, request: TileRequest, measure: str) -> Any:
        """Return the uncertainty (H, W) for an image, by a measure of `MEASURES`."""
        return self._map(self.probabilities, image, [MEASURES[measure]], request)

    def probabilities(self, image: np.ndarray, tile: Tile) -> np.ndarray:
        """Return probabilities (h, w, k) for the pixels of a tile."""
        if self.refiner is None:
            codes = self._used_codes(image, tile)
            rows = codes.reshape(-1, codes.shape[-1])
            found = apply_to_data(self.estimator.predict_proba, rows)
            found = found.reshape(*codes.shape[:-1], -1)
        else:
            columns = np.searchsorted(self.segments, self.refiner.classes_)
            found = self._among_all(columns, self.refiner.probabilities(image, tile))
        return found if self.classes is None else self.classes.gather(found)

    def labels_of(self, codes: np.ndarray) -> np.ndarray:
        """Return the labels (n,) of codes (n, F), without border refinement."""
        labels = self.estimator.predict(codes)
        return labels if self.classes is None else self.classes.of(labels)

    def decision_map(self, image: np.ndarray, request: TileRequest = ANYHOW) -> Any:
        """Return the decision function (H, W) or (H, W, k) for an image."""
        return self._map(
            self.encoder.encode_tile, image, [self.estimator.decision_function], request
        )

    def code_map(self, image: np.ndarray, request: TileRequest = ANYHOW) -> Any:
        """Return the codes (H, W, F) of an image."""
        return self._map(self.encoder.encode_tile, image, [], request)

    def cost(self, image: np.ndarray) -> TileCost:
        """Return the memory and the halo of a tile."""
        halo, padded, inner, _ = self.encoder.cost(image)
        if self.refiner is not None:
            halo += self.refiner.halo
        # Codes and output of the estimator in float64, with temporary copies.
        inner += 8 * (3 * self.n_codes + 4 * len(self.segments))
        return TileCost(halo, padded, inner)

    def receptive_field(self, tile: Tile, shape: tuple[int, ...]) -> Tile:
        """Return the pixels that the labels of a tile depend on, without border refinement."""
        return self.encoder.receptive_field(tile, shape)

    def reraise_interrupt(self) -> None:
        """Do nothing: only networks keep what they have learned until Ctrl-C."""

    @property
    def grid(self) -> int:
        """Windows that begin at multiples of this number of pixels have the labels of the image."""
        return self.encoder.grid

    def _map(
        self,
        encode: Callable[[np.ndarray, Tile], np.ndarray],
        image: np.ndarray,
        steps: Sequence[Step],
        request: TileRequest,
    ) -> Any:
        """Apply all steps to the codes of each tile; memory limits the tile size."""
        function = partial(reduce, _apply, steps)
        with self.encoder.holding(image, request):
            return map_tiles(encode, image, function, self.cost(image), request)

    def score(self, images: Sequence[np.ndarray]) -> float:
        """Return the score of the estimator on a fixed random sample of the pixels."""
        chosen = choose_pixels(images, self.n_pixels, np.random.default_rng(0))
        return self.estimator.score(gather(self._used_codes, images, chosen))

    def _unlabeled(
        self, images: Sequence[np.ndarray], targets: Targets, n_labeled: int
    ) -> np.ndarray:
        """Return codes of unlabeled pixels, up to the maximum number of pixels."""
        chosen = choose_pixels(images, self._n_affordable - n_labeled, self.rng)
        masks = zip(chosen, targets.unlabeled, strict=True)
        chosen = [c[unlabeled.ravel()[c]] for c, unlabeled in masks]
        if not any(map(len, chosen)):
            return np.empty((0, self.n_codes))
        return gather(self.encoder.encode_tile, images, chosen)

    def _gather(self, images: Sequence[np.ndarray], chosen: Sequence[np.ndarray]) -> np.ndarray:
        """Return the codes (n, F) of the chosen pixels of all images."""
        parts = []
        for image, own in zip(images, chosen, strict=True):
            if len(own):
                with self.encoder.holding(image):
                    parts.append(gather(self.encoder.encode_tile, [image], [own]))
        return np.concatenate(parts)

    def _survey(self, images: Sequence[np.ndarray]) -> GridSample | None:
        return GridSample(self.encoder, images, self.rng) if self.refine else None

    def _sample(self, images: Sequence[np.ndarray], survey: GridSample | None) -> np.ndarray:
        """Return codes of random pixels, fewer for clusterers with quadratic cost."""
        n_pixels = self._n_affordable
        if survey is not None:
            return survey.wide[self.rng.permutation(len(survey))[:n_pixels]]
        return self._gather(images, choose_pixels(images, n_pixels, self.rng))

    @property
    def _n_affordable(self) -> int:
        """Maximum number of pixels to which the estimator is fitted."""
        return min(self.n_pixels, self.estimator.n_most or self.n_pixels)

    def _fit_refiner(self, survey: GridSample | None) -> Self:
        if survey is not None:
            refiner = BoundaryRefiner(self.encoder)
            if refiner.fit(survey, self.estimator.predict(survey.wide), self.n_pixels, self.rng):
                self.refiner = refiner
        return self

    def _draw_seed(self) -> int:
        return int(self.rng.integers(2**31))

    def _used_codes(self, image: np.ndarray, tile: Tile) -> np.ndarray:
        """Return the codes of a tile that the estimator uses."""
        return self.encoder.encode_tile(image, tile, used=self.estimator.used)

    def _among_all(self, columns: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Insert the columns of the refined segments into columns for all segments."""
        n_segments = len(self.segments)
        everything = np.zeros((*probabilities.shape[:-1], n_segments), np.float32)
        everything[..., columns] = probabilities
        return everything

    @property
    def segments(self) -> np.ndarray:
        """Possible labels of the estimator, sorted."""
        return self.estimator.classes_

    @property
    def labels(self) -> np.ndarray:
        """Possible values of label maps."""
        return self.segments if self.classes is None else self.classes.classes

    @property
    def n_found(self) -> int:
        """Number of segments of the fitted clusterer; noise (label -1) is not a segment."""
        return int(np.count_nonzero(self.segments != UNLABELED))


def without_small_regions(labels: Any, min_size: int, image: Any, within: Tile | None) -> Any:
    """Merge the small regions of a label map of an image, or of a tile, if `min_size` is not 0."""
    if not min_size:
        return labels
    missing = missing_at(image, within or full_tile(image.shape))
    return merge_small_regions(labels, min_size, missing)


def _with_data(labels: np.ndarray, image: Any) -> np.ndarray:
    """Return the labels (n,) of the pixels of an image that have data."""
    missing = missing_at(image, full_tile(image.shape))
    return labels.ravel() if missing is None else labels[~missing]


def _apply(values: np.ndarray, step: Step) -> np.ndarray:
    return step(values)
