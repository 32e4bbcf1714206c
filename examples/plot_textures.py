"""
Segmenting textures: pixels, patches and learned codes
======================================================

The image has four textures with the same mean and the same standard deviation, which differ only in
their patterns. We segment it without labels, with three encoders.
"""

# %%
# `make_mosaic` also returns the true labels, which are used for scoring only.

import matplotlib.pyplot as plt
from sklearn.decomposition import PCA

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_mosaic
from sklearn_segae.metrics import match_labels, mean_iou

images, truth = make_mosaic(1, n_segments=4, size=192, random_state=3)

# %%
# Every encoder is followed by the same k-means.

encoders = {
    "pixels": "passthrough",
    "PCA of 9 x 9 patches": PCA(8),
    "PixelEncoder": PixelEncoder(),
}
maps = {
    name: AESegmenter(4, encoder=encoder, random_state=0).fit_predict(images)
    for name, encoder in encoders.items()
}

# %%
# Segments of pixels and patches follow the bright and dark stripes *inside* the textures, because
# the components of a patch store its position in the pattern. Learned, pooled codes are nearly
# constant within a texture. Their errors are at borders, where a neighborhood contains two
# textures.

figure, axes = plt.subplots(1, 5, figsize=(15, 3.4), layout="constrained")
axes[0].imshow(images[0, ..., 0], cmap="gray")
axes[0].set_title("image")
axes[1].imshow(truth[0], cmap="viridis")
axes[1].set_title("truth")
for ax, (name, labels) in zip(axes[2:], maps.items(), strict=True):
    ax.imshow(match_labels(truth, labels)[0], cmap="viridis")
    ax.set_title(f"{name}: mIoU {mean_iou(truth, labels):.2f}")
for ax in axes:
    ax.set_axis_off()
plt.show()
