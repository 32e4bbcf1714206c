"""Random distortions of images, and transfer of style between them."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from scipy import ndimage

# At a distortion of 1: rotations up to 0.3 radians, scales up to exp(0.25) in either direction, and
# displacements of a fiftieth of the longer side, smoothed over a twelfth of it.
ANGLE, SIZE, WAVE, WIDTH = 0.3, 0.25, 1 / 50, 1 / 12


def draw_sources(
    shape: tuple[int, int], distortion: float, rng: np.random.Generator
) -> np.ndarray | None:
    """Draw the source rows and columns (2, H, W) of the pixels of a distorted image.

    The distortion combines reflections, rotation, scaling and smooth displacements [1]_. Return
    None for a distortion of 0.

    References
    ----------
    .. [1] P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks
       applied to visual document analysis", ICDAR 2003, doi:10.1109/ICDAR.2003.1227801.
    """
    if not distortion:
        return None
    angle, size = distortion * rng.uniform(-1, 1, 2) * (ANGLE, SIZE)
    turn = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    rotation = np.exp(size) * np.array(turn)
    mirrored = rng.choice([-1, 1], (1, 2))
    center = (np.array(shape)[:, None, None] - 1) / 2
    sources = np.tensordot(rotation * mirrored, np.indices(shape) - center, 1) + center
    side = max(shape)
    noise = rng.standard_normal((2, *shape))
    waves = ndimage.gaussian_filter(noise, (0, WIDTH * side, WIDTH * side))
    return sources + distortion * WAVE * side * waves / waves.std()


def resample(
    image: np.ndarray, labels: np.ndarray, sources: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Resample an image (H, W, C) and its label map at source rows and columns (2, H, W).

    Images are interpolated linearly and mirrored at their borders. Labels are those of the nearest
    pixel.
    """
    if sources is None:
        return image, labels
    channels = [
        ndimage.map_coordinates(channel, sources, order=1, mode="mirror")
        for channel in np.moveaxis(image, 2, 0)
    ]
    return np.stack(channels, 2), ndimage.map_coordinates(labels, sources, order=0, mode="mirror")


class Style(NamedTuple):
    """Mean and covariance of the codes of a segment."""

    mean: np.ndarray  # (n,)
    covariance: np.ndarray  # (n, n)

    @classmethod
    def of(cls, codes: np.ndarray) -> Self:
        """Estimate mean and covariance, which is shrunk by a tenth, as segments may be small."""
        covariance = np.atleast_2d(np.cov(codes.T, bias=True))
        spread = np.diag(covariance)
        even = (1e-3 * spread.mean() + 1e-12) * np.eye(len(spread))
        return cls(codes.mean(0), 0.9 * covariance + 0.1 * np.diag(spread) + even)

    def moved(self, codes: np.ndarray, other: Style, share: float) -> np.ndarray:
        """Move codes of this style towards another style by a share of the distance.

        Targets are those of the optimal transport between both Gaussians [1]_. A share of 0 keeps
        the codes, 1 moves them to the targets, and more moves them beyond.

        References
        ----------
        .. [1] G. Peyré, M. Cuturi, "Computational optimal transport", Foundations and Trends in
           Machine Learning 11, 2019, doi:10.1561/2200000073; equation 2.40.
        """
        root = _root(self.covariance)
        inverse = np.linalg.inv(root)
        transport = inverse @ _root(root @ other.covariance @ root) @ inverse
        target = (codes - self.mean) @ transport + other.mean
        return (1 - share) * codes + share * target


def _root(covariance: np.ndarray) -> np.ndarray:
    """Return the symmetric square root of a positive matrix."""
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
