"""Sample images with strokes, and synthetic images with known segments, for tests and examples."""

from ._mixtures import make_mixtures
from ._mosaics import make_mosaic
from ._samples import load_coins, load_textures, load_tissue
from ._scenes import make_scenes
from ._shapes import make_shapes
from ._volumes import make_volume

__all__ = [
    "load_coins",
    "load_textures",
    "load_tissue",
    "make_mixtures",
    "make_mosaic",
    "make_scenes",
    "make_shapes",
    "make_volume",
]
