"""Layers of results in a viewer's model, which needs neither Qt nor OpenGL."""

import numpy as np
import pytest

from sklearn_segae.napari._apply import Probabilities
from sklearn_segae.napari._classes import CLEAR, Classes
from sklearn_segae.napari._layers import LayerImages
from sklearn_segae.napari._models import Labeled
from sklearn_segae.napari._results import ResultLayers, is_result
from sklearn_segae.segmentation._suggested_regions import SuggestedRegion

components = pytest.importorskip("napari.components", reason="make test-napari installs it")

PLACE = {
    "scale": (3, 2, 0.5),
    "translate": (1, 20, 30),
    "units": ("s", "um", "um"),
    "axis_labels": ("t", "y", "x"),
}
CLASSES = Classes.of_strokes(["sky", "wood"], 2)


@pytest.fixture
def viewer():
    return components.ViewerModel()


@pytest.fixture
def source(viewer, rng):
    return LayerImages([viewer.add_image(rng.random((2, 8, 9)), name="film", **PLACE)])


def camera(viewer):
    return getattr(viewer, "scene", viewer).camera


def labeled(source, page=(0,), value=1, uncertainty=None):
    return Labeled(source, page, np.full((8, 9), value), uncertainty)


def test_layers_lie_on_their_image(viewer, source):
    """Scale, translation, units and names of axes are those of the image."""
    results = ResultLayers(viewer)
    results.strokes(source, CLASSES)
    results.show_uncertainty(labeled(source, uncertainty=np.ones((8, 9))), CLASSES)
    results.show_probabilities(Probabilities(source, (0,), np.ones((8, 9, 2)) / 2), CLASSES)
    results.show_region(source, (1,), SuggestedRegion(0, 2, 3, 4, 5, 0.9))
    assert len(viewer.layers) == 7
    for layer in viewer.layers:
        np.testing.assert_array_equal(layer.scale, PLACE["scale"])
        np.testing.assert_array_equal(layer.translate, PLACE["translate"])
        assert layer.units == source.layers[0].units
        assert layer.axis_labels == PLACE["axis_labels"]
    assert [is_result(layer) for layer in viewer.layers].count(False) == 2


def test_classes_have_names_and_colors(viewer, source):
    """The name of a class is shown under the cursor, in strokes and label maps."""
    results = ResultLayers(viewer)
    strokes = results.strokes(source, CLASSES)
    strokes.data[0] = 2
    results.show(labeled(source, value=2), CLASSES)
    for layer in (strokes, viewer.layers["film labels"]):
        layer.refresh()
        status = layer.get_status((1, 22, 31), world=True)
        assert "wood" in status["coordinates"]
        np.testing.assert_allclose(layer.colormap.map(2), CLASSES.colors()[2], atol=1e-2)
        np.testing.assert_allclose(layer.colormap.map(0), CLEAR)
    results.set_classes(strokes, Classes.of_strokes(["sky", "stone"], 2))
    assert "stone" in strokes.get_status((1, 22, 31), world=True)["coordinates"]


def test_layers_are_written_again(viewer, source):
    """A second result replaces the first one of its page; renamed layers are found."""
    results = ResultLayers(viewer)
    results.show(labeled(source), CLASSES)
    layer = viewer.layers["film labels"]
    layer.name = "mine"
    results.show(labeled(source, (1,), 2), CLASSES)
    assert len(viewer.layers) == 2
    assert layer.data[0].min() == layer.data[0].max() == 1
    assert layer.data[1].min() == 2
    viewer.layers.remove(layer)
    results.show(labeled(source), CLASSES)
    assert len(viewer.layers) == 2


def test_layers_of_users_are_not_written_to(viewer, source):
    """Even if they have the name of a result."""
    truth = viewer.add_labels(np.full((2, 8, 9), 3), name="film labels", **PLACE)
    ResultLayers(viewer).show(labeled(source), CLASSES)
    assert truth.data.min() == 3
    assert len(viewer.layers) == 3
    assert not is_result(truth)


