"""What features="auto", pooling="auto" and whitening="auto" come to, read off the images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans

from ..networks._pixel_autoencoder import PixelAutoencoder
from ._codes import WIDEST_LIGHT, FeatureSettings
from ._feature_sampling import grid_features
from ._pooling import TwoViewNetwork
from ._projection import coherence_axes, color_axes, pair_covariances


def resolve_settings(
    features: str,
    pooling: float | str,
    whitening: float | str,
    widest: float,
    weigh: Callable[[], str],
) -> FeatureSettings:
    """Return the look that was asked for, "auto" replaced by what fits the images.

    `widest` is the pooling at which textures show; `weigh()` looks for the features: it takes time.
    """
    if features == "auto" and pooling != "auto":
        features = "texture"  # with a scale of the user's own, the features of that scale are meant
    seen = features
    if features == "auto" or (features == "texture" and whitening == "auto"):
        seen = weigh()
    features = seen if features == "auto" else features
    if pooling == "auto":
        pooling = {
            "texture": widest,
            "multiscale": widest,
            "intensity+texture": widest / 2,
            "intensity": 1,
        }[features]
    if whitening == "auto":  # "multiscale" is told by labels
        whitening = 0 if features == "texture" and seen != "texture" else 1
    # The brightness of textures is looked through, unless variance is to be kept.
    light = min(2 * float(pooling), WIDEST_LIGHT) if features == "texture" and whitening else 0
    return FeatureSettings(features, float(pooling), float(whitening), float(light))


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
# Below, colors look like one Gaussian (alloys: 0.01); nothing else looked at came below 0.12.
LEAST_GAP = 0.06
# Evidence for texture is a product of two shares, that for color is one: it counts a little less.
COLOR_WEIGHT = 0.85

CodeMaps = list[np.ndarray]


class Evidence(NamedTuple):
    """How much speaks for texture, and how much for color, each in [0, 1].

    `gap` is how much better colors cluster than a Gaussian of the same covariance would.
    """

    texture: float
    color: float
    gap: float

    @property
    def textured(self) -> bool:
        """Whether texture tells the segments apart."""
        return self.texture > max(THRESHOLD, COLOR_WEIGHT * self.color)

    @property
    def features(self) -> str:
        """What to look at: "intensity+texture" if neither texture nor color stands out."""
        return (
            "texture"
            if self.textured
            else "intensity"
            if self.gap > LEAST_GAP
            else "intensity+texture"
        )


def measure_evidence(
    networks: Sequence[PixelAutoencoder],
    images: Sequence[np.ndarray],
    scale: np.ndarray,
    rng: np.random.Generator,
) -> Evidence:
    """Look for textures and for colors in the images.

    Features are pooled widely, whitened by coherence and clustered, once for each of two
    independently drawn networks. Textures are really there if the segments of one network explain
    the codes of the other (it is in the images, not in the weights), *and* if segments reach
    further than pooling alone makes them reach: the evidence is the product of both, the mean over
    the images as they are and without local brightness and contrast, where colors leave no trace.
    Colors need no pooling, so that for them it is enough to reach far.
    """
    side = int((BUDGET / min(len(images), N_CROPS)) ** 0.5)
    sigma = texture_scale(images)
    large = [image for image in images if min(image.shape[:2]) >= 8 * sigma]
    if not large or sigma < 1 or images[0].shape[2] > SPECTRUM:
        return Evidence(0, 0, 1)  # no room for textures, or no need
    chosen = [large[i] for i in rng.permutation(len(large))[:N_CROPS]]
    readers = [TwoViewNetwork(network, 2 * sigma) for network in networks]
    grids = [[_grid(r, image, scale, sigma, side) for image in chosen] for r in readers]
    colors = _color_maps([pixels for _, pixels in grids[0]])
    seed = int(rng.integers(2**31))
    readings = [
        [_code_maps([np.split(features, 2, axis=2)[i] for features, _ in grid]) for grid in grids]
        for i in (0, 1)
    ]
    texture = np.mean([_evidence(codes, k, seed) for codes in readings for k in N_SEGMENTS])
    color = np.mean([_persistence(_segment(colors, k, seed)) for k in N_SEGMENTS])
    return Evidence(float(texture), float(color), _gap(colors, seed))


def texture_scale(images: Sequence[np.ndarray]) -> float:
    """Return the pooling that suits textures: a part of the typical image's shorter side."""
    side = float(np.median([min(image.shape[:2]) for image in images]))
    return min(SIGMA, side / SIGMAS_PER_SIDE)


