"""Regions that differ in gray value, color or texture."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from scipy import ndimage
from sklearn.utils import check_random_state, check_scalar

from ._checks import check_counts, sides_of

KINDS = ("intensity", "color", "texture", "intensity+texture")
LAYOUTS = ("smooth", "stripes")
N_TRIES = 20  # of smooth regions; few of 2 to 20 segments need a second one
LEAST_SHARE = 0.1  # of a segment's even share of an image
N_COLORS = 1000  # candidates
TEXTURE_CONTRAST = 0.3  # beside gray values: two neighboring ones hardly overlap


def make_scenes(
    n_images: int = 1,
    *,
    n_segments: int = 4,
    kind: str = "intensity",
    size: int | tuple[int, int] = 128,
    noise: float = 0.1,
    layout: str = "smooth",
    n_channels: int | None = None,
    random_state: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Make images of a few regions that differ in gray value, color or texture.

    A label has the same gray value, color or texture in all images.

    Parameters
    ----------
    n_images : int, default=1
        Number of images.
    n_segments : int, default=4
        Number of segments, each in one or more regions of every image. At most the longer side.
    kind : {"intensity", "color", "texture", "intensity+texture"}, default="intensity"
        What segments differ in.

        - "intensity": gray values at equal distances, increasing with the label.
        - "color": colors of the same mean over the channels, far from each other.
        - "texture": the direction and the period of waves. The mean and the standard deviation
          are the same in every segment, so that single pixels are of no use.
        - "intensity+texture": both. The standard deviation of a texture is 0.3 of the distance
          between gray values.
    size : int or tuple of int, default=128
        Height and width in pixels; one number for both.
    noise : float, default=0.1
        Standard deviation of the Gaussian noise of every pixel and channel, relative to the
        distance between neighboring gray values or between the two most similar colors. With
        "texture", relative to the standard deviation of the textures.
    layout : {"smooth", "stripes"}, default="smooth"
        "smooth": regions with smooth borders. "stripes": one straight stripe for each segment, all
        horizontal or all vertical, in random order. Each segment has at least a tenth of its even
        share of every image; where smooth regions do not, after 20 tries, there are stripes.
    n_channels : int or None, default=None
        Number of channels, which show the same segments with independent noise; at least 2 for
        "color". None is 3 for "color" and 1 for the others.
    random_state : int, RandomState instance or None, default=None
        Determines all random numbers. The label maps of a seed do not depend on `kind`,
        `n_channels` and `noise`.

    Returns
    -------
    images : ndarray of shape (n_images, height, width, n_channels), float32
        Values from 0 to 1; all images have the same scale.
    labels : ndarray of shape (n_images, height, width), int32
        The segment of every pixel, 0 to n_segments - 1.

    Examples
    --------
    >>> from sklearn_segae.datasets import make_scenes
    >>> images, labels = make_scenes(2, n_segments=3, size=(48, 64), noise=0, random_state=0)
    >>> images.shape, labels.shape
    ((2, 48, 64, 1), (2, 48, 64))
    >>> [float(images[labels == value].mean()) for value in (0, 1, 2)]
    [0.0, 0.5, 1.0]
    """
    n_channels = (3 if kind == "color" else 1) if n_channels is None else n_channels
    check_counts(n_images=n_images, n_segments=n_segments, n_channels=n_channels)
    check_scalar(noise, "noise", Real, min_val=0)
    shape = sides_of(size, "height", "width")
    _check_scene(n_segments, kind, shape, layout, n_channels)
    rng = check_random_state(random_state)
    labels = np.stack([_regions(n_segments, shape, layout, rng) for _ in range(n_images)])
    colors, step = _segment_colors(n_segments, kind, n_channels, rng)
    images = colors[labels]
    if kind in ("texture", "intensity+texture"):
        waves = _waves(n_segments, rng)
        contrast = step * (TEXTURE_CONTRAST if "intensity" in kind else 1)
        images += contrast * np.stack([_textured(own, waves, rng) for own in labels])[..., None]
    images += noise * step * rng.standard_normal(images.shape)
    return _to_unit_range(images), labels


def _check_scene(
    n_segments: int, kind: str, shape: tuple[int, ...], layout: str, n_channels: int
) -> None:
    for name, value, known in (("kind", kind, KINDS), ("layout", layout, LAYOUTS)):
        if value not in known:
            raise ValueError(f"{name}={value!r} is not known. Pass one of {', '.join(known)}.")
    if kind == "color" and n_channels == 1:
        raise ValueError(
            "n_channels=1 is too few for kind='color', whose colors have the same mean over the "
            "channels. Pass at least 2, or kind='intensity'."
        )
    if n_segments > max(shape):
        raise ValueError(
            f"n_segments={n_segments} is more than the {max(shape)} pixels of the longer side. "
            "Lower it, or raise size."
        )


