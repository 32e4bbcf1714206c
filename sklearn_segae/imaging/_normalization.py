"""Normalization of the intensities of images.

The range of an image is that of its structures: of medians of small blocks, without the outermost
percent. A few extreme pixels, such as a hot pixel or a scale bar, do not change it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import chain
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ._lazy_images import LARGE, LazyImage
from ._no_data import check_any_data, missing_at, missing_in
from ._tiles import Tile, n_pixels_of, spread_tiles, tiles

RANGE_TILE_SIDES = {2: 1024, 3: 128}  # of the tiles that ranges are measured on, in pixels
BLOCK = 3  # side of the blocks whose medians are measured, in pixels
MAX_BLOCKS = 100_000  # of an image, about
TAIL = 1  # percent of the blocks of an image that are below its range, and above
MIN_SIGNAL = 0.125  # of the typical range; an image with less contrast has no signal
MIN_FULL_RANGE = 0.25  # of the typical range from minimum to maximum
# Measured spread of sets: at most 0.17 where one range for all is as good, else at least 0.2.
MAX_SPREAD = 0.18
MIN_AREA = 0.25  # of the smallest fitted image
SOFT = 0.25  # width of the interval that all values far beyond the range are mapped to

Interval = tuple[np.ndarray, np.ndarray]  # low end and length (C,) of what is mapped to [0, 1]


class NormalizedImage(LazyImage):
    """An image (H, W, C) whose channels are mapped from [low, low + span] to [0, 1], float32.

    Slices are mapped when they are read, so that no second copy of the image is held.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self, image: np.ndarray, low: np.ndarray, span: np.ndarray, clip: bool = True
    ) -> None:
        self.image = image
        self.shape = image.shape
        self.on_disk = getattr(image, "on_disk", False)
        self.is_masked = getattr(image, "is_masked", False)
        self.low = low
        self.divisor = np.where(span > 0, span, 1)
        self.clip = clip

    def __getitem__(self, key: tuple[slice, ...]) -> np.ndarray:
        """Return a part, normalized."""
        scaled = (self.image[key] - self.low) / self.divisor
        return (soft_clip(scaled) if self.clip else scaled).astype(np.float32)

    def missing(self, key: tuple[slice, ...]) -> np.ndarray | None:
        """Return the mask (h, w) of the pixels of a part without data; None if there are none."""
        return missing_at(self.image, key)


class Levels(NamedTuple):
    """Percentiles of the medians of blocks of images, (C,) or (n, C) each."""

    least: np.ndarray
    low: np.ndarray
    high: np.ndarray
    most: np.ndarray

    @property
    def span(self) -> np.ndarray:
        """Length of the range."""
        return self.high - self.low


