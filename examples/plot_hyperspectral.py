"""
Sixty bands, three crops, no labels
===================================

In a hyperspectral scene every pixel is a spectrum. Are neighbors worth looking at, or do spectra
say it all? The same scene goes in as rows and as an image, with more and more noise.
"""

# %%
# Fields of three crops. Their spectra differ in the place of one bump.

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
    """A scene (SIDE, SIDE, N_BANDS) with the light of clouds, and noise of the sensor."""
    light = 1 + 0.2 * np.sin(np.linspace(0, 6, SIDE))[:, None, None]
    return light * spectra[truth] + noise * rng.normal(size=(SIDE, SIDE, N_BANDS))


# %%
# Three ways: k-means on spectra, codes of spectra, codes of spectra and their neighbors. The
# encoder is told that spectra tell crops apart, and not textures, which spares it the looking.

encoder = PixelEncoder(3, features="intensity", max_epochs=3)
ways = {
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
maps = {name: [way(scene) for scene in scenes] for name, way in ways.items()}

# %%
# What to see: with little noise spectra are enough. With more, single spectra are lost, and
# neighbors hold out longer: noise is different in every pixel, crops are not. Codes of single
# spectra (rows) gain nothing here, they even lose a little to k-means on the spectra. And
# neighbors have their price: rounded corners, and a field narrower than the neighborhood would
# vanish.

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
