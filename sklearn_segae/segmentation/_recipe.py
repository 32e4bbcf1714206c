"""Parameter checks of AESegmenter, and construction of its encoder and labelers."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.cluster import KMeans
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted, check_memory

from .._base import FitTask, seeded, seeded_clone
from ..encoding._backbone import LITE0, OBJECTS
from ..encoding._codes import PRETRAINED
from ..encoding._patch_encoder import PatchEncoder, fit_row_encoder
from ..encoding._pixel_encoder import PixelEncoder
from ..encoding._tile_encoder import TileEncoder
from ..imaging._image_batch import ImageBatch
from ..imaging._tiled_inference import to_bytes
from ..imaging._validation import common_spacing
from ._adapters import MultiStartKMeans, adapt, unfrozen
from ._clustering import count_of
from ._dense_classifier import DenseClassifier
from ._dense_labeler import DenseLabeler
from ._estimators import is_dense, is_supervised, named
from ._gaussian_mixture import ShrunkMixture
from ._labeler import PixelLabeler
from ._targets import Targets

N_STARTS = 10  # of k-means


def check_parameters(segmenter: Any, sample_weight: Any) -> bool:
    """Return whether the estimator is a classifier; raise an error for inconsistent parameters."""
    encoder, estimator = segmenter.encoder, segmenter.estimator
    _check_are_estimators(encoder=encoder, estimator=estimator)
    if segmenter.patch_size % 2 == 0:
        raise ValueError(
            f"patch_size={segmenter.patch_size} is even, but a patch has a pixel in its middle. "
            f"Pass {segmenter.patch_size - 1} or {segmenter.patch_size + 1}."
        )
    to_bytes(segmenter.max_memory)  # validates early
    supervised = is_supervised(estimator)
    if supervised and segmenter.scope == "image":
        raise ValueError(
            "scope='image' partitions every image on its own, but the labels of the classifier "
            f"estimator={estimator!r} mean the same everywhere. Pass scope='dataset'."
        )
    if sample_weight is not None and not supervised:
        raise ValueError(
            "sample_weight weighs the labeled pixels of a classifier, but "
            f"estimator={estimator!r} is a clusterer. Leave it out."
        )
    return supervised


def check_surroundings(segmenter: Any, batch: ImageBatch) -> None:
    """Raise an error if a classifier needs the pixels around each, but cannot have or use them."""
    if not is_dense(segmenter.estimator):
        return
    if batch.is_rows:
        raise ValueError(
            f"estimator={segmenter.estimator!r} classifies pixels by their surroundings, but X "
            "holds rows. Pass images, or estimator='forest'."
        )
    if segmenter.refine is True:
        raise ValueError(
            f"refine=True is for estimators of single codes, but estimator={segmenter.estimator!r} "
            "sees those around, too. Pass refine='auto'."
        )
    estimator = segmenter.estimator
    if isinstance(estimator, FrozenEstimator):
        fitted = getattr(unfrozen(estimator), "spacing_", segmenter.spacing_)
        if fitted != segmenter.spacing_:
            raise ValueError(
                f"the frozen estimator was fitted with spacing={fitted}, but here it is "
                f"spacing={segmenter.spacing_}. Pass the same, or an estimator that is not frozen."
            )


def _check_are_estimators(encoder: Any, estimator: Any) -> None:
    """Raise an error for classes instead of instances, and for estimators without labels."""
    for name, value in (("encoder", encoder), ("estimator", estimator)):
        if isinstance(value, type):
            raise TypeError(
                f"{name}={value.__name__} is a class. Pass an instance: {name}={value.__name__}()."
            )
    if estimator is None or isinstance(estimator, str):
        return
    # Meta-estimators may have `predict` only when they are fitted, as StackingClassifier does.
    can_label = any(hasattr(estimator, name) for name in ("predict", "fit_predict"))
    labels = can_label or is_classifier(estimator)
    if not labels or is_regressor(estimator):
        raise TypeError(
            f"estimator={estimator!r:.80} gives no labels. Pass a clusterer, a mixture or a "
            "classifier."
        )


def default_encoder(supervised: bool, features: str | None = None, n_axes: int = 2) -> PixelEncoder:
    """Return the encoder for `encoder=None`, or one that suits given features."""
    if features in PRETRAINED:
        return PixelEncoder(features=features)
    if not supervised:
        # The projection is fitted; training the network, too, takes five times as long and changes
        # the accuracy little (docs/experiments.md, section 16).
        return PixelEncoder(max_epochs=0)
    # Classifiers select among the features. Training is short, since many of them need none; few
    # components limit overfitting to few labels. In volumes, training takes five times as long and
    # gains nothing (docs/experiments.md, section 21).
    if n_axes == 3:
        return PixelEncoder(4, features="multiscale", max_epochs=0)
    return PixelEncoder(8, features="multiscale", batch_size=4, max_epochs=3)


def fit_encoder(segmenter: Any, batch: ImageBatch, seed: int, task: FitTask) -> TileEncoder:
    """Return the encoder of a segmenter, fitted to images."""
    patch_size = 1 if batch.is_rows else segmenter.patch_size
    encoder = segmenter.encoder
    if encoder == "passthrough":
        return PatchEncoder("passthrough", 1)
    if isinstance(encoder, FrozenEstimator):
        return _frozen_encoder(unfrozen(encoder), batch, patch_size)
    supervised = is_supervised(segmenter.estimator)
    if encoder is None:
        encoder = default_encoder(supervised, n_axes=segmenter.n_axes)
    encoder = seeded_clone(encoder, seed)
    on_disk = any(getattr(image, "on_disk", False) for image in batch.images)
    memory = check_memory(None if on_disk else segmenter.memory)
    if isinstance(encoder, PixelEncoder):
        encoder.set_params(verbose=max(encoder.verbose, segmenter.verbose))
        if encoder.spacing is None:
            encoder.set_params(spacing=segmenter.spacing_)
        if encoder.features in PRETRAINED and encoder.memory is None:
            encoder.set_params(memory=segmenter.memory)
        if not (batch.is_rows or supervised):
            _select_features(segmenter, encoder, batch, seed)
        # Callbacks do not influence the fit, so they are not part of the cache key.
        fit = memory.cache(_fit_pixel_encoder, ignore=["task"])
        X = batch.images[0].rows if batch.is_rows else batch.images
        fitted: PixelEncoder = fit(encoder, X, task)
        return fitted
    fit = memory.cache(fit_row_encoder)
    transformer = fit(encoder, batch.images, patch_size, segmenter.n_fit_pixels, seed)
    return PatchEncoder(transformer, patch_size)


def _select_features(segmenter: Any, encoder: PixelEncoder, batch: ImageBatch, seed: int) -> None:
    """Set the features of an encoder by the images."""
    estimator = named(segmenter.estimator)
    options: dict[str, Any] = {}
    if estimator is None:
        options["clusterer"] = _mixture(segmenter.n_axes).set_params(tol=1e-3)  # need not converge
    if segmenter.n_segments != "auto":
        options["n_segments"] = count_of(estimator, segmenter.n_segments)
    with seeded(seed) as (rng, generator):
        settings = encoder.select(batch.images, rng, generator, **options)
    features, pooling, whitening, _ = settings
    encoder.set_params(features=features, pooling=pooling, whitening=whitening)
    if features == "pretrained" and encoder.backbone == LITE0 and encoder.strides == "auto":
        encoder.set_params(strides=OBJECTS)


def _fit_pixel_encoder(encoder: PixelEncoder, X: Any, task: FitTask) -> PixelEncoder:
    with task.of_part("encoder", encoder):
        return encoder.fit(X)


def _frozen_encoder(encoder: Any, batch: ImageBatch, patch_size: int) -> TileEncoder:
    """Return a fitted encoder; raise an error if it does not match the batch."""
    check_is_fitted(encoder)
    if not isinstance(encoder, PixelEncoder):
        return PatchEncoder(encoder, patch_size)
    seen = _kind_of(encoder.rows_, encoder.n_axes), encoder.n_features_in_
    shape = batch.images[0].shape
    given = _kind_of(batch.is_rows, len(shape) - 1), shape[-1]
    if seen != given:
        raise ValueError(
            f"the frozen encoder was fitted to {seen[0]} of {seen[1]} channels, but X holds "
            f"{given[0]} of {given[1]}. Pass what it was fitted to, or encoder=PixelEncoder() to "
            "train another one."
        )
    return encoder


def _kind_of(rows: bool, n_axes: int) -> str:
    return "rows" if rows else ("images", "volumes")[n_axes - 2]


def resolve_spacing(segmenter: Any) -> tuple[float, ...] | None:
    """Return the spacing of voxels: that of the segmenter or of its parts; None for images."""
    encoder, estimator = unfrozen(segmenter.encoder), unfrozen(segmenter.estimator)
    given = [("segmenter", segmenter.spacing), ("encoder", getattr(encoder, "spacing", None))]
    if isinstance(estimator, DenseClassifier):
        given.append(("estimator", estimator.given_spacing()))
    return common_spacing(given)


def fit_supervised(
    segmenter: Any,
    encoder: Any,
    images: list[np.ndarray],
    targets: Targets,
    seed: int,
    task: FitTask,
) -> list[PixelLabeler]:
    """Return a labeler for each image, the same for all."""
    labeler = _labeler(segmenter, encoder, seed).fit_classifier(images, targets, task)
    return [labeler] * len(images)


def fit_labelers(
    segmenter: Any, encoder: Any, images: list[np.ndarray], seed: int
) -> list[PixelLabeler]:
    """Return a clusterer for each image, the same for all unless the scope is "image"."""
    if segmenter.scope == "dataset":
        return [_labeler(segmenter, encoder, seed).fit_clusterer(images)] * len(images)
    own = [encoder if segmenter.rows_ else encoder.refit_codes([image]) for image in images]
    pairs = zip(own, images, strict=True)
    return [_labeler(segmenter, e, seed).fit_clusterer([image]) for e, image in pairs]


def _labeler(segmenter: Any, encoder: TileEncoder, seed: int) -> PixelLabeler:
    """Return an unfitted labeler."""
    refines = _refines(segmenter, encoder)
    adapter = _face(segmenter, encoder, refines, seed)
    return (DenseLabeler if is_dense(segmenter.estimator) else PixelLabeler)(
        encoder,
        adapter,
        segmenter.n_segments,
        refines,
        segmenter.n_fit_pixels,
        np.random.default_rng(seed),
    )


def _face(segmenter: Any, encoder: TileEncoder, refines: bool, seed: int) -> Any:
    """Return the adapter of the unfitted estimator; None is one that suits the encoder."""
    estimator = segmenter.estimator
    if estimator is None and refines:
        return MultiStartKMeans()
    colors = getattr(encoder, "features_", None) == "intensity"
    default = _mixture(segmenter.n_axes) if colors else KMeans(n_init=N_STARTS)
    chosen = default if estimator is None else named(estimator)
    if isinstance(estimator, str) and is_dense(estimator):
        of_nets = [n for n in ("verbose", "unet__verbose") if n in chosen.get_params()]
        chosen.set_params(**dict.fromkeys(of_nets, segmenter.verbose))
    own = seeded_clone(chosen, seed)
    if isinstance(own, DenseClassifier):
        own.set_params(spacing=segmenter.spacing_)
    return adapt(own)


def _mixture(n_axes: int) -> ShrunkMixture:
    """Return the mixture for intensities.

    Volumes have many voxels at borders, of mixed intensity: a segment with its own, large variance
    would collect them.
    """
    return ShrunkMixture(shrinkage=0.9) if n_axes == 3 else ShrunkMixture()


def _refines(segmenter: Any, encoder: TileEncoder) -> bool:
    """Return whether to refine borders."""
    if segmenter.refine is True and not encoder.has_narrow:
        raise ValueError(
            "refine=True needs codes of narrower pooling, which only a PixelEncoder with "
            f"features='texture' and pooling above 0 has, but encoder={segmenter.encoder!r}. Pass "
            "refine='auto', or encoder=PixelEncoder(features='texture')."
        )
    if segmenter.refine == "auto":
        return encoder.has_narrow and not is_supervised(segmenter.estimator)
    return bool(segmenter.refine)
