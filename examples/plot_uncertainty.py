"""
Comparing uncertainty with errors
=================================

`uncertainty` gives every pixel a number from 0 to 1. If it is useful, leaving out the most
uncertain pixels reduces the error rate of the rest.
"""

# %%
# A classifier is trained with one labeled pixel in 64 of two images with noisy shapes. The test
# image contains a new object: a very bright bar, which is neither a disc nor a square.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_shapes

images, truth = make_shapes(3, size=96, noise=0.35, random_state=0)
scribbles = np.full(truth.shape, -1)
scribbles[:, ::8, ::8] = truth[:, ::8, ::8]
segmenter = AESegmenter(
    encoder=PixelEncoder(4, features="intensity", max_epochs=3),
    estimator=LogisticRegression(),
    normalize="dataset",
    random_state=0,
).fit(images[:2], scribbles[:2])

image = images[2].copy()
bar = np.zeros(truth[2].shape, bool)
bar[80:88, 10:86] = True
image[bar] = 3

# %%
# There are three measures of uncertainty.

labels = segmenter.predict([image])[0]
wrong = (labels != truth[2]) & ~bar
measures = ["entropy", "margin", "least_confidence"]
maps = {name: segmenter.uncertainty([image], measure=name)[0] for name in measures}

# %%
# Uncertain pixels are along the borders and in the discs, whose brightness is between that of the
# other classes, and so are the errors. Without the most uncertain fifth of the pixels, hardly any
# errors are left. The uncertainty of the bar is very low, although the segmenter has never seen
# such an object: uncertainty compares the known classes. For unknown objects, see
# `inspection.reconstruction_error`.

figure, axes = plt.subplots(1, 4, figsize=(15, 3.9), layout="constrained")
axes[0].imshow(image[..., 0], cmap="gray", vmin=-0.5, vmax=1.5)
axes[0].set_title("image with a new object")
axes[1].imshow(np.where(bar, 0.5, wrong), cmap="gray")
axes[1].set_title("errors (white), bar (gray)")
shown = axes[2].imshow(maps["entropy"], cmap="cividis", vmin=0, vmax=1)
axes[2].set_title(f"uncertainty; of the bar {maps['entropy'][bar].mean():.2f}")
figure.colorbar(shown, ax=axes[2], shrink=0.8)
for ax in axes[:3]:
    ax.set_axis_off()
kept = np.linspace(0.5, 1, 26)
for name, values in maps.items():
    ordered = wrong[~bar][np.argsort(values[~bar], kind="stable")]
    errors = [ordered[: int(share * len(ordered))].mean() for share in kept]
    axes[3].plot(kept, errors, label=name)
axes[3].set(xlabel="share of pixels kept, least uncertain first", ylabel="error rate")
axes[3].legend()
plt.show()
