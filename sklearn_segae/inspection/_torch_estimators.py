"""Fitted estimators as differentiable functions from codes to log-probabilities."""

from __future__ import annotations

import copy
from collections.abc import Callable
from math import log
from typing import Any

import numpy as np
import torch
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from torch import Tensor

from ..segmentation._pixel_head import PixelHead

Head = Callable[[Tensor], Tensor]  # codes (..., F) -> log-probabilities (..., k) up to a constant

CENTERS = (KMeans, MiniBatchKMeans)
LINEAR = (
    LinearDiscriminantAnalysis,
    LinearSVC,
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
)


def torch_head(estimator: Any, variance: float) -> Head | None:
    """Return a fitted estimator as a differentiable function, or None if that is not possible.

    `variance` is the variance within the clusters of k-means, which the estimator does not have.
    """
    if isinstance(estimator, Pipeline):
        return _after_scaling(estimator, variance)
    if isinstance(estimator, CENTERS):
        return _distances(estimator.cluster_centers_, variance)
    if isinstance(estimator, GaussianMixture):
        return _mixture(estimator.weights_, estimator.means_, _full_covariances(estimator))
    if isinstance(estimator, LINEAR):
        return _linear(estimator.coef_, np.atleast_1d(estimator.intercept_))
    return _network(estimator) if isinstance(estimator, PixelHead) else None


def _after_scaling(pipeline: Pipeline, variance: float) -> Head | None:
    *before, last = (step for _, step in pipeline.steps)
    head = torch_head(last, variance)
    if head is None or not all(isinstance(step, StandardScaler) for step in before):
        return None
    for step in reversed(before):
        n = step.n_features_in_
        mean = np.zeros(n) if step.mean_ is None else step.mean_
        head = _scaled_first(head, mean, np.ones(n) if step.scale_ is None else step.scale_)
    return head


def _scaled_first(head: Head, shift: np.ndarray, divisor: np.ndarray) -> Head:
    first, second = torch.from_numpy(shift), torch.from_numpy(divisor)
    return lambda codes: head((codes - first.to(codes)) / second.to(codes))


def _distances(centers: np.ndarray, variance: float) -> Head:
    means = torch.from_numpy(centers)
    return lambda codes: -0.5 * (codes[..., None, :] - means.to(codes)).square().sum(-1) / variance


def _mixture(weights: np.ndarray, means: np.ndarray, covariances: np.ndarray) -> Head:
    """Return the log of weight times density, as `_gaussian_mixture.log_densities` computes it."""
    roots = torch.from_numpy(np.linalg.inv(np.linalg.cholesky(covariances)))
    centers = torch.from_numpy(means)
    constant = roots.diagonal(dim1=1, dim2=2).log().sum(1) + torch.from_numpy(weights).log()
    constant = constant - 0.5 * means.shape[1] * log(2 * np.pi)

    def head(codes: Tensor) -> Tensor:
        centered = codes[..., None, :] - centers.to(codes)
        z = torch.einsum("...kf,kgf->...kg", centered, roots.to(codes))
        return constant.to(codes) - 0.5 * z.square().sum(-1)

    return head


def _full_covariances(mixture: GaussianMixture) -> np.ndarray:
    """Return the covariances (k, F, F) of a mixture of any `covariance_type`."""
    k, n_features = mixture.means_.shape
    own = mixture.covariances_
    if mixture.covariance_type == "full":
        return own
    if mixture.covariance_type == "tied":
        return np.broadcast_to(own, (k, n_features, n_features))
    return own.reshape(k, -1, 1) * np.eye(n_features)


def _linear(coefficients: np.ndarray, intercepts: np.ndarray) -> Head:
    if len(coefficients) == 1:  # one score for two classes
        coefficients, intercepts = (
            np.concatenate([np.zeros_like(a), a]) for a in (coefficients, intercepts)
        )
    weights, biases = torch.from_numpy(coefficients), torch.from_numpy(intercepts)
    return lambda codes: codes @ weights.to(codes).T + biases.to(codes)


def _network(head: PixelHead) -> Head:
    module = copy.deepcopy(head.net_.module_).eval().requires_grad_(False)
    some = next(module.parameters())
    return _scaled_first(lambda codes: module(codes.to(some)), *head.scale_)
