"""What a segmenter asks of an encoder: codes of pixels, tile by tile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np

from ..imaging._tiled_inference import TileCost
from ..imaging._tiles import Tile


class TileEncoder(Protocol):
    """A fitted encoder of pixels: a `PixelEncoder`, or a `PatchEncoder` around a transformer."""

    @property
    def has_narrow(self) -> bool:
        """Whether there are narrower codes, by which borders are refined."""

    def encode_tile(self, image: Any, tile: Tile, *, used: np.ndarray | None = None) -> np.ndarray:
        """Return the codes (h, w, n) of a tile of an image (H, W, C).

        Components that are not `used` (n,) need not be computed.
        """

    def cost(self, image: Any) -> TileCost:
        """Return what a tile of an image takes."""

    def receptive_field(self, tile: Tile, shape: tuple[int, ...]) -> Tile:
        """Return the pixels that the codes of a tile depend on."""

    def refit_codes(self, images: Sequence[Any]) -> Self:
        """Return an encoder whose projection is that of other images, if it has one."""
