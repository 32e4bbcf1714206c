"""AESegmenter: images to feature maps to label maps."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
    is_classifier,
)
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._base import CallbackSupportMixin, Documented, FitTask, all_or_nothing, draw_seed
from ..encoding._patch_encoder import PatchEncoder
from ..encoding._pixel_encoder import PixelEncoder
from ..imaging._dask import is_dask
from ..imaging._image_batch import CODES, LABELS, ImageBatch, MapKind, check_batch
from ..imaging._label_maps import IgnoreLabel
from ..imaging._lazy_images import too_many
from ..imaging._normalization import typical_range
from ..imaging._tiled_inference import TileRequest, to_bytes
from ..regions._region_tree import RegionTree
from ..regions._tree_builder import TreeBuilder
from ._adapters import adapt
from ._estimators import ESTIMATORS, is_supervised, named
from ._labeler import PixelLabeler
from ._recipe import check_parameters, fit_encoder, fit_labelers
from ._targets import check_targets
from ._uncertainty import MEASURES


def _can(method: str) -> Callable[[Any], bool]:
    """Return a function that tells whether the estimator of a segmenter has a method."""
    return lambda segmenter: hasattr(segmenter._adapter, method)


class AESegmenter(
    Documented,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Segment images: encode every pixel, then cluster or classify the codes.

    Parameters
    ----------
    n_segments : int or "auto", default=8
        Number of segments. "auto" is 2 to 12, the number at which the variance within clusters
        drops most (jump method [1]_); see `n_segments_`. It sets `n_clusters` (or, of a mixture,
        `n_components`) of a clusterer that was left at its default; a classifier has its classes
        from `y`.
    encoder : estimator, "passthrough" or None, default=None
        None is :class:`PixelEncoder` with its defaults, or for classifiers
        `PixelEncoder(8, features="multiscale", batch_size=4, max_epochs=3)`. Any other transformer
        gets the patch around a pixel as one row; "passthrough" uses the pixel itself. The content
        of a :class:`~sklearn.frozen.FrozenEstimator` is used without training, on normalized
        images; pass `normalize="dataset"` if it was fitted to images that are not.
    estimator : estimator, str or None, default=None
        A clusterer or mixture ignores `y`. None is a Gaussian mixture with shrunk covariances if
        the encoder's `features_` is "intensity", else k-means from twenty starts; if borders are
        refined, the optimum with the shortest description length [2]_ is chosen. A clusterer
        without `predict` partitions 2,000 pixels, and every other pixel joins the segment of the
        nearest code. A classifier is fitted to the labeled pixels of `y`; those of
        :mod:`sklearn.semi_supervised` get unlabeled pixels too, at least half of `n_fit_pixels`
        (of 2,000 for label propagation). Names are "head" (a :class:`PixelHead`), "trees",
        "forest", "boosting", "logistic", "kmeans" and "mixture" (of scikit-learn).
    scope : {"dataset", "image"}, default="dataset"
        "dataset": a label means the same in every image. "image": the encoder's network is trained
        on all images, but each image is projected and clustered on its own, also in `predict`, so
        that labels cannot be compared across images; clusterers only.
    normalize : {"image", "dataset"}, default="image"
        "image" maps every channel of an image from its own range to [0, 1], for images of unlike
        illumination; a range counts as at least a quarter of the typical one. "dataset" keeps
        differences between images, for calibrated values. Rows are never changed.
    patch_size : int, default=9
        Side in pixels, odd, of the patches that a transformer of rows gets.
    n_fit_pixels : int, default=20_000
        Maximum number of random pixels that the estimator is fitted to.
    refine : bool or "auto", default="auto"
        Refine borders: a discriminant analysis of codes of narrower pooling, fitted to pixels well
        inside the segments, labels all pixels. Needs a :class:`PixelEncoder` with features
        "texture" and `pooling` above 0. "auto": where possible, except for classifiers.
    fine_tune : bool, default=False
        Train the head through the encoder's network: the cross-entropy of the labeled pixels, plus
        `unsupervised_weight` times what the encoder minimizes, on all images. Needs images, a
        :class:`PixelEncoder` and the estimator "head" or a :class:`PixelHead`. False leaves the
        encoder as it was learnt without labels.
    unsupervised_weight : float, default=1.0
        Weight of the encoder's own loss if `fine_tune`, >= 0. 0 leaves the images without labels
        out.
    min_size : int, default=0
        Connected regions of fewer pixels are merged with a neighbor. 0 keeps all.
    ignore_label : int, sequence of int or None, default=None
        Labels in `y` whose pixels are left out of the fit, such as 0 or 255. Pixels with -1 are
        always unlabeled: only semi-supervised estimators are fitted to these.
    memory : str, joblib.Memory or None, default=None
        Cache of fitted encoders: a search over `n_segments` or `estimator__*` trains each encoder
        once. Set `random_state` too. Not used for images on disk.
    max_memory : int or str, default="1GiB"
        Memory of `predict` and `transform`, in bytes or with a unit, besides input and output;
        it decides the size of tiles. Codes are the same to rounding.
    random_state : int, RandomState instance or None, default=None
        Seeds the encoder and the estimator, where theirs is None, and the choice of pixels.
    verbose : int, default=0
        1 prints a line an epoch while the default encoder trains.

    Attributes
    ----------
    labeler_ : PixelLabeler
        Encoder, estimator and refinement together; with scope "image", of the last fitted image.
    encoder_ : estimator
        The fitted encoder; with scope "image", its codes are those of the last fitted image.
    estimator_ : estimator
        The fitted clusterer or classifier; with scope "image", that of the last fitted image.
    n_segments_ : int or list of int
        Number of segments; with scope "image" of every fitted image. Clusterers only.
    labels_ : array (n, H, W), list of arrays (H, W), or array (n_samples,)
        Label maps of the fitted images, int32; clusterers only. They hold segments, not classes.
        Not there if images on disk have more than 16 million pixels: call `predict`.
    classes_ : ndarray
        Labels that occurred in `y`; classifiers, and clusterers whose segments have names.
    segment_classes_ : ndarray of shape (`n_segments_`,)
        The class that every segment stands for, after `assign_classes`.
    typical_range_ : ndarray of shape (`n_features_in_`,)
        Median over the fitted images of the range of every channel; images only.
    n_features_in_ : int
        Number of channels.

    References
    ----------
    .. [1] C. Sugar, G. James, "Finding the number of clusters in a dataset: an
       information-theoretic approach", Journal of the American Statistical Association 98, 2003,
       doi:10.1198/016214503000000666.
    .. [2] J. Rissanen, "Modeling by shortest data description", Automatica 14, 1978,
       doi:10.1016/0005-1098(78)90005-5.

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
        "n_segments": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "encoder": [HasMethods(["fit", "transform"]), StrOptions({"passthrough"}), None],
        "estimator": [HasMethods(["fit"]), StrOptions(set(ESTIMATORS)), None],
        "scope": [StrOptions({"dataset", "image"})],
        "normalize": [StrOptions({"image", "dataset"})],
        "patch_size": [Interval(Integral, 1, None, closed="left")],
        "n_fit_pixels": [Interval(Integral, 1, None, closed="left")],
        "refine": ["boolean", StrOptions({"auto"})],
        "fine_tune": ["boolean"],
        "unsupervised_weight": [Interval(Real, 0, None, closed="left")],
        "min_size": [Interval(Integral, 0, None, closed="left")],
        "ignore_label": [Integral, "array-like", None],
        "memory": [str, HasMethods(["cache"]), None],
        "max_memory": [Interval(Integral, 1, None, closed="left"), str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_segments: int | str = 8,
        *,
        encoder: Any = None,
        estimator: Any = None,
        scope: str = "dataset",
        normalize: str = "image",
        patch_size: int = 9,
        n_fit_pixels: int = 20_000,
        refine: bool | str = "auto",
        fine_tune: bool = False,
        unsupervised_weight: float = 1.0,
        min_size: int = 0,
        ignore_label: IgnoreLabel = None,
        memory: Any = None,
        max_memory: int | str = "1GiB",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_segments = n_segments
        self.encoder = encoder
        self.estimator = estimator
        self.scope = scope
        self.normalize = normalize
        self.patch_size = patch_size
        self.n_fit_pixels = n_fit_pixels
        self.refine = refine
        self.fine_tune = fine_tune
        self.unsupervised_weight = unsupervised_weight
        self.min_size = min_size
        self.ignore_label = ignore_label
        self.memory = memory
        self.max_memory = max_memory
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the encoder from all of `X`, then the estimator from a sample of the pixels.

        Parameters
        ----------
        X : array (n, H, W) or (n, H, W, C), list of arrays (H, W) or (H, W, C), or array \
(n_samples, n_features)
            A stack of images, images of different sizes, or rows (pixels x bands).
        y : label maps of the same sizes, or array (n_samples,) for rows, default=None
            Needed by a classifier, ignored by a clusterer.
        sample_weight : maps of the same sizes, or array (n_samples,) for rows, default=None
            How much every labeled pixel counts, >= 0; for classifiers that take it.

        Returns
        -------
        self : AESegmenter
        """
        supervised = check_parameters(self, sample_weight)
        batch = check_batch(self, X, reset=True)
        if self.fine_tune and self.rows_:
            raise ValueError(
                f"fine_tune={self.fine_tune} needs images, but X holds rows. Pass fine_tune=False."
            )
        self._seed = draw_seed(self.random_state)
        targets = None
        if supervised:
            targets = check_targets(batch, y, self.ignore_label, self.estimator, sample_weight)
        if not self.rows_:
            self.typical_range_ = typical_range(batch.images)
        batch = batch.normalized(self.typical_range_) if self._normalizes else batch
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        task = FitTask(self, 1, X=X, y=y, metadata=metadata)
        encoder = fit_encoder(self, batch, self._seed, task)
        labelers = fit_labelers(self, encoder, batch.images, targets, self._seed)
        self.labeler_ = labelers[-1]
        grows_trees = self.scope == "image" and isinstance(encoder, PixelEncoder) and not self.rows_
        possible = grows_trees and not too_many(batch.images)
        self._trees = TreeBuilder(encoder, batch.images) if possible else None
        self._describe_segments(batch, labelers, supervised)
        task.finish()
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

    def predict(self, X: Any, out: Any = None) -> Any:
        """Segment images.

        Parameters
        ----------
        X : as in `fit`; images may have any size
            What is not in memory (a memory map, zarr, HDF5) is read tile by tile.
        out : writable array-like (n, H, W) of integers, or list of arrays (H, W), default=None
            Where label maps of images are put, tile by tile. Needs `min_size=0`.

        Returns
        -------
        labels : array (n, H, W), list of arrays (H, W), or array (n_samples,)
            In the container that `X` came in, int32: segments 0 to n_segments - 1, or the
            classes as they were given. `out`, if that was given; lazy if `X` is a dask array.
        """
        check_is_fitted(self)
        if self.min_size and (out is not None or is_dask(X)):
            raise ValueError(
                f"min_size={self.min_size} looks at a whole label map, but this one is made tile "
                "by tile. Pass min_size=0, or an X in memory and no out."
            )
        return self._map(X, "label_map", out, LABELS, min_size=0 if self.rows_ else self.min_size)

    @available_if(_can("predict_proba"))
    def predict_proba(self, X: Any) -> Any:
        """Return how likely each segment is for every pixel.

        The estimator's own probabilities. For k-means, those of the mixture that it is the limit
        of: equal weights, and Gaussians with one variance, the mean within segments. Where borders
        are refined, those of the discriminant analysis. Where segments have names, a class has
        the sum of its segments.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        probabilities : array (n, H, W, k), list of arrays (H, W, k), or array (n_samples, k)
            In the order of the labels, or of `classes_`; sums to 1.
        """
        return self._map(X, "probability_map")

    @available_if(_can("decision_function"))
    def decision_function(self, X: Any) -> Any:
        """Return the estimator's decision function of the code of every pixel.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        scores : array (n, H, W[, k]), list of arrays (H, W[, k]), or array (n_samples[, k])
            One score for two classes, else one for each of `classes_`.
        """
        return self._map(X, "decision_map")

    @available_if(_can("predict_proba"))
    def uncertainty(self, X: Any, *, measure: str = "entropy") -> Any:
        """Return how uncertain the label of every pixel is: where to label next.

        Computed from `predict_proba` [1]_: high between classes that are alike, not for things
        that the estimator never saw.

        Parameters
        ----------
        X : as in `fit`
        measure : {"entropy", "margin", "least_confidence"}, default="entropy"
            Entropy, one minus the margin between the two largest probabilities, or one minus the
            largest; all scaled from 0 (certain) to 1 (all classes equally likely).

        Returns
        -------
        uncertainty : array (n, H, W), list of arrays (H, W), or array (n_samples,)

        References
        ----------
        .. [1] B. Settles, "Active learning literature survey", University of Wisconsin-Madison
           technical report 1648, 2009.
        """
        if measure not in MEASURES:
            raise ValueError(f"measure={measure!r} is not known. Pass one of {sorted(MEASURES)}.")
        return self._map(X, "uncertainty_map", measure=measure)

    def transform(self, X: Any, out: Any = None) -> Any:
        """Encode every pixel.

        Parameters
        ----------
        X : as in `fit`
        out : writable array-like (n, H, W, k) of floats, or list of these, default=None
            Where codes of images are put, tile by tile.

        Returns
        -------
        codes : array (n, H, W, k), list of arrays (H, W, k), or array (n_samples, k)
            Feature maps.
        """
        return self._map(X, "code_map", out)

    def assign_classes(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Assign classes to the segments of a clusterer, by a few labeled pixels.

        A segment gets the class of most of the labeled pixels in it; one without any that of the
        segment whose mean code is nearest. From then on `predict` and `predict_proba` return
        classes; several segments may stand for one. Another `fit` forgets the classes.

        Parameters
        ----------
        X : as in `fit`
            Images with labeled pixels, of the fit or not.
        y : label maps of the same sizes, or array (n_samples,) for rows
            Pixels with -1 or an `ignore_label` play no role.
        sample_weight : maps of the same sizes, or array (n_samples,) for rows, default=None
            How often every labeled pixel counts, >= 0.

        Returns
        -------
        self : AESegmenter
        """
        check_is_fitted(self)
        if is_classifier(self.estimator_) or self.scope == "image":
            raise ValueError(
                f"assign_classes is for segments that mean the same in every image and have no "
                f"names, but scope={self.scope!r} and estimator={self.estimator_!r}. Fit with "
                "scope='dataset' and a clusterer."
            )
        if y is None:
            raise ValueError("y=None, but names come from pixels with labels. Pass label maps.")
        batch = self.batch(X)
        targets = check_targets(batch, y, self.ignore_label, self.estimator, sample_weight)
        self.labeler_.assign_classes(batch.images, targets)
        return self

    def region_tree(self, image: Any) -> RegionTree:
        """Return all segmentations of one image into connected regions, coarse to fine.

        Small regions join, weakest border first. The strength of a border is that of color
        gradients, of how rarely the colors and codes of its two sides meet elsewhere in the image,
        and of the eigenvectors of the graph of regions. Needs `scope="image"`.

        Parameters
        ----------
        image : array (H, W) or (H, W, C)
            Of any size.

        Returns
        -------
        tree : RegionTree
            `tree.cut(n_segments=12)` or `tree.cut(threshold=4)` are label maps, `tree.contours()`
            is the map of all borders.
        """
        check_is_fitted(self)
        if self._trees is None:
            raise ValueError(
                f"region_tree needs an AESegmenter with scope='image' and a PixelEncoder that were "
                f"fitted to images (in memory, if large), but scope={self.scope!r} and "
                f"encoder={self.encoder!r}."
            )
        (seen,) = self.batch([image]).images
        return self._trees.tree(seen, self._seed)

    @available_if(_can("score"))
    def score(self, X: Any, y: Any = None) -> float:
        """Return the accuracy on labeled pixels, or the score of the clusterer on its codes.

        Parameters
        ----------
        X : as in `fit`
        y : as in `fit`; ignored by a clusterer

        Returns
        -------
        score : float
            A clusterer's own `score`, on at most `n_fit_pixels` pixels.
        """
        batch = self.batch(X)
        labelers = self.labelers(batch)
        if is_classifier(self.estimator_):
            targets = check_targets(batch, y, self.ignore_label, self.estimator)
            maps = map(self._label_map, labelers, batch.images)
            trios = zip(maps, targets.maps, targets.known, strict=True)
            return float(np.mean(np.concatenate([(m == true)[k] for m, true, k in trios])))
        if self.scope == "dataset":
            return self.labeler_.score(batch.images)
        pairs = zip(labelers, batch.images, strict=True)
        return float(np.mean([own.score([image]) for own, image in pairs]))

    @property
    def encoder_(self) -> Any:
        """The fitted encoder."""
        encoder = self.labeler_.encoder
        return encoder.transformer if isinstance(encoder, PatchEncoder) else encoder

    @property
    def estimator_(self) -> Any:
        """The fitted clusterer or classifier."""
        return self.labeler_.estimator.estimator

    @property
    def classes_(self) -> np.ndarray:
        """Labels of `y`; classifiers, and clusterers whose segments have classes."""
        if self.labeler_.classes is not None:
            return np.unique(self.segment_classes_)
        if is_classifier(self.estimator_):
            return self.estimator_.classes_
        raise AttributeError("classes_ is for classifiers. Call assign_classes first.")

    @property
    def segment_classes_(self) -> np.ndarray:
        """The class that every segment stands for, after `assign_classes`."""
        if self.labeler_.classes is None:
            raise AttributeError("segment_classes_ is not known. Call assign_classes first.")
        return self.labeler_.classes.classes

    def batch(self, X: Any) -> ImageBatch:
        """Return images as the encoder sees them, (H, W, C) each; rows are one, a pixel wide."""
        check_is_fitted(self)
        batch = check_batch(self, X, reset=False)
        return batch.normalized(self.typical_range_) if self._normalizes else batch

    def labelers(self, batch: ImageBatch) -> list[PixelLabeler]:
        """Return what labels each image of a batch; with scope "image", fitted to it."""
        if self.scope == "dataset":
            return [self.labeler_] * len(batch)
        return fit_labelers(self, self.labeler_.encoder, batch.images, None, self._seed)

    @property
    def _n_features_out(self) -> int:
        return self.labeler_.n_codes

    @property
    def _normalizes(self) -> bool:
        return self.normalize == "image" and not self.rows_

    def _map(
        self, X: Any, method: str, out: Any = None, kind: MapKind = CODES, **options: Any
    ) -> Any:
        """Return the maps of a method of the labelers, in the container that `X` came in."""
        batch = self.batch(X)
        tail = () if kind is LABELS else (self._n_features_out,)
        models, max_memory = self.labelers(batch), to_bytes(self.max_memory)
        return batch.map(models, method, max_memory, out, tail, kind, **options)

    def _label_map(self, labeler: PixelLabeler, image: np.ndarray) -> np.ndarray:
        return labeler.label_map(
            image, TileRequest(to_bytes(self.max_memory)), 0 if self.rows_ else self.min_size
        )

    def _describe_segments(
        self, batch: ImageBatch, labelers: list[PixelLabeler], supervised: bool
    ) -> None:
        """Set what clusterers alone have: `n_segments_` and, if they fit into memory, `labels_`."""
        for name in ("n_segments_", "labels_"):  # of an earlier fit
            if hasattr(self, name):
                delattr(self, name)
        if supervised:
            return
        numbers = [int(own.n_segments) for own in labelers]
        self.n_segments_ = numbers if self.scope == "image" else numbers[0]
        if not too_many(batch.images):
            maps = map(self._label_map, labelers, batch.images)
            self.labels_ = batch.restore(list(maps))

    @property
    def _adapter(self) -> Any:
        """The face of the estimator, fitted if this is."""
        if hasattr(self, "labeler_"):
            return self.labeler_.estimator
        return adapt(named("kmeans" if self.estimator is None else self.estimator))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "labeler_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        if is_supervised(self.estimator):
            tags.estimator_type = "classifier"
            tags.classifier_tags = get_tags(named(self.estimator)).classifier_tags
            tags.target_tags.required = True
        else:
            tags.estimator_type = "clusterer"
        return tags
