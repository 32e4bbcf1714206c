"""Region trees of images, by the colors and the codes of a fitted encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..encoding._codes import FeatureSettings
from ..encoding._pixel_encoder import PixelEncoder
from ..imaging._tiles import full_tile
from ._boundary_strength import PHOTOGRAPHS, border_strength, typical_gradients
from ._region_graph import RegionGraph, merge
from ._region_tree import RegionTree
from ._watershed import fine_regions


def region_tree(
    colors: np.ndarray,
    codes: np.ndarray | None = None,
    units: Sequence[float] | np.ndarray = PHOTOGRAPHS,
    seed: int = 0,
) -> RegionTree:
    """Build the tree of an image from its colors, and from codes that tell textures apart.

    Parameters
    ----------
    colors : ndarray of shape (H, W, c)
        Whitened principal colors, float32: of unit variance over a set of images.
    codes : ndarray of shape (H, W, K), default=None
        Of every pixel, float32, pooled over a standard deviation of about 2 pixels.
    units : sequence of 2 floats, default=(0.53, 0.49)
        What `typical_gradients` found for the set. The default is that of photographs.
    seed : int, default=0
        Seeds the k-means that reads colors and codes as words.

    Returns
    -------
    tree : RegionTree
        With at most 1500 regions: larger images get larger ones.
    """
    regions = fine_regions(colors)
    borders = RegionGraph(regions)
    if not len(borders.length):
        return RegionTree(regions, np.empty((0, 2)), np.empty(0))
    strength = border_strength(borders, colors, codes, units, seed)
    return RegionTree(regions, *merge(borders, strength))


TREE_FEATURES = FeatureSettings("texture", pooling=2.0, whitening=1.0)
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
        self.encoder = encoder.refit_codes(images, TREE_FEATURES)
        self.units = typical_gradients(map(encoder.colors, images[:N_TYPICAL])).tolist()

    def tree(self, image: np.ndarray, seed: int) -> RegionTree:
        """(H, W, C) -> its tree."""
        codes = self.encoder.encode_tile(image, full_tile(image.shape))
        return region_tree(self.encoder.colors(image), codes, self.units, seed)
