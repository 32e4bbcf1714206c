"""From the codes of pixels to label maps."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any, Self

import numpy as np
from scipy.special import softmax
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier
from sklearn.utils.validation import has_fit_parameter

from ..encoding._patch_encoder import PatchEncoder
from ..encoding._pixel_encoder import PixelEncoder
from ..imaging._label_maps import merge_small_regions
from ..imaging._pixel_sampling import choose_labeled, choose_pixels, gather, pick
from ..imaging._tiled_inference import TileCost, TileRequest, map_tiles
from ..imaging._tiles import Tile
from ._boundary_refinement import BoundaryRefiner
from ._clustering import choose_optimum, count_clusters, mean_variance, with_segments
from ._fine_tuning import fine_tune
from ._gaussian_mixture import ShrunkMixture
from ._grid_sample import GridSample
from ._segment_classes import SegmentClasses, assign_classes, segment_centers
from ._targets import Targets
from ._uncertainty import MEASURES


def fit_weighted(
    classifier: Any, codes: np.ndarray, y: np.ndarray, weight: np.ndarray | None
) -> None:
    """Fit a classifier, with weights if there are any; refuse them where it has no use for them."""
    if weight is None:
        classifier.fit(codes, y)
    elif has_fit_parameter(classifier, "sample_weight"):
        _fit_weighted(classifier, codes, y, weight)
    else:
        raise ValueError(
            f"sample_weight was given, but estimator={classifier!r} takes none in fit. Leave it "
            "out, or choose an estimator that does, RandomForestClassifier for instance."
        )


def _fit_weighted(classifier: Any, codes: np.ndarray, y: np.ndarray, weight: np.ndarray) -> None:
    try:
        classifier.fit(codes, y, sample_weight=weight)
    except ValueError as error:
        if len(np.unique(y)) > 1:
            raise
        raise ValueError(
            f"estimator={classifier!r} needs at least two classes, but sample_weight leaves class "
            f"{y[0]} alone. Give pixels of others a weight above 0."
        ) from error


ANYHOW = TileRequest()
N_TRANSDUCTIVE = 2_000  # pixels for estimators whose cost is quadratic
GRAPHS = (LabelPropagation, LabelSpreading)  # of all pairs of pixels
SEMI_SUPERVISED = (*GRAPHS, SelfTrainingClassifier)
Step = Callable[[np.ndarray], np.ndarray]  # rows of a tile to rows


class PixelLabeler:
    """What follows the encoder.

    Parameters
    ----------
    encoder : PixelEncoder or PatchEncoder
        A fitted one: `encode_tile(image, tile)` -> (h, w, F).
    estimator : estimator or None
        To be fitted to codes. None is k-means, its optimum chosen by narrow codes; needs `refine`.
    n_segments : int or "auto"
        Set where a clusterer left its own number at the default.
    refine : bool
        Whether borders are sharpened; needs a PixelEncoder with `codes_.finer`.
    n_pixels : int
        Most pixels that the estimator is fitted to.
    rng : numpy.random.Generator
        Chooses them.
    """

    def __init__(
        self,
        encoder: PixelEncoder | PatchEncoder,
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
        self.extension: Any = None
        self.refiner: BoundaryRefiner | None = None
        self.classes: SegmentClasses | None = None

    def fit_clusterer(self, images: Sequence[np.ndarray]) -> Self:
        """Fit to a sample of all pixels."""
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
        self._fit_estimator(codes, survey)
        return self._fit_refiner(survey)

    def fit_classifier(self, images: Sequence[np.ndarray], targets: Targets) -> Self:
        """Fit to labeled pixels, and if it can use them to others as well."""
        learns_from_others = isinstance(self.estimator, SEMI_SUPERVISED)
        n_most = self._n_affordable // (2 if learns_from_others else 1)
        chosen = choose_labeled(targets.maps, targets.known, n_most, self.rng)
        y, weight = targets.pick(chosen)
        codes = gather(self.encoder.encode_tile, images, chosen)
        self.n_codes = codes.shape[1]
        if learns_from_others:
            more = self._unlabeled(images, targets, len(y))
            codes = np.concatenate([codes, more])
            y = np.concatenate([y, np.full(len(more), -1, y.dtype)])
        fit_weighted(self.estimator, codes, y, weight)
        return self._fit_refiner(self._survey(images))

    def fine_tune(
        self, images: Sequence[np.ndarray], targets: Targets, strength: float, seed: int
    ) -> None:
        """Train a fitted head and its encoder on together."""
        self.encoder, self.estimator = fine_tune(
            self.encoder, self.estimator, images, targets, strength, seed
        )

    def assign_classes(self, images: Sequence[np.ndarray], targets: Targets) -> None:
        """Give the segments of a clusterer the classes of the labeled pixels of images."""
        without = copy.copy(self)  # should this fail, the old classes stay
        without.classes = None
        self.classes = without._find_classes(images, targets)

    def _find_classes(self, images: Sequence[np.ndarray], targets: Targets) -> SegmentClasses:
        maps = [self.label_map(image) for image in images]
        segments = np.unique(np.concatenate([self.possible_segments(), *map(np.unique, maps)]))
        chosen = choose_pixels(images, self.n_pixels, np.random.default_rng(0))
        codes = gather(self.encoder.encode_tile, images, chosen)
        centers = segment_centers(codes, pick(maps, chosen), segments)
        labeled = [np.flatnonzero(known) for known in targets.known]
        y, weight = targets.pick(labeled)
        return assign_classes(segments, centers, pick(maps, labeled), y, weight)

    def label_map(self, image: np.ndarray, request: TileRequest = ANYHOW, min_size: int = 0) -> Any:
        """(H, W, C) -> (H, W), patches of fewer than `min_size` pixels merged."""
        if self.refiner is None:
            labels = self._map(self._used_codes, image, [self.labels_of], request)
        else:
            segments = self.refiner.classes_
            assign: list[Step] = [] if self.classes is None else [self.classes.of]
            steps = [lambda likely: segments[likely.argmax(1)], *assign]
            labels = self._map(self.refiner.probabilities, image, steps, request)
        return merge_small_regions(labels, min_size) if min_size else labels

    def probability_map(self, image: np.ndarray, request: TileRequest = ANYHOW) -> Any:
        """(H, W, C) -> (H, W, k), in the order of the labels."""
        return self._map(self.probabilities, image, [], request)

    def uncertainty_map(self, image: np.ndarray, request: TileRequest, measure: str) -> Any:
        """(H, W, C) -> (H, W), a measure of `_uncertainty.MEASURES`."""
        return self._map(self.probabilities, image, [MEASURES[measure]], request)

    def probabilities(self, image: np.ndarray, tile: Tile) -> np.ndarray:
        """(h, w, k), how likely every segment is at the pixels of a tile."""
        if self.refiner is None:
            codes = self._used_codes(image, tile)
            found = self._probabilities(codes.reshape(-1, codes.shape[2]))
            found = found.reshape(*codes.shape[:2], -1)
        else:
            columns = np.searchsorted(self.possible_segments(), self.refiner.classes_)
            found = self._among_all(columns, self.refiner.probabilities(image, tile))
        return found if self.classes is None else self.classes.gather(found)

    def labels_of(self, codes: np.ndarray) -> np.ndarray:
        """Return the labels (n,) of codes (n, F), without looking at borders."""
        labels = self._predict(codes)
        return labels if self.classes is None else self.classes.of(labels)

    def decision_map(self, image: np.ndarray, request: TileRequest = ANYHOW) -> Any:
        """(H, W, C) -> (H, W) or (H, W, k)."""
        return self._map(
            self.encoder.encode_tile, image, [self.estimator.decision_function], request
        )

    def code_map(self, image: np.ndarray, request: TileRequest = ANYHOW) -> Any:
        """(H, W, C) -> (H, W, F)."""
        return self._map(self.encoder.encode_tile, image, [], request)

    def cost(self, image: np.ndarray) -> TileCost:
        """Return what a tile of an image takes."""
        halo, padded, inner = self.encoder.cost(image)
        if self.refiner is not None:
            halo += self.refiner.halo
        # Codes and what an estimator makes of them, in float64, and again on their way.
        inner += 8 * (3 * self.n_codes + 4 * len(self.possible_segments()))
        return TileCost(halo, padded, inner)

    def _map(
        self,
        encode: Callable[[np.ndarray, Tile], np.ndarray],
        image: np.ndarray,
        steps: Sequence[Step],
        request: TileRequest,
    ) -> Any:
        """Take the codes of every tile through all steps, in tiles that memory has room for."""
        function = partial(reduce, _apply, steps)
        return map_tiles(encode, image, function, self.cost(image), request)

    def score(self, images: Sequence[np.ndarray]) -> float:
        """Return the estimator's own score on a sample of the pixels, the same every time."""
        chosen = choose_pixels(images, self.n_pixels, np.random.default_rng(0))
        return float(self.estimator.score(gather(self._used_codes, images, chosen)))

    def _unlabeled(
        self, images: Sequence[np.ndarray], targets: Targets, n_labeled: int
    ) -> np.ndarray:
        """Return codes of pixels without a label, as many as there is room for."""
        chosen = choose_pixels(images, self._n_affordable - n_labeled, self.rng)
        masks = zip(chosen, targets.unlabeled, strict=True)
        chosen = [c[unlabeled.ravel()[c]] for c, unlabeled in masks]
        if not any(map(len, chosen)):
            return np.empty((0, self.n_codes))
        return gather(self.encoder.encode_tile, images, chosen)

    def _survey(self, images: Sequence[np.ndarray]) -> GridSample | None:
        return GridSample(self.encoder, images, self.rng) if self.refine else None

    def _sample(self, images: Sequence[np.ndarray], survey: GridSample | None) -> np.ndarray:
        """Return codes of pixels at random, few of them for clusterers of quadratic cost."""
        n_pixels = self._n_affordable
        if survey is not None:
            return survey.wide[self.rng.permutation(len(survey))[:n_pixels]]
        return gather(self.encoder.encode_tile, images, choose_pixels(images, n_pixels, self.rng))

    @property
    def _n_affordable(self) -> int:
        """How many pixels the estimator is fitted to at most."""
        quadratic = self._is_transductive or isinstance(self.estimator, GRAPHS)
        return min(self.n_pixels, N_TRANSDUCTIVE) if quadratic else self.n_pixels

    @property
    def _is_transductive(self) -> bool:
        return self.estimator is not None and not hasattr(self.estimator, "predict")

    def _fit_estimator(self, codes: np.ndarray, survey: GridSample | None) -> None:
        if self.estimator is None and survey is not None:
            seed, n_segments = self._draw_seed(), int(self.n_segments)
            self.estimator = choose_optimum(survey, n_segments, self.n_pixels, seed)
        else:
            self.estimator = with_segments(self.estimator, int(self.n_segments))
            if self._is_transductive:
                labels = self.estimator.fit_predict(codes)
                self.extension = KNeighborsClassifier(1).fit(codes, labels)
                return
            self.estimator.fit(codes)
        self.variance = mean_variance(self.estimator, codes)

    def _fit_refiner(self, survey: GridSample | None) -> Self:
        if survey is not None:
            refiner = BoundaryRefiner(self.encoder)
            if refiner.fit(survey, self._predict(survey.wide), self.n_pixels, self.rng):
                self.refiner = refiner
        return self

    def _draw_seed(self) -> int:
        return int(self.rng.integers(2**31))

    def _used_codes(self, image: np.ndarray, tile: Tile) -> np.ndarray:
        """Return the codes of a tile, as far as the estimator looks at them."""
        looks_at_some = isinstance(self.estimator, ShrunkMixture)
        if looks_at_some and isinstance(self.encoder, PixelEncoder):
            return self.encoder.encode_tile(image, tile, used=self.estimator.used_)
        return self.encoder.encode_tile(image, tile)

    def _predict(self, codes: np.ndarray) -> np.ndarray:
        estimator = self.estimator if self.extension is None else self.extension
        labels = self._in_blocks(estimator.predict, codes)
        return labels.astype(np.int32) if labels.dtype.kind in "biu" else labels

    def _probabilities(self, codes: np.ndarray) -> np.ndarray:
        if hasattr(self.estimator, "predict_proba"):
            return self._in_blocks(self.estimator.predict_proba, codes)
        distances = self.estimator.transform(codes)
        return softmax(-0.5 * distances**2 / self.variance, axis=1)

    def _in_blocks(
        self, function: Callable[[np.ndarray], np.ndarray], codes: np.ndarray
    ) -> np.ndarray:
        """Apply a function that compares rows with all rows of the fit to a few of them at once."""
        if not isinstance(self.estimator, GRAPHS):
            return function(codes)
        starts = range(0, len(codes), N_TRANSDUCTIVE)
        return np.concatenate([function(codes[i : i + N_TRANSDUCTIVE]) for i in starts])

    def _among_all(self, columns: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
        """Put the columns of the segments that borders were refined for among all."""
        n_segments = len(self.possible_segments())
        everything = np.zeros((*probabilities.shape[:-1], n_segments), np.float32)
        everything[..., columns] = probabilities
        return everything

    def possible_segments(self) -> np.ndarray:
        """Return the labels that the estimator may give, sorted, as far as it tells."""
        classes = getattr(self.extension or self.estimator, "classes_", None)
        if classes is not None:
            return classes
        has_columns = hasattr(self.estimator, "predict_proba") or hasattr(
            self.estimator, "transform"
        )
        row = np.zeros((1, self.n_codes), np.float32)
        return np.arange(self._probabilities(row).shape[1] if has_columns else 0)


def _apply(values: np.ndarray, step: Step) -> np.ndarray:
    return step(values)
