"""The training loop: when it ends, what it leaves alone, and what it refuses."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping, LRScheduler

from sklearn_segae import AutoencoderTransformer
from sklearn_segae._base import draw_seed, seeded
from sklearn_segae.training._callbacks import EpochEnd, StoppingCriteria
from sklearn_segae.training._execution import resolve_device


def autoencoder(**parameters):
    return AutoencoderTransformer(
        2, hidden_layer_sizes=(8,), batch_size=50, random_state=0
    ).set_params(**parameters)


class Interrupt(Callback):
    """Press Ctrl-C in the middle of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, training, **_):
        if training and len(net.history) == self.epoch:
            # As a signal would: from inside a step, not from a callback's wish to stop.
            net.criterion_ = press_ctrl_c


def press_ctrl_c(*_, **__):
    raise KeyboardInterrupt


def test_ends_at_max_epochs(rows):
    """Without a reason to end before, there are as many epochs as allowed."""
    fitted = autoencoder(max_epochs=4).fit(rows)
    assert (fitted.n_iter_, len(fitted.loss_curve_), fitted.stop_reason_) == (4, 4, "max_epochs")


def test_ends_without_improvement(rows):
    """With steps of no size, training ends after n_iter_no_change more epochs."""
    fitted = autoencoder(lr=1e-12, n_iter_no_change=3).fit(rows)
    assert (fitted.n_iter_, fitted.stop_reason_) == (4, "no_improvement")


@pytest.mark.parametrize("unit", [1e-6, 1, 1e6])
def test_improvement_is_relative(unit):
    """A ten-thousandth of the best loss: in any unit, training ends with the same epoch."""
    for losses, n_waited in [
        ([10, 9.5, 9.499], 0),
        ([10, 9.5, 9.4995], 1),
        ([-9.5, -9.501], 0),
        ([-9.5, -9.5005, -9.5009], 2),  # negative ones, as of coherence, fall below themselves
    ]:
        rules = StoppingCriteria(10, "train_loss")
        rules.on_train_begin(None)
        for loss in losses:
            rules._watch(None, unit * loss)
        assert rules.n_waited_ == n_waited


def test_early_stopping_keeps_the_best_weights(rows):
    """The held-out loss of the final net is the smallest of the curve, not the last."""
    fitted = autoencoder(early_stopping=0.3, lr=0.1, max_epochs=60, n_iter_no_change=5).fit(rows)
    with seeded(0) as (rng, _):
        held_out = rng.permutation(len(rows))[:90]
    assert fitted.validation_loss_curve_[-1] > min(fitted.validation_loss_curve_)
    # The mean over batches of 50 and 40, as training weighs them.
    np.testing.assert_allclose(
        -fitted.score(rows[held_out]), min(fitted.validation_loss_curve_), rtol=1e-4
    )


def test_skorch_callbacks_work(rows):
    """A schedule lowers the learning rate, a callback's wish to stop ends training as such."""
    schedule = LRScheduler("StepLR", step_size=1, gamma=0.5)
    stop = EarlyStopping(monitor="train_loss", patience=2, threshold=1e9)
    fitted = autoencoder(
        callbacks=[schedule, GradientNormClipping(1.0), stop], max_epochs=9, lr=0.01
    ).fit(rows)
    assert fitted.stop_reason_ == "callback"
    assert fitted.net_.optimizer_.param_groups[0]["lr"] < 0.01


def test_learning_rates_follow_a_schedule(rows):
    """Epoch after epoch, and batch after batch where the schedule asks for it."""
    rates = {}
    for step_every in ("epoch", "batch"):
        schedule = LRScheduler("ExponentialLR", gamma=0.5, step_every=step_every)
        fitted = autoencoder(callbacks=[schedule], max_epochs=3, lr=0.1).fit(rows)
        rates[step_every] = fitted.net_.optimizer_.param_groups[0]["lr"]
    assert rates["epoch"] == pytest.approx(0.1 * 0.5**3)
    assert rates["batch"] == pytest.approx(0.1 * 0.5 ** (3 * 6))  # batches of 50 rows of 300


def test_a_continued_training_has_a_learning_rate_of_its_own(rows):
    """With one of next to nothing, a warm start stays where it is; with the old one it goes on."""
    fitted = autoencoder(max_epochs=3, warm_start=True).fit(rows)
    before = fitted.transform(rows)
    after = fitted.set_params(lr=1e-12).fit(rows).transform(rows)
    np.testing.assert_allclose(after, before, atol=1e-6)
    assert np.abs(fitted.set_params(lr=1e-3).fit(rows).transform(rows) - before).max() > 1e-3


