"""What a fitted segmenter answers: labels, probabilities, doubts, codes, region trees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, is_classifier
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from ._doubt import MEASURES
from ._exposure import expose, typical_range
from ._images import check_images, is_rows, like, slots
from ._labelling import Labelling
from ._labels import absorb_specks
from ._lazy import as_stacks, is_dask, lazy_answer, like_stacks
from ._memory import Work, to_bytes
from ._regions import RegionTree
from ._targets import Targets, check_targets
from ._trees import TreeBuilder

Question = Callable[[Labelling, np.ndarray, Work], Any]


def _can_tell_probabilities(segmenter: Any) -> bool:
    """Tell whether the estimator has probabilities, or distances to make them of."""
    estimator = getattr(segmenter, "estimator_", segmenter.estimator)
    by_name = estimator is None or isinstance(estimator, str)
    return by_name or hasattr(estimator, "predict_proba") or hasattr(estimator, "transform")


def _has_decision_function(segmenter: Any) -> bool:
    return hasattr(getattr(segmenter, "estimator_", segmenter.estimator), "decision_function")


def _has_score(segmenter: Any) -> bool:
    by_name = segmenter.estimator is None or isinstance(segmenter.estimator, str)
    return by_name or hasattr(segmenter.estimator, "score")


class Answers(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """The methods of a fitted segmenter; whoever mixes it in learns the attributes below."""

    scope: str
    encoder: Any
    estimator: Any
    estimator_: Any
    exposure: str
    min_size: int
    max_memory: int | str
    unlabelled: int
    ignore_label: int | None
    rows_: bool
    n_features_in_: int
    _fitted: Labelling
    _trees: TreeBuilder | None
    _seed: int
    _labellings: Callable[[list[np.ndarray]], list[Labelling]]  # one for each image

    def predict(self, X: Any, out: Any = None) -> Any:
        """Segment images.

        Parameters
        ----------
        X : as in `fit`; images may have any size
            What is not in memory (a memory map, zarr, HDF5) is read tile by tile.
        out : writable array-like (n, H, W) of integers, or list of arrays (H, W), default=None
            Where label maps of images are put, tile by tile: a memory map or a zarr array, say.
            Needs `min_size=0`.

        Returns
        -------
        labels : array (n, H, W), list of arrays (H, W), or array (n_samples,)
            In the container that `X` came in, int32: segments 0 to n_segments - 1, or the
            classes as they were given. `out`, if that was given; lazy if `X` is a dask array.
        """
        return self._ask(X, Labelling.label_map, out, cleaned=True)

    @available_if(_can_tell_probabilities)
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
        return self._ask(X, Labelling.probability_map)

    @available_if(_has_decision_function)
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
        return self._ask(X, Labelling.decision_map)

    @available_if(_can_tell_probabilities)
    def uncertainty(self, X: Any, *, measure: str = "entropy") -> Any:
        """Return how unsure the label of every pixel is: where to look, or to label next.

        Computed from `predict_proba`, and as good as that is: it knows of classes that are alike,
        not of things that the estimator never saw [1]_.

        Parameters
        ----------
        X : as in `fit`
        measure : {"entropy", "margin", "least_confidence"}, default="entropy"
            Entropy of the probabilities; one minus the lead of the likeliest class over the second;
            or what the likeliest lacks to be sure. All run from 0 (sure) to 1 (all are equally
            likely).

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
        doubt = MEASURES[measure]
        return self._ask(X, partial(Labelling.probability_map, then=doubt))

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
        return self._ask(X, Labelling.code_map, out)

    def name_segments(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Give the segments of a clusterer the names of classes, by a few labelled pixels.

        A segment is named after most of the labelled pixels in it; one without any like the named
        segment whose mean code is nearest. From then on `predict`, `labels_` and `predict_proba`
        speak of classes; several segments may stand for one. More segments than classes, cheaply
        named, follow classes that consist of unlike parts. Another `fit` forgets the names.

        Parameters
        ----------
        X : as in `fit`
            Images with labelled pixels, of the fit or not.
        y : label maps of the same sizes, or array (n_samples,) for rows
            Pixels that are `unlabelled` or have the `ignore_label` play no role.
        sample_weight : maps of the same sizes, or array (n_samples,) for rows, default=None
            How often every labelled pixel counts, >= 0.

        Returns
        -------
        self : AESegmenter
        """
        check_is_fitted(self)
        if is_classifier(self.estimator_) or self.scope == "image":
            raise ValueError(
                f"name_segments is for segments that mean the same in every image and have no "
                f"names, but scope={self.scope!r} and estimator={self.estimator_!r}. Fit with "
                "scope='dataset' and a clusterer."
            )
        if y is None:
            raise ValueError("y=None, but names come from pixels with labels. Pass label maps.")
        images = self._check(X, reset=False)
        targets = self._check_targets(X, y, images, sample_weight)
        names = self._fitted.name(images, targets)
        self.segment_names_, self.classes_ = names.classes, np.unique(names.classes)
        return self

    def region_tree(self, image: Any) -> RegionTree:
        """Return all segmentations of one image into connected regions, coarse to fine.

        Small regions join, weakest border first. How strongly a border parts its two sides is told
        by colour gradients, by how rarely their colours and codes meet elsewhere in the image, and
        by the eigenvectors of the graph of regions. Needs `scope="image"`.

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
        (checked,) = self._check([image], reset=False)
        return self._trees.tree(checked, self._seed)

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
        pairs = list(zip(self._labellings(images), images, strict=True))
        if is_classifier(self.estimator_):
            targets = self._check_targets(X, y, images)
            maps = zip(pairs, targets.maps, targets.known, strict=True)
            right = [(self._label_map(*pair) == true)[known] for pair, true, known in maps]
            return float(np.mean(np.concatenate(right)))
        if self.scope == "dataset":
            return self._fitted.score(images)
        return float(np.mean([own.score([image]) for own, image in pairs]))

    @property
    def _n_features_out(self) -> int:
        return self._fitted.n_codes

    def _ask(self, X: Any, question: Question, out: Any = None, *, cleaned: bool = False) -> Any:
        """Answer for every image, in the container that `X` came in, or in `out`.

        `cleaned` are maps of labels, without specks.
        """
        check_is_fitted(self)
        if cleaned and self.min_size and (out is not None or is_dask(X)):
            raise ValueError(
                f"min_size={self.min_size} looks at a whole label map, but this one is made tile "
                "by tile. Pass min_size=0, or an X in memory and no out."
            )
        if is_dask(X) and not is_rows(X):
            return self._ask_lazily(X, question, out)
        images = self._check(X, reset=False)
        tail = () if cleaned else (self._n_features_out,)
        targets = slots(X, out, images, *tail, integers=cleaned)
        max_memory = to_bytes(self.max_memory)
        trios = zip(self._labellings(images), images, targets, strict=True)
        maps = [question(own, image, Work(max_memory, t)) for own, image, t in trios]
        if out is not None:
            return out
        return self._output(X, [self._clean(m) for m in maps] if cleaned else maps)

    def _ask_lazily(self, X: Any, question: Question, out: Any) -> Any:
        """Return a dask array, or a list of them, that answers when it is computed."""
        images = self._check(X, reset=False, exposed=self.scope == "image")
        stacks = as_stacks(X, out)
        labellings = [self._fitted] * len(stacks)
        if self.scope == "image":  # each is partitioned now, by a sample of its own
            stacks = [stack[i : i + 1] for stack in stacks for i in range(stack.shape[0])]
            labellings = self._labellings(images)
        typical = self.typical_range_ if self.exposure == "image" else None
        max_memory, pairs = to_bytes(self.max_memory), zip(stacks, labellings, strict=True)
        answers = [
            lazy_answer(stack, own, question, own.cost(images[0]), max_memory, typical)
            for stack, own in pairs
        ]
        return like_stacks(X, answers)

    def _check(self, X: Any, *, reset: bool, exposed: bool = True) -> list[Any]:
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
        if exposed and self.exposure == "image":
            return [expose(image, self.typical_range_) for image in images]
        return images

    def _check_targets(
        self, X: Any, y: Any, images: Sequence[np.ndarray], sample_weight: Any = None
    ) -> Targets:
        codes = self.unlabelled, self.ignore_label
        return check_targets(X, y, images, *codes, self.estimator, sample_weight)

    def _label_map(self, labelling: Labelling, image: np.ndarray) -> np.ndarray:
        return self._clean(labelling.label_map(image, Work(to_bytes(self.max_memory))))

    def _clean(self, labels: np.ndarray) -> np.ndarray:
        return absorb_specks(labels, self.min_size) if self.min_size and not self.rows_ else labels

    def _output(self, X: Any, maps: list[np.ndarray]) -> Any:
        return maps[0][:, 0] if self.rows_ else like(X, maps)
