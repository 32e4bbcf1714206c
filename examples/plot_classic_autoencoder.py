"""
A classic autoencoder in a few lines
====================================

This is the autoencoder of many tutorials: 784 inputs, 256 components, a logistic output, mean
squared error, Adam, 100 epochs in batches of 10, on 100 rows of uniform noise.
"""

# %%

import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA

from sklearn_segae import AutoencoderTransformer

X = np.random.default_rng(0).uniform(size=(100, 784)).astype(np.float32)
autoencoder = AutoencoderTransformer(
    256,
    hidden_layer_sizes=(),
    scaling="minmax",  # and with it a logistic output
    batch_size=10,
    max_epochs=100,
    n_iter_no_change=100,  # all of the 100 epochs
    random_state=0,
)
codes = autoencoder.fit_transform(X)
print(codes.shape, autoencoder.stop_reason_, f"loss {autoencoder.loss_curve_[-1]:.4f}")

# %%
# The loss falls to a small part of the variance of the noise (1/12), since 256 components can store
# most of 100 rows. This is overfitting: 99 principal components reconstruct these rows without
# error, and new rows of noise are reconstructed hardly better than by their mean.

pca_error = np.mean((X - PCA(99).fit(X).inverse_transform(PCA(99).fit_transform(X))) ** 2)
new = np.random.default_rng(1).uniform(size=(100, 784)).astype(np.float32)
print(f"PCA(99) loss {pca_error:.1e}; loss on new rows {-autoencoder.score(new):.4f}")

plt.plot(autoencoder.loss_curve_)
plt.axhline(1 / 12, color="gray", linestyle=":", label="variance of the noise")
plt.xlabel("epoch")
plt.ylabel("mean squared error")
plt.legend()
plt.show()
