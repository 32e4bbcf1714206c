"""
Validating a pixel classifier with spatial blocks
=================================================

A hyperspectral scene has a spectrum for every pixel, and a classifier gets rows (pixels x bands).
If test pixels are drawn at random, they lie beside training pixels of the same field, on the same
soil: the classifier can recognize the place instead of the crop. This leakage is avoided by testing
on whole blocks of pixels.
"""

# %%
# We make two scenes with the same four crops. The spectrum of a pixel is mostly that of its crop,
# mixed with the others. Soil and moisture vary in space and add spectra of their own. Everything
# except the sensor noise is smooth in space.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.metrics import make_segmentation_scorer
from sklearn_segae.model_selection import SpatialBlockKFold

SIDE, N_BANDS, N_CROPS, N_NUISANCES = 72, 40, 4, 8
rng = np.random.default_rng(0)


def smooth_maps(n, scale):
    """`n` maps of smooth noise, (SIDE, SIDE, n), with standard deviation 1."""
    maps = gaussian_filter(rng.normal(size=(SIDE, SIDE, n)), (scale, scale, 0))
    return maps / maps.std((0, 1))


def smooth_spectra(n):
    """`n` smooth spectra, (n, N_BANDS), with standard deviation 1."""
    spectra = gaussian_filter1d(rng.normal(size=(n, N_BANDS)), 4, axis=1)
    return (spectra - spectra.mean(1, keepdims=True)) / spectra.std(1, keepdims=True)


crops, nuisances = smooth_spectra(N_CROPS), smooth_spectra(N_NUISANCES)


def make_scene():
    """Spectra (SIDE * SIDE, N_BANDS) and the crop of every pixel."""
    logits = smooth_maps(N_CROPS, 4)
    shares = np.exp(2 * logits)
    shares /= shares.sum(2, keepdims=True)
    soil = 0.5 * smooth_maps(N_NUISANCES, 4)
    noise = 0.1 * rng.normal(size=(SIDE, SIDE, N_BANDS))
    spectra = shares @ crops + soil @ nuisances + noise
    return spectra.reshape(-1, N_BANDS), logits.argmax(2).ravel()


X, y = make_scene()
X_elsewhere, y_elsewhere = make_scene()

# %%
# A network encodes the spectra, and a nearest-neighbor classifier predicts the crop from codes. We
# score it on random pixels, on blocks of the same scene, and on the other scene, which is the
# score that the first two should estimate.

segmenter = AESegmenter(
    encoder=PixelEncoder(12, max_epochs=1), estimator=KNeighborsClassifier(5), random_state=0
)
scorer = make_segmentation_scorer(balanced_accuracy_score)


def score(cv):
    return cross_val_score(segmenter, X, y, scoring=scorer, cv=cv).mean()


random_pixels = score(KFold(3, shuffle=True, random_state=0))
folds = {
    side: SpatialBlockKFold(3, block_size=side, shape=(SIDE, SIDE), random_state=0)
    for side in (3, 6, 12, 18)
}
blocks = [score(cv) for cv in folds.values()]
elsewhere = scorer(segmenter.fit(X, y), X_elsewhere, y_elsewhere)

# %%
# The score on random pixels is much higher than that on the other scene. Blocks of a few pixels
# still leak, since fields and soil vary over larger distances; the score decreases until blocks are
# about as long as these distances. Large blocks estimate the score on the other scene well. They
# have disadvantages, too: scores of few large blocks are noisy, and a fold may lack a crop.


def tested(cv):
    """True where the first fold tests."""
    _, test = next(cv.split(X, y))
    return np.isin(np.arange(SIDE**2), test).reshape(SIDE, SIDE)


def show(ax, picture, title, **options):
    ax.imshow(picture, interpolation="nearest", **options)
    ax.set_title(title)
    ax.set_axis_off()


colors = {"cmap": ListedColormap(["#4477aa", "#ee6677", "#228833", "#ccbb44"])}
figure, axes = plt.subplots(2, 3, figsize=(12, 8), layout="constrained")
bands = X[:, [6, 20, 34]]
low, high = np.percentile(bands, [2, 98], axis=0)
show(
    axes[0, 0],
    np.clip((bands - low) / (high - low), 0, 1).reshape(SIDE, SIDE, 3),
    "scene: three of 40 bands",
)
show(axes[0, 1], y.reshape(SIDE, SIDE), "crops", **colors)
random_test = tested(KFold(3, shuffle=True, random_state=0))
show(axes[1, 0], random_test, f"random test pixels (white): {random_pixels:.2f}", cmap="gray")
show(
    axes[1, 1],
    tested(folds[12]),
    f"test blocks of 12 x 12 (white): {blocks[2]:.2f}",
    cmap="gray",
)
wrong = segmenter.predict(X_elsewhere) != y_elsewhere
elsewhere_map = np.where(wrong, 0, y_elsewhere + 1).reshape(SIDE, SIDE)
with_black = ListedColormap(["black", *colors["cmap"].colors])
show(axes[0, 2], elsewhere_map, f"other scene, errors in black: {elsewhere:.2f}", cmap=with_black)
ax = axes[1, 2]
ax.plot([1, *folds], [random_pixels, *blocks], "o-")
ax.annotate("random pixels", (1, random_pixels), (8, -3), textcoords="offset points")
ax.axhline(elsewhere, color="black", linestyle="--", label="on the other scene")
ax.axhline(1 / N_CROPS, color="0.6", linestyle=":", label="chance")
ax.set(xlabel="side of a block in pixels", ylabel="balanced accuracy", ylim=(0, 1))
ax.set_xticks([1, *folds])
ax.legend()
plt.show()
