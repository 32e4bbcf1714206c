"""
Why is this pixel land?
=======================

A label map says what, not why. Which patches stand for a segment, which channel decided about a
pixel, which codes the labels hang on, and where the network saw something it never learnt: asked of
a synthetic coast whose answers are known.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_shapes
from sklearn_segae.inspection._component_importance import component_importance
from sklearn_segae.plotting._inspection_displays import AttributionDisplay, PrototypeDisplay
from sklearn_segae.plotting._segmentation_displays import SegmentationDisplay, UncertaintyDisplay

# %%
# Sea, fields and woods in three channels. Near infrared tells sea from land, green tells woods from
# fields, and red tells nothing.
CHANNELS, NAMES = ["red", "green", "near infrared"], ["sea", "field", "wood"]
_, labels = make_shapes(3, size=64, n_shapes=10, random_state=3)
images = 0.15 * np.random.default_rng(0).normal(size=(*labels.shape, 3))
images[..., 1] += labels == 2
images[..., 2] += labels > 0

# %%
# A few labels name the segments. The last image is new, and has an oil slick.
encoder = PixelEncoder(4, features="intensity", max_epochs=3)
segmenter = AESegmenter(3, encoder=encoder, normalize="dataset", random_state=0).fit(images[:2])
segmenter.assign_classes(images[:1], labels[:1])
new = images[2].copy()
new[46:58, 6:26] += (1.5, -0.8, -0.8)
SegmentationDisplay.from_estimator(segmenter, [*images[:2], new], display_labels=NAMES)
plt.savefig("explain_segments.png", dpi=80)

# %%
# What the segmenter takes for typical: real patches, from both images.
display = PrototypeDisplay.from_estimator(segmenter, images[:2], size=8, display_labels=NAMES)
display.figure_.savefig("explain_prototypes.png", dpi=80)

# %%
# Why is a pixel of a field no sea, and why is it no wood? Two rivals, two reasons: near infrared
# speaks against sea, green against wood. Noise is weak here: single pixels tell, not only squares.
row, column = np.argwhere(labels[0] == 1)[200]
figure, parts = plt.subplots(2, 1, figsize=(9, 5.4), layout="constrained")
for rival, ax in zip((0, 2), parts, strict=True):
    display = AttributionDisplay.from_estimator(
        segmenter,
        images[0],
        (row, column),
        segment=1,
        against=rival,
        patch_size=1,
        channel_names=CHANNELS,
        display_labels=dict(enumerate(NAMES)),
        ax=ax,
    )
    print(f"not {NAMES[rival]}, in nats:", *display.attribution.channels.round(1))
figure.savefig("explain_attribution.png", dpi=80)

# %%
# Which codes the labels hang on: shuffled among the pixels, the two that matter change many labels,
# the others none.
importance = component_importance(segmenter, images[:2], labels[:2], random_state=0)
figure, ax = plt.subplots(figsize=(5, 2.4), layout="constrained")
ax.barh(importance.names, importance.importances_mean, xerr=importance.importances_std)
ax.set(xlabel="loss of accuracy if shuffled")
ax.invert_yaxis()
figure.savefig("explain_importance.png", dpi=80)

# %%
# The slick got a label like any pixel, and the probabilities are sure of it. That the network has
# seen nothing of the kind shows where it fails to reconstruct: at the slick (bottom left) alone.
display = UncertaintyDisplay.from_estimator(segmenter, new, measure="entropy")
display.figure_.savefig("explain_entropy.png", dpi=80)
display = UncertaintyDisplay.from_estimator(
    segmenter, [images[0], new], measure="reconstruction_error"
)
display.figure_.savefig("explain_error.png", dpi=80)
plt.show()
