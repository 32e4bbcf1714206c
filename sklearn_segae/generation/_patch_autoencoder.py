"""Encoding and decoding of overlapping patches of an image and its label map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..imaging._scaling import fit_channel_scale, scaled, unscaled

N_PATCHES = 5000  # patches of a few hundred numbers that the autoencoder is fitted to


class JointPatches(NamedTuple):
    """A fitted autoencoder of patches with the channels of the image and one channel per class.

    The channels of the classes are 0 for unlabeled pixels. Patches overlap by half of their side,
    so that every pixel lies in four of them.
    """

    autoencoder: Any  # estimator of rows with transform and inverse_transform
    size: int  # side of the patches in pixels, even
    classes: np.ndarray
    scale: np.ndarray  # (2, C)

    @classmethod
    def fit(
        cls,
        autoencoder: Any,
        size: int,
        images: Sequence[np.ndarray],
        maps: Sequence[np.ndarray],
        rng: np.random.Generator,
    ) -> Self:
        """Fit an autoencoder to random patches of all images."""
        classes = np.unique(np.concatenate([np.unique(labels) for labels in maps]))
        patches = cls(autoencoder, size, classes, fit_channel_scale(images))
        n_each = -(-N_PATCHES // len(images))
        rows = []
        for image, labels in zip(images, maps, strict=True):
            windows = patches._windows(patches._stack(image, labels), 1)
            chosen = rng.permutation(windows.shape[0] * windows.shape[1])[:n_each]
            indices = np.unravel_index(np.sort(chosen), windows.shape[:2])
            rows.append(windows[indices].reshape(len(chosen), -1))
        autoencoder.fit(np.concatenate(rows))
        return patches

    def encode(self, image: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the codes (n, n_components) and the center labels (n,) of all patches."""
        half = self.size // 2
        windows = self._windows(self._stack(image, labels), half)
        rows = windows.reshape(windows.shape[0] * windows.shape[1], -1)
        centers = self._windows(labels[..., None], half)[..., 0, half, half]
        return np.asarray(self.autoencoder.transform(rows)), centers.ravel()

    def decode(self, codes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Return the image (H, W, C) of the decoded patches, blended where they overlap."""
        size, step = self.size, self.size // 2
        n_rows, n_columns = (-(-side // step) + 1 for side in shape[:2])
        rows = self.autoencoder.inverse_transform(codes).reshape(n_rows, n_columns, -1, size, size)
        pixels = np.moveaxis(rows[:, :, : shape[2]], 2, -1)  # (rows, columns, size, size, C)
        fade = np.hanning(size + 2)[1:-1]
        total = np.zeros(((n_rows + 1) * step, (n_columns + 1) * step, shape[2] + 1))
        for y, x in np.ndindex(size, size):
            every = total[y : y + n_rows * step : step, x : x + n_columns * step : step]
            weight = fade[y] * fade[x]
            every[..., :-1] += weight * pixels[:, :, y, x]
            every[..., -1] += weight
        inner = total[step : step + shape[0], step : step + shape[1]]
        return unscaled(inner[..., :-1] / inner[..., -1:], self.scale)

    def _stack(self, image: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Append a channel for each class of the label map to those of the scaled image."""
        members = labels[..., None] == self.classes
        return np.concatenate([scaled(image, self.scale), members], 2).astype(np.float32)

    def _windows(self, maps: np.ndarray, step: int) -> np.ndarray:
        """Return the patches (rows, columns, C, size, size) of mirrored maps (H, W, C)."""
        half = self.size // 2
        margins = [(half, half + -side % half) for side in maps.shape[:2]]
        padded = np.pad(maps, [*margins, (0, 0)], mode="symmetric")
        return sliding_window_view(padded, (self.size, self.size), (0, 1))[::step, ::step]
