"""
All segmentations of a photograph
=================================

A region tree holds segmentations of one image from coarse to fine: cut it at a number of segments
or at a strength of borders, or look at the strength of all of them.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_sample_images

from sklearn_segae import AESegmenter

# %%
# The encoder learns from all images; every image is then partitioned on its own.
photographs = [image[::2, ::2] for image in load_sample_images().images]
segmenter = AESegmenter("auto", scope="image", random_state=0).fit(photographs)
temple = photographs[0]
tree = segmenter.region_tree(temple)
print(tree)


# %%
# In the colors of their segments:
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