def test_gradients_are_clipped(rows):
    """To a norm of next to nothing, plain gradient descent stands still."""
    still = autoencoder(max_epochs=0).fit_transform(rows)
    clipped = autoencoder(optimizer="sgd", lr=0.1, callbacks=[GradientNormClipping(1e-9)])
    free = autoencoder(optimizer="sgd", lr=0.1)
    np.testing.assert_allclose(
        clipped.set_params(max_epochs=2).fit_transform(rows), still, atol=1e-6
    )
    assert np.abs(free.set_params(max_epochs=2).fit_transform(rows) - still).max() > 0.01


def test_callbacks_are_copied(rows):
    """The caller's callback object never sees the training."""
    stop = EarlyStopping(monitor="train_loss")
    before = dict(vars(stop))
    autoencoder(callbacks=[stop], max_epochs=2).fit(rows)
    assert vars(stop) == before


def test_on_epoch_reports_every_epoch(rows):
    """What a progress bar needs: epochs from 1, their number, and the loss."""
    calls = []
    fitted = autoencoder(
        callbacks=[EpochEnd(lambda *report: calls.append(report))], max_epochs=3
    ).fit(rows)
    assert calls == [(i + 1, 3, loss) for i, loss in enumerate(fitted.loss_curve_)]


def test_ctrl_c_leaves_a_usable_estimator(rows):
    """KeyboardInterrupt goes on to the caller, and what was learnt until then is kept."""
    estimator = autoencoder(callbacks=[Interrupt(3)])
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(rows)
    assert estimator.stop_reason_ == "interrupted"
    assert estimator.transform(rows).shape == (300, 2)


def test_divergence_is_named_and_leaves_nothing_behind(rows):
    """A loss that is not a number raises, says what to do, and fits nothing."""
    estimator = autoencoder(lr=1e30, optimizer="sgd", max_epochs=20)
    with pytest.raises(FloatingPointError, match=r"diverged.*[Ll]ower lr"):
        estimator.fit(rows)
    assert not hasattr(estimator, "net_")


def test_a_failed_continuation_leaves_the_old_net(rows):
    """warm_start works on a copy: if it fails, the estimator encodes as before."""
    estimator = autoencoder(max_epochs=3, warm_start=True).fit(rows)
    codes = estimator.transform(rows)
    broken = EpochEnd(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        estimator.set_params(callbacks=[broken]).fit(rows)
    np.testing.assert_array_equal(estimator.transform(rows), codes)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop", torch.optim.NAdam])
def test_optimizers_differ_and_all_learn(rows, optimizer):
    """Each lowers the loss; a torch class works like a name."""
    curve = autoencoder(optimizer=optimizer, max_epochs=5, lr=0.01).fit(rows).loss_curve_
    assert curve[-1] < curve[0]


def test_seeded_draws_what_the_global_generators_would():
    """Both generators are seeded alike; the global one is used only if asked for, and put back."""
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with seeded(0) as (_, generator):
        assert generator is not torch.default_generator
        inside = torch.rand(2, generator=generator)
    with seeded(0, use_global=True) as (_, generator):
        assert generator is torch.default_generator
        assert torch.equal(torch.rand(2), inside)
    assert torch.equal(torch.rand(2), expected)


def test_seeds_without_a_seed_differ():
    """None draws fresh entropy."""
    assert draw_seed(None) != draw_seed(None)


def test_device_auto_is_what_there_is():
    """ "auto" is a device that works; a name is taken at its word, if there is such a device."""
    assert torch.zeros(1, device=resolve_device("auto")).sum() == 0
    assert resolve_device("cpu:0") == "cpu:0"
    with pytest.raises(ValueError, match=r"device='cuda:77' cannot be used.*Pass 'auto'"):
        resolve_device("cuda:77")


def test_verbose_prints_an_epoch_a_line(rows, capsys):
    """verbose=1 shows the losses; 0 shows nothing."""
    autoencoder(max_epochs=3).fit(rows)
    assert capsys.readouterr().out == ""
    autoencoder(max_epochs=3, verbose=1).fit(rows)
    assert len(capsys.readouterr().out.strip().splitlines()) == 2 + 3  # two lines of header


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_cuda_model_gives_the_codes_of_the_cpu(rows):
    """Where a net is trained does not matter to what it encodes, up to rounding."""
    fitted = autoencoder(device="cuda", max_epochs=3).fit(rows)
    on_gpu = fitted.transform(rows)
    fitted.net_.module_.cpu()
    fitted.net_.set_params(device="cpu")
    np.testing.assert_allclose(fitted.transform(rows), on_gpu, atol=1e-6)
