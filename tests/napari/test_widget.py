"""The dock widget, on a viewer's model: what its buttons do, in the background."""

import time
from threading import Event

import numpy as np
import pytest

from sklearn_segae import PixelEncoder
from sklearn_segae.datasets import make_mosaic
from sklearn_segae.napari import _models
from sklearn_segae.napari._widget import SegmentationWidget

components = pytest.importorskip("napari.components", reason="make test-napari installs it")


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Encoders are as quick as they can be."""
    encoder = PixelEncoder(4, features="multiscale", n_filters=4, batch_size=1, max_epochs=0)
    monkeypatch.setattr(_models, "default_encoder", lambda *_: encoder)


@pytest.fixture(scope="module")
def mosaics():
    """Two mosaics of two textures: (images, labels)."""
    images, labels = make_mosaic(2, n_segments=2, size=64, random_state=0)
    return images.reshape(2, 64, 64), labels


@pytest.fixture
def viewer(mosaics):
    """A viewer with a stack of two images."""
    viewer = components.ViewerModel()
    viewer.add_image(mosaics[0], name="stack")
    return viewer


@pytest.fixture
def errors():
    """Return a function that returns the messages of all errors that were shown."""
    from napari.utils.notifications import notification_manager

    notification_manager.records.clear()
    shown = notification_manager.records
    return lambda: [str(own.message) for own in shown if own.severity.name == "ERROR"]


@pytest.fixture
def widget(application, viewer, monkeypatch):
    """The widget, whose threads have ended before the next test, and whose slots do not fail."""
    from qtpy.QtCore import QThreadPool

    raised = []
    monkeypatch.setattr("sys.excepthook", lambda *error: raised.append(error))
    widget = SegmentationWidget(viewer)
    widget.process = application.processEvents
    yield widget
    widget.close()
    QThreadPool.globalInstance().waitForDone()
    application.processEvents()
    assert not raised


def wait(widget):
    """Let the application run until all jobs are done."""
    end = time.monotonic() + 60
    while widget.busy:
        widget.process()
        assert time.monotonic() < end


def press(widget, name):
    """Press a button, and wait for what it does."""
    widget.controls.buttons[name].native.click()
    wait(widget)


def scribble(widget, truth, page=0):
    """Paint rows of the truth as a user would, by strokes of the brush."""
    layer = widget.model.strokes[0]
    for row in range(0, 64, 16):
        where = (np.full(64, page), np.full(64, row), np.arange(64))
        layer.data_setitem(where, truth[page, row] + 1)
    wait(widget)
    return layer


def test_strokes_become_label_maps(widget, viewer, mosaics, errors):
    """Train makes a layer of strokes; each stroke on it segments all pages again."""
    assert [layer.name for layer in widget.controls.images.value] == ["stack"]
    press(widget, "Train")
    assert "Paint strokes" in widget.controls.status.value
    assert "stack labels" not in viewer.layers
    scribble(widget, mosaics[1])
    found = viewer.layers["stack labels"].data
    assert (found == mosaics[1] + 1).mean() > 0.8
    assert not errors()


def test_undo_is_a_stroke(widget, viewer, mosaics):
    """Without the last stroke, labels are as before it."""
    press(widget, "Train")
    layer = scribble(widget, mosaics[1])
    before = viewer.layers["stack labels"].data.copy()
    layer.data_setitem((np.zeros(40, int), np.full(40, 40), np.arange(40)), 3)
    wait(widget)
    assert 3 in viewer.layers["stack labels"].data
    layer.undo()
    wait(widget)
    np.testing.assert_array_equal(viewer.layers["stack labels"].data, before)


def test_other_strokes_need_no_encoding(widget, viewer, mosaics):
    """A layer of strokes may be replaced; the codes of the images stay."""
    press(widget, "Train")
    session = widget.model.session
    viewer.layers.remove("stack strokes")
    own = viewer.add_labels(np.where(np.arange(64) % 16, 0, mosaics[1] + 1), name="own")
    widget.controls.strokes.value = own
    press(widget, "Train")
    assert widget.model.session is session
    assert "stack labels" in viewer.layers
    assert "stack strokes" not in viewer.layers


def test_no_live_updates(widget, viewer, mosaics):
    """With the box cleared, strokes wait for Train; moving the slider computes nothing."""
    widget.controls.live.value = False
    press(widget, "Train")
    scribble(widget, mosaics[1])
    assert "stack labels" not in viewer.layers
    press(widget, "Train")
    assert "stack labels" in viewer.layers
    widget.controls.live.value = True
    viewer.dims.set_point(0, 1)
    assert widget.jobs.job is None
    widget.controls.estimator.value = "unet"
    assert not widget.controls.live.enabled


def test_a_stroke_cancels_the_preview_before(widget, viewer, mosaics, monkeypatch):
    """Even in the middle of an image; other jobs are not canceled: the preview waits for them."""

    began = Event()

    def endless(image, step=1, wanted=bool):
        began.set()
        while wanted():
            time.sleep(0.001)

    press(widget, "Train")
    layer = scribble(widget, mosaics[1])
    with monkeypatch.context() as patch:
        patch.setattr(widget.model.session, "prediction", endless)
        first = painted(widget, layer, 9, 1)
        assert began.wait(60)
    painted(widget, layer, 20, 3)
    assert not first.wanted()
    wait(widget)
    assert 3 in viewer.layers["stack labels"].data
    widget.controls.buttons["Predict"].native.click()
    prediction = widget.jobs.job
    painted(widget, layer, 30, 1)
    assert prediction.wanted()
    wait(widget)
    assert not widget.model.changed()


def painted(widget, layer, row, value):
    """Paint, and return the job that runs then."""
    layer.data_setitem((np.zeros(9, int), np.full(9, row), np.arange(9)), value)
    while widget._stroke_timer.isActive():
        widget.process()
    return widget.jobs.job


def test_cancel(widget, viewer, mosaics):
    """Nothing more is shown, and the next press of Train begins again."""
    widget.controls.buttons["Train"].native.click()
    widget.controls.buttons["Cancel"].native.click()
    wait(widget)
    assert widget.controls.status.value == "Canceled."
    assert not widget.model.ready
    press(widget, "Train")
    scribble(widget, mosaics[1])
    assert "stack labels" in viewer.layers


def test_layers_share_a_model(widget, viewer, mosaics, errors):
    """All chosen layers are segmented, by strokes on one of them."""
    viewer.add_image(mosaics[0][1, :40], name="other", scale=(2, 2))
    widget.controls.images.value = widget.controls.images.choices
    press(widget, "Train")
    scribble(widget, mosaics[1])
    assert (viewer.layers["other labels"].data == mosaics[1][1, :40] + 1).mean() > 0.8
    np.testing.assert_array_equal(viewer.layers["other labels"].scale, (2, 2))
    widget.controls.strokes.value = viewer.layers["other strokes"]
    press(widget, "Train")
    assert "one layer for each image" in errors()[-1]


def test_what_a_model_says(widget, viewer, mosaics, errors):
    """Uncertainty, probabilities and a region to label next are layers, too."""
    widget.controls.names.value = "brick, grass"
    press(widget, "Train")
    layer = scribble(widget, mosaics[1])
    for name in ("Uncertainty", "Probabilities", "Suggest region", "Suggest region"):
        press(widget, name)
    names = {own.name for own in viewer.layers}
    expected = {"uncertainty", "probability of brick", "probability of grass", "suggested region"}
    assert {f"stack {name}" for name in expected} < names
    total = sum(viewer.layers[f"stack probability of {n}"].data for n in ("brick", "grass"))
    np.testing.assert_allclose(total, 1, atol=1e-5)
    before = viewer.layers["stack uncertainty"].data.copy()
    layer.data_setitem((np.ones(9, int), np.full(9, 9), np.arange(9)), 1)
    wait(widget)
    assert (viewer.layers["stack uncertainty"].data != before).any()
    assert not errors()


def test_names_of_classes_change_with_the_field(widget, viewer, mosaics):
    """In strokes and label maps."""
    press(widget, "Train")
    scribble(widget, mosaics[1])
    widget.controls.names.value = "brick, grass"
    for name in ("stack strokes", "stack labels"):
        assert list(viewer.layers[name].features["class"][:4]) == [
            *("none", "brick", "grass", "class 3")
        ]


def test_models_are_saved_and_loaded(widget, viewer, mosaics, tmp_path, errors):
    """A loaded model predicts the layers that are chosen, and the same labels."""
    press(widget, "Train")
    scribble(widget, mosaics[1])
    widget.save(str(tmp_path / "model.segae"))
    wait(widget)
    shown = viewer.layers["stack labels"].data.copy()
    viewer.layers.remove("stack labels")
    widget.load(str(tmp_path / "model.segae"))
    wait(widget)
    assert "is loaded" in widget.controls.status.value
    press(widget, "Predict")
    np.testing.assert_array_equal(viewer.layers["stack labels"].data, shown)
    press(widget, "Suggest region")
    assert "do not contain their images" in errors()[-1]


def test_volumes(widget, viewer, mosaics, errors):
    """With the box checked, a stack is one volume; the model of it reads volumes."""
    widget.controls.volumes.value = True
    press(widget, "Train")
    assert widget.model.images[0][1] == ()
    scribble(widget, mosaics[1])
    assert viewer.layers["stack labels"].data.shape == (2, 64, 64)
    assert widget.model.segmenter().n_axes == 3
    widget.controls.volumes.value = False
    press(widget, "Predict")
    assert not errors()


def test_what_is_wrong_is_said(widget, viewer, mosaics, tmp_path, errors):
    """Errors of buttons and of jobs are notifications, and the widget goes on."""
    press(widget, "Predict")
    assert "Press Train" in errors()[-1]
    press(widget, "Suggest region")
    assert "Press Train first" in errors()[-1]
    widget.controls.images.value = []
    press(widget, "Train")
    assert "no images are chosen" in errors()[-1]
    widget.load(str(tmp_path / "nothing.segae"))
    wait(widget)
    assert "nothing.segae" in errors()[-1]
    assert widget.controls.status.value.startswith("Failed")
    viewer.layers["stack"].data = np.full((2, 64, 64), np.inf)
    widget.controls.refresh()
    press(widget, "Train")
    assert len(errors()) == 5


def test_warnings_of_jobs_are_shown(widget, viewer, mosaics):
    """For example, that voxels have other sides than the model was fitted to."""
    from napari.utils.notifications import notification_manager

    widget.controls.volumes.value = True
    press(widget, "Train")
    scribble(widget, mosaics[1])
    viewer.layers["stack"].scale = (5, 1, 1)
    press(widget, "Predict")
    assert any("Set layer.scale" in str(own.message) for own in notification_manager.records)
