"""Training an encoder and its head together."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier
from skorch.callbacks import Callback

from sklearn_segae import AESegmenter, PixelEncoder, PixelHead
from sklearn_segae.imaging._scaling import scaled
from sklearn_segae.imaging._tiles import read_tile
from sklearn_segae.metrics import mean_iou
from sklearn_segae.segmentation._fine_tuning import Joint, SemiSupervised


@pytest.fixture(scope="module")
def few(mosaic):
    """Images, and labels of some pixels of the first."""
    images, labels = mosaic
    y = np.full(labels.shape, -1)
    y[0, ::8, ::8] = labels[0, ::8, ::8]
    return images, y


def segmenter(**parameters):
    encoder = PixelEncoder(6, pooling=3, n_filters=8, max_epochs=1, batch_size=2)
    head = PixelHead((16,), max_epochs=30)
    options = {"encoder": encoder, "estimator": head, "normalize": "dataset", "random_state": 0}
    return AESegmenter(**options).set_params(**parameters)


@pytest.fixture(scope="module")
def apart(few):
    return segmenter().fit(*few)


def weights(fitted):
    return torch.cat([p.ravel() for p in fitted.encoder_.net_.module_.layers.parameters()])


@pytest.mark.parametrize("features", ["texture", "multiscale"])
def test_the_joint_network_is_what_encoder_and_head_are(few, features):
    """From pixels to probabilities in one, as far as an image's borders do not show."""
    images, y = few
    fitted = segmenter(encoder__features=features).fit(images, y)
    joint = Joint(fitted.encoder_, fitted.estimator_).eval()
    everything = slice(0, images[0].shape[0]), slice(0, images[0].shape[1])
    x = scaled(read_tile(images[0], everything, joint.margin), fitted.encoder_.scale_)
    with torch.inference_mode():
        logits = joint(torch.from_numpy(x.astype(np.float32)).movedim(-1, 0)[None])
    np.testing.assert_allclose(
        torch.softmax(logits, -1)[0], fitted.predict_proba(images)[0], atol=1e-3
    )  # float32 against float64


def test_the_head_teaches_the_encoder(few, apart, mosaic):
    """Its weights change, and labeled pixels fit better; both ways it segments."""
    images, y = few
    tuned = segmenter(fine_tune=True, encoder__max_epochs=4).fit(images, y)
    assert not torch.equal(weights(tuned), weights(apart))
    assert mean_iou(mosaic[1], tuned.predict(images), matched=False) > 0.6
    assert tuned.labeler_.encoder is tuned.encoder_


def test_the_strength_weighs_what_needs_no_labels(few):
    """0 is labels alone; a tile without any then teaches nothing."""
    joint = Joint(*(getattr(segmenter().fit(*few), n) for n in ("encoder_", "estimator_")))
    x = torch.randn(1, 1, 80, 80)
    nothing = torch.full((1, 2, 80, 80), -1.0)
    something = nothing.clone()
    something[:, :, 30:40, 30:40] = 1
    losses = {
        (strength, marks is something): float(
            SemiSupervised(strength, "mse")(joint, torch.cat([x, marks], 1)).detach()
        )
        for strength in (0, 1, 2)
        for marks in (nothing, something)
    }
    assert losses[0, False] == 0 < losses[0, True]
    torch.manual_seed(0)
    assert losses[1, False] != 0
    assert losses[2, False] != losses[1, False]


def test_what_was_learnt_before_stays(few, apart, tmp_path):
    """A cached encoder is copied, not trained on."""
    images, y = few
    before = segmenter(memory=str(tmp_path)).fit(images, y)
    segmenter(memory=str(tmp_path), fine_tune=True).fit(images, y)
    after = segmenter(memory=str(tmp_path)).fit(images, y)
    assert torch.equal(weights(before), weights(after))
    np.testing.assert_array_equal(before.predict(images), after.predict(images))


class Interrupt(Callback):
    """Press Ctrl-C in the second training: the first is the encoder's own."""

    def on_train_begin(self, net, **_):
        self.is_joint = isinstance(net.module_, Joint)

    def on_batch_end(self, net, **_):
        if self.is_joint:
            raise Stop


class Stop(BaseException):
    pass


def test_an_error_in_the_middle_comes_through(few):
    """Callbacks of the encoder see both trainings; what they raise is not swallowed."""
    with pytest.raises(Stop):
        segmenter(fine_tune=True, encoder__callbacks=[Interrupt()]).fit(*few)


def test_ctrl_c_comes_through(few, monkeypatch):
    """An interrupted tuning raises KeyboardInterrupt."""
    monkeypatch.setattr(SemiSupervised, "__call__", press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        segmenter(fine_tune=True).fit(*few)


def press_ctrl_c(*_, **__):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "parameters", [{"estimator": RandomForestClassifier()}, {"encoder": "passthrough"}]
)
def test_only_networks_can_be_tuned(few, parameters):
    """The error says which estimators can."""
    with pytest.raises(ValueError, match=r"fine_tune=True trains a PixelEncoder and a PixelHead"):
        segmenter(fine_tune=True, **parameters).fit(*few)


def test_rows_cannot_be_tuned(rng):
    """They are not read in tiles."""
    with pytest.raises(ValueError, match="needs images, but X holds rows"):
        segmenter(fine_tune=True).fit(rng.normal(size=(50, 3)), rng.integers(2, size=50))