def _code_maps(maps: CodeMaps) -> CodeMaps:
    """Coherent codes of pooled features on a grid, best first."""
    first = [np.concatenate([_flat(m[:-LAG]), _flat(m[:, :-LAG])]) for m in maps]
    second = [np.concatenate([_flat(m[LAG:]), _flat(m[:, LAG:])]) for m in maps]
    means = [m.mean((0, 1), dtype=np.float64) for m in maps]
    ends = [
        np.concatenate([rows - mean for rows, mean in zip(end, means, strict=True)])
        for end in (first, second)
    ]
    axes, _ = coherence_axes(*pair_covariances(*ends), N_COMPONENTS, whitening=1)
    return [((m - np.mean(means, 0)) @ axes).astype(np.float32) for m in maps]


def _color_maps(maps: CodeMaps) -> CodeMaps:
    """Whitened principal colors of pixels on a grid."""
    axes = color_axes(np.concatenate([_flat(m) for m in maps]))
    return [m @ axes for m in maps]


def _grid(
    network: TwoViewNetwork, image: np.ndarray, scale: np.ndarray, sigma: float, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pooled features, and pixels, of a grid over the middle of an image, a strip at a time."""
    (top, bottom), (left, right) = (
        (max(0, (size - side) // 2), min(size, (size + side) // 2)) for size in image.shape[:2]
    )
    step = max(1, round(sigma / 2))
    strips = []
    for start in range(top, bottom, STRIP * step):
        tile = slice(start, min(start + STRIP * step, bottom)), slice(left, right)
        strips.append(grid_features(network, image, scale, tile, sigma, step))
    features, pixels = np.split(np.concatenate(strips), [-image.shape[2]], axis=2)
    return features, pixels


def _evidence(codes: Sequence[CodeMaps], k: int, seed: int) -> float:
    labels = [_segment(maps, k, seed) for maps in codes]
    shared = [_explained(labels[i], codes[1 - i], k - 1) for i in (0, 1)]
    return float(np.mean(shared) * np.mean([_persistence(maps) for maps in labels]))


def _segment(maps: CodeMaps, k: int, seed: int) -> list[np.ndarray]:
    rows = np.concatenate([_flat(m) for m in maps])
    sample = np.random.default_rng(seed).permutation(rows)[:N_SAMPLES]
    model = KMeans(k, n_init=5, random_state=seed).fit(sample)
    return [model.predict(_flat(m)).reshape(m.shape[:2]) for m in maps]


def _gap(maps: CodeMaps, seed: int) -> float:
    """Log of the share of variance that clusters leave in a Gaussian over what they leave here.

    The gap statistic, over a Gaussian (R. Tibshirani, G. Walther, T. Hastie, "Estimating the
    number of clusters in a data set via the gap statistic", JRSS B 63, 2001), mean over k.
    """
    rng = np.random.default_rng(seed)
    rows = rng.permutation(np.concatenate([_flat(m) for m in maps]))[:N_SAMPLES]
    covariance = np.cov(rows.T).reshape(rows.shape[1], -1)
    null = rng.multivariate_normal(rows.mean(0), covariance, len(rows))
    ratios = [_left(null, k, seed) / _left(rows, k, seed) for k in N_SEGMENTS]
    return float(np.mean(np.log(ratios)))


def _left(rows: np.ndarray, k: int, seed: int) -> float:
    inertia = KMeans(k, n_init=5, random_state=seed).fit(rows).inertia_
    return float(inertia / ((rows - rows.mean(0)) ** 2).sum() + 1e-12)


def _explained(labels: list[np.ndarray], codes: CodeMaps, n: int) -> float:
    """Share of the variance of the `n` leading codes that the labels explain."""
    x = np.concatenate([_flat(m)[:, :n] for m in codes])
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


def _flat(maps: np.ndarray) -> np.ndarray:
    return maps.reshape(-1, maps.shape[2])
