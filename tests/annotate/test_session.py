"""Strokes to label maps, and to a model that stands on its own."""

import numpy as np
import pytest

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.annotate._session import AnnotationSession
from sklearn_segae.datasets import make_mosaic, make_volume
from sklearn_segae.persistence import load, save


@pytest.fixture(scope="module")
def mosaics():
    """Two mosaics of two textures: (images, labels)."""
    return make_mosaic(2, n_segments=2, size=64, random_state=0)


@pytest.fixture(scope="module")
def encoded(mosaics):
    """AnnotationSession without strokes, the images encoded."""
    session = AnnotationSession(list(mosaics[0]), encoder=tiny())
    session.encode()
    return session


@pytest.fixture
def session(encoded):
    """The same, whatever other tests drew."""
    for i, strokes in enumerate(encoded.strokes):
        encoded.paint(i, 0, 0, np.zeros_like(strokes))
    return encoded


def tiny():
    return PixelEncoder(4, features="multiscale", n_filters=4, batch_size=1, max_epochs=0)


def scribble(session, truth):
    """Draw the truth of a few rows of the first image."""
    for top in (8, 30, 52):
        session.paint(0, top, 0, truth[0, top : top + 2] + 1)


def test_strokes_in_one_image_segment_both(session, mosaics):
    """A few rows of one image are enough for the other, whose classes are the same."""
    scribble(session, mosaics[1])
    for i, truth in enumerate(mosaics[1]):
        found = session.prediction(i)
        assert (found.labels == truth + 1).mean() > 0.85
        assert found.labels.dtype == found.uncertainty.dtype == np.uint8


def test_doubt_is_where_labels_are_wrong(session, mosaics):
    """Doubt is higher at wrong pixels than at right ones."""
    scribble(session, mosaics[1])
    found = session.prediction(1)
    right = found.labels == mosaics[1][1] + 1
    assert found.uncertainty[~right].mean() > found.uncertainty[right].mean()


def test_a_coarse_view_is_part_of_the_whole(session, mosaics):
    """Every third pixel has the label and the doubt that it has in the full view."""
    scribble(session, mosaics[1])
    for coarse, full in zip(session.prediction(0, 3), session.prediction(0), strict=True):
        np.testing.assert_array_equal(coarse, full[::3, ::3])


def test_the_suggestion_is_that_of_the_model(session, mosaics):
    """What the page suggests from every third pixel, the segmenter suggests from all of them."""
    scribble(session, mosaics[1])
    strokes = [s.copy() for s in session.strokes]
    expected = session.model().suggest_regions(session.images, 16, y=strokes)
    found = [session.suggestion(rank) for rank in range(16)]
    assert all(not strokes[r.image][r.rows, r.columns].any() for r in found)
    same = {r[:5] for r in found} & {r[:5] for r in expected}
    assert len(same) >= 12  # of the 20 without strokes
    assert found[0].uncertainty == pytest.approx(expected[0].uncertainty, abs=0.1)


