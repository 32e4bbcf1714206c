"""Classes that a saved model may contain, and the types of their attributes."""

from __future__ import annotations

from math import inf
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from ..autoencoder._autoencoder_transformer import AutoencoderTransformer
from ..autoencoder._sample_layout import Layout
from ..autoencoder._variants import VARIANTS, Plain
from ..encoding._backbone import Backbone
from ..encoding._blocks import (
    BandBlock,
    JetBlock,
    LearntBlock,
    PretrainedBlock,
    SpectralBlock,
    StrideAxes,
)
from ..encoding._codes import Codes, FeatureSettings
from ..encoding._patch_encoder import PatchEncoder
from ..encoding._pixel_encoder import PixelEncoder
from ..encoding._pooling import MAX_CONTRAST_SIGMA
from ..encoding._projection import Projection
from ..imaging._normalization import Normalization
from ..regions._tree_builder import TreeBuilder
from ..segmentation._adapters import (
    Adapter,
    BlockwiseGraph,
    Classifier,
    Clusterer,
    InductiveClusterer,
    SelfTraining,
    SoftKMeans,
    SparseMixture,
)
from ..segmentation._boundary_refinement import BoundaryRefiner
from ..segmentation._dense_labeler import DenseLabeler
from ..segmentation._gaussian_mixture import ShrunkMixture
from ..segmentation._labeler import PixelLabeler
from ..segmentation._pixel_head import PixelHead
from ..segmentation._pixel_voting import PixelVotingClassifier
from ..segmentation._segment_classes import SegmentClasses
from ..segmentation._segmenter import AESegmenter
from ..segmentation._unet_classifier import UNetClassifier
from ..segmentation._vote_members import RowMember
from ..training._losses import Loss
from ..training._net import Net

Array = np.ndarray
Hints = dict[str, Any]

_OF_ANY_ESTIMATOR: Hints = {
    "n_features_in_": int,
    "feature_names_in_": Array,
    "_sklearn_output_config": dict,
    "_metadata_request": Any,  # scikit-learn's, made by skops
}
_OF_TRAINED: Hints = {
    "net_": Net,
    "scale_": Array,
    "loss_curve_": list[float],
    "n_iter_": int,
    "stop_reason_": str,
    "device_": str,
}

# Fitted attributes; parameters are those of the signature.
LEARNT: dict[type, Hints] = {
    AutoencoderTransformer: {
        **_OF_TRAINED,
        "layout_": Layout,
        "variant_": Plain,
        "n_components_": int,
        "latent_sample_": Array,
        "validation_loss_curve_": list[float],
        "kl_": float,
    },
    PixelEncoder: {
        **_OF_TRAINED,
        "rows_": bool,
        "codes_": Codes,
        "features_": str,
        "pooling_": float,
        "whitening_": float,
        "contrast_sigma_": float,
        "autocorrelation_": Array,
    },
    PixelHead: {**_OF_TRAINED, "classes_": Array},
    ShrunkMixture: {
        **dict.fromkeys(("used_", "weights_", "means_", "covariances_"), Array),
        **dict.fromkeys(("precisions_", "precisions_cholesky_"), Array),
        "converged_": bool,
        "n_iter_": int,
        "lower_bound_": float,
        "lower_bounds_": list[float],
    },
    UNetClassifier: {
        **_OF_TRAINED,
        "classes_": Array,
        "spacing_": tuple[float, ...] | None,
        "rows_": bool,
        "validation_loss_curve_": list[float],
    },
    PixelVotingClassifier: {
        "members_": list[Any],
        "weights_": Array,
        "classes_": Array,
        "spacing_": tuple[float, ...] | None,
        "rows_": bool,
    },
    AESegmenter: {
        "rows_": bool,
        "spacing_": tuple[float, ...] | None,
        "normalization_": Normalization | None,
        "_seed": int,
        "_trees": TreeBuilder | None,
        "labeler_": PixelLabeler,
        "n_segments_": int | list[int],
        "labels_": Array | list[Array],
    },
}

_OF_LABELER: Hints = {
    "encoder": PixelEncoder | PatchEncoder,
    "estimator": Adapter,
    "n_segments": int | str,
    "refine": bool,
    "n_pixels": int,
    "rng": np.random.Generator,
    "refiner": BoundaryRefiner | None,
    "classes": SegmentClasses | None,
    "n_codes": int,
}

