"""Selection of features="auto", pooling="auto" and whitening="auto" from the images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans

from ._codes import FeatureSettings
from ._feature_sampling import TileReader, flatten_map, neighbors
from ._pooling import MAX_CONTRAST_SIGMA
from ._projection import coherence_axes, color_axes, pair_covariances


def resolve_settings(
    features: str,
    pooling: float | str,
    whitening: float | str,
    texture_pooling: float,
    choose_features: Callable[[], str],
) -> FeatureSettings:
    """Return the settings, with "auto" replaced by values for the images.

    `texture_pooling` is the pooling for textures. `choose_features()`, which is slow, returns the
    features for the images.
    """
    if features == "auto" and pooling != "auto":
        features = "texture"  # a given scale implies features of that scale
    fitting = features
    if "auto" in (features, whitening) and features in ("auto", "texture"):
        fitting = choose_features()
    if features == "auto":
        features = fitting
    if pooling == "auto":
        own = {"intensity": 1.0, "intensity+texture": texture_pooling / 2}
        pooling = own.get(features, texture_pooling)
    if whitening == "auto":
        whitening = float(features != "texture" or fitting == "texture")
    # Without whitening, brightness is part of the variance to keep.
    two_views = features == "texture" and whitening
    contrast_sigma = min(2 * float(pooling), MAX_CONTRAST_SIGMA) if two_views else 0
    return FeatureSettings(features, float(pooling), float(whitening), float(contrast_sigma))


SIGMA = 8.0  # pooling for textures in pixels; less in small images
SIGMAS_PER_SIDE = 32
LAG = 5  # of pairs for coherence, in steps of half a sigma
REACH = 8  # lag for persistence, in the same steps; pooling alone correlates by 2 % at 4 sigma
STRIP = 64  # steps per strip
N_COMPONENTS = 16
N_SEGMENTS = (3, 4, 5)  # evidence is averaged over these numbers of segments
N_SAMPLES = 12_000
N_CROPS = 8  # at most, with `BUDGET` pixels in total
BUDGET = 1_000_000
# Measured evidence: 0.40 or more in images of textures, 0.33 or less in other data sets.
THRESHOLD = 0.385

SPECTRUM = 16  # with more channels, single pixels are more informative than neighborhoods
# A lower gap means that colors have one cluster (alloys: 0.01; other data sets: 0.12 or more).
LEAST_GAP = 0.06
# Evidence for color is one factor, that for texture a product of two.
COLOR_WEIGHT = 0.85

Maps = list[np.ndarray]  # (H, W, F) for each image


class Evidence(NamedTuple):
    """Evidence for texture and for color, in [0, 1], and the gap statistic of colors (`_gap`)."""

    texture: float
    color: float
    gap: float

    @property
    def textured(self) -> bool:
        """Whether the images are textured."""
        return self.texture > max(THRESHOLD, COLOR_WEIGHT * self.color)

    @property
    def features(self) -> str:
        """Selected features: "intensity+texture" if neither texture nor color is sufficient."""
        if self.textured:
            return "texture"
        return "intensity" if self.gap > LEAST_GAP else "intensity+texture"


def measure_evidence(
    readers: Sequence[TileReader], images: Sequence[np.ndarray], rng: np.random.Generator
) -> Evidence:
    """Measure the evidence for texture and for color.

    Pooled features of two random networks are whitened by coherence and clustered. The evidence
    for texture is a product: the share of variance of the codes of one network that segments of
    the other explain, and the persistence of segments beyond the range of pooling. It is averaged
    over the original images and those with normalized local contrast, which removes colors. The
    evidence for color, which needs no pooling, is the persistence of segments of colors.
    """
    side = int((BUDGET / min(len(images), N_CROPS)) ** 0.5)
    sigma = texture_scale(images)
    chosen = _choose_large(images, sigma, rng)
    if not chosen:
        return Evidence(0, 0, 1)
    grids = [[_grid(reader, image, sigma, side) for image in chosen] for reader in readers]
    colors = _color_maps([pixels for _, pixels in grids[0]])
    seed = int(rng.integers(2**31))
    views = [[_view_codes(grid, i) for grid in grids] for i in (0, 1)]
    texture = np.mean([_evidence(codes, k, seed) for codes in views for k in N_SEGMENTS])
    color = np.mean([_persistence(_segment(colors, k, seed)) for k in N_SEGMENTS])
    return Evidence(float(texture), float(color), _gap(colors, seed))


def _choose_large(
    images: Sequence[np.ndarray], sigma: float, rng: np.random.Generator
) -> list[np.ndarray]:
    """Draw random images large enough for textures; none if textures cannot be selected."""
    if sigma < 1 or images[0].shape[2] > SPECTRUM:
        return []
    large = [image for image in images if min(image.shape[:2]) >= 8 * sigma]
    return [large[i] for i in rng.permutation(len(large))[:N_CROPS]]


def texture_scale(images: Sequence[np.ndarray]) -> float:
    """Return the pooling for textures, proportional to the median shorter side of the images."""
    side = float(np.median([min(image.shape[:2]) for image in images]))
    return min(SIGMA, side / SIGMAS_PER_SIDE)


def _view_codes(grid: Sequence[tuple[np.ndarray, np.ndarray]], view: int) -> Maps:
    """Return coherent codes of one of the two views, from grids of features and pixels."""
    return _code_maps([np.split(features, 2, axis=2)[view] for features, _ in grid])


def _code_maps(maps: Maps) -> Maps:
    """Return coherent codes of pooled features on a grid, most coherent first."""
    means = [m.mean((0, 1), dtype=np.float64) for m in maps]
    pairs = [neighbors(m, LAG) for m in maps]
    ends = (
        np.concatenate([rows[i] - mean for rows, mean in zip(pairs, means, strict=True)])
        for i in (0, 1)
    )
    axes, _ = coherence_axes(*pair_covariances(*ends), N_COMPONENTS, whitening=1)
    return [((m - np.mean(means, 0)) @ axes).astype(np.float32) for m in maps]


def _color_maps(maps: Maps) -> Maps:
    """Return whitened principal colors of pixels on a grid."""
    axes = color_axes(np.concatenate([flatten_map(m) for m in maps]))
    return [m @ axes for m in maps]


def _grid(
    reader: TileReader, image: np.ndarray, sigma: float, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return features of two views, and pixels, on a grid in the center of an image."""
    (top, bottom), (left, right) = (
        (max(0, (size - side) // 2), min(size, (size + side) // 2)) for size in image.shape[:2]
    )
    step = max(1, round(sigma / 2))
    starts = range(top, bottom, STRIP * step)
    rows = [slice(start, min(start + STRIP * step, bottom)) for start in starts]
    strips = [
        reader.features(image, (own, slice(left, right)), sigma, step, contrast_sigma=2 * sigma)
        for own in rows
    ]
    features, pixels = (np.concatenate(parts) for parts in zip(*strips, strict=True))
    return features, pixels


def _evidence(codes: Sequence[Maps], k: int, seed: int) -> float:
    labels = [_segment(maps, k, seed) for maps in codes]
    shared = [_explained(labels[i], codes[1 - i], k - 1) for i in (0, 1)]
    return float(np.mean(shared) * np.mean([_persistence(maps) for maps in labels]))


def _segment(maps: Maps, k: int, seed: int) -> list[np.ndarray]:
    rows = np.concatenate([flatten_map(m) for m in maps])
    sample = np.random.default_rng(seed).permutation(rows)[:N_SAMPLES]
    model = KMeans(k, n_init=5, random_state=seed).fit(sample)
    return [model.predict(flatten_map(m)).reshape(m.shape[:2]) for m in maps]


def _gap(maps: Maps, seed: int) -> float:
    """Return the gap statistic over a Gaussian with the same covariance, averaged over k.

    R. Tibshirani, G. Walther, T. Hastie, "Estimating the number of clusters in a data set via the
    gap statistic", JRSS B 63, 2001.
    """
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.concatenate([flatten_map(m) for m in maps]))[:N_SAMPLES]
    covariance = np.cov(rows.T).reshape(rows.shape[1], -1)
    null = rng.multivariate_normal(rows.mean(0), covariance, len(rows))
    ratios = [variance_left(null, k, seed) / variance_left(rows, k, seed) for k in N_SEGMENTS]
    return float(np.mean(np.log(ratios)))


def variance_left(rows: np.ndarray, k: int, seed: int) -> float:
    """Return the share of the variance of rows (n, F) within k clusters of k-means."""
    inertia = KMeans(k, n_init=5, random_state=seed).fit(rows).inertia_
    return float(inertia / ((rows - rows.mean(0)) ** 2).sum() + 1e-12)


def _explained(labels: list[np.ndarray], codes: Maps, n: int) -> float:
    """Return the share of the variance of the first `n` codes explained by the labels."""
    x = np.concatenate([flatten_map(m)[:, :n] for m in codes])
    x = (x - x.mean(0)) / (x.std(0) + 1e-9)
    y = np.concatenate([m.ravel() for m in labels])
    within = sum(((x[y == j] - x[y == j].mean(0)) ** 2).sum() for j in np.unique(y))
    return max(0.0, 1 - float(within / (x**2).sum()))


def _persistence(labels: list[np.ndarray]) -> float:
    """Return the chance-corrected agreement of labels `REACH` steps apart along both axes."""
    pairs = [(m[REACH:] == m[:-REACH], m[:, REACH:] == m[:, :-REACH]) for m in labels]
    agreement = np.mean([np.concatenate([a.ravel(), b.ravel()]).mean() for a, b in pairs])
    chance = np.mean([((np.bincount(m.ravel()) / m.size) ** 2).sum() for m in labels])
    return max(0.0, float((agreement - chance) / (1 - chance + 1e-9)))