def test_strokes_are_found_by_their_name(viewer, source):
    """Strokes that were saved and opened again have no metadata."""
    strokes = viewer.add_labels(np.ones((2, 8, 9), int), name="film strokes", **PLACE)
    assert ResultLayers(viewer).strokes(source, CLASSES) is strokes


def test_new_strokes_can_be_painted_at_once(viewer, source):
    """The layer is selected, and its mode is that of painting."""
    strokes = ResultLayers(viewer).strokes(source, CLASSES)
    assert viewer.layers.selection.active is strokes
    assert strokes.mode == "paint"


def test_other_classes_need_another_type(viewer, source):
    """A label map of another model replaces all pages, if its values do not fit."""
    results = ResultLayers(viewer)
    results.show(labeled(source), CLASSES)
    wide = Classes(np.array([0, 1000]), np.array([0, 1000]), ["a", "b"])
    results.show(labeled(source, (1,), 1000), wide)
    data = viewer.layers["film labels"].data
    assert data[1].min() == 1000
    assert data[0].max() == -1


def test_uncertainty_is_kept_up_to_date(viewer, source):
    """Once it is shown, later label maps bring theirs."""
    results = ResultLayers(viewer)
    results.show(labeled(source, uncertainty=np.ones((8, 9))), CLASSES)
    assert len(viewer.layers) == 2
    results.show_uncertainty(labeled(source, uncertainty=np.full((8, 9), 0.25)), CLASSES)
    results.show(labeled(source, uncertainty=np.full((8, 9), 0.75)), CLASSES)
    layer = viewer.layers["film uncertainty"]
    assert layer.data[0].min() == layer.data[0].max() == 0.75
    assert np.isnan(layer.data[1]).all()


def test_the_selected_layer_stays_selected(viewer, source):
    """Painting goes on while results appear, which are below the strokes."""
    results = ResultLayers(viewer)
    strokes = results.strokes(source, CLASSES)
    viewer.layers.selection.active = strokes
    results.show(labeled(source), CLASSES)
    assert viewer.layers.selection.active is strokes
    assert [layer.name for layer in viewer.layers] == ["film", "film labels", "film strokes"]


def test_a_region_is_outlined_and_shown(viewer, source):
    """The view moves to its page and its middle; the next one replaces it."""
    results = ResultLayers(viewer)
    results.show_region(source, (0,), SuggestedRegion(0, 0, 0, 2, 2, 0.9))
    results.show_region(source, (1,), SuggestedRegion(0, 2, 3, 4, 5, 0.9))
    layer = viewer.layers["film suggested region"]
    (corners,) = layer.data
    np.testing.assert_array_equal(corners.min(axis=0), [1, 1.5, 2.5])
    np.testing.assert_array_equal(corners.max(axis=0), [1, 5.5, 7.5])
    assert source.page_at(viewer.dims.point) == (1,)
    np.testing.assert_allclose(camera(viewer).center[-2:], [20 + 2 * 3.5, 30 + 0.5 * 5])


def test_a_region_of_a_volume_is_outlined_in_its_slices(viewer, rng):
    """One rectangle for each slice."""
    volume = LayerImages([viewer.add_image(rng.random((6, 8, 9)), name="scan")], 3)
    region = SuggestedRegion(0, 2, 3, 4, 5, 0.9, 1, 3)
    ResultLayers(viewer).show_region(volume, (), region)
    outlines = viewer.layers["scan suggested region"].data
    assert [own[0, 0] for own in outlines] == [1, 2, 3]
    assert round(viewer.dims.point[0]) == 2


def test_units_of_the_viewer_are_converted(viewer, rng):
    """A layer whose z is in nanometers and whose y and x are in micrometers has one spacing."""
    units = ("nm", "um", "um")
    layer = viewer.add_image(rng.random((6, 8, 9)), scale=(500, 0.5, 0.5), units=units)
    np.testing.assert_allclose(LayerImages([layer], 3).spacing, (0.5, 0.5, 0.5))
    colors = viewer.add_image(rng.random((6, 8, 9, 3)), rgb=True)
    assert LayerImages([colors], 3).shape == (6, 8, 9)
