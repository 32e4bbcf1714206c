"""
Digits: what the variants of an autoencoder learn
=================================================

The same small net, trained in six ways on 1,300 handwritten digits of 8 x 8 pixels. Which of them
cleans a noisy digit, and what do the digits look like that each of them draws?
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
# Scores are those of clean digits, whatever training did to them, so they can be compared.

variants = ["plain", "denoising", "masked", "sparse", "contractive", "variational"]
fitted = {}
for variant in variants:
    autoencoder = AutoencoderTransformer(
        32, variant=variant, scaling=None, lr=3e-3, max_epochs=60, n_iter_no_change=60
    )
    fitted[variant] = autoencoder.set_params(random_state=0).fit(X_train)
    cleaned = autoencoder.inverse_transform(autoencoder.transform(noisy))
    neighbors = KNeighborsClassifier().fit(autoencoder.transform(X_train), y_train)
    print(
        f"{variant:12s} error {np.sqrt(-autoencoder.score(X_test)):.3f}",
        f"of cleaned digits {np.sqrt(np.mean((cleaned - X_test) ** 2)):.3f}",
        f"5 neighbors {neighbors.score(autoencoder.transform(X_test), y_test):.3f}",
    )

# %%
# Left, a noisy digit and what becomes of it; right, four digits drawn from each.

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
# What to see: the denoising one gives the cleanest digits back, at a price where there is no noise.
# All draw codes near those of the training digits. Not all draws are digits: what lies between two
# codes need not be one.
