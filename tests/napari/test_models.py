"""Models of strokes on layers, without a viewer."""

import numpy as np
import pytest

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_mosaic, make_volume
from sklearn_segae.napari import _models
from sklearn_segae.napari._apply import load_segmenter, predict, probabilities, uncertainty
from sklearn_segae.napari._job import Canceled, Job
from sklearn_segae.napari._layers import LayerImages
from sklearn_segae.napari._models import FastModel, SlowModel, make_model
from sklearn_segae.persistence import save


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    """Encoders are as quick as they can be."""
    encoder = PixelEncoder(4, features="multiscale", n_filters=4, batch_size=1, max_epochs=0)
    monkeypatch.setattr(_models, "default_encoder", lambda *_: encoder)


@pytest.fixture(scope="module")
def mosaics():
    """Three mosaics of two textures: (images, labels)."""
    images, labels = make_mosaic(3, n_segments=2, size=64, random_state=0)
    return images.reshape(3, 64, 64), labels


@pytest.fixture
def pages(make_layer, mosaics):
    """A stack of two images, and strokes on the first one."""
    images, labels = mosaics
    strokes = np.zeros((2, 64, 64), np.uint8)
    strokes[0, ::16] = labels[0, ::16] + 1
    return LayerImages([make_layer(images[:2], "stack")]), make_layer(strokes, "stack strokes")


def test_strokes_on_a_page_segment_the_stack(pages, mosaics):
    """Pages share a model; the one that is shown comes first."""
    source, strokes = pages
    model = make_model([source], [strokes], "multiscale", "trees")
    found = list(model.train(Job(), [(1,)]))
    assert [own.page for own in found] == [(1,), (0,)]
    for own in found:
        assert (own.labels == mosaics[1][own.page] + 1).mean() > 0.8
        assert 0 <= own.uncertainty.min() < own.uncertainty.max() <= 1


def test_several_layers_share_a_model(pages, make_layer, mosaics):
    """Layers of other sizes are segmented by the strokes on one of them."""
    source, strokes = pages
    other = LayerImages([make_layer(mosaics[0][2, :40], "other")])
    empty = make_layer(np.zeros((40, 64), np.uint8))
    model = make_model([source, other], [strokes, empty], "multiscale", "trees")
    found = list(model.train(Job()))
    assert [(own.source.name, own.page) for own in found] == [
        ("stack", (0,)),
        ("stack", (1,)),
        ("other", ()),
    ]
    assert (found[-1].labels == mosaics[1][2, :40] + 1).mean() > 0.8


def test_large_images_are_shown_coarsely_first(pages, monkeypatch):
    """Every third pixel, then all of them; other pages are shown in full only."""
    source, strokes = pages
    monkeypatch.setattr(_models, "LARGE", 1000)
    model = make_model([source], [strokes], "multiscale", "trees")
    coarse, *full = model.train(Job(), [(1,)])
    assert coarse.page == (1,)
    assert [own.page for own in full] == [(1,), (0,)]
    for name in ("labels", "uncertainty"):
        a, b = getattr(coarse, name), getattr(full[0], name)
        assert a.shape == b.shape == (64, 64)
        np.testing.assert_array_equal(a[::3, ::3], b[::3, ::3])
        np.testing.assert_array_equal(a[1::3, 2::3], a[:-1:3, :-1:3])
    assert (coarse.labels != full[0].labels).any()


def test_only_the_first_training_encodes(pages):
    """Later ones fit the classifier to strokes that have changed."""
    source, strokes = pages
    model = FastModel([source], [strokes])
    assert not model.ready
    assert model.changed()
    before = {own.page: own.labels for own in model.train(Job())}
    session = model.session
    assert model.ready
    assert not model.changed()
    strokes.data[1, 10:20] = 3
    assert model.changed()
    after = {own.page: own.labels for own in model.train(Job())}
    assert model.session is session
    assert 3 in np.unique(after[(1,)])
    assert 3 not in np.unique(before[(1,)])


def test_one_class_trains_nothing(pages):
    """Images are encoded, and nothing is shown, until there are two classes."""
    source, strokes = pages
    strokes.data[strokes.data == 2] = 0
    model = FastModel([source], [strokes])
    assert not list(model.train(Job()))
    assert model.ready
    assert model.suggestion(0) is None
    assert not list(SlowModel([source], [strokes], estimator="unet").train(Job()))


def test_cancel_ends_a_computation(pages):
    """Before the next page, tile or epoch; nothing half-made is kept."""
    source, strokes = pages
    model, job = FastModel([source], [strokes]), Job()
    job.cancel()
    with pytest.raises(Canceled):
        list(model.train(job))
    assert not model.ready
    list(model.train(Job()))
    job = Job()
    found = model.train(job)
    next(found)
    job.cancel()
    with pytest.raises(Canceled):
        next(found)


