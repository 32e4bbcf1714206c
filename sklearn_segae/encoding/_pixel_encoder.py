"""PixelEncoder: images to a code for every pixel."""

from __future__ import annotations

import copy
from collections.abc import Sequence
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
from ..training._parameters import publish_training, training_parameters, trains_net
from ..training._train import train
from ._auto_features import measure_evidence, resolve_settings, texture_scale
from ._backends import BACKENDS
from ._codes import FEATURES, Codes, FeatureSettings, fit_codes
from ._crops import crop_samples, row_samples
from ._feature_sampling import FeatureSampler, TileReader
from ._objectives import CoherentReconstruction, PatchReconstruction


@trains_net
class PixelEncoder(
    Documented,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Encode every pixel by features of its neighborhood, learnt from the images themselves.

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
        "auto" is measured on the images (see Notes), unless `pooling` is a number: then it
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
    batch_size : int, default=8
        Crops of the images (rows, of rows) in an update.
    max_epochs : int, default=10
        Passes over the crops. With 0 the network stays untrained, which is the control to beat.
    {training_parameters}

    Attributes
    ----------
    {training_attributes}
    features_ : str
        What `features` came to.
    pooling_, whitening_ : float
        What `pooling` and `whitening` came to.
    contrast_sigma_ : float
        Standard deviation, in pixels, over which brightness and contrast are normalized for the
        second view of textures; 0 where there is none.
    autocorrelation_ : ndarray of shape (n_components,)
        Autocorrelation of every component between neighboring pixels, in [0, 1]; of "multiscale",
        of those that are pooled most widely.
    scale_ : ndarray of shape (2, `n_features_in_`)
        Mean and standard deviation of every channel.
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

    A gradual change of light is as coherent as anything, but no segment. So there are two views of
    textures: the image as it is, and with local brightness and contrast normalized. Half of the
    components come from either, each half with the same total variance.

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
        "features": [StrOptions({"auto", *FEATURES})],
        "pooling": [StrOptions({"auto"}), Interval(Real, 0, 100, closed="both")],
        "whitening": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "loss": [StrOptions(set(LOSSES) - {"cross_entropy"})],
        "backend": [StrOptions({"torch", *BACKENDS})],
        "max_memory": [Interval(Integral, 1, None, closed="left"), str],
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
        lr: float = 1e-2,
        batch_size: int = 8,
        max_epochs: int = 10,
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
        self.lr = lr
        self.batch_size = batch_size
        self.max_epochs = max_epochs
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
        with seeded(self.random_state) as (rng, generator):
            samples = (
                row_samples(images[0], scale)
                if rows
                else crop_samples(images, scale, self.batch_size, rng)
            )
            settings = self._resolve_settings(images, scale, rows, samples, rng, generator)
            some = samples.take(np.arange(min(len(samples), 1024)))

            def learnt(net: Net, rng: np.random.Generator) -> dict[str, Any]:
                """Return the attributes of an encoder with this network."""
                net.module_.balance(some.to(net.device))
                sampler = FeatureSampler(TileReader(net.module_, scale), images, rng, rows)
                codes = fit_codes(sampler, settings, self.n_components)
                return {"net_": net, "scale_": scale, "rows_": rows, **_described(codes)}

            # Callbacks may ask for a fitted encoder after every epoch.
            tasks = task.of_epochs(lambda net: learnt(net, np.random.default_rng(0)))
            net = self._train(samples, some, rows, rng, generator, tasks)
            attributes = learnt(net, rng)
        self.__dict__.update(attributes)
        publish_training(self, net)
        task.finish()
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

    def _resolve_settings(
        self,
        images: Sequence[np.ndarray],
        scale: np.ndarray,
        rows: bool,
        samples: Samples,
        rng: np.random.Generator,
        generator: torch.Generator,
    ) -> FeatureSettings:
        """Return features, pooling and whitening, "auto" replaced by what fits the images."""
        if rows:
            return FeatureSettings("texture", 0.0, 0.0)

        def choose_features() -> str:
            x = samples.take(np.arange(1))
            networks = [pixel_network(x, self.n_filters, generator) for _ in range(2)]
            readers = [TileReader(network, scale) for network in networks]
            return measure_evidence(readers, images, rng).features

        return resolve_settings(
            self.features, self.pooling, self.whitening, texture_scale(images), choose_features
        )

    def _train(
        self,
        samples: Samples,
        some: torch.Tensor,
        rows: bool,
        rng: np.random.Generator,
        generator: torch.Generator,
        tasks: Epochs | None,
    ) -> Net:
        continued = self.warm_start and hasattr(self, "net_")
        net = copy.deepcopy(self.net_) if continued else None
        module = net.module_ if net else pixel_network(some, self.n_filters, generator, rows)
        objective = (PatchReconstruction if rows else CoherentReconstruction)(self.loss)
        parameters = training_parameters(self) | {"rng": rng, "generator": generator}
        if not rows:  # a sample is a batch of crops already
            parameters |= {"batch_size": 1, "one_cycle": True}
        return train(module, samples, objective, net=net, tasks=tasks, **parameters)

    def code_map(self, image: np.ndarray, work: TileRequest) -> Any:
        """Return the codes (H, W, n_components) of an image, worked on as memory allows."""
        return map_tiles(self.encode_tile, image, lambda codes: codes, self.cost(image), work)

    @property
    def has_narrow(self) -> bool:
        """Whether there are narrower codes, by which borders are refined."""
        return self.codes_.has_narrow

    def receptive_field(self, tile: Tile, shape: tuple[int, ...]) -> Tile:
        """Return the pixels that the codes of a tile depend on."""
        margin = self.codes_.margin(self.net_.module_)
        return widen_tile(pad_tile(tile, self.codes_.reach, shape), margin, shape)

    def cost(self, image: np.ndarray) -> TileCost:
        """Return what a tile of an image takes."""
        return self.codes_.cost(self.net_.module_)

    def refit_codes(
        self, images: Sequence[np.ndarray], settings: FeatureSettings | None = None
    ) -> Self:
        """Return a copy with codes fitted to other images, or by other settings; same network."""
        other = copy.copy(self)
        reader = TileReader(self.net_.module_, self.scale_)
        sampler = FeatureSampler(reader, images, np.random.default_rng(0))
        codes = fit_codes(sampler, settings or self.codes_.settings, self.n_components)
        other.__dict__.update(_described(codes))
        return other

    def colors(self, image: np.ndarray) -> np.ndarray:
        """Return the whitened principal colors (H, W, c) of an image (H, W, C), c at most 3."""
        return scaled(image, self.scale_).astype(np.float32) @ self.codes_.color_axes

    def encode_tile(
        self,
        image: np.ndarray,
        tile: Tile,
        *,
        narrow: bool = False,
        step: int = 1,
        used: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the codes (h, w, n) of every `step`-th pixel of one tile of an image.

        `narrow` appends the components for boundaries (`Codes.with_narrow`). Components that are
        not `used` (n,) are 0: what only they need is not computed.
        """
        codes = self.codes_.with_narrow() if narrow else self.codes_
        return codes.encode_tile(self._reader(self._code_dtype(image)), image, tile, step, used)

    def _reader(self, dtype: type) -> TileReader:
        """Return the network with its scaling, run by the backend; float64 is always torch's."""
        network: Any = self.net_.module_
        if self.backend != "torch" and dtype != np.float64:
            network = BACKENDS[self.backend](network)
        return TileReader(network, self.scale_, dtype)

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
    """Return codes, and the attributes for users that they decide on."""
    names = ("features_", "pooling_", "whitening_", "contrast_sigma_")
    settings = dict(zip(names, codes.settings, strict=True))
    return {"codes_": codes, "autocorrelation_": codes.autocorrelation, **settings}
