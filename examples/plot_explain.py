"""
Explaining the labels of a segmenter
====================================

This example computes typical patches of each segment, the channels that a label depends on, the
importance of components, and the pixels that the network cannot reconstruct. The image is a
synthetic coast, for which the right explanations are known.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_shapes
from sklearn_segae.inspection import component_importance
from sklearn_segae.plotting import (
    AttributionDisplay,
    PrototypeDisplay,
    SegmentationDisplay,
    UncertaintyDisplay,
)

# %%
# The image has sea, fields and woods in three channels. Near infrared separates sea from land,
# green separates woods from fields, and red is noise.
CHANNELS, NAMES = ["red", "green", "near infrared"], ["sea", "field", "wood"]
_, labels = make_shapes(3, size=64, n_shapes=10, random_state=3)
images = 0.15 * np.random.default_rng(0).normal(size=(*labels.shape, 3))
images[..., 1] += labels == 2
images[..., 2] += labels > 0

# %%
# A few labels assign classes to the segments. The last image is new, and has an oil slick.
encoder = PixelEncoder(4, features="intensity", max_epochs=3)
segmenter = AESegmenter(3, encoder=encoder, normalize="dataset", random_state=0).fit(images[:2])
segmenter.assign_classes(images[:1], labels[:1])
new = images[2].copy()
new[46:58, 6:26] += (1.5, -0.8, -0.8)
SegmentationDisplay.from_estimator(segmenter, [*images[:2], new], display_labels=NAMES)
plt.savefig("explain_segments.png", dpi=80)

# %%
# Prototypes are the most typical patches of each segment, from both images.
display = PrototypeDisplay.from_estimator(segmenter, images[:2], size=8, display_labels=NAMES)
display.figure_.savefig("explain_prototypes.png", dpi=80)

# %%
# An attribution explains why a pixel has one label rather than another. For a pixel of a field,
# near infrared is decisive against sea, and green against wood. The noise is weak here, so that
# single pixels can be shown instead of squares.
row, column = np.argwhere(labels[0] == 1)[200]
figure, parts = plt.subplots(2, 1, figsize=(9, 5.4), layout="constrained")
for other, ax in zip((0, 2), parts, strict=True):
    display = AttributionDisplay.from_estimator(
        segmenter,
        images[0],
        (row, column),
        segment=1,
        against=other,
        patch_size=1,
        channel_names=CHANNELS,
        display_labels=dict(enumerate(NAMES)),
        ax=ax,
    )
    print(f"against {NAMES[other]}, in nats:", *display.attribution.channels.round(1))
figure.savefig("explain_attribution.png", dpi=80)

# %%
# The importance of a component is the loss of accuracy if it is shuffled among the pixels. Two
# components matter, the others do not.
importance = component_importance(segmenter, images[:2], labels[:2], random_state=0)
figure, ax = plt.subplots(figsize=(5, 2.4), layout="constrained")
ax.barh(importance.names, importance.importances_mean, xerr=importance.importances_std)
ax.set(xlabel="loss of accuracy if shuffled")
ax.invert_yaxis()
figure.savefig("explain_importance.png", dpi=80)

# %%
# The slick gets a label with low uncertainty, since it is of none of the known classes. Its
# reconstruction error is high, and that of all other pixels is low.
display = UncertaintyDisplay.from_estimator(segmenter, new, measure="entropy")
display.figure_.savefig("explain_entropy.png", dpi=80)
display = UncertaintyDisplay.from_estimator(
    segmenter, [images[0], new], measure="reconstruction_error"
)
display.figure_.savefig("explain_error.png", dpi=80)
plt.show()
