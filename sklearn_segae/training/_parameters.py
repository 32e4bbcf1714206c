"""The parameters that every estimator with a network has."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval, StrOptions

from ._optimizers import OPTIMIZERS

# Parameters that mean the same in every estimator that trains a net.
TRAINING_CONSTRAINTS: dict[str, list[Any]] = {
    "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
    "lr": [Interval(Real, 0, None, closed="neither")],
    "batch_size": [Interval(Integral, 1, None, closed="left")],
    "max_epochs": [Interval(Integral, 0, None, closed="left")],
    "loss_threshold": [Real, None],
    "tol": [Interval(Real, 0, None, closed="left")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "warm_start": ["boolean"],
    "device": [str],
    "callbacks": [list, tuple, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


def training_parameters(estimator: Any) -> dict[str, Any]:
    """Read those of the parameters that training estimators share which this one has."""
    names = set(TRAINING_CONSTRAINTS) - {"random_state", "warm_start"}
    return {name: getattr(estimator, name) for name in names if hasattr(estimator, name)}
