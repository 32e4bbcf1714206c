"""UNetClassifier: a network that classifies the pixels of images with context of several scales."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial
from math import inf
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor

from .._base import CallbackSupportMixin, Documented, FitTask, all_or_nothing, fit_context, seeded
from ..imaging._label_maps import IgnoreLabel
from ..imaging._no_data import zero_filled
from ..imaging._scaling import scaled
from ..imaging._tiles import mirrored, per_axis
from ..imaging._validation import check_spacing
from ..networks._initialization import DrawingFrom
from ..networks._unet import UNet
from ..training._batches import Batches, Samples
from ..training._execution import evaluate
from ..training._parameters import (
    describe_training,
    loss_curve,
    reraise_interrupt,
    training_parameters,
    trains_net,
)
from ..training._train import HELD_OUT as SHARE
from ..training._train import train
from ._dense_classifier import DenseClassifier, LabeledFeatures
from ._dice_loss import DiceCrossEntropy
from ._held_out import hold_out
from ._label_crops import AUGMENTATIONS, UNKNOWN, LabelCrops, class_marks, random_crops
from ._pixel_head import weigh_classes

# Strides of the network and sides of crops in pixels, of images and volumes: neighborhoods of
# volumes have more pixels, and a wide halo would take much memory.
STRIDES = {2: (2, 4, 8, 16), 3: (2, 4)}
CROP_SIZE = {2: 128, 3: 24}
N_FINE = 12  # filters of the layers at full resolution
N_STEPS = 20  # updates per epoch
N_HELD_OUT = 16  # crops around held-out labels, whose loss is computed after each epoch
# Temporary float32 values per pixel of images and volumes in prediction, besides the features.
N_NUMBERS = {2: 60, 3: 50}


@trains_net
class UNetClassifier(Documented, CallbackSupportMixin, DenseClassifier, BaseEstimator):
    """Classify the pixels of images with a U-Net, trained on crops around labeled pixels.

    A classifier for :class:`AESegmenter`, where it sees the normalized pixels and the codes of the
    encoder; alone it sees the pixels. It differs from a classifier of single codes, such as a
    random forest, by the context of several scales, and by training on mirrored, turned and zoomed
    crops. See :class:`~sklearn_segae.networks.UNet` for the architecture.

    Parameters
    ----------
    n_filters : int, default=32
        Channels of the layers at each stride.
    dropout : float, default=0.4
        Probability that a code at one stride is ignored in a training step, in [0, 1). Pixels are
        never ignored, so that without codes of an encoder it has no effect.
    class_weight : {"balanced"}, dict or None, default=None
        Weights of the classes, as in :class:`~sklearn.linear_model.LogisticRegression`.
    spacing : sequence of three floats or None, default=None
        Spacing of the voxels of volumes along z, y and x, in any unit; None for images.
        :class:`AESegmenter` sets it.
    ignore_label : int, str, sequence of these, or None, default=None
        Labels in `y` to exclude from the fit. :class:`AESegmenter` has its own.
    crop_size : int or "auto", default="auto"
        Side of the crops in pixels, a multiple of 16; of volumes, in the smallest sides of voxels,
        a multiple of 4. "auto" is 128 for images, and 24 for volumes.
    augmentation : {"turns", "upright", "none"}, default="turns"
        Random changes of the crops: "turns" mirrors, turns by multiples of 90 degrees and up to 17
        more, zooms by factors up to 1.35 and changes brightness and contrast. "upright" has no
        turns, and up to 9 degrees: for photographs with a floor and a sky, or classes that differ
        by orientation. "none" changes nothing. Volumes are turned in the plane of their two finest
        axes, and mirrored along all, or with "upright" along x.
    max_memory : int or str, default="1GiB"
        Memory for `predict` besides input and output, in bytes or with a unit.
    batch_size : int, default=2
        Number of crops per update.
    max_epochs : int, default=20
        Maximum number of epochs, of 20 updates each.
    early_stopping : bool or float, default=False
        A number in (0, .5] holds out the labels of that share of the images if three or more have
        labels, else of blocks of 64 pixels (volumes: 32), at least one; True 10 %. The weights of
        the epoch with the lowest loss of these labels are kept. Of each class some labels are
        always learned.
    n_iter_no_change : int or None, default=None
        Training ends after this number of consecutive epochs without a decrease of the loss, with
        `early_stopping` of that of held-out labels. None trains for `max_epochs`: the learning rate
        is high until the last of them.
    {training_parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels, of the type of `y`.
    {training_attributes}
    validation_loss_curve_ : list of float
        Loss of held-out labels after every epoch; empty without `early_stopping`.
    scale_ : ndarray of shape (2, `n_features_in_`)
        Mean and standard deviation of each channel, used to standardize the input of the net.
    spacing_ : tuple of float or None
        Spacing of voxels; None for images.
    n_features_in_ : int
        Number of channels.

    Notes
    -----
    The loss is the cross-entropy of the labeled pixels plus one minus their mean Dice coefficient
    over the classes [1]_. The learning rate increases to `lr` and decreases to 0 over all epochs.
    Predictions are computed in tiles with a halo; they do not depend on the tiles. Strides are 2,
    4, 8 and 16, of volumes 2 and 4: labels depend on pixels up to 78 away, on voxels up to 18 away.
    The halo of a volume is large, compared with a tile: a larger `max_memory` is faster.

    References
    ----------
    .. [1] F. Milletari, N. Navab, S.-A. Ahmadi, "V-Net: fully convolutional neural networks for
       volumetric medical image segmentation", 3DV 2016, arXiv:1606.04797.

    Examples
    --------
    >>> from sklearn_segae import UNetClassifier
    >>> from sklearn_segae.datasets import make_shapes
    >>> images, truth = make_shapes(2, size=64, random_state=0)
    >>> net = UNetClassifier(crop_size=64, max_epochs=3, random_state=0).fit(images, truth)
    >>> net.predict(images).shape
    (2, 64, 64)
    """

    n_features_in_: int

    _parameter_constraints: dict = {
        "n_filters": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "spacing": ["array-like", None],
        "ignore_label": [Real, str, "array-like", None],
        "crop_size": [Interval(Integral, 4, None, closed="left"), StrOptions({"auto"})],
        "augmentation": [StrOptions(set(AUGMENTATIONS))],
        "max_memory": [Interval(Integral, 1, None, closed="left"), str],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean", Interval(Real, 0, 0.5, closed="right")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        n_filters: int = 32,
        *,
        dropout: float = 0.4,
        class_weight: Any = None,
        spacing: Sequence[float] | None = None,
        ignore_label: IgnoreLabel = None,
        crop_size: int | str = "auto",
        augmentation: str = "turns",
        max_memory: int | str = "1GiB",
        lr: float = 2e-3,
        batch_size: int = 2,
        max_epochs: int = 20,
        n_iter_no_change: int | None = None,
        early_stopping: bool | float = False,
        warm_start: bool = False,
        device: str = "auto",
        callbacks: list[Any] | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_filters = n_filters
        self.dropout = dropout
        self.class_weight = class_weight
        self.spacing = spacing
        self.ignore_label = ignore_label
        self.crop_size = crop_size
        self.augmentation = augmentation
        self.max_memory = max_memory
        self.lr = lr
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.warm_start = warm_start
        self.device = device
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the network to labeled pixels.

        Parameters
        ----------
        X : array (n, H, W) or (n, H, W, C), or list of arrays (H, W) or (H, W, C)
            A stack of images, or images of different sizes. Pixels that are NaN or masked in any
            channel have no data: they have no part. With `spacing`, volumes (n, D, H, W),
            (n, D, H, W, C), or a list of these; label maps and others have an axis D more, too.
        y : label maps of the same sizes
            Integers, whole floats, booleans or strings; -1, NaN, None, "" and masked pixels are
            unlabeled.
        sample_weight : maps of the same sizes, default=None
            Weights of the labeled pixels, >= 0.

        Returns
        -------
        self : UNetClassifier
        """
        self.fit_images(X, y, sample_weight)
        self.reraise_interrupt()
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_features(self, data: LabeledFeatures) -> Self:
        """Fit to features of labeled images; after Ctrl-C to the part of training until then."""
        continued = self.warm_start and hasattr(self, "net_")
        if continued:
            self._check_continuation(data)
        task = FitTask(self, self.max_epochs, X=data.feature_maps, y=data.targets.maps)
        classes, n_patient = data.targets.classes, self.n_iter_no_change or inf
        own = {"early_stopping": False, "n_iter_no_change": n_patient}
        with seeded(self.random_state) as (rng, generator):
            # A copy, so that the estimator does not change if training fails.
            net = copy.deepcopy(self.net_) if continued else None
            module = net.module_ if net else self._module(data, generator)
            sides = self._crop_sides(module)
            crops, held_out = self._crops(data, sides, rng, self.scale_ if continued else None)
            scale = crops.scale

            def learnt(net: Any) -> dict[str, Any]:
                fixed = {"rows_": False, "n_features_in_": scale.shape[1]}
                seen = {"spacing_": data.spacing, "scale_": scale}
                return {"net_": net, "classes_": classes, **seen, **fixed}

            module.dropout = self.dropout
            net = train(
                module,
                Samples(crops.take, N_STEPS * self.batch_size),
                DiceCrossEntropy(),
                rng=rng,
                generator=generator,
                net=net,
                optimizer="adamw",
                one_cycle=True,
                tasks=task.of_epochs(learnt),
                validation=held_out,
                **training_parameters(self) | own,
            )
        self.__dict__.update(learnt(net))
        describe_training(self, net)
        self.validation_loss_curve_ = loss_curve(net, "valid_loss")
        task.finish()
        return self

    def reraise_interrupt(self) -> None:
        """Raise KeyboardInterrupt if one ended the training."""
        reraise_interrupt(self.net_)

    def _crop_sides(self, module: UNet) -> list[int]:
        """Return the sides of crops: of cubes, in units of length, with whole cells."""
        n_axes, coarsest = module.n_axes, module.strides[-1]
        size = CROP_SIZE[n_axes] if self.crop_size == "auto" else int(self.crop_size)
        if size % coarsest:
            raise ValueError(
                f"crop_size={size} is not a multiple of {coarsest}, the coarsest stride. Pass "
                f"{-(-size // coarsest) * coarsest}."
            )
        pairs = zip(module.voxel or (1, 1), per_axis(module.grid, n_axes), strict=True)
        return [max(1, round(size / side / cell)) * cell for side, cell in pairs]

    def _check_continuation(self, data: LabeledFeatures) -> None:
        """Raise an error if the data or `n_filters` do not fit to the network so far."""
        module = self.net_.module_
        now = data.n_features, self.n_filters, data.targets.classes.tolist(), data.spacing
        was = module.n_channels, module.n_filters, self.classes_.tolist(), self.spacing_
        names = "n_features", "n_filters", "classes", "spacing"
        for name, new, old in zip(names, now, was, strict=True):
            if new != old:
                raise ValueError(
                    f"{name}={new!r:.60}, but warm_start=True continues the training of a network "
                    f"with {old!r:.60}. Pass the same, or warm_start=False."
                )

    def _module(self, data: LabeledFeatures, generator: torch.Generator) -> UNet:
        sizes = data.n_features, data.n_details, len(data.targets.classes)
        voxel = check_spacing(data.spacing)
        strides, options = STRIDES[len(voxel) or 2], (self.n_filters, N_FINE, self.dropout)
        with DrawingFrom(generator):
            return UNet(*sizes, strides, *options, voxel)

    def _crops(
        self,
        data: LabeledFeatures,
        sides: Sequence[int],
        rng: np.random.Generator,
        scale: np.ndarray | None,
    ) -> tuple[LabelCrops, Batches | None]:
        """Return random crops around labeled pixels, and a batch of those held out."""
        marks = class_marks(data.targets, partial(weigh_classes, self.class_weight))
        draw = partial(random_crops, data, side=sides, augmentation=self.augmentation, rng=rng)
        if not self.early_stopping:
            return draw(marks, scale=scale), None
        share = SHARE if self.early_stopping is True else self.early_stopping
        held = [k[..., None] for k in hold_out(data.targets, share, rng).known]
        kept, validation = (
            [np.where(k == value, UNKNOWN, own) for k, own in zip(held, marks, strict=True)]
            for value in (True, False)
        )
        crops = draw(kept, scale=scale)
        batch = draw(validation, scale=crops.scale, augmentation="none").take(np.arange(N_HELD_OUT))
        return crops, Batches(Samples(lambda i: batch[i], N_HELD_OUT), N_HELD_OUT)

    @property
    def n_numbers(self) -> int:
        """Number of temporary values for each pixel."""
        return N_NUMBERS[self.net_.module_.n_axes]

    @property
    def margin(self) -> Any:
        """Number of pixels around a tile that its classes depend on."""
        return self.net_.module_.reach

    @property
    def grid(self) -> Any:
        """Windows have to begin at multiples of it, in pixels."""
        return self.net_.module_.grid

    def window_probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return probabilities (h, w, n_classes) of a window of features (h, w, C)."""
        sides = features.shape[:-1]
        pairs = zip(sides, per_axis(self.grid, len(sides)), strict=True)
        lines = [mirrored(0, -(-size // cell) * cell, size) for size, cell in pairs]
        x = zero_filled(scaled(features, self.scale_))[np.ix_(*lines)]
        x = x.astype(np.float32, copy=False)
        found = evaluate(self.net_.module_, _probabilities, np.moveaxis(x, -1, 0)[None])
        return np.moveaxis(found[0], 0, -1)[tuple(map(slice, sides))]


def _probabilities(module: Any, x: Tensor) -> Tensor:
    return module(x.contiguous(memory_format=module.memory_format)).softmax(1)
