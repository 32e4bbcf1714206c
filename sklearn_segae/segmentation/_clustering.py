"""Which clustering: how many segments, and which of the optima of k-means."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from ..encoding._auto_features import variance_left
from ._gaussian_mixture import shrunk_covariance
from ._grid_sample import GridSample

MOST = 12  # segments that are looked for
N_SAMPLES = 6_000
POWER = 0.5


def count_clusters(codes: np.ndarray, seed: int) -> int:
    """Return the number of clusters of rows (n, F), 2 to `MOST`, by the jump method [1]_.

    With d(k) the share of the variance that k-means leaves within k clusters, it is the k at which
    d(k)**-POWER rises most. The paper's power is half the number of dimensions if clusters are
    round; codes of segments vary along few directions, as if there were one.

    References
    ----------
    .. [1] C. Sugar, G. James, "Finding the number of clusters in a dataset: an
       information-theoretic approach", Journal of the American Statistical Association 98, 2003,
       doi:10.1198/016214503000000666.
    """
    rows = np.random.default_rng(seed).permutation(codes)[:N_SAMPLES]
    most = min(MOST, len(np.unique(rows, axis=0)))
    if most < 2:
        return 1
    numbers = range(2, most + 1)
    left = [variance_left(rows, k, seed) for k in numbers]
    rises = np.diff(np.maximum([1, *left], 1e-6) ** -POWER)
    return int(numbers[rises.argmax()])


def with_segments(clusterer: Any, n_segments: int) -> Any:
    """Set the number of clusters of a clusterer that was left at its default."""
    parameters = clusterer.get_params(deep=False)
    name = next((n for n in ("n_clusters", "n_components") if n in parameters), None)
    if name is None or parameters[name] != signature(type(clusterer)).parameters[name].default:
        return clusterer
    return clone(clusterer).set_params(**{name: n_segments})


def mean_variance(clusterer: Any, codes: np.ndarray) -> float:
    """Variance of the codes about their nearest center, per dimension."""
    if hasattr(clusterer, "predict_proba") or not hasattr(clusterer, "transform"):
        return np.nan
    return float((clusterer.transform(codes).min(1) ** 2).mean() / codes.shape[1]) or 1.0


N_STARTS = 20
SAME = 1.0005  # ratio of inertias below which two optima are the same one
# Of the spread of wide codes, in nats; less than half their number, as independent Gaussians would
# have it, since neighbors share wide codes more than what is seen closely. Measured: 1 to 4 alike.
WEIGHT = 4.0
RIDGE = 0.3  # share of the identity in covariances: what is nearly constant does not decide alone
INSIDE = 1.0  # poolings from the nearest border
ENOUGH = 40  # places that tell a covariance
PATCH_SIZE = 9
N_PATCH_COMPONENTS = 16


def choose_optimum(survey: GridSample, n_segments: int, n_places: int, seed: int) -> KMeans:
    """Fit k-means to wide codes from many starts; return the fit with the shortest description.

    Optima within a few per cent of the best inertia are often far apart, and the best is not always
    right: two textures merged and a third one split cost wide codes little. What is seen closely,
    which k-means was not shown, knows better: narrow codes, and patches. The description length
    [1]_ of a partition is the logarithm of its inertia, weighted, plus half the log-determinant of
    the covariance of the latter inside each segment, the mean over all places.

    References
    ----------
    .. [1] Y. Ma, H. Derksen, W. Hong, J. Wright, "Segmentation of multivariate mixed data via lossy
       data coding and compression", IEEE PAMI 29, 2007, doi:10.1109/TPAMI.2007.1085.
    """
    chosen = np.random.default_rng(seed).permutation(len(survey))[:n_places]
    optima = _distinct_optima(survey.wide[chosen], n_segments, seed)
    if len(optima) == 1:
        return optima[0]
    closely = _seen_closely(survey, chosen)
    lengths = []
    for optimum in optima:
        labels = optimum.predict(survey.wide)
        inside = survey.away_from_borders(labels)[chosen] > INSIDE
        spread = _log_spread(closely, labels[chosen], inside)
        lengths.append(WEIGHT * np.log(optimum.inertia_) + spread)
    return optima[int(np.argmin(lengths))]


def _seen_closely(survey: GridSample, chosen: np.ndarray) -> np.ndarray:
    """Narrow codes, and principal components of patches, all with a standard deviation of 1."""
    patches = survey.patches(PATCH_SIZE)[chosen]
    n_components = min(N_PATCH_COMPONENTS, len(chosen))
    rows = np.hstack([survey.narrow[chosen], PCA(n_components).fit_transform(patches)])
    return rows / (rows.std(0) + 1e-12)


def _distinct_optima(rows: np.ndarray, n_segments: int, seed: int) -> list[KMeans]:
    """Return what k-means ends in from `N_STARTS` starts, each optimum once, best first."""
    seeds = np.random.default_rng(seed).integers(2**31, size=N_STARTS)
    fits = [KMeans(n_segments, random_state=int(s)).fit(rows) for s in seeds]
    fits.sort(key=lambda fit: fit.inertia_)
    distinct = fits[:1]
    for fit in fits[1:]:
        if fit.inertia_ > SAME * distinct[-1].inertia_:
            distinct.append(fit)
    return distinct


def _log_spread(rows: np.ndarray, labels: np.ndarray, inside: np.ndarray) -> float:
    """Half the log-determinant of the covariance within segments, the mean over all rows."""
    total = 0.0
    for value in np.unique(labels):
        own = labels == value
        sure = own & inside
        part = rows[sure if sure.sum() >= ENOUGH else own]
        _, log_determinant = np.linalg.slogdet(shrunk_covariance(part, RIDGE))
        total += own.mean() * log_determinant / 2
    return total
