"""Placement without a GPU: everything runs on a device that refuses tensors of the CPU."""

import numpy as np
import pytest
import torch
from pretend_device import PretendDevice
from scipy import sparse
from torch import nn

from sklearn_segae import AutoencoderTransformer
from sklearn_segae.autoencoder._variants import VARIANTS_OF_SIGNALS, Plain
from sklearn_segae.networks import DenseAutoencoder
from sklearn_segae.training._execution import cast
from sklearn_segae.training._losses import Loss

SHAPES = {"dense": (6,), "conv": (5, 4, 2), "signal": (11, 2)}


@pytest.fixture(autouse=True)
def _pretend():
    # A changed number format makes new parameters, for a wrapped tensor cannot change its own.
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    with PretendDevice():
        yield
    torch.__future__.set_overwrite_module_params_on_conversion(False)


def small(**parameters):
    return AutoencoderTransformer(
        3, hidden_layer_sizes=(8,), batch_size=16, max_epochs=2, random_state=0
    ).set_params(**parameters)


def samples(shape, n=40):
    return np.random.default_rng(0).normal(size=(n, *shape))


def on_both(X, **parameters):
    """The estimator fitted on the pretend device, and its twin on the CPU."""
    return [small(device=device, **parameters).fit(X) for device in ("pretend:0", "cpu")]


RUNS = [(v, a) for v in VARIANTS_OF_SIGNALS for a in SHAPES]
RUNS += [("augmented", "conv"), ("unmixing", "dense")]


@pytest.mark.parametrize(("variant", "architecture"), RUNS)
def test_every_variant_and_architecture_runs_there(variant, architecture):
    """Fit, codes, reconstructions, scores and draws are those of the CPU."""
    X = samples(SHAPES[architecture]).astype(np.float32)
    # A fused Adam, which exists for the CPU alone, rounds differently.
    there, here = on_both(X, variant=variant, architecture=architecture, optimizer=torch.optim.Adam)
    assert {p.device.type for p in there.net_.module_.parameters()} == {"pretend"}
    assert there.device_ == "pretend:0"
    np.testing.assert_allclose(there.transform(X), here.transform(X), atol=1e-6)
    np.testing.assert_allclose(there.score_samples(X), here.score_samples(X), rtol=1e-5)
    np.testing.assert_allclose(there.sample(3), here.sample(3), atol=1e-5)
    codes = there.transform(X)
    np.testing.assert_allclose(
        there.inverse_transform(codes), here.inverse_transform(codes), atol=1e-5
    )


@pytest.mark.parametrize(
    "parameters",
    [
        {"loss": "cross_entropy", "scaling": "minmax"},
        {"loss": nn.SmoothL1Loss(beta=0.3)},
        {"early_stopping": 0.1},
        {"optimizer": "sgd"},
        {"optimizer": "rmsprop"},
        {"architecture": DenseAutoencoder},
    ],
    ids=str,
)
def test_every_option_runs_there(parameters):
    """Losses, validation, optimizers and modules of one's own."""
    there, here = on_both(samples((6,)), **parameters)
    np.testing.assert_allclose(
        there.transform(samples((6,))), here.transform(samples((6,))), atol=1e-4
    )


def test_weights_and_sparse_rows_run_there():
    """What comes with a batch goes where the batch goes."""
    X, weight = sparse.csr_matrix(samples((6,))), np.arange(40.0)
    fitted = [small(device=device).fit(X, sample_weight=weight) for device in ("pretend:0", "cpu")]
    np.testing.assert_allclose(*(ae.transform(X) for ae in fitted), atol=1e-4)


class Careless(DenseAutoencoder):
    """A module with a constant that is no buffer, and so stays behind."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.gain = torch.ones(sizes[1])

    def encode(self, x):
        return super().encode(x) * self.gain


class Forgetful(Plain):
    """A variant that makes its noise on the CPU."""

    def __call__(self, module, x, weight=None):
        return self.clean(module, x + torch.randn(x.shape), weight)


def test_planted_mistakes_are_caught():
    """A constant, noise, targets or weights left on the CPU are errors there, as on CUDA."""
    net, x = DenseAutoencoder(6, 3).to("pretend:0"), torch.randn(5, 6).to("pretend:0")
    loss = Loss()
    loss(net(x), x, torch.ones(5, device="pretend:0"))
    careless = Careless(6, 3).to("pretend:0")
    mistakes = {
        "constant": lambda: careless.encode(x),
        "noise": lambda: Forgetful(loss)(net, x),
        "target": lambda: loss(net(x), torch.randn(5, 6)),
        "weights": lambda: loss(net(x), x, torch.ones(5)),
        "input": lambda: net(torch.randn(5, 6)),
    }
    for mistake in mistakes.values():
        with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
            mistake()


def test_a_careless_module_fails_in_fit():
    """What would fail on CUDA fails here, in the estimator itself."""
    small(architecture=Careless, device="cpu").fit(samples((6,)))
    with pytest.raises(RuntimeError, match="same device"):
        small(architecture=Careless, device="pretend:0").fit(samples((6,)))


def test_autocast_is_told_the_device():
    """The stand-in for 16 bits asks for the format on the net's own device."""
    net = DenseAutoencoder(6, 3)
    assert cast(net, "bfloat16", "cuda:1").device_type == "cuda"
    assert cast(net, "float32", "cuda:1") is None
