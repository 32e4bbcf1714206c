"""Sample weights: what is accepted, and how they count."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils.validation import _check_sample_weight


def refuse_unknown(metadata: dict[str, Any], owner: str) -> None:
    """Raise an error if `fit` was given anything beside `X`, `y` and `sample_weight`."""
    if unknown := set(metadata) - {"sample_weight"}:
        raise TypeError(
            f"{owner}.fit got unexpected arguments: {', '.join(sorted(unknown))}. "
            "It takes X, y and sample_weight."
        )


def drop_weightless(X: Any, metadata: dict[str, Any], owner: str) -> tuple[Any, np.ndarray | None]:
    """Return the samples that count, and their weights (n,) with a mean of 1, if there are any.

    `metadata` is what `fit` was given beside `X` and `y`: `sample_weight` or nothing.
    """
    refuse_unknown(metadata, owner)
    weight = metadata.get("sample_weight")
    if weight is None:
        return X, None
    weight = _check_sample_weight(weight, X, dtype=np.float64)
    if (weight < 0).any() or not weight.any():
        raise ValueError(
            "sample_weight must not be negative, nor 0 for all samples, but it lies in "
            f"[{weight.min():.3g}, {weight.max():.3g}]."
        )
    counts = weight > 0
    return X[counts], weight[counts] / weight[counts].mean()
