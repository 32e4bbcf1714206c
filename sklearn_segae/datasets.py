"""Synthetic images with known segments or abundances, for tests and examples."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import ndimage, special
from sklearn.utils import check_random_state, check_scalar

__all__ = ["make_mixtures", "make_mosaic", "make_scenes", "make_shapes"]


def __dir__() -> list[str]:
    return __all__


KINDS = ("intensity", "color", "texture", "intensity+texture")
LAYOUTS = ("smooth", "stripes")
N_TRIES = 20  # of smooth regions; few of 2 to 20 segments need a second one
LEAST_SHARE = 0.1  # of a segment's even share of an image
N_COLORS = 1000  # candidates
SPECTRUM_WIDTH = 1 / 20  # of bumps, standard deviation as a share of the bands
MIXTURE_WIDTH = 1 / 16  # of regions of similar abundances, as a share of the shorter side
TEXTURE_CONTRAST = 0.3  # beside gray values: two neighboring ones hardly overlap


def make_mixtures(
    size: int | tuple[int, int] = 64,
    *,
    n_components: int = 4,
    n_bands: int = 100,
    snr: float = 30,
    concentration: float = 1,
    random_state: Any = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make a hyperspectral cube whose pixels are linear mixtures of a few spectra.

    Endmembers are smooth random spectra. The abundances of a pixel have a symmetric Dirichlet
    distribution and are similar in neighboring pixels.

    Parameters
    ----------
    size : int or tuple of int, default=64
        Height and width in pixels; one number for both.
    n_components : int, default=4
        Number of endmembers.
    n_bands : int, default=100
        Number of bands.
    snr : float, default=30
        Signal-to-noise ratio in decibels: 10 times the decimal logarithm of the mean square of the
        mixtures divided by the variance of the Gaussian noise; `numpy.inf` for no noise.
    concentration : float, default=1
        Parameter of the Dirichlet distribution, > 0: 1 is uniform, below 1 there are more pure
        pixels, above 1 fewer.
    random_state : int, RandomState instance or None, default=None
        Determines all random numbers.

    Returns
    -------
    cube : ndarray of shape (height, width, n_bands), float32
        Mixtures with noise, which may be slightly negative.
    abundances : ndarray of shape (height, width, n_components), float64
        Shares of the endmembers in every pixel, >= 0 with a sum of 1.
    endmembers : ndarray of shape (n_components, n_bands), float64
        Values from 0.05 to 0.95; each spectrum reaches both.

    Examples
    --------
    >>> from sklearn_segae.datasets import make_mixtures
    >>> cube, abundances, endmembers = make_mixtures(32, n_components=3, random_state=0)
    >>> cube.shape, abundances.shape, endmembers.shape
    ((32, 32, 100), (32, 32, 3), (3, 100))
    >>> import numpy as np
    >>> bool(np.allclose(cube, abundances @ endmembers, atol=0.1))
    True
    """
    _check_counts(n_components=n_components, n_bands=n_bands)
    check_scalar(concentration, "concentration", Real, min_val=0, include_boundaries="neither")
    check_scalar(snr, "snr", Real)
    shape = _height_and_width(size)
    rng = check_random_state(random_state)
    endmembers = 0.05 + 0.9 * _smooth_spectra(n_components, n_bands, rng)
    abundances = _smooth_dirichlet(n_components, shape, concentration, rng)
    mixtures = abundances @ endmembers
    noise = np.sqrt(np.mean(mixtures**2) / 10 ** (snr / 10))
    cube = mixtures + noise * rng.standard_normal(mixtures.shape)
    return cube.astype(np.float32), abundances, endmembers


