"""
Assigning classes to segments with a few labeled pixels
=======================================================

A clusterer finds numbered segments. A few labeled pixels are enough to assign a class to each of
them. We compare the number of labeled pixels that this needs with that of a classifier.
"""

# %%
# The data are four images of discs and squares. Labels are given for random pixels of the first.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_shapes
from sklearn_segae.metrics import mean_iou
from sklearn_segae.plotting import SegmentationDisplay

images, truth = make_shapes(4, size=96, noise=0.3, random_state=0)
names = ["background", "disc", "square"]
rng = np.random.default_rng(0)


def label_pixels(n):
    """`n` labeled pixels of each class in the first image, -1 elsewhere."""
    labels = np.full(truth[:1].shape, -1)
    for value in range(3):
        places = rng.choice(np.argwhere(truth[0] == value), n, replace=False)
        labels[0, places[:, 0], places[:, 1]] = value
    return labels


# %%
# Both methods use the same encoder. The clusterer is fitted once; `assign_classes` is called again
# for every draw of labels.

encoder = PixelEncoder(4, features="intensity", max_epochs=3)
clustered = AESegmenter(3, encoder=encoder, random_state=0).fit(images)
classifier = AESegmenter(
    encoder=clustered.encoder_, estimator=LogisticRegression(), memory="cache", random_state=0
)
numbers, n_draws = [1, 3, 10, 30], 3
scores = {"clusters with classes": [], "classifier": []}
for n in numbers:
    draws = [label_pixels(n) for _ in range(n_draws)]
    assigned = [
        clustered.assign_classes(images[:1], labels).predict(images[1:]) for labels in draws
    ]
    classified = [classifier.fit(images[:1], labels).predict(images[1:]) for labels in draws]
    for name, maps in zip(scores, (assigned, classified), strict=True):
        scores[name].append([mean_iou(truth[1:], m, matched=False) for m in maps])

# %%
# Ten labeled pixels per class in one image are enough to assign the classes in all images. A
# classifier with the same codes and labels has a lower score. With very few labels the assignment
# may fail: a labeled pixel in the wrong cluster gives a whole segment the wrong class, hence the
# wide error bars. If clusters do not agree with the classes, assigning classes does not help.

figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
SegmentationDisplay(images[1:2], clustered.predict(images[1:2]), display_labels=names).plot(
    ax=axes[0]
)
ax = axes[1]
for name, rows in scores.items():
    ax.errorbar(numbers, np.mean(rows, 1), np.std(rows, 1), marker="o", capsize=3, label=name)
ax.set(xscale="log", xlabel="labeled pixels of each class", ylabel="mean IoU on other images")
ax.set_xticks(numbers, numbers)
ax.legend()
plt.show()
