"""Architectures: signals, modules of a user's own, and which samples go where."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from torch import nn

from sklearn_segae import AutoencoderTransformer
from sklearn_segae.autoencoder._variants import (
    VARIANTS_OF_IMAGES,
    VARIANTS_OF_ROWS,
    VARIANTS_OF_SIGNALS,
)
from sklearn_segae.networks import DenseAutoencoder
from sklearn_segae.networks._autoencoders import LinearShortcut


def small(n_components=3, **parameters):
    return AutoencoderTransformer(
        n_components, hidden_layer_sizes=(8,), max_epochs=2, random_state=0
    ).set_params(**parameters)


class Linear(nn.Module):
    """An architecture of a user's own, for samples of any shape."""

    def __init__(self, size, n_components, shrink=1.0):
        super().__init__()
        self.shape = (size,) if isinstance(size, int) else tuple(size)
        self.shrink = shrink
        self.there = nn.Linear(int(np.prod(self.shape)), n_components)
        self.back = nn.Linear(n_components, int(np.prod(self.shape)))
        self.dropout = nn.Dropout(0.5)

    def encode(self, x):
        return self.shrink * self.there(self.dropout(x.flatten(1)))

    def decode(self, codes):
        return self.back(codes).unflatten(1, self.shape)


class VariationalLinear(Linear):
    def posterior(self, x):
        mean = self.encode(x)
        return mean, torch.zeros_like(mean)


class OneWay(nn.Module):
    def __init__(self, size, n_components):
        super().__init__()

    def encode(self, x):
        return x


class TooWide(Linear):
    def encode(self, x):
        return super().encode(x).repeat(1, 2)


class TooLong(Linear):
    def decode(self, codes):
        return super().decode(codes).repeat(1, 2)


@pytest.mark.parametrize("variant", VARIANTS_OF_SIGNALS)
@pytest.mark.parametrize("shape", [(30,), (1,), (17, 1), (16, 3), (1, 2)])
def test_signals_of_any_length_come_back(rng, shape, variant):
    """(n, T) and (n, T, C) -> codes -> the exact shape."""
    X = rng.normal(size=(12, *shape))
    ae = small(architecture="signal", variant=variant).fit(X)
    assert ae.transform(X).shape == (12, 3)
    assert ae.inverse_transform(ae.transform(X)).shape == X.shape
    assert ae.sample(2).shape == (2, *shape)
    assert ae.image_shape_ == shape
    assert ae.n_features_in_ == shape[-1]


@pytest.mark.parametrize("architecture", ["conv", "dense"])
@pytest.mark.parametrize("variant", VARIANTS_OF_IMAGES)
@pytest.mark.parametrize("shape", [(28, 28, 1), (7, 1), (64, 64, 3), (1, 1), (5, 4, 2)])
def test_images_of_any_size_come_back(rng, shape, variant, architecture):
    """(n, H, W) and (n, H, W, C) -> codes -> the exact shape, odd sides and lines included."""
    X = rng.integers(0, 256, (6, *shape)).astype(np.uint8)
    ae = small(architecture=architecture, variant=variant, max_epochs=1).fit(X)
    assert ae.inverse_transform(ae.transform(X)).shape == X.shape
    assert ae.sample(2).shape == (2, *shape)


def test_dense_nets_read_images_as_rows(rng):
    """The net is that of flat images, and so are the codes."""
    X = rng.normal(size=(40, 4, 5))
    flat = small(max_epochs=5, scaling=None).fit_transform(X.reshape(40, 20))
    images = small(max_epochs=5, scaling=None, architecture="dense").fit_transform(X)
    np.testing.assert_allclose(images, flat, rtol=1e-6)


