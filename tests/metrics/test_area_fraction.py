"""Areas of classes in images and rows: the forms of input, folds, blocks, strata, the table."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.model_selection import GroupKFold, KFold
from sklearn.tree import DecisionTreeClassifier

from sklearn_segae.metrics import area_fraction


class Brightness(BaseEstimator):
    """A classifier of pixels: probabilities from the distances to the mean value of each class."""

    def fit(self, X, y):
        values = np.concatenate([np.ravel(image) for image in X])
        labels = np.concatenate([np.ravel(labels) for labels in y])
        self.classes_ = np.unique(labels[labels >= 0])
        self.means_ = np.array([values[labels == c].mean() for c in self.classes_])
        return self

    def predict_proba(self, X):
        maps = [self._proba(np.asarray(image)) for image in X]
        return maps if isinstance(X, list) else np.stack(maps)

    def _proba(self, values):
        values = values[..., 0] if values.shape[-1] == 1 else values
        weights = np.exp(-4 * (values[..., None] - self.means_) ** 2)
        return weights / weights.sum(-1, keepdims=True)


class Hard(Brightness):
    """The same, without probabilities."""

    def predict(self, X):
        maps = [self.classes_[self._proba(image).argmax(-1)] for image in X]
        return maps if isinstance(X, list) else np.stack(maps)

    predict_proba = property()  # hasattr is False


def scene(share=0.02, seed=0):
    """Two images of noisy halves with labels 3 and 7, and the labels of random pixels."""
    rng = np.random.default_rng(seed)
    truth = np.full((2, 60, 80), 3)
    truth[:, :, 60:] = 7
    images = (truth == 7) + rng.normal(0, 0.5, truth.shape)
    return images, truth, np.where(rng.random(truth.shape) < share, truth, -1)


@pytest.fixture
def segmenter():
    images, truth, _ = scene(seed=1)
    return Brightness().fit(images, truth)


def same(a, b):
    return all(
        np.allclose(getattr(a, name), getattr(b, name))
        for name in ("fraction", "low", "high", "mapped", "n_labels")
    )


def test_the_truth_is_in_the_intervals(segmenter):
    """A quarter has label 7; more is mapped, since the noise makes errors of the larger class."""
    images, _, y = scene()
    areas = area_fraction(segmenter, images, y)
    assert areas.classes.tolist() == [3, 7]
    assert areas.low[1] < 0.25 < areas.high[1]
    assert areas.mapped[1] > 0.3
    assert areas.bias[1] == areas.mapped[1] - areas.fraction[1]
    assert areas.n_labels.tolist() == [(y == 3).sum(), (y == 7).sum()]
    assert areas.n_pixels == y.size
    assert areas.fraction.sum() == pytest.approx(1)


def test_lists_and_stacks_are_the_same(segmenter):
    """So are images of different sizes, in any order."""
    images, _, y = scene()
    stack = area_fraction(segmenter, images, y)
    assert same(area_fraction(segmenter, list(images), list(y)), stack)
    pieces = [images[0, :20], images[1], images[0, 20:]], [y[0, :20], y[1], y[0, 20:]]
    assert same(area_fraction(segmenter, *pieces), stack)


def test_rows_are_the_same_as_pixels(segmenter):
    """One image is the same as its pixels as rows."""
    images, _, y = scene()
    rows = area_fraction(segmenter, images.reshape(-1, 1), y.ravel())
    assert same(rows, area_fraction(segmenter, images, y))


def test_a_segmenter_without_probabilities_is_enough():
    """Labels are probabilities of 0 and 1: the result is that of one covariate."""
    images, truth, y = scene()
    areas = area_fraction(Hard().fit(images, truth), images, y)
    assert areas.low[1] < 0.25 < areas.high[1]
    soft = area_fraction(Brightness().fit(images, truth), images, y)
    np.testing.assert_allclose(areas.mapped, soft.mapped)


def test_ignored_labels_mean_unlabeled(segmenter):
    """255 instead of -1 changes nothing."""
    images, _, y = scene()
    other = np.where(y < 0, 255, y)
    areas = area_fraction(segmenter, images, y)
    assert same(area_fraction(segmenter, images, other, ignore_label=255), areas)


def test_a_mask_is_the_same_as_a_crop(segmenter):
    """Pixels outside of the mask are no part of the area, labeled or not."""
    images, _, y = scene()
    mask = np.zeros(y.shape, bool)
    mask[:, 10:50, 30:] = True
    cropped = area_fraction(segmenter, images[:, 10:50, 30:], y[:, 10:50, 30:])
    masked = area_fraction(segmenter, images, y, mask=mask)
    assert same(masked, cropped)
    assert masked.n_pixels == 2 * 40 * 50


def test_labels_in_patches_need_blocks(segmenter):
    """Squares of labels are clusters: in blocks of any size, and with indices of one's own."""
    images, truth, _ = scene()
    y, indices = np.full(truth.shape, -1), np.zeros(truth.shape, int)
    rng = np.random.default_rng(0)
    for _ in range(12):
        i, row, column = rng.integers(2), *rng.choice(6, 2)
        where = i, slice(10 * row, 10 * row + 6), slice(13 * column, 13 * column + 6)
        y[where], indices[where] = truth[where], 100 * i + 10 * row + column
    patches = area_fraction(segmenter, images, y, blocks=1)
    assert same(patches, area_fraction(segmenter, images, y, blocks=indices))
    pixels = area_fraction(segmenter, images, y)
    assert (pixels.high - pixels.low < 0.5 * (patches.high - patches.low)).all()
    whole_images = area_fraction(segmenter, images, y, blocks=1000)
    assert (whole_images.high - whole_images.low > patches.high - patches.low).all()