def _regions(
    n_segments: int, shape: tuple[int, ...], layout: str, rng: np.random.RandomState
) -> np.ndarray:
    """Return a label map in which every label has at least `LEAST_SHARE` of its even share."""
    least = LEAST_SHARE * shape[0] * shape[1] / n_segments
    for _ in range(N_TRIES if layout == "smooth" else 0):
        labels = _smooth_regions(n_segments, shape, rng)
        if np.bincount(labels.ravel(), minlength=n_segments).min() >= least:
            return labels
    return _stripes(n_segments, shape, rng)


def _smooth_regions(
    n_segments: int, shape: tuple[int, ...], rng: np.random.RandomState
) -> np.ndarray:
    """Label every pixel by the largest of `n_segments` smooth random fields."""
    sigma = min(shape) / (3 * n_segments**0.5)  # so that all labels find room
    fields = [ndimage.gaussian_filter(rng.standard_normal(shape), sigma) for _ in range(n_segments)]
    return np.argmax([standardized(field) for field in fields], 0).astype(np.int32)


def _stripes(n_segments: int, shape: tuple[int, ...], rng: np.random.RandomState) -> np.ndarray:
    """Return stripes of equal width, up to a pixel, across a side that has room for all."""
    axis = rng.choice([axis for axis in (0, 1) if shape[axis] >= n_segments])
    place = np.indices(shape)[axis] * n_segments // shape[axis]
    return rng.permutation(n_segments)[place].astype(np.int32)


def _segment_colors(
    n_segments: int, kind: str, n_channels: int, rng: np.random.RandomState
) -> tuple[np.ndarray, float]:
    """Return the color of every segment (n_segments, n_channels), and the least distance."""
    if kind == "texture":
        return np.zeros((n_segments, n_channels)), 1.0
    if kind == "color":
        return _distant_colors(n_segments, n_channels, rng)
    values = np.linspace(0, 1, n_segments)
    return np.repeat(values[:, None], n_channels, axis=1), 1 / max(1, n_segments - 1)


def _distant_colors(
    n_colors: int, n_channels: int, rng: np.random.RandomState
) -> tuple[np.ndarray, float]:
    """Return colors (n_colors, n_channels) with channels that sum to 1, and the least distance.

    Of random candidates, the next color is always the farthest from those before. The least
    distance is at least half of the largest that is possible with these candidates [1]_.

    References
    ----------
    .. [1] T. Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical
       Computer Science 38, 1985, doi:10.1016/0304-3975(85)90224-5.
    """
    candidates = rng.dirichlet(np.ones(n_channels), N_COLORS)
    colors, nearest, least = [candidates[0]], np.full(N_COLORS, np.inf), 1.0
    while len(colors) < n_colors:
        nearest = np.minimum(nearest, np.linalg.norm(candidates - colors[-1], axis=1))
        colors.append(candidates[nearest.argmax()])
        least = float(nearest.max())
    return np.stack(colors), least


def _waves(n_waves: int, rng: np.random.RandomState) -> list[tuple[float, float]]:
    """Return the direction, in radians, and the period, in pixels, of every texture."""
    angles = (rng.permutation(n_waves) + rng.uniform()) * np.pi / n_waves
    return list(zip(angles, rng.uniform(4, 9, n_waves), strict=True))


def _textured(
    labels: np.ndarray, waves: list[tuple[float, float]], rng: np.random.RandomState
) -> np.ndarray:
    """Return textures (H, W) with mean 0 and standard deviation 1 within every segment."""
    y, x = np.indices(labels.shape)
    image = np.empty(labels.shape)
    for value, (angle, period) in enumerate(waves):
        along = x * np.cos(angle) + y * np.sin(angle)
        wave = np.cos(2 * np.pi * (along / period + rng.uniform()))
        grain = standardized(ndimage.gaussian_filter(rng.standard_normal(labels.shape), 1))
        image[labels == value] = standardized((wave + grain / 2)[labels == value])
    return image


def standardized(values: np.ndarray) -> np.ndarray:
    """Shift and scale to mean 0 and standard deviation 1; constant values become 0."""
    return (values - values.mean()) / (values.std() or 1)


def _to_unit_range(images: np.ndarray) -> np.ndarray:
    """Scale from the range of all images to [0, 1], as float32."""
    low, high = images.min(), images.max()
    return ((images - low) / (high - low or 1)).astype(np.float32)
