"""Segmentation of images with pixels without data, masked or NaN."""

import numpy as np
import pytest
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from sklearn_segae import AESegmenter, PixelEncoder, PixelVotingClassifier, UNetClassifier
from sklearn_segae.datasets import make_shapes
from sklearn_segae.metrics import matched_accuracy

HOLES = np.zeros((64, 64), bool)
HOLES[:, :12] = True
HOLES[30:38, 30:45] = True
HOLES[50, 50] = True
TEXTURE = PixelEncoder(8, features="texture", pooling=3, max_epochs=0)
UNET = UNetClassifier(crop_size=32, max_epochs=1, n_filters=4)
ESTIMATORS = {
    "k-means": {"n_segments": 3, "encoder": TEXTURE},  # with refined borders
    "small regions": {"n_segments": 3, "encoder": "passthrough", "min_size": 20},
    "auto": {"n_segments": "auto", "normalize": "image"},
    "image": {"n_segments": 3, "encoder": TEXTURE, "scope": "image"},
    "patches": {"encoder": KMeans(5, n_init=1), "estimator": "kmeans", "patch_size": 5},
    "forest": {"encoder": TEXTURE, "estimator": RandomForestClassifier(5), "refine": True},
    "unet": {"encoder": "passthrough", "estimator": UNET},
    "vote": {
        "encoder": "passthrough",
        "estimator": PixelVotingClassifier([("f", RandomForestClassifier(5)), ("u", UNET)]),
    },
}


@pytest.fixture(scope="module")
def shapes():
    """Two images and their label maps."""
    images, truth = make_shapes(2, size=64, random_state=0)
    return images.astype(np.float32), truth


def masked(images, value):
    """Return images in which pixels are masked, with a value there."""
    mask = np.zeros(images.shape, bool)
    mask[:, HOLES] = True
    return np.ma.array(np.where(mask, np.float32(value), images), mask=mask)


def labels_and_more(options, X, y):
    """Return what a fitted segmenter finds in images."""
    model = AESegmenter(n_fit_pixels=2000, random_state=0).set_params(**options).fit(X, y)
    maps = [model.predict(X), model.transform(X)]
    if hasattr(model, "predict_proba"):
        maps += [model.predict_proba(X), model.uncertainty(X)]
    return model, maps


@pytest.mark.parametrize("name", ESTIMATORS)
def test_values_under_the_mask_have_no_part(shapes, name):
    """Not one bit of a valid label, code or probability changes, and there is no label under it."""
    images, truth = shapes
    found = []
    for value in (0, 500):
        X = masked(images, value)
        y = np.where(HOLES, value % 7, truth)  # labels under the mask are ignored, too
        model, maps = labels_and_more(ESTIMATORS[name], X, y)
        found.append(maps)
        assert (maps[0].data[:, HOLES] == -1).all()
        assert (maps[0].data[:, ~HOLES] >= 0).all()
    for first, second in zip(*found, strict=True):
        assert first.mask[:, HOLES].all()
        assert not first.mask[:, ~HOLES].any()
        np.testing.assert_array_equal(first.data, second.data)
        if first.data.dtype.kind == "f":
            assert np.isnan(first.data[:, HOLES]).all()
            assert np.isfinite(first.data[:, ~HOLES]).all()
    nan = masked(images, np.nan).data
    np.testing.assert_array_equal(model.predict(nan), found[0][0].data)


def test_labels_are_right_beside_no_data(shapes):
    """Clusters and classes are those of images without gaps, also of masked integers."""
    images, truth = shapes
    whole = AESegmenter(3, encoder="passthrough", random_state=0).fit_predict(images)
    for X in (masked(images, np.nan).data, masked(1000 * images, 9000).astype(np.int16)):
        labels = AESegmenter(3, encoder="passthrough", random_state=0).fit_predict(X)
        assert matched_accuracy(whole[:, ~HOLES], np.asarray(labels)[:, ~HOLES]) > 0.95
        forest = AESegmenter(estimator="forest", encoder="passthrough", random_state=0)
        assert forest.fit(X, truth).score(X, truth) > 0.9


def test_an_image_without_any_data(shapes):
    """All of its labels are -1, with its own range and codes, too."""
    images, _ = shapes
    empty = np.full_like(images[0], np.nan)
    for options in ({}, {"normalize": "image"}):
        model = AESegmenter(3, encoder=TEXTURE, random_state=0, **options).fit(images)
        with_gap = model.predict([images[0], empty])
        np.testing.assert_array_equal(with_gap[0], model.predict(images)[0])
        assert (with_gap[1] == -1).all()
        assert np.isnan(model.transform([empty])[0]).all()
    with pytest.raises(ValueError, match="no pixel with data"):
        AESegmenter(3).fit([empty, empty])


def test_out_has_minus_one_and_nan(shapes):
    """Types without -1 are refused where there are pixels without data, and only there."""
    images, _ = shapes
    nan = masked(images, np.nan).data
    model = AESegmenter(3, encoder="passthrough", random_state=0).fit(nan)
    labels, codes = np.empty((2, 64, 64), np.int16), np.empty((2, 64, 64, 1), np.float32)
    np.testing.assert_array_equal(model.predict(nan, out=labels), model.predict(nan))
    np.testing.assert_array_equal(model.transform(nan, out=codes), model.transform(nan))
    bytes_ = np.empty((2, 64, 64), np.uint8)
    np.testing.assert_array_equal(model.predict(images, out=bytes_), model.predict(images))
    with pytest.raises(ValueError, match=r"dtype uint8, but .* holds the labels \[-1, 0, 1, 2\]"):
        model.predict(nan, out=bytes_)