def test_strata_correct_for_labels_of_each_predicted_class(segmenter):
    """With as many labels of each predicted class, random pixels are not what they are."""
    images, truth, _ = scene()
    predicted = segmenter.predict_proba(images).argmax(-1)
    y, rng = np.full(truth.size, -1), np.random.default_rng(0)
    for k in range(2):
        chosen = rng.choice(np.flatnonzero(predicted == k), 100, replace=False)
        y[chosen] = truth.ravel()[chosen]
    areas = area_fraction(segmenter, images, y.reshape(truth.shape), stratified=True)
    assert areas.low[1] < 0.25 < areas.high[1]
    assert areas.high[1] - areas.low[1] < 0.12


class Memory(BaseEstimator):
    """Remembers the labels of the rows that it has seen, and predicts class 0 for others."""

    def fit(self, X, y):
        self.classes_ = np.unique(y[y >= 0])
        self.known_ = {x: label for x, label in zip(X[:, 0], y, strict=True) if label >= 0}
        return self

    def predict(self, X):
        return np.array([self.known_.get(x, 0) for x in X[:, 0]])


def test_labels_of_the_fit_need_folds():
    """A model that knows nothing but the labels: without folds it seems perfect."""
    rng = np.random.default_rng(0)
    X, truth = np.arange(3000.0)[:, None], (rng.random(3000) < 0.4).astype(int)
    y = np.where(rng.random(3000) < 0.05, truth, -1)
    wrong = area_fraction(Memory().fit(X, y), X, y)
    right = area_fraction(Memory(), X, y, cv=5)
    assert wrong.high[1] < 0.1
    assert right.low[1] < truth.mean() < right.high[1]
    assert right.mapped[1] < 0.03


class Tree(BaseEstimator):
    """A decision tree of the labeled rows, which makes no errors on them."""

    def fit(self, X, y):
        self.tree_ = DecisionTreeClassifier(max_features=1, random_state=0)
        self.classes_ = self.tree_.fit(X[y >= 0], y[y >= 0]).classes_
        return self

    def predict_proba(self, X):
        return self.tree_.predict_proba(X)


def test_intervals_of_folds_cover_the_truth():
    """Of 60 intervals of labels of the fit, at least 52 contain the truth; without folds, few."""
    rng = np.random.default_rng(0)
    truth = (rng.random(2000) < 0.25).astype(int)
    X = rng.normal(1.3 * truth[:, None], 1, (2000, 3))
    hits = []
    for _ in range(60):
        y = np.full(2000, -1)
        chosen = rng.choice(2000, 150, replace=False)
        y[chosen] = truth[chosen]
        found = area_fraction(Tree(), X, y, cv=5), area_fraction(Tree().fit(X, y), X, y)
        hits.append([a.low[1] <= truth.mean() <= a.high[1] for a in found])
    with_folds, without = np.sum(hits, axis=0)
    assert with_folds >= 52
    assert without < 35


