"""Splitters of images and of the pixels of a scene or volume, and cross-validated label maps."""

from ._cross_val_predict import cross_val_predict
from ._splitters import SingleSplit, SpatialBlockKFold
from ._stratified_images import StratifiedImageKFold

__all__ = ["SingleSplit", "SpatialBlockKFold", "StratifiedImageKFold", "cross_val_predict"]
