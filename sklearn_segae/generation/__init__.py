"""Generation of images with label maps, and scores of generated samples."""

from ._image_mask_generator import ImageMaskGenerator
from ._sample_metrics import coverage, mode_coverage, novelty, two_sample_accuracy

__all__ = ["ImageMaskGenerator", "coverage", "mode_coverage", "novelty", "two_sample_accuracy"]
