"""Where codes lie: a density to draw new ones from."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

MAX_CODES = 1000  # a sample that describes the density well enough, and is cheap to keep
MAX_COMPONENTS = 20
CODES_PER_COMPONENT = 50


def draw_codes(codes: np.ndarray, n_samples: int, seed: int) -> np.ndarray:
    """Draw codes (n_samples, n_components) from a Gaussian mixture fitted to some of them."""
    if len(codes) < 2:
        return np.repeat(codes, n_samples, axis=0)
    wide = codes.astype(np.float64)
    distinct = np.unique(wide, axis=0)
    n_parts = max(1, min(MAX_COMPONENTS, len(distinct) // CODES_PER_COMPONENT))
    # A covariance of its own for every part, where there are codes enough to estimate it.
    kind = "full" if len(codes) > 5 * codes.shape[1] * n_parts else "diag"
    ridge = 1e-4 * wide.var() + 1e-12  # for codes that do not vary at all
    mixture = GaussianMixture(n_parts, covariance_type=kind, reg_covar=ridge, random_state=seed)
    with warnings.catch_warnings():
        # Likelihoods that still creep up change nothing about what draws look like.
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(wide)
    return mixture.sample(n_samples)[0].astype(codes.dtype)
