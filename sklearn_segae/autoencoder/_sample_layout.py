"""Layout of samples (rows, images or signals), and their validation and scaling for a net."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import check_array, validate_data

from ..imaging._containers import unpack
from ..imaging._no_data import check_complete, masked_rows
from ..imaging._scaling import scaled
from ..imaging._validation import check_images, is_rows

FLOATS = [np.float64, np.float32]
# Size of blocks: small enough for the processor's cache, large enough for fast matrix products.
BLOCK_NUMBERS = 2**18
BLOCK_SAMPLES = (64, 4096)

ARCHITECTURES = ("conv", "dense", "signal")


class Layout(NamedTuple):
    """The kind of the samples ("rows", "images" or "signals") and the shape of one of them."""

    kind: str
    shape: tuple[int, ...]

    @property
    def net_shape(self) -> tuple[int, ...]:
        """Shape of a sample as the net sees it, channels first: (F,), (C, H, W) or (C, T)."""
        if self.kind == "rows":
            return self.shape
        n_axes = {"images": 2, "signals": 1}[self.kind]
        n_channels = self.shape[n_axes] if len(self.shape) > n_axes else 1
        return (n_channels, *self.shape[:n_axes])


def check_samples(
    estimator: Any,
    X: Any,
    architecture: Any,
    fitted: Layout | None = None,
    ensure_all_finite: bool = True,
) -> tuple[Any, Layout]:
    """Validate samples; return them with channels last, and their layout.

    Rows are returned as (n, n_features), dense or CSR, images as (n, H, W, C), signals as
    (n, T, C). `fitted` is the required layout; None accepts any, and sets `n_features_in_`. Without
    `ensure_all_finite`, NaN and infinity in rows are left to `scaled_blocks`.
    """
    X, _ = unpack(X)
    kind = _kind(X, architecture)
    _check_state(estimator, kind, architecture, fitted)
    if is_rows(X):
        accepted = "csr" if kind == "rows" else False
        X = validate_data(
            estimator,
            masked_rows(X),
            accept_sparse=accepted,
            dtype=FLOATS,
            reset=fitted is None,
            ensure_all_finite=ensure_all_finite,
        )
        layout = Layout(kind, X.shape[1:])
        _check_shapes(estimator, layout, fitted)
        return (X if kind == "rows" else X[..., None]), layout
    stack, n_channels = _check_stack(estimator, X, kind, fitted)
    layout = Layout(kind, np.shape(X)[1:])
    _check_shapes(estimator, layout, fitted)
    if fitted is None:
        estimator.n_features_in_ = n_channels
    return stack, layout


def block_size(shape: tuple[int, ...]) -> int:
    """Return the number of samples of a shape per block."""
    fewest, most = BLOCK_SAMPLES
    return min(max(BLOCK_NUMBERS // prod(shape), fewest), most)


def scaled_blocks(X: Any, scale: np.ndarray) -> Iterator[np.ndarray]:
    """Yield blocks of scaled samples, channels first; raise an error for NaN and infinity."""
    size = block_size(X.shape[1:])
    for start in range(0, X.shape[0], size):
        block = X[start : start + size]
        # Here, not in `check_samples`: the block is in the cache, so that the check is cheap.
        assert_all_finite(block.data if sparse.issparse(block) else block, input_name="X")
        yield channels_first(scaled(block, scale))


def taker(
    X: Any, scale: np.ndarray, check: Callable[[np.ndarray], None]
) -> Callable[[Any], np.ndarray]:
    """Return a function from indices to scaled training samples, float32.

    Dense samples are scaled once, sparse ones on access. `check` is called with scaled samples.
    """
    if not sparse.issparse(X):
        everything = channels_first(scaled(X, scale)).astype(np.float32, copy=False)
        check(everything)
        return lambda index: everything[index]

    def take(index: Any) -> np.ndarray:
        x = scaled(X[index], scale).astype(np.float32, copy=False)
        check(x)
        return x

    return take


def channels_first(x: np.ndarray) -> np.ndarray:
    """(n, ..., C) -> (n, C, ...); rows stay as they are."""
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


def channels_last(x: np.ndarray) -> np.ndarray:
    """(n, C, ...) -> (n, ..., C); rows stay as they are."""
    return np.moveaxis(x, 1, -1)


def _kind(X: Any, architecture: Any) -> str:
    # Three axes may be gray images or signals with channels: the architecture decides.
    if architecture == "signal":
        return "signals"
    return "rows" if is_rows(X) else "images"


def _check_state(estimator: Any, kind: str, architecture: Any, fitted: Layout | None) -> None:
    """Raise an error for rows with a convolutional net, or for another kind than in `fit`."""
    if fitted is not None and kind != fitted.kind:
        owner = type(estimator).__name__
        raise ValueError(f"X holds {kind}, but {owner} was fitted with {fitted.kind}.")
    if kind == "rows" and isinstance(architecture, str) and architecture == "conv":
        raise ValueError(
            "architecture='conv' does not fit rows, which need 'dense' (or 'auto'). Reshape X to "
            "images (n, H, W), or change architecture."
        )


def _check_stack(
    estimator: Any, X: Any, kind: str, fitted: Layout | None
) -> tuple[np.ndarray, int]:
    """Return images (n, H, W, C) or signals (n, T, C), and C."""
    if kind == "signals":
        stack = check_array(masked_rows(X), ensure_2d=False, allow_nd=True, dtype=FLOATS)
        if stack.ndim != 3 or 0 in stack.shape:
            raise ValueError(
                f"X has shape {stack.shape}, but signals have 2 axes (n, T) or 3 (n, T, C), none "
                "of them empty."
            )
        return stack, stack.shape[2]
    n_channels = None if fitted is None else estimator.n_features_in_
    images = check_images(
        X if isinstance(X, list | tuple) or hasattr(X, "axes_are_named") else np.asanyarray(X),
        n_channels=n_channels,
        owner=type(estimator).__name__,
    )
    check_complete(images, type(estimator).__name__)
    sizes = sorted({image.shape[:2] for image in images})
    if len(sizes) > 1:
        raise ValueError(
            f"X holds images of sizes {sizes[0]} and {sizes[-1]}, but {type(estimator).__name__} "
            "encodes whole images of one size. Resize them, or use PixelEncoder."
        )
    return np.stack(images), images[0].shape[2]


def _check_shapes(estimator: Any, layout: Layout, fitted: Layout | None) -> None:
    if fitted is not None and layout.shape != fitted.shape:
        way_out = ", or use PixelEncoder, which takes any size" if layout.kind == "images" else ""
        raise ValueError(
            f"X holds {layout.kind} of shape {layout.shape}, but {type(estimator).__name__} was "
            f"fitted with {fitted.shape}. Resize them{way_out}."
        )
