"""Sample weights: what they mean, and what is refused."""

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_segae import AutoencoderTransformer
from sklearn_segae.autoencoder._variants import VARIANTS_OF_ROWS


def linear(**parameters):
    ae = AutoencoderTransformer(
        1, hidden_layer_sizes=(), batch_size=1000, max_epochs=20, random_state=0
    )
    return ae.set_params(n_iter_no_change=1000, **parameters)


@pytest.fixture
def weight(rows, rng):
    """0 to 3, most for rows that begin with a positive number."""
    return rng.integers(0, 2, 300) + 2 * (rows[:, 0] > 0.5)


@pytest.mark.parametrize("variant", ["plain", "sparse"])
@pytest.mark.parametrize("scaling", ["standard", "minmax", None])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_weights_are_repetitions(rows, weight, variant, scaling, container):
    """A weight of 3 is three copies, one of 0 is none, in scaling and in the loss."""
    ae = linear(scaling=scaling, variant=variant, optimizer="sgd", lr=0.1)
    weighted = ae.fit(container(rows), sample_weight=weight).transform(rows)
    repeated = ae.fit(container(np.repeat(rows, weight, axis=0))).transform(rows)
    np.testing.assert_allclose(weighted, repeated, atol=1e-4)  # float32, 20 updates
    assert np.abs(ae.fit(container(rows)).transform(rows) - repeated).max() > 5e-3


@pytest.mark.parametrize("variant", VARIANTS_OF_ROWS)
def test_every_variant_minds_weights(rows, variant):
    """Weights move the codes."""
    ae = linear(variant=variant, n_components=2)
    codes = ae.fit(rows).transform(rows)
    weighted = ae.fit(rows, sample_weight=np.linspace(0, 1, 300)).transform(rows)
    assert np.abs(weighted - codes).max() > 1e-3


def test_what_weighs_more_is_reconstructed_better(rng):
    """Of two lines, the single number tells of the heavier one."""
    lines = rng.normal(size=(200, 1)) * np.repeat(np.eye(2), 100, axis=0)
    ae = linear(scaling=None, max_epochs=300, lr=0.02)
    for heavy in (slice(0, 100), slice(100, 200)):
        weight = np.ones(200)
        weight[heavy] = 50
        scores = ae.fit(lines, sample_weight=weight).score_samples(lines)
        assert scores[heavy].mean() > 0.2 * scores.mean()


def test_scores_and_validation_are_weighted(rows):
    """`score` is the weighted mean of the samples', and early stopping watches one."""
    ae = linear(max_epochs=2, early_stopping=0.5).fit(rows, sample_weight=np.linspace(0, 1, 300))
    expected = np.average(ae.score_samples(rows), weights=np.arange(300))
    assert ae.score(rows, sample_weight=np.arange(300)) == pytest.approx(expected)
    unweighted = linear(max_epochs=2, early_stopping=0.5).fit(rows)
    assert ae.validation_loss_curve_ != unweighted.validation_loss_curve_


def test_partial_fit_takes_weights(rows, weight):
    """As fit does, one pass."""
    ae = linear()
    codes = ae.partial_fit(rows, sample_weight=weight).transform(rows)
    expected = ae.set_params(max_epochs=1).fit(rows, sample_weight=weight).transform(rows)
    np.testing.assert_allclose(codes, expected, atol=1e-6)


def test_weights_are_routed(rows, weight):
    """Through a pipeline, by request."""
    with config_context(enable_metadata_routing=True):
        scaler = MinMaxScaler()
        ae = linear().set_fit_request(sample_weight=True)
        routed = make_pipeline(scaler, ae).fit(rows, sample_weight=weight).transform(rows)
    X = scaler.fit_transform(rows)
    np.testing.assert_allclose(routed, linear().fit(X, sample_weight=weight).transform(X))


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros(300), "0 for all|non-zero"),  # scikit-learn >= 1.9 says it first
        (-np.ones(300), "Negative values in data passed to `sample_weight`"),
        (np.ones(3), r"sample_weight.shape == \(3,\)"),
    ],
)
def test_bad_weights_are_refused(rows, weight, message):
    """The error says which rule."""
    with pytest.raises(ValueError, match=message):
        linear().fit(rows, sample_weight=weight)


def test_other_metadata_is_refused(rows):
    """A misspelt keyword is an error."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'weights'"):
        linear().fit(rows, weights=np.ones(300))
