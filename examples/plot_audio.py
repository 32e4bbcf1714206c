"""
Encoding audio: waveforms and spectrograms
==========================================

The signal is a sequence of half-second notes of a plucked string, a bell or a drum, with noise. We
encode frames of the waveform with 1-D convolutions, and columns of the spectrogram as rows, and
compare how well the codes separate the instruments.
"""

# %%

import matplotlib.pyplot as plt
import numpy as np
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from sklearn_segae import AutoencoderTransformer

RATE = 4000  # samples a second
rng = np.random.default_rng(0)
t = np.arange(RATE // 2) / RATE


def string(pitch):
    return sum(np.sin(2 * np.pi * k * pitch * t) / k for k in range(1, 6)) * np.exp(-4 * t)


def bell(pitch):
    return sum(np.sin(2 * np.pi * k * pitch * t) for k in (1, 2.76, 5.4)) * np.exp(-6 * t) / 2


def drum(pitch):
    return rng.normal(size=t.size) * np.exp(-12 * t)


instruments = [string, bell, drum]
played = rng.integers(0, 3, 80)
waveform = np.concatenate([instruments[i](rng.uniform(180, 240)) for i in played])
waveform += 0.05 * rng.normal(size=waveform.size)

# %%
# The spectrogram is scipy's short-time Fourier transform. Each row of `X` holds the log magnitudes
# of one column.

stft = ShortTimeFFT(hann(256), hop=200, fs=RATE)
spectrum = np.log1p(10 * np.abs(stft.stft(waveform, p0=0, p1=waveform.size // 200 + 1)[:, :-1])).T
frames = waveform.reshape(-1, 200)  # 50 ms each
truth = np.repeat(played, len(frames) // len(played))
loud = np.abs(frames).mean(1) > 0.1  # silent frames have no instrument

# %%
# The codes have three components for a column of the spectrogram and eight for a frame of the
# waveform, whose loudness is normalized. The score is the accuracy of a classifier with ten nearest
# neighbors, for codes and for the same number of principal components.
columns = spectrum[: len(frames)][loud]
shapes = frames[loud] / np.linalg.norm(frames[loud], axis=1, keepdims=True)
rows = AutoencoderTransformer(3, variant="denoising", lr=3e-3, max_epochs=60, random_state=0)
signals = AutoencoderTransformer(
    8,
    architecture="signal",
    variant="denoising",
    hidden_layer_sizes=(64,),
    lr=3e-3,
    max_epochs=30,
    random_state=0,
)
for name, X, model in [("spectrogram", columns, rows), ("waveform", shapes, signals)]:
    for transformer in (model, PCA(model.n_components)):
        accuracies = cross_val_score(
            KNeighborsClassifier(10), transformer.fit_transform(X), truth[loud], cv=4
        )
        print(f"{name:11s} {type(transformer).__name__:22s} {accuracies.mean():.3f}")

# %%

figure, (above, below) = plt.subplots(2, 1, figsize=(8, 6))
above.imshow(spectrum[:120].T, origin="lower", aspect="auto")
above.set(title="spectrogram of the first six seconds", xticks=[], ylabel="frequency")
below.scatter(*rows.transform(columns)[:, :2].T, c=truth[loud], s=8)
below.set(title="codes of the spectrogram's columns; colors are instruments")
plt.show()

# %%
# Three components of the spectrogram separate the instruments almost completely; principal
# components overlap more. Codes of the waveform separate them less well, even with eight
# components, and not better than PCA: they have to store the phase, which does not depend on the
# instrument.
