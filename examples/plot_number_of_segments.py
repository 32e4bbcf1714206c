"""
Estimating the number of segments
=================================

`n_segments="auto"` takes the number of clusters at which the variance within clusters drops most.
We compare it with the true number of textures in mosaics.
"""

# %%
# The mosaics have two to five textures.

import matplotlib.pyplot as plt

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_mosaic
from sklearn_segae.metrics import match_labels

numbers = [2, 3, 4, 5]
mosaics = [make_mosaic(1, n_segments=k, size=128, random_state=k) for k in numbers]

# %%
# `features="texture"` skips the automatic choice of features.

encoder = PixelEncoder(features="texture", max_epochs=3)
segmenters = [
    AESegmenter("auto", encoder=encoder, random_state=0).fit(images) for images, _ in mosaics
]

# %%
# Three and four textures are counted and segmented correctly. Of five, three are found: textures
# with similar codes count as one. For two the number is right, but the label map is not: it splits
# the larger texture. The estimate counts clusters of codes, which need not be textures or objects,
# so check the label maps.

figure, axes = plt.subplots(3, 4, figsize=(11, 8.6), layout="constrained")
for column, (images, truth), segmenter, k in zip(axes.T, mosaics, segmenters, numbers, strict=True):
    column[0].imshow(images[0, ..., 0], cmap="gray")
    column[1].imshow(truth[0], cmap="viridis")
    column[1].set_title(f"{k} textures")
    column[2].imshow(match_labels(truth, segmenter.labels_)[0], cmap="viridis")
    column[2].set_title(f"estimate: {segmenter.n_segments_}")
for ax in axes.flat:
    ax.set_axis_off()
plt.show()
