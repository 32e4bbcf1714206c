"""Smoke tests of loaded estimators: one small prediction."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np

from ..autoencoder._autoencoder_transformer import AutoencoderTransformer
from ..encoding._pixel_encoder import PixelEncoder
from ..networks._serialization import input_shape
from ..segmentation._gaussian_mixture import ShrunkMixture
from ..segmentation._pixel_head import PixelHead
from ..segmentation._segmenter import AESegmenter

TRIAL_SIDE = 8  # pixels
MAX_TRIAL = 2**24  # numbers of a sample; larger ones are not tested


@contextmanager
def run_by_torch(encoders: list[PixelEncoder]) -> Iterator[None]:
    """Let encoders use torch within this context, as onnxruntime may not be installed."""
    backends = [encoder.backend for encoder in encoders]
    for encoder in encoders:
        encoder.backend = "torch"
    try:
        yield
    finally:
        for encoder, backend in zip(encoders, backends, strict=True):
            encoder.backend = backend


def smoke_test(estimator: Any) -> None:
    """Raise an error if a fitted estimator cannot predict one small sample."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            TRIALS.get(type(estimator), lambda _: None)(estimator)
    except ImportError:  # of pretrained weights
        raise
    except Exception as error:
        raise ValueError(
            f"the parts of {type(estimator).__name__} do not fit together "
            f"({type(error).__name__}: {error})."
        ) from error


def _try_autoencoder(estimator: Any) -> None:
    if not hasattr(estimator, "net_"):
        return
    layout, scale = estimator.layout_, estimator.scale_
    last = layout.net_shape[0]
    if input_shape(estimator.net_.module_) != layout.net_shape or scale.shape != (2, last):
        raise ValueError(f"network and scale are not for samples of shape {layout.shape}")
    if prod(layout.shape) <= MAX_TRIAL:
        codes = estimator.transform(np.zeros((1, *layout.shape), np.float32))
        estimator.inverse_transform(codes)
        if estimator.latent_sample_.shape[1:] != codes.shape[1:]:  # for `sample`
            raise ValueError(f"codes of shape {estimator.latent_sample_.shape} were kept")


def _try_encoder(estimator: Any) -> None:
    if hasattr(estimator, "net_"):
        codes = estimator.transform(_blank(estimator))
        estimator.inverse_transform(codes)


def _try_head(estimator: Any) -> None:
    if hasattr(estimator, "net_"):
        probabilities = estimator.predict_proba(_row(estimator))
        if probabilities.shape[1] != len(estimator.classes_):
            raise ValueError("classes and outputs differ in number")


def _try_segmenter(estimator: Any) -> None:
    if not hasattr(estimator, "labeler_"):
        return
    if estimator.scope == "image":  # a constant image has no segments
        smoke_test(estimator.encoder_)
    else:
        estimator.predict(_blank(estimator))


def _try_mixture(estimator: Any) -> None:
    if hasattr(estimator, "means_"):
        estimator.predict(_row(estimator))


def _row(estimator: Any) -> np.ndarray:
    return np.zeros((1, _n_features(estimator)), np.float32)


def _blank(estimator: Any) -> np.ndarray:
    """Return a constant image, or row, as input of an encoder or segmenter."""
    if estimator.rows_:
        return _row(estimator)
    return np.zeros((1, TRIAL_SIDE, TRIAL_SIDE, _n_features(estimator)), np.float32)


def _n_features(estimator: Any) -> int:
    """Return the number of features; raise an error if other attributes contradict it."""
    n = estimator.n_features_in_
    known = getattr(estimator, "scale_", None)
    if n < 1 or n > MAX_TRIAL // TRIAL_SIDE**2 or (known is not None and known.shape != (2, n)):
        raise ValueError(f"n_features_in_={n} contradicts the other parts")
    return n


TRIALS = {
    AESegmenter: _try_segmenter,
    AutoencoderTransformer: _try_autoencoder,
    PixelEncoder: _try_encoder,
    PixelHead: _try_head,
    ShrunkMixture: _try_mixture,
}
