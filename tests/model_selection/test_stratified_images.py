"""Folds of images: each image once, and every class in every fold where there are enough."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score

from sklearn_segae import AESegmenter
from sklearn_segae.datasets import make_shapes
from sklearn_segae.model_selection import StratifiedImageKFold

few = settings(max_examples=60, deadline=None, derandomize=True)


def maps_of(present):
    """Label maps, all unlike in size, whose classes are given as lists; no class: unlabeled."""
    maps = []
    for i, classes in enumerate(present):
        labels = np.full((4, 5 + i), -1)
        labels[: len(classes), 0] = classes
        maps.append(labels)
    return maps


@few
@given(st.lists(st.sets(st.integers(0, 3)), min_size=4, max_size=24), st.integers(2, 4))
@pytest.mark.filterwarnings("ignore:A class is in only")
def test_folds_are_a_partition(present, n_splits):
    """Every image is tested once, and trained on in all other folds."""
    y = maps_of([sorted(classes) for classes in present])

    folds = list(StratifiedImageKFold(n_splits, random_state=0).split(y, y))

    assert len(folds) == n_splits
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(y)))
    for train, test in folds:
        assert sorted([*train, *test]) == list(range(len(y)))


@pytest.mark.parametrize("seed", range(5))
def test_rare_classes_are_in_every_fold(seed):
    """Of 40 images, 4 have class 2, 8 class 1: folds hold 1 and 2 of them; sizes are equal."""
    rng = np.random.default_rng(seed)
    present = [[0] for _ in range(40)]
    for i in rng.permutation(40)[:4]:
        present[i].append(2)
    for i in rng.permutation(40)[:8]:
        present[i].append(1)
    y = maps_of(present)

    for _, test in StratifiedImageKFold(4, random_state=seed).split(y, y):
        classes = [value for i in test for value in present[i]]
        assert classes.count(2) == 1
        assert classes.count(1) == 2
        assert len(test) == 10


def test_counts_differ_by_less_than_in_random_folds():
    """Of eight classes that occur together at random, the rarest are equally frequent."""
    rng = np.random.default_rng(0)
    has = rng.random((60, 8)) < np.linspace(0.2, 0.6, 8)
    y = maps_of([rng.permutation(np.flatnonzero(own))[:4] for own in has])
    has = np.array([[c in m for c in range(8)] for m in y])

    counts = [has[test].sum(0) for _, test in StratifiedImageKFold(5, random_state=0).split(y, y)]

    ours, others = (np.ptp(c, axis=0) for c in (counts, [has[i::5].sum(0) for i in range(5)]))
    assert ours[:3].max() <= 1  # the rarest
    assert ours.mean() < 0.6 * others.mean()


def test_ignored_labels_are_no_classes():
    """255 does not decide, unless it is a class."""
    y = np.zeros((8, 3, 3), int)
    y[:4, 0] = 255
    y[[0, 4], 1] = 1

    folds = [test for _, test in StratifiedImageKFold(2, ignore_label=255).split(y, y)]

    assert [sum(i in (0, 4) for i in test) for test in folds] == [1, 1]
    counts = [(y[t] == 255).any((1, 2)).sum() for _, t in StratifiedImageKFold(2).split(y, y)]
    assert counts == [2, 2]


def test_unlabeled_pixels_are_no_classes():
    """Masked ones neither, and strings are classes."""
    y = np.zeros((8, 3, 3), int)
    y[[0, 4], 1] = 1
    rare = np.ma.array(y.copy(), mask=np.zeros(y.shape, bool))
    rare[:4, 0] = 7
    rare[:4, 0] = np.ma.masked
    names = np.array(["sea", "land"])[y]
    for labels in (rare, names):
        folds = [test for _, test in StratifiedImageKFold(2, random_state=0).split(y, labels)]
        expected = [test for _, test in StratifiedImageKFold(2, random_state=0).split(y, y)]
        np.testing.assert_array_equal(folds, expected)


def test_the_seed_decides():
    """The same seed gives the same folds, others differ."""
    y = np.zeros((12, 2, 2), int)
    first, again, other = (
        [t.tolist() for _, t in StratifiedImageKFold(3, random_state=s).split(y, y)]
        for s in (0, 0, 1)
    )
    assert first == again != other


def test_searches_take_it():
    """GridSearchCV and cross_val_score pass label maps; the splitter is cloned and shown."""
    X, y = make_shapes(4, size=16, random_state=0)
    model = AESegmenter(encoder="passthrough", estimator=LogisticRegression(max_iter=300))
    cv = StratifiedImageKFold(2, random_state=0)

    assert len(cross_val_score(model, list(X), list(y), cv=cv, error_score="raise")) == 2
    search = GridSearchCV(model, {"estimator__C": [1]}, cv=cv, error_score="raise").fit(X, y)

    assert search.n_splits_ == 2
    assert vars(clone(cv, safe=False)) == vars(cv)
    assert repr(cv) == "StratifiedImageKFold(ignore_label=None, n_splits=2, random_state=0)"


def test_classes_of_too_few_images_are_announced():
    """A warning, as scikit-learn's StratifiedKFold gives."""
    y = maps_of([[0, 1], [0], [0], [0]])
    with pytest.warns(UserWarning, match=r"A class is in only 1 images, fewer than n_splits=2"):
        list(StratifiedImageKFold(2).split(y, y))


@pytest.mark.parametrize(
    ("n_splits", "y", "message"),
    [
        (1, None, "n_splits=1 leaves nothing to train on"),
        (2, None, "y holds no label maps"),
        (2, np.zeros(9, int), "y holds no label maps.*StratifiedKFold for rows"),
        (2, np.zeros((3, 2, 2), int), "y holds 3 label maps, but X holds 9 images"),
        (10, np.zeros((9, 2, 2), int), "n_splits=10 is more than the 9 images"),
    ],
)
def test_what_cannot_be_split_is_refused(n_splits, y, message):
    """The error names the value and what to pass."""
    with pytest.raises(ValueError, match=message):
        list(StratifiedImageKFold(n_splits).split(np.zeros((9, 2, 2)), y))


def test_volumes_have_the_folds_of_images_with_the_same_classes():
    """Stacks and lists of label maps with three axes are stratified, too."""
    y = np.random.default_rng(0).integers(0, 12, (8, 3, 2, 2))
    splitter = StratifiedImageKFold(3, random_state=0)
    folds = [test.tolist() for _, test in splitter.split(y, y)]

    for same in (y.reshape(8, 6, 2), list(y), [m[:, :, None] for m in y.reshape(8, 6, 2)]):
        assert [test.tolist() for _, test in splitter.split(same, same)] == folds