# All attributes of other classes; named tuples have type hints of their own.
PARTS: dict[type, Hints] = {
    PixelLabeler: _OF_LABELER,
    DenseLabeler: _OF_LABELER,
    Classifier: {"estimator": Any},
    SelfTraining: {"estimator": Any, "names": Array | None},
    BlockwiseGraph: {"estimator": Any, "names": Array | None},
    Clusterer: {"estimator": Any, "classes_": Array},
    SparseMixture: {"estimator": Any, "classes_": Array},
    SoftKMeans: {"estimator": Any, "classes_": Array, "variance": float, "used": Array | None},
    InductiveClusterer: {"estimator": Any, "classes_": Array, "neighbor": Any},
    Loss: {"given": str},
    Net: {
        "architecture": dict,
        "weights": dict,
        "optimizer": str,
        "epochs": list[dict],
        "stop_reason": str,
    },
    PatchEncoder: {"transformer": Any, "patch_size": int},
    BoundaryRefiner: {
        "encoder": PixelEncoder,
        "sigma": float | Array,
        "step": int | Array,
        "model": Any,
    },
    TreeBuilder: {"encoder": PixelEncoder, "units": list[float]},
    **{cls: {"loss": Loss, "strength": float} for cls in VARIANTS.values()},
    **{cls: get_type_hints(cls) for cls in (Layout, SegmentClasses, Normalization)},
    **{cls: get_type_hints(cls) for cls in (Codes, FeatureSettings, Projection)},
    **{cls: get_type_hints(cls) for cls in (LearntBlock, JetBlock, SpectralBlock, BandBlock)},
    **{cls: get_type_hints(cls) for cls in (PretrainedBlock, StrideAxes)},
    RowMember: {"classifier": Any, "start": int, "stop": int},
    Backbone: {"network": str, "strides": list[int]},
}
# Ranges of sizes, so that neighborhoods of pixels are limited. Some have a number for each axis.
LIMITS: dict[tuple[type, str], tuple[float, float]] = {
    (FeatureSettings, "pooling"): (0, 100),
    (FeatureSettings, "contrast_sigma"): (0, MAX_CONTRAST_SIGMA),
    (LearntBlock, "contrast_sigma"): (0, MAX_CONTRAST_SIGMA),
    (Projection, "sigma"): (0, 100),
    (JetBlock, "voxel"): (1, inf),
    (SpectralBlock, "voxel"): (1, inf),
    (PretrainedBlock, "depth_sigma"): (0, 100),
    (PatchEncoder, "patch_size"): (1, 1000),
    (BoundaryRefiner, "sigma"): (0, 100),
    (BoundaryRefiner, "step"): (1, 100),
}

CLASSES: dict[str, type] = {cls.__name__: cls for cls in [*LEARNT, *PARTS]}


def hints_of(cls: type) -> Hints:
    """Return the types of all attributes; parameters may have any type that `fit` accepts."""
    if cls in PARTS:
        return PARTS[cls]
    parameters = dict.fromkeys(cls._get_param_names(), Any)  # type: ignore[attr-defined]
    return parameters | _OF_ANY_ESTIMATOR | LEARNT[cls]


def check_state(cls: type, state: dict[str, Any]) -> None:
    """Raise an error if attributes do not match the schema of the class."""
    hints = hints_of(cls)
    own = set(cls._get_param_names()) if cls in LEARNT else set(hints)  # type: ignore[attr-defined]
    if not own <= set(state) <= set(hints):
        wrong = sorted((own - set(state)) | (set(state) - set(hints)))
        raise ValueError(f"{cls.__name__} has too few or too many attributes: {wrong[:5]}.")
    for name, value in state.items():
        if not fits(value, hints[name]):
            raise ValueError(
                f"{cls.__name__}.{name} is a {type(value).__name__}, but should be {hints[name]}."
            )
        least, most = LIMITS.get((cls, name), (-inf, inf))
        if (cls, name) in LIMITS and value is not None and not within(value, least, most):
            raise ValueError(f"{cls.__name__}.{name}={value} is not in [{least}, {most}].")


def within(value: Any, least: float, most: float) -> bool:
    """Return whether a number, or each of the numbers for three axes, is in a range."""
    numbers = np.asarray(value)
    real = numbers.dtype.kind in "iuf" and numbers.shape in ((), (0,), (3,))
    return bool(real and (numbers >= least).all() and (numbers <= most).all())


def fits(value: Any, hint: Any) -> bool:
    """Return True if a value matches a type hint of the kinds used above."""
    if hint is Any:
        return True
    if get_origin(hint) in (Union, UnionType):
        return any(fits(value, option) for option in get_args(hint))
    if get_origin(hint) in (list, tuple):
        items = get_args(hint)[0]
        return isinstance(value, get_origin(hint)) and all(fits(v, items) for v in value)
    if hint is float:
        return type(value) in (float, int) or isinstance(value, np.floating)
    if hint is int:
        return type(value) is int or isinstance(value, np.integer)
    return isinstance(value, NoneType if hint is None else hint)
