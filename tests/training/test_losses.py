"""Reconstruction losses: values, criteria of torch, weights."""

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, mean_absolute_error, mean_squared_error
from torch import nn

from sklearn_segae import AutoencoderTransformer
from sklearn_segae.training._losses import LOSSES, Loss


def fit(rows, **parameters):
    ae = AutoencoderTransformer(2, hidden_layer_sizes=(), random_state=0, max_epochs=3)
    return ae.set_params(**parameters).fit(rows)


def scaled_pair(ae, X):
    """Scaled input and its reconstruction, as rows."""
    shift, divisor = ae.scale_
    return [((x - shift) / divisor).ravel() for x in (X, ae.inverse_transform(ae.transform(X)))]


@pytest.mark.parametrize(
    ("loss", "scaling", "metric"),
    [
        ("mse", "standard", mean_squared_error),
        ("mae", "standard", mean_absolute_error),
        (nn.MSELoss, "minmax", mean_squared_error),
        ("cross_entropy", "minmax", None),
    ],
)
def test_scores_are_those_of_scikit_learn(rows, loss, scaling, metric):
    """On scaled inputs, to float precision."""
    X = (rows > 0).astype(float) if metric is None else rows
    ae = fit(X, loss=loss, scaling=scaling)
    target, output = scaled_pair(ae, X)
    expected = (metric or log_loss)(target, output)
    assert -ae.score(X) == pytest.approx(expected, rel=1e-6)


def test_the_loss_curve_is_in_the_same_units(rows):
    """The curve's last value, at a learning rate of next to nothing, is minus the score."""
    ae = fit(rows, lr=1e-12, max_epochs=1)
    assert ae.loss_curve_[-1] == pytest.approx(-ae.score(rows), rel=1e-5)


@pytest.mark.parametrize(
    ("criterion", "name"),
    [
        (nn.MSELoss, "mse"),
        (nn.L1Loss(reduction="sum"), "mae"),
        (nn.HuberLoss(), "huber"),
        (lambda output, target: (output - target) ** 2, "mse"),
        (lambda output, target: ((output - target) ** 2).mean(1), "mse"),
    ],
)
def test_criteria_are_worth_names(rows, criterion, name):
    """Class, instance of any reduction, and function train like the loss of that name."""
    np.testing.assert_allclose(
        fit(rows, loss=criterion).transform(rows), fit(rows, loss=name).transform(rows), atol=1e-5
    )


def test_a_criterion_keeps_its_options_and_stays_as_it_was(rows):
    """beta counts, and the caller's object is never written to."""
    criterion = nn.SmoothL1Loss(beta=0.1)
    ae = fit(rows, loss=criterion)
    assert criterion.reduction == "mean"
    target, output = map(torch.from_numpy, scaled_pair(ae, rows))
    assert -ae.score(rows) == pytest.approx(criterion(output, target).item(), rel=1e-6)


def test_a_reduced_loss_is_refused(rows):
    """A function that returns one number for a batch is told what is needed."""
    with pytest.raises(ValueError, match=r"shape \(\) for 128 samples.*reduction='none'"):
        fit(rows, loss=lambda output, target: (output - target).abs().max())


@pytest.mark.parametrize("name", LOSSES)
def test_weights_weigh(name):
    """A weight of 2 counts twice, one of 0 not at all; no weights are equal weights."""
    loss, (output, target) = Loss(name), torch.rand(2, 4, 3)
    each = loss.per_sample(output, target)
    torch.testing.assert_close(loss(output, target), each.mean())
    weight = torch.tensor([2.0, 0.0, 1.0, 1.0])
    torch.testing.assert_close(loss(output, target, weight), (weight * each).mean())
