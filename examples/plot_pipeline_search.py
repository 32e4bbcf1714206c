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
    "shapes": make_shapes(4, size=80, random_state=0),
    "mosaics": make_mosaic(4, n_segments=3, size=80, random_state=0),
}
encoders = {
    "pixels": "passthrough",
    "PCA of patches": PCA(8),
    "untrained network": PixelEncoder(max_epochs=0),
    "PixelEncoder": PixelEncoder(max_epochs=3),
}

# %%
# `y` only scores: what is fitted are clusterers. Two folds, each of two images.

searches = {
    name: GridSearchCV(
        AESegmenter(3, random_state=0),
        {"encoder": list(encoders.values())},
        scoring=make_segmentation_scorer(mean_iou),
        cv=2,
    ).fit(images, truth)
    for name, (images, truth) in problems.items()
}

# %%
# What to see: brightness needs no network, it is enough not to get lost in patches; textures are
# lost on pixels and patches. Neighbourhoods do most of it: the untrained network, with the same
# pooling and projection, is a strong rival. And the price is plain: where pixels do, a network is
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
