"""Decoded samples along one component of the codes."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from ..autoencoder._autoencoder_transformer import AutoencoderTransformer

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def latent_traversal(estimator: Any, x: Any, component: int, values: Any = None) -> Bunch:
    """Decode a sample with one component of its code set to several values.

    Parameters
    ----------
    estimator : AutoencoderTransformer or PixelEncoder
        A fitted estimator. An AutoencoderTransformer decodes with its network. The codes of a
        PixelEncoder are pooled, and decoded by a linear map to pixels, which shows colors but no
        details.
    x : array
        One sample, without the axis of samples: a row (n_features,), an image (H, W[, C]) or a
        signal. For a PixelEncoder an image or a volume (D, H, W[, C]); the component is set for all
        of its pixels.
    component : int
        The component to vary, 0 to `n_components` - 1.
    values : array-like of shape (n_values,), default=None
        Values of the component. None: its quantiles 0.05, 0.25, 0.5, 0.75 and 0.95 among the
        training samples, or among the pixels of `x`.

    Returns
    -------
    traversal : Bunch
        levels : ndarray of shape (n_values,)
            The values.
        decoded : ndarray of shape (n_values, ...)
            Decoded samples of the shape and in the units of `x`.
        component : int
            The component.
        original : ndarray
            `x` decoded from its own code.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_segae import AutoencoderTransformer
    >>> from sklearn_segae.inspection import latent_traversal
    >>> X = load_digits().images
    >>> autoencoder = AutoencoderTransformer(4, max_epochs=1, random_state=0).fit(X)
    >>> latent_traversal(autoencoder, X[0], component=2, values=[-1, 0, 1]).decoded.shape
    (3, 8, 8)
    """
    check_is_fitted(estimator)
    x = np.asarray(x)
    codes = np.array(estimator.transform(x[None]))
    n = codes.shape[-1]
    if not 0 <= component < n:
        raise ValueError(f"component={component} does not exist. Pass one of 0 to {n - 1}.")
    if values is None:
        values = np.quantile(_reference_codes(estimator, codes)[:, component], QUANTILES)
    values = np.asarray(values, codes.dtype)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"values={values!r} is not a list of finite numbers. Pass at least one.")
    original = estimator.inverse_transform(codes).reshape(x.shape)
    decoded = []
    for value in values:  # one by one, because codes are larger than images
        codes[..., component] = value
        decoded.append(estimator.inverse_transform(codes).reshape(x.shape))
    return Bunch(levels=values, decoded=np.stack(decoded), component=component, original=original)


def _reference_codes(estimator: Any, codes: np.ndarray) -> np.ndarray:
    """Return the codes (n, n_components) whose quantiles are the default values."""
    if isinstance(estimator, AutoencoderTransformer):
        return estimator.latent_sample_
    return codes.reshape(-1, codes.shape[-1])