def test_nothing_is_suggested_where_strokes_are_everywhere(session):
    """A stroke in each region leaves none."""
    for i, strokes in enumerate(session.strokes):
        session.paint(i, 0, 0, np.tile(np.uint8([[1, 0], [0, 2]]), np.array(strokes.shape) // 2))
    assert session.suggestion() is None


@pytest.mark.parametrize("classifier", ["trees", "forest", "head"])
def test_the_saved_model_predicts_what_is_shown(mosaics, tmp_path, classifier):
    """The file holds an ordinary segmenter, and every pixel is as it was on screen."""
    session = AnnotationSession(list(mosaics[0]), encoder=tiny(), classifier=classifier)
    session.encode()
    scribble(session, mosaics[1])
    save(session.model(), tmp_path / "model.segae")
    model = load(tmp_path / "model.segae")
    assert type(model) is AESegmenter
    for i, labels in enumerate(model.predict(list(mosaics[0]))):
        np.testing.assert_array_equal(labels, session.prediction(i).labels)


@pytest.mark.parametrize("classifier", ["unet", "vote"])
def test_classifiers_that_take_too_long(mosaics, classifier):
    """A network is not trained after every stroke."""
    with pytest.raises(ValueError, match="takes too long"):
        AnnotationSession(list(mosaics[0]), classifier=classifier)


def test_the_model_is_that_of_an_ordinary_fit(session, mosaics):
    """Strokes are a `y`, 0 where there are none: whoever has them can do without the page."""
    scribble(session, mosaics[1])
    shown = session.model()
    again = AESegmenter(
        encoder=tiny(),
        estimator=shown.estimator,
        ignore_label=0,
        n_fit_pixels=10_000,
        random_state=0,
    ).fit(session.images, session.strokes)
    same = [
        (a == b).mean()
        for a, b in zip(again.predict(session.images), shown.predict(session.images), strict=True)
    ]
    assert min(same) > 0.99  # codes of a part of an image round differently


def test_a_model_stays_as_it_was(session, mosaics):
    """What is drawn later does not change a model that was handed out."""
    scribble(session, mosaics[1])
    model = session.model()
    before = model.predict(session.images)
    session.paint(0, 0, 0, np.ones((20, 64), np.uint8))
    session.prediction(0)
    np.testing.assert_array_equal(before, model.predict(session.images))


def test_one_class_is_nothing_to_learn(session):
    """There is neither view nor model before two classes have strokes."""
    session.paint(0, 0, 0, np.ones((4, 4), np.uint8))
    assert session.prediction(0) is None
    with pytest.raises(ValueError, match="two classes"):
        session.model()


def test_an_eraser_takes_away(session, mosaics):
    """Zeros in the place of strokes: what is left decides, as if they had never been."""
    scribble(session, mosaics[1])
    before = session.prediction(0)
    session.paint(0, 20, 20, np.full((9, 9), 2, np.uint8))
    assert (session.prediction(0).uncertainty != before.uncertainty).any()
    session.paint(0, 20, 20, np.zeros((9, 9), np.uint8))
    np.testing.assert_array_equal(session.prediction(0).labels, before.labels)


def test_what_nobody_wants_any_more_is_given_up(session, mosaics):
    """A view that is outdated is not computed to its end."""
    scribble(session, mosaics[1])
    assert session.prediction(0, wanted=lambda: False) is None


def test_strokes_are_taken_up_again(mosaics):
    """Strokes of an earlier time are there, and classes that they speak of have names."""
    strokes = [np.zeros((64, 64), int), np.full((64, 64), 4)]
    session = AnnotationSession(list(mosaics[0]), strokes, names=["sea", "land"])
    assert session.names == ["sea", "land", "class 3", "class 4"]
    np.testing.assert_array_equal(session.strokes, strokes)


def test_codes_that_do_not_fit_are_refused(mosaics, monkeypatch):
    """Before they are computed, and with a way out."""
    monkeypatch.setattr("sklearn_segae.annotate._session.MAX_CODES", 1000)
    session = AnnotationSession(list(mosaics[0]), encoder=tiny())
    with pytest.raises(ValueError, match="smaller images"):
        session.encode()
    assert not session.ready


@pytest.mark.parametrize(
    ("top", "left", "patch", "message"),
    [
        (60, 0, np.zeros((9, 9), np.uint8), "does not fit"),
        (0, -1, np.zeros((9, 9), np.uint8), "does not fit"),
        (0, 0, np.full((2, 2), 9, np.uint8), "2 classes"),
    ],
)
def test_patches_that_cannot_be(session, top, left, patch, message):
    """Nothing is drawn beside the image, or of a class that is not there."""
    with pytest.raises(ValueError, match=message):
        session.paint(0, top, left, patch)
    assert not any(s.any() for s in session.strokes)


def test_strokes_and_names_that_cannot_be(mosaics):
    """Strokes fit the images, classes are few, and none of them loses its name."""
    images = list(mosaics[0])
    with pytest.raises(ValueError, match="shape"):
        AnnotationSession(images, [np.zeros((3, 3), int)] * 2)
    with pytest.raises(ValueError, match="classes 0 to 99"):
        AnnotationSession(images, [np.full((64, 64), 0), np.full((64, 64), 99)])
    with pytest.raises(ValueError, match="2 classes"):
        AnnotationSession(images).rename(["one"])


def test_pixels_without_data():
    """They have no label and no uncertainty; strokes there are not learnt, nor suggested."""
    rng = np.random.default_rng(0)
    truth = np.zeros((48, 48), int)
    truth[24:] = 1
    image = (truth + rng.normal(0, 0.1, truth.shape)).astype(np.float32)
    image[:, :20] = np.nan
    strokes = np.zeros((48, 48), np.uint8)
    strokes[5:8, 30:33], strokes[40:43, 30:33] = 1, 2
    strokes[5:8, :10] = 2  # wrong, but without data
    encoder = PixelEncoder(4, features="intensity", pooling=0, max_epochs=0)
    session = AnnotationSession([image], [strokes], encoder=encoder, classifier="logistic")
    session.encode()
    found = session.prediction(0)
    assert not found.labels[:, :20].any()
    assert not found.uncertainty[:, :20].any()
    assert (found.labels[:, 20:] == truth[:, 20:] + 1).mean() > 0.8
    region = session.suggestion()
    assert region.left + region.width > 20
    labels = session.model().predict([image])[0]
    np.testing.assert_array_equal(labels, np.where(found.labels, found.labels.astype(int), -1))


def test_strokes_are_replaced_as_a_whole(session, mosaics):
    """Equal strokes change nothing; a class without a name gets one; bad ones change nothing."""
    names, version = session.names, session.version
    assert not session.replace(1, np.zeros((64, 64), int))
    assert session.version == version
    with pytest.raises(ValueError, match="shape"):
        session.replace(1, np.zeros((64, 65), int))
    assert session.replace(1, 1 + 2 * mosaics[1][1])
    assert session.version == version + 1
    assert session.names == [*names, "class 3"]
    np.testing.assert_array_equal(session.strokes[1], 1 + 2 * mosaics[1][1])


def test_encoding_ends_with_the_error_of_its_progress(mosaics):
    """Progress is reported before every tile, where a user may cancel."""

    def tell(line):
        lines.append(line)
        if "image 2" in line:
            raise InterruptedError

    lines, session = [], AnnotationSession(list(mosaics[0]), encoder=tiny())
    with pytest.raises(InterruptedError):
        session.encode(tell)
    assert not session.ready
    assert lines[1:] == ["Encoding image 1 of 2: 0%", "Encoding image 2 of 2: 0%"]


def test_strokes_in_a_slice_segment_the_volume():
    """Predictions, suggestions and the model have three axes, and voxels the given sides."""
    spacing = (2, 0.5, 0.5)
    size = (10, 36, 36)
    (volume,), (truth,) = make_volume(size=size, spacing=spacing, noise=0.1, random_state=0)
    session = AnnotationSession([volume], encoder=tiny(), spacing=spacing)
    session.encode()
    strokes = np.zeros(truth.shape, np.uint8)
    strokes[::4, :, :12] = truth[::4, :, :12] + 1
    session.replace(0, strokes)
    found = session.prediction(0)
    assert (found.labels == truth + 1).mean() > 0.9
    np.testing.assert_array_equal(session.prediction(0, 3).labels, found.labels[::3, ::3, ::3])
    model = session.model()
    assert model.spacing_ == spacing
    np.testing.assert_array_equal(model.predict([volume])[0], found.labels)
    region = session.suggestion()
    assert not strokes[region.slices, region.rows, region.columns].any()
