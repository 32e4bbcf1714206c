"""Labels come back as they were given, from every classifier of pixels."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

from sklearn_segae import AESegmenter, PixelHead, PixelVotingClassifier, UNetClassifier
from sklearn_segae.metrics import area_fraction, make_segmentation_scorer, mean_iou, pixel_accuracy
from sklearn_segae.persistence import load, save
from sklearn_segae.plotting import SegmentationDisplay

RNG = np.random.default_rng(0)
HALVES = np.repeat([[0] * 16 + [1] * 16], 32, axis=0)[None].repeat(2, 0)
IMAGES = (HALVES[..., None] + RNG.normal(0, 0.1, (2, 32, 32, 2))).astype(np.float32)
FRAME = np.zeros(HALVES.shape, bool)
FRAME[:, :4] = True  # unlabeled


def choose(values, dtype):
    return np.array(values, dtype)[HALVES]


def without(labels, mark):
    labels = labels.copy()
    labels[FRAME] = mark
    return labels


MAPS = {
    "whole floats": choose([3.0, 7.0], float),
    "floats with NaN": without(choose([3.0, 7.0], np.float32), np.nan),
    "strings": choose(["sea", "mountain"], "U8"),
    "strings with gaps": without(choose(["sea", "mountain"], "U8"), ""),
    "objects": without(choose(["sea", "mountain"], object), None),
    "uint32": choose([7, 4294967295], np.uint32),
    "int64": without(choose([-(2**40), 2**40], np.int64), -1),
    "uint64": choose([0, 2**64 - 1], np.uint64),
    "uint8": choose([0, 255], np.uint8),
    "bool": choose([False, True], bool),
    "masked": np.ma.masked_array(choose([3, 4], np.uint8), FRAME),
}


def known_of(labels):
    """The right answer about what is labeled, by other means than those of the package."""
    if isinstance(labels, np.ma.MaskedArray) or labels.dtype.kind == "O":
        return ~FRAME
    mark = labels[0, 0, 0]
    unlabeled = mark != mark or mark in ("", -1)
    return ~FRAME if unlabeled else np.full(FRAME.shape, True)


def check(model, labels, images=IMAGES):
    """Classes and predictions are those of the label maps, of the same type."""
    plain, known = np.ma.getdata(labels), known_of(labels)
    classes = np.unique(plain[known])
    assert model.classes_.dtype == classes.dtype
    assert model.classes_.tolist() == classes.tolist()
    predicted = model.predict(images)
    assert predicted.dtype == plain.dtype
    assert (predicted == plain)[known].mean() > 0.95
    assert model.score(images, labels) == (predicted == plain)[known].mean()


LOGISTIC = AESegmenter(encoder="passthrough", estimator=LogisticRegression())


@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize("make", [LogisticRegression, None], ids=["logistic", "vote"])
def test_labels_come_back_as_given(make, kind):
    """Values and types, with unlabeled pixels of every kind."""
    vote = PixelVotingClassifier([("a", LogisticRegression())])
    check((vote if make is None else clone(LOGISTIC)).fit(IMAGES, MAPS[kind]), MAPS[kind])


def test_labels_of_a_head_come_back_as_given():
    """A network of rows has no codes of strings of its own."""
    head = PixelHead((), lr=0.5, max_epochs=5)
    model = AESegmenter(encoder="passthrough", estimator=head, random_state=0)
    check(model.fit(IMAGES, MAPS["objects"]), MAPS["objects"])


@pytest.mark.parametrize("kind", ["objects"])
@pytest.mark.parametrize("alone", [True, False])
def test_labels_of_networks_come_back_as_given(kind, alone):
    """Also from a U-Net, alone and in a segmenter."""
    net = UNetClassifier(4, crop_size=32, dropout=0, max_epochs=3, random_state=0)
    model = net if alone else AESegmenter(encoder="passthrough", estimator=net)
    check(model.fit(IMAGES, MAPS[kind]), MAPS[kind])


@pytest.mark.parametrize("kind", MAPS)
def test_rows_have_labels_of_the_same_types(kind):
    """Rows follow the same rules as label maps."""
    rows, labels = IMAGES.reshape(-1, 2), MAPS[kind].ravel()
    model = AESegmenter(encoder="passthrough", estimator=LogisticRegression()).fit(rows, labels)
    predicted, known = model.predict(rows), known_of(MAPS[kind]).ravel()
    assert predicted.dtype == labels.dtype
    assert (predicted == np.ma.getdata(labels))[known].mean() > 0.95
    assert model.score(rows, labels) == (predicted == np.ma.getdata(labels))[known].mean()


@pytest.mark.parametrize("kind", MAPS)
def test_segments_get_classes_of_any_type(kind):
    """`assign_classes` follows the same rules."""
    model = AESegmenter(2, encoder="passthrough", estimator="kmeans", random_state=0).fit(IMAGES)
    predicted = model.assign_classes(IMAGES, MAPS[kind]).predict(IMAGES)
    known, plain = known_of(MAPS[kind]), np.ma.getdata(MAPS[kind])
    assert predicted.dtype == plain.dtype
    assert (predicted == plain)[known].mean() > 0.95
    assert len(model.classes_) == 2


@pytest.mark.parametrize("kind", ["strings with gaps", "masked", "floats with NaN", "int64"])
@pytest.mark.parametrize(
    "estimator", [LabelSpreading("knn"), SelfTrainingClassifier(LogisticRegression())], ids=type
)
def test_semi_supervised_estimators_see_unlabeled_pixels(kind, estimator):
    """Types without -1 are encoded for them, and decoded again."""
    model = AESegmenter(
        encoder="passthrough", estimator=estimator, n_fit_pixels=400, random_state=0
    )
    check(model.fit(IMAGES, MAPS[kind]), MAPS[kind])


def test_values_under_a_mask_play_no_role():
    """Masked pixels are unlabeled whatever is below."""
    labels = np.ma.masked_array(choose([3, 4], np.uint8), FRAME)
    other = labels.copy()
    other.data[FRAME] = 99
    first, second = (LOGISTIC.fit(IMAGES, y).predict_proba(IMAGES) for y in (labels, other))
    np.testing.assert_array_equal(first, second)
    assert mean_iou(labels, other.data) == 1 == mean_iou(other.data, labels)


@pytest.mark.parametrize("kind", ["strings", "whole floats", "uint8"])
def test_ignored_labels_are_of_the_type_of_labels(kind):
    """Strings and floats, too, in fits and scores."""
    labels = MAPS[kind].copy()
    void = {"strings": "void", "whole floats": 99.0, "uint8": 9}[kind]
    labels[FRAME] = void
    model = clone(LOGISTIC).set_params(ignore_label=void).fit(IMAGES, labels)
    assert len(model.classes_) == 2
    assert model.score(IMAGES, labels) > 0.95
    assert mean_iou(labels, model.predict(IMAGES), matched=False, ignore_label=void) > 0.9


@pytest.mark.parametrize(
    ("kind", "dtype", "fits"),
    [
        ("uint32", np.int32, False),
        ("uint32", np.int64, True),
        ("strings", "U3", False),
        ("strings", "U8", True),
        ("strings", object, True),
        ("bool", np.uint8, True),
        ("whole floats", np.uint8, True),
        ("whole floats", bool, False),
    ],
)
def test_out_has_to_hold_the_classes(kind, dtype, fits):
    """What does not fit is refused before anything is written."""
    model, out = LOGISTIC.fit(IMAGES, MAPS[kind]), np.zeros(HALVES.shape, dtype)
    if fits:
        assert model.predict(IMAGES, out=out) is out
        np.testing.assert_array_equal(out, model.predict(IMAGES))
    else:
        with pytest.raises(ValueError, match=r"out\[0\] has shape.*a dtype that holds the labels"):
            model.predict(IMAGES, out=out)


def test_segments_have_to_fit_into_out():
    """Noise, -1, is no value of unsigned types."""
    from sklearn.cluster import DBSCAN

    model = AESegmenter(encoder="passthrough", estimator=DBSCAN(eps=0.05, min_samples=20))
    model.fit(IMAGES[:1, :16])
    assert -1 in model.labels_
    with pytest.raises(ValueError, match="holds the labels"):
        model.predict(IMAGES, out=np.zeros(HALVES.shape, np.uint8))


@pytest.mark.parametrize("kind", ["strings", "objects", "bool", "uint64", "whole floats"])
def test_saved_models_keep_the_type(tmp_path, kind):
    """Classes are data of the model file."""
    model = LOGISTIC.fit(IMAGES, MAPS[kind])
    save(model, tmp_path / "model.segae")
    loaded = load(tmp_path / "model.segae")
    assert loaded.classes_.dtype == model.classes_.dtype
    np.testing.assert_array_equal(loaded.predict(IMAGES), model.predict(IMAGES))


def test_saved_semi_supervised_models_keep_names(tmp_path):
    """Encoded labels are decoded after loading, too."""
    estimator = SelfTrainingClassifier(LogisticRegression())
    model = clone(LOGISTIC).set_params(estimator=estimator)
    model.fit(IMAGES, MAPS["strings with gaps"])
    save(model, tmp_path / "model.segae")
    loaded = load(tmp_path / "model.segae")
    np.testing.assert_array_equal(loaded.predict(IMAGES), model.predict(IMAGES))


@pytest.mark.parametrize("kind", ["strings with gaps", "objects", "masked", "floats with NaN"])
def test_searches_take_labels_of_any_type(kind):
    """Splits, fits and scorers of scikit-learn's searches."""
    search = GridSearchCV(
        LOGISTIC,
        {"estimator__C": [1e-6, 1]},
        cv=2,
        scoring=make_segmentation_scorer(pixel_accuracy),
        error_score="raise",
    ).fit(IMAGES, MAPS[kind])
    assert search.best_score_ > 0.95


