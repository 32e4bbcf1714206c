"""Annotation session: strokes on images and the classifier fitted to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from joblib import cpu_count
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from .._base import draw_seed, seeded_clone
from ..imaging._label_maps import check_label_maps
from ..imaging._normalization import fit_normalization
from ..imaging._pixel_sampling import choose_labeled, pick
from ..imaging._validation import check_images, check_spacing
from ..imaging._watched_array import WatchedArray
from ..segmentation._estimators import ESTIMATORS, named
from ..segmentation._recipe import default_encoder
from ..segmentation._segmenter import AESegmenter
from ..segmentation._suggested_regions import (
    SuggestedRegion,
    block_means,
    describe_blocks,
    join_blocks,
    select_regions,
)
from ..segmentation._uncertainty import entropy

N_FIT = 10_000  # maximum number of labeled pixels in a fit; more add time and little accuracy
BLOCK = 2**15  # pixels per block; a prediction can be canceled between blocks
MAX_CODES = 2**32  # maximum size of all codes in bytes
MAX_CLASSES = 30
REGION = 16  # side of suggested regions in pixels
COARSE = 3  # regions are suggested from every third pixel along both axes

FASTER: dict[str, dict[str, Any]] = {"head": {"max_epochs": 100}}  # parameters of classifiers


class Prediction(NamedTuple):
    """Labels (h, w) and uncertainty (h, w), 0 to 255, of every step-th pixel; both uint8."""

    labels: np.ndarray
    uncertainty: np.ndarray


class Fitted(NamedTuple):
    """A classifier and the strokes to which it was fitted."""

    version: int  # of the strokes
    strokes: list[np.ndarray]
    classifier: Any  # None if there are fewer than two classes


class AnnotationSession:
    """Fit a classifier of codes to strokes on images.

    `encode` encodes the images once; the other methods are fast. All methods are thread-safe.

    Parameters
    ----------
    images : list of arrays (H, W) or (H, W, C)
        With the same channels. With `spacing`, volumes (D, H, W) or (D, H, W, C); strokes and
        predictions have an axis D more, too.
    strokes : list of arrays (H, W) of integers, default=None
        Initial strokes: classes from 1 on, 0 for unlabeled pixels.
    names : sequence of str, default=("class 1", "class 2")
        Names of the classes; further classes in `strokes` get default names.
    encoder : PixelEncoder, default=None
        None is the default of :class:`AESegmenter` for classifiers.
    classifier : str, default="trees"
        Name of a classifier, as in `AESegmenter(estimator=...)`. Extra trees are fitted five times
        faster than a forest, with the same accuracy.
    spacing : sequence of three floats or None, default=None
        As in `AESegmenter(spacing=...)`: None is for images.
    random_state : int, default=0
    """

    def __init__(
        self,
        images: Sequence[np.ndarray],
        strokes: Sequence[np.ndarray] | None = None,
        *,
        names: Iterable[str] = ("class 1", "class 2"),
        encoder: Any = None,
        classifier: str = "trees",
        spacing: Sequence[float] | None = None,
        random_state: int = 0,
    ) -> None:
        self._spacing, self._n_axes = spacing, 3 if check_spacing(spacing) else 2
        self._checked = check_images(list(images), n_axes=self._n_axes, owner="annotate")
        self.images = list(images)
        self.strokes = _check_strokes(strokes, self._checked)
        self.names = list(names)
        highest = max(int(s.max()) for s in self.strokes)
        self.rename(self.names + [f"class {i + 1}" for i in range(len(self.names), highest)])
        self.version = 0  # incremented by every stroke
        self._encoder = encoder
        if classifier in ESTIMATORS and ESTIMATORS[classifier].is_dense:
            raise ValueError(
                f"classifier={classifier!r} takes too long to be fitted after every stroke. Pass "
                "'trees', and fit it to the strokes with AESegmenter."
            )
        unfitted = named(classifier).set_params(**FASTER.get(classifier, {}))
        self._classifier = seeded_clone(unfitted, random_state)
        self._seed = random_state
        self._fitted = Fitted(-1, [], None)
        self._codes: list[np.ndarray] = []
        self._block_codes: list[np.ndarray] = []
        self._painting, self._fitting = Lock(), Lock()

    def rename(self, names: Sequence[str]) -> None:
        """Set the names of the classes; their number cannot decrease."""
        if not len(self.names) <= len(names) <= MAX_CLASSES:
            raise ValueError(
                f"names holds {len(names)} names, but there are {len(self.names)} classes and room "
                f"for {MAX_CLASSES}. Pass a name for each."
            )
        self.names = [str(name).strip()[:40] or f"class {i}" for i, name in enumerate(names, 1)]

    def encode(self, tell: Callable[[str], None] = lambda stage: None) -> None:
        """Fit the encoder and encode all images.

        `tell` is called with a line of progress, also before each tile; errors that it raises end
        the encoding.
        """
        tell("Learning what the images look like")
        rule = fit_normalization(self._checked, "auto")  # the default of AESegmenter, as in `model`
        images: Any = self._checked if rule is None else rule.apply(self._checked)
        unfitted = self._encoder
        if unfitted is None:
            unfitted = default_encoder(supervised=True, n_axes=self._n_axes)
        encoder = seeded_clone(unfitted, draw_seed(self._seed))
        if self._spacing is not None:
            encoder.set_params(spacing=self._spacing)
        self._fitted_encoder = encoder.fit(images)
        n_codes = len(encoder.get_feature_names_out())
        self._check_size(n_codes)
        codes = []
        for i, image in enumerate(images, 1):

            def watch(done: float, line: str = f"Encoding image {i} of {len(images)}") -> None:
                tell(f"{line}: {done:.0%}")

            out = WatchedArray((*image.shape[:-1], n_codes), np.float32, watch)
            encoder.transform([image], out=[out])
            codes.append(out.values)
        self._block_codes = [block_means(c, REGION) for c in codes]
        self._known = [~np.isnan(c[..., 0]) for c in codes]  # pixels with data
        self._codes = codes

    @property
    def ready(self) -> bool:
        """Whether all images are encoded."""
        return len(self._codes) == len(self.images)

    def paint(self, image: int, top: int, left: int, patch: np.ndarray) -> int:
        """Replace strokes by a patch (h, w) of classes, 0 for none; return the new version."""
        patch = np.asarray(patch)
        height, width = self.strokes[image].shape
        bottom, right = top + patch.shape[0], left + patch.shape[1]
        if not (0 <= top < bottom <= height and 0 <= left < right <= width):
            raise ValueError(
                f"a patch of rows {top} to {bottom} and columns {left} to {right} does not fit "
                f"into {height} x {width} pixels."
            )
        if int(patch.max()) > len(self.names):
            raise ValueError(
                f"the patch has class {patch.max()}, but there are {len(self.names)} classes. "
                "Name it first."
            )
        with self._painting:
            self.strokes[image][top:bottom, left:right] = patch
            self.version += 1
            return self.version

    def replace(self, image: int, strokes: np.ndarray) -> bool:
        """Replace all strokes of an image or volume; return whether they have changed."""
        (strokes,) = _check_strokes([strokes], [self._checked[image]])
        if np.array_equal(strokes, self.strokes[image]):
            return False
        more = range(len(self.names) + 1, int(strokes.max()) + 1)
        self.rename(self.names + [f"class {i}" for i in more])
        with self._painting:
            self.strokes[image] = strokes
            self.version += 1
        return True

    def fit(self) -> Fitted:
        """Fit the classifier to the current strokes if they changed and have two classes."""
        with self._fitting:
            with self._painting:
                version, strokes = self.version, [s.copy() for s in self.strokes]
            if version != self._fitted.version:
                self._fitted = Fitted(version, strokes, self._fit_classifier(strokes))
            return self._fitted

    def prediction(
        self, image: int, step: int = 1, wanted: Callable[[], bool] = lambda: True
    ) -> Prediction | None:
        """Return labels and uncertainty of every step-th pixel along both axes.

        Returns None if strokes have fewer than two classes, or if `wanted()`, called before each
        block of pixels, returns False.
        """
        classifier = self.fit().classifier
        if classifier is None:
            return None
        codes = self._codes[image][self._every(step)]
        rows_at_once = max(1, BLOCK // int(np.prod(codes.shape[1:-1])))
        blocks = [codes[i : i + rows_at_once] for i in range(0, len(codes), rows_at_once)]

        def label(block: np.ndarray) -> Prediction | None:
            return _predict(classifier, block) if wanted() else None

        # Trees and numpy release the GIL.
        with ThreadPoolExecutor(cpu_count()) as threads:
            parts = list(threads.map(label, blocks))
        whole = [part for part in parts if part is not None]
        if len(whole) < len(parts):
            return None
        return Prediction(*map(np.concatenate, zip(*whole, strict=True)))

    def suggestion(self, rank: int = 0) -> SuggestedRegion | None:
        """Return the region to label next, as `AESegmenter.suggest_regions` does.

        `rank` 1 is the next but one, and so on, then 0 again. Returns None if strokes have fewer
        than two classes, or are in all regions.
        """
        parts = []
        for i, (codes, strokes) in enumerate(zip(self._block_codes, self.strokes, strict=True)):
            found = self.prediction(i, COARSE)
            if found is None:
                return None
            known = self._known[i][self._every(COARSE)]
            uncertainty = np.where(known, found.uncertainty / 255, np.nan)
            parts.append(describe_blocks(i, uncertainty, codes, strokes > 0, REGION, COARSE))
        blocks = join_blocks(parts)
        n_free = int((~blocks.labeled).sum())
        return select_regions(blocks, rank % n_free + 1)[-1] if n_free else None

    def probabilities(self, image: int) -> np.ndarray | None:
        """Return the probabilities (h, w, n_classes) float32 of the classes that have strokes.

        They are in the order of the numbers of the classes, and NaN at pixels without data.
        Returns None if strokes have fewer than two classes.
        """
        classifier = self.fit().classifier
        if classifier is None:
            return None
        known = self._known[image]
        found = np.full((*known.shape, len(classifier.classes_)), np.nan, np.float32)
        n_rows = max(1, BLOCK // int(np.prod(known.shape[1:])))
        for start in range(0, len(known), n_rows):
            part = np.s_[start : start + n_rows]
            if known[part].any():
                codes = self._codes[image][part][known[part]]
                found[part][known[part]] = classifier.predict_proba(codes)
        return found

    def model(self) -> AESegmenter:
        """Return a fitted segmenter whose `predict` returns the label maps of `prediction`."""
        fitted = self.fit() if self.ready else self._fitted
        if fitted.classifier is None:
            raise ValueError("no classifier is fitted yet. Draw strokes of two classes at least.")
        model = AESegmenter(
            encoder=FrozenEstimator(self._fitted_encoder),
            estimator=FrozenEstimator(fitted.classifier),
            ignore_label=0,
            spacing=self._spacing,
            n_fit_pixels=N_FIT,
            random_state=self._seed,
        ).fit(self.images, fitted.strokes)
        return model.set_params(encoder=self._encoder, estimator=clone(fitted.classifier))

    def _every(self, step: int) -> tuple[slice, ...]:
        """Return an index of every step-th pixel along all axes."""
        return (slice(None, None, step),) * self._n_axes

    def _fit_classifier(self, strokes: list[np.ndarray]) -> Any:
        drawn = [(s > 0) & known for s, known in zip(strokes, self._known, strict=True)]
        classes = [np.unique(s[own]) for s, own in zip(strokes, drawn, strict=True)]
        if len(np.unique(np.concatenate(classes))) < 2:
            return None
        rng = np.random.default_rng(self._seed)
        chosen = choose_labeled(strokes, drawn, N_FIT, rng)
        pairs = zip(self._codes, chosen, strict=True)
        rows = np.concatenate([c.reshape(-1, c.shape[-1])[i] for c, i in pairs])
        return clone(self._classifier).fit(rows, pick(strokes, chosen).astype(np.int64))

    def _check_size(self, n_codes: int) -> None:
        n_pixels = sum(s.size for s in self.strokes)
        needed = 4 * n_pixels * n_codes
        if needed > MAX_CODES:
            raise ValueError(
                f"the codes of {n_pixels / 1e6:.0f} megapixels take {needed / 2**30:.1f} GiB, more "
                f"than {MAX_CODES / 2**30:.0f} GiB. Give fewer or smaller images, crops say: the "
                "model works on whole ones."
            )


def _predict(classifier: Any, codes: np.ndarray) -> Prediction:
    """Return labels and uncertainty (h, w) of codes (h, w, n); both are 0 without data."""
    known = ~np.isnan(codes[..., 0])
    labels, uncertainty = np.zeros((2, *known.shape), np.uint8)
    if known.any():
        probabilities = classifier.predict_proba(codes[known])
        labels[known] = classifier.classes_[probabilities.argmax(1)]
        uncertainty[known] = np.rint(255 * entropy(probabilities).clip(0, 1))
    return Prediction(labels, uncertainty)


def _check_strokes(
    strokes: Sequence[np.ndarray] | None, images: Sequence[np.ndarray]
) -> list[np.ndarray]:
    if strokes is None:
        return [np.zeros(image.shape[:-1], np.uint8) for image in images]
    maps = check_label_maps([np.ma.filled(s, 0) for s in strokes], images)
    low, high = min(int(m.min()) for m in maps), max(int(m.max()) for m in maps)
    if low < 0 or high > MAX_CLASSES:
        raise ValueError(
            f"strokes hold classes {low} to {high}, but 0 is no class, and there are "
            f"{MAX_CLASSES} at most."
        )
    return [m.astype(np.uint8) for m in maps]
