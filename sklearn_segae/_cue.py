"""What tells the segments apart: colour or texture? Read off the images, without labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.cluster import KMeans

from ._coherence import coherence_axes, pair_covariances
from ._projection import grid_features
from .networks import PixelAutoencoder

SIGMA = 8.0  # pooling at which textures show, in pixels
STEP = 4  # pooled features are looked at on every so manyth pixel
STRIP = 64 * STEP  # rows that are computed at once
LAG = 5  # in steps: 2.5 sigma
REACH = 8  # in steps: 4 sigma apart, pooling alone leaves a correlation of 2 %
N_COMPONENTS = 16
N_SEGMENTS = (3, 4, 5)  # evidence is a mean over these, since the number is not known yet
N_SAMPLES = 12_000
N_CROPS = 8  # of at most `BUDGET` pixels together
BUDGET = 1_000_000
# Between what images of textures reach (0.46 and more) and other images do (0.38 and less).
THRESHOLD = 0.42

CodeMaps = list[np.ndarray]


def texture_evidence(
    networks: Sequence[PixelAutoencoder],
    images: Sequence[np.ndarray],
    scale: np.ndarray,
    rng: np.random.Generator,
) -> float:
    """Return how much speaks for textures, in [0, 1].

    Features are pooled widely, whitened by coherence and clustered, once for each of two
    independently drawn networks. Textures are really there if the segments of one network explain
    the codes of the other (it is in the images, not in the weights), *and* if segments reach
    further than pooling alone makes them reach. Evidence is the product of both.
    """
    side = int((BUDGET / min(len(images), N_CROPS)) ** 0.5)
    large = [image for image in images if min(image.shape[:2]) >= 8 * SIGMA]
    if not large:
        return 0.0  # no room for textures of that scale
    chosen = [large[i] for i in rng.permutation(len(large))[:N_CROPS]]
    codes = [_code_maps(network, chosen, scale, side) for network in networks]
    seed = int(rng.integers(2**31))
    return float(np.mean([_evidence(codes, k, seed) for k in N_SEGMENTS]))


def _code_maps(
    network: PixelAutoencoder,
    images: Sequence[np.ndarray],
    scale: np.ndarray,
    side: int,
) -> CodeMaps:
    """Coherent codes of the middle of every image on a grid, each of unit variance, best first."""
    maps = [_grid(network, image, scale, side) for image in images]
    first = [np.concatenate([_flat(m[:-LAG]), _flat(m[:, :-LAG])]) for m in maps]
    second = [np.concatenate([_flat(m[LAG:]), _flat(m[:, LAG:])]) for m in maps]
    means = [m.mean((0, 1), dtype=np.float64) for m in maps]
    ends = [
        np.concatenate([rows - mean for rows, mean in zip(end, means, strict=True)])
        for end in (first, second)
    ]
    axes, _ = coherence_axes(*pair_covariances(*ends), N_COMPONENTS, whitening=1)
    return [((m - np.mean(means, 0)) @ axes).astype(np.float32) for m in maps]


def _grid(network: PixelAutoencoder, image: np.ndarray, scale: np.ndarray, side: int) -> np.ndarray:
    """Pooled features of a grid over the middle of an image, computed a strip at a time."""
    (top, bottom), (left, right) = (
        (max(0, (size - side) // 2), min(size, (size + side) // 2)) for size in image.shape[:2]
    )
    strips = []
    for start in range(top, bottom, STRIP):
        tile = slice(start, min(start + STRIP, bottom)), slice(left, right)
        strips.append(grid_features(network, image, scale, tile, SIGMA, STEP))
    return np.concatenate(strips)[..., : -image.shape[2]]


def _evidence(codes: Sequence[CodeMaps], k: int, seed: int) -> float:
    labels = [_segment(maps, k, seed) for maps in codes]
    shared = [_explained(labels[i], codes[1 - i], k - 1) for i in (0, 1)]
    return float(np.mean(shared) * np.mean([_persistence(maps) for maps in labels]))


def _segment(maps: CodeMaps, k: int, seed: int) -> list[np.ndarray]:
    rows = np.concatenate([_flat(m) for m in maps])
    sample = np.random.default_rng(seed).permutation(rows)[:N_SAMPLES]
    model = KMeans(k, n_init=5, random_state=seed).fit(sample)
    return [model.predict(_flat(m)).reshape(m.shape[:2]) for m in maps]


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
