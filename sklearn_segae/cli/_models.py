"""Make, fit, load and describe the models of the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from ..segmentation._estimators import ESTIMATORS
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
    # Imported here and below: torch takes seconds, and `segae --help` should not.
    from sklearn.base import is_classifier

    from ..segmentation._recipe import default_encoder
    from ..segmentation._segmenter import AESegmenter

    segmenter = AESegmenter(estimator=estimator)
    # Not None, so that parameters of it can be set.
    features = parameters.get("encoder__features")
    segmenter.encoder = default_encoder(is_classifier(segmenter), features=features)
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
    advance("training", 0, 1)
    segmenter.fit(images, maps)
    if maps is not None and not supervised:
        segmenter.assign_classes(images, maps)
    advance(step, 1, 1)
    if has_epochs:  # a model on disk has no functions in it
        for encoder in (segmenter.encoder, segmenter.encoder_):
            encoder.callbacks = None
    return segmenter


def summary(segmenter: Any) -> dict[str, Any]:
    """Describe what was learnt as a dictionary of plain values."""
    encoder = segmenter.encoder_
    found = {
        "n_channels": segmenter.n_features_in_,
        "classes": segmenter.classes_.tolist() if hasattr(segmenter, "classes_") else None,
        "n_segments": getattr(segmenter, "n_segments_", None),
        "features": getattr(encoder, "features_", None),
        "pooling": getattr(encoder, "pooling_", None),
        "epochs": getattr(encoder, "n_iter_", None),
        "device": getattr(encoder, "device_", None),
    }
    return {name: value for name, value in found.items() if value is not None}
