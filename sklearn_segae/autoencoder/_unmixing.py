"""Requirements of unmixing: rows, a linear decoder, and the bound of endmembers."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from torch import nn

from ..training._execution import resolve_device
from ._sample_layout import Layout

# Share of the sum of squares of X. Noise of 20 dB around spectra >= 0 has at most half a percent.
SIGNED = 0.05


def check_unmixing(layout: Layout, architecture: Any, loss: Any, scaling: str | None) -> None:
    """Raise an error for samples or parameters that the variant "unmixing" cannot have."""
    if layout.kind != "rows":
        raise ValueError(
            f"variant='unmixing' unmixes spectra, the rows of X, but X holds {layout.kind}. Pass "
            "the pixels of a cube as rows: cube.reshape(-1, n_bands)."
        )
    if architecture not in ("auto", "dense"):
        raise ValueError(
            f"architecture={architecture!r:.80}, but variant='unmixing' has dense layers and a "
            "linear decoder. Pass 'auto'."
        )
    if scaling == "minmax" or loss == "cross_entropy":
        raise ValueError(
            f"scaling={scaling!r} and loss={loss!r} need a decoder with a logistic output, but "
            "that of variant='unmixing' is linear. Pass scaling='common' and loss='mse'."
        )


def is_signed(X: Any) -> bool:
    """Return whether rows have more negative values than noise around spectra >= 0 explains."""
    values = X.data if sparse.issparse(X) else X
    return bool(np.square(np.minimum(values, 0)).sum() > SIGNED * np.square(values).sum())


def scaled_zero(scale: np.ndarray) -> np.ndarray:
    """Return 0 in scaled units, rounded up to float32, so that no endmember is below it."""
    shift, divisor = scale
    return np.nextafter((-shift / divisor).astype(np.float32), np.float32(np.inf))


def in_double(module: nn.Module, device: str, precision: str) -> nn.Module:
    """Return the module in float64, if the device can train it.

    Small errors of rounding would grow in the ill-conditioned problem of unmixing, so that weights
    of samples and repeated samples, for example, would differ.
    """
    single = precision != "float32" or resolve_device(device).startswith("mps")
    return module if single else module.double()
