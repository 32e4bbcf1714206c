"""Region trees: hierarchical segmentation of one image."""

from ._region_tree import RegionTree

__all__ = ["RegionTree"]
