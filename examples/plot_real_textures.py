"""
Brick, grass and gravel without labels
======================================

Two mosaics of photographs of brick, grass and gravel. Their gray values overlap, so that k-means on
pixels finds bright and dark, even if the images are smoothed. `AESegmenter` recognizes that the
images are textured and clusters pooled features.
"""

# %%
# :func:`~sklearn_segae.datasets.load_textures` also returns the true borders and one stroke for
# each texture. k-means gets the number of textures, as the segmenter does.

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.cluster import KMeans

from sklearn_segae import AESegmenter
from sklearn_segae.datasets import load_textures
from sklearn_segae.metrics import match_labels, mean_iou

textures = load_textures()
images, truth = textures.images, textures.target


def k_means(sigma):
    """Cluster the pixels of smoothed images."""
    smooth = np.stack([gaussian_filter(image.astype(float), sigma) for image in images])
    rows = smooth.reshape(-1, 1)
    return KMeans(3, n_init=5, random_state=0).fit_predict(rows).reshape(truth.shape)


segmenter = AESegmenter(3, random_state=0).fit(images)
print("selected features:", segmenter.encoder_.features_)
classifier = AESegmenter(estimator="trees", random_state=0).fit(images, textures.strokes)
found = {
    "k-means on pixels": k_means(0),
    "k-means, smoothed": k_means(8),
    "AESegmenter": segmenter.predict(images),
    "AESegmenter, strokes": classifier.predict(images),
}

# %%
# Without labels, much of the grass of the first mosaic is taken for gravel. One stroke for each
# texture corrects most of it, although the label map is less smooth.

columns = {"image": images, "truth": truth}
for name, maps in found.items():
    matched = match_labels(truth, maps)
    columns[f"{name}\nmIoU {mean_iou(truth, matched, matched=False):.2f}"] = matched
figure, axes = plt.subplots(2, len(columns), figsize=(13, 4.8), layout="constrained")
for column, (title, shown) in zip(axes.T, columns.items(), strict=True):
    for ax, one in zip(column, shown, strict=True):
        ax.imshow(one, cmap="gray" if title == "image" else "viridis", interpolation="nearest")
        ax.set_axis_off()
    column[0].set_title(title, fontsize=10)
plt.show()