@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize("cv", [None, 2])
def test_areas_of_classes_of_any_type(kind, cv):
    """Half of the area has each class."""
    model = clone(LOGISTIC)
    if cv is None:
        model.fit(IMAGES, MAPS[kind])
    areas = area_fraction(model, IMAGES, MAPS[kind], cv=cv)
    assert areas.classes.dtype == np.ma.getdata(MAPS[kind]).dtype
    np.testing.assert_allclose(areas.fraction, 0.5, atol=0.03)
    assert str(areas.classes[0]) in str(areas)


def test_tensors_are_labels_and_weights():
    """On the CPU, in every place."""
    y, weight = torch.from_numpy(HALVES), torch.ones(HALVES.shape)
    model = LOGISTIC.fit(torch.from_numpy(IMAGES), y, sample_weight=weight)
    assert model.score(torch.from_numpy(IMAGES), y) > 0.95
    assert mean_iou(y, torch.from_numpy(model.predict(IMAGES))) > 0.9


def test_class_weights_are_of_the_labels_as_given():
    """A dict of class weights has the labels as keys."""
    weights = {"sea": 1.0, "mountain": 5.0}
    for estimator in (
        RandomForestClassifier(5, class_weight=weights, random_state=0),
        UNetClassifier(4, crop_size=32, max_epochs=1, class_weight=weights, random_state=0),
    ):
        model = AESegmenter(encoder="passthrough", estimator=estimator, random_state=0)
        assert model.fit(IMAGES, MAPS["strings"]).classes_.tolist() == ["mountain", "sea"]


def test_displays_show_strings():
    """The legend has the classes, and unlabeled pixels no color."""
    model = LOGISTIC.fit(IMAGES, MAPS["strings"])
    display = SegmentationDisplay.from_estimator(model, IMAGES)
    texts = [text.get_text() for text in display.legend_.get_texts()]
    assert texts == ["mountain", "sea"]
    SegmentationDisplay.from_predictions(IMAGES, MAPS["objects"])


def test_masked_labels_of_rows_of_a_head():
    """A classifier of rows has no unlabeled rows: the error says how to leave them out."""
    rows, y = IMAGES.reshape(-1, 2), MAPS["masked"].ravel()
    with pytest.raises(ValueError, match=r"Pass X\[~y.mask\] and y.compressed\(\)"):
        PixelHead(max_epochs=1).fit(rows, y)
    PixelHead(max_epochs=1).fit(rows[~y.mask], y.compressed())
