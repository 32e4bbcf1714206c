"""
Suggesting where to label next
==============================

Which places of which images should be labeled next? `suggest_regions` returns boxes where the
classifier is uncertain, each different from those before.
"""

# %%
# Two mosaics of four textures. In the first there is one short stroke of each texture, in the
# second there is none.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_mosaic
from sklearn_segae.metrics import mean_iou

images, truth = make_mosaic(2, n_segments=4, size=128, random_state=3)
strokes = np.full(truth.shape, -1)
rng = np.random.default_rng(0)
for value in np.unique(truth):
    row, column = rng.choice(np.argwhere(truth[0, :, :-8] == value))
    stroke = np.s_[0, row, column : column + 8]
    strokes[stroke] = np.where(truth[stroke] == value, value, -1)

segmenter = AESegmenter(
    encoder=PixelEncoder(8, features="multiscale", batch_size=4, max_epochs=1),
    estimator="trees",
    random_state=0,
).fit(images, strokes)
before = segmenter.predict(images)
uncertainty = segmenter.uncertainty(images)

# %%
# Eight boxes are suggested. In each, one pixel in 16 is labeled, and for comparison in eight random
# boxes.


def label(boxes):
    """Return strokes with every fourth row and column of some boxes labeled."""
    labels = strokes.copy()
    for box in boxes:
        labels[box][::4, ::4] = truth[box][::4, ::4]
    return labels


regions = segmenter.suggest_regions(images, 8, y=strokes, size=16)
suggested = label([(r.image, r.rows, r.columns) for r in regions])
corners = rng.integers(0, [2, 8, 8], (8, 3)) * [1, 16, 16]
random = label([np.s_[i, top : top + 16, left : left + 16] for i, top, left in corners])

maps = {
    "first strokes": before,
    "random boxes": segmenter.fit(images, random).predict(images),
    "suggested boxes": segmenter.fit(images, suggested).predict(images),
}
scores = {name: mean_iou(truth, found, matched=False) for name, found in maps.items()}

# %%
# The boxes lie in both images, some on borders, some in the corners of images, which are unlike all
# other places. Labels in eight boxes make both classifiers right nearly everywhere: on these even
# mosaics random boxes are as good. docs/benchmarks.md compares them on other images.

figure, axes = plt.subplots(2, 5, figsize=(14, 5.8), layout="constrained")
for i, row in enumerate(axes):
    row[0].imshow(images[i], cmap="gray")
    row[1].imshow(uncertainty[i], cmap="cividis", vmin=0, vmax=1)
    for axis, found in zip(row[2:], maps.values(), strict=True):
        axis.imshow(found[i], cmap="tab10", vmin=0, vmax=9, interpolation="none")
    for axis in row:
        axis.set_axis_off()
for number, region in enumerate(regions, 1):
    corner = region.left, region.top
    for axis in axes[region.image, :2]:
        axis.add_patch(Rectangle(corner, region.width, region.height, fill=False, color="red"))
        axis.text(*corner, number, color="red", va="top")
rows, columns = np.nonzero(strokes[0] >= 0)
axes[0, 0].scatter(columns, rows, c=strokes[0, rows, columns], cmap="tab10", vmin=0, vmax=9, s=9)
axes[0, 0].set_title("images, first strokes, boxes")
axes[0, 1].set_title("uncertainty")
for axis, (name, score) in zip(axes[0, 2:], scores.items(), strict=True):
    axis.set_title(f"{name}: IoU {score:.2f}")
plt.show()
