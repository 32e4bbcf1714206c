"""What one component of a code means: decoded along it."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted

from ..autoencoder._autoencoder_transformer import AutoencoderTransformer

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def latent_traversal(estimator: Any, x: Any, component: int, values: Any = None) -> Bunch:
    """Decode a sample again and again, with one component of its code set to given values.

    Parameters
    ----------
    estimator : AutoencoderTransformer or PixelEncoder
        A fitted one. The former decodes with its network; the latter, whose codes are pooled,
        with the best linear map to pixels: colors that a code brings along, not details.
    x : array
        One sample, without the axis of samples: a row (n_features,), an image (H, W[, C]) or a
        signal; for a PixelEncoder an image, whose pixels all get the value.
    component : int
        The one that varies, 0 to `n_components` - 1.
    values : array-like of shape (n_values,), default=None
        What it is set to. None: the quantiles 0.05, 0.25, 0.5, 0.75 and 0.95 of that
        component, among samples of the fit or among the pixels of `x`.

    Returns
    -------
    traversal : Bunch
        levels : ndarray of shape (n_values,), the values
        decoded : ndarray of shape (n_values, ...), each like `x`, in its units
        component : int
        original : ndarray, `x` decoded from its own code

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
        raise ValueError(f"component={component}, but codes have the components 0 to {n - 1}.")
    if values is None:
        values = np.quantile(_usual(estimator, codes)[:, component], QUANTILES)
    values = np.asarray(values, codes.dtype)
    if values.ndim != 1 or not len(values) or not np.isfinite(values).all():
        raise ValueError(f"values={values!r}, but a list of at least one finite number is needed.")
    original = estimator.inverse_transform(codes).reshape(x.shape)
    decoded = []
    for value in values:  # one by one: codes of a large image are many times as large
        codes[..., component] = value
        decoded.append(estimator.inverse_transform(codes).reshape(x.shape))
    return Bunch(levels=values, decoded=np.stack(decoded), component=component, original=original)


def _usual(estimator: Any, codes: np.ndarray) -> np.ndarray:
    """Return codes (n, n_components) that tell what is usual."""
    if isinstance(estimator, AutoencoderTransformer):
        return estimator.latent_sample_
    return codes.reshape(-1, codes.shape[-1])
