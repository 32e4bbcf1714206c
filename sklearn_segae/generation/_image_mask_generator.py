"""ImageMaskGenerator: generate images with label maps from a few labeled images."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted

from .._base import draw_seed, fit_context, seeded_clone
from ..autoencoder._autoencoder_transformer import AutoencoderTransformer
from ..imaging._containers import to_array, to_maps, unpack
from ..imaging._label_maps import check_label_maps, is_labeled
from ..imaging._label_values import encode_labels, mark_unlabeled
from ..imaging._no_data import check_complete
from ..imaging._normalization import full_range
from ..imaging._validation import check_images, like
from ._augmentation import Style, draw_sources, resample
from ._patch_autoencoder import JointPatches

FEWEST = 20  # patches of a class; with fewer, the style of the whole image is used


class Pair(NamedTuple):
    """A training image with its label map, codes of its patches, and styles of its classes."""

    image: np.ndarray  # normalized to [0, 1]
    labels: np.ndarray
    codes: np.ndarray
    classes: np.ndarray  # (n,), the labels of the center pixels of the patches
    decoded: np.ndarray
    styles: dict[Any, Style]  # by class; None is the style of all patches

    @classmethod
    def of(cls, image: np.ndarray, labels: np.ndarray, patches: JointPatches) -> Self:
        """Encode a pair, and estimate its styles."""
        codes, classes = patches.encode(image, labels)
        values, counts = np.unique(classes, return_counts=True)
        styles = {c: Style.of(codes[classes == c]) for c in values[counts >= FEWEST]}
        styles[None] = Style.of(codes)
        decoded = patches.decode(codes, image.shape)
        return cls(image, labels, codes, classes, decoded, styles)

    def moved(self, other: Pair, share: float) -> np.ndarray:
        """Return the codes, moved towards the styles of another image by a share of the way."""
        codes = self.codes.copy()
        for c in np.unique(self.classes):
            style = c if c in self.styles and c in other.styles else None
            members = self.classes == c
            towards = other.styles[style]
            codes[members] = self.styles[style].moved(self.codes[members], towards, share)
        return codes


class ImageMaskGenerator(BaseEstimator):
    """Generate images together with their label maps, to enlarge a small labeled set.

    Every image is scaled from its minimum and maximum to [0, 1]. An autoencoder learns codes of
    patches of image and label map together. A new pair is made from a training pair: its codes are
    moved, class by class, towards mean and covariance of the codes of that class in another image
    [1]_. The resulting change of the decoded image is added to the image, which preserves its
    details. Then image and label map are reflected, rotated, scaled and deformed together.

    Parameters
    ----------
    n_generated : int, default=50
        Number of pairs that `fit_resample` adds.
    autoencoder : estimator or None, default=None
        Estimator of patches as rows, with `transform` and `inverse_transform`, such as PCA. None is
        `AutoencoderTransformer(16, scaling=None, max_epochs=20)`.
    patch_size : int, default=8
        Side of the patches in pixels, an even number.
    style : float, default=0.5
        Upper bound of the share of the distance that codes are moved, which is drawn uniformly from
        [0, style]. Above 1 codes may move beyond the other style. 0 keeps the pixels.
    distortion : float, default=1.0
        Strength of rotations (up to 17 degrees at 1), scaling (up to 1.3 in either direction) and
        deformations. 0 keeps the shape, without reflections.
    random_state : int, RandomState instance or None, default=None
        Determines all random numbers. As in :class:`~sklearn.mixture.GaussianMixture`, `sample`
        returns the same each time if it is an int.

    Attributes
    ----------
    autoencoder_ : estimator
        The fitted autoencoder.
    classes_ : ndarray
        The labels that occur, including those of unlabeled or ignored pixels.
    n_features_in_ : int
        Number of channels.

    See Also
    --------
    sklearn_segae.AutoencoderTransformer.sample : Generate samples without labels.

    Notes
    -----
    Whether generated images improve a segmenter depends on the data; docs/generation.md compares
    them with simple augmentation. Validate on held-out images.

    References
    ----------
    .. [1] X. Huang, S. Belongie, "Arbitrary style transfer in real-time with adaptive instance
       normalization", ICCV 2017, arXiv:1703.06868.

    Examples
    --------
    >>> from sklearn.decomposition import PCA
    >>> from sklearn_segae.datasets import make_shapes
    >>> from sklearn_segae.generation import ImageMaskGenerator
    >>> images, labels = make_shapes(3, size=32, random_state=0)
    >>> generator = ImageMaskGenerator(autoencoder=PCA(8), random_state=0)
    >>> new_images, new_labels = generator.fit(images, labels).sample(2)
    >>> new_images.shape, new_labels.shape
    ((2, 32, 32, 1), (2, 32, 32))
    """

    _parameter_constraints: dict = {
        "n_generated": [Interval(Integral, 0, None, closed="left")],
        "autoencoder": [HasMethods(["fit", "transform", "inverse_transform"]), None],
        "patch_size": [Interval(Integral, 2, None, closed="left")],
        "style": [Interval(Real, 0, None, closed="left")],
        "distortion": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_generated: int = 50,
        *,
        autoencoder: Any = None,
        patch_size: int = 8,
        style: float = 0.5,
        distortion: float = 1.0,
        random_state: Any = None,
    ) -> None:
        self.n_generated = n_generated
        self.autoencoder = autoencoder
        self.patch_size = patch_size
        self.style = style
        self.distortion = distortion
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Learn codes of patches, and the styles of every class in every image.

        Parameters
        ----------
        X : array (n, H, W) or (n, H, W, C), or list of arrays (H, W) or (H, W, C)
            A stack of images, or images of different sizes.
        y : label maps of the same sizes
            Labels of any type, as in :class:`~sklearn_segae.AESegmenter`. Integers that mean
            unlabeled or ignored are treated like any other; other unlabeled pixels are generated,
            too.

        Returns
        -------
        self : ImageMaskGenerator
        """
        if self.patch_size % 2:
            raise ValueError(
                f"patch_size={self.patch_size} is odd, but patches overlap by half of their side. "
                f"Pass {self.patch_size + 1}."
            )
        X, y = unpack(X)[0], to_maps(y)
        given = check_images(X)
        check_complete(given, type(self).__name__)
        normalized = full_range(given).apply(given)
        images = [np.asarray(image) for image in normalized]
        maps, self._names = _encoded(check_label_maps(y, images))
        seed = draw_seed(self.random_state)
        autoencoder = self.autoencoder
        if autoencoder is None:
            autoencoder = AutoencoderTransformer(16, scaling=None, max_epochs=20)
        autoencoder, rng = seeded_clone(autoencoder, seed), np.random.default_rng(seed)
        patches = JointPatches.fit(autoencoder, self.patch_size, images, maps, rng)
        self._patches = patches
        self._pairs = [Pair.of(*pair, patches) for pair in zip(images, maps, strict=True)]
        self._limits = min(i.min() for i in given), max(i.max() for i in given)
        self._ranges = [(image.low, image.divisor) for image in normalized]
        self._given = X, y
        self.autoencoder_ = autoencoder
        self.classes_ = patches.classes if self._names is None else self._names
        self.n_features_in_ = images[0].shape[2]
        return self

    def sample(self, n_samples: int = 1) -> tuple[Any, Any]:
        """Generate new pairs.

        Parameters
        ----------
        n_samples : int, default=1
            Number of pairs.

        Returns
        -------
        X : stack or list of images
            Images with the container, dtype and range of the training images.
        y : stack or list of label maps
            Label maps with the container, dtype and labels of those of the training images.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"n_samples={n_samples}, but it must be at least 1. Pass 1 or more.")
        rng = np.random.default_rng(draw_seed(self.random_state))
        pairs = [self._draw(rng) for _ in range(n_samples)]
        X, y = self._given
        return like(X, [image for image, _ in pairs]), like(y, [labels for _, labels in pairs])

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Fit, and return the training pairs followed by `n_generated` new ones.

        This is the interface of the samplers of imbalanced-learn.

        Parameters
        ----------
        X, y : as in `fit`

        Returns
        -------
        X, y : as `sample` returns them
        """
        self.fit(X, y)
        X, y = unpack(X)[0], to_maps(y)
        given = list(map(np.asarray, X)), list(map(to_array, y))
        new = self.sample(self.n_generated) if self.n_generated else ([], [])
        return like(X, [*given[0], *new[0]]), like(y, [*given[1], *new[1]])

    def _draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Generate one image, in the form of the training images, and its label map."""
        n = len(self._pairs)
        chosen = int(rng.integers(n))
        pair = self._pairs[chosen]
        other = self._pairs[(chosen + int(rng.integers(1, max(n, 2)))) % n]
        share = self.style * rng.uniform()
        image = pair.image
        if share and other is not pair:
            codes = pair.moved(other, share)
            image = image + self._patches.decode(codes, image.shape) - pair.decoded
        sources = draw_sources(pair.labels.shape, self.distortion, rng)
        image, labels = resample(image, pair.labels, sources)
        return self._as_given(image, chosen), self._decoded(labels)

    def _decoded(self, labels: np.ndarray) -> np.ndarray:
        """Return a label map with the labels as given."""
        if self._names is None:
            return labels
        known, values = labels >= 0, self._names[labels]
        if any(map(np.ma.isMaskedArray, self._given[1])):
            return np.ma.masked_array(values, ~known)
        return values if known.all() else mark_unlabeled(values, known)

    def _as_given(self, image: np.ndarray, chosen: int) -> np.ndarray:
        """Return an image with the dtype, range and number of axes of the training images."""
        low, span = self._ranges[chosen]
        image = np.clip(image * span + low, *self._limits)
        given = np.asarray(self._given[0][chosen])
        if given.dtype.kind != "f":
            image = image.round()
        image = image.astype(given.dtype)
        return image if given.ndim == 3 else image[..., 0]


def _encoded(maps: list[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray | None]:
    """Return maps of integers, and the labels that these are the indices of, if they are indices.

    Unlabeled pixels of encoded maps are -1.
    """
    if all(m.dtype.kind in "biu" and not np.ma.isMaskedArray(m) for m in maps):
        return maps, None
    return encode_labels(maps, [is_labeled(m) for m in maps])
