"""AESegmenter: images to feature maps to label maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
from scipy.special import softmax
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
    is_classifier,
)
from sklearn.cluster import KMeans
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    check_memory,
    column_or_1d,
    validate_data,
)

from ._encoder import PixelEncoder
from ._estimators import mean_variance, seeded_clone, with_segments
from ._exposure import expose, typical_range
from ._images import check_images, check_label_maps, is_rows, like
from ._labels import absorb_specks
from ._patches import PatchEncoder, fit_row_encoder
from ._pixels import choose_labelled, choose_pixels, gather, map_tiles
from ._training import draw_seed

N_TRANSDUCTIVE = 2_000  # pixels for clusterers without predict, whose cost is quadratic
SEMI_SUPERVISED = (LabelPropagation, LabelSpreading, SelfTrainingClassifier)


def _can_tell_probabilities(segmenter: AESegmenter) -> bool:
    """Tell whether the estimator has probabilities, or distances to make them of."""
    estimator = getattr(segmenter, "estimator_", segmenter.estimator)
    return (
        estimator is None or hasattr(estimator, "predict_proba") or hasattr(estimator, "transform")
    )


def _has_score(segmenter: AESegmenter) -> bool:
    return segmenter.estimator is None or hasattr(segmenter.estimator, "score")


class AESegmenter(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Segment images: encode every pixel, then cluster or classify the codes.

    Parameters
    ----------
    n_segments : int, default=8
        Number of segments. It sets `n_clusters` (or, of a mixture, `n_components`) of a clusterer
        that was left at its default; a classifier has its classes from `y`.
    encoder : estimator, "passthrough" or None, default=None
        None is :class:`PixelEncoder` with its defaults. Any other transformer sees the patch
        around a pixel as one row; "passthrough" hands the pixels on as they are.
    estimator : estimator or None, default=None
        Its type decides the regime. A clusterer or mixture (None is
        `KMeans(n_segments, n_init=20)`) ignores `y`. A classifier needs `y` and learns from its
        labelled pixels; those of :mod:`sklearn.semi_supervised` get unlabelled ones too. A
        clusterer without `predict` partitions a sample of 2,000 pixels, and every other pixel
        joins the segment of the nearest code.
    scope : {"dataset"}, default="dataset"
        "dataset": a label means the same in every image.
    exposure : {"image", "set"}, default="image"
        "image" maps every channel of an image from its own range to [0, 1] before anything else, as
        fits images that were lit or exposed differently; one with less than a quarter of the
        typical contrast is left dull. "set" keeps the differences between images, as fits
        calibrated values. Rows are never changed.
    patch_size : int, default=9
        Side in pixels, odd, of the patches that an ordinary transformer sees.
    n_fit_pixels : int, default=20_000
        The estimator is fitted on so many random pixels at most, and predicts all of them.
    min_size : int, default=0
        Connected patches of a label map with fewer pixels join a neighbour. 0 keeps all.
    ignore_label : int or None, default=None
        Pixels with this label in `y` are left out of the fit, besides unlabelled ones.
    unlabelled : int, default=-1
        The label in `y` of pixels without one; imaging tools use 0.
    memory : str, joblib.Memory or None, default=None
        Where fitted encoders are cached, so that a search over `n_segments` or `estimator__*`
        trains each of them once. Give `random_state` too.
    random_state : int, RandomState instance or None, default=None
        Seeds the encoder and the estimator, where theirs is None, and the choice of pixels.
    verbose : int, default=0
        1 prints a line an epoch while the default encoder trains.

    Attributes
    ----------
    encoder_ : estimator
        The fitted encoder.
    estimator_ : estimator
        The fitted clusterer or classifier.
    labels_ : array (n, H, W), list of arrays (H, W), or array (n_samples,)
        Label maps of the images that were fitted, int32; clusterers only.
    classes_ : ndarray
        Labels that occurred in `y`; classifiers only.
    typical_range_ : ndarray of shape (n_features_in_,)
        Median over the fitted images of the range of every channel; images only.
    n_features_in_ : int
        Number of channels.

    Examples
    --------
    >>> from sklearn_segae import AESegmenter, PixelEncoder
    >>> from sklearn_segae.datasets import make_shapes
    >>> from sklearn_segae.metrics import matched_accuracy
    >>> images, truth = make_shapes(2, size=64, random_state=0)
    >>> segmenter = AESegmenter(3, encoder=PixelEncoder(max_epochs=2), random_state=0)
    >>> labels = segmenter.fit_predict(images)
    >>> labels.shape, matched_accuracy(truth, labels) > 0.8
    ((2, 64, 64), True)
    """

    n_features_in_: int

    _parameter_constraints: dict = {
        "n_segments": [Interval(Integral, 1, None, closed="left")],
        "encoder": [HasMethods(["fit", "transform"]), StrOptions({"passthrough"}), None],
        "estimator": [HasMethods(["fit"]), None],
        "scope": [StrOptions({"dataset"})],
        "exposure": [StrOptions({"image", "set"})],
        "patch_size": [Interval(Integral, 1, None, closed="left")],
        "n_fit_pixels": [Interval(Integral, 1, None, closed="left")],
        "min_size": [Interval(Integral, 0, None, closed="left")],
        "ignore_label": [Integral, None],
        "unlabelled": [Integral],
        "memory": [str, HasMethods(["cache"]), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_segments: int = 8,
        *,
        encoder: Any = None,
        estimator: Any = None,
        scope: str = "dataset",
        exposure: str = "image",
        patch_size: int = 9,
        n_fit_pixels: int = 20_000,
        min_size: int = 0,
        ignore_label: int | None = None,
        unlabelled: int = -1,
        memory: Any = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_segments = n_segments
        self.encoder = encoder
        self.estimator = estimator
        self.scope = scope
        self.exposure = exposure
        self.patch_size = patch_size
        self.n_fit_pixels = n_fit_pixels
        self.min_size = min_size
        self.ignore_label = ignore_label
        self.unlabelled = unlabelled
        self.memory = memory
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the encoder from all of `X`, then the estimator from a sample of the pixels.

        Parameters
        ----------
        X : array (n, H, W) or (n, H, W, C), list of arrays (H, W) or (H, W, C), or array \
(n_samples, n_features)
            A stack of images, images of different sizes, or rows (pixels x bands).
        y : label maps of the same sizes, or array (n_samples,) for rows, default=None
            Needed by a classifier, ignored by a clusterer.

        Returns
        -------
        self : AESegmenter
        """
        if self.patch_size % 2 == 0:
            raise ValueError(
                f"patch_size={self.patch_size} is even, but a patch has a pixel in its middle. "
                f"Pass {self.patch_size - 1} or {self.patch_size + 1}."
            )
        images = self._check(X, reset=True)
        seed = draw_seed(self.random_state)
        rng = np.random.default_rng(seed)
        estimator = seeded_clone(self._new_estimator(), seed)
        labelled = self._check_targets(X, y, images) if is_classifier(estimator) else None
        encoder = self._fit_encoder(images, seed)
        coder = self._coder(encoder)
        if labelled is None:
            self.__dict__.pop("classes_", None)
            self._fit_clusterer(estimator, coder, images, rng)
        else:
            self.__dict__.pop("labels_", None)
            self._fit_classifier(estimator, coder, images, *labelled, rng)
        self.encoder_, self.estimator_ = encoder, estimator
        if labelled is None:
            self.labels_ = self._output(X, self._label_maps(images))
        return self

    def fit_predict(self, X: Any, y: Any = None) -> Any:
        """Fit, and return the label maps of the same images.

        Parameters
        ----------
        X, y : as in `fit`

        Returns
        -------
        labels : as `predict` returns them
        """
        self.fit(X, y)
        return self.labels_ if hasattr(self, "labels_") else self.predict(X)

    def predict(self, X: Any) -> Any:
        """Segment images.

        Parameters
        ----------
        X : as in `fit`; images may have any size

        Returns
        -------
        labels : array (n, H, W), list of arrays (H, W), or array (n_samples,)
            In the container that `X` came in, int32: segments 0 to n_segments - 1, or the
            classes as they were given.
        """
        check_is_fitted(self)
        return self._output(X, self._label_maps(self._check(X, reset=False)))

    @available_if(_can_tell_probabilities)
    def predict_proba(self, X: Any) -> Any:
        """Return how likely each segment is for every pixel.

        The estimator's own probabilities. For k-means, those of the mixture that it is the limit
        of: equal weights, and Gaussians with one variance, the mean within segments.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        probabilities : array (n, H, W, k), list of arrays (H, W, k), or array (n_samples, k)
            In the order of the labels, or of `classes_`; sums to 1.
        """
        check_is_fitted(self)
        return self._output(X, self._maps(self._check(X, reset=False), self._probabilities))

    def transform(self, X: Any) -> Any:
        """Encode every pixel.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        codes : array (n, H, W, k), list of arrays (H, W, k), or array (n_samples, k)
            Feature maps.
        """
        check_is_fitted(self)
        return self._output(X, self._maps(self._check(X, reset=False), lambda codes: codes))

    @available_if(_has_score)
    def score(self, X: Any, y: Any = None) -> float:
        """Return the accuracy on labelled pixels, or the score of the clusterer on its codes.

        Parameters
        ----------
        X : as in `fit`
        y : as in `fit`; ignored by a clusterer

        Returns
        -------
        score : float
            A clusterer's own `score`, on at most `n_fit_pixels` pixels.
        """
        check_is_fitted(self)
        images = self._check(X, reset=False)
        if is_classifier(self.estimator_):
            targets, known = self._check_targets(X, y, images)
            pairs = zip(self._label_maps(images), targets, known, strict=True)
            return float(np.mean(np.concatenate([(p == t)[k] for p, t, k in pairs])))
        chosen = choose_pixels(images, self.n_fit_pixels, np.random.default_rng(0))
        return float(
            self.estimator_.score(gather(self._coder(self.encoder_).encode_tile, images, chosen))
        )

    @property
    def _n_features_out(self) -> int:
        return self._n_codes

    def _check(self, X: Any, *, reset: bool) -> list[np.ndarray]:
        """Return images (H, W, C); rows become one image, a pixel wide."""
        rows = is_rows(X)
        if reset:
            self.rows_ = rows
        elif rows != self.rows_:
            was, now = ("rows", "images") if self.rows_ else ("images", "rows")
            raise ValueError(f"X holds {now}, but AESegmenter was fitted with {was}.")
        if rows:
            floats = [np.float64, np.float32]
            return [validate_data(self, X, dtype=floats, reset=reset)[:, None]]
        n_channels = None if reset else self.n_features_in_
        images = check_images(X, n_channels=n_channels, owner="AESegmenter")
        if reset:
            self.n_features_in_ = images[0].shape[2]
            self.typical_range_ = typical_range(images)
        if self.exposure == "image":
            return [expose(image, self.typical_range_) for image in images]
        return images

    def _check_targets(
        self, X: Any, y: Any, images: Sequence[np.ndarray]
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return label maps, and masks of their labelled pixels."""
        if y is None:
            raise ValueError(
                f"estimator={self.estimator!r} is a classifier: fit requires y to be passed, but "
                "the target y is None. Pass label maps (-1: unlabelled), or a clusterer."
            )
        if self.rows_:
            y = column_or_1d(y, warn=True)
            check_consistent_length(X, y)
            check_classification_targets(y)
            targets = [y[:, None]]
        else:
            targets = check_label_maps(y, images)
        known = [self._known(t) for t in targets]
        if not any(k.any() for k in known):
            raise ValueError(
                f"y has no labelled pixel: all are unlabelled={self.unlabelled} or "
                f"ignore_label={self.ignore_label}. Label some pixels of every class."
            )
        return targets, known

    def _known(self, labels: np.ndarray) -> np.ndarray:
        if labels.dtype.kind in "OUS":
            return np.ones(labels.shape, bool)
        known = labels != self.unlabelled
        return known if self.ignore_label is None else known & (labels != self.ignore_label)

    def _new_estimator(self) -> Any:
        """Return the estimator with `n_segments` in its place, not yet cloned."""
        if self.estimator is None:
            return KMeans(self.n_segments, n_init=20)
        if is_classifier(self.estimator):
            return self.estimator
        return with_segments(self.estimator, self.n_segments)

    @property
    def _patch_size(self) -> int:
        return 1 if self.rows_ or self.encoder == "passthrough" else self.patch_size

    def _fit_encoder(self, images: list[np.ndarray], seed: int) -> Any:
        if self.encoder == "passthrough":
            return "passthrough"
        default = PixelEncoder(verbose=self.verbose)
        encoder = seeded_clone(default if self.encoder is None else self.encoder, seed)
        memory = check_memory(self.memory)
        if isinstance(encoder, PixelEncoder):
            return memory.cache(_fit_pixel_encoder)(encoder, images, self.rows_)
        fit = memory.cache(fit_row_encoder)
        return fit(encoder, images, self._patch_size, self.n_fit_pixels, seed)

    def _coder(self, encoder: Any) -> Any:
        """Return what has `encode_tile`."""
        known = isinstance(encoder, PixelEncoder)
        return encoder if known else PatchEncoder(encoder, self._patch_size)

    def _fit_clusterer(
        self, estimator: Any, coder: Any, images: list[np.ndarray], rng: np.random.Generator
    ) -> None:
        n_pixels = self.n_fit_pixels
        self._extension = None
        if not hasattr(estimator, "predict"):
            n_pixels = min(n_pixels, N_TRANSDUCTIVE)
            self._extension = KNeighborsClassifier(1)
        codes = gather(coder.encode_tile, images, choose_pixels(images, n_pixels, rng))
        self._n_codes = codes.shape[1]
        if self._extension is None:
            estimator.fit(codes)
            self._variance = mean_variance(estimator, codes)
        else:
            self._extension.fit(codes, estimator.fit_predict(codes))

    def _fit_classifier(
        self,
        estimator: Any,
        coder: Any,
        images: list[np.ndarray],
        targets: list[np.ndarray],
        known: list[np.ndarray],
        rng: np.random.Generator,
    ) -> None:
        chosen = choose_labelled(targets, known, self.n_fit_pixels, rng)
        codes = gather(coder.encode_tile, images, chosen)
        y = np.concatenate([t.ravel()[c] for t, c in zip(targets, chosen, strict=True)])
        if isinstance(estimator, SEMI_SUPERVISED):
            others = choose_pixels(images, max(1, self.n_fit_pixels - len(y)), rng)
            pairs = zip(others, known, strict=True)
            others = [c[~k.ravel()[c]] for c, k in pairs]
            if any(map(len, others)):
                more = gather(coder.encode_tile, images, others)
                codes = np.concatenate([codes, more])
                y = np.concatenate([y, np.full(len(more), -1, y.dtype)])
        self._n_codes, self._extension = codes.shape[1], None
        estimator.fit(codes, y)
        self.classes_ = estimator.classes_

    def _label_maps(self, images: list[np.ndarray]) -> list[np.ndarray]:
        predict = self.estimator_.predict if self._extension is None else self._extension.predict
        maps = self._maps(images, lambda codes: _as_labels(predict(codes)))
        if self.min_size and not self.rows_:
            maps = [absorb_specks(labels, self.min_size) for labels in maps]
        return maps

    def _probabilities(self, codes: np.ndarray) -> np.ndarray:
        if hasattr(self.estimator_, "predict_proba"):
            return self.estimator_.predict_proba(codes)
        distances = self.estimator_.transform(codes)
        return softmax(-0.5 * distances**2 / self._variance, axis=1)

    def _maps(
        self, images: list[np.ndarray], function: Callable[[np.ndarray], np.ndarray]
    ) -> list[np.ndarray]:
        """Encode every tile and put `function` of its codes (n, k) in its place in a map."""
        encode = self._coder(self.encoder_).encode_tile
        return [map_tiles(encode, image, function) for image in images]

    def _output(self, X: Any, maps: list[np.ndarray]) -> Any:
        return maps[0][:, 0] if self.rows_ else like(X, maps)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        if self.estimator is not None and is_classifier(self.estimator):
            tags.estimator_type = "classifier"
            tags.classifier_tags = get_tags(self.estimator).classifier_tags
            tags.target_tags.required = True
        else:
            tags.estimator_type = "clusterer"
        return tags


def _fit_pixel_encoder(encoder: PixelEncoder, images: list[np.ndarray], rows: bool) -> PixelEncoder:
    return encoder.fit(images[0][:, 0] if rows else images)


def _as_labels(labels: np.ndarray) -> np.ndarray:
    return labels.astype(np.int32) if labels.dtype.kind in "biu" else labels
