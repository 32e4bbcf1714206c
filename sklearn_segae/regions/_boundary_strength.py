"""How strongly the borders between neighboring regions part them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.linalg import eigh
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from ._region_graph import RegionGraph
from ._watershed import color_tensor, fine_regions, smooth

SIGMAS = (2, 4)  # of the colors whose gradients count, in pixels
PHOTOGRAPHS = (0.53, 0.49)  # typical gradients at these
N_WORDS = 32
N_SAMPLES = 4000  # pixels that words are learnt from
EXPONENT = 1.25  # of the joint probability: what is frequent belongs together all the more
ACROSS = 10.0  # weight of pairs across borders, for one of pairs inside a region
UNIFORM = 0.01  # share of a uniform distribution: what was not seen may still happen
COMMON = 10  # percentile of surprise that counts as none
SURPRISE = 1.25  # a typical one on photographs
SURPRISE_WEIGHT = 2.0  # for one of gradients
TEMPERATURE = 0.35  # strength at which affinity drops to 1 / e
LEAST_AFFINITY = 1e-6  # ties the graph together, however strong its borders are
N_VECTORS = 16
SPECTRAL = 33.0  # a typical sum of differences on photographs,
SMALL = 350  # which have more regions than this: with fewer, it falls as the root of their number
SPECTRAL_WEIGHT = 1.5  # for one of what neighbors say


def border_strength(
    borders: RegionGraph,
    colors: np.ndarray,
    codes: np.ndarray | None = None,
    units: Sequence[float] | np.ndarray = PHOTOGRAPHS,
    seed: int = 0,
) -> np.ndarray:
    """Return the strength (n_borders,) of every border, about 1 for a typical one.

    Gradients of colors, surprise of words that colors and codes are read as, and, since an
    object's outline is weak in places, what the eigenvectors of the whole graph make of both.
    """
    maps = [smooth(colors, 1)] + ([] if codes is None else [codes])
    surprises = [negative_pmi(borders, quantize(m, seed)) for m in maps]
    local = gradient_strength(borders, colors, units)
    local = local + SURPRISE_WEIGHT * np.mean(surprises, axis=0) / SURPRISE
    local = local / (1 + SURPRISE_WEIGHT)
    overall = spectral_distance(borders, local) / typical_distance(len(borders.area))
    return (local + SPECTRAL_WEIGHT * overall) / (1 + SPECTRAL_WEIGHT)


def typical_gradients(color_images: Iterable[np.ndarray]) -> np.ndarray:
    """Average the gradients across the fine borders of color images (H, W, c), per sigma.

    Images without a border do not count; without any that has one, the answer is 1.
    """
    borders = ((RegionGraph(fine_regions(colors)), colors) for colors in color_images)
    ones = [1.0] * len(SIGMAS)
    means = [
        [b.gradient(color_tensor(colors, sigma)).mean() for sigma in SIGMAS]
        for b, colors in borders
        if len(b.length)
    ]
    typical = np.mean(means or [ones], axis=0)
    return np.where(typical > 0, typical, 1.0)


def gradient_strength(
    borders: RegionGraph, colors: np.ndarray, units: Sequence[float] | np.ndarray = PHOTOGRAPHS
) -> np.ndarray:
    """Average over `SIGMAS` the color gradients across every border, in typical ones."""
    parts = [
        borders.gradient(color_tensor(colors, sigma)) / unit
        for sigma, unit in zip(SIGMAS, units, strict=True)
    ]
    return np.mean(parts, axis=0)


def quantize(maps: np.ndarray, seed: int) -> np.ndarray:
    """Cluster the pixels of (H, W, c): a word from 0 to `N_WORDS` - 1 for each, (H, W)."""
    rows = maps.reshape(-1, maps.shape[2])
    sample = rows[np.random.default_rng(seed).permutation(len(rows))[:N_SAMPLES]]
    model = KMeans(min(N_WORDS, len(sample)), n_init=1, max_iter=20, random_state=seed)
    with warnings.catch_warnings():  # of fewer colors than words, which are welcome
        warnings.simplefilter("ignore", ConvergenceWarning)
        words = model.fit(sample).predict(rows)
    return np.unique(words, return_inverse=True)[1].reshape(maps.shape[:2])


def negative_pmi(borders: RegionGraph, words: np.ndarray) -> np.ndarray:
    """Return how little the words on either side of a border go together in this image, >= 0.

    Minus their pointwise mutual information, which tells the edges of an object from those of the
    pattern on it [1]_, averaged over all pairs of pixels of both regions.

    References
    ----------
    .. [1] P. Isola, D. Zoran, D. Krishnan, E. Adelson, "Crisp boundary detection using pointwise
       mutual information", ECCV 2014, doi:10.1007/978-3-319-10578-9_52.
    """
    shares = word_shares(borders, words)
    joint = joint_distribution(borders, shares)
    alone = np.log(joint.sum(0))
    information = EXPONENT * np.log(joint) - alone[:, None] - alone
    value = -((shares[borders.first] @ information) * shares[borders.second]).sum(1)
    return np.maximum(value - np.percentile(value, COMMON), 0)


def word_shares(borders: RegionGraph, words: np.ndarray) -> np.ndarray:
    """Return the share (n_regions, n_words) of every word in every region."""
    n_regions, n_words = len(borders.area), int(words.max()) + 1
    places = borders.regions.ravel() * n_words + words.ravel()
    counts = np.bincount(places, minlength=n_regions * n_words).reshape(n_regions, n_words)
    return counts / borders.area[:, None]


def joint_distribution(borders: RegionGraph, shares: np.ndarray) -> np.ndarray:
    """Return the probability (n_words, n_words) of meeting two words near each other."""
    within = (shares.T * borders.area) @ shares / borders.area.sum()
    across = (shares[borders.first].T * borders.length) @ shares[borders.second]
    across = (across + across.T) / (2 * borders.length.sum())
    joint = (within + ACROSS * across) / (1 + ACROSS)
    return (joint + UNIFORM / joint.size) / (1 + UNIFORM)


def typical_distance(n_regions: int) -> float:
    """Return what to divide `spectral_distance` by, so that small images have no lower heights.

    The eigenvalues of a graph of half the regions are twice as large. Measured on crops of
    photographs: without this, `RegionTree.cut` leaves those of 128 x 128 pixels in one piece.
    """
    return float(SPECTRAL * np.sqrt(min(1, n_regions / SMALL)))


def spectral_distance(borders: RegionGraph, strength: np.ndarray) -> np.ndarray:
    """Sum the differences across every border of the eigenvectors of normalized cuts [1]_.

    Each over the root of its eigenvalue, as in gPb [2]_.

    References
    ----------
    .. [1] J. Shi, J. Malik, "Normalized cuts and image segmentation", IEEE Transactions on Pattern
       Analysis and Machine Intelligence 22, 2000, doi:10.1109/34.868688.
    .. [2] P. Arbelaez, M. Maire, C. Fowlkes, J. Malik, "Contour detection and hierarchical image
       segmentation", ibid. 33, 2011, doi:10.1109/TPAMI.2010.161.
    """
    n = len(borders.area)
    affinity = np.zeros((n, n))
    weight = np.exp(-strength / TEMPERATURE) + LEAST_AFFINITY
    weight *= borders.length / borders.length.mean()
    affinity[borders.first, borders.second] = affinity[borders.second, borders.first] = weight
    degree = affinity.sum(1)
    root = 1 / np.sqrt(degree)
    laplacian = np.eye(n) - root[:, None] * affinity * root
    values, vectors = eigh(laplacian, subset_by_index=[0, min(N_VECTORS, n - 1)])
    vectors = vectors[:, 1:] * root[:, None] * np.sqrt(degree.sum() / np.maximum(values[1:], 1e-6))
    return np.abs(vectors[borders.first] - vectors[borders.second]).sum(1)
