"""
Finding outliers by their reconstruction error
==============================================

An autoencoder that was trained on digits reconstructs digits well and other images badly.
`score_samples` is the negative reconstruction error of every row; outliers have the lowest scores.
We compare it with the reconstruction error of PCA.
"""

# %%
# The training data are handwritten digits without zeros. The outliers are zeros, and digits that
# were changed in two ways.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from sklearn_segae import AutoencoderTransformer

X, y = load_digits(return_X_y=True)
known, zeros = X[y != 0], X[y == 0]
train, ordinary = known[:1200], known[1200:]
with_hole = ordinary.copy()
with_hole.reshape(-1, 8, 8)[:, 3:5, 3:5] = 0
outliers = {
    "zeros": zeros,
    "upside down": ordinary.reshape(-1, 8, 8)[:, ::-1].reshape(-1, 64),
    "a hole": with_hole,
}

# %%
# Both methods have ten components.

autoencoder = AutoencoderTransformer(10, max_epochs=60, random_state=0).fit(train)
pca = PCA(10).fit(train)


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
        for rows in outliers.values()
    ]

# %%
# Top: the ordinary digits with the largest errors. Bottom: how often an outlier has a larger error
# than an ordinary digit (0.5 is chance). Neither method finds all outliers: a digit upside down may
# be another digit, and a network that reconstructs well may also reconstruct outliers. Outliers are
# found only if they contain patterns that the training data do not have.

figure = plt.figure(figsize=(11, 6), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=[1, 1.5])
axes = above.subplots(2, 10)
for row, (name, errors) in zip(
    axes, (("PCA", errors_of_pca), ("autoencoder", errors_of_autoencoder)), strict=True
):
    row[0].set_title(f"largest errors of {name}", loc="left", fontsize="medium")
    for ax, i in zip(row, errors(ordinary).argsort()[::-1], strict=False):
        ax.imshow(ordinary[i].reshape(8, 8), cmap="gray")
        ax.set_axis_off()
ax = below.subplots()
places = np.arange(len(outliers))
for i, (name, values) in enumerate(aucs.items()):
    bars = ax.bar(places + 0.4 * i, values, 0.38, label=name)
    ax.bar_label(bars, fmt="%.2f")
ax.axhline(0.5, color="black", linestyle=":")
ax.set_xticks(places + 0.2, outliers)
ax.set(ylabel="area under the ROC curve", ylim=(0, 1.1))
ax.legend(loc="lower right")
plt.show()
