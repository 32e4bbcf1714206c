"""Region trees of images, by the colours and the codes of a fitted encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ._codes import Look
from ._encoder import PixelEncoder
from ._regions import RegionTree, region_tree
from ._strength import typical_gradients
from ._tiles import whole

LOOK = Look("texture", pooling=2.0, whitening=1.0)
N_TYPICAL = 15  # images that tell what gradients are typical


class TreeBuilder:
    """Reads images as `region_tree` wants them.

    Parameters
    ----------
    encoder : PixelEncoder
        Fitted to images.
    images : sequence of arrays (H, W, C)
        Those that it was fitted to.
    """

    def __init__(self, encoder: PixelEncoder, images: Sequence[np.ndarray]) -> None:
        self.encoder = encoder.reread(images, LOOK)
        self.units = typical_gradients(map(encoder.colours, images[:N_TYPICAL])).tolist()

    def tree(self, image: np.ndarray, seed: int) -> RegionTree:
        """(H, W, C) -> its tree."""
        codes = self.encoder.encode_tile(image, whole(image.shape))
        return region_tree(self.encoder.colours(image), codes, self.units, seed)
