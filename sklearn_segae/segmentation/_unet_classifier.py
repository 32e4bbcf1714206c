"""UNetClassifier: a network that classifies the pixels of images with context of several scales."""

from __future__ import annotations

from functools import partial
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor
from torch.nn import functional

from .._base import CallbackSupportMixin, Documented, FitTask, all_or_nothing, seeded
from ..imaging._label_maps import IgnoreLabel
from ..imaging._scaling import fit_channel_scale, scaled
from ..imaging._tiles import mirrored
from ..networks._initialization import DrawingFrom
from ..networks._unet import UNet
from ..training._batches import Samples
from ..training._execution import evaluate
from ..training._parameters import publish_training, training_parameters, trains_net
from ..training._train import train
from ._dense_classifier import DenseClassifier, LabeledFeatures
from ._label_crops import AUGMENTATIONS, LabelCrops, class_marks, labeled_windows
from ._pixel_head import weigh_classes

N_STEPS = 20  # updates per epoch
N_NUMBERS = 60  # temporary float32 values per pixel in prediction, besides the features


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
        Probability that a feature at one stride is ignored in a training step, in [0, 1).
    class_weight : {"balanced"}, dict or None, default=None
        Weights of the classes, as in :class:`~sklearn.linear_model.LogisticRegression`.
    ignore_label : int, str, sequence of these, or None, default=None
        Labels in `y` to exclude from the fit. :class:`AESegmenter` has its own.
    crop_size : int, default=128
        Side of the crops in pixels, a multiple of 16.
    augmentation : {"turns", "upright", "none"}, default="turns"
        Random changes of the crops: "turns" mirrors, turns by multiples of 90 degrees and up to 17
        more, zooms by factors up to 1.35 and changes brightness and contrast. "upright" has no
        turns, and up to 9 degrees: for photographs with a floor and a sky, or classes that differ
        by orientation. "none" changes nothing.
    max_memory : int or str, default="1GiB"
        Memory for `predict` besides input and output, in bytes or with a unit.
    batch_size : int, default=2
        Number of crops per update.
    max_epochs : int, default=20
        Number of epochs, of 20 updates each.
    {training_parameters}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Sorted labels, of the type of `y`.
    {training_attributes}
    scale_ : ndarray of shape (2, `n_features_in_`)
        Mean and standard deviation of each channel, used to standardize the input of the net.
    n_features_in_ : int
        Number of channels.

    Notes
    -----
    The loss is the cross-entropy of the labeled pixels plus one minus their mean Dice coefficient
    over the classes [1]_. The learning rate increases to `lr` and decreases to 0 over all epochs.
    Predictions are computed in tiles with a halo; they do not depend on the tiles.

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
        "ignore_label": [Real, str, "array-like", None],
        "crop_size": [Interval(Integral, 16, None, closed="left")],
        "augmentation": [StrOptions(set(AUGMENTATIONS))],
        "max_memory": [Interval(Integral, 1, None, closed="left"), str],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        n_filters: int = 32,
        *,
        dropout: float = 0.4,
        class_weight: Any = None,
        ignore_label: IgnoreLabel = None,
        crop_size: int = 128,
        augmentation: str = "turns",
        max_memory: int | str = "1GiB",
        lr: float = 2e-3,
        batch_size: int = 2,
        max_epochs: int = 20,
        device: str = "auto",
        callbacks: list[Any] | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_filters = n_filters
        self.dropout = dropout
        self.class_weight = class_weight
        self.ignore_label = ignore_label
        self.crop_size = crop_size
        self.augmentation = augmentation
        self.max_memory = max_memory
        self.lr = lr
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.device = device
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    @all_or_nothing
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the network to labeled pixels.

        Parameters
        ----------
        X : array (n, H, W) or (n, H, W, C), or list of arrays (H, W) or (H, W, C)
            A stack of images, or images of different sizes.
        y : label maps of the same sizes
            Integers, whole floats, booleans or strings; -1, NaN, None, "" and masked pixels are
            unlabeled.
        sample_weight : maps of the same sizes, default=None
            Weights of the labeled pixels, >= 0.

        Returns
        -------
        self : UNetClassifier
        """
        task = FitTask(self, self.max_epochs, X=X, y=y)
        self.fit_images(X, y, sample_weight, task)
        task.finish()
        return self

    def fit_features(self, data: LabeledFeatures, task: FitTask | None = None) -> Self:
        """Fit to features of labeled images, as a task of scikit-learn callbacks."""
        if self.crop_size % 16:
            raise ValueError(
                f"crop_size={self.crop_size} is not a multiple of 16, the coarsest stride. Pass "
                f"{-(-self.crop_size // 16) * 16}."
            )
        classes = data.targets.classes
        with seeded(self.random_state) as (rng, generator):
            crops = self._crops(data, rng)
            scale = crops.scale

            def learnt(net: Any) -> dict[str, Any]:
                fixed = {"rows_": False, "n_features_in_": scale.shape[1]}
                return {"net_": net, "classes_": classes, "scale_": scale, **fixed}

            with DrawingFrom(generator):
                sizes = scale.shape[1], data.n_details, len(classes)
                module = UNet(*sizes, n_filters=self.n_filters, dropout=self.dropout)
            net = train(
                module,
                Samples(crops.take, N_STEPS * self.batch_size),
                DiceCrossEntropy(),
                rng=rng,
                generator=generator,
                optimizer="adamw",
                one_cycle=True,
                tasks=None if task is None else task.of_epochs(learnt),
                **training_parameters(self),
            )
        self.__dict__.update(learnt(net))
        publish_training(self, net)
        return self

    def _crops(self, data: LabeledFeatures, rng: np.random.Generator) -> LabelCrops:
        """Return random crops around the labeled pixels."""
        weigh, side = partial(weigh_classes, self.class_weight), self.crop_size
        marks = class_marks(data.targets, weigh)
        windows = labeled_windows(data.read, data.images, marks, side // 2, rng)
        scale = fit_channel_scale([w.features for w in windows])
        return LabelCrops(windows, scale, side, data.n_details, self.augmentation, rng)

    @property
    def n_numbers(self) -> int:
        """Number of temporary values for each pixel."""
        return N_NUMBERS

    @property
    def margin(self) -> int:
        """Number of pixels around a tile that its classes depend on."""
        return self.net_.module_.reach

    @property
    def grid(self) -> int:
        """Windows have to begin at multiples of it, in pixels."""
        return self.net_.module_.grid

    def window_probabilities(self, features: np.ndarray) -> np.ndarray:
        """Return probabilities (h, w, n_classes) of a window of features (h, w, C)."""
        height, width = features.shape[:2]
        rows, columns = (mirrored(0, -(-n // self.grid) * self.grid, n) for n in (height, width))
        x = scaled(features, self.scale_)[np.ix_(rows, columns)].astype(np.float32, copy=False)
        found = evaluate(self.net_.module_, _probabilities, x.transpose(2, 0, 1)[None])
        return found[0, :, :height, :width].transpose(1, 2, 0)


class DiceCrossEntropy:
    """Cross-entropy plus one minus the Dice coefficient of labeled pixels.

    The last two channels of a batch hold the class of each pixel, negative if it has none, and its
    weight.
    """

    def __call__(self, module: UNet, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return the loss of a batch of crops, a scalar."""
        labels, weights = x[:, -2], x[:, -1]
        logits, known = module(x[:, :-2], generator), labels >= 0
        return _labeled_loss(logits.movedim(1, -1)[known], labels[known].long(), weights[known])


def _labeled_loss(logits: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Return the loss of labeled pixels, (n, n_classes), (n,) and (n,); 0 if there are none."""
    if not len(y):
        return 0 * logits.sum()
    entropy = functional.cross_entropy(logits, y, reduction="none")
    return (weight * entropy).mean() + _dice_loss(logits.softmax(1), y, weight)


def _dice_loss(probabilities: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """Return one minus the mean Dice coefficient of the classes that are present."""
    truth = functional.one_hot(y, probabilities.shape[1]).to(probabilities)
    common, both = (
        (weight[:, None] * values).sum(0)
        for values in (probabilities * truth, probabilities + truth)
    )
    present = truth.any(0)
    return (1 - (2 * common + 1) / (both + 1))[present].mean()


def _probabilities(module: Any, x: Tensor) -> Tensor:
    return module(x.contiguous(memory_format=torch.channels_last)).softmax(1)
