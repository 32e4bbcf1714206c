"""
Region trees of a photograph
============================

A region tree holds segmentations of one image from coarse to fine. It can be cut at a number of
segments or at a strength of borders; `contours` returns the strength of all borders.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images

from sklearn_segae import AESegmenter

# %%
# The encoder is trained on all images; then every image is partitioned on its own.
photographs = [image[::2, ::2] for image in load_sample_images().images]
segmenter = AESegmenter("auto", scope="image", random_state=0).fit(photographs)
temple = photographs[0]
tree = segmenter.region_tree(temple)
print(tree)


# %%
# Segments are shown in their mean colors.
def painted(image, labels):
    sizes = np.bincount(labels.ravel())
    means = [np.bincount(labels.ravel(), image[..., c].ravel()) / sizes for c in range(3)]
    return np.stack(means, -1)[labels].astype(np.uint8)


panels = {
    "photograph": temple,
    "cut(n_segments=4)": painted(temple, tree.cut(n_segments=4)),
    "cut(n_segments=15, min_strength=0)": painted(temple, tree.cut(n_segments=15, min_strength=0)),
    "contours()": tree.contours(),
}
figure, axes = plt.subplots(1, 4, figsize=(14, 2.8), layout="constrained")
for ax, (title, picture) in zip(axes, panels.items(), strict=True):
    ax.imshow(picture, cmap="gray_r", interpolation="antialiased")
    ax.set_title(title, family="monospace" if "(" in title else None, fontsize=10)
    ax.set_axis_off()
figure.savefig("region_tree.png", dpi=90)
