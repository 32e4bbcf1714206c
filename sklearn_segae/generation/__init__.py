"""Generated images with their label maps, and scores that say how like the data samples are."""

from ._image_mask_generator import ImageMaskGenerator
from ._sample_metrics import coverage, mode_coverage, novelty, two_sample_accuracy

__all__ = [
    "ImageMaskGenerator",
    "coverage",
    "mode_coverage",
    "novelty",
    "two_sample_accuracy",
]
