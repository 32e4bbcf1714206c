"""From the codes of pixels to label maps: a fitted estimator, what it lacks, sharper borders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy.special import softmax
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier

from ._encoder import PixelEncoder
from ._estimators import mean_variance, with_segments
from ._mixture import ShrunkMixture
from ._number import count_clusters
from ._optima import choose_optimum
from ._patches import PatchEncoder
from ._pixels import choose_labelled, choose_pixels, gather, map_tiles
from ._refine import Refiner
from ._survey import Survey
from ._tiles import Tile

N_TRANSDUCTIVE = 2_000  # pixels for clusterers without predict, whose cost is quadratic
SEMI_SUPERVISED = (LabelPropagation, LabelSpreading, SelfTrainingClassifier)


class Labelling:
    """What follows the encoder.

    Parameters
    ----------
    coder : PixelEncoder or PatchEncoder
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
        coder: PixelEncoder | PatchEncoder,
        estimator: Any,
        n_segments: int | str,
        refine: bool,
        n_pixels: int,
        rng: np.random.Generator,
    ) -> None:
        self.coder: Any = coder
        self.estimator = estimator
        self.n_segments = n_segments
        self.refine = refine
        self.n_pixels = n_pixels
        self.rng = rng
        self.extension: Any = None
        self.refiner: Refiner | None = None

    def fit_clusterer(self, images: Sequence[np.ndarray]) -> Self:
        """Fit to a sample of all pixels."""
        survey = self._survey(images)
        codes = self._sample(images, survey)
        self.n_codes = codes.shape[1]
        if self.n_segments == "auto":
            self.n_segments = count_clusters(codes, self._draw_seed())
        self._fit_estimator(codes, survey)
        return self._fit_refiner(survey)

    def fit_classifier(
        self, images: Sequence[np.ndarray], targets: list[np.ndarray], known: list[np.ndarray]
    ) -> Self:
        """Fit to labelled pixels, and if it can use them to others as well."""
        chosen = choose_labelled(targets, known, self.n_pixels, self.rng)
        codes = gather(self.coder.encode_tile, images, chosen)
        y = np.concatenate([t.ravel()[c] for t, c in zip(targets, chosen, strict=True)])
        if isinstance(self.estimator, SEMI_SUPERVISED):
            others = choose_pixels(images, max(1, self.n_pixels - len(y)), self.rng)
            others = [c[~k.ravel()[c]] for c, k in zip(others, known, strict=True)]
            if any(map(len, others)):
                more = gather(self.coder.encode_tile, images, others)
                codes = np.concatenate([codes, more])
                y = np.concatenate([y, np.full(len(more), -1, y.dtype)])
        self.n_codes = codes.shape[1]
        self.estimator.fit(codes, y)
        return self._fit_refiner(self._survey(images))

    def label_map(self, image: np.ndarray) -> np.ndarray:
        """(H, W, C) -> (H, W)."""
        if self.refiner is None:
            return map_tiles(self._used_codes, image, self._predict)
        classes = self.refiner.classes_
        return map_tiles(self.refiner.probabilities, image, lambda p: classes[p.argmax(1)])

    def probability_map(self, image: np.ndarray) -> np.ndarray:
        """(H, W, C) -> (H, W, k), in the order of the labels."""
        if self.refiner is None:
            return map_tiles(self._used_codes, image, self._probabilities)
        found = map_tiles(self.refiner.probabilities, image, lambda p: p)
        classes = getattr(self.estimator, "classes_", None)
        columns = self.refiner.classes_
        if classes is not None:
            columns, n_columns = np.searchsorted(classes, columns), len(classes)
        else:
            row = np.zeros((1, self.n_codes), found.dtype)
            n_columns = self._probabilities(row).shape[1]
        everything = np.zeros((*found.shape[:2], n_columns), found.dtype)
        everything[..., columns] = found
        return everything

    def code_map(self, image: np.ndarray) -> np.ndarray:
        """(H, W, C) -> (H, W, F)."""
        return map_tiles(self.coder.encode_tile, image, lambda codes: codes)

    def score(self, images: Sequence[np.ndarray]) -> float:
        """Return the estimator's own score on a sample of the pixels, the same every time."""
        chosen = choose_pixels(images, self.n_pixels, np.random.default_rng(0))
        return float(self.estimator.score(gather(self._used_codes, images, chosen)))

    def _survey(self, images: Sequence[np.ndarray]) -> Survey | None:
        return Survey(self.coder, images, self.rng) if self.refine else None

    def _sample(self, images: Sequence[np.ndarray], survey: Survey | None) -> np.ndarray:
        """Return codes of pixels at random, few of them for clusterers of quadratic cost."""
        n_pixels = min(self.n_pixels, N_TRANSDUCTIVE) if self._is_transductive else self.n_pixels
        if survey is not None:
            return survey.wide[self.rng.permutation(len(survey))[:n_pixels]]
        return gather(self.coder.encode_tile, images, choose_pixels(images, n_pixels, self.rng))

    @property
    def _is_transductive(self) -> bool:
        return self.estimator is not None and not hasattr(self.estimator, "predict")

    def _fit_estimator(self, codes: np.ndarray, survey: Survey | None) -> None:
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

    def _fit_refiner(self, survey: Survey | None) -> Self:
        if survey is not None:
            refiner = Refiner(self.coder)
            if refiner.fit(survey, self._predict(survey.wide), self.n_pixels, self.rng):
                self.refiner = refiner
        return self

    def _draw_seed(self) -> int:
        return int(self.rng.integers(2**31))

    def _used_codes(self, image: np.ndarray, tile: Tile) -> np.ndarray:
        """Return the codes of a tile, as far as the estimator looks at them."""
        looks_at_some = isinstance(self.estimator, ShrunkMixture)
        if looks_at_some and isinstance(self.coder, PixelEncoder):
            return self.coder.encode_tile(image, tile, used=self.estimator.used_)
        return self.coder.encode_tile(image, tile)

    def _predict(self, codes: np.ndarray) -> np.ndarray:
        labels = (self.estimator if self.extension is None else self.extension).predict(codes)
        return labels.astype(np.int32) if labels.dtype.kind in "biu" else labels

    def _probabilities(self, codes: np.ndarray) -> np.ndarray:
        if hasattr(self.estimator, "predict_proba"):
            return self.estimator.predict_proba(codes)
        distances = self.estimator.transform(codes)
        return softmax(-0.5 * distances**2 / self.variance, axis=1)
