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
from sklearn.frozen import FrozenEstimator

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

encoder = PixelEncoder(8, features="multiscale", batch_size=4, max_epochs=1, random_state=0)
segmenter = AESegmenter(encoder=encoder, estimator="trees", random_state=0).fit(images, strokes)
first = segmenter.predict(images)
uncertainty = segmenter.uncertainty(images)

# %%
# Four boxes are suggested. In each, one pixel in 16 is labeled, and for comparison in four random
# boxes, five times. The encoder is kept.


def label(boxes):
    """Return the label maps of a fit with more labels, in some boxes."""
    labels = strokes.copy()
    for box in boxes:
        labels[box][::4, ::4] = truth[box][::4, ::4]
    frozen = FrozenEstimator(segmenter.encoder_)
    again = AESegmenter(encoder=frozen, estimator="trees", random_state=0)
    return again.fit(images, labels).predict(images)


def random_boxes():
    """Return four blocks of 16 x 16 pixels."""
    corners = rng.integers(0, [2, 8, 8], (4, 3)) * [1, 16, 16]
    return [np.s_[i, top : top + 16, left : left + 16] for i, top, left in corners]


regions = segmenter.suggest_regions(images, 4, y=strokes, size=16)
suggested = label([(r.image, r.rows, r.columns) for r in regions])
random = [label(random_boxes()) for _ in range(5)]

several = [mean_iou(truth, found, matched=False) for found in random]
maps = {
    f"first strokes: IoU {mean_iou(truth, first, matched=False):.2f}": first,
    f"random boxes: {min(several):.2f} to {max(several):.2f}": random[0],
    f"suggested: {mean_iou(truth, suggested, matched=False):.2f}": suggested,
}

# %%
# The boxes lie in both images and in different textures, where the first fit is uncertain; some are
# on borders. Most of the gain comes from labeling several textures in several boxes at all, which
# random boxes have, too. Suggested boxes are less a matter of luck.

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
for axis, name in zip(axes[0, 2:], maps, strict=True):
    axis.set_title(name)
plt.show()