def test_folds_keep_blocks_together():
    """A splitter gets positions, labels and blocks; an int gives folds of whole blocks, too."""
    images, truth, _ = scene()
    seen = []

    class Spy(GroupKFold):
        def split(self, X, y, groups):
            for train, test in super().split(X, y, groups):
                assert not set(groups[train]) & set(groups[test])
                assert (truth[tuple(X[test].T)] == y[test]).all()
                seen.append(len(test))
                yield train, test

    y = np.full(truth.shape, -1)
    y[:, ::20, ::20] = truth[:, ::20, ::20]
    y[:, 1::20, ::20] = truth[:, 1::20, ::20]
    areas = area_fraction(Brightness(), images, y, cv=Spy(3), blocks=1)
    assert len(seen) == 3
    assert sum(seen) == (y >= 0).sum()
    other = area_fraction(Brightness(), images, y, cv=3, blocks=1)
    np.testing.assert_allclose(areas.fraction, other.fraction, atol=0.05)


def test_folds_depend_on_the_seed_alone():
    """The same seed gives the same estimates; y is not changed."""
    images, _, y = scene()
    before = y.copy()
    first, again, other = (
        area_fraction(Brightness(), images, y, cv=4, random_state=seed) for seed in (0, 0, 1)
    )
    assert same(first, again)
    assert not same(first, other)
    assert (y == before).all()


def test_the_result_is_a_table(segmenter):
    """One line for each class, and columns for data frames."""
    images, _, y = scene()
    areas = area_fraction(segmenter, images, y, confidence=0.9)
    header, *lines = str(areas).splitlines()
    assert "90 % interval" in header
    assert [line.split()[0] for line in lines] == ["3", "7"]
    columns = areas.to_dict()
    assert columns["classes"] == [3, 7]
    assert {len(column) for column in columns.values()} == {2}
    assert columns["fraction"] == areas.fraction.tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": np.full((2, 60, 80), -1)}, "y has 0 labeled pixels"),
        ({"y": scene()[2][:, :9]}, r"y\[0\] has shape"),
        ({"y": np.where(scene()[2] == 3, 5, scene()[2])}, "y holds the label 5"),
        ({"segmenter": Brightness()}, r"has no classes_"),
        ({"blocks": 0}, "blocks=0 is not the side of blocks in pixels"),
        ({"blocks": np.zeros((2, 60, 80))}, "into one block"),
        ({"mask": np.ones((60, 80), bool)}, "mask has shapes"),
        ({"cv": 1000}, "cv=1000 folds need as many blocks"),
        ({"cv": 1}, "The 'cv' parameter"),
        ({"confidence": 95}, "The 'confidence' parameter"),
        ({"mask": np.zeros((2, 60, 80), bool)}, "y has 0 labeled pixels"),
    ],
)
def test_errors_name_the_argument(segmenter, changes, message):
    """And its value, the rule and a remedy."""
    images, _, y = scene()
    arguments = {"segmenter": segmenter, "X": images, "y": y} | changes
    with pytest.raises(ValueError, match=message):
        area_fraction(**arguments)


def test_strata_without_labels_are_an_error(segmenter):
    """Nothing is known of a predicted class without labels."""
    images, truth, _ = scene()
    y = np.full(truth.shape, -1)
    dark = segmenter.predict_proba(images)[..., 0] > 0.5
    y[dark] = truth[dark]
    with pytest.raises(ValueError, match="2 labels where class 7 is predicted"):
        area_fraction(segmenter, images, y, stratified=True)


def test_rows_have_no_square_blocks(segmenter):
    """Blocks of rows are given by their indices."""
    images, _, y = scene()
    with pytest.raises(ValueError, match="in rows, which have no positions"):
        area_fraction(segmenter, images.reshape(-1, 1), y.ravel(), blocks=5)
    with pytest.raises(ValueError, match="y has shape"):
        area_fraction(segmenter, images.reshape(-1, 1), y.ravel()[1:])


def test_folds_need_models_that_leave_out_unlabeled_pixels():
    """A classifier for which -1 is a class is refused, as is a splitter that tests a part."""
    images, _, y = scene()

    class Literal(Brightness):
        def fit(self, X, y):
            super().fit(X, y)
            self.classes_ = np.r_[-1, self.classes_]
            return self

    with pytest.raises(TypeError, match="leaves out label -1"):
        area_fraction(Literal(), images, y, cv=3)

    class Half(KFold):
        def split(self, X, y, groups):
            yield next(super().split(X, y, groups))

    with pytest.raises(ValueError, match="labeled pixels not once"):
        area_fraction(Brightness(), images, y, cv=Half(2))
