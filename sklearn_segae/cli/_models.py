"""Make, fit, load and describe the models of the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from ..segmentation._estimators import ESTIMATORS
from ..storage._pages import Pages, numbered
from ._console import Advance

UNTRUSTED = re.compile(r"pass load\(path, trusted=\[(.*)\]\)")


def load_model(path: Path, trusted: Sequence[str]) -> Any:
    """Load any saved estimator; the error about untrusted types names the option --trust."""
    from ..persistence._persist import load

    try:
        return load(path, trusted=list(trusted))
    except ValueError as error:
        raise ValueError(UNTRUSTED.sub(_options, str(error))) from error


def load_segmenter(path: Path, trusted: Sequence[str], device: str) -> Any:
    """Load a fitted segmenter of images, and move its networks to a device."""
    # Imported here and below: torch takes seconds, and `segae --help` should not.
    from ..segmentation._segmenter import AESegmenter
    from ..training._execution import resolve_device

    segmenter = load_model(path, trusted)
    if not isinstance(segmenter, AESegmenter) or not hasattr(segmenter, "estimator_"):
        raise ValueError(
            f"{path}: holds a {type(segmenter).__name__}, but a fitted AESegmenter is needed. "
            "Create one with segae fit."
        )
    if segmenter.rows_:
        raise ValueError(f"{path}: was fitted to rows. Make a model of images with segae fit.")
    where = resolve_device(device)
    encoder = segmenter.encoder_
    if hasattr(encoder, "net_"):
        encoder.net_.module_.to(where)
        encoder.net_.device = where
    return segmenter


def _options(found: re.Match[str]) -> str:
    return "pass " + " ".join(f"--trust {name}" for name in re.findall(r"'([^']+)'", found[1]))


Estimator = StrEnum("Estimator", ["auto", *ESTIMATORS])  # type: ignore[misc]
AUTO = Estimator("auto")


def make_segmenter(estimator: Any, parameters: Mapping[str, Any]) -> Any:
    """Return an unfitted segmenter; parameters that are None stay at their defaults."""
    from sklearn.base import is_classifier

    from ..segmentation._recipe import default_encoder
    from ..segmentation._segmenter import AESegmenter

    segmenter = AESegmenter(estimator=estimator)
    # Not None, so that parameters of it can be set.
    features = parameters.get("encoder__features")
    n_axes = 2 if parameters.get("spacing") is None else 3
    segmenter.encoder = default_encoder(is_classifier(segmenter), features, n_axes)
    return segmenter.set_params(**{k: v for k, v in parameters.items() if v is not None})


def fit_model(
    segmenter: Any, images: Sequence[Any], maps: Sequence[Any] | None, advance: Advance
) -> Any:
    """Fit to images and label maps, if given; a clusterer's segments get classes from them."""
    from sklearn.base import is_classifier

    from ..training._callbacks import EpochEnd

    has_epochs = hasattr(segmenter.encoder, "callbacks")
    supervised = is_classifier(segmenter)
    step = "classifying" if supervised else "clustering"

    def report(epoch: int, n_epochs: int, loss: float) -> None:
        advance("training", epoch, n_epochs)
        if epoch == n_epochs:
            advance(step, 0, 1)

    if has_epochs:
        segmenter.encoder.callbacks = [EpochEnd(report)]
    trains = has_epochs and segmenter.encoder.max_epochs > 0
    advance("training" if trains else step, 0, 1)
    segmenter.fit(images, maps)
    if maps is not None and not supervised:
        segmenter.assign_classes(images, maps)
    advance(step, 1, 1)
    if has_epochs:  # a model on disk has no functions in it
        for encoder in (segmenter.encoder, segmenter.encoder_):
            encoder.callbacks = None
    return segmenter


def remember_channels(segmenter: Any, channels: Sequence[int] | None) -> None:
    """Keep the channels of the files that a model was fitted to, as the names of its features."""
    if channels is not None:
        names = [str(channel + 1) for channel in channels]
        segmenter.feature_names_in_ = np.array(names, dtype=object)


def remembered_channels(segmenter: Any) -> list[int] | None:
    """Return the channels of the files that a model was fitted to; None for all of them."""
    names = getattr(segmenter, "feature_names_in_", None)
    return None if names is None else [int(name) - 1 for name in names]


def choose_channels(path: Path, segmenter: Any, pages: Sequence[Pages]) -> None:
    """Use the channels that a model remembers, unless others were chosen."""
    channels = remembered_channels(segmenter)
    if channels is None:
        return
    for own in pages:
        if own.channels is not None:
            continue
        if max(channels) >= own.n_channels:
            raise ValueError(
                f"{own.path}: has {own.n_channels} channels, but {path} was fitted to the channels "
                f"{numbered(channels)} of its files. Pass the same ones in order, such as "
                f"--channels {numbered(range(len(channels)))}."
            )
        own.choose(channels)


SOFT = {  # methods of labelers and their options
    "probabilities": ("probability_map", {}),
    "uncertainty": ("uncertainty_map", {"measure": "entropy"}),
}


def soft_map(segmenter: Any, name: str, image: Any, out: Any, tail: tuple[int, ...]) -> Any:
    """Return probabilities (H, W, k) or the uncertainty (H, W) of an image, or write it to out."""
    from ..imaging._tiled_inference import to_bytes

    method, options = SOFT[name]
    batch = segmenter.batch([image])
    models, outs = segmenter.labelers(batch), None if out is None else [out]
    max_memory = to_bytes(segmenter.max_memory)
    return batch.map(models, method, max_memory, outs, tail, **options)[0]


def check_soft(segmenter: Any, names: Sequence[str]) -> None:
    """Raise an error for a model without probabilities, if any map is made of them."""
    if names and not hasattr(segmenter, "predict_proba"):
        raise ValueError(
            f"--{names[0]}: the estimator {segmenter.estimator_!r} has no probabilities. Leave "
            f"--{names[0]} out, or fit a model with another --estimator."
        )


def summary(segmenter: Any) -> dict[str, Any]:
    """Describe what was learnt as a dictionary of plain values."""
    encoder = segmenter.encoder_
    found = {
        "n_channels": segmenter.n_features_in_,
        "channels": _numbers(remembered_channels(segmenter)),
        "spacing": None if segmenter.spacing_ is None else list(segmenter.spacing_),
        "classes": segmenter.classes_.tolist() if hasattr(segmenter, "classes_") else None,
        "n_segments": getattr(segmenter, "n_segments_", None),
        "features": getattr(encoder, "features_", None),
        "pooling": getattr(encoder, "pooling_", None),
        "epochs": getattr(encoder, "n_iter_", None),
        "device": getattr(encoder, "device_", None),
    }
    return {name: value for name, value in found.items() if value is not None}


def _numbers(channels: Sequence[int] | None) -> list[int] | None:
    return None if channels is None else [channel + 1 for channel in channels]
