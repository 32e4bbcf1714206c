"""AESegmenter: segmentation by an encoder and a clusterer or classifier."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, Self, overload

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    is_classifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from .._base import (
    CallbackSupportMixin,
    Documented,
    FitTask,
    all_or_nothing,
    check_array_output,
    draw_seed,
    fit_context,
)
from ..encoding._patch_encoder import PatchEncoder
from ..encoding._pixel_encoder import PixelEncoder
from ..imaging._containers import unpack, wrap
from ..imaging._dask import is_dask
from ..imaging._image_batch import CODES, LABELS, ImageBatch, MapKind, check_batch
from ..imaging._label_maps import IgnoreLabel
from ..imaging._lazy_images import too_many
from ..imaging._no_data import is_complete
from ..imaging._normalization import fit_normalization
from ..imaging._pixel_sampling import pick
from ..imaging._tiled_inference import TileRequest, to_bytes
from ..regions._region_tree import RegionTree
from ..regions._tree_builder import TreeBuilder
from ..training._threads import fewer_threads
from ._adapters import adapt
from ._estimators import ESTIMATORS, is_dense, is_supervised, named
from ._labeler import PixelLabeler
from ._recipe import (
    check_parameters,
    check_surroundings,
    fit_encoder,
    fit_labelers,
    fit_supervised,
    resolve_spacing,
)
from ._suggested_regions import SuggestedRegion, suggest_regions
from ._targets import check_targets
from ._uncertainty import MEASURES


def _can(method: str) -> Callable[[Any], bool]:
    """Return a function that checks whether the estimator of a segmenter has a method."""
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
        Number of segments. "auto" selects 2 to 12 by the jump method [1]_; see `n_segments_`. Sets
        `n_clusters` (`n_components` of mixtures) of a clusterer if that has its default value.
        Classifiers ignore it.
    encoder : estimator, "passthrough" or None, default=None
        None is `PixelEncoder(max_epochs=0)`, whose network has random weights and a fitted
        projection, or for classifiers
        `PixelEncoder(8, features="multiscale", batch_size=4, max_epochs=3)`, of volumes
        `PixelEncoder(4, features="multiscale", max_epochs=0)`. A `PixelEncoder` with
        features "auto" selects them for `n_segments`; `encoder_` has them as parameters. Any other
        transformer is applied to the patch around each pixel as one row; "passthrough" uses the
        pixel itself. A :class:`~sklearn.frozen.FrozenEstimator` is not trained. It gets normalized
        images; set `normalize="dataset"` if it was fitted to other ones.
    estimator : estimator, str or None, default=None
        A clusterer or mixture ignores `y`. None is k-means, or for features "intensity" a Gaussian
        mixture with shrunk covariances. If borders are refined, the solution with the shortest
        description length [2]_ is used. A clusterer without `predict` is fitted to 2,000 pixels;
        other pixels get the label of the nearest code. A classifier is fitted to the labeled pixels
        of `y`. Semi-supervised ones (of :mod:`sklearn.semi_supervised`) also use unlabeled pixels,
        at least half of `n_fit_pixels` (of 2,000 for label propagation). Names are "unet" (a
        :class:`UNetClassifier` of pixels and codes), "vote" (a :class:`PixelVotingClassifier`: a
        forest and a U-Net), "head" (a :class:`PixelHead`), and "trees", "forest", "boosting",
        "logistic", "kmeans" and "mixture" (of scikit-learn).
    scope : {"dataset", "image"}, default="dataset"
        "dataset": labels have the same meaning in all images. "image": the network is trained on
        all images, but the codes of each image are projected and clustered separately, also in
        `predict`. Labels are not comparable across images. Clusterers only.
    normalize : {"auto", "image", "dataset"}, default="auto"
        "image" scales each channel of each image from its range, for images with different
        illumination. The range is that of medians of 3 x 3 pixels without the outermost 1 %;
        images with less than an eighth of the typical range are not stretched. A part of an image
        may then get other labels than in the whole: `predict` warns of images much smaller or
        duller than the fitted ones. "dataset" keeps intensities, for calibrated values. "auto" is
        "image" if the ranges of the fitted images differ by more than 18 % on average (12 % for
        three images, 9 % for two). Else, and for a single image, all images are scaled by the same
        range, and parts get the labels of the whole; see `normalize_`. Values more than one range
        outside are softly clipped, except with "dataset". Rows are not normalized.
    spacing : sequence of three floats or None, default=None
        Spacing of the voxels of volumes along z, y and x, in any unit. It says that `X` has three
        spatial axes, and sets that of an encoder or estimator that has none. None is that of
        these, or that `X` holds images.
    patch_size : int, default=9
        Side of the patches in pixels, odd, for encoders that transform rows.
    n_fit_pixels : int, default=20_000
        Maximum number of random pixels to which the estimator is fitted. A U-Net is fitted to all
        labeled pixels, or to those in random windows whose codes take 512 MiB.
    refine : bool or "auto", default="auto"
        Whether to refine borders: a linear discriminant analysis on codes with narrower pooling,
        fitted to pixels well inside the segments, labels all pixels. Needs a :class:`PixelEncoder`
        with features "texture" and `pooling` > 0. "auto": if possible, except for classifiers.
    min_size : int, default=0
        Connected regions with fewer pixels are merged with a neighboring region.
    ignore_label : int, str, sequence of these, or None, default=None
        Labels in `y` to exclude from the fit, such as 0 or 255. Unlabeled pixels (-1, NaN, None,
        empty strings, masked) are only used by semi-supervised estimators.
    memory : str, joblib.Memory or None, default=None
        Cache of fitted encoders: a search over `n_segments` or `estimator__*` trains each encoder
        once. Needs a fixed `random_state`. Also a cache of the pretrained codes of images; see
        :class:`PixelEncoder`. Not used for images on disk.
    max_memory : int or str, default="1GiB"
        Memory for `predict` and `transform` besides input and output, in bytes or with a unit.
        Sets the tile size; codes do not depend on it, up to rounding.
    random_state : int, RandomState instance or None, default=None
        Seed for sampling pixels, and for encoder and estimator if their `random_state` is None.
    verbose : int, default=0
        1 prints one line per epoch of a :class:`PixelEncoder`, and of a U-Net that is given by
        name. The default encoder without labels has no epochs.

    Attributes
    ----------
    labeler_ : PixelLabeler
        Encoder, estimator and refinement; with scope "image", of the last fitted image.
    encoder_ : estimator
        The fitted encoder; with scope "image", with the codes of the last fitted image.
    estimator_ : estimator
        The fitted clusterer or classifier; with scope "image", that of the last fitted image.
    n_segments_ : int or list of int
        Number of segments of the fitted clusterer, which may differ from `n_segments` if that has
        its own number or finds it; noise (label -1) is not a segment. With scope "image", of each
        fitted image. Clusterers only.
    labels_ : array (n, H, W), list of arrays (H, W), or array (n_samples,)
        Label maps of the fitted images, int32; segments, not classes. Clusterers only. Not set
        for images on disk with more than 16 million pixels; use `predict`.
    classes_ : ndarray
        Sorted labels in `y`, of its type; classifiers, and clusterers after `assign_classes`.
    segment_classes_ : ndarray of shape (`n_segments_`,)
        The class of each segment, after `assign_classes`; first that of noise, if there is any.
    normalize_ : {"image", "dataset"}
        Whether each image is scaled from its own range, or all images alike.
    normalization_ : Normalization or None
        `low` and `span` of the range of each channel, the same for all images; with `normalize_`
        "image", of each fitted image and the median. None for rows and `normalize="dataset"`.
    spacing_ : tuple of float or None
        Spacing of voxels; None for images.
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
        "normalize": [StrOptions({"auto", "image", "dataset"})],
        "spacing": ["array-like", None],
        "patch_size": [Interval(Integral, 1, None, closed="left")],
        "n_fit_pixels": [Interval(Integral, 1, None, closed="left")],
        "refine": ["boolean", StrOptions({"auto"})],
        "min_size": [Interval(Integral, 0, None, closed="left")],
        "ignore_label": [Real, str, "array-like", None],
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
        normalize: str = "auto",
        spacing: Sequence[float] | None = None,
        patch_size: int = 9,
        n_fit_pixels: int = 20_000,
        refine: bool | str = "auto",
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
        self.spacing = spacing
        self.patch_size = patch_size
        self.n_fit_pixels = n_fit_pixels
        self.refine = refine
        self.min_size = min_size
        self.ignore_label = ignore_label
        self.memory = memory
        self.max_memory = max_memory
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the encoder to all of `X`, then the estimator to a sample of the pixels.

        Parameters
        ----------
        X : array (n, H, W) or (n, H, W, C), list of arrays (H, W) or (H, W, C), or array \
(n_samples, n_features)
            A stack of images, images of different sizes, or rows (pixels x bands). Pixels of images
            that are NaN or masked (masked arrays) in any channel have no data: they have no part.
            With `spacing`, volumes (n, D, H, W), (n, D, H, W, C), or a list of (D, H, W) or
            (D, H, W, C); label maps and others have an axis D more, too.
        y : label maps of the same sizes, or array (n_samples,) for rows, default=None
            Integers, whole floats, booleans or strings; -1, NaN, None, "" and masked pixels are
            unlabeled. Required by classifiers, ignored by clusterers.
        sample_weight : maps of the same sizes, or array (n_samples,) for rows, default=None
            Weights of the labeled pixels, >= 0; for classifiers with `sample_weight`.

        Returns
        -------
        self : AESegmenter
        """
        supervised = check_parameters(self, sample_weight)
        self.spacing_ = resolve_spacing(self)
        batch = check_batch(self, X, reset=True, n_axes=self.n_axes)
        check_surroundings(self, batch)
        self._seed = draw_seed(self.random_state)
        targets = None
        if supervised:
            targets = check_targets(batch, y, self.ignore_label, self.estimator, sample_weight)
        mode = "dataset" if self.rows_ else self.normalize
        self.normalization_ = fit_normalization(batch.images, mode)
        batch = self._normalized(batch)
        metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
        task = FitTask(self, 1 + is_dense(self.estimator), X=X, y=y, metadata=metadata)
        with fewer_threads():
            encoder: Any = fit_encoder(self, batch, self._seed, task)
        if targets is not None:
            labelers = fit_supervised(self, encoder, batch.images, targets, self._seed, task)
        else:
            with fewer_threads():  # classifiers may be large; clusterers are fitted to few rows
                labelers = fit_labelers(self, encoder, batch.images, self._seed)
        with_codes = isinstance(encoder, PixelEncoder) and not self.rows_ and self.n_axes == 2
        grows_trees = self.scope == "image" and with_codes
        possible = grows_trees and not too_many(batch.images)
        complete = [i for i in batch.images if possible and is_complete(i)]
        self._trees = TreeBuilder(encoder, complete) if complete else None
        self._describe_segments(batch, labelers, supervised)
        self.labeler_ = labelers[-1]
        task.finish()
        if not isinstance(self.estimator, FrozenEstimator):
            self.labeler_.reraise_interrupt()
        return self

    @overload
    def fit_predict(self, X: np.ndarray, y: Any = None) -> np.ndarray: ...
    @overload
    def fit_predict(self, X: Sequence[np.ndarray], y: Any = None) -> list[np.ndarray]: ...
    @overload
    def fit_predict(self, X: Any, y: Any = None) -> Any: ...
    def fit_predict(self, X: Any, y: Any = None) -> Any:
        """Fit to images and return their label maps.

        Parameters
        ----------
        X, y : as in `fit`

        Returns
        -------
        labels : as `predict` returns them
        """
        self.fit(X, y)
        if not hasattr(self, "labels_"):
            return self.predict(X)
        _, axes = unpack(X, self.n_axes)
        return self.labels_ if axes is None else wrap(axes, self.labels_)

    @overload
    def predict(self, X: np.ndarray, out: None = None) -> np.ndarray: ...
    @overload
    def predict(self, X: Sequence[np.ndarray], out: None = None) -> list[np.ndarray]: ...
    @overload
    def predict(self, X: Any, out: Any = None) -> Any: ...
    def predict(self, X: Any, out: Any = None) -> Any:
        """Segment images.

        Parameters
        ----------
        X : as in `fit`; images may have any size
            Images on disk (memory maps, zarr, HDF5) are read tile by tile.
        out : writable array-like (n, H, W), or list of arrays (H, W), default=None
            Output for label maps of images, written tile by tile, of a type that holds all labels.
            Needs `min_size=0`.

        Returns
        -------
        labels : array (n, H, W), list of arrays (H, W), or array (n_samples,)
            In the container type of `X`: segments 0 to n_segments - 1 as int32, or classes of the
            type of those in `y`. Pixels without data are -1, or NaN, "" or None for classes of
            floats, strings or objects; only images with such pixels (and dask arrays that may have
            some) have int64 instead of unsigned and boolean classes, and objects instead of uint64.
            Masked if `X` is a masked array. `out`, if given; lazy if `X` is a dask array.
        """
        check_is_fitted(self)
        if self.min_size and (out is not None or is_dask(X)):
            raise ValueError(
                f"min_size={self.min_size} needs a whole label map, but this one is computed tile "
                "by tile. Pass min_size=0, or an X in memory and no out."
            )
        min_size = 0 if self.rows_ else self.min_size
        return self._map(X, "label_map", out, LABELS, min_size=min_size)

    @available_if(_can("predict_proba"))
    def predict_proba(self, X: Any) -> Any:
        """Return the probability of each segment or class at each pixel.

        For k-means, that of a Gaussian mixture with equal weights and one spherical variance, the
        mean within segments. With refined borders, that of the discriminant analysis. After
        `assign_classes`, the probability of a class is the sum over its segments.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        probabilities : array (n, H, W, k), list of arrays (H, W, k), or array (n_samples, k)
            In the order of the labels or of `classes_`; sums to 1. NaN at pixels without data, here
            and in other maps of floats.
        """
        return self._map(X, "probability_map")

    @available_if(_can("decision_function"))
    def decision_function(self, X: Any) -> Any:
        """Return the decision function of the estimator at each pixel.

        Parameters
        ----------
        X : as in `fit`

        Returns
        -------
        scores : array (n, H, W[, k]), list of arrays (H, W[, k]), or array (n_samples[, k])
            One score for two classes, else one per class.
        """
        return self._map(X, "decision_map")

    @available_if(_can("predict_proba"))
    def uncertainty(self, X: Any, *, measure: str = "entropy") -> Any:
        """Return the uncertainty of the label of each pixel, for active learning [1]_.

        Computed from `predict_proba`. High between similar classes, not for objects that are
        missing from the training data.

        Parameters
        ----------
        X : as in `fit`
        measure : {"entropy", "margin", "least_confidence"}, default="entropy"
            Entropy, one minus the difference of the two largest probabilities, or one minus the
            largest; scaled from 0 (certain) to 1 (all classes equally likely).

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

    def suggest_regions(
        self,
        X: Any,
        n_regions: int = 5,
        *,
        y: Any = None,
        size: int = 16,
        measure: str = "entropy",
    ) -> list[SuggestedRegion]:
        """Return regions of images to label next, for active learning.

        Images are partitioned into blocks. Greedily, those blocks are selected that maximize the
        mean uncertainty times the distance of the mean codes to the nearest block selected before,
        as in k-center clustering [1]_. Label some pixels of every class that is in a region, then
        fit again. The classes are compared, so that objects of unknown classes may be missed.

        Parameters
        ----------
        X : images, as in `fit`; those fitted or others
        n_regions : int, default=5
            Number of regions, at most that of unlabeled blocks.
        y : label maps of the same sizes, default=None
            Labels so far; unlabeled pixels as in `fit`. Blocks with a labeled pixel
            are not suggested. None: no pixel is labeled.
        size : int, default=16
            Approximate side of the regions in pixels. Smaller images are one region.
        measure : {"entropy", "margin", "least_confidence"}, default="entropy"
            Measure of `uncertainty`.

        Returns
        -------
        regions : list of named tuples
            `image` (index), `top`, `left`, `height`, `width` in pixels, and the mean `uncertainty`,
            the most useful region first. Its pixels are
            `X[region.image][region.rows, region.columns]`. Of volumes, `front` and `depth`, too,
            and voxels are `X[region.image][region.slices, region.rows, region.columns]`.

        References
        ----------
        .. [1] T. Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical
           Computer Science 38, 1985, doi:10.1016/0304-3975(85)90224-5.
        """
        check_is_fitted(self)
        return suggest_regions(self, X, n_regions, y, size, measure)

    @overload
    def transform(self, X: np.ndarray, out: None = None) -> np.ndarray: ...
    @overload
    def transform(self, X: Sequence[np.ndarray], out: None = None) -> list[np.ndarray]: ...
    @overload
    def transform(self, X: Any, out: Any = None) -> Any: ...
    def transform(self, X: Any, out: Any = None) -> Any:
        """Return the codes of all pixels.

        Parameters
        ----------
        X : as in `fit`
        out : writable array-like (n, H, W, k) of floats, or list of these, default=None
            Output for codes of images, written tile by tile.

        Returns
        -------
        codes : array (n, H, W, k), list of arrays (H, W, k), or array (n_samples, k)
        """
        check_is_fitted(self)
        if not self.rows_:
            check_array_output(self)
        return self._map(X, "code_map", out)

    def assign_classes(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Assign classes to the segments of a clusterer, from a few labeled pixels.

        A segment gets the majority class of its labeled pixels. A segment without labeled pixels
        gets the class of the labeled segment with the nearest mean code. Several segments may share
        a class. `predict` and `predict_proba` then return classes, until the next `fit`.

        Parameters
        ----------
        X : as in `fit`
            Images with labeled pixels; any images, not only fitted ones.
        y : label maps of the same sizes, or array (n_samples,) for rows
            Types and unlabeled pixels as in `fit`; pixels with an `ignore_label` are ignored.
        sample_weight : maps of the same sizes, or array (n_samples,) for rows, default=None
            Weights of the labeled pixels, >= 0.

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
        """Return the hierarchy of segmentations of one image into connected regions.

        Regions are merged, weakest border first. Border strength combines color gradients, how
        rarely the colors and codes of both sides are adjacent elsewhere in the image, and the
        eigenvectors of the region graph. Needs `scope="image"`.

        Parameters
        ----------
        image : array (H, W) or (H, W, C), of any size, with data everywhere

        Returns
        -------
        tree : RegionTree
            `tree.cut(n_segments=12)` or `tree.cut(threshold=4)` is a label map, `tree.contours()`
            the map of all borders.
        """
        check_is_fitted(self)
        if self._trees is None:
            raise ValueError(
                f"region_tree needs an AESegmenter with scope='image' and a PixelEncoder that were "
                f"fitted to images (in memory, if large; one of them with data everywhere), but "
                f"scope={self.scope!r}, spacing={self.spacing_} and encoder={self.encoder!r}."
            )
        (seen,) = self.batch([image]).images
        if not is_complete(seen):
            raise ValueError(
                "image has pixels without data (masked or NaN), but region_tree needs data "
                "everywhere. Crop it, or use predict."
            )
        return self._trees.tree(seen, self._seed)

    @available_if(_can("score"))
    def score(self, X: Any, y: Any = None) -> float:
        """Return the accuracy on labeled pixels, or the `score` of the clusterer.

        Parameters
        ----------
        X, y : as in `fit`
            Clusterers ignore `y`, with a warning: their score does not measure agreement with
            labels. :func:`~sklearn_segae.metrics.make_segmentation_scorer` does.

        Returns
        -------
        score : float
            For clusterers, computed from at most `n_fit_pixels` pixels.
        """
        batch = self.batch(X)
        if y is not None and not is_classifier(self.estimator_):
            warnings.warn(
                f"y is ignored: this is the score of the clusterer {self.estimator_!r:.80}, not "
                "agreement with labels. Leave y out, or use metrics.make_segmentation_scorer, also "
                "as scoring= of a search.",
                stacklevel=2,
            )
        labelers = self.labelers(batch)
        if is_classifier(self.estimator_):
            targets = check_targets(batch, y, self.ignore_label, self.estimator)
            maps = map(self._label_map, labelers, batch.images)
            chosen = [np.flatnonzero(known) for known in targets.known]
            return float(np.mean(pick(list(maps), chosen) == targets.pick(chosen)[0]))
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
        """Labels in `y`; classifiers, and clusterers after `assign_classes`."""
        if self.labeler_.classes is not None:
            return np.unique(self.segment_classes_)
        if is_classifier(self.estimator_):
            return self.labeler_.segments
        raise AttributeError("classes_ is for classifiers. Call assign_classes first.")

    @property
    def segment_classes_(self) -> np.ndarray:
        """The class of each segment, after `assign_classes`."""
        if self.labeler_.classes is None:
            raise AttributeError("segment_classes_ is not known. Call assign_classes first.")
        return self.labeler_.classes.classes

    def batch(self, X: Any) -> ImageBatch:
        """Return images (H, W, C) as input for the encoder; rows are one image of width 1."""
        check_is_fitted(self)
        return self._normalized(check_batch(self, X, reset=False, n_axes=self.n_axes))

    def labelers(self, batch: ImageBatch) -> list[PixelLabeler]:
        """Return a labeler for each image of a batch; with scope "image", fitted to the image."""
        if self.scope == "dataset":
            return [self.labeler_] * len(batch)
        with fewer_threads():
            return fit_labelers(self, self.labeler_.encoder, batch.images, self._seed)

    @property
    def n_axes(self) -> int:
        """Number of spatial axes of the fitted images."""
        return 2 if self.spacing_ is None else 3

    @property
    def _n_features_out(self) -> int:
        return self.labeler_.n_codes

    @property
    def normalize_(self) -> str:
        """Whether each image is scaled from its own range, "image", or all alike, "dataset"."""
        rule = self.normalization_
        return "image" if rule is not None and rule.per_image else "dataset"

    def _normalized(self, batch: ImageBatch) -> ImageBatch:
        rule = self.normalization_
        return batch if rule is None else batch.normalized(rule)

    def _map(
        self, X: Any, method: str, out: Any = None, kind: MapKind = CODES, **options: Any
    ) -> Any:
        """Return the maps of a method of the labelers, in the container type of `X`."""
        batch = self.batch(X)
        tail = () if kind is LABELS else (self._n_features_out,)
        models, max_memory = self.labelers(batch), to_bytes(self.max_memory)
        if kind is LABELS:
            labels = np.unique(np.concatenate([model.labels for model in models]))
            kind = kind._replace(labels=labels)
        return batch.map(models, method, max_memory, out, tail, kind, **options)

    def _label_map(self, labeler: PixelLabeler, image: np.ndarray) -> np.ndarray:
        return labeler.label_map(
            image, TileRequest(to_bytes(self.max_memory)), 0 if self.rows_ else self.min_size
        )

    def _describe_segments(
        self, batch: ImageBatch, labelers: list[PixelLabeler], supervised: bool
    ) -> None:
        """Set `n_segments_` and, if it fits into memory, `labels_`; clusterers only."""
        for name in ("n_segments_", "labels_"):  # of an earlier fit
            if hasattr(self, name):
                delattr(self, name)
        if supervised:
            return
        numbers = [own.n_found for own in labelers]
        self.n_segments_ = numbers if self.scope == "image" else numbers[0]
        if not too_many(batch.images):
            maps = map(self._label_map, labelers, batch.images)
            self.labels_ = batch.plain.restore(list(maps))

    @property
    def _adapter(self) -> Any:
        """The adapter of the estimator, fitted if the segmenter is."""
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
