"""The images in a file: pages of a TIFF, images of a stack, volumes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..imaging._axes import CHANNELS, is_implausible
from ._axes import PAGES, image_axes, spatial_axes
from ._errors import readable
from ._gaps import Gap, PageWithGaps, is_transparent, is_value, may_lack_data, occurs
from ._nodata import Nodata, in_map
from ._page import Page, PageStack
from ._source import Source
from ._sources import open_source

LARGE = 2**27  # bytes; larger files stay on disk


class Pages:
    """The images of a file, all of one size, before their pixels are read.

    Parameters
    ----------
    source : Source
    axes : str or None, default=None
        A letter for every axis of the stored array, such as "cyx"; None for those of the file.
    channels : sequence of int or None, default=None
        The channels to use, from 0; None for all but transparency.
    limit : int, default=LARGE
        Files of more bytes stay on disk.
    labels : bool, default=False
        Whether the file holds label maps, which have no channels and no palette.
    volume : bool, default=False
        Whether the axis Z is a third spatial one, instead of one of pages.

    Attributes
    ----------
    path : Path
    n_axes : {2, 3}
        Number of spatial axes.
    n_pages : int
    stacked : bool
        Whether label maps have an axis of pages, possibly of length 1.
    stored : bool
        Whether images stay on disk and are read when they are sliced.
    axes : str
        The letters of the axes of the stored array.
    n_channels : int
        Number of stored channels.
    channels : list of int or None
        The channels that were chosen; None for all but transparency.
    """

    def __init__(
        self,
        source: Source,
        axes: str | None = None,
        channels: Sequence[int] | None = None,
        limit: int = LARGE,
        labels: bool = False,
        volume: bool = False,
    ) -> None:
        self.source = source
        self.path = source.path
        self.volume = volume
        self.n_axes = len(spatial_axes(volume))
        self.axes = source.resolve_axes(axes, labels, volume)
        self.stored = source.n_bytes > limit
        self.lookup = None if labels else source.lookup
        size = dict(zip(self.axes, source.shape, strict=True))
        self._others = {a: size[a] for a in self.axes if a not in image_axes(self.axes, volume)}
        self.n_pages = prod(self._others.values())
        # An axis without pages of its own, such as a single time, is not one of the label map.
        self.stacked = any(n > 1 or letter in PAGES for letter, n in self._others.items())
        *_, letter = image_axes(self.axes)
        self.n_channels = size[letter] if letter in CHANNELS else 1
        if self.lookup is not None and self.lookup.ndim == 2:
            self.n_channels = self.lookup.shape[1]
        self.channels: list[int] | None = None
        if channels is not None:
            self.choose(channels)

    def choose(self, channels: Sequence[int]) -> None:
        """Use only these channels."""
        n = self.n_channels
        if not channels or not all(0 <= c < n for c in channels):
            raise ValueError(
                f"{self.path}: has {n} channels, but channels={list(channels)} (--channels "
                f"{numbered(channels)}) are asked for. Pass some of them, such as "
                f"{list(range(n))} (--channels {numbered(range(n))})."
            )
        self.channels = list(channels)

    def _used(self) -> list[int] | None:
        """Return the channels to read; None for all."""
        n, alpha = self.n_channels, self.source.alpha
        if self.channels is not None or alpha is None or self.axes != self.source.axes:
            return self.channels
        if not self.source.alpha_is_certain:
            warnings.warn(
                f"channel {alpha + 1} of a TIFF is marked as transparency, and is not used. If it "
                f"holds data, pass channels={list(range(n))} (--channels {numbered(range(n))}).",
                stacklevel=2,
            )
        return [c for c in range(n) if c != alpha]

    @property
    def label_axes(self) -> dict[str, int]:
        """The letters and sizes of the axes of pages that label maps have, too."""
        return self._others if self.stacked else {}

    @property
    def geo_tags(self) -> Sequence[tuple[Any, ...]]:
        """The georeference, as the `extratags` of tifffile."""
        return self.source.geo_tags

    def nodata(self, dtype: Any, images: Sequence[Any] = ()) -> Nodata | None:
        """Return what pixels without data are in maps of some type; None if there are none.

        `images` are those of `load`, some of which may be masked or NaN.
        """
        if self.source.nodata is None and not any(map(may_lack_data, images)):
            return None
        return Nodata(in_map(dtype))

    def views(self, array: Any) -> list[Any]:
        """Return the images of the stored array, which are read when they are sliced."""
        pages, gaps = self._pages(array), self._gaps(array)
        if not gaps:
            return pages
        return [PageWithGaps(page, own) for page, *own in zip(pages, *gaps, strict=True)]

    def _gaps(self, array: Any) -> list[list[Gap]]:
        """Return what shows which pixels of the images have no data."""
        source, gaps = self.source, []
        if source.nodata is not None and occurs(source.nodata, self.source.dtype):
            pages = self._pages(array, as_stored=True)
            is_gap = is_value(source.nodata, pages[0].ndim > self.n_axes)
            gaps.append([(page, is_gap) for page in pages])
        if self._transparency is not None:
            pages = self._pages(array, [self._transparency], as_stored=True)
            gaps.append([(page, is_transparent) for page in pages])
        return gaps

    @property
    def _transparency(self) -> int | None:
        """The channel that is certain to be transparency, unless others were chosen with it."""
        source = self.source
        known = source.alpha_is_certain and self.axes == source.axes
        chosen = self.channels or []
        return source.alpha if known and source.alpha not in chosen else None

    def _pages(
        self, array: Any, channels: list[int] | None = None, as_stored: bool = False
    ) -> list[Page]:
        """Return the images with some channels, None for those that are used, or stored values."""
        places = product(*(range(n) for n in self._others.values()))
        indices = [dict(zip(self._others, place, strict=True)) for place in places]
        lookup = None if as_stored else self.lookup
        channels = self._used() if channels is None else channels
        if as_stored and self.lookup is not None:
            channels = None  # which are those of the palette
        if lookup is not None and lookup.ndim == 2 and channels is not None:
            lookup, channels = lookup[:, channels], None
        flips = self.source.flips
        options = (channels, lookup, flips, self.volume)
        return [Page(array, self.axes, index, *options) for index in indices]

    def load(self) -> list[Any]:
        """Return the images ([D, ]H, W[, C]), in memory unless they are large."""
        with readable(self.path):
            if self.stored:
                return list(self.views(self.source.open()))
            return [_in_memory(view) for view in self.views(self.source.read())]

    def stack(self) -> Any:
        """Return one image ([D, ]H, W[, C]), or a stack of them, read when it is sliced."""
        with readable(self.path):
            array = self.source.open()
            pages = self.views(array)
        has_gaps = isinstance(pages[0], PageWithGaps)
        plain = (
            not has_gaps
            and pages[0].is_plain
            and self.stacked == bool(self._others)
            and len(self._others) < 2
        )
        axes = [*self._others, *image_axes(self.axes, self.volume)]
        if plain and axes == list(self.axes) and not _is_implausible(pages[0]):
            return array
        if type(array) is not np.ndarray or _is_implausible(pages[0]):
            return PageStack(pages) if self.stacked else pages[0]
        images = [_in_memory(page) for page in pages]
        stack = np.ma.stack if any(map(np.ma.is_masked, images)) else np.stack
        return stack(images) if self.stacked else images[0]


def _in_memory(view: Page | PageWithGaps) -> Any:
    """Return the pixels of a page, which keep the names of their axes if these look wrong."""
    if isinstance(view, PageWithGaps):
        return view if _is_implausible(view) else view.masked()
    pixels = np.ascontiguousarray(view)
    if not _is_implausible(view):
        return pixels
    volume = view.n_axes == 3
    return Page(pixels, "".join(image_axes("C", volume)), volume=volume)


def _is_implausible(page: Page | PageWithGaps) -> bool:
    return page.ndim > page.n_axes and is_implausible(*page.shape[-3:])


def open_pages(
    path: str | os.PathLike[str],
    limit: int = LARGE,
    axes: str | None = None,
    channels: Sequence[int] | None = None,
    labels: bool = False,
    volume: bool = False,
) -> Pages:
    """Describe the images of a file; files of more than `limit` bytes stay on disk."""
    return Pages(open_source(path), axes, channels, limit, labels, volume)


def read_image(
    path: Path, axes: str | None = None, channels: Sequence[int] | None = None
) -> np.ndarray:
    """Read one image (H, W) or (H, W, C)."""
    pages = open_pages(path, 2**62, axes, channels)
    if pages.n_pages > 1:
        raise ValueError(
            f"{path}: has shape {pages.source.shape}, but one image (H, W[, C]) is needed."
        )
    return pages.load()[0]


def numbered(channels: Sequence[int]) -> str:
    """Return channels as the command line has them, from 1."""
    return ",".join(str(channel + 1) for channel in channels)
