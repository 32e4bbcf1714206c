"""
Comparing the variants of an autoencoder on digits
==================================================

The same small network is trained in six ways on 1,300 handwritten digits of 8 x 8 pixels. We
compare how well each variant denoises digits, and samples of each.
"""

# %%

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier

from sklearn_segae import AutoencoderTransformer

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)  # in [0, 1]
noisy = X_test + np.random.default_rng(0).normal(scale=0.25, size=X_test.shape)

# %%
# Errors of all variants are those of clean digits, so they can be compared.

variants = ["plain", "denoising", "masked", "sparse", "contractive", "variational"]
fitted = {}
for variant in variants:
    autoencoder = AutoencoderTransformer(
        32,
        variant=variant,
        scaling=None,
        lr=3e-3,
        max_epochs=60,
        n_iter_no_change=60,  # all epochs
        random_state=0,
    )
    fitted[variant] = autoencoder.fit(X_train)
    denoised = autoencoder.inverse_transform(autoencoder.transform(noisy))
    neighbors = KNeighborsClassifier().fit(autoencoder.transform(X_train), y_train)
    print(
        f"{variant:12s} error {np.sqrt(-autoencoder.score(X_test)):.3f}",
        f"of denoised digits {np.sqrt(np.mean((denoised - X_test) ** 2)):.3f}",
        f"5 neighbors {neighbors.score(autoencoder.transform(X_test), y_test):.3f}",
    )

# %%
# Left: four noisy digits and their reconstructions. Right: four samples of each variant.

figure, axes = plt.subplots(7, 8, figsize=(8, 7))
for row, variant in zip(axes, [None, *variants], strict=True):
    if variant is None:
        shown = [*noisy[:4], *X_test[:4]]
    else:
        autoencoder = fitted[variant]
        shown = [
            *autoencoder.inverse_transform(autoencoder.transform(noisy[:4])),
            *autoencoder.sample(4),
        ]
    for ax, image in zip(row, shown, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    row[0].set_ylabel(variant or "noisy, clean", rotation=0, ha="right", va="center")
plt.show()

# %%
# The denoising variant has the smallest error on noisy digits, and a larger error than the plain
# one on clean digits. All variants sample near the codes of training digits. Not all samples are
# digits, since a point between two codes need not be the code of a digit.
