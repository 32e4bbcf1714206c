"""Splitters: what may never be on both sides, and that scikit-learn's searches take them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist
from sklearn import config_context
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score, cross_validate
from sklearn.neighbors import KNeighborsClassifier

from sklearn_segae.metrics import make_segmentation_scorer, matched_accuracy
from sklearn_segae.model_selection import SingleSplit, SpatialBlockKFold

few = settings(max_examples=60, deadline=None, derandomize=True)


@st.composite
def scenes(draw):
    """A scene's shape and a splitter with as many folds as there are blocks, or fewer."""
    height, width, side = (
        draw(st.integers(2, 20)),
        draw(st.integers(2, 20)),
        draw(st.integers(1, 7)),
    )
    n_blocks = -(-height // side) * -(-width // side)
    side = side if n_blocks > 1 else 1
    n_blocks = -(-height // side) * -(-width // side)
    shuffle = draw(st.booleans())
    splitter = SpatialBlockKFold(
        draw(st.integers(2, min(n_blocks, 8))),
        block_size=side,
        shape=(height, width),
        shuffle=shuffle,
        random_state=draw(st.integers(0, 9)) if shuffle else None,
    )
    return (height, width), side, splitter


def pixels(shape):
    return np.zeros((shape[0] * shape[1], 2))


@few
@given(scenes())
def test_no_block_is_on_both_sides(scene):
    """Train and test are disjoint, together all, and share no block."""
    shape, side, splitter = scene
    y, x = np.indices(shape).reshape(2, -1) // side
    blocks = y * 100 + x

    for train, test in splitter.split(pixels(shape)):
        assert not set(blocks[train]) & set(blocks[test])
        assert sorted([*train, *test]) == list(range(shape[0] * shape[1]))


@few
@given(scenes())
def test_every_pixel_is_tested_once(scene):
    """Test sets are a partition, none is empty, and there are n_splits of them."""
    shape, _, splitter = scene

    tests = [test for _, test in splitter.split(pixels(shape))]

    assert sorted(np.concatenate(tests)) == list(range(shape[0] * shape[1]))
    assert min(map(len, tests)) > 0
    assert len(tests) == splitter.get_n_splits() == splitter.n_splits


@few
@given(scenes(), st.floats(0.5, 4))
def test_a_buffer_keeps_train_pixels_away(scene, buffer):
    """Left out are the train pixels within the buffer of a test pixel, and no others."""
    shape, side, splitter = scene
    where = np.argwhere(np.ones(shape))
    parameters = {name: getattr(splitter, name) for name in ("shape", "shuffle", "random_state")}
    buffered = SpatialBlockKFold(splitter.n_splits, block_size=side, buffer=buffer, **parameters)

    try:
        folds = list(buffered.split(pixels(shape)))
    except ValueError as error:
        assert "leaves no pixel to train on" in str(error)  # noqa: PT017 - either is right
        return
    for (train, test), (kept, same_test) in zip(splitter.split(pixels(shape)), folds, strict=True):
        np.testing.assert_array_equal(test, same_test)
        near = cdist(where[train], where[test]).min(1) <= buffer
        np.testing.assert_array_equal(train[~near], kept)


def test_folds_are_of_like_size():
    """Blocks that the scene's edge cuts do not gather in one fold."""
    splitter = SpatialBlockKFold(4, block_size=10, shape=(95, 85), random_state=0)

    sizes = [len(test) for _, test in splitter.split(pixels((95, 85)))]

    assert max(sizes) - min(sizes) <= 100  # one block


def test_without_shuffling_folds_are_bands():
    """Consecutive blocks make a fold."""
    splitter = SpatialBlockKFold(3, block_size=(2, 4), shape=(6, 8), shuffle=False)

    folds = np.empty(48, int)
    for i, (_, test) in enumerate(splitter.split(pixels((6, 8)))):
        folds[test] = i

    np.testing.assert_array_equal(
        folds.reshape(6, 8), np.repeat([[0], [1], [2]], 2, 0) * np.ones(8)
    )


def test_random_state_decides():
    """The same seed gives the same folds at every call, another seed others."""

    def folds(seed):
        splitter = SpatialBlockKFold(3, block_size=3, shape=(12, 12), random_state=seed)
        first, second = ([t.tolist() for _, t in splitter.split(pixels((12, 12)))] for _ in "ab")
        assert first == second
        return first

    assert folds(0) == folds(0) != folds(1)


def test_coordinates_stand_for_a_shape():
    """All pixels by coordinates are split as by shape; some of them in whole blocks too."""
    shape = (9, 13)
    mask = np.random.default_rng(0).random(shape) < 0.8
    options = {"block_size": 4, "random_state": 0}
    by_groups = SpatialBlockKFold(3, **options)

    every = by_groups.split(pixels(shape), groups=np.argwhere(np.ones(shape)))
    by_shape = SpatialBlockKFold(3, shape=shape, **options).split(pixels(shape))
    for ours, theirs in zip(every, by_shape, strict=True):
        np.testing.assert_array_equal(ours[1], theirs[1])

    where = np.argwhere(mask)
    for train, test in by_groups.split(where, groups=where):
        train_blocks, test_blocks = ({tuple(w // 4) for w in where[s]} for s in (train, test))
        assert not train_blocks & test_blocks


def test_representations_show_the_parameters():
    """Those that are needed to make the same splitter again."""
    splitter = SpatialBlockKFold(4, block_size=8, shape=(20, 30), random_state=0)

    assert vars(eval(repr(splitter))) == vars(splitter)
    assert repr(SingleSplit()) == "SingleSplit()"
    assert vars(clone(splitter, safe=False)) == vars(splitter)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_splits": 1, "block_size": 4}, "n_splits=1 leaves nothing to train on.*SingleSplit"),
        ({"block_size": 0}, "block_size=0 is not positive"),
        ({"block_size": (4, 0)}, r"block_size=\(4, 0\) is not positive"),
        ({"block_size": (4, 4, 0)}, r"block_size=\(4, 4, 0\) is not positive"),
        ({"block_size": 4, "buffer": -1}, "buffer=-1 is negative"),
        ({"block_size": 4, "shuffle": False, "random_state": 0}, "random_state=0 has no effect"),
    ],
)
def test_impossible_parameters_are_refused(options, message):
    """At once, with the value and the way out."""
    with pytest.raises(ValueError, match=message):
        SpatialBlockKFold(**options)


@pytest.mark.parametrize(
    ("options", "groups", "message"),
    [
        ({}, None, "neither shape nor groups is given for 48 pixels"),
        ({"shape": (6, 8)}, np.zeros((48, 2)), "both shape and groups are given"),
        ({"shape": (6, 9)}, None, r"shape=\(6, 9\) does not fit X of 48 pixels"),
        ({}, np.zeros(48), r"groups of shape \(48,\) does not fit X of 48 pixels"),
        ({"shape": (6, 8), "block_size": 6}, None, "gives 2 blocks, too few"),
        ({"shape": (6, 8), "buffer": 9}, None, "buffer=9 leaves no pixel to train on"),
    ],
)
def test_scenes_that_do_not_fit_are_refused(options, groups, message):
    """The error names what was given, and how to say where pixels are."""
    splitter = SpatialBlockKFold(3, **{"block_size": 2, **options})

    with pytest.raises(ValueError, match=message):
        list(splitter.split(np.zeros((48, 5)), groups=groups))


# ---- in scikit-learn's company


def noise_scene(side=60, n_bands=8):
    """Pixels x bands of smooth noise, labels of other smooth noise: nothing to learn."""
    rng = np.random.default_rng(0)
    smooth = gaussian_filter(rng.normal(size=(side, side, n_bands + 1)), (3, 3, 0))
    return smooth[..., :-1].reshape(-1, n_bands), (smooth[..., -1] > 0).astype(int).ravel()


def test_random_pixels_leak_and_blocks_do_not():
    """A classifier of noise by noise is right on random pixels, and guesses on blocks."""
    X, y = noise_scene()
    model = KNeighborsClassifier(1)

    random = cross_val_score(model, X, y, cv=KFold(5, shuffle=True, random_state=0)).mean()
    cv = SpatialBlockKFold(5, block_size=15, shape=(60, 60), buffer=3, random_state=0)
    blocks = cross_val_score(model, X, y, cv=cv).mean()

    assert random > 0.9
    assert 0.35 < blocks < 0.65


def test_searches_hand_on_coordinates():
    """GridSearchCV and cross_validate pass groups, and take a splitter with a shape as it is."""
    X, y = noise_scene(20)
    where = np.argwhere(np.ones((20, 20)))
    options = {"block_size": 5, "random_state": 0}
    by_shape, by_groups = (
        SpatialBlockKFold(4, shape=(20, 20), **options),
        SpatialBlockKFold(4, **options),
    )
    model = KNeighborsClassifier()

    scores = cross_validate(model, X, y, cv=by_groups, groups=where)["test_score"]
    search = GridSearchCV(model, {"n_neighbors": [5]}, cv=by_groups).fit(X, y, groups=where)

    np.testing.assert_array_equal(scores, cross_validate(model, X, y, cv=by_shape)["test_score"])
    assert search.best_score_ == pytest.approx(scores.mean())
    assert search.n_splits_ == 4


def test_coordinates_are_routed():
    """With metadata routing on, coordinates reach the splitter unasked."""
    X, y = noise_scene(20)
    cv = SpatialBlockKFold(4, block_size=5, random_state=0)

    with config_context(enable_metadata_routing=True):
        groups = {"groups": np.argwhere(np.ones((20, 20)))}
        results = cross_validate(KNeighborsClassifier(), X, y, cv=cv, params=groups)

    assert len(results["test_score"]) == 4


@pytest.mark.parametrize("X", [np.zeros((5, 2)), [np.zeros((2, 3))] * 5])
def test_a_single_split_is_all_of_it(X):
    """One split: all samples to fit on, all to score on; rows or a list of images."""
    ((train, test),) = SingleSplit().split(X)

    np.testing.assert_array_equal(train, range(5))
    np.testing.assert_array_equal(test, range(5))
    assert SingleSplit().get_n_splits(X) == 1


def test_a_search_without_labels_fits_once_a_candidate():
    """The number of clusters that suits the labels best is found where the clusterer was fitted."""
    X = np.repeat([[0.0], [1.0], [9.0], [14.0]], 10, axis=0)
    y = np.repeat([0, 0, 1, 2], 10)
    search = GridSearchCV(
        KMeans(random_state=0),
        {"n_clusters": [1, 2, 3, 4]},
        scoring=make_segmentation_scorer(matched_accuracy),
        cv=SingleSplit(),
    ).fit(X, y)

    assert search.n_splits_ == 1
    assert search.best_params_ == {"n_clusters": 3}
    best = KMeans(3, random_state=0).fit(X)
    assert search.best_score_ == matched_accuracy(y, best.labels_)


@pytest.mark.parametrize("block_size", [3, (2, 3, 4)])
def test_blocks_of_volumes_have_three_sides(block_size):
    """No block is on both sides, whether coordinates are given or the shape."""
    shape = (6, 8, 10)
    where = np.argwhere(np.ones(shape))
    _, block = np.unique(where // block_size, axis=0, return_inverse=True)
    options = {"block_size": block_size, "random_state": 0}
    of_shape = SpatialBlockKFold(4, shape=shape, **options).split(where)
    of_groups = SpatialBlockKFold(4, **options).split(where, groups=where)

    tested = []
    for (train, test), (same_train, same_test) in zip(of_shape, of_groups, strict=True):
        np.testing.assert_array_equal(train, same_train)
        np.testing.assert_array_equal(test, same_test)
        assert not set(block[train]) & set(block[test])
        tested.extend(test)
    assert sorted(tested) == list(range(480))


def test_the_buffer_of_volumes_is_a_distance_in_space():
    """Training voxels are farther than the buffer from all test voxels; no others are left out."""
    shape = (6, 8, 10)
    where = np.argwhere(np.ones(shape))
    splitter = SpatialBlockKFold(4, block_size=4, shape=shape, buffer=1.5, random_state=0)

    for train, test in splitter.split(where):
        nearest = cdist(where, where[test]).min(1)
        np.testing.assert_array_equal(train, np.flatnonzero(nearest > 1.5))


@pytest.mark.parametrize(
    ("block_size", "shape", "message"),
    [
        ((2, 2), (4, 4, 4), r"block_size=\(2, 2\) has 2 sides.*3 axes"),
        ((2, 2, 2), (8, 8), r"block_size=\(2, 2, 2\) has 3 sides.*2 axes"),
        (2, (4, 4, 2, 2), r"shape=\(4, 4, 2, 2\) does not fit"),
    ],
)
def test_blocks_have_a_side_for_each_axis(block_size, shape, message):
    """A number of sides that is not that of the axes is an error."""
    splitter = SpatialBlockKFold(2, block_size=block_size, shape=shape)

    with pytest.raises(ValueError, match=message):
        next(splitter.split(np.zeros((64, 1))))


def test_four_sides_are_no_block():
    """Blocks have two or three sides."""
    with pytest.raises(TypeError, match="is not an integer"):
        SpatialBlockKFold(block_size=(2, 2, 2, 2))
