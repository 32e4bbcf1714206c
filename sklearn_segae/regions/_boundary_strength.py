"""Strength of the boundaries between neighboring regions."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.linalg import eigh
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from ._region_graph import RegionGraph
from ._watershed import color_tensor, fine_regions, smooth

SIGMAS = (2, 4)  # scales of the color gradients, in pixels
PHOTOGRAPHS = (0.53, 0.49)  # typical gradients of photographs at these scales
N_WORDS = 32
N_SAMPLES = 4000  # pixels that words are learnt from
EXPONENT = 1.25  # of the joint probability; above 1 favors frequent pairs
ACROSS = 10.0  # weight of pairs across boundaries, relative to pairs within regions
UNIFORM = 0.01  # share of a uniform distribution, for pairs that do not occur
COMMON = 10  # percentile of the negative PMI that becomes 0
TYPICAL_PMI = 1.25  # typical negative PMI on photographs
PMI_WEIGHT = 2.0  # relative to gradients
TEMPERATURE = 0.35  # strength at which affinity drops to 1 / e
LEAST_AFFINITY = 1e-6  # keeps the graph connected
N_VECTORS = 16
SPECTRAL = 33.0  # typical spectral distance on photographs
# Regions. Below, the typical distance falls as the root of their number: a graph of half of them
# has eigenvalues twice as large. Otherwise small crops of photographs would be a single segment.
SMALL = 350
SPECTRAL_WEIGHT = 1.5  # relative to the local strength


def boundary_strength(
    graph: RegionGraph,
    colors: np.ndarray,
    codes: np.ndarray | None = None,
    units: Sequence[float] | np.ndarray = PHOTOGRAPHS,
    seed: int = 0,
) -> np.ndarray:
    """Return the strength (n_edges,) of every boundary, about 1 for a typical one.

    Combines color gradients, the negative pointwise mutual information of quantized colors and
    codes, and the eigenvectors of the whole graph, which close outlines that are weak in places.
    """
    maps = [smooth(colors, 1)] + ([] if codes is None else [codes])
    pmi = [negative_pmi(graph, quantize(m, seed)) for m in maps]
    local = gradient_strength(graph, colors, units)
    local = local + PMI_WEIGHT * np.mean(pmi, axis=0) / TYPICAL_PMI
    local = local / (1 + PMI_WEIGHT)
    typical = SPECTRAL * np.sqrt(min(1, len(graph.area) / SMALL))
    overall = spectral_distance(graph, local) / typical
    return (local + SPECTRAL_WEIGHT * overall) / (1 + SPECTRAL_WEIGHT)


def typical_gradients(color_images: Iterable[np.ndarray]) -> np.ndarray:
    """Return the mean gradient across the boundaries of fine regions, for each of `SIGMAS`.

    Images (H, W, c) without boundaries are left out; if none has any, the means are 1.
    """
    pairs = ((RegionGraph(fine_regions(colors)), colors) for colors in color_images)
    means = [
        [graph.gradient(color_tensor(colors, sigma)).mean() for sigma in SIGMAS]
        for graph, colors in pairs
        if len(graph.length)
    ]
    typical = np.mean(means or [[1.0] * len(SIGMAS)], axis=0)
    return np.where(typical > 0, typical, 1.0)


def gradient_strength(
    graph: RegionGraph, colors: np.ndarray, units: Sequence[float] | np.ndarray = PHOTOGRAPHS
) -> np.ndarray:
    """Return the color gradient across every boundary, in units of typical ones."""
    parts = [
        graph.gradient(color_tensor(colors, sigma)) / unit
        for sigma, unit in zip(SIGMAS, units, strict=True)
    ]
    return np.mean(parts, axis=0)


def quantize(maps: np.ndarray, seed: int) -> np.ndarray:
    """Cluster the pixels of a map (H, W, c); return words (H, W), 0 to `N_WORDS` - 1."""
    rows = maps.reshape(-1, maps.shape[2])
    sample = rows[np.random.default_rng(seed).permutation(len(rows))[:N_SAMPLES]]
    model = KMeans(min(N_WORDS, len(sample)), n_init=1, max_iter=20, random_state=seed)
    with warnings.catch_warnings():  # an image may have fewer colors than words
        warnings.simplefilter("ignore", ConvergenceWarning)
        words = model.fit(sample).predict(rows)
    return np.unique(words, return_inverse=True)[1].reshape(maps.shape[:2])


def negative_pmi(graph: RegionGraph, words: np.ndarray) -> np.ndarray:
    """Return the negative pointwise mutual information of the words on both sides, >= 0.

    It is averaged over all pairs of pixels of both regions. It distinguishes the boundaries of
    objects from those within their texture [1]_.

    References
    ----------
    .. [1] P. Isola, D. Zoran, D. Krishnan, E. Adelson, "Crisp boundary detection using pointwise
       mutual information", ECCV 2014, doi:10.1007/978-3-319-10578-9_52.
    """
    shares = word_shares(graph, words)
    joint = joint_distribution(graph, shares)
    alone = np.log(joint.sum(0))
    information = EXPONENT * np.log(joint) - alone[:, None] - alone
    value = -((shares[graph.first] @ information) * shares[graph.second]).sum(1)
    return np.maximum(value - np.percentile(value, COMMON), 0)


def word_shares(graph: RegionGraph, words: np.ndarray) -> np.ndarray:
    """Return the share (n_regions, n_words) of every word in every region."""
    n_regions, n_words = len(graph.area), int(words.max()) + 1
    cells = graph.regions.ravel() * n_words + words.ravel()
    counts = np.bincount(cells, minlength=n_regions * n_words).reshape(n_regions, n_words)
    return counts / graph.area[:, None]


def joint_distribution(graph: RegionGraph, shares: np.ndarray) -> np.ndarray:
    """Return the probability (n_words, n_words) that two words occur near each other."""
    within = (shares.T * graph.area) @ shares / graph.area.sum()
    across = (shares[graph.first].T * graph.length) @ shares[graph.second]
    across = (across + across.T) / (2 * graph.length.sum())
    joint = (within + ACROSS * across) / (1 + ACROSS)
    return (joint + UNIFORM / joint.size) / (1 + UNIFORM)


def spectral_distance(graph: RegionGraph, strength: np.ndarray) -> np.ndarray:
    """Sum the differences of eigenvectors of normalized cuts [1]_ across every boundary.

    Each eigenvector is divided by the square root of its eigenvalue, as in gPb [2]_.

    References
    ----------
    .. [1] J. Shi, J. Malik, "Normalized cuts and image segmentation", IEEE Transactions on Pattern
       Analysis and Machine Intelligence 22, 2000, doi:10.1109/34.868688.
    .. [2] P. Arbelaez, M. Maire, C. Fowlkes, J. Malik, "Contour detection and hierarchical image
       segmentation", ibid. 33, 2011, doi:10.1109/TPAMI.2010.161.
    """
    n = len(graph.area)
    affinity = np.zeros((n, n))
    weight = np.exp(-strength / TEMPERATURE) + LEAST_AFFINITY
    weight *= graph.length / graph.length.mean()
    affinity[graph.first, graph.second] = affinity[graph.second, graph.first] = weight
    degree = affinity.sum(1)
    root = 1 / np.sqrt(degree)
    laplacian = np.eye(n) - root[:, None] * affinity * root
    values, vectors = eigh(laplacian, subset_by_index=[0, min(N_VECTORS, n - 1)])
    vectors = vectors[:, 1:] * root[:, None] * np.sqrt(degree.sum() / np.maximum(values[1:], 1e-6))
    return np.abs(vectors[graph.first] - vectors[graph.second]).sum(1)
