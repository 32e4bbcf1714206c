"""PatchEncoder: a transformer of rows applied to the patches around pixels."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from math import prod
from typing import Any, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..imaging._no_data import missing_in
from ..imaging._pixel_sampling import choose_pixels, gather
from ..imaging._tiled_inference import TileCost
from ..imaging._tiles import Tile, read_tile, widen_tile


class PatchEncoder:
    """Encode pixels by applying a transformer of rows to the square (cubic) patches around them.

    `transformer` is fitted in place by `fit`; "passthrough" returns the patches. `patch_size` is
    the side of the patches in pixels, odd. Pixels of a patch without data are the mean of the
    others.
    """

    def __init__(self, transformer: Any, patch_size: int) -> None:
        self.transformer = transformer
        self.patch_size = patch_size

    def fit(self, images: Sequence[np.ndarray], n_patches: int, rng: np.random.Generator) -> Self:
        """Fit the transformer to the patches around random pixels."""
        if self.transformer != "passthrough":
            chosen = choose_pixels(images, n_patches, rng)
            self.transformer.fit(gather(self._patches, images, chosen))
        return self

    @property
    def has_narrow(self) -> bool:
        """Always False."""
        return False

    @property
    def block_sizes(self) -> None:
        """None: there is one block."""
        return None

    @property
    def grid(self) -> int:
        """1: windows may begin at any pixel."""
        return 1

    def refit_codes(self, images: Sequence[np.ndarray]) -> Self:
        """Return the encoder itself, which has no projection."""
        return self

    def receptive_field(self, tile: Tile, shape: tuple[int, ...]) -> Tile:
        """Return the pixels that the codes of a tile depend on."""
        return widen_tile(tile, self.patch_size // 2, shape)

    def holding(self, *_: Any) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        return nullcontext()

    def cost(self, image: np.ndarray) -> TileCost:
        """Return the memory and the halo of a tile, assuming four copies of the patches."""
        n_bytes = 8 * 4 * image.shape[-1] * self.patch_size ** (len(image.shape) - 1)
        return TileCost(self.patch_size // 2, n_bytes, n_bytes)

    def encode_tile(
        self, image: np.ndarray, tile: Tile, *, used: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the codes (h, w, n) of a tile of an image; `used` is ignored."""
        patches = self._patches(image, tile)
        sides = patches.shape[:-1]
        codes = patches.reshape(prod(sides), -1)
        if self.transformer != "passthrough":
            codes = self.transformer.transform(codes)
        return np.asarray(codes).reshape(*sides, -1)

    def _patches(self, image: np.ndarray, tile: Tile) -> np.ndarray:
        """Return the patches (h, w, n_channels * patch_size**2) of a tile, as floats."""
        size, axes = self.patch_size, tuple(range(len(tile)))
        pixels = read_tile(image, tile, size // 2)
        windows = sliding_window_view(pixels, (size,) * len(axes), axes)
        if missing_in(pixels) is not None:
            windows = _filled(windows)
        dtype = np.float64 if image.dtype == np.float64 else np.float32
        return windows.reshape(*windows.shape[: len(axes)], -1).astype(dtype)


def _filled(patches: np.ndarray) -> np.ndarray:
    """Return patches (h, w, C, s, s) in which NaN is the mean of the others, or 0 without any."""
    known = ~np.isnan(patches)
    axes = tuple(range(patches.ndim // 2 + 1, patches.ndim))
    n_known = np.maximum(known.sum(axes, keepdims=True), 1)
    means = np.nansum(patches, axes, keepdims=True) / n_known
    return np.where(known, patches, means.astype(patches.dtype))


def fit_row_encoder(
    encoder: Any, images: list[np.ndarray], patch_size: int, n_patches: int, seed: int
) -> Any:
    """Fit a transformer to patches; a function that can be cached."""
    rng = np.random.default_rng(seed)
    return PatchEncoder(encoder, patch_size).fit(images, n_patches, rng).transformer
