"""
Segmenting a hyperspectral scene: pixels as rows or as an image
===============================================================

In a hyperspectral scene every pixel is a spectrum. We segment the same scene of sixty bands without
labels, once with pixels as rows and once as an image, for increasing noise.
"""

# %%
# The scene has fields of three crops. Their spectra differ in the position of one peak.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.metrics import match_labels, mean_iou

SIDE, N_BANDS = 64, 60
rng = np.random.default_rng(0)
wavelength = np.linspace(0, 1, N_BANDS)
spectra = np.stack([np.exp(-(((wavelength - peak) / 0.15) ** 2)) for peak in (0.4, 0.5, 0.6)])
truth = np.kron(rng.integers(0, 3, (8, 8)), np.ones((8, 8), int))


def make_scene(noise):
    """A scene (SIDE, SIDE, N_BANDS) with uneven illumination and sensor noise."""
    illumination = 1 + 0.2 * np.sin(np.linspace(0, 6, SIDE))[:, None, None]
    return illumination * spectra[truth] + noise * rng.normal(size=(SIDE, SIDE, N_BANDS))


# %%
# We compare k-means on spectra, codes of single spectra (rows), and codes of neighborhoods (image).
# `features="intensity"` skips the automatic choice, since crops differ in their spectra and not in
# texture.

encoder = PixelEncoder(3, features="intensity", max_epochs=3)
methods = {
    "k-means on spectra": lambda scene: (
        KMeans(3, n_init=5, random_state=0)
        .fit_predict(scene.reshape(-1, N_BANDS))
        .reshape(truth.shape)
    ),
    "rows": lambda scene: (
        AESegmenter(3, encoder=encoder, random_state=0)
        .fit_predict(scene.reshape(-1, N_BANDS))
        .reshape(truth.shape)
    ),
    "image": lambda scene: AESegmenter(3, encoder=encoder, random_state=0).fit_predict(scene[None])[
        0
    ],
}
noises = [0.2, 0.5, 1]
scenes = [make_scene(noise) for noise in noises]
maps = {name: [method(scene) for scene in scenes] for name, method in methods.items()}

# %%
# With little noise, single spectra are sufficient. With more noise the image is better, since noise
# differs between the pixels of a field, and the crop does not. Codes of single spectra (rows) are
# not better than the spectra here, even slightly worse. A disadvantage of neighborhoods is that
# corners are rounded, and that a field narrower than the neighborhood would be lost.

figure, axes = plt.subplots(2, 3, figsize=(12, 8), layout="constrained")
axes[0, 0].plot(wavelength, spectra.T)
axes[0, 0].plot(wavelength, scenes[1][0, 0], color="0.7", zorder=0)
axes[0, 0].set(title="three crops; gray: one pixel, noise 0.5", xlabel="wavelength")
axes[0, 1].imshow(truth, cmap="viridis")
axes[0, 1].set_title("truth")
for name, row in maps.items():
    axes[0, 2].plot(noises, [mean_iou(truth, labels) for labels in row], "o-", label=name)
axes[0, 2].set(xlabel="noise", ylabel="mean IoU", ylim=(0, 1.05))
axes[0, 2].legend()
for ax, (name, row) in zip(axes[1], maps.items(), strict=True):
    ax.imshow(match_labels(truth, row[1]), cmap="viridis")
    ax.set_title(f"{name}, noise 0.5: {mean_iou(truth, row[1]):.2f}")
for ax in (axes[0, 1], *axes[1]):
    ax.set_axis_off()
plt.show()
