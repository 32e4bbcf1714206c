"""Fractions of classes and their intervals, from labeled pixels and predictions of all pixels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

MIN_BLOCKS = 100  # for a second covariate: with fewer, intervals get shorter than they should
MAX_BLOCKS = 10_000
RIDGE = 0.01  # relative; with few labels, intervals are wider with less, and with .1 with many


class Fractions(NamedTuple):
    """The fraction of every class and the bounds of its interval, each (n_classes,)."""

    fraction: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Fit(NamedTuple):
    """An intercept, its variance, and its variance if all pixels were independent."""

    value: float
    variance: float
    variance_of_pixels: float


def estimate_fractions(
    labels: np.ndarray,
    covariates: np.ndarray,
    strata: np.ndarray,
    blocks: np.ndarray,
    share: float,
    confidence: float,
) -> Fractions:
    """Estimate the fraction of every class by regression on the predictions.

    Parameters
    ----------
    labels : array of shape (n, n_classes)
        1 where a labeled pixel has the class, else 0.
    covariates : array of shape (n, n_classes, n_covariates)
        The prediction for each class at the labeled pixels and its square, minus their means over
        all pixels, so that the intercept of the regression is the mean label of all pixels. With 0
        covariates, it is the mean of the labeled pixels.
    strata : array of shape (n, n_strata)
        Further covariates, which all classes share, also minus their means over all pixels.
    blocks : array of shape (n,)
        Index of the block of each labeled pixel, from 0. Blocks are independent.
    share : float
        Share of the pixels that are labeled, in (0, 1].
    confidence : float
        Probability that an interval contains the true fraction, in (0, 1).
    """
    blocks = blocks % MAX_BLOCKS  # limits time and memory; unions of blocks are independent, too
    n_blocks, n_labels = int(blocks.max()) + 1, len(labels)
    if n_blocks < MIN_BLOCKS:
        covariates = covariates[..., :1]
    columns = zip(labels.T, covariates.swapaxes(0, 1), strict=True)
    fits = [fit_intercept(y, own, strata, blocks) for y, own in columns]
    value, variance, variance_of_pixels = np.array(fits).T
    fraction = np.maximum(value, 0)
    fraction = fraction / fraction.sum()
    # The number of independent pixels that are worth as much as the blocks.
    design_effect = variance.sum() / max(variance_of_pixels.sum(), 1e-15)
    n = float(np.clip(n_labels / max(design_effect, 1e-15), n_blocks, n_labels))
    freedom = max(n_blocks - 1 - covariates.shape[2] - strata.shape[1], 1)
    low, high = confidence_interval(fraction, variance, n, freedom, share, confidence)
    # All or none of the labels have a class: Jeffreys' interval is too short [Brown et al. 2001].
    bound = ((1 - confidence) / 2) ** (max(1 - share, 0) / n)
    high = np.where(labels.any(0), high, np.maximum(high, 1 - bound))
    low = np.where(labels.all(0), np.minimum(low, bound), low)
    return Fractions(fraction, low, high)


def fit_intercept(y: np.ndarray, own: np.ndarray, strata: np.ndarray, blocks: np.ndarray) -> Fit:
    """Regress labels on centered covariates; the variance is that of the jackknife over blocks."""
    X = np.column_stack([np.ones(len(own)), own, strata])
    order = np.argsort(blocks, kind="stable")
    starts = np.flatnonzero(np.diff(blocks[order], prepend=-1))
    grams = np.add.reduceat((X[:, :, None] * X[:, None, :])[order], starts)
    moments = np.add.reduceat((X * y[:, None])[order], starts)
    gram, moment = grams.sum(0), moments.sum(0)
    # Slopes of predictions shrink, also where they are constant or collinear; those of strata do
    # not, since the sample is biased without them.
    ridge = np.r_[0, np.full(own.shape[1], RIDGE), np.full(strata.shape[1], 1e-6)]
    gram += np.diag(ridge * np.diag(gram) + 1e-9 * (ridge > 0))
    beta = np.linalg.solve(gram, moment)
    without = np.linalg.solve(gram - grams, (moment - moments)[:, :, None])[:, 0, 0]
    influence = X @ np.linalg.solve(gram, np.eye(len(gram))[0]) * (y - X @ beta)
    variance = ((without - beta[0]) ** 2).sum() * (1 - 1 / len(starts))
    return Fit(float(beta[0]), float(variance), float((influence**2).sum()))


def confidence_interval(
    fraction: np.ndarray,
    variance: np.ndarray,
    n: float,
    freedom: int,
    share: float,
    confidence: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the intervals of Jeffreys for as many labels as would have this variance.

    Half a pixel of the class and half a pixel of another are added to `n` labels, as by Jeffreys'
    prior. The squares of their errors sum to at most 1/2, which keeps intervals wide enough if no
    error of the map is among the labels.
    """
    tail = (1 - confidence) / 2
    unseen = max(1 - share, 1e-12)
    center = (n * fraction + unseen / 2) / (n + unseen)
    variance = (n**2 * variance + 0.5) / (n + 1) ** 2 * unseen
    inflation = (stats.t.ppf(tail, freedom) / stats.norm.ppf(tail)) ** 2
    n_effective = center * (1 - center) / (variance * inflation)
    hits, misses = center * n_effective, (1 - center) * n_effective
    low, high = stats.beta.ppf(tail, hits, misses), stats.beta.ppf(1 - tail, hits, misses)
    return np.minimum(low, fraction), np.maximum(high, fraction)
