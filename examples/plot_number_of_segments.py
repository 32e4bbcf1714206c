"""
How many segments are there?
============================

`n_segments="auto"` counts: it takes the number at which the variance within clusters drops most.
Does it find the number of textures that a mosaic was made of?
"""

# %%
# Mosaics of two to five textures.

import matplotlib.pyplot as plt

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_mosaic
from sklearn_segae.metrics import match_labels

numbers = [2, 3, 4, 5]
mosaics = [make_mosaic(1, n_segments=k, size=128, random_state=k) for k in numbers]

# %%
# The encoder is told that these are textures, which spares it the looking.

encoder = PixelEncoder(features="texture", max_epochs=3)
segmenters = [
    AESegmenter("auto", encoder=encoder, random_state=0).fit(images) for images, _ in mosaics
]

# %%
# What to see: three and four are counted, and found. Of five it sees three: where textures look
# alike to the encoder, they count as one. And of the two the number is right, but the map is not:
# it splits what varies inside the larger texture. The count is one of groups of codes and not of
# things in the world, so look at the maps before you believe it.

figure, axes = plt.subplots(3, 4, figsize=(11, 8.6), layout="constrained")
for column, (images, truth), segmenter, k in zip(axes.T, mosaics, segmenters, numbers, strict=True):
    column[0].imshow(images[0, ..., 0], cmap="gray")
    column[1].imshow(truth[0], cmap="viridis")
    column[1].set_title(f"{k} textures")
    column[2].imshow(match_labels(truth, segmenter.labels_)[0], cmap="viridis")
    column[2].set_title(f"counted: {segmenter.n_segments_}")
for ax in axes.flat:
    ax.set_axis_off()
plt.show()
