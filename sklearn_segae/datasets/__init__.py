"""Synthetic images and volumes with known segments or abundances, for tests and examples."""

from ._mixtures import make_mixtures
from ._mosaics import make_mosaic
from ._scenes import make_scenes
from ._shapes import make_shapes
from ._volumes import make_volume

__all__ = ["make_mixtures", "make_mosaic", "make_scenes", "make_shapes", "make_volume"]
