"""Region trees of images from the colors and codes of a fitted encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..encoding._codes import FeatureSettings
from ..encoding._pixel_encoder import PixelEncoder
from ..imaging._tiles import full_tile
from ._boundary_strength import PHOTOGRAPHS, boundary_strength, typical_gradients
from ._region_graph import RegionGraph, merge
from ._region_tree import RegionTree
from ._watershed import fine_regions


def region_tree(
    colors: np.ndarray,
    codes: np.ndarray | None = None,
    units: Sequence[float] | np.ndarray = PHOTOGRAPHS,
    seed: int = 0,
) -> RegionTree:
    """Build the region tree of an image from its colors and, if given, codes of its textures.

    Parameters
    ----------
    colors : ndarray of shape (H, W, c)
        Whitened principal colors, float32, with unit variance over a set of images.
    codes : ndarray of shape (H, W, K), default=None
        Code of every pixel, float32, pooled with a standard deviation of about 2 pixels.
    units : sequence of 2 floats, default=(0.53, 0.49)
        `typical_gradients` of the set. The default is that of photographs.
    seed : int, default=0
        Seed of the k-means that quantizes colors and codes.

    Returns
    -------
    tree : RegionTree
        A tree of at most 1500 regions, which are larger in larger images.
    """
    regions = fine_regions(colors)
    graph = RegionGraph(regions)
    if not len(graph.length):
        return RegionTree(regions, np.empty((0, 2)), np.empty(0))
    strength = boundary_strength(graph, colors, codes, units, seed)
    return RegionTree(regions, *merge(graph, strength))


TREE_FEATURES = FeatureSettings("texture", pooling=2.0, whitening=1.0)
N_TYPICAL = 15  # images that typical gradients are measured on


class TreeBuilder:
    """Builds region trees of images (H, W, C) with an encoder that was fitted to them."""

    def __init__(self, encoder: PixelEncoder, images: Sequence[np.ndarray]) -> None:
        self.encoder = encoder.refit_codes(images, TREE_FEATURES)
        self.units = typical_gradients(map(encoder.colors, images[:N_TYPICAL])).tolist()

    def tree(self, image: np.ndarray, seed: int) -> RegionTree:
        """Return the region tree of an image (H, W, C)."""
        codes = self.encoder.encode_tile(image, full_tile(image.shape))
        return region_tree(self.encoder.colors(image), codes, self.units, seed)
