"""Training of a UNetClassifier: its length, continuation, interruption, and its parameters."""

import copy

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from skorch.callbacks import Callback

from sklearn_segae import AESegmenter, PixelEncoder, PixelVotingClassifier, UNetClassifier
from sklearn_segae.segmentation import _unet_classifier

TINY = {"crop_size": 32, "max_epochs": 2, "random_state": 0}


@pytest.fixture
def noise(rng):
    """Images whose labels cannot be learned, only remembered."""
    return rng.normal(size=(3, 32, 32)).astype(np.float32), rng.integers(2, size=(3, 32, 32))


class Seen(Callback):
    """Note weights after every epoch and shapes of batches, for all copies."""

    weights: list
    shapes: list

    def on_train_begin(self, net, **_):
        Seen.weights, Seen.shapes = [], []

    def on_batch_begin(self, net, batch, **_):
        Seen.shapes.append(tuple(batch[0].shape))

    def on_epoch_end(self, net, **_):
        Seen.weights.append(copy.deepcopy(net.module_.state_dict()))


class Interrupt(Callback):
    """Press Ctrl-C in an epoch, as the `n`-th call since `count` was set to 0."""

    n, count = 1, 0

    def on_batch_begin(self, net, training, **_):
        Interrupt.count += 1
        if Interrupt.count == Interrupt.n:
            net.criterion_ = _ctrl_c


def _ctrl_c(*_, **__):
    raise KeyboardInterrupt


def same(state, other):
    return all(torch.equal(weight, other[name]) for name, weight in state.items())


def test_the_best_epoch_is_kept(noise):
    """That with the lowest loss of held-out labels, here not the last one."""
    options = TINY | {"max_epochs": 5, "lr": 0.03, "callbacks": [Seen()]}
    net = UNetClassifier(8, early_stopping=True, **options).fit(*noise)
    assert len(net.validation_loss_curve_) == net.n_iter_ == 5
    best = int(np.argmin(net.validation_loss_curve_))
    assert best < 4
    assert same(net.net_.module_.state_dict(), Seen.weights[best])
    net.set_params(early_stopping=False).fit(*noise)
    assert net.validation_loss_curve_ == []
    assert same(net.net_.module_.state_dict(), Seen.weights[-1])


def test_labels_that_are_held_out_are_not_learned(noise, monkeypatch):
    """With other ones, training is the same, but not the loss after it."""
    images, truth = noise
    monkeypatch.setattr(
        _unet_classifier,
        "hold_out",
        lambda targets, share, rng: targets._replace(
            known=[np.broadcast_to(np.arange(32) < 16, (32, 32)) for _ in targets.known]
        ),
    )
    net = UNetClassifier(4, early_stopping=0.5, **TINY)
    first = clone(net).fit(images, truth)
    truth[:, :, :16] = 1 - truth[:, :, :16]
    second = net.fit(images, truth)
    assert first.loss_curve_ == second.loss_curve_
    assert first.validation_loss_curve_ != second.validation_loss_curve_


def test_training_ends_without_improvement(noise):
    """Of held-out labels."""
    options = TINY | {"max_epochs": 9, "lr": 1e-12}
    net = UNetClassifier(4, early_stopping=True, n_iter_no_change=1, **options).fit(*noise)
    assert (net.n_iter_, net.stop_reason_) == (2, "no_improvement")


def test_training_continues(noise):
    """With weights and scaling of the fit before; a clone begins anew."""
    images, truth = noise
    net = UNetClassifier(4, warm_start=True, **TINY).fit(images, truth)
    before, scale = net.predict_proba(images), net.scale_
    net.set_params(lr=1e-12).fit(images + 3, truth)
    np.testing.assert_allclose(net.predict_proba(images), before, atol=1e-6)
    np.testing.assert_array_equal(net.scale_, scale)
    assert net.n_iter_ == 4
    assert clone(net).fit(images, truth).n_iter_ == 2
    assert net.set_params(warm_start=False).fit(images, truth).n_iter_ == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": 2}, r"classes=\[0, 1, 2\], but warm_start=True continues .* with \[0, 1\]"),
        ({"n_filters": 5}, "n_filters=5, but warm_start=True .* with 4. Pass the same, or"),
        ({"X": 2}, "n_features=2, but warm_start=True .* with 1. Pass the same, or warm_start=F"),
    ],
)
def test_other_networks_cannot_continue(noise, change, message):
    """The error says what differs, and the network stays as it was."""
    images, truth = noise
    net = UNetClassifier(4, warm_start=True, **TINY).fit(images, truth)
    before = net.predict_proba(images)
    y = truth.copy()
    y[0, 0, 0] = change.get("y", y[0, 0, 0])
    X = np.stack([images] * change.get("X", 1), -1)
    net.set_params(n_filters=change.get("n_filters", 4))
    with pytest.raises(ValueError, match=message):
        net.fit(X, y)
    np.testing.assert_array_equal(net.predict_proba(images), before)


def vote(net, **options):
    return PixelVotingClassifier([("line", LogisticRegression()), ("unet", net)], **options)