def make_mosaic(
    n_images: int = 1,
    *,
    n_segments: int = 4,
    size: int = 128,
    n_channels: int = 1,
    random_state: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Make mosaics of textures that have the same mean and variance.

    Every segment is a distorted Voronoi cell of noise, which is filtered in a direction and at a
    scale of its own. The same textures occur in every image.

    Parameters
    ----------
    n_images : int, default=1
        Number of images.
    n_segments : int, default=4
        Number of textures; each occurs in every image.
    size : int, default=128
        Height and width of an image in pixels.
    n_channels : int, default=1
        Number of channels, which show the same textures.
    random_state : int, RandomState instance or None, default=None
        Determines all random numbers.

    Returns
    -------
    images : ndarray of shape (n_images, size, size, n_channels), float32
        Values with mean 0 and standard deviation 1 in every segment, up to sampling errors.
    labels : ndarray of shape (n_images, size, size), int32
        The texture of every pixel, 0 to n_segments - 1.

    Examples
    --------
    >>> from sklearn_segae.datasets import make_mosaic
    >>> images, labels = make_mosaic(2, n_segments=3, size=64, random_state=0)
    >>> images.shape, labels.shape
    ((2, 64, 64, 1), (2, 64, 64))
    """
    _check_counts(n_images=n_images, n_segments=n_segments, size=size, n_channels=n_channels)
    rng = check_random_state(random_state)
    labels = np.stack([_cells(n_segments, size, rng) for _ in range(n_images)])
    filters = [_texture_filter(i, n_segments) for i in range(n_segments)]
    images = np.empty((n_images, size, size, n_channels), np.float32)
    for image, label in zip(images, labels, strict=True):
        for value, sigmas in enumerate(filters):
            image[label == value] = _texture(size, n_channels, *sigmas, rng)[label == value]
    return images, labels


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
    _check_counts(n_images=n_images, n_segments=n_segments, n_channels=n_channels)
    check_scalar(noise, "noise", Real, min_val=0)
    shape = _height_and_width(size)
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


def make_shapes(
    n_images: int = 1,
    *,
    size: int = 128,
    n_shapes: int = 8,
    noise: float = 0.2,
    n_channels: int = 1,
    random_state: Any = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Make images of bright discs and squares on a dark background, with Gaussian noise.

    Parameters
    ----------
    n_images : int, default=1
        Number of images.
    size : int, default=128
        Height and width in pixels.
    n_shapes : int, default=8
        Number of shapes per image, alternately discs (label 1, value 0.6) and squares (label 2,
        value 1) on a background of label 0 and value 0. Later shapes cover earlier ones.
    noise : float, default=0.2
        Standard deviation of the noise.
    n_channels : int, default=1
        Number of channels, which show the same shapes with independent noise.
    random_state : int, RandomState instance or None, default=None
        Determines all random numbers.

    Returns
    -------
    images : ndarray of shape (n_images, size, size, n_channels), float32
        The images.
    labels : ndarray of shape (n_images, size, size), int32
        The label of every pixel, 0 to 2.

    Examples
    --------
    >>> from sklearn_segae.datasets import make_shapes
    >>> images, labels = make_shapes(noise=0, random_state=0)
    >>> [round(float(images[labels == value].mean()), 2) for value in (0, 1, 2)]
    [0.0, 0.6, 1.0]
    """
    _check_counts(n_images=n_images, size=size, n_channels=n_channels)
    check_scalar(n_shapes, "n_shapes", Integral, min_val=0)
    check_scalar(noise, "noise", Real, min_val=0)
    rng = check_random_state(random_state)
    labels = np.stack([_discs_and_squares(n_shapes, size, rng) for _ in range(n_images)])
    values = np.array([0.0, 0.6, 1.0], np.float32)[labels][..., None]
    images = values + noise * rng.standard_normal((*labels.shape, n_channels))
    return images.astype(np.float32), labels


def _smooth_spectra(n_spectra: int, n_bands: int, rng: np.random.RandomState) -> np.ndarray:
    """Return smooth random curves (n_spectra, n_bands), each with the range [0, 1]."""
    noise = rng.standard_normal((n_spectra, n_bands))
    curves = ndimage.gaussian_filter1d(noise, SPECTRUM_WIDTH * n_bands, axis=1, mode="wrap")
    low, high = curves.min(1, keepdims=True), curves.max(1, keepdims=True)
    return (curves - low) / np.where(high > low, high - low, 1)  # one band is constant


def _smooth_dirichlet(
    n: int, shape: tuple[int, int], concentration: float, rng: np.random.RandomState
) -> np.ndarray:
    """Return a field (H, W, n) of the symmetric Dirichlet distribution at every pixel.

    Smooth normal numbers are mapped to those of a gamma distribution, and divided by their sum.
    """
    sigma = MIXTURE_WIDTH * min(shape)
    noise = rng.standard_normal((*shape, n))
    fields = ndimage.gaussian_filter(noise, (sigma, sigma, 0), mode="wrap")
    # Exact marginals: filtered noise has a known variance, that of a filtered impulse.
    impulse = np.zeros(shape)
    impulse[0, 0] = 1
    fields /= np.linalg.norm(ndimage.gaussian_filter(impulse, sigma, mode="wrap"))
    shares = special.gammaincinv(concentration, special.ndtr(fields)) + np.finfo(float).tiny
    return shares / shares.sum(-1, keepdims=True)


def _check_counts(**counts: Any) -> None:
    for name, value in counts.items():
        check_scalar(value, name, Integral, min_val=1)


def _height_and_width(size: Any) -> tuple[int, int]:
    """Return height and width; raise an error if they are not one or two positive integers."""
    sides = (size, size) if isinstance(size, Integral) else size
    if not isinstance(sides, tuple | list) or not all(isinstance(s, Integral) for s in sides):
        raise TypeError(
            f"size={size!r} is not an integer. Pass one, or a pair (height, width), in pixels."
        )
    if len(sides) != 2 or min(sides) < 1:
        raise ValueError(
            f"size={size!r} is not the size of an image. Pass a number of pixels, at least 1, or a "
            "pair (height, width)."
        )
    return int(sides[0]), int(sides[1])


def _check_scene(
    n_segments: int, kind: str, shape: tuple[int, int], layout: str, n_channels: int
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
    n_segments: int, shape: tuple[int, int], layout: str, rng: np.random.RandomState
) -> np.ndarray:
    """Return a label map in which every label has at least `LEAST_SHARE` of its even share."""
    least = LEAST_SHARE * shape[0] * shape[1] / n_segments
    for _ in range(N_TRIES if layout == "smooth" else 0):
        labels = _smooth_regions(n_segments, shape, rng)
        if np.bincount(labels.ravel(), minlength=n_segments).min() >= least:
            return labels
    return _stripes(n_segments, shape, rng)


def _smooth_regions(
    n_segments: int, shape: tuple[int, int], rng: np.random.RandomState
) -> np.ndarray:
    """Label every pixel by the largest of `n_segments` smooth random fields."""
    sigma = min(shape) / (3 * n_segments**0.5)  # so that all labels find room
    fields = [ndimage.gaussian_filter(rng.standard_normal(shape), sigma) for _ in range(n_segments)]
    return np.argmax([_standardized(field) for field in fields], 0).astype(np.int32)


def _stripes(n_segments: int, shape: tuple[int, int], rng: np.random.RandomState) -> np.ndarray:
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
        grain = _standardized(ndimage.gaussian_filter(rng.standard_normal(labels.shape), 1))
        image[labels == value] = _standardized((wave + grain / 2)[labels == value])
    return image


def _standardized(values: np.ndarray) -> np.ndarray:
    """Shift and scale to mean 0 and standard deviation 1; constant values become 0."""
    return (values - values.mean()) / (values.std() or 1)


def _to_unit_range(images: np.ndarray) -> np.ndarray:
    """Scale from the range of all images to [0, 1], as float32."""
    low, high = images.min(), images.max()
    return ((images - low) / (high - low or 1)).astype(np.float32)


def _cells(n_cells: int, size: int, rng: np.random.RandomState, bend: float = 0.05) -> np.ndarray:
    """Return distorted Voronoi cells, each at least half as large as their mean."""
    grid = np.mgrid[:size, :size].astype(float)
    while True:
        seeds = rng.uniform(0.08, 0.92, (n_cells, 2)) * size
        noise = rng.standard_normal((2, size, size))
        waves = ndimage.gaussian_filter(noise, (0, size / 14, size / 14))
        bent = grid + waves / waves.std() * bend * size
        distance = ((bent[None] - seeds[:, :, None, None]) ** 2).sum(1)
        labels = distance.argmin(0).astype(np.int32)
        if np.bincount(labels.ravel(), minlength=n_cells).min() >= 0.5 * size**2 / n_cells:
            return labels


def _texture_filter(i: int, n: int) -> tuple[float, float, float]:
    """Return the blur along and across an axis, and its angle in degrees, of texture `i`."""
    return 1.0 + 2.0 * (i % 2), 0.4 + 0.4 * (i // 4), 180.0 * i / n


def _texture(
    size: int,
    n_channels: int,
    along: float,
    across: float,
    angle: float,
    rng: np.random.RandomState,
) -> np.ndarray:
    canvas = rng.standard_normal((2 * size, 2 * size, n_channels))
    blurred = ndimage.gaussian_filter(canvas, (across, along, 0), mode="wrap")
    turned = ndimage.rotate(blurred, angle, reshape=False, order=1, mode="wrap")
    inner = turned[size // 2 : size // 2 + size, size // 2 : size // 2 + size]
    return (inner - inner.mean((0, 1))) / inner.std((0, 1))


def _discs_and_squares(n_shapes: int, size: int, rng: np.random.RandomState) -> np.ndarray:
    labels = np.zeros((size, size), np.int32)
    y, x = np.mgrid[:size, :size]
    for i in range(n_shapes):
        radius = rng.uniform(0.06, 0.14) * size
        dy, dx = np.abs(y - rng.uniform(0, size)), np.abs(x - rng.uniform(0, size))
        inside = np.hypot(dy, dx) < radius if i % 2 == 0 else np.maximum(dy, dx) < radius
        labels[inside] = 1 + i % 2
    return labels
