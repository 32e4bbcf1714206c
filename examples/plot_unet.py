"""
A forest and a U-Net on other images
====================================

Three images have a few strokes, others have none. A random forest sees the code of each pixel, a
:class:`~sklearn_segae.UNetClassifier` also those around it. Which labels the other images better,
and is their vote better still?
"""

# %%
# Cells of two kinds: filled ones, and rings. Inside, a ring looks like the background, so that the
# pixels around decide. Illumination and noise differ from image to image.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from scipy.ndimage import gaussian_filter
from sklearn.ensemble import RandomForestClassifier

from sklearn_segae import AESegmenter, PixelEncoder, PixelVotingClassifier, UNetClassifier
from sklearn_segae.metrics import mean_iou

BACKGROUND, FILLED, RING = 0, 1, 2
SIZE = 128


def cells(seed):
    """An image, and its classes."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((SIZE, SIZE))
    image, truth = np.zeros((SIZE, SIZE)), np.zeros((SIZE, SIZE), int)
    for kind in rng.permutation([FILLED, RING] * 8):
        row, column = rng.uniform(8, SIZE - 8, 2)
        stretch, radius = rng.uniform(0.8, 1.25), rng.uniform(7, 11)
        distance = np.hypot((rows - row) * stretch, (columns - column) / stretch)
        inside = distance < radius
        if not truth[distance < radius + 3].any():
            truth[inside] = kind
            image[inside & ((kind == FILLED) | (distance > radius - 3))] = 1
    light = gaussian_filter(rng.normal(size=image.shape), 30, mode="wrap")
    image = gaussian_filter(image, 1) + 0.3 * light / light.std()
    return image + rng.normal(scale=rng.uniform(0.1, 0.25), size=image.shape), truth


images, truth = map(np.stack, zip(*map(cells, range(6)), strict=True))

# %%
# Twelve strokes on the first three images, four of each class. -1 means "unlabeled".
strokes = np.full(truth.shape, -1)
rng = np.random.default_rng(0)
for kind in (BACKGROUND, FILLED, RING):
    for i, row, column in rng.permutation(np.argwhere(truth[:3] == kind))[:4]:
        stroke = np.s_[i, row : row + 2, max(0, column - 5) : column + 5]
        strokes[stroke] = np.where(truth[stroke] == kind, kind, strokes[stroke])
print(f"{(strokes[:3] >= 0).mean():.2%} of the pixels of these images are labeled")

# %%
# The vote averages the probabilities of both. All three have the same encoder.
net = UNetClassifier(crop_size=64, max_epochs=10)
forest = RandomForestClassifier()
estimators = {
    "forest": forest,
    "U-Net": net,
    "vote": PixelVotingClassifier([("forest", forest), ("unet", net)]),
}
encoder = PixelEncoder(8, features="multiscale", max_epochs=0)
predicted, scores = {}, {}
for name, estimator in estimators.items():
    segmenter = AESegmenter(encoder=encoder, estimator=estimator, random_state=0)
    segmenter.fit(images[:3], strokes[:3])
    predicted[name] = segmenter.predict(images)
    scores[name] = [
        mean_iou(truth[part], predicted[name][part], matched=False)
        for part in (slice(0, 3), slice(3, 6))
    ]
    print(f"{name}: mean IoU {scores[name][0]:.2f}, on other images {scores[name][1]:.2f}")

# %%
# One image with strokes (red), above, and one without, below.
colors = ListedColormap(["#000000", "#56b4e9", "#e69f00"])
fig, axes = plt.subplots(2, 5, figsize=(11, 4.8), layout="constrained")
for row, i, part in zip(axes, (0, 3), (0, 1), strict=True):
    row[0].imshow(images[i], cmap="gray")
    row[1].imshow(truth[i], cmap=colors, vmin=0, vmax=2)
    for ax, (name, labels) in zip(row[2:], predicted.items(), strict=True):
        ax.imshow(labels[i], cmap=colors, vmin=0, vmax=2)
        ax.set_title(f"{name}, IoU {scores[name][part]:.2f}", fontsize=10)
    row[1].set_title("truth", fontsize=10)
    row[0].set_title(("image with strokes", "image without")[part], fontsize=10)
    for ax in row:
        ax.set_xticks([])
        ax.set_yticks([])
y, x = np.nonzero(strokes[0] >= 0)
axes[0, 0].scatter(x, y, s=4, c="#d55e00")
plt.show()

# %%
# With so few strokes, all three take bright background for rings. The regions of the U-Net are
# smoother than those of the forest, but not more accurate here; compare them on your images by
# leaving out one image with strokes after the other.
