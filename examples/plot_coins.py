"""
Uneven light: strokes on coins
==============================

The background of this photograph of Greek coins is brighter at the top than some coins at the
bottom. No threshold of gray values separates them, with labels or without. Codes contain slopes and
curvatures at several scales, which uneven light hardly changes.
"""

# %%
# A forest is fitted to seven strokes: on the gray values of single pixels, and on codes. Otsu's
# threshold, here as the border between two clusters of k-means, needs no strokes.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier

from sklearn_segae import AESegmenter
from sklearn_segae.datasets import load_coins
from sklearn_segae.metrics import match_labels, mean_iou

coins = load_coins()
images, strokes = coins.images, coins.strokes
rows = images.reshape(-1, 1).astype(float)
threshold = KMeans(2, n_init=5, random_state=0).fit_predict(rows).reshape(images.shape)
forest = RandomForestClassifier(50, random_state=0)
pixels = AESegmenter(encoder="passthrough", estimator=forest, random_state=0)
codes = AESegmenter(estimator="trees", random_state=0)
found = {
    "threshold": match_labels(coins.target, threshold),
    "forest on gray values": pixels.fit(images, strokes).predict(images),
    "forest on codes": codes.fit(images, strokes).predict(images),
}

# %%
# The outlines of some coins are still uneven. A label map does not separate coins that touch;
# `scipy.ndimage.label` counts its connected regions.

palette = ListedColormap(["#56b4e9", "#e69f00"])
figure, axes = plt.subplots(1, 4, figsize=(13, 3), layout="constrained")
axes[0].imshow(images[0], cmap="gray")
axes[0].imshow(np.ma.masked_equal(strokes[0], -1), cmap=palette, interpolation="nearest")
axes[0].set_title("strokes")
for ax, (name, maps) in zip(axes[1:], found.items(), strict=True):
    ax.imshow(maps[0], cmap=palette, interpolation="nearest")
    ax.set_title(f"{name}: mIoU {mean_iou(coins.target, maps, matched=False):.2f}")
for ax in axes:
    ax.set_axis_off()
plt.show()
