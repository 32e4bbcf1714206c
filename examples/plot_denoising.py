"""
Choosing the noise of a denoising autoencoder
=============================================

A denoising autoencoder is trained to reconstruct clean data from noisy data. `variant_strength` is
the standard deviation of the noise in training. This example compares training and test noise.
"""

# %%
# The data are digits, half of them for training. Test noise is in units of gray values, which range
# from 0 to 16.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sklearn_segae import AutoencoderTransformer

X, _ = load_digits(return_X_y=True)
train, clean = X[:900], X[900:]
rng = np.random.default_rng(0)
noises = [1, 3, 5, 7]
noisy = {noise: clean + noise * rng.normal(size=clean.shape) for noise in noises}

# %%
# Four autoencoders differ only in the noise in training; the plain one has none.

strengths = [0.2, 0.6, 1.2]
nets = {"plain": AutoencoderTransformer(32, max_epochs=40, random_state=0).fit(train)}
for strength in strengths:
    net = AutoencoderTransformer(
        32, variant="denoising", variant_strength=strength, max_epochs=40, random_state=0
    )
    nets[f"denoising, {strength}"] = net.fit(train)


def reconstruct(net, rows):
    return net.inverse_transform(net.transform(rows))


def error(net, noise):
    return np.sqrt(((reconstruct(net, noisy[noise]) - clean) ** 2).mean())


errors = {name: [error(net, noise) for noise in noises] for name, net in nets.items()}

# %%
# Every network is best near the noise that it was trained with. Strong training noise smooths clean
# digits: if there is hardly any test noise, the result is worse than the noisy input (dotted). An
# ambiguous noisy digit may be reconstructed as a clean digit of another class.

figure = plt.figure(figsize=(12, 5), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1.1, 1])
ax = left.subplots()
for name, values in errors.items():
    ax.plot(noises, values, "o-", label=name)
ax.plot(noises, noises, "k:", label="noisy input")
ax.set(xlabel="test noise in gray values", ylabel="RMS error in gray values")
ax.legend()
rows = {"clean": clean, "noise 5": noisy[5]} | {
    name: reconstruct(net, noisy[5]) for name, net in nets.items()
}
for axes, (name, digits) in zip(right.subplots(len(rows), 6), rows.items(), strict=True):
    axes[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for ax, digit in zip(axes, digits, strict=False):
        ax.imshow(digit.reshape(8, 8), cmap="gray", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
plt.show()
