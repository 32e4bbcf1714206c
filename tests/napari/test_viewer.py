"""The plugin in a viewer that draws: found by its manifest, used by its dock widget."""

import numpy as np
import pytest

from sklearn_segae import PixelEncoder
from sklearn_segae.napari import _models

npe2 = pytest.importorskip("npe2", reason="make test-napari installs it")
pytestmark = pytest.mark.usefixtures("opengl")


@pytest.fixture
def viewer(opengl, request, monkeypatch):
    """A viewer of napari that knows the plugin, installed or not."""
    manager = npe2.PluginManager.instance()
    if "sklearn-segae" not in manager:
        manager.register(npe2.PluginManifest.from_file(manifest_path()))
    encoder = PixelEncoder(4, features="multiscale", n_filters=4, batch_size=1, max_epochs=0)
    monkeypatch.setattr(_models, "default_encoder", lambda *_: encoder)
    return request.getfixturevalue("make_napari_viewer")(show=True)


def manifest_path():
    import sklearn_segae.napari

    return f"{sklearn_segae.napari.__path__[0]}/napari.yaml"


@pytest.mark.parametrize("name", ["tissue", "coins", "textures", "volume"])
def test_sample_data_open(viewer, name):
    """From the menu: an image and strokes at the same place."""
    image, strokes = viewer.open_sample("sklearn-segae", name)
    assert strokes.name == f"{image.name} strokes"
    np.testing.assert_array_equal(strokes.scale, image.scale)
    assert strokes.data.max() >= 2


def test_strokes_become_label_maps_on_screen(viewer, qtbot):
    """The widget from the menu trains on sample strokes, and the label map is drawn."""
    from qtpy.QtWidgets import QPushButton

    image, strokes = viewer.open_sample("sklearn-segae", "volume")
    _, container = viewer.window.add_plugin_dock_widget("sklearn-segae")
    buttons = container.native.findChildren(QPushButton)
    next(own for own in buttons if own.text() == "Train").click()
    name = f"{image.name} labels"
    qtbot.waitUntil(lambda: name in viewer.layers, timeout=60_000)
    qtbot.waitUntil(lambda: viewer.layers[name].data.all(), timeout=60_000)
    assert viewer.layers[name].data.shape == strokes.data.shape
    assert list(viewer.layers[name].features["class"][1:4]) == ["background", "dark", "bright"]
    shown = viewer.screenshot(flash=False)
    viewer.layers[name].visible = False
    assert (viewer.screenshot(flash=False) != shown).any()
    before = viewer.layers[name].data.copy()
    viewer.layers.selection.active = strokes
    strokes.data[8] = 3
    strokes.refresh()
    qtbot.waitUntil(lambda: (viewer.layers[name].data != before).any(), timeout=60_000)