def test_three_axes_are_what_the_architecture_says(rng):
    """(n, 9, 5) is a stack of gray images, or of signals with five channels."""
    X = rng.normal(size=(12, 9, 5))
    as_signals, as_images = small(architecture="signal").fit(X), small(architecture="conv").fit(X)
    assert as_signals.n_features_in_ == 5
    assert as_images.n_features_in_ == 1
    assert isinstance(as_signals.net_.module_.layers.down[0][0], nn.Conv1d)
    assert isinstance(as_images.net_.module_.layers.down[0][0], nn.Conv2d)


def test_signals_without_a_channel_axis_have_one(rng):
    """(n, T) is (n, T, 1): the same net, the same codes."""
    X = rng.normal(size=(12, 20))
    np.testing.assert_allclose(
        small(architecture="signal").fit_transform(X),
        small(architecture="signal").fit_transform(X[..., None]),
        rtol=1e-6,
    )


def test_a_signal_is_scaled_as_one(rng):
    """One mean and one spread a channel, not a time: a shifted onset stays a shift."""
    X = rng.normal(3, 2, size=(50, 20))
    scale = small(architecture="signal").fit(X).scale_
    np.testing.assert_allclose(scale, [[3], [2]], atol=0.3)
    assert small().fit(X).scale_.shape == (2, 20)


def test_convolutions_find_what_moves(rng):
    """Bumps at any place: two numbers of a signal net say more than dense ones from few samples."""
    place = rng.uniform(10, 54, 400)
    X = np.exp(-0.5 * ((np.arange(64) - place[:, None]) / 3) ** 2)
    ae = AutoencoderTransformer(2, architecture="signal", lr=5e-3, max_epochs=40, random_state=0)
    assert -ae.fit(X[:300]).score(X[300:]) < 0.3


@pytest.mark.parametrize("variant", VARIANTS_OF_ROWS)
def test_every_variant_takes_sparse_rows(rows, variant):
    """CSR rows give the net and the codes of dense ones."""
    X = np.where(rows > 0.5, rows, 0)
    ae = small(variant=variant)
    dense = ae.fit(X).transform(X)
    np.testing.assert_allclose(ae.fit_transform(sparse.csr_array(X)), dense, atol=1e-4)


def test_signals_are_dense(rows):
    """A CSR matrix is no signal."""
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        small(architecture="signal").fit(sparse.csr_matrix(rows))


@pytest.mark.parametrize("shape", [(6,), (5, 6), (5, 4, 2)])
def test_a_module_of_ones_own(rng, shape):
    """It gets the size of a sample, channels first, and serves as any architecture does."""
    X = rng.normal(size=(20, *shape))
    ae = small(architecture=Linear).fit(X)
    sizes = {1: (6,), 2: (1, 5, 6), 3: (2, 5, 4)}
    assert ae.net_.module_.shape == sizes[len(shape)]
    np.testing.assert_array_equal(ae.transform(X), ae.transform(X))  # dropout is for training
    assert ae.inverse_transform(ae.transform(X)).shape == X.shape
    assert clone(ae).architecture is Linear


class Curious(Linear):
    """A module that notes what it is shown before training."""

    def initialize_from(self, x):
        self.seen = x


def test_a_module_of_ones_own_may_look_first(rng):
    """Before training it is shown samples as it will see them, 1000 at most."""
    X = rng.normal(5, 3, size=(1500, 6)).astype(np.float32)
    seen = small(architecture=Curious, scaling="standard").fit(X).net_.module_.seen
    assert seen.shape == (1000, 6)
    assert seen.mean().abs() < 0.1
    held_out = small(architecture=Curious, early_stopping=0.9).fit(X)
    assert len(held_out.net_.module_.seen) == 150  # none of those that training does not see


def test_a_straight_way_leads_where_it_may(rows):
    """Beside layers that are not linear, if neither output nor codes are bounded."""
    images = rows.reshape(-1, 2, 3)
    for X, parameters in [
        (rows, {}),
        (rows, {"architecture": "signal"}),
        (images, {"architecture": "dense"}),
        (images, {"hidden_layer_sizes": ()}),
    ]:
        assert isinstance(small(**parameters).fit(X).net_.module_, LinearShortcut)
    for X, parameters in [
        (rows, {"hidden_layer_sizes": ()}),
        (images, {"scaling": "minmax"}),
        (rows, {"variant": "variational"}),
        (rows, {"architecture": DenseAutoencoder}),
    ]:
        assert not isinstance(small(**parameters).fit(X).net_.module_, LinearShortcut)