@pytest.mark.parametrize(
    ("classes", "mark", "returned"),
    [
        (np.array([0, 200, 255], np.uint8), -1, np.int64),
        (np.array([False, True, True]), -1, np.int64),
        (np.array([0, 1, 2**63], np.uint64), None, object),
        (np.array([3, 4, 5], np.int8), -1, np.int8),
        (np.array([3, 4, 5], np.float32), np.nan, np.float32),
        (np.array(["sea", "land", "sand"]), "", "<U4"),
        (np.array(["sea", "land", "sand"], object), None, object),
    ],
    ids=["uint8", "bool", "uint64", "int8", "float32", "str", "object"],
)
def test_classes_of_every_type(shapes, tmp_path, classes, mark, returned):
    """Only images with pixels without data change the type, in memory, on disk and in dask."""
    da = pytest.importorskip("dask.array")
    images, truth = shapes
    nan = images.copy()
    nan[1, HOLES] = np.nan
    model = AESegmenter(encoder="passthrough", estimator=LogisticRegression(), random_state=0)
    model.fit(images, classes[truth % 3])
    whole, labels = model.predict(images), model.predict(nan)
    assert (whole.dtype, labels.dtype) == (classes.dtype, returned)
    assert [m.dtype for m in model.predict(list(nan))] == [classes.dtype, returned]
    whole = whole.astype(returned)
    whole[1, HOLES] = mark
    np.testing.assert_array_equal(labels, whole)
    lazy = model.predict(da.from_array(nan, chunks=(1, 40, 40, 1)))
    np.save(tmp_path / "a.npy", nan)
    stored, out = np.load(tmp_path / "a.npy", mmap_mode="r"), np.empty(nan.shape[:3], returned)
    for other in (lazy.compute(scheduler="sync"), model.predict(stored)):
        assert other.dtype == returned
        np.testing.assert_array_equal(other, whole)
    for X in (nan, stored):
        np.testing.assert_array_equal(model.predict(X, out=out), whole)
        if returned != classes.dtype:
            with pytest.raises(ValueError, match=r"has .*dtype (uint|bool)"):
                model.predict(X, out=np.empty(nan.shape[:3], classes.dtype))


def test_lazy_images(shapes, tmp_path):
    """Labels of memory maps and of dask arrays are those of arrays, bit for bit."""
    da = pytest.importorskip("dask.array")
    images, _ = shapes
    nan = masked(images, np.nan).data
    np.save(tmp_path / "a.npy", nan)
    for normalize in ("dataset", "image"):
        model = AESegmenter(3, encoder=TEXTURE, normalize=normalize, random_state=0).fit(nan)
        labels = model.predict(nan)
        np.testing.assert_array_equal(
            model.predict(np.load(tmp_path / "a.npy", mmap_mode="r")), labels
        )
        for X in (nan, np.ma.masked_invalid(nan)):
            lazy = model.predict(da.from_array(X, chunks=(1, 40, 40, *X.shape[3:])))
            np.testing.assert_array_equal(lazy.compute(scheduler="sync"), labels)


def test_regions_to_label_have_data(shapes):
    """Blocks without data are not suggested, and values under the mask do not matter."""
    images, truth = shapes
    model = AESegmenter(estimator="logistic", encoder="passthrough", random_state=0)
    model.fit(images, truth)
    found = [model.suggest_regions(masked(images, v), 20, size=8) for v in (0, 300)]
    assert found[0] == found[1]
    for region in found[0]:
        assert not HOLES[region.rows, region.columns].all()


def test_classes_of_segments(shapes):
    """Labels of bytes are assigned to segments, which do not include pixels without data."""
    images, truth = shapes
    X = masked(images, 0)
    model = AESegmenter(4, encoder="passthrough", random_state=0).fit(X)
    model.assign_classes(X, truth.astype(np.uint8))
    assert len(model.segment_classes_) == 4
    assert (model.predict(X).data[:, HOLES] == -1).all()
    assert model.score(X) == model.score(masked(images, 900))


def test_noise_is_not_no_data(shapes):
    """Both are -1; only the latter is masked."""
    images, _ = shapes
    estimator = HDBSCAN(min_cluster_size=60, copy=True)
    model = AESegmenter(encoder="passthrough", estimator=estimator, random_state=0)
    labels = model.fit_predict(masked(images, 0))
    np.testing.assert_array_equal(labels.mask, np.stack([HOLES] * 2))
    assert (labels.data[:, HOLES] == -1).all()


def test_region_trees_need_data_everywhere(shapes):
    """There is an error that says so, and trees of other images."""
    images, _ = shapes
    model = AESegmenter(3, encoder=TEXTURE, scope="image", random_state=0)
    model.fit([masked(images, 0)[0], images[1]])
    assert model.region_tree(images[1]).n_regions > 1
    with pytest.raises(ValueError, match="image has pixels without data"):
        model.region_tree(masked(images, 0)[0])


def test_masked_rows_are_refused_as_nan(shapes):
    """Rows follow scikit-learn, which does not know masks."""
    rows = np.ma.array(np.ones((50, 2)), mask=np.eye(50, 2, dtype=bool))
    with pytest.raises(ValueError, match="contains NaN"):
        AESegmenter(2).fit(rows)
