"""ImageMaskGenerator: a few labeled images to many."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted

from .._base import draw_seed, seeded_clone
from ..autoencoder._autoencoder_transformer import AutoencoderTransformer
from ..imaging._label_maps import check_label_maps
from ..imaging._normalization import normalize, typical_range
from ..imaging._validation import check_images, like
from ._augmentation import Style, carry, draw_places
from ._patch_autoencoder import JointPatches

FEWEST = 20  # patches of a class that tell its style; for fewer, the whole image's stands in


class Pair(NamedTuple):
    """A given image with its label map, the codes of its patches, and their style by class."""

    image: np.ndarray  # in its own range, [0, 1]
    labels: np.ndarray
    codes: np.ndarray
    classes: np.ndarray  # of the patches: the labels of their middles
    decoded: np.ndarray
    styles: dict[Any, Style]  # None: of all patches

    @classmethod
    def of(cls, image: np.ndarray, labels: np.ndarray, patches: JointPatches) -> Self:
        """Encode the pair, and measure its styles."""
        codes, classes = patches.encode(image, labels)
        values, counts = np.unique(classes, return_counts=True)
        styles = {c: Style.of(codes[classes == c]) for c in values[counts >= FEWEST]}
        styles[None] = Style.of(codes)
        decoded = patches.decode(codes, image.shape)
        return cls(image, labels, codes, classes, decoded, styles)

    def moved(self, other: Pair, share: float) -> np.ndarray:
        """Return the codes, moved by a share of the way to the styles of another image."""
        codes = self.codes.copy()
        for c in np.unique(self.classes):
            style = c if c in self.styles and c in other.styles else None
            members = self.classes == c
            towards = other.styles[style]
            codes[members] = self.styles[style].moved(self.codes[members], towards, share)
        return codes


class ImageMaskGenerator(BaseEstimator):
    """Make new images together with their label maps, to enlarge a small labeled set.

    Every image is seen in its own range, as AESegmenter's `normalize="image"` does. An autoencoder
    learns codes of patches, of image and label map at once. A new pair begins as one of the given
    ones. Its codes move, class by class, towards what codes of the class are like in
    another image, mean and covariance [1]_; what that changes in the decoded image is added to the
    image, so that its details stay. Then image and label map are mirrored, turned, resized and bent
    together.

    Parameters
    ----------
    n_generated : int, default=50
        Pairs that `fit_resample` adds.
    autoencoder : estimator or None, default=None
        Of patches as rows, with `transform` and `inverse_transform`; PCA will do. None is
        `AutoencoderTransformer(16, scaling=None, max_epochs=20)`.
    patch_size : int, default=8
        Side of the patches in pixels, even.
    style : float, default=0.5
        How far the codes may move: by a share of the way that is drawn between 0 and this; above 1
        beyond what was given. 0 keeps the pixels.
    distortion : float, default=1.0
        Scales turns (up to 17 degrees), sizes (up to 1.3-fold either way) and waves; 0 leaves the
        shape as it is, unmirrored.
    random_state : int, RandomState instance or None, default=None
        Decides on everything. As in :class:`~sklearn.mixture.GaussianMixture`, a fixed one draws
        the same each time.

    Attributes
    ----------
    autoencoder_ : estimator
        The fitted autoencoder.
    classes_ : ndarray
        The labels that occur, those for unlabeled or ignored pixels among them.
    n_features_in_ : int
        Number of channels.

    See Also
    --------
    sklearn_segae.AutoencoderTransformer.sample : Samples of one size, without labels.

    Notes
    -----
    Whether this helps a segmenter depends on the images; docs/generation.md has figures, beside
    those of turning, bending and brightening alone. Compare on held-out images before you rely on
    it.

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

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any) -> Self:
        """Learn codes of patches, and what those of every class are like in every image.

        Parameters
        ----------
        X : array (n, H, W) or (n, H, W, C), or list of arrays (H, W) or (H, W, C)
            A stack of images, or images of different sizes.
        y : label maps of the same sizes
            Integers. Values for unlabeled or ignored pixels are kept like any other.

        Returns
        -------
        self : ImageMaskGenerator
        """
        if self.patch_size % 2:
            raise ValueError(
                f"patch_size={self.patch_size} is odd, but patches begin at every half of their "
                f"side. Pass {self.patch_size + 1}."
            )
        given = check_images(X)
        typical = typical_range(given)
        exposed = [normalize(image, typical) for image in given]
        images = [np.asarray(view) for view in exposed]
        maps = check_label_maps(y, images)
        seed = draw_seed(self.random_state)
        classes = np.unique(np.concatenate([np.unique(labels) for labels in maps]))
        autoencoder = self.autoencoder
        if autoencoder is None:
            autoencoder = AutoencoderTransformer(16, scaling=None, max_epochs=20)
        patches = JointPatches.fit(
            seeded_clone(autoencoder, seed),
            self.patch_size,
            images,
            maps,
            classes,
            np.random.default_rng(seed),
        )
        self._patches = patches
        self._pairs = [Pair.of(*pair, patches) for pair in zip(images, maps, strict=True)]
        self._limits = min(i.min() for i in given), max(i.max() for i in given)
        self._exposures = [(view.low, view.divisor) for view in exposed]
        self._given = X, y
        self.autoencoder_, self.classes_ = patches.autoencoder, classes
        self.n_features_in_ = images[0].shape[2]
        return self

    def sample(self, n_samples: int = 1) -> tuple[Any, Any]:
        """Make new pairs.

        Parameters
        ----------
        n_samples : int, default=1

        Returns
        -------
        X : stack or list of images
            In container, dtype and range of the images that were fitted.
        y : stack or list of label maps
            In container and dtype of those that were fitted, with their labels and no other.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"n_samples={n_samples}, but at least one pair is to be made.")
        rng = np.random.default_rng(draw_seed(self.random_state))
        pairs = [self._draw(rng) for _ in range(n_samples)]
        X, y = self._given
        return like(X, [image for image, _ in pairs]), like(y, [labels for _, labels in pairs])

    def fit_resample(self, X: Any, y: Any) -> tuple[Any, Any]:
        """Fit, and return the given pairs followed by `n_generated` new ones.

        As the samplers of imbalanced-learn do.

        Parameters
        ----------
        X, y : as in `fit`

        Returns
        -------
        X, y : as `sample` returns them
        """
        self.fit(X, y)
        given = list(map(np.asarray, X)), list(map(np.asarray, y))
        new = self.sample(self.n_generated) if self.n_generated else ([], [])
        return like(X, [*given[0], *new[0]]), like(y, [*given[1], *new[1]])

    def _draw(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Make one image, as it came in, and its label map."""
        chosen = int(rng.integers(len(self._pairs)))
        pair = self._pairs[chosen]
        other = self._pairs[
            (chosen + int(rng.integers(1, max(len(self._pairs), 2)))) % len(self._pairs)
        ]
        share = self.style * rng.uniform()
        image = pair.image
        if share and other is not pair:
            codes = pair.moved(other, share)
            image = image + self._patches.decode(codes, image.shape) - pair.decoded
        places = draw_places(pair.labels.shape, self.distortion, rng)
        image, labels = carry(image, pair.labels, places)
        return self._as_given(image, chosen), labels

    def _as_given(self, image: np.ndarray, chosen: int) -> np.ndarray:
        """Return an image in the dtype, the range and the number of axes of the given ones."""
        low, span = self._exposures[chosen]
        image, given = (
            np.clip(image * span + low, *self._limits),
            np.asarray(self._given[0][chosen]),
        )
        if given.dtype.kind != "f":
            image = image.round()
        image = image.astype(given.dtype)
        return image if given.ndim == 3 else image[..., 0]
