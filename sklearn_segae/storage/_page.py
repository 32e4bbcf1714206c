"""Images (H, W[, C]) and volumes (D, H, W[, C]) of arrays with axes in any order.

They are read when they are sliced.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._axes import image_axes, spatial_axes


class Page:
    """One image ([D, ]H, W[, C]) of an array with named axes, read when it is sliced.

    Parameters
    ----------
    array : array-like
        An object with `shape`, `dtype` and slicing.
    axes : str
        A letter for every axis.
    index : dict of str to int, default={}
        The index along every axis of pages.
    channels : sequence of int or None, default=None
        The channels to use; None for all.
    lookup : array (n,) or (n, 3) or None, default=None
        Intensities or colors of the values.
    flips : tuple of bool, default=(False, False)
        Whether rows and columns are in reversed order.
    volume : bool, default=False
        Whether the axis Z is a spatial one.
    """

    axes_are_named = True  # so that estimators do not ask whether they are plausible

    def __init__(
        self,
        array: Any,
        axes: str,
        index: dict[str, int] | None = None,
        channels: Sequence[int] | None = None,
        lookup: np.ndarray | None = None,
        flips: tuple[bool, bool] = (False, False),
        volume: bool = False,
    ) -> None:
        index = index or {}
        kept = [letter for letter in axes if letter not in index]
        size = dict(zip(axes, array.shape, strict=True))
        self.array = array
        self.index = [index.get(letter) for letter in axes]
        own = image_axes(axes, volume)
        self.n_axes = len(spatial_axes(volume))
        self.order = [kept.index(letter) for letter in own]
        self.channels = channels
        self.lookup = lookup
        self.flips = (*[False] * volume, *flips)
        sides = [size[letter] for letter in own[: self.n_axes]]
        tail = [size[letter] for letter in own[self.n_axes :]]
        if channels is not None and tail:
            tail = [len(channels)]
        if lookup is not None:
            tail = list(lookup.shape[1:])
        self.shape = (*sides, *tail)
        dtype = array.dtype if lookup is None else lookup.dtype
        self.dtype = np.dtype(dtype).newbyteorder("=")
        self.ndim = len(self.shape)

    @property
    def is_plain(self) -> bool:
        """Whether pixels are used as they are stored, the order of the axes apart."""
        changed = self.channels is not None or self.lookup is not None or any(self.flips)
        return not changed and self.dtype == self.array.dtype

    def __getitem__(self, key: Any) -> np.ndarray:
        """Read rows and columns (and slices), which are slices or integers."""
        key = full_key(key, self.ndim)
        keys, rest = key[: self.n_axes], key[self.n_axes :]
        part = self._read([k if isinstance(k, slice) else slice(k, k + 1 or None) for k in keys])
        alone = [slice(None) if isinstance(k, slice) else 0 for k in keys]
        return part[(*alone, *rest)]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the whole image."""
        return self[:, :].astype(dtype or self.dtype, copy=False)

    def __len__(self) -> int:
        return self.shape[0]

    def _read(self, keys: list[slice]) -> np.ndarray:
        """Return rows and columns (and slices) as an array ([d, ]h, w[, C])."""
        pairs = zip(keys, self.shape, self.flips, strict=False)
        parts = [_mirrored(key, size) if flip else key for key, size, flip in pairs]
        channels = self.channels if len(self.order) > self.n_axes else None
        if channels is not None:
            parts.append(slice(min(channels), max(channels) + 1))
        slices = [slice(None)] * len(self.order)
        for axis, key in zip(self.order, parts, strict=False):
            slices[axis] = key
        left = iter(slices)
        part = self.array[tuple(next(left) if i is None else i for i in self.index)]
        part = np.moveaxis(np.asarray(part), self.order, range(len(self.order)))
        part = part[tuple(slice(None, None, -1 if flip else 1) for flip in self.flips)]
        if channels is not None:
            part = part[..., [channel - min(channels) for channel in channels]]
        if self.lookup is not None:
            part = self.lookup[part.astype(np.intp)]
        return part.astype(self.dtype, copy=False)


class PageStack:
    """Images or volumes of one size as a stack (n, H, W[, C]), read when it is sliced."""

    axes_are_named = True

    def __init__(self, pages: Sequence[Page]) -> None:
        self.pages = pages
        self.shape = (len(pages), *pages[0].shape)
        self.dtype = pages[0].dtype
        self.ndim = len(self.shape)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Read rows and columns of one page or of several."""
        first, *rest = full_key(key, self.ndim)
        if not isinstance(first, slice):
            return self.pages[first][tuple(rest)]
        return np.stack([page[tuple(rest)] for page in self.pages[first]])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return all pages."""
        return self[:].astype(dtype or self.dtype, copy=False)

    def __len__(self) -> int:
        return len(self.pages)


def full_key(key: Any, ndim: int) -> tuple[Any, ...]:
    """Return a key with as many entries as there are axes."""
    key = key if isinstance(key, tuple) else (key,)
    if any(part is Ellipsis for part in key):
        at = [part is Ellipsis for part in key].index(True)
        key = (*key[:at], *[slice(None)] * (ndim - len(key) + 1), *key[at + 1 :])
    return (*key, *[slice(None)] * (ndim - len(key)))


def _mirrored(key: slice, size: int) -> slice:
    """Return the slice of a reversed axis that has the same elements, in reversed order."""
    indices = range(size)[key]
    if not indices:
        return slice(0, 0)
    return slice(size - 1 - indices[-1], size - indices[0], abs(indices.step))
