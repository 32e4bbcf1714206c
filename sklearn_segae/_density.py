"""Where codes lie: a density to draw new ones from."""

from __future__ import annotations

import numpy as np
from sklearn.mixture import GaussianMixture

MAX_CODES = 1000  # a sample that describes the density well enough, and is cheap to keep
CODES_PER_COMPONENT = 50


def draw_codes(codes: np.ndarray, n_samples: int, seed: int) -> np.ndarray:
    """Draw codes (n_samples, n_components) from a Gaussian mixture fitted to some of them."""
    n_components = max(1, min(20, len(codes) // CODES_PER_COMPONENT))
    kind = "full" if len(codes) > 5 * codes.shape[1] * n_components else "diag"
    ridge = 1e-4 * codes.var() + 1e-12  # for codes that do not vary at all
    mixture = GaussianMixture(
        n_components, covariance_type=kind, reg_covar=ridge, random_state=seed
    )
    if len(codes) < 2:
        return np.repeat(codes, n_samples, axis=0)
    return mixture.fit(codes).sample(n_samples)[0].astype(codes.dtype)
