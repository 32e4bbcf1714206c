"""What an image stack is: which arrays are images, which are rows, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

# `X` may be a stack (one array) or a list of images of different sizes.
Images = Any


def is_rows(X: Any) -> bool:
    """Tell rows (n_samples, n_features) from images, without copying anything.

    Whatever is neither an image stack nor a list of image arrays is left to scikit-learn's own
    validation of rows, which has the right words for it.
    """
    if sparse.issparse(X) or hasattr(X, "columns"):
        return True
    if _is_image_list(X):
        return False
    ndim = X.ndim if hasattr(X, "ndim") else _ndim_of_nested_lists(X)
    return not (ndim >= 3)


def check_images(X: Images, *, n_channels: int | None = None, owner: str = "") -> list[np.ndarray]:
    """Return the images of `X` as a list of (H, W, C) views, or say what is wrong with them.

    Parameters
    ----------
    X : array of shape (n, H, W) or (n, H, W, C), or list of arrays (H, W) or (H, W, C)
        A stack, or a list of images of different sizes, of any real dtype. Never written to.
    n_channels : int, default=None
        The number of channels every image must have; None takes that of the first image.
    owner : str, default=""
        The estimator that was fitted with `n_channels`, for the error.

    Returns
    -------
    images : list of ndarray of shape (H, W, C)
        Views of the input in its own dtype.
    """
    images = [_check_image(image, f"X[{i}]") for i, image in enumerate(_split(X))]
    expected = images[0].shape[2] if n_channels is None else n_channels
    for i, image in enumerate(images):
        if image.shape[2] != expected:
            rule = (
                f"X[0] has {expected}"
                if n_channels is None
                else f"{owner} was fitted with {expected}"
            )
            raise ValueError(
                f"X[{i}] has {image.shape[2]} channels, but {rule}. "
                "Every image needs the same channels, in the same order."
            )
    return images


def check_label_maps(y: Any, images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the label maps of `y` as a list of integer (H, W) arrays that fit the images."""
    maps = [np.asarray(labels) for labels in y]
    if len(maps) != len(images):
        raise ValueError(f"y holds {len(maps)} label maps, but X holds {len(images)} images.")
    for i, (labels, image) in enumerate(zip(maps, images, strict=True)):
        if labels.shape != image.shape[:2]:
            raise ValueError(
                f"y[{i}] has shape {labels.shape}, but X[{i}] has {image.shape[:2]} pixels. "
                "A label map holds one integer for every pixel."
            )
        if labels.dtype.kind not in "biu":
            raise ValueError(
                f"y[{i}] has dtype {labels.dtype}, but label maps hold integers (-1: unlabelled). "
                f"Pass y[{i}].astype(int)."
            )
    return maps


def like(X: Images, maps: list[np.ndarray]) -> Any:
    """Put one map for every image into the container that `X` came in: a stack or a list."""
    return maps if _is_image_list(X) else np.stack(maps)


def _is_image_list(X: Any) -> bool:
    """Tell a list of image arrays from nested lists of numbers."""
    return (
        isinstance(X, list | tuple)
        and len(X) > 0
        and all(hasattr(image, "ndim") for image in X)
        and any(image.ndim >= 2 for image in X)
    )


def _ndim_of_nested_lists(X: Any) -> int:
    ndim = 0
    while isinstance(X, list | tuple) and len(X) > 0:
        ndim, X = ndim + 1, X[0]
    return ndim


def _split(X: Images) -> list[Any]:
    if _is_image_list(X):
        return list(X)
    if len(X) == 0:
        raise ValueError("X holds 0 images, but at least one is needed.")
    try:
        stack = X if hasattr(X, "ndim") else np.asarray(X)
    except ValueError as error:  # nested lists of different lengths
        raise ValueError(
            "X is a list of unequal lists. Pass images of different sizes as a list of arrays."
        ) from error
    if stack.ndim not in (3, 4):
        raise ValueError(
            f"X has shape {stack.shape}, but a stack of images has 3 axes (n, H, W) or 4 "
            "(n, H, W, C). Pass images of different sizes as a list."
        )
    if stack.ndim == 3 and stack.shape[2] in (3, 4) and min(stack.shape[:2]) > 4:
        raise ValueError(
            f"X has shape {stack.shape}: is this one colour image? Pass X[None] for a stack of "
            "one image, or X[..., None] if it is a stack of narrow grey images."
        )
    return list(stack)


def _check_image(image: Any, name: str) -> np.ndarray:
    if image.ndim not in (2, 3):
        raise ValueError(
            f"{name} has shape {image.shape}, but an image has 2 axes (H, W) or 3 (H, W, C)."
        )
    if image.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} has dtype {image.dtype}, but images hold real numbers. "
            "Pass an array of numbers, or a list of arrays for images of different sizes."
        )
    if 0 in image.shape:
        raise ValueError(f"{name} has shape {image.shape}: an image needs at least one pixel.")
    # A sum needs no copy, and is finite only if every pixel is; it may overflow: look again.
    with np.errstate(over="ignore", invalid="ignore"):
        suspicious = image.dtype.kind == "f" and not np.isfinite(image.sum())
    if suspicious and not np.isfinite(image).all():
        raise ValueError(
            f"{name} contains NaN or infinity. Fill or crop those pixels first, for instance with "
            "numpy.nan_to_num."
        )
    return np.asarray(image) if image.ndim == 3 else np.asarray(image)[..., None]
