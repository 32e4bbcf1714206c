"""
How much noise should a denoiser see?
=====================================

A denoising autoencoder learns to clean what was soiled on purpose. `variant_strength` says how
much: is more better, and does it pay to know the noise that will come?
"""

# %%
# Digits, split in halves; noise in units of gray values, which go from 0 to 16.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sklearn_segae import AutoencoderTransformer

X, _ = load_digits(return_X_y=True)
learnt, clean = X[:900], X[900:]
rng = np.random.default_rng(0)
noises = [1, 3, 5, 7]
soiled = {noise: clean + noise * rng.normal(size=clean.shape) for noise in noises}

# %%
# Four nets that differ in nothing but the noise in training. 0 is the plain one.

strengths = [0.2, 0.6, 1.2]
nets = {"plain": AutoencoderTransformer(32, max_epochs=40, random_state=0).fit(learnt)}
for strength in strengths:
    net = AutoencoderTransformer(
        32, variant="denoising", variant_strength=strength, max_epochs=40, random_state=0
    )
    nets[f"denoising, {strength}"] = net.fit(learnt)


def cleaned(net, rows):
    return net.inverse_transform(net.transform(rows))


def error(net, noise):
    return np.sqrt(((cleaned(net, soiled[noise]) - clean) ** 2).mean())


errors = {name: [error(net, noise) for noise in noises] for name, net in nets.items()}

# %%
# What to see: every net cleans best about the noise that it was trained for. A strong denoiser
# invents: of a clean digit it returns a smooth one, and loses to doing nothing (dotted) where
# there is hardly any noise. And an ambiguous blot becomes a neat digit, which may be another one
# than it was.

figure = plt.figure(figsize=(12, 5), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1.1, 1])
ax = left.subplots()
for name, values in errors.items():
    ax.plot(noises, values, "o-", label=name)
ax.plot(noises, noises, "k:", label="doing nothing")
ax.set(xlabel="noise in the digits", ylabel="error after cleaning, in gray values")
ax.legend()
rows = {"clean": clean, "noise 5": soiled[5]} | {
    n: cleaned(net, soiled[5]) for n, net in nets.items()
}
for axes, (name, digits) in zip(right.subplots(len(rows), 6), rows.items(), strict=True):
    axes[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for ax, digit in zip(axes, digits, strict=False):
        ax.imshow(digit.reshape(8, 8), cmap="gray", vmin=0, vmax=16)
        ax.set(xticks=[], yticks=[])
plt.show()
