"""
Volumes: strokes in three slices
================================

A volume has a third spatial axis. `spacing=(z, y, x)`, the sides of its voxels, says so; without
it, the same array is a stack of slices, which are segmented one by one.
"""

# %%
# A noisy volume, whose slices are twice as far apart as its rows. Labels are single lines in three
# of its slices, about 1 % of all voxels.

import matplotlib.pyplot as plt
import numpy as np

from sklearn_segae import AESegmenter
from sklearn_segae.datasets import make_volume
from sklearn_segae.metrics import mean_iou
from sklearn_segae.plotting import SegmentationDisplay, SliceViewer

spacing = (2, 1, 1)
volumes, truth = make_volume(size=(16, 48, 48), spacing=spacing, noise=1, random_state=0)
volumes = volumes[..., 0]
strokes = np.full(truth.shape, -1)
for z in (4, 8, 12):
    strokes[0, z, 4::8, ::2] = truth[0, z, 4::8, ::2]
print(f"{np.mean(strokes >= 0):.1%} of the voxels are labeled")

# %%
# The same classifier learns from the volume, and from its slices. Features of a volume are averages
# and derivatives along z, too, where they gather more voxels, and reduce more of the noise.

as_volume = AESegmenter(estimator="logistic", spacing=spacing, random_state=0)
labels = as_volume.fit(volumes, strokes).predict(volumes)
as_slices = AESegmenter(estimator="logistic", random_state=0)
of_slices = as_slices.fit(volumes[0], strokes[0]).predict(volumes[0])
print(f"mean IoU as a volume {mean_iou(truth[0], labels[0]):.2f}")
print(f"mean IoU of slices   {mean_iou(truth[0], of_slices):.2f}")

# %%
# Displays show three slices through a voxel, by default the center: (y, x), to its right (y, z),
# and below it (z, x). Voxels have the aspect of the spacing. Borders of the slices that were
# segmented one by one are rough along z.

figure, axes = plt.subplots(1, 3, figsize=(12, 4.5), layout="constrained")
maps = {"truth": truth[0], "volume": labels[0], "slices": of_slices}
for ax, (title, own) in zip(axes, maps.items(), strict=True):
    options = {"ax": ax, "titles": [title], "legend": False}
    SegmentationDisplay.from_predictions(volumes[0], own, spacing=spacing, **options)

# %%
# `SliceViewer` draws all slices, with a slider that works in notebooks and on this page.

SliceViewer(volumes[0], labels[0], spacing=spacing)
