"""AESegmenter in scikit-learn's searches: what is trained, how often, and what names reach."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.metrics import accuracy_score, adjusted_rand_score, silhouette_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    KFold,
    cross_validate,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

import sklearn_segae.encoding._pixel_encoder
from sklearn_segae import AESegmenter, PixelEncoder
from sklearn_segae.metrics import (
    make_segmentation_scorer,
    make_stability_scorer,
    make_unsupervised_scorer,
    mean_iou,
)
from sklearn_segae.model_selection import SingleSplit, SpatialBlockKFold

ENCODER = PixelEncoder(3, features="intensity", pooling=0, n_filters=4, batch_size=1, max_epochs=1)
AGREEMENT = make_segmentation_scorer(adjusted_rand_score)


def halves(n=4, sizes=((20, 24),)):
    """Images, dark on the left and bright on the right, and label maps of that."""
    rng = np.random.default_rng(0)
    images, maps = [], []
    for i in range(n):
        height, width = sizes[i % len(sizes)]
        labels = np.tile(np.arange(width) >= width // 2, (height, 1)).astype(int)
        maps.append(labels)
        images.append(labels[..., None] + 0.1 * rng.normal(size=(height, width, 2)))
    return (np.stack(images), np.stack(maps)) if len(sizes) == 1 else (images, maps)


def scene(side=24, n_bands=5):
    """Pixels x bands of a scene in two halves; band 1 alone tells them apart."""
    labels = np.tile(np.arange(side) >= side // 2, (side, 1)).astype(int).ravel()
    X = np.random.default_rng(0).normal(scale=0.2, size=(side**2, n_bands))
    X[:, 1] += 2 * labels
    return X, labels


@pytest.fixture
def trainings(monkeypatch):
    """A list that grows by one whenever a network is trained."""
    calls = []
    train = sklearn_segae.training._train.train
    monkeypatch.setattr(
        sklearn_segae.encoding._pixel_encoder,
        "train",
        lambda *a, **k: calls.append(1) or train(*a, **k),
    )
    return calls


@pytest.mark.parametrize(
    ("estimator", "grid"),
    [
        (KMeans(n_init=1), {"n_segments": list(range(1, 21))}),
        (None, {"estimator": [KNeighborsClassifier(k) for k in range(1, 21)]}),
        (DecisionTreeClassifier(), {"estimator__max_depth": list(range(1, 21))}),
    ],
    ids=["k", "heads", "depths"],
)
def test_twenty_candidates_share_the_encoders(estimator, grid, trainings, tmp_path):
    """With memory, one network is trained for each of two folds and for the refit."""
    X, y = halves()
    segmenter = AESegmenter(
        encoder=ENCODER, estimator=estimator, memory=str(tmp_path), random_state=0
    )

    search = GridSearchCV(segmenter, grid, scoring=AGREEMENT, cv=2, error_score="raise").fit(X, y)

    assert len(search.cv_results_["params"]) == 20
    assert len(trainings) == 3
    assert search.best_score_ > 0.95


def test_without_memory_every_candidate_trains(trainings):
    """What `memory` is for: two candidates, two folds and the refit are five networks."""
    X, y = halves()
    segmenter = AESegmenter(encoder=ENCODER, random_state=0)

    GridSearchCV(segmenter, {"n_segments": [2, 3]}, scoring=AGREEMENT, cv=2).fit(X, y)

    assert len(trainings) == 5


def test_memory_does_not_change_what_is_found(tmp_path):
    """Cached encoders are the ones that would be trained."""
    X, y = halves()
    segmenter = AESegmenter(encoder=ENCODER, random_state=0)
    search = GridSearchCV(segmenter, {"n_segments": [2, 3, 5]}, scoring=AGREEMENT, cv=2)

    without = search.fit(X, y).cv_results_["mean_test_score"]
    cached = clone(search).set_params(estimator__memory=str(tmp_path)).fit(X, y)

    np.testing.assert_array_equal(cached.cv_results_["mean_test_score"], without)


def test_stability_trains_one_twin_a_fold(trainings, tmp_path):
    """The twins of all candidates share their encoders, too."""
    X, _ = halves()
    segmenter = AESegmenter(encoder=ENCODER, memory=str(tmp_path), random_state=0)
    grid = {"n_segments": [1, 2, 6]}

    search = GridSearchCV(segmenter, grid, scoring=make_stability_scorer(), cv=2, refit=False)
    search.set_params(error_score="raise")
    scores = search.fit(X).cv_results_["mean_test_score"]

    assert len(trainings) == 2 + 2
    assert scores[1] > scores[2] > scores[0] == -1


def test_nested_names_reach_encoder_and_estimator():
    """A grid sets parameters of both, and the best ones are found in the fitted parts."""
    X, y = halves()
    segmenter = AESegmenter(encoder=ENCODER, estimator=RandomForestClassifier(), random_state=0)
    grid = {
        "encoder__pooling": [1, 0],
        "encoder__n_components": [2],
        "estimator__n_estimators": [3],
        "estimator__max_depth": [2],
    }

    found = GridSearchCV(segmenter, grid, scoring=AGREEMENT, cv=2).fit(X, y).best_estimator_

    assert found.encoder_.pooling_ == found.encoder.pooling
    assert found.transform(X).shape[-1] == 2
    assert len(found.estimator_.estimators_) == 3
    assert found.estimator_.max_depth == 2


@pytest.mark.parametrize("resource", ["n_samples", "encoder__max_epochs"])
def test_halving_spends_images_or_epochs(resource):
    """Candidates are tried on few images, or with short training, and the best get more."""
    X, y = halves(8)
    amounts = {"n_samples": (4, 8), "encoder__max_epochs": (1, 2)}[resource]
    search = HalvingGridSearchCV(
        AESegmenter(encoder=ENCODER, random_state=0),
        {"n_segments": [5, 2]},
        resource=resource,
        min_resources=amounts[0],
        max_resources=amounts[1],
        factor=2,
        scoring=AGREEMENT,
        cv=2,
        random_state=0,
    ).fit(X, y)

    assert search.best_params_["n_segments"] == 2
    assert search.n_resources_ == list(amounts)


def test_two_processes_find_what_one_finds(tmp_path):
    """Scores of a search are the same to the last bit, while processes share a cache."""
    X, y = halves(sizes=((20, 24), (17, 30)))
    segmenter = AESegmenter(
        encoder=ENCODER, estimator=KMeans(n_init=1), memory=str(tmp_path), random_state=0
    )
    scoring = {
        "ari": AGREEMENT,
        "iou": make_segmentation_scorer(mean_iou, average="image"),
        "silhouette": make_unsupervised_scorer(silhouette_score, n_pixels=200),
    }
    grid = {"n_segments": [1, 3], "encoder__pooling": [0, 1]}

    one, two = (
        GridSearchCV(segmenter, grid, scoring=scoring, refit="iou", cv=2, n_jobs=n_jobs).fit(X, y)
        for n_jobs in (1, 2)
    )

    assert one.best_params_ == two.best_params_
    for name in scoring:
        for fold in range(2):
            key = f"split{fold}_test_{name}"
            np.testing.assert_array_equal(one.cv_results_[key], two.cv_results_[key])


def test_images_of_a_group_stay_together():
    """GroupKFold splits images by patient, say; each group is predicted by the others."""
    X, y = halves(6, sizes=((20, 24), (17, 30)))
    groups = np.array([0, 0, 1, 1, 2, 2])

    results = cross_validate(
        AESegmenter(2, encoder=ENCODER, random_state=0),
        *(X, y),
        groups=groups,
        scoring=AGREEMENT,
        cv=GroupKFold(3),
        return_indices=True,
        error_score="raise",
    )

    for train, test in zip(*results["indices"].values(), strict=True):
        assert not set(groups[train]) & set(groups[test])
    assert (results["test_score"] > 0.95).all()


def test_pixels_of_an_image_stay_together():
    """For rows of several images, the image is the group."""
    images, maps = halves()
    X, y = images.reshape(-1, 2), maps.ravel()
    image = np.repeat(np.arange(len(images)), maps[0].size)
    segmenter = AESegmenter(encoder=PCA(2), estimator=KNeighborsClassifier(), random_state=0)

    search = GridSearchCV(
        segmenter, {"estimator__n_neighbors": [1, 5]}, scoring=AGREEMENT, cv=GroupKFold(4)
    ).fit(X, y, groups=image)

    assert search.n_splits_ == 4
    assert search.best_score_ > 0.95


def test_blocks_of_a_scene_are_searched():
    """Pixels x bands with spatial folds; rows of -1 are left out of fit and score."""
    X, y = scene()
    y[::3] = -1
    cv = SpatialBlockKFold(3, block_size=6, shape=(24, 24), random_state=0)
    segmenter = AESegmenter(encoder=PCA(2), estimator=KNeighborsClassifier(), random_state=0)
    scorer = make_segmentation_scorer(accuracy_score)

    search = GridSearchCV(segmenter, {"encoder__n_components": [1, 3]}, scoring=scorer, cv=cv)

    assert search.fit(X, y).best_score_ > 0.95


def test_the_band_that_matters_is_found():
    """permutation_importance of a segmenter of hyperspectral pixels, by a scorer of label maps."""
    X, y = scene()
    y[::5] = -1
    segmenter = AESegmenter(
        encoder="passthrough", estimator=DecisionTreeClassifier(max_depth=2), random_state=0
    ).fit(X, y)

    importances = permutation_importance(segmenter, X, y, scoring=AGREEMENT, random_state=0)

    assert importances.importances_mean.argmax() == 1
    assert importances.importances_mean[1] > 0.5


def test_a_search_without_labels():
    """A silhouette finds that there are two halves; y is not needed at all."""
    X, _ = halves()
    scorer = make_unsupervised_scorer(silhouette_score)

    search = GridSearchCV(
        AESegmenter(encoder="passthrough", random_state=0),
        {"n_segments": [1, 2, 4]},
        scoring=scorer,
        cv=SingleSplit(),
        error_score="raise",
    ).fit(X)

    assert search.best_params_ == {"n_segments": 2}
    assert search.cv_results_["mean_test_score"][0] == -1


@pytest.mark.parametrize("container", [np.asarray, list])
def test_folds_of_images_are_containers_as_given(container):
    """Stacks are split into stacks, lists into lists, and score the same."""
    X, y = (container(part) for part in halves())
    segmenter = AESegmenter(2, encoder=ENCODER, random_state=0)

    scores = cross_validate(
        segmenter, X, y, scoring=AGREEMENT, cv=KFold(2), return_train_score=True
    )

    assert (scores["test_score"] > 0.95).all()
    assert (scores["train_score"] > 0.95).all()
