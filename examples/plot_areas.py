"""
Measuring areas with confidence intervals
=========================================

The pixels of a label map are easily counted, but the count has the errors of the segmenter.
`area_fraction` corrects it by labels at random pixels, with an interval that covers the truth.
"""

# %%
# A classifier is fitted to 60 labeled pixels of each class of one image, and is to measure six
# images. All classes are equally frequent in the fit, so that it finds too much of the rare ones.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_shapes
from sklearn_segae.metrics import area_fraction

images, truth = make_shapes(6, size=96, noise=0.5, random_state=0)
rng = np.random.default_rng(0)
labels = np.full(truth.shape, -1)
for k in range(3):
    chosen = rng.choice(np.flatnonzero(truth[0] == k), 60, replace=False)
    labels[0].ravel()[chosen] = k
segmenter = AESegmenter(
    encoder=PixelEncoder(4, features="intensity", max_epochs=2),
    estimator=LogisticRegression(),
    random_state=0,
).fit(images, labels)

# %%
# Then 200 random pixels of all images are labeled. The true fractions are known here, and within
# the intervals. Counting ("mapped") finds one and a half times the true fraction of class 1.


def label_random_pixels(n):
    y = np.full(truth.size, -1)
    chosen = rng.choice(truth.size, n, replace=False)
    y[chosen] = truth.ravel()[chosen]
    return y.reshape(truth.shape)


print(area_fraction(segmenter, images, label_random_pixels(200)))
print("truth:", np.bincount(truth.ravel()) / truth.size)

# %%
# The same with twenty other samples of 200 pixels. To save time, rows are used in place of images:
# the codes of all pixels, and the classifier of the codes.

codes = segmenter.transform(images)
rows, classifier = codes.reshape(-1, codes.shape[-1]), segmenter.estimator_
results = [area_fraction(classifier, rows, label_random_pixels(200).ravel()) for _ in range(20)]

# %%
# Most of the intervals of the rarest class contain its fraction (line). Counting pixels gives the
# dotted line. The red interval is a failure: it uses the labels of the fit, which are not random,
# since all classes are equally frequent among them.

by_fit = area_fraction(segmenter, images, labels)
k = int(np.argmin(np.bincount(truth.ravel())))
figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
axes[0].imshow(images[1, ..., 0], cmap="gray")
axes[0].set_axis_off()
axes[0].set_title("one of the images")
axes[1].imshow(segmenter.predict(images[1:2])[0], cmap="viridis", interpolation="nearest")
axes[1].set_axis_off()
axes[1].set_title("its label map")
for i, areas in enumerate([*results, by_fit]):
    color = "C3" if areas is by_fit else "C0"
    axes[2].plot([i, i], [areas.low[k], areas.high[k]], color=color, lw=2)
    axes[2].plot(i, areas.fraction[k], "o", color=color, ms=4)
axes[2].axhline((truth == k).mean(), color="k", lw=1, label="true fraction")
axes[2].axhline(results[0].mapped[k], color="k", ls=":", label="counted in the label maps")
axes[2].set(xlabel="sample (red: labels of the fit)", ylabel=f"fraction of class {k}", ylim=0)
axes[2].set_xticks(range(0, 21, 5))
axes[2].legend()
plt.show()
