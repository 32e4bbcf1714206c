"""PixelEncoder: images to a code for every pixel."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted

from .._base import CallbackSupportMixin, Documented, Epochs, FitTask, all_or_nothing, seeded
from ..imaging._image_batch import check_batch, image_batch
from ..imaging._scaling import fit_channel_scale, scaled, unscaled
from ..imaging._tiled_inference import TileCost, TileRequest, map_tiles, to_bytes
from ..imaging._tiles import Tile, pad_tile, widen_tile
from ..imaging._validation import check_array_like
from ..networks._pixel_autoencoder import pixel_network
from ..training._batches import Samples
from ..training._losses import LOSSES
from ..training._net import Net
from ..training._parameters import TRAINING_CONSTRAINTS, training_parameters
from ..training._train import loss_curve, reraise_interrupt, train
from ._auto_features import measure_evidence, resolve_settings, texture_scale
from ._backends import BACKENDS
from ._codes import Codes, FeatureSettings, encode_tile, fit_codes, fit_row_codes
from ._crops import crop_samples, row_samples
from ._objectives import CoherentReconstruction, PatchReconstruction


class PixelEncoder(
    Documented,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Encode every pixel by what its neighborhood looks like, learnt from the images themselves.

    A small convolutional autoencoder is trained on crops of the images. The activations of all
    its layers are pooled over a Gaussian neighborhood and projected on the few directions that
    neighboring pixels share most [1]_. The code of a pixel depends on the pixels around it and on
    nothing else: a crop of an image gets the codes of the whole image, its borders apart.

    Rows (pixels x bands) have no neighbors: they are encoded one by one, and the projection
    keeps the variance of the activations.

    Parameters
    ----------
    n_components : int, default=16
        Numbers per pixel; of "multiscale", those of them that are learnt.
    features : {"auto", "intensity", "texture", "intensity+texture", "multiscale"}, default="auto"
        What leads the codes. "texture": the projected features. "intensity": at most three whitened
        principal colors of the pixels, then the features as faint additions. "intensity+texture":
        such colors, and on a par with them the two most coherent features that colors leave
        unexplained. "multiscale": everything side by side for a classifier to choose from; local
        jets (slope and curvatures, of every channel or the three principal colors, at six scales
        from half a pixel to 16, and values up to 4), `n_components` projected features, half of
        them pooled by 0.4 of `pooling`, and more than three bands as they are, each standardized.
        "auto" looks at the images (see Notes), unless `pooling` is a number: then it
        is "texture".
    pooling : float or "auto", default="auto"
        Standard deviation of the Gaussian neighborhood in pixels, in [0, 100]; 0 does not pool.
        Fine structures and borders ask for little, textures for a few times the size of their
        elements. "auto" is 1 for colors; for textures and "multiscale" 8, for both 4, less in
        images below 256 pixels.
    whitening : float or "auto", default="auto"
        Of features, in [0, 1]. 0 keeps their variance; 1 counts only how coherent they are in space
        (min/max autocorrelation factors), as fits textures. "auto" is 0 if `features` is "texture"
        and the images are not, else 1.
    n_filters : int, default=24
        Channels of every layer.
    loss : {"mse", "mae", "huber"}, default="mse"
        Of the reconstruction.
    backend : {"torch", "bfloat16", "onnx"}, default="torch"
        What runs the network in `transform`, not in `fit`. "onnx" is onnxruntime on the CPU; codes
        agree to 1e-5. "bfloat16" is torch in 16 bits; codes agree to two digits or so, in half to
        three quarters of the time on processors with instructions for it, and in thirty times the
        time on others. float64 rows are always torch's.
    max_memory : int or str, default="1GiB"
        Of `transform`, in bytes or with a unit, beside its input and output: tiles are made so
        small that they need no more. Codes are the same to rounding.
    optimizer : {"adam", "adamw", "sgd", "rmsprop"} or callable, default="adam"
        This and all that follow are as in :class:`AutoencoderTransformer`.
    lr : float, default=1e-2
        Learning rate, > 0.
    batch_size : int, default=8
        Crops of the images (rows, of rows) in an update.
    max_epochs : int, default=10
        Passes over the crops at most. With 0 the network stays untrained, which is the control to
        beat.
    loss_threshold : float or None, default=None
        Training ends when the training loss of an epoch is at most this.
    tol : float, default=1e-4
        An epoch improves on the best one if its loss is lower by more than this share of it.
    n_iter_no_change : int, default=10
        Training ends after so many epochs in a row without improvement.
    early_stopping : bool, default=False
        Hold crops out, watch their loss, and end with the weights of the best epoch.
    validation_fraction : float, default=0.1
        Share of the crops held out if `early_stopping`, in (0, 1).
    warm_start : bool, default=False
        Let `fit` continue with the weights of the last one.
    device : str, default="auto"
        "auto" is CUDA, then MPS, then the CPU; or a torch device such as "cuda:1".
    callbacks : list of skorch callbacks or None, default=None
        Copied for every fit.
    random_state : int, RandomState instance or None, default=None
        Decides on the initial weights and the crops; no global generator is used or moved.
    verbose : int, default=0
        1 prints a line an epoch.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        The trained net.
    features_ : str
        What `features` came to.
    pooling_, whitening_ : float
        What `pooling` and `whitening` came to.
    contrast_sigma_ : float
        Standard deviation, in pixels, over which brightness and contrast are taken away for the
        second look at textures; 0 where there is none.
    autocorrelation_ : ndarray of shape (n_components,)
        Autocorrelation of every component between neighboring pixels, in [0, 1]; of "multiscale",
        of those that are pooled most widely.
    scale_ : ndarray of shape (2, `n_features_in_`)
        Mean and standard deviation of every channel.
    loss_curve_, validation_loss_curve_, n_iter_, stop_reason_, device_
        As in :class:`AutoencoderTransformer`.
    n_features_in_ : int
        Number of channels (images) or bands (rows).

    Notes
    -----
    Images are textured if two independently drawn random networks agree on segments of widely
    pooled features, if those segments reach further than pooling alone makes them reach, and
    if they do so more than segments of plain colors. With more than 16 channels the answer is
    color, since every pixel has a spectrum. Training then minimizes the reconstruction
    loss of patches less the coherence of the pooled features, at scales drawn anew for every
    batch: a nonlinear slow feature analysis over space.

    A gradual change of light is as coherent as anything, but no segment. So textures are looked at
    twice: as they are, and with local brightness and contrast taken away. Half of the codes tell of
    either, each half with the same total variance.

    References
    ----------
    .. [1] P. Switzer, A. Green, "Min/max autocorrelation factors for multivariate spatial
       imagery", Stanford technical report 6, 1984.

    Examples
    --------
    >>> from sklearn_segae import PixelEncoder
    >>> from sklearn_segae.datasets import make_mosaic
    >>> images, labels = make_mosaic(n_images=2, size=64, random_state=0)
    >>> encoder = PixelEncoder(4, pooling=3, max_epochs=2, random_state=0).fit(images)
    >>> encoder.transform(images).shape
    (2, 64, 64, 4)
    """

    n_features_in_: int

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "features": [
            StrOptions({"auto", "intensity", "texture", "intensity+texture", "multiscale"})
        ],
        "pooling": [StrOptions({"auto"}), Interval(Real, 0, 100, closed="both")],
        "whitening": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "loss": [StrOptions(set(LOSSES) - {"cross_entropy"})],
        "backend": [StrOptions({"torch", *BACKENDS})],
        "max_memory": [Interval(Integral, 1, None, closed="left"), str],
        **TRAINING_CONSTRAINTS,
    }

    def __init__(
        self,
        n_components: int = 16,
        *,
        features: str = "auto",
        pooling: float | str = "auto",
        whitening: float | str = "auto",
        n_filters: int = 24,
        loss: str = "mse",
        backend: str = "torch",
        max_memory: int | str = "1GiB",
        optimizer: Any = "adam",
        lr: float = 1e-2,
        batch_size: int = 8,
        max_epochs: int = 10,
        loss_threshold: float | None = None,
        tol: float = 1e-4,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        device: str = "auto",
        callbacks: list[Any] | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.features = features
        self.pooling = pooling
        self.whitening = whitening
        self.n_filters = n_filters
        self.loss = loss
        self.backend = backend
        self.max_memory = max_memory
        self.optimizer = optimizer
        self.lr = lr
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.loss_threshold = loss_threshold
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.device = device
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the features of the images of `X`, and the projection to codes.

        Parameters
        ----------
        X : array (n, H, W) or (n, H, W, C), list of arrays (H, W) or (H, W, C), or array \
(n_samples, n_features)
            A stack of images, images of different sizes, or rows.
        y : ignored

        Returns
        -------
        self : PixelEncoder
        """
        to_bytes(self.max_memory)  # refuses what it cannot read, before any work is done
        batch = check_batch(self, X, reset=True)
        rows = batch.is_rows
        images = [np.asarray(image) for image in batch.images] if rows else batch.images
        task = FitTask(self, self.max_epochs, X=X, y=y)
        scale = fit_channel_scale(images)
        with seeded(self.random_state) as rng:
            samples = (
                row_samples(images[0], scale)
                if rows
                else crop_samples(images, scale, self.batch_size, rng)
            )
            look = self._choose(images, scale, rows, samples, rng)
            some = samples.take(np.arange(min(len(samples), 1024)))
            learnt = partial(self._learnt, images, some, scale, rows, look)
            tasks = task.of_epochs(partial(learnt, np.random.default_rng(0)))
            net = self._train(samples, some, rows, rng, tasks)
            found = learnt(rng, net)
        self.__dict__.update(found)
        self.loss_curve_ = loss_curve(net)
        self.validation_loss_curve_ = loss_curve(net, "valid_loss")
        self.n_iter_, self.stop_reason_ = len(net.history), net.stop_reason
        self.device_ = str(net.device)
        task.finish()
        reraise_interrupt(net)
        return self

    def transform(self, X: Any, out: Any = None) -> Any:
        """Encode every pixel.

        Parameters
        ----------
        X : as in `fit`; images may have any size
        out : writable array-like (n, H, W, n_components) of floats, or list of these, default=None
            Where codes of images are put, tile by tile: a memory map or a zarr array, say.

        Returns
        -------
        codes : array (n, H, W, n_components), list of arrays (H, W, n_components), or array \
(n_samples, n_components)
            In the container that `X` came in, float32 (float64 for float64 rows); `out`, if that
            was given; lazy if `X` is a dask array of images.
        """
        check_is_fitted(self)
        batch = check_batch(self, X, reset=False)
        models, max_memory = [self] * len(batch), to_bytes(self.max_memory)
        return batch.map(models, "code_map", max_memory, out, (self._n_features_out,))

    def inverse_transform(self, codes: Any) -> Any:
        """Return the pixels that codes stand for, by least squares.

        The best linear estimate: with pooling, the colors of a neighborhood, not its details.

        Parameters
        ----------
        codes : as `transform` returns them

        Returns
        -------
        X : array (n, H, W, C), list of arrays (H, W, C), or array (n_samples, n_features)
            In the units of the images that the encoder was fitted on.
        """
        check_is_fitted(self)
        check_array_like(codes, "codes")
        if self.rows_:
            return self._decode(check_array(codes, dtype=[np.float64, np.float32]))
        batch = image_batch(codes)
        n_components = batch.images[0].shape[2]
        if n_components != self._n_features_out:
            raise ValueError(
                f"codes has {n_components} numbers for every pixel, but PixelEncoder was "
                f"fitted with n_components={self._n_features_out}. Pass what transform returned."
            )
        return batch.restore([self._decode(own) for own in batch.images])

    @property
    def _n_features_out(self) -> int:
        return self.codes_.n_components

    def _choose(
        self,
        images: Sequence[np.ndarray],
        scale: np.ndarray,
        rows: bool,
        samples: Samples,
        rng: np.random.Generator,
    ) -> FeatureSettings:
        """Return features, pooling and whitening, "auto" replaced by what fits the images."""
        if rows:
            return FeatureSettings("texture", 0.0, 0.0)

        def weigh_features() -> str:
            x = samples.take(np.arange(1))
            networks = [pixel_network(x, self.n_filters) for _ in range(2)]
            return measure_evidence(networks, images, scale, rng).features

        widest = texture_scale(images)
        return resolve_settings(self.features, self.pooling, self.whitening, widest, weigh_features)

    def _learnt(
        self,
        images: Sequence[np.ndarray],
        some: torch.Tensor,
        scale: np.ndarray,
        rows: bool,
        look: FeatureSettings,
        rng: np.random.Generator,
        net: Net,
    ) -> dict[str, Any]:
        """Fit the projection to what a net sees, and return all that `transform` asks for."""
        module, n = net.module_, self.n_components
        module.balance(some.to(net.device))
        if rows:
            codes = fit_row_codes(module, images[0], scale, look, n, rng)
        else:
            codes = fit_codes(module, images, scale, look, n, rng)
        return {"net_": net, "scale_": scale, "rows_": rows, **_described(codes)}

    def _train(
        self,
        samples: Samples,
        some: torch.Tensor,
        rows: bool,
        rng: np.random.Generator,
        tasks: Epochs | None,
    ) -> Net:
        continued = self.warm_start and hasattr(self, "net_")
        net = copy.deepcopy(self.net_) if continued else None
        module = net.module_ if net else pixel_network(some, self.n_filters, rows)
        kind = PatchReconstruction if rows else CoherentReconstruction
        parameters = training_parameters(self)
        if not rows:  # a sample is a batch of crops already
            parameters |= {"batch_size": 1, "one_cycle": True}
        return train(module, samples, kind(self.loss), rng=rng, net=net, tasks=tasks, **parameters)

    def code_map(self, image: np.ndarray, work: TileRequest) -> Any:
        """Return the codes (H, W, n_components) of an image, worked on as memory allows."""
        return map_tiles(self.encode_tile, image, lambda codes: codes, self.cost(image), work)

    @property
    def sharpens(self) -> bool:
        """Whether there are narrower codes, by which borders are refined."""
        return self.codes_.sharpens

    def receptive_field(self, tile: Tile, shape: tuple[int, ...]) -> Tile:
        """Return the pixels that the codes of a tile depend on."""
        margin = self.codes_.look.reader(self.net_.module_).margin
        return widen_tile(pad_tile(tile, self.codes_.reach, shape), margin, shape)

    def cost(self, image: np.ndarray) -> TileCost:
        """Return what a tile of an image takes."""
        return self.codes_.cost(self.net_.module_)

    def reread(self, images: Sequence[np.ndarray], look: FeatureSettings | None = None) -> Self:
        """Return a copy whose projection to codes is that of other images, or of another look."""
        other = copy.copy(self)
        rng = np.random.default_rng(0)
        codes = fit_codes(
            self.net_.module_, images, self.scale_, look or self.codes_.look, self.n_components, rng
        )
        other.__dict__.update(_described(codes))
        return other

    def colors(self, image: np.ndarray) -> np.ndarray:
        """Return the whitened principal colors (H, W, c) of an image (H, W, C), c at most 3."""
        return scaled(image, self.scale_).astype(np.float32) @ self.codes_.color_axes

    def encode_tile(self, image: np.ndarray, tile: Tile, **options: Any) -> np.ndarray:
        """Return the codes (h, w, n_components) of one tile of an image.

        Options are those of `_codes.encode_tile`: more codes, or fewer, or of fewer pixels.
        """
        dtype = self._code_dtype(image)
        return encode_tile(
            self._reader(dtype), self.codes_, image, self.scale_, tile, dtype, **options
        )

    def _reader(self, dtype: type) -> Any:
        """Return the network, or what runs it in its place."""
        module = self.net_.module_
        if self.backend == "torch" or dtype == np.float64:
            return module
        known, kind = self.__dict__.get("_stand_in"), BACKENDS[self.backend]
        if type(known) is not kind or known.inner is not module:  # fitted again since
            self._stand_in = known = kind(module)
        return known

    def __getstate__(self) -> dict[str, Any]:
        # Sessions are made anew where they are needed.
        return {name: v for name, v in super().__getstate__().items() if name != "_stand_in"}

    def _code_dtype(self, image: np.ndarray) -> type:
        # scikit-learn's checks ask rows to keep their precision; images would only get slower.
        return np.float64 if self.rows_ and image.dtype == np.float64 else np.float32

    def _decode(self, codes: np.ndarray) -> np.ndarray:
        readout = self.codes_.readout.astype(codes.dtype)
        return unscaled(codes @ readout[:-1] + readout[-1], self.scale_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _described(codes: Codes) -> dict[str, Any]:
    """Return codes, and what users read off them, by attribute."""
    names = ("features_", "pooling_", "whitening_", "contrast_sigma_")
    look = dict(zip(names, codes.look, strict=True))
    return {"codes_": codes, "autocorrelation_": codes.projection.coherence, **look}
