"""Cross-validated label maps are those of models that were fitted to the other folds."""

import numpy as np
import pytest
from joblib import parallel_config
from scipy import special
from sklearn import config_context, model_selection
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit
from sklearn.pipeline import make_pipeline

from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.datasets import make_shapes
from sklearn_segae.model_selection import cross_val_predict

MODEL = AESegmenter(
    encoder="passthrough", estimator=LogisticRegression(max_iter=300), random_state=0
)
METHODS = ["predict", "predict_proba", "decision_function", "transform"]


def of(data, indices):
    return [data[i] for i in indices] if isinstance(data, list) else data[indices]


def by_hand(X, y, method="predict", cv=KFold(2)):  # noqa: B008 - it has no state
    found = [None] * len(X)
    for train, test in cv.split(X):
        model = clone(MODEL).fit(of(X, train), of(y, train))
        for i, own in zip(test, getattr(model, method)(of(X, test)), strict=True):
            found[i] = own
    return found


@pytest.fixture(scope="module")
def stack():
    return make_shapes(4, size=20, random_state=0)


@pytest.fixture(scope="module")
def listed(stack):
    images, labels = ([own[: 14 + 2 * i] for i, own in enumerate(data)] for data in stack)
    return images, labels


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("data", ["stack", "listed"])
def test_maps_are_those_of_a_loop_over_the_folds(data, method, request):
    """Every method, in the container of X, bit for bit."""
    X, y = request.getfixturevalue(data)

    found = cross_val_predict(MODEL, X, y, cv=KFold(2), method=method)

    assert type(found) is type(X)
    for own, right in zip(found, by_hand(X, y, method), strict=True):
        assert own.dtype == right.dtype
        np.testing.assert_array_equal(own, right)


def test_rows_are_those_of_scikit_learn(stack):
    """Rows of pixels go to scikit-learn as they are, with its stratified folds."""
    X, y = stack[0].reshape(-1, stack[0].shape[-1])[:300], stack[1].ravel()[:300]

    found = cross_val_predict(MODEL, X, y, cv=2, method="predict_proba")

    right = model_selection.cross_val_predict(MODEL, X, y, cv=2, method="predict_proba")
    np.testing.assert_array_equal(found, right)


