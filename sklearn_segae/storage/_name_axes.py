"""Arrays in memory or of other libraries whose axes are named by users."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from ..imaging._axes import is_implausible
from ..imaging._containers import unpack
from ._axes import from_user, image_axes
from ._page import Page, PageStack


def name_axes(array: Any, axes: str, *, volume: bool = False) -> Any:
    """Return an array as images with channels last, given the names of its axes.

    Estimators take the last axis of images as channels, and raise an error where that is
    implausible. This function puts other axes in order, and is also the way to say that an array is
    right as it is.

    Parameters
    ----------
    array : array-like
        A numpy, dask, zarr or HDF5 array, or a torch tensor on the CPU.
    axes : str
        A letter for every axis, in their order: y for rows, x for columns, c for channels, others
        for what there are several images of, such as "cyx" or "tcyx".
    volume : bool, default=False
        Whether z is a spatial axis, as y and x are, for estimators with `spacing`. If False, it is
        one of several images.

    Returns
    -------
    images : array-like of shape (H, W) or (H, W, C), or a stack (n, H, W[, C]) of these
        With `volume`, volumes (D, H, W) or (D, H, W, C), or a stack. A stack if there are other
        letters than those of spatial axes and c. Views of numpy and dask arrays; others are read
        when they are sliced.

    See Also
    --------
    open_image : Open a file, with the same names of axes.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_segae.storage import name_axes
    >>> name_axes(np.zeros((4, 64, 48)), "cyx").shape
    (64, 48, 4)
    >>> name_axes(np.zeros((2, 20, 64, 48)), "tzyx").shape  # 40 slices
    (40, 64, 48)
    >>> name_axes(np.zeros((2, 20, 64, 48)), "tzyx", volume=True).shape
    (2, 20, 64, 48)
    """
    array, _ = unpack(array)
    array = array if hasattr(array, "shape") else np.asarray(array)
    letters = from_user("array", array.shape, axes, volume)
    own = image_axes(letters, volume)
    pages = [letter for letter in letters if letter not in own]
    if hasattr(array, "transpose") and hasattr(array, "reshape"):
        moved = array.transpose([letters.index(letter) for letter in (*pages, *own)])
        array = moved.reshape((-1,) * bool(pages) + moved.shape[len(pages) :])
        if own[-1] == "X" or not is_implausible(*array.shape[-3:]):
            return array
        pages = pages and ["Q"]
        letters = "".join((*pages, *own))
    sizes = [range(array.shape[letters.index(letter)]) for letter in pages]
    places = [dict(zip(pages, place, strict=True)) for place in product(*sizes)]
    images = [Page(array, letters, place, volume=volume) for place in places]
    return PageStack(images) if pages else images[0]
