"""
Outliers: what cannot be reconstructed
======================================

An autoencoder that learnt digits reconstructs digits. `score_samples` is how well, row by row:
what has the lowest scores is odd. Is it odder than what PCA finds?
"""

# %%
# Handwritten digits without zeros to learn from; then zeros, and digits that were damaged in two
# ways.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from sklearn_segae import AutoencoderTransformer

X, y = load_digits(return_X_y=True)
known, zeros = X[y != 0], X[y == 0]
learnt, ordinary = known[:1200], known[1200:]
rng = np.random.default_rng(0)
torn = ordinary.copy()
torn.reshape(-1, 8, 8)[:, 3:5, 3:5] = 0
strange = {
    "zeros": zeros,
    "upside down": ordinary.reshape(-1, 8, 8)[:, ::-1].reshape(-1, 64),
    "a hole": torn,
}

# %%
# Both reconstruct from ten numbers.

autoencoder = AutoencoderTransformer(10, max_epochs=60, random_state=0).fit(learnt)
pca = PCA(10).fit(learnt)


def errors_of_pca(rows):
    return ((rows - pca.inverse_transform(pca.transform(rows))) ** 2).mean(1)


def errors_of_autoencoder(rows):
    return -autoencoder.score_samples(rows)


aucs = {}
for name, errors in (("PCA", errors_of_pca), ("autoencoder", errors_of_autoencoder)):
    aucs[name] = [
        roc_auc_score(
            np.repeat([0, 1], [len(ordinary), len(rows)]),
            np.concatenate([errors(ordinary), errors(rows)]),
        )
        for rows in strange.values()
    ]

# %%
# What to see, above: the digits that each finds oddest among ordinary ones. Below: how often
# something strange has a larger error than an ordinary digit (0.5 is guessing). Neither is sure
# of all: a digit upside down may be another digit, which is no outlier at all, and a network that
# reconstructs well may reconstruct strange things, too. An outlier is found only if it needs
# something that the rest did not teach.

figure = plt.figure(figsize=(11, 6), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=[1, 1.5])
axes = above.subplots(2, 10)
for row, (name, errors) in zip(
    axes, (("PCA", errors_of_pca), ("autoencoder", errors_of_autoencoder)), strict=True
):
    row[0].set_title(f"oddest to {name}", loc="left", fontsize="medium")
    for ax, i in zip(row, errors(ordinary).argsort()[::-1], strict=False):
        ax.imshow(ordinary[i].reshape(8, 8), cmap="gray")
        ax.set_axis_off()
ax = below.subplots()
places = np.arange(len(strange))
for i, (name, values) in enumerate(aucs.items()):
    bars = ax.bar(places + 0.4 * i, values, 0.38, label=name)
    ax.bar_label(bars, fmt="%.2f")
ax.axhline(0.5, color="black", linestyle=":")
ax.set_xticks(places + 0.2, strange)
ax.set(ylabel="area under the ROC curve", ylim=(0, 1.1))
ax.legend(loc="lower right")
plt.show()
