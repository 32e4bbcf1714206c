"""PixelHead: a small classifier of codes."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from skorch.callbacks import Callback

from sklearn_segae import PixelHead
from sklearn_segae.segmentation._pixel_head import number_format


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture
def overlapping(rng):
    """Two classes that overlap, one ten times rarer: rows and labels."""
    y = np.repeat([0, 1], [500, 50])
    return rng.normal(size=(550, 2)) + y[:, None], y


def test_without_hidden_layers_it_is_logistic_regression(iris):
    """The loss is convex then: both find the one optimum."""
    X, y = iris
    scaled = (X - X.mean(0)) / X.std(0)
    alpha = 0.01
    # scikit-learn's C divides the half of a squared norm, and sums over rows.
    peer = LogisticRegression(C=1 / (2 * alpha * len(X)), tol=1e-10, max_iter=1000).fit(scaled, y)
    head = PixelHead((), alpha=alpha, lr=0.05, max_epochs=3000, n_iter_no_change=3000)
    head.set_params(random_state=0).fit(X, y)
    np.testing.assert_allclose(
        head.predict_proba(X), peer.predict_proba(scaled), atol=2e-3
    )  # Adam's last steps


def test_hidden_layers_bend_borders(rng):
    """Exclusive or has no linear border."""
    X = rng.uniform(-1, 1, (400, 2))
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    assert PixelHead((), random_state=0).fit(X, y).score(X, y) < 0.7
    assert PixelHead((32,), random_state=0).fit(X, y).score(X, y) > 0.95
    assert PixelHead((32,), activation="identity", random_state=0).fit(X, y).score(X, y) < 0.7


def test_a_weight_is_a_repetition(iris, rng):
    """Rows of weight 2 count twice, of weight 0 not at all."""
    X, y = iris
    weight = rng.integers(0, 3, len(X))
    one = PixelHead(max_epochs=20, random_state=0).fit(X, y, sample_weight=weight)
    other = PixelHead(max_epochs=20, random_state=0).fit(X.repeat(weight, 0), y.repeat(weight))
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-10)


def test_class_weights_favor_the_rare(overlapping):
    """Balanced, or named one by one."""
    X, y = overlapping
    shares = [
        PixelHead((), class_weight=weight, random_state=0).fit(X, y).predict(X).mean()
        for weight in (None, "balanced", {0: 1, 1: 100})
    ]
    assert shares[0] < 0.1 < 0.2 < shares[1] < shares[2]


def test_decay_keeps_probabilities_soft(overlapping):
    """The larger alpha, the less sure."""
    X, y = overlapping
    sure = [
        PixelHead(alpha=alpha, random_state=0).fit(X, y).predict_proba(X).max(1).mean()
        for alpha in (0, 0.01, 1)
    ]
    assert sure[0] > sure[1] > sure[2]


def test_training_ends_as_told(iris):
    """Without improvement, or after max_epochs."""
    X, y = iris
    stuck = PixelHead(lr=1e-9, n_iter_no_change=2, random_state=0).fit(X, y)
    assert stuck.stop_reason_ == "no_improvement"
    assert PixelHead(max_epochs=3, random_state=0).fit(X, y).n_iter_ == 3
    assert PixelHead(max_epochs=3, lr=1e-5, random_state=0).fit(X, y).loss_curve_[-1] > 0.8


def test_decision_function_agrees_with_probabilities(iris):
    """Logits; their difference for two classes."""
    X, y = iris
    head = PixelHead(max_epochs=20, random_state=0).fit(X, y)
    scores = np.exp(head.decision_function(X))
    np.testing.assert_allclose(scores / scores.sum(1, keepdims=True), head.predict_proba(X))
    two = PixelHead(max_epochs=20, random_state=0).fit(X[y < 2], y[y < 2])
    sigmoid = 1 / (1 + np.exp(-two.decision_function(X)))
    np.testing.assert_allclose(sigmoid, two.predict_proba(X)[:, 1])


@pytest.mark.parametrize(
    "parameters",
    [
        {"random_state": 1},
        {"lr": 0.02},
        {"alpha": 0.1},
        {"activation": "tanh"},
        {"hidden_layer_sizes": (8, 8)},
        {"class_weight": {0: 5, 1: 1, 2: 1}},
    ],
    ids=str,
)
def test_parameters_change_what_is_learnt(iris, parameters):
    """Equal ones give equal probabilities, others do not."""
    X, y = iris
    plain = {"max_epochs": 5, "random_state": 0}
    first, again, other = (
        PixelHead(**p).fit(X, y).predict_proba(X) for p in (plain, plain, plain | parameters)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-4


class Count(Callback):
    seen = 0

    def on_epoch_end(self, net, **_):
        Count.seen += 1


def test_verbose_prints_a_line_a_step(iris, capsys):
    """Silent unless asked."""
    PixelHead(max_epochs=3, random_state=0).fit(*iris)
    assert capsys.readouterr().out == ""
    PixelHead(max_epochs=3, verbose=1, random_state=0).fit(*iris)
    assert len(capsys.readouterr().out.splitlines()) >= 3


def test_only_mps_has_no_float64():
    """Elsewhere weights are repetitions to the last digits."""
    assert str(number_format("mps")) == "torch.float32"
    assert str(number_format("cpu")) == str(number_format("cuda:1")) == "torch.float64"