def test_modules_take_options_through_partial(rows):
    """functools.partial hands on what is neither size nor number of components."""
    codes = [
        small(architecture=partial(Linear, shrink=shrink), max_epochs=0, scaling=None)
        .fit(rows)
        .transform(rows)
        for shrink in (1, 3)
    ]
    np.testing.assert_allclose(codes[1], 3 * codes[0], rtol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS_OF_SIGNALS)
def test_a_module_of_ones_own_takes_every_variant(rows, variant):
    """With a posterior, the variational one, too."""
    ae = small(architecture=VariationalLinear, variant=variant).fit(rows)
    assert ae.transform(rows).shape == (300, 3)


def test_random_state_draws_the_weights_of_ones_own_module(rows):
    """Equal seeds, equal codes."""
    ae = small(architecture=Linear)
    np.testing.assert_array_equal(ae.fit_transform(rows), ae.fit_transform(rows))


@pytest.mark.parametrize(
    ("architecture", "parameters", "error", "message"),
    [
        (OneWay, {}, TypeError, r"gave a OneWay, which lacks decode\. .*encode, decode"),
        (Linear, {"variant": "variational"}, TypeError, "lacks posterior"),
        (Linear(6, 3), {}, TypeError, "instance of Linear, but every fit starts.*Pass the class"),
        (lambda size, n: object(), {}, TypeError, "gave a object, which lacks encode and decode"),
        (TooWide, {}, ValueError, r"encodes 2 samples as \(2, 6\), but n_components=3"),
        (TooLong, {}, ValueError, r"decodes 2 samples as \(2, 12\), but they were \(2, 6\)"),
    ],
)
def test_unfit_modules_are_refused(rows, architecture, parameters, error, message):
    """The error names what the module lacks, or how its sizes are wrong."""
    with pytest.raises(error, match=message):
        small(architecture=architecture, **parameters).fit(rows)


def test_later_samples_have_to_be_alike(rng):
    """Kind and length are those of the fit; the error names both."""
    ae = small(architecture="signal").fit(rng.normal(size=(9, 20, 2)))
    with pytest.raises(ValueError, match=r"signals of shape \(19, 2\).*\(20, 2\)"):
        ae.transform(rng.normal(size=(9, 19, 2)))
    with pytest.raises(ValueError, match=r"signals have 2 axes \(n, T\) or 3"):
        small(architecture="signal").fit(rng.normal(size=(9, 5, 4, 2)))
    with pytest.raises(ValueError, match=r"X holds rows, but .* was fitted with signals"):
        ae.set_params(architecture="auto").transform(rng.normal(size=(9, 20)))


def test_a_failed_fit_leaves_the_old_layout(rows):
    """After a fit on images that fails, rows are encoded as before."""
    ae = small().fit(rows)
    codes = ae.transform(rows)
    with pytest.raises(FloatingPointError):
        ae.set_params(lr=1e30, optimizer="sgd", max_epochs=20).fit(rows[:, :5])
    ae.n_features_in_ = 6  # scikit-learn's validation sets it first thing
    np.testing.assert_array_equal(ae.transform(rows), codes)


def test_digits_as_rows_as_images_and_as_signals():
    """Three architectures, one data set; each leaves less than two thirds unexplained."""
    images = load_digits().images[:600]
    for architecture, X in [
        ("dense", images.reshape(600, 64)),
        ("conv", images),
        ("signal", images.reshape(600, 64)),
    ]:
        ae = AutoencoderTransformer(10, architecture=architecture, lr=5e-3, max_epochs=15)
        assert -ae.set_params(random_state=0).fit(X).score(X) < 0.66