def test_images_of_one_height_and_several_widths():
    """Numpy cannot read their label maps as one array; folds are those of KFold."""
    X, y = make_shapes(4, size=24, random_state=0)
    X, y = [*X[:3], X[3, :, :20]], [*y[:3], y[3, :, :20]]

    maps = cross_val_predict(MODEL, X, y, cv=2)

    for found, expected in zip(maps, cross_val_predict(MODEL, X, y, cv=KFold(2)), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_groups_and_jobs(listed):
    """Groups reach the splitter; jobs give the same maps."""
    X, y = listed
    groups = [0, 1, 1, 0]

    with parallel_config("threading"):
        found = cross_val_predict(MODEL, X, y, groups=groups, cv=GroupKFold(2), n_jobs=2)

    folds = model_selection.PredefinedSplit(groups)
    for own, right in zip(found, by_hand(X, y, cv=folds), strict=True):
        np.testing.assert_array_equal(own, right)


@pytest.mark.parametrize("routing", [False, True])
def test_weights_reach_fit(stack, routing):
    """`params` are cut to the training images; with routing, through a pipeline, too."""
    X, y = stack
    weight = np.where(y == 1, 0.0, 1.0)  # class 1 has no part
    with config_context(enable_metadata_routing=routing):
        model = MODEL
        if routing:
            encoder = PixelEncoder(2, pooling=0, whitening=0, n_filters=4, max_epochs=0)
            model = make_pipeline(encoder, clone(MODEL).set_fit_request(sample_weight=True))
        found = cross_val_predict(model, X, y, cv=2, params={"sample_weight": weight})

    assert 1 not in found
    assert 1 in cross_val_predict(MODEL, X, y, cv=2)


def test_classes_that_a_fold_was_not_fitted_to_have_probability_0(stack):
    """Columns are the classes of all folds, also where a fold lacks one in the middle."""
    X, y = stack
    y = np.where((np.arange(4) < 2)[:, None, None] & (y == 1), -1, y)  # no class 1 in half of them

    found = cross_val_predict(MODEL, X, y, cv=KFold(2), method="predict_proba")

    right = by_hand(X, y, "predict_proba")  # fitted to images 2 and 3, then 0 and 1
    np.testing.assert_array_equal(found[:2], right[:2])
    np.testing.assert_array_equal(found[2:, ..., 1], 0)
    np.testing.assert_array_equal(found[2:][..., [0, 2]], right[2:])
    with pytest.raises(ValueError, match=r"'decision_function' has no value .* \[0, 1, 2\]"):
        cross_val_predict(MODEL, X, y, cv=KFold(2), method="decision_function")


def test_images_that_no_fold_tests_are_refused(stack):
    """As scikit-learn does, in its words."""
    with pytest.raises(ValueError, match="only works for partitions"):
        cross_val_predict(MODEL, *stack, cv=ShuffleSplit(2, random_state=0))


def test_clusterers_of_different_numbers_have_no_common_probabilities():
    """The error names the method and a remedy."""
    flat = np.zeros((4, 12, 12))
    flat[:2, :6], flat[2:, :4], flat[2:, 4:8] = 1, 1, 9
    model = AESegmenter("auto", encoder="passthrough", normalize="dataset", random_state=0)
    with pytest.raises(ValueError, match="'predict_proba' gives different numbers per pixel"):
        cross_val_predict(model, flat, cv=KFold(2), method="predict_proba")


def test_dask_images_are_predicted_lazily(stack):
    """The result is a dask array with the same labels."""
    array = pytest.importorskip("dask.array")
    X, y = stack

    found = cross_val_predict(MODEL, array.from_array(X, chunks=(1, *X.shape[1:])), y, cv=2)

    assert isinstance(found, array.Array)
    np.testing.assert_array_equal(found, cross_val_predict(MODEL, X, y, cv=2))


def test_pixels_without_data_have_no_prediction(stack):
    """Masked images give masked maps, also of probabilities of classes that a fold lacks."""
    X, y = np.ma.array(stack[0]), np.where((np.arange(4) < 2)[:, None, None], 0, stack[1])
    y[0, 5:, :9] = 2  # images 0 and 1 have no class 1
    X[1, :4] = np.ma.masked

    for method in ("predict", "predict_proba"):
        found = cross_val_predict(MODEL, X, y, cv=KFold(2), method=method)
        mask = np.ma.getmaskarray(found).reshape(4, 20, 20, -1)
        assert mask[1, :4].all()
        assert mask.sum() == mask[1, :4].size


class Threshold(ClassifierMixin, BaseEstimator):
    """A classifier of voxels (D, H, W) by their values."""

    def fit(self, X, y):
        self.classes_ = np.unique(np.concatenate([np.ravel(labels) for labels in y]))
        return self

    def predict(self, X):
        maps = [self.classes_[p.argmax(-1)] for p in self.predict_proba(X)]
        return maps if isinstance(X, list) else np.stack(maps)

    def predict_proba(self, X):
        maps = [-abs(np.asarray(x)[..., None] - self.classes_) for x in X]
        maps = [special.softmax(m, -1) for m in maps]
        return maps if isinstance(X, list) else np.stack(maps)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_volumes_of_several_sizes(rng, method):
    """Maps have the sizes of their volumes; folds without a class have probability 0 there."""
    y = [rng.integers(0, 2, (4, 5, w)) for w in (6, 7, 8, 9)]
    y[3] = 2 * y[3]
    X = [labels + 0.1 * rng.standard_normal(labels.shape) for labels in y]

    maps = cross_val_predict(Threshold(), X, y, cv=KFold(2), method=method)

    tail = () if method == "predict" else (3,)
    assert [m.shape for m in maps] == [(*labels.shape, *tail) for labels in y]
    model = Threshold().fit(X[2:], y[2:])
    expected = getattr(model, method)(X[:2])
    for found, own in zip(maps[:2], expected, strict=True):
        np.testing.assert_array_equal(found, own)
    if method == "predict_proba":
        assert (maps[2][..., 2] == 0).all()


def test_volumes_of_one_size_are_stacked(rng):
    """An array of volumes gives an array of maps."""
    y = rng.integers(0, 2, (4, 3, 5, 6))

    assert cross_val_predict(Threshold(), y, y, cv=2).shape == y.shape


def test_folds_of_volumes_with_other_numbers_per_voxel_are_refused(rng):
    """Codes of different widths have no common meaning."""

    class Codes(Threshold):
        def transform(self, X):
            return [np.zeros((*x.shape, int(self.classes_.max()))) for x in X]

    y = [np.full((4, 5, w), c) for w, c in ((6, 1), (7, 1), (8, 2), (9, 2))]

    with pytest.raises(ValueError, match="different numbers per pixel"):
        cross_val_predict(Codes(), y, y, cv=2, method="transform")
