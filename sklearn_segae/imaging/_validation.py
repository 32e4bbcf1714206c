"""Validation of images and rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from ._axes import elongation, is_implausible
from ._containers import check_array_like, unpack
from ._lazy_images import LazyImage, MaskedImage, StoredImage, is_stored
from ._no_data import find_missing

CAMERA_TYPES = np.uint8, np.uint16
CAMERA_SIDE = 64  # pixels; tables of integers may be smaller
CAMERA_ELONGATION = 3
# `X` may be a stack (one array) or a list of images of different sizes.
Images = Any


def is_rows(X: Any) -> bool:
    """Return whether X holds rows (n_samples, n_features), without copying.

    This is True for all but stacks and lists of images; scikit-learn validates such input.
    """
    check_array_like(X, "X")
    if sparse.issparse(X) or hasattr(X, "columns"):
        return True
    if is_image_list(X):
        return False
    ndim = X.ndim if hasattr(X, "ndim") else _ndim_of_nested_lists(X)
    return not (ndim >= 3)


def check_spacing(spacing: Any) -> tuple[float, ...]:
    """Return the spacing of voxels along z, y and x, relative to the smallest; () for None."""
    if spacing is None:
        return ()
    values = np.asarray(spacing)
    real = values.dtype.kind in "iuf"
    if values.shape != (3,) or not real or not np.isfinite(values).all() or (values <= 0).any():
        raise ValueError(
            f"spacing={spacing!r} is not that of voxels, which are three numbers above 0, the "
            "sides along z, y and x. Pass (1, 1, 1) for cubes, or None for images."
        )
    return tuple((values / values.min()).tolist())


def common_spacing(given: Sequence[tuple[str, Any]]) -> tuple[float, ...] | None:
    """Return the spacing of voxels that parts of a model have, by name; None if none has one."""
    known = [(name, tuple(map(float, own))) for name, own in given if check_spacing(own)]
    for name, own in known:
        if own != known[0][1]:
            raise ValueError(
                f"spacing={known[0][1]} is that of the {known[0][0]}, but that of the {name} is "
                f"{own}. Pass one of them, or the same."
            )
    return known[0][1] if known else None


def check_images(
    X: Images, *, n_axes: int = 2, n_channels: int | None = None, owner: str = ""
) -> list[np.ndarray]:
    """Validate the images of `X` and return a list of (H, W, C) views.

    Parameters
    ----------
    X : array of shape (n, H, W) or (n, H, W, C), or list of arrays (H, W) or (H, W, C)
        A stack, or a list of images of different sizes, of any real dtype. Arrays are objects with
        `shape`, `dtype` and slicing; see `_containers` for those of other libraries.
    n_axes : {2, 3}, default=2
        Number of spatial axes. With 3, images are volumes (D, H, W) or (D, H, W, C).
    n_channels : int, default=None
        Required number of channels; None takes that of the first image.
    owner : str, default=""
        Name of the estimator fitted with `n_channels`, for the error message.

    Returns
    -------
    images : list of ndarray of shape (H, W, C)
        Views of the input with the same dtype. Those with pixels without data (NaN or masked), and
        arrays that are not in memory, become a `LazyImage`, whose slices are NaN there.
    """
    split = _split(unpack(X, n_axes)[0], n_axes)
    images = [_check_image(image, f"X[{i}]", n_axes) for i, image in enumerate(split)]
    expected = images[0].shape[-1] if n_channels is None else n_channels
    for i, image in enumerate(images):
        if image.shape[-1] != expected:
            rule = (
                f"X[0] has {expected}"
                if n_channels is None
                else f"{owner} was fitted with {expected}"
            )
            raise ValueError(
                f"X[{i}] has {image.shape[-1]} channels, but {rule}. "
                "Every image needs the same channels, in the same order."
            )
    return images


def like(X: Images, maps: list[np.ndarray]) -> Any:
    """Return maps, one per image, in the container type of `X`: a stack or a list."""
    if is_image_list(X):
        return maps
    return np.ma.stack(maps) if any(map(np.ma.isMaskedArray, maps)) else np.stack(maps)


def is_image_list(X: Any) -> bool:
    """Return whether X is a list of image arrays, not nested lists of numbers."""
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


def _split(X: Images, n_axes: int) -> list[Any]:
    if is_image_list(X):
        return list(X)
    if (X.shape[0] if hasattr(X, "shape") else len(X)) == 0:
        raise ValueError("X holds 0 images, but at least one is needed.")
    try:
        stack = X if hasattr(X, "ndim") else np.asarray(X)
    except ValueError as error:  # nested lists of different lengths
        raise ValueError(
            "X is a list of unequal lists. Pass images of different sizes as a list of arrays."
        ) from error
    if stack.ndim - n_axes not in (1, 2):
        raise ValueError(_unlike_a_stack(stack.shape, n_axes))
    if stack.ndim == n_axes + 1 and stack.shape[-1] in (3, 4) and min(stack.shape[:-1]) > 4:
        kind = ("image", "volume")[n_axes - 2]
        raise ValueError(
            f"X has shape {stack.shape}: is this one color {kind}? Pass X[None] for a stack of "
            f"one {kind}, or X[..., None] if it is a stack of narrow gray {kind}s."
        )
    if stack.ndim == n_axes + 2:
        _check_channels(stack, "X", n_axes)
    if is_stored(stack) and not isinstance(stack, np.ma.MaskedArray):
        return [StoredImage(stack, i, f"X[{i}]", n_axes) for i in range(stack.shape[0])]
    return list(stack)


def _unlike_a_stack(shape: tuple[int, ...], n_axes: int) -> str:
    """Return the message of the error for an array that is no stack."""
    if n_axes == 2:
        volumes = " Pass spacing=(1, 1, 1) for volumes (n, D, H, W, C)." if len(shape) == 5 else ""
        return (
            f"X has shape {shape}, but a stack of images has 3 axes (n, H, W) or 4 (n, H, W, C). "
            f"Pass images of different sizes as a list.{volumes}"
        )
    one = " Pass X[None] for one volume." if len(shape) == 3 else ""
    return (
        f"X has shape {shape}, but spacing says that there are volumes: a stack has 4 axes "
        f"(n, D, H, W) or 5 (n, D, H, W, C).{one} Pass spacing=None for images."
    )


def refuse_gray_image(X: Any) -> None:
    """Raise an error if rows (n_samples, n_features) are rather a gray image of a camera."""
    if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype not in CAMERA_TYPES:
        return
    if min(X.shape) >= CAMERA_SIDE and elongation(*X.shape) <= CAMERA_ELONGATION:
        raise ValueError(
            f"X has shape {X.shape} and dtype {X.dtype}: is this one gray image? Pass X[None] for "
            "a stack of one image, or X.astype(float) if its rows are samples."
        )


def _check_channels(array: Any, name: str, n_axes: int) -> None:
    """Raise an error if the last axis of an image, or of a stack, is rather one of pixels."""
    if getattr(array, "axes_are_named", False) or not is_implausible(*array.shape[-3:]):
        return
    rows, columns, channels = array.shape[-3:]
    is_stack = array.ndim == n_axes + 2
    seen = f"{name} has shape {array.shape}, which would be {rows} x {columns} pixels with"
    first = f"Pass numpy.moveaxis({name}, {int(is_stack)}, -1) if channels come first"
    if n_axes == 3:
        raise ValueError(f"{seen} {channels} channels in each slice. {first}.")
    volumes = ", spacing=(1, 1, 1) to the estimator if it holds volumes" if is_stack else ""
    raise ValueError(
        f"{seen} {channels} channels. {first}, "
        f"{name}.reshape(-1, {columns}, {channels}) if it holds gray slices{volumes}, or "
        f"sklearn_segae.storage.name_axes({name}, {'nyxc'[not is_stack :]!r}) if it is right so."
    )


def _check_image(image: Any, name: str, n_axes: int) -> Any:
    if image.ndim - n_axes not in (0, 1):
        rule = "an image has 2 axes (H, W) or 3 (H, W, C)"
        if n_axes == 3:
            rule = "spacing says that there are volumes: one has 3 axes (D, H, W) or 4 (D, H, W, C)"
        raise ValueError(f"{name} has shape {image.shape}, but {rule}.")
    if image.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} has dtype {image.dtype}, but images hold real numbers. "
            "Pass an array of numbers, or a list of arrays for images of different sizes."
        )
    if 0 in image.shape:
        raise ValueError(f"{name} has shape {image.shape}: an image needs at least one pixel.")
    if isinstance(image, LazyImage):
        return image
    if image.ndim > n_axes:
        _check_channels(image, name, n_axes)
    if is_stored(image) and not isinstance(image, np.ma.MaskedArray):
        return StoredImage(image, name=name, n_axes=n_axes)
    image = image if image.ndim > n_axes else image[..., None]
    missing = find_missing(image, name)
    pixels = np.asarray(image)
    return pixels if missing is None else MaskedImage(pixels, missing)
