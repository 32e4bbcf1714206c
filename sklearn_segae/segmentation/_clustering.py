"""Model selection for clustering: number of segments, and choice among k-means solutions."""

from __future__ import annotations

from inspect import signature
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from ..encoding._gap_statistic import variance_left
from ._gaussian_mixture import shrunk_covariance
from ._grid_sample import GridSample

MOST = 12  # maximum number of segments
N_SAMPLES = 6_000
POWER = 0.5


def count_clusters(codes: np.ndarray, seed: int) -> int:
    """Return the number of clusters of codes (n, F), 2 to `MOST`, by the jump method [1]_.

    Select the k with the largest increase of d(k)**-POWER, where d(k) is the share of variance
    within k clusters of k-means. The paper's power for spherical clusters is half the number of
    dimensions; codes of segments vary along few directions, so `POWER` assumes one.

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
    """Set the number of clusters of a clusterer if it has its default value."""
    parameters = clusterer.get_params(deep=False)
    name = next((n for n in ("n_clusters", "n_components") if n in parameters), None)
    if name is None or parameters[name] != signature(type(clusterer)).parameters[name].default:
        return clusterer
    return clone(clusterer).set_params(**{name: n_segments})


def count_of(clusterer: Any, n_segments: int) -> int:
    """Return the number of clusters that `with_segments` gives a clusterer, if known."""
    if clusterer is None:
        return n_segments
    parameters = with_segments(clusterer, n_segments).get_params(deep=False)
    number = parameters.get("n_clusters", parameters.get("n_components"))
    return int(number) if isinstance(number, Integral) else n_segments


def mean_variance(clusterer: Any, codes: np.ndarray) -> float:
    """Return the variance of the codes around their nearest center, per dimension."""
    if hasattr(clusterer, "predict_proba") or not hasattr(clusterer, "transform"):
        return np.nan
    distances = np.asarray(clusterer.transform(codes))  # may be a frame, see `set_output`
    return float((distances.min(1) ** 2).mean() / codes.shape[1]) or 1.0


N_STARTS = 20
N_ROWS = 8_000  # that k-means is fitted to
SAME = 1.0005  # ratio of inertias below which two solutions count as equal
# Of the log inertia of wide codes, in nats. Independent Gaussians would need half the number of
# codes; less is right since neighbors share wide codes more. Measured: 1 to 4 perform alike.
WEIGHT = 4.0
RIDGE = 0.3  # share of the identity in covariances, limits the influence of small variances
INSIDE = 1.0  # minimum distance from borders, in units of `pooling`
ENOUGH = 40  # minimum number of points for a covariance
N_PATCH_COMPONENTS = 16


def choose_optimum(survey: GridSample, n_segments: int, n_places: int, seed: int) -> KMeans:
    """Fit k-means to wide codes repeatedly; return the solution with the shortest description.

    Solutions with almost equal inertia can differ much: merging two textures and splitting a third
    changes the inertia of wide codes little. Solutions are therefore compared by narrow codes and
    patches too. The description length [1]_ is `WEIGHT` times the log inertia plus half the
    log-determinant of the covariance of narrow codes and patches within segments, averaged over
    all points.

    References
    ----------
    .. [1] Y. Ma, H. Derksen, W. Hong, J. Wright, "Segmentation of multivariate mixed data via lossy
       data coding and compression", IEEE PAMI 29, 2007, doi:10.1109/TPAMI.2007.1085.
    """
    chosen = np.random.default_rng(seed).permutation(len(survey))[:n_places]
    optima = _distinct_optima(survey.wide[chosen[:N_ROWS]], n_segments, seed)
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
    """Return narrow codes and principal components of patches, scaled to unit variance."""
    patches = survey.patches()[chosen]
    n_components = min(N_PATCH_COMPONENTS, len(chosen))
    rows = np.hstack([survey.narrow[chosen], PCA(n_components).fit_transform(patches)])
    return rows / (rows.std(0) + 1e-12)


def _distinct_optima(rows: np.ndarray, n_segments: int, seed: int) -> list[KMeans]:
    """Return the distinct solutions of k-means from `N_STARTS` initializations, best first."""
    seeds = np.random.default_rng(seed).integers(2**31, size=N_STARTS)
    fits = [KMeans(n_segments, random_state=int(s)).fit(rows) for s in seeds]
    fits.sort(key=lambda fit: fit.inertia_)
    distinct = fits[:1]
    for fit in fits[1:]:
        if fit.inertia_ > SAME * distinct[-1].inertia_:
            distinct.append(fit)
    return distinct


def _log_spread(rows: np.ndarray, labels: np.ndarray, inside: np.ndarray) -> float:
    """Return half the log-determinant of the covariance within segments, averaged over rows."""
    total = 0.0
    for value in np.unique(labels):
        own = labels == value
        sure = own & inside
        part = rows[sure if sure.sum() >= ENOUGH else own]
        _, log_determinant = np.linalg.slogdet(shrunk_covariance(part, RIDGE))
        total += own.mean() * log_determinant / 2
    return total
