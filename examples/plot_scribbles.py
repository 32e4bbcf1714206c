"""
Segmenting a micrograph from scribbles
======================================

A micrograph of three phases is segmented from nine strokes (*scribbles*), once with the gray values
of single pixels and once with learned codes. Then three more strokes are placed where the
uncertainty is highest.
"""

# %%
# The micrograph is synthetic, so that the truth is known: dark pores, a smooth matrix, and lamellae
# whose stripes have the same mean as the matrix. The illumination is uneven.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from scipy.ndimage import gaussian_filter
from sklearn.ensemble import RandomForestClassifier

from sklearn_segae import AESegmenter, PixelEncoder, PixelVotingClassifier
from sklearn_segae.metrics import mean_iou

MATRIX, LAMELLAE, PORES = 0, 1, 2
SIZE = 256


def blobs(rng, scale):
    """A smooth random field of unit spread."""
    field = gaussian_filter(rng.normal(size=(SIZE, SIZE)), scale, mode="wrap")
    return field / field.std()


def micrograph(seed):
    """A gray image and its phases."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    phases = np.where(blobs(rng, 18) > 0.2, LAMELLAE, MATRIX)
    phases[blobs(rng, 6) > 1.7] = PORES
    bent = x * 0.9 + y * 0.5 + 6 * blobs(rng, 20)
    image = 0.6 + 0.18 * np.sin(bent * 2 * np.pi / 7) * (phases == LAMELLAE)
    image[phases == PORES] = 0.3
    return image + 0.2 * x / SIZE + rng.normal(scale=0.05, size=image.shape), phases


# %%
# Only nine strokes in the first image are labeled; the second image has no labels. -1 means
# "unlabeled".
images, phases = map(np.stack, zip(*map(micrograph, (1, 2)), strict=True))


def paint(strokes, y, x):
    """Label a stroke of the first image as an expert would: each pixel by its phase."""
    line = np.s_[0, y : y + 2, max(0, x - 10) : x + 10]
    strokes[line] = phases[line]


strokes = np.full(phases.shape, -1)
rng = np.random.default_rng(0)
for phase in (MATRIX, LAMELLAE, PORES):
    for place in rng.permutation(np.argwhere(phases[0] == phase))[:3]:
        paint(strokes, *place)
print(f"{(strokes >= 0).mean():.2%} of the pixels are labeled")

# %%
# We fit the same forest to gray values and to codes. The encoder is trained on both images.
forest = RandomForestClassifier(random_state=0)
gray = AESegmenter(encoder="passthrough", estimator=forest).fit(images, strokes)
learned = AESegmenter(estimator=forest, random_state=0).fit(images, strokes)

# %%
# The uncertainty is the entropy of the forest's probabilities, between 0 and 1. We add three
# strokes where its local average is highest in the first image, and fit again.
uncertainty = learned.uncertainty(images)
region = gaussian_filter(uncertainty[0], 6)
extended = strokes.copy()
for _ in range(3):
    y, x = np.unravel_index(region.argmax(), region.shape)
    paint(extended, y, x)
    region[max(0, y - 30) : y + 30, max(0, x - 30) : x + 30] = 0
more = AESegmenter(estimator=forest, random_state=0).fit(images, extended)

predicted = {
    "Gray values": gray.predict(images),
    "Codes": learned.predict(images),
    "Three strokes more": more.predict(images),
}
for name, labels in predicted.items():
    scores = [mean_iou(t, p, matched=False) for t, p in zip(phases, labels, strict=True)]
    print(f"{name}: mean IoU {scores[0]:.2f}, and {scores[1]:.2f} on the image without strokes")

# %%
# With gray values, pores are found together with dark parts of stripes, and lamellae are not found.
# With codes, all three phases are found, also in the image without strokes. Uncertain and wrong
# pixels are on the right, where the illumination differs from that at all strokes, and at the
# borders of pores, where a neighborhood contains two phases. The new strokes correct most of the
# image that has them, but not all of the other one. Uncertainty is not always the best choice:
# here, three strokes at random places are as good.
colors = ListedColormap(["#56b4e9", "#e69f00", "#000000"])  # suitable for the color-blind
fig, axes = plt.subplots(2, 6, figsize=(13, 4.8), layout="constrained")
for i, row in enumerate(axes):
    row[0].imshow(images[i], cmap="gray")
    row[1].imshow(phases[i], cmap=colors, vmin=0, vmax=2)
    maps = list(predicted.values())
    for ax, labels in zip(row[[2, 3, 5]], maps, strict=True):
        ax.imshow(labels[i], cmap=colors, vmin=0, vmax=2)
    shown = row[4].imshow(uncertainty[i], cmap="magma", vmin=0, vmax=1)
for column, drawn in ((0, strokes), (4, extended), (5, extended)):
    y, x = np.nonzero(drawn[0] >= 0 if column == 0 else (drawn[0] >= 0) & (strokes[0] < 0))
    axes[0, column].scatter(x, y, s=4, c="#d55e00" if column == 0 else "#009e73")
names = list(predicted)
titles = ["Image and strokes", "Truth", names[0], names[1], "Uncertainty of codes", *names[2:]]
for ax, title in zip(axes[0], titles, strict=True):
    ax.set_title(title, fontsize=10)
for ax in axes.ravel():
    ax.set_xticks([])
    ax.set_yticks([])
axes[0, 0].set_ylabel("with strokes")
axes[1, 0].set_ylabel("without")
fig.colorbar(
    shown, ax=axes[:, 4], location="bottom", shrink=0.8, label="entropy, relative to the largest"
)
plt.show()

# %%
# Pretrained features
# -------------------
# The features of a network that was trained on photographs help here, too. On their own they are as
# good as the default; together, two forests that average their probabilities are better than
# either, and than the three strokes more.
forests = PixelVotingClassifier([("forest", RandomForestClassifier())])
for features, estimator in (("pretrained", "forest"), ("multiscale+pretrained", forests)):
    encoder = PixelEncoder(features=features)
    segmenter = AESegmenter(encoder=encoder, estimator=estimator, random_state=0)
    labels = segmenter.fit(images, strokes).predict(images)
    scores = [mean_iou(t, p, matched=False) for t, p in zip(phases, labels, strict=True)]
    print(f"{features}: mean IoU {scores[0]:.2f}, and {scores[1]:.2f} on the image without strokes")
