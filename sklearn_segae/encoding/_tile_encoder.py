"""TileEncoder: protocol of the encoders of a segmenter."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self

import numpy as np

from ..imaging._tiled_inference import TileCost, TileRequest
from ..imaging._tiles import Tile


class TileEncoder(Protocol):
    """Protocol of fitted encoders of pixels: `PixelEncoder` and `PatchEncoder`."""

    @property
    def has_narrow(self) -> bool:
        """Whether there are codes with narrower pooling, for border refinement."""

    @property
    def block_sizes(self) -> list[int] | None:
        """Numbers of components of the blocks of features; None if there is one."""

    @property
    def grid(self) -> int:
        """Windows that begin at multiples of this number of pixels have the codes of the image."""

    def encode_tile(self, image: Any, tile: Tile, *, used: np.ndarray | None = None) -> np.ndarray:
        """Return the codes (h, w, n) of a tile; may skip components outside the mask `used`."""

    def holding(self, image: Any, work: TileRequest = ...) -> AbstractContextManager[None]:
        """Return a context in which codes of an image may come from a cache."""

    def cost(self, image: Any) -> TileCost:
        """Return the memory and the halo of a tile."""

    def receptive_field(self, tile: Tile, shape: tuple[int, ...]) -> Tile:
        """Return the pixels on which the codes of a tile depend."""

    def refit_codes(self, images: Sequence[Any]) -> Self:
        """Return an encoder whose projection, if any, is fitted to other images."""