@pytest.mark.parametrize("make", [lambda net: net, vote])
def test_ctrl_c_leaves_a_usable_network(noise, make):
    """Alone, in a vote, and in a segmenter; KeyboardInterrupt goes on to the caller."""
    Interrupt.n = 21
    net = UNetClassifier(4, callbacks=[Interrupt()], **(TINY | {"max_epochs": 5}))
    segmenter = AESegmenter(encoder="passthrough", estimator=make(net), random_state=0)
    for model in (make(net), segmenter):
        Interrupt.count = 0
        with pytest.raises(KeyboardInterrupt):
            model.fit(*noise)
        assert model.predict(noise[0]).shape == (3, 32, 32)
    fitted = segmenter.estimator_
    fitted = fitted if isinstance(fitted, UNetClassifier) else fitted.members_[1]
    assert (len(fitted.loss_curve_), fitted.stop_reason_) == (1, "interrupted")


def test_ctrl_c_while_weights_are_selected(noise):
    """There is no vote yet, and no further network is trained."""
    Interrupt.n, Interrupt.count = 1, 0
    model = vote(UNetClassifier(4, callbacks=[Interrupt()], **TINY), weights="auto")
    with pytest.raises(KeyboardInterrupt):
        model.fit(*noise)
    assert not hasattr(model, "members_")
    assert Interrupt.count == 1


def test_a_frozen_network_that_was_interrupted(noise):
    """It is as good as others: the fit of a segmenter with it is not interrupted."""
    Interrupt.n, Interrupt.count = 21, 0
    net = UNetClassifier(4, callbacks=[Interrupt()], **TINY)
    with pytest.raises(KeyboardInterrupt):
        net.fit(*noise)
    segmenter = AESegmenter(
        encoder="passthrough", estimator=FrozenEstimator(net), normalize="dataset"
    )
    segmenter.fit(*noise)
    np.testing.assert_array_equal(segmenter.predict(noise[0]), net.predict(noise[0]))


def test_sizes(noise):
    """Of crops, batches, layers and training."""
    options = TINY | {"max_epochs": 3, "crop_size": 16, "batch_size": 4, "callbacks": [Seen()]}
    net = UNetClassifier(6, **options).fit(*noise)
    assert set(Seen.shapes) == {(4, 3, 16, 16)}
    assert len(Seen.shapes) == 3 * 20
    assert {layer.out_channels for layer in net.net_.module_.mixers} == {6}
    assert len(net.loss_curve_) == net.n_iter_ == 3


def test_dropout(noise):
    """Codes are dropped at random, the pixels themselves never."""
    images, truth = noise[0][:1], noise[1][:1]
    # Every step sees the whole image and changes nothing.
    options = TINY | {"augmentation": "none", "lr": 1e-12, "max_epochs": 1}
    encoder = PixelEncoder(4, features="texture", pooling=1, n_filters=4, max_epochs=0)

    def spread(encoder, dropout):
        net = UNetClassifier(4, dropout=dropout, **options)
        segmenter = AESegmenter(encoder=encoder, estimator=net, random_state=0)
        history = segmenter.fit(images, truth).estimator_.net_.history
        return np.std([batch["train_loss"] for batch in history[-1, "batches"]])

    assert spread(encoder, 0.5) > 1e-3 > spread(encoder, 0.0)
    assert spread("passthrough", 0.5) < 1e-6


def test_balanced_weights(rng):
    """A rare class is found more often."""
    images, truth = rng.normal(size=(1, 32, 32)), (rng.random((1, 32, 32)) < 0.1).astype(int)
    plain, balanced = (
        UNetClassifier(8, class_weight=weight, **TINY).fit(images, truth).predict_proba(images)
        for weight in (None, "balanced")
    )
    assert balanced[..., 1].mean() > plain[..., 1].mean() + 0.15


def test_cached_codes_of_the_encoder(rng, tmp_path):
    """In `fit`, too, the backbone sees each image once; results do not depend on the cache."""
    images, truth = rng.random((2, 64, 64)), rng.integers(2, size=(2, 64, 64))
    encoder = PixelEncoder(2, features="pretrained", backbone=Counted(), random_state=0)
    encoder.fit(images)

    def fit(memory):
        Counted.n = 0
        model = AESegmenter(
            encoder=FrozenEstimator(encoder.set_params(memory=memory)),
            estimator=vote(UNetClassifier(4, **TINY)),
            normalize="dataset",
            random_state=0,
        )
        return model.fit(images, truth).predict_proba(images), Counted.n

    plain, n_plain = fit(None)
    fit(str(tmp_path))
    cached, n_cached = fit(str(tmp_path))
    np.testing.assert_allclose(cached, plain, atol=1e-5)
    assert n_cached == 0 < n_plain


class Counted(torch.nn.Conv2d):
    """A convolution that counts its calls."""

    n = 0

    def __init__(self):
        super().__init__(3, 4, 4, 4)

    def forward(self, x):
        Counted.n += 1
        return super().forward(x)


@pytest.mark.parametrize("name", ["unet", "vote"])
def test_named_networks_print_epochs(noise, capsys, name, monkeypatch):
    """If the segmenter is verbose."""
    monkeypatch.setattr(_unet_classifier, "N_STEPS", 1)
    images, labels = noise
    few = np.full_like(labels, -1)
    few[:, ::2, ::2] = labels[:, ::2, ::2]
    segmenter = AESegmenter(encoder="passthrough", estimator=name, random_state=0, verbose=1)
    segmenter.fit(images, few)
    assert "train_loss" in capsys.readouterr().out
    segmenter.set_params(verbose=0).fit(images, few)
    assert "train_loss" not in capsys.readouterr().out