def test_a_network_is_canceled_between_epochs(pages, monkeypatch):
    """Training takes minutes: progress is told after each epoch, where it may end."""
    source, strokes = pages

    class Impatient(Job):
        def tell(self, line):
            if "epoch" in line:
                self.cancel()
            super().tell(line)

    model, job = SlowModel([source], [strokes], estimator="unet"), Impatient()
    monkeypatch.setattr(_models, "named", lambda name: small_unet())
    with pytest.raises(Canceled):
        list(model.train(job))
    assert model.fitted is None
    with pytest.raises(ValueError, match="not fitted"):
        model.segmenter()


def small_unet():
    from sklearn_segae import UNetClassifier

    return UNetClassifier(n_filters=4, crop_size=32, max_epochs=2)


def test_a_network_is_trained_and_saved(pages, monkeypatch, tmp_path):
    """The callback that tells the progress does not stay in the model, which can be saved."""
    source, strokes = pages
    monkeypatch.setattr(_models, "named", lambda name: small_unet())
    model, job = SlowModel([source], [strokes], estimator="unet"), Job()
    found = list(model.train(job))
    assert [own.page for own in found] == [(0,), (1,)]
    assert set(np.unique(found[0].labels)) <= {1, 2}
    region = model.suggestion(0)
    assert not strokes.data[region.image][region.rows, region.columns].any()
    save(model.segmenter(), tmp_path / "net.segae")
    again = load_segmenter(str(tmp_path / "net.segae"))
    (labels,) = (own.labels for own in predict(again, [source], job) if own.page == (1,))
    np.testing.assert_array_equal(labels, found[1].labels)


def test_strokes_in_slices_segment_volumes(make_layer):
    """The scale of the layer is the spacing of the voxels, and axes before the last three pages."""
    spacing = (2.0, 0.5, 0.5)
    volumes, truth = make_volume(
        n_volumes=2, size=(8, 32, 32), spacing=spacing, noise=0.1, random_state=0
    )
    layer = make_layer(volumes[..., 0], scale=(1, *spacing))
    strokes = np.zeros(truth.shape, np.uint8)
    strokes[0, ::3, :, :16] = truth[0, ::3, :, :16] + 1
    model = make_model([LayerImages([layer], 3)], [make_layer(strokes)], "multiscale", "trees")
    found = list(model.train(Job()))
    assert [own.page for own in found] == [(0,), (1,)]
    assert (found[1].labels == truth[1] + 1).mean() > 0.9
    segmenter = model.segmenter()
    assert segmenter.spacing_ == spacing
    flat = make_layer(volumes[0, ..., 0], scale=(1, 1, 1))
    with pytest.warns(UserWarning, match=r"Set layer\.scale"):
        (own,) = predict(segmenter, [LayerImages([flat], 3)], Job())
    assert own.labels.shape == (8, 32, 32)


def test_strokes_fit_their_images(pages, make_layer):
    """A layer of another shape is refused before anything is computed."""
    with pytest.raises(ValueError, match="shape"):
        make_model([pages[0]], [make_layer(np.zeros((64, 64)))], "multiscale", "trees")


def test_a_model_is_applied_to_other_layers(pages, make_layer, mosaics):
    """Label maps equal those of `predict`; probabilities and uncertainties are there, too."""
    source, strokes = pages
    model = make_model([source], [strokes], "multiscale", "head")
    list(model.train(Job()))
    segmenter, image = model.segmenter(), mosaics[0][2]
    other = LayerImages([make_layer(image)])
    (expected,) = segmenter.predict([image])
    (own,) = predict(segmenter, [other], Job())
    np.testing.assert_array_equal(own.labels, expected)
    (own,) = uncertainty(segmenter, [other], Job())
    np.testing.assert_allclose(own.uncertainty, segmenter.uncertainty([image])[0])
    (own,) = probabilities(segmenter, [other], Job())
    np.testing.assert_allclose(own.probabilities.sum(axis=-1), 1, atol=1e-5)


def test_a_prediction_is_canceled_between_tiles(fitted, make_layer, shapes):
    """Within an image, too."""

    class Impatient(Job):
        def tell(self, line):
            if "%" in line:
                self.cancel()
            super().tell(line)

    with pytest.raises(Canceled):
        list(predict(fitted, [LayerImages([make_layer(shapes[0][0])])], Impatient()))


def test_what_cannot_be_applied(tmp_path, make_layer, mosaics):
    """Files of other estimators, models of rows, and uncertainty without probabilities."""
    from sklearn.linear_model import RidgeClassifier

    path, encoder = tmp_path / "model.segae", PixelEncoder(2, max_epochs=0)
    save(encoder, path)
    with pytest.raises(ValueError, match="fitted AESegmenter"):
        load_segmenter(str(path))
    rows = AESegmenter(estimator="head", encoder=encoder, random_state=0)
    save(rows.fit(np.eye(20), np.arange(20) % 2), path)
    with pytest.raises(ValueError, match="rows"):
        load_segmenter(str(path))
    images, labels = mosaics
    model = AESegmenter(encoder="passthrough", estimator=RidgeClassifier(), patch_size=1)
    model.fit(images[:1], labels[:1])
    with pytest.raises(ValueError, match="predict_proba"):
        list(uncertainty(model, [LayerImages([make_layer(images[1])])], Job()))
