"""
Strokes on a tissue section
===========================

Glands in a stained section of the colon contain blue nuclei, and so does the stroma around them:
the color of a pixel alone does not distinguish them. Two strokes for each class are enough for a
segmenter, whose codes describe neighborhoods.
"""

# %%
# :func:`~sklearn_segae.datasets.load_tissue` returns the image, strokes on 1.5 % of its pixels, and
# outlines drawn by hand, which are used for scoring only. A forest is fitted to the colors of the
# pixels with strokes, a segmenter to their codes.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from sklearn.ensemble import RandomForestClassifier

from sklearn_segae import AESegmenter
from sklearn_segae.datasets import load_tissue
from sklearn_segae.metrics import mean_iou

tissue = load_tissue()
colors = AESegmenter(
    encoder="passthrough", estimator=RandomForestClassifier(50, random_state=0), random_state=0
)
segmenter = AESegmenter(estimator="trees", random_state=0)
labels = {
    "colors": colors.fit(tissue.images, tissue.strokes).predict(tissue.images),
    "codes": segmenter.fit(tissue.images, tissue.strokes).predict(tissue.images),
}

# %%
# The forest of colors takes nuclei inside the glands for stroma, and blurred borders for lumen.

palette = ListedColormap(["#56b4e9", "#e69f00", "#009e73"])
shown = {"strokes": np.ma.masked_equal(tissue.strokes[0], -1)}
for name, maps in labels.items():
    score = mean_iou(tissue.target, maps, matched=False)
    shown[f"forest on {name}: mIoU {score:.2f}"] = maps[0]
shown["outlines by hand"] = np.ma.masked_equal(tissue.target[0], -1)
figure, axes = plt.subplots(1, 4, figsize=(12, 3.4), layout="constrained")
axes[0].imshow(tissue.images[0])
for ax, (title, label_map) in zip(axes, shown.items(), strict=True):
    ax.imshow(label_map, cmap=palette, vmin=0, vmax=2, interpolation="nearest")
    ax.set(title=title)
    ax.set_axis_off()
for value, name in enumerate(tissue.target_names):
    axes[0].plot([], [], "s", color=palette(value), label=name)
figure.legend(loc="outside lower center", ncols=3)
plt.show()

# %%
# `uncertainty` needs no ground truth. It is high where the segmenter is wrong: along borders, and
# in places that look like none of the strokes. More strokes there help most.

figure, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
axes[0].imshow(segmenter.uncertainty(tissue.images)[0], cmap="cividis")
axes[0].set(title="uncertainty")
wrong = (labels["codes"] != tissue.target) & (tissue.target >= 0)
axes[1].imshow(wrong[0], cmap="gray_r")
axes[1].set(title="wrong pixels")
for ax in axes:
    ax.set_axis_off()
plt.show()
