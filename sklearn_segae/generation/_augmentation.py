"""What makes a new image of a given one: another shape, another style. Arrays in, arrays out."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from scipy import ndimage

# At a distortion of 1: turns up to 0.3 radians, sizes up to exp(0.25)-fold either way, waves of a
# fiftieth of the longer side, a twelfth of it wide.
ANGLE, SIZE, WAVE, WIDTH = 0.3, 0.25, 1 / 50, 1 / 12


def draw_places(
    shape: tuple[int, int], distortion: float, rng: np.random.Generator
) -> np.ndarray | None:
    """Draw where every pixel of a distorted image comes from, (2, H, W) rows and columns.

    Mirrored or not, turned, resized, then bent by smooth waves [1]_. None for a distortion of 0.

    References
    ----------
    .. [1] P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks
       applied to visual document analysis", ICDAR 2003, doi:10.1109/ICDAR.2003.1227801.
    """
    if not distortion:
        return None
    angle, size = distortion * rng.uniform(-1, 1, 2) * (ANGLE, SIZE)
    turn = np.exp(size) * np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    mirrored = rng.choice([-1, 1], (1, 2))
    middle = (np.array(shape)[:, None, None] - 1) / 2
    places = np.tensordot(turn * mirrored, np.indices(shape) - middle, 1) + middle
    side = max(shape)
    waves = ndimage.gaussian_filter(
        rng.standard_normal((2, *shape)), (0, WIDTH * side, WIDTH * side)
    )
    return places + distortion * WAVE * side * waves / waves.std()


def carry(
    image: np.ndarray, labels: np.ndarray, places: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return an image (H, W, C) and its label map with the pixels of other places.

    Beyond the borders is the mirror image. Labels are those of the nearest pixel, never between.
    """
    if places is None:
        return image, labels
    channels = [
        ndimage.map_coordinates(channel, places, order=1, mode="mirror")
        for channel in np.moveaxis(image, 2, 0)
    ]
    return np.stack(channels, 2), ndimage.map_coordinates(labels, places, order=0, mode="mirror")


class Style(NamedTuple):
    """What the codes of a segment are like: their mean and covariance."""

    mean: np.ndarray  # (n,)
    covariance: np.ndarray  # (n, n)

    @classmethod
    def of(cls, codes: np.ndarray) -> Self:
        """Measure it, the covariance shrunk by a tenth: some segments are small."""
        covariance = np.atleast_2d(np.cov(codes.T, bias=True))
        spread = np.diag(covariance)
        even = (1e-3 * spread.mean() + 1e-12) * np.eye(len(spread))
        return cls(codes.mean(0), 0.9 * covariance + 0.1 * np.diag(spread) + even)

    def moved(self, codes: np.ndarray, other: Style, share: float) -> np.ndarray:
        """Move codes of this style towards another: 0 stays, 1 arrives, more goes beyond.

        Each code goes straight to where optimal transport between both Gaussians takes it [1]_.

        References
        ----------
        .. [1] G. Peyré, M. Cuturi, "Computational optimal transport", Foundations and Trends in
           Machine Learning 11, 2019, doi:10.1561/2200000073; equation 2.40.
        """
        root = _root(self.covariance)
        inverse = np.linalg.inv(root)
        transport = inverse @ _root(root @ other.covariance @ root) @ inverse
        arrived = (codes - self.mean) @ transport + other.mean
        return (1 - share) * codes + share * arrived


def _root(covariance: np.ndarray) -> np.ndarray:
    """Return the symmetric square root of a positive matrix."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
