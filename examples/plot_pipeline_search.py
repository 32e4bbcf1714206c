"""
PCA or a network? Let a search decide
=====================================

Encoders are parameters like any other. A grid search over PCA of patches, plain pixels and a
`PixelEncoder`, for two kinds of images, says which of them is worth its time.
"""

# %%
# Shapes are told by brightness, mosaics by texture alone.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_mosaic, make_shapes
from sklearn_segae.metrics import make_segmentation_scorer, mean_iou

problems = {
    "shapes": make_shapes(2, size=80, random_state=0),
    "mosaics": make_mosaic(4, n_segments=3, size=80, random_state=0),
}
encoders = {
    "pixels": "passthrough",
    "PCA of patches": PCA(8),
    "untrained network": PixelEncoder(max_epochs=0),
    "PixelEncoder": PixelEncoder(max_epochs=3),
}

# %%
# `y` only scores: what is fitted are clusterers. Two folds, each of half of the images. The scores
# are all that is asked here; with `refit=True`, the default, the search would end as a segmenter.

searches = {
    name: GridSearchCV(
        AESegmenter(3, random_state=0),
        {"encoder": list(encoders.values())},
        scoring=make_segmentation_scorer(mean_iou),
        cv=2,
        refit=False,
    ).fit(images, truth)
    for name, (images, truth) in problems.items()
}

# %%
# What to see: textures are lost on pixels and patches. Shapes are told by brightness, but single
# pixels are noisy, and pooled codes win there, too. Their training does nothing for shapes: the
# untrained network, with the same pooling and projection, is as good. For textures it is not. And
# the price is plain: seconds for a network where PCA takes tenths, so that for shapes training is
# a waste of time.

figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
places = np.arange(len(encoders))
for i, (name, search) in enumerate(searches.items()):
    results = search.cv_results_
    axes[0].bar(places + 0.4 * i, results["mean_test_score"], 0.38, label=name)
    axes[1].bar(places + 0.4 * i, results["mean_fit_time"], 0.38, label=name)
for ax, label in zip(axes, ("mean IoU on held-out images", "seconds of a fit"), strict=True):
    ax.set_xticks(places + 0.2, encoders, rotation=20)
    ax.set_ylabel(label)
    ax.legend()
plt.show()