class Normalization(NamedTuple):
    """How the images of a fitted model are normalized, with a range of C channels.

    Attributes
    ----------
    per_image : bool
        Whether each image is mapped from its own range, or all from a shared one.
    low : ndarray of shape (n, C)
        Low end of the shared range, n = 1, or of the range of every fitted image.
    span : ndarray of shape (C,)
        Length of the shared range, or the typical length.
    n_pixels : int
        Number of pixels of the smallest fitted image.
    min_span : ndarray of shape (C,)
        Smallest range of a fitted image.
    """

    per_image: bool
    low: np.ndarray
    span: np.ndarray
    n_pixels: int
    min_span: np.ndarray

    def apply(self, images: Sequence[Any]) -> list[NormalizedImage]:
        """Return the normalized images; warn if they differ too much from the fitted ones."""
        if not self.per_image:
            return [self.window(image) for image in images]
        self.warn_of_small(images)
        levels = [_levels(_summaries(self, image)) for image in images]
        self._warn_of_dull([own.span for own in levels])
        pairs = zip(images, levels, strict=True)
        return [self.window(image, self._interval(own)) for image, own in pairs]

    def summary(self, pixels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return what `interval_of` needs of one tile of an image of this shape."""
        return block_medians(pixels, block_step(shape))

    def interval_of(self, summaries: Sequence[np.ndarray]) -> Interval:
        """Return the interval of an image that is mapped to [0, 1], from those of its tiles."""
        return self._interval(_levels(summaries))

    def window(self, image: Any, interval: Interval | None = None) -> NormalizedImage:
        """Return a normalized image; `interval` is needed if `per_image`."""
        return NormalizedImage(image, *(interval or (self.low[0], self.span)))

    def warn_of_small(self, images: Sequence[Any]) -> None:
        """Warn if images have their own ranges and are much smaller than the fitted ones."""
        n_pixels = min(map(n_pixels_of, images))
        if self.per_image and n_pixels < MIN_AREA * self.n_pixels:
            _warn(
                f"an image has {n_pixels} pixels, but the smallest fitted one {self.n_pixels}. The "
                "range of a part may not be that of the whole, and labels may differ."
            )

    def _warn_of_dull(self, spans: Sequence[np.ndarray]) -> None:
        if any((self._is_dull(span) & (span < self.min_span)).any() for span in spans):
            _warn(
                "an image has less contrast than the fitted ones, and less than an eighth of the "
                "typical. It is not stretched to the full range, and labels may differ."
            )

    def _interval(self, own: Levels) -> Interval:
        """Return the range of an image; in channels without signal, one of the typical length.

        It begins where that of a fitted image begins, the one with the most similar low end.
        """
        nearest = np.abs(self.low - own.low).argmin(0)
        dull = self._is_dull(own.span)
        low = np.where(dull, self.low[nearest, np.arange(len(nearest))], own.low)
        return low, np.where(dull, self.span, own.span)

    def _is_dull(self, span: np.ndarray) -> np.ndarray:
        return (span < MIN_SIGNAL * self.span) | (span == 0)


class FullRange(NamedTuple):
    """Normalization of each image from its minimum and maximum, without clipping.

    For generated images, which are mapped back.
    The range counts as at least a quarter of the `typical` one (C,).
    """

    typical: np.ndarray
    per_image: bool = True

    def apply(self, images: Sequence[Any]) -> list[NormalizedImage]:
        """Return the normalized images."""
        return [self.window(image, self.interval_of(_summaries(self, image))) for image in images]

    def summary(self, pixels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return minimum and maximum of each channel of a tile, (2, C)."""
        # float64, because the range of an integer type does not fit into it.
        axes = tuple(range(pixels.ndim - 1))
        return np.array([pixels.min(axes), pixels.max(axes)], dtype=np.float64)

    def interval_of(self, summaries: Sequence[np.ndarray]) -> Interval:
        """Return the interval of an image that is mapped to [0, 1], from those of its tiles."""
        low, high = np.min(summaries, axis=0)[0], np.max(summaries, axis=0)[1]
        return low, np.maximum(high - low, MIN_FULL_RANGE * self.typical)

    def window(self, image: Any, interval: Any) -> NormalizedImage:
        """Return a normalized image."""
        low, span = interval
        return NormalizedImage(image, low, span, clip=False)

    def warn_of_small(self, images: Sequence[Any]) -> None:
        """Do nothing."""


Rule = Normalization | FullRange


def full_range(images: Sequence[Any]) -> FullRange:
    """Return the normalization with the median range of images (H, W, C)."""
    rule = FullRange(np.zeros(images[0].shape[-1]))
    return FullRange(np.median([rule.interval_of(_summaries(rule, i))[1] for i in images], axis=0))


def fit_normalization(images: Sequence[Any], normalize: str) -> Normalization | None:
    """Return the normalization of images (H, W, C); None for "dataset", original intensities.

    "auto" shares one range if the ranges of the images are similar.
    """
    if normalize == "dataset":
        return None
    every = np.stack([_levels(_medians(image)) for image in images], axis=1)
    with_data = ~np.isnan(every[0, :, 0])
    check_any_data(with_data.any())
    levels = Levels(*every[:, with_data])
    # The upper quartile: up to three quarters of a stack may be empty.
    signal = levels.span >= MIN_SIGNAL * np.percentile(levels.span, 75, axis=0)
    typical = _median(levels.span, signal)
    per_image = normalize == "image" or _spread(levels, signal, typical) > MAX_SPREAD
    lows = np.where(signal, levels.low, _median(levels.low, signal))
    low, span = lows, typical
    if not per_image:
        low, span = lows.min(0)[None], np.max(levels.high, axis=0) - lows.min(0)
    # Small objects on a constant background have a range only with the outermost percent.
    least, most = levels.least.min(0), levels.most.max(0)
    return Normalization(
        per_image,
        np.where(typical > 0, low, least),
        np.where(typical > 0, span, most - least),
        min(map(n_pixels_of, images)),
        levels.span.min(0),
    )


def soft_clip(x: np.ndarray) -> np.ndarray:
    """Map all numbers into (-1.25, 2.25), monotonically; those in [-1, 2] do not change."""
    inside = np.clip(x, -1, 2)
    beyond = x - inside
    return inside + SOFT * beyond / (SOFT + np.abs(beyond))


def range_tiles(shape: tuple[int, ...]) -> list[Tile]:
    """Return the tiles that the range is measured on: all, or evenly spread ones if it is large."""
    n_pixels, n_axes = prod(shape[:-1]), len(shape) - 1
    side = RANGE_TILE_SIDES[n_axes]
    if n_pixels <= LARGE:
        return list(tiles(shape, side))
    return list(spread_tiles(shape, side // 4, (n_pixels / LARGE) ** (1 / n_axes)))


def block_medians(pixels: np.ndarray, step: int = 1) -> np.ndarray:
    """Return medians (n, C) of every `step`-th block of pixels (H, W, C) along all axes."""
    *sides, n_channels = pixels.shape
    n_axes = len(sides)
    padded = np.pad(pixels, [*((0, -side % BLOCK) for side in sides), (0, 0)], mode="edge")
    counts = ((-(-side // BLOCK), BLOCK) for side in sides)
    blocks = padded.reshape(*chain(*counts), n_channels)
    chosen = blocks[(slice(None, None, step), slice(None)) * n_axes]
    order = [*range(0, 2 * n_axes + 1, 2), *range(1, 2 * n_axes, 2)]
    values = chosen.transpose(order).reshape(-1, n_channels, BLOCK**n_axes)
    if missing_in(pixels) is not None:
        return _medians_with_data(values)
    middle = BLOCK**n_axes // 2
    return np.partition(values, middle)[..., middle].astype(np.float64)


def _medians_with_data(blocks: np.ndarray) -> np.ndarray:
    """Return the medians (n, C) of blocks (m, C, k) without NaN; of blocks of NaN, none."""
    n_values = np.sum(~np.isnan(blocks[:, :1]), axis=2, keepdims=True)
    sorted_values = np.sort(blocks, axis=2)  # NaN last
    medians = np.take_along_axis(sorted_values, np.maximum(n_values - 1, 0) // 2, 2)[..., 0]
    return medians[n_values[:, 0, 0] > 0].astype(np.float64)


def block_step(shape: tuple[int, ...]) -> int:
    """Return the distance of the blocks that are measured, in blocks."""
    n_axes = len(shape) - 1
    n_blocks = min(prod(shape[:-1]), LARGE) / BLOCK**n_axes
    return max(1, int(np.ceil((n_blocks / MAX_BLOCKS) ** (1 / n_axes))))


def _summaries(rule: Rule, image: Any) -> list[np.ndarray]:
    """Return the summaries of all tiles that the range of an image is measured on."""
    tiled = range_tiles(image.shape)
    return [rule.summary(np.asarray(image[tile]), image.shape) for tile in tiled]


def _medians(image: Any) -> list[np.ndarray]:
    """Return medians of blocks of all tiles that the range of an image is measured on."""
    step = block_step(image.shape)
    return [block_medians(np.asarray(image[tile]), step) for tile in range_tiles(image.shape)]


def _levels(medians: Sequence[np.ndarray]) -> Levels:
    """Return percentiles (C,) of the medians of all blocks of an image; NaN if it has no data."""
    percent, every = [0, TAIL, 100 - TAIL, 100], np.concatenate(medians)
    if not len(every):
        return Levels(*np.full((4, every.shape[1]), np.nan))
    return Levels(*np.percentile(every, percent, axis=0))


def _median(values: np.ndarray, signal: np.ndarray) -> np.ndarray:
    """Return the median over images with signal of each channel, (n, C) -> (C,)."""
    return np.nanmedian(np.where(signal, values, np.nan), axis=0)


def _spread(levels: Levels, signal: np.ndarray, typical: np.ndarray) -> float:
    """Return how much the ranges of images differ, in typical ranges.

    The mean over channels and over both ends of the mean deviation from the median, corrected for
    the bias of few images, and increased by about a standard error: other images may differ more
    than the few fitted ones, which is the worse error.
    """
    used, n = typical > 0, signal.sum(0)
    if not used.any():
        return 0.0
    deviations = [np.abs(ends - _median(ends, signal)) for ends in (levels.low, levels.high)]
    totals = np.sum(np.where(signal, deviations, 0), axis=(0, 1)) / 2
    spread = totals / np.maximum(n - 1, 1) * n / np.maximum(n - 1, 1)
    return float(np.mean(spread[used] / typical[used]))


def _warn(reason: str) -> None:
    warnings.warn(
        f"normalize_='image' scales every image from its own range, but {reason} Fit with "
        "normalize='dataset' to keep intensities.",
        UserWarning,
        stacklevel=2,
    )
