"""What features="auto", pooling="auto" and whitening="auto" come to, read off the images."""

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
    """Return the settings that were asked for, "auto" replaced by what fits the images.

    `texture_pooling` is the pooling at which textures show; `choose_features()`, which takes time,
    says which features fit the images.
    """
    if features == "auto" and pooling != "auto":
        features = "texture"  # with a scale of the user's own, the features of that scale are meant
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
    # Where variance is to be kept, brightness is a part of it.
    two_views = features == "texture" and whitening
    contrast_sigma = min(2 * float(pooling), MAX_CONTRAST_SIGMA) if two_views else 0
    return FeatureSettings(features, float(pooling), float(whitening), float(contrast_sigma))


SIGMA = 8.0  # pooling at which textures show, in pixels; less in small images
SIGMAS_PER_SIDE = 32
LAG = 5  # of the pairs that have to agree, in steps of half a sigma
REACH = 8  # the same: 4 sigma apart, pooling alone leaves a correlation of 2 %
STRIP = 64  # steps that are computed at once
N_COMPONENTS = 16
N_SEGMENTS = (3, 4, 5)  # evidence is a mean over these, since the number is not known yet
N_SAMPLES = 12_000
N_CROPS = 8  # of at most `BUDGET` pixels together
BUDGET = 1_000_000
# Between what images of textures reach (0.40 and more) and other sets do (0.33 and less).
THRESHOLD = 0.385

SPECTRUM = 16  # with more channels, pixels tell more than neighborhoods do
# Below, colors look like one Gaussian (alloys: 0.01); no other set measured came below 0.12.
LEAST_GAP = 0.06
# Evidence for texture is a product of two shares, that for color is one: it counts a little less.
COLOR_WEIGHT = 0.85

Maps = list[np.ndarray]  # (H, W, F) of every image


class Evidence(NamedTuple):
    """How much speaks for texture, and how much for color, each in [0, 1].

    `gap` is how much better colors cluster than a Gaussian of the same covariance would.
    """

    texture: float
    color: float
    gap: float

    @property
    def textured(self) -> bool:
        """Whether texture separates the segments."""
        return self.texture > max(THRESHOLD, COLOR_WEIGHT * self.color)

    @property
    def features(self) -> str:
        """The features that fit: "intensity+texture" if neither texture nor color stands out."""
        if self.textured:
            return "texture"
        return "intensity" if self.gap > LEAST_GAP else "intensity+texture"


def measure_evidence(
    readers: Sequence[TileReader], images: Sequence[np.ndarray], rng: np.random.Generator
) -> Evidence:
    """Measure how much speaks for textures, and how much for colors.

    Features are pooled widely, whitened by coherence and clustered, once for each of two
    independently drawn networks. Textures are really there if the segments of one network explain
    the codes of the other (it is in the images, not in the weights), *and* if segments reach
    further than pooling alone makes them reach: the evidence is the product of both, the mean over
    the images as they are and those of normalized local contrast, where colors leave no trace.
    Colors need no pooling, so that for them it is enough to reach far.
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
    """Draw images with room for textures; none where there is no need for them."""
    if sigma < 1 or images[0].shape[2] > SPECTRUM:
        return []
    large = [image for image in images if min(image.shape[:2]) >= 8 * sigma]
    return [large[i] for i in rng.permutation(len(large))[:N_CROPS]]


def texture_scale(images: Sequence[np.ndarray]) -> float:
    """Return the pooling that suits textures: a part of the typical image's shorter side."""
    side = float(np.median([min(image.shape[:2]) for image in images]))
    return min(SIGMA, side / SIGMAS_PER_SIDE)


def _view_codes(grid: Sequence[tuple[np.ndarray, np.ndarray]], view: int) -> Maps:
    """Coherent codes of one of the two views, from grids of features and pixels."""
    return _code_maps([np.split(features, 2, axis=2)[view] for features, _ in grid])


def _code_maps(maps: Maps) -> Maps:
    """Coherent codes of pooled features on a grid, best first."""
    means = [m.mean((0, 1), dtype=np.float64) for m in maps]
    pairs = [neighbors(m, LAG) for m in maps]
    ends = (
        np.concatenate([rows[i] - mean for rows, mean in zip(pairs, means, strict=True)])
        for i in (0, 1)
    )
    axes, _ = coherence_axes(*pair_covariances(*ends), N_COMPONENTS, whitening=1)
    return [((m - np.mean(means, 0)) @ axes).astype(np.float32) for m in maps]


def _color_maps(maps: Maps) -> Maps:
    """Whitened principal colors of pixels on a grid."""
    axes = color_axes(np.concatenate([flatten_map(m) for m in maps]))
    return [m @ axes for m in maps]


def _grid(
    reader: TileReader, image: np.ndarray, sigma: float, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Features of two views, and pixels, on a grid over the middle of an image, strip by strip."""
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
    """Log of the share of variance that clusters leave in a Gaussian over what they leave here.

    The gap statistic, over a Gaussian (R. Tibshirani, G. Walther, T. Hastie, "Estimating the
    number of clusters in a data set via the gap statistic", JRSS B 63, 2001), mean over k.
    """
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.concatenate([flatten_map(m) for m in maps]))[:N_SAMPLES]
    covariance = np.cov(rows.T).reshape(rows.shape[1], -1)
    null = rng.multivariate_normal(rows.mean(0), covariance, len(rows))
    ratios = [variance_left(null, k, seed) / variance_left(rows, k, seed) for k in N_SEGMENTS]
    return float(np.mean(np.log(ratios)))


def variance_left(rows: np.ndarray, k: int, seed: int) -> float:
    """Return the share of the variance of rows (n, F) that k-means leaves within k clusters."""
    inertia = KMeans(k, n_init=5, random_state=seed).fit(rows).inertia_
    return float(inertia / ((rows - rows.mean(0)) ** 2).sum() + 1e-12)


def _explained(labels: list[np.ndarray], codes: Maps, n: int) -> float:
    """Share of the variance of the `n` leading codes that the labels explain."""
    x = np.concatenate([flatten_map(m)[:, :n] for m in codes])
    x = (x - x.mean(0)) / (x.std(0) + 1e-9)
    y = np.concatenate([m.ravel() for m in labels])
    within = sum(((x[y == j] - x[y == j].mean(0)) ** 2).sum() for j in np.unique(y))
    return max(0.0, 1 - float(within / (x**2).sum()))


def _persistence(labels: list[np.ndarray]) -> float:
    """Chance-corrected agreement of labels `REACH` steps apart, across and down."""
    pairs = [(m[REACH:] == m[:-REACH], m[:, REACH:] == m[:, :-REACH]) for m in labels]
    agreement = np.mean([np.concatenate([a.ravel(), b.ravel()]).mean() for a, b in pairs])
    chance = np.mean([((np.bincount(m.ravel()) / m.size) ** 2).sum() for m in labels])
    return max(0.0, float((agreement - chance) / (1 - chance + 1e-9)))
