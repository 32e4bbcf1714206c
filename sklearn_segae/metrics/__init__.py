"""Scores of label maps, scorers for model selection, and areas of classes.

Label maps are integer arrays of any shape, or lists of them (images of different sizes). An array
(n, H, W) holds the maps of n images, and (n, D, H, W) those of n volumes; a list has a map (H, W)
or (D, H, W) for each. Scores of labels (accuracies, IoU, Dice) pool the pixels of all maps. Scores
of regions (covering, Rand index, variation of information) compare image by image, with one
annotator or several. Pixels whose true label is -1 (unlabeled) or in `ignore_label` are left out.
"""

from ._area_fraction import AreaFractions, area_fraction
from ._boundary import boundary_f1
from ._overlap import dice_score, match_labels, matched_accuracy, mean_iou, pixel_accuracy
from ._region_benchmark import region_benchmark
from ._region_scores import covering, probabilistic_rand_index, variation_of_information
from ._scorers import make_segmentation_scorer
from ._unsupervised_scorers import make_stability_scorer, make_unsupervised_scorer

__all__ = [
    "AreaFractions",
    "area_fraction",
    "boundary_f1",
    "covering",
    "dice_score",
    "make_segmentation_scorer",
    "make_stability_scorer",
    "make_unsupervised_scorer",
    "match_labels",
    "matched_accuracy",
    "mean_iou",
    "pixel_accuracy",
    "probabilistic_rand_index",
    "region_benchmark",
    "variation_of_information",
]
