"""Scorers without labels: which codes they see, what they are worth, and scikit-learn's tools."""

import pickle

import numpy as np
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.metrics import (
    adjusted_rand_score,
    calinski_harabasz_score,
    davies_bouldin_score,
    silhouette_score,
)
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, KFold, cross_validate
from sklearn.neighbors import NearestCentroid

from sklearn_segae import AESegmenter
from sklearn_segae.metrics import make_stability_scorer, make_unsupervised_scorer
from sklearn_segae.model_selection import SingleSplit


class Bands(BaseEstimator):
    """A segmenter that cuts gray values into bands; the code is the value and its square."""

    def __init__(self, cuts=(0.5,)):
        self.cuts = cuts

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        codes = [np.stack([image, image**2], axis=-1) for image in X]
        return codes if isinstance(X, list) else np.stack(codes)

    def predict(self, X):
        maps = [np.digitize(image, self.cuts) for image in X]
        return maps if isinstance(X, list) else np.stack(maps)


def levels(*means, n=6, side=8):
    """Images (n, side, side) of pixels at random around the means."""
    rng = np.random.default_rng(0)
    return rng.choice(means, (n, side, side)) + rng.normal(scale=0.05, size=(n, side, side))


def rows_of_clusters(*means, n=60):
    """Rows (n * len(means), 2), as many around every mean."""
    centers = np.repeat(np.array(means)[:, None], 2, axis=1)
    rows = np.repeat(centers, n, axis=0)
    return rows + np.random.default_rng(0).normal(scale=0.1, size=rows.shape)


def rows_segmenter(n_segments=3, **parameters):
    return AESegmenter(n_segments, encoder="passthrough", random_state=0, **parameters)


METRICS = [
    (silhouette_score, True),
    (calinski_harabasz_score, True),
    (davies_bouldin_score, False),
]


@pytest.mark.parametrize(("metric", "greater"), METRICS)
@pytest.mark.parametrize("container", [np.asarray, list])
def test_scores_of_all_pixels_are_the_metrics_own(metric, greater, container):
    """With n_pixels=None, scikit-learn's metric of all codes and labels, losses with a minus."""
    X = container(levels(0.2, 0.8))
    scorer = make_unsupervised_scorer(metric, n_pixels=None, greater_is_better=greater)

    flat = np.ravel(X)
    expected = metric(np.stack([flat, flat**2], axis=1), np.digitize(flat, [0.5]))
    assert scorer(Bands(), X) == pytest.approx(expected if greater else -expected, rel=1e-12)


def test_images_of_different_sizes_are_one_sample():
    """Codes and labels of a pixel stay together, whichever image it is from."""
    X = [levels(0.2, 0.8, n=1, side=side)[0, : side - 1] for side in (3, 9, 5)]
    flat = np.concatenate([image.ravel() for image in X])

    def check(codes, labels):
        np.testing.assert_array_equal(np.digitize(codes[:, 0], [0.5]), labels)
        assert np.isin(codes[:, 0], flat).all()
        return len(np.unique(codes[:, 0]))

    for n_pixels in (2, 30, 98, 99, None):
        scorer = make_unsupervised_scorer(check, n_pixels=n_pixels, random_state=1)
        assert scorer(Bands(), X) == min(n_pixels or 98, 98)  # 6 + 72 + 20 pixels, each once


def test_rows_are_scored():
    """Rows of pixels have codes and labels as images have."""
    X = rows_of_clusters(0, 3, 9)
    segmenter = rows_segmenter().fit(X)

    score = make_unsupervised_scorer(silhouette_score, n_pixels=None)(segmenter, X)

    assert score == pytest.approx(silhouette_score(X, segmenter.predict(X)))
    assert score > 0.9


def test_averages_over_images_are_means_of_scores():
    """average="image" scores each image by itself."""
    X = levels(0.2, 0.8)
    X[1:] += 0.2
    each = make_unsupervised_scorer(silhouette_score, average="image")
    pooled = make_unsupervised_scorer(silhouette_score)

    singles = [pooled(Bands(), X[i : i + 1]) for i in range(len(X))]
    assert each(Bands(), X) == pytest.approx(np.mean(singles))
    assert each(Bands(), X) != pytest.approx(pooled(Bands(), X))


def test_samples_are_close_and_repeated():
    """The same pixels at every call, others for another seed, and nearly the score of all."""
    X = levels(0.2, 0.5, 0.8, n=20)
    few, other, every = (
        make_unsupervised_scorer(silhouette_score, n_pixels=n, random_state=seed)
        for n, seed in [(300, 0), (300, 1), (None, 0)]
    )

    assert few(Bands(), X) == few(Bands(), X) != other(Bands(), X)
    assert few(Bands(), X) == pytest.approx(every(Bands(), X), abs=0.05)


@pytest.mark.parametrize(("metric", "greater"), METRICS)
@pytest.mark.parametrize("average", ["pooled", "image"])
def test_one_segment_left_is_worse_than_any_other(metric, greater, average):
    """Finite, and below the score of segments that mean nothing."""
    X = levels(0.5)
    scorer = make_unsupervised_scorer(metric, average=average, greater_is_better=greater)

    worst, poor = scorer(Bands([9]), X), scorer(Bands([0.5]), X)

    assert worst == (-1 if greater else -1e6)
    assert worst < poor


@pytest.mark.parametrize(("metric", "greater"), METRICS)
@pytest.mark.parametrize("search", [GridSearchCV, HalvingGridSearchCV])
def test_searches_find_the_right_number_without_labels(metric, greater, search):
    """Three levels are best cut into three; one segment does not stop the search."""
    X = levels(0.1, 0.5, 0.9, n=12)
    grid = {"cuts": [[9], [0.5], [0.3, 0.7], [0.1, 0.3, 0.7], [0.3, 0.5, 0.7]]}
    scorer = make_unsupervised_scorer(metric, greater_is_better=greater)
    options = {"min_resources": 4} if search is HalvingGridSearchCV else {}

    found = search(Bands(), grid, scoring=scorer, cv=2, error_score="raise", **options).fit(X)

    assert found.best_params_ == {"cuts": [0.3, 0.7]}


def test_codes_are_needed():
    """An estimator without transform is refused, with the way out."""
    with pytest.raises(TypeError, match=r"NearestCentroid.* has no transform.*Pass an AESegmenter"):
        make_unsupervised_scorer(silhouette_score)(NearestCentroid(), rows_of_clusters(0, 1))


# ---- stability


def test_stable_segments_score_one():
    """Well-parted clusters are found again in the other half, under whatever names."""
    X = rows_of_clusters(0, 3, 9)
    scorer = make_stability_scorer()
    halves = KFold(2, shuffle=True, random_state=0)

    scores = {}
    for n_segments in (1, 2, 3, 6):
        segmenter = rows_segmenter(n_segments, estimator=KMeans(n_init=1))
        results = cross_validate(segmenter, X, scoring=scorer, cv=halves, error_score="raise")
        scores[n_segments] = results["test_score"].mean()

    assert scores[3] == 1
    assert scores[6] < 0.9
    assert scores[1] == -1


def test_stability_is_that_of_a_fit_to_the_held_out_data():
    """The closed form: the metric of two fits' labels of the held-out data."""
    train, test = rows_of_clusters(0, 1), rows_of_clusters(0, 1)[::2] + 0.3
    fitted = KMeans(4, n_init=1, random_state=0).fit(train)
    seed = int(np.random.RandomState(5).randint(2**31, size=2)[1])
    twin = KMeans(4, n_init=1, random_state=seed).fit(test)

    score = make_stability_scorer(random_state=5)(fitted, test)

    assert score == adjusted_rand_score(fitted.predict(test), twin.labels_) < 1


def test_the_twin_has_other_seeds_everywhere():
    """With the same data, the seed alone decides; a nested one is replaced as well."""
    X = np.random.default_rng(0).random((300, 4))
    inner = KMeans(8, n_init=1, random_state=0)
    segmenter = rows_segmenter(8, estimator=inner)
    search = GridSearchCV(segmenter, {"n_segments": [8]}, scoring=make_stability_scorer())

    search.set_params(cv=SingleSplit(), error_score="raise").fit(X)

    assert 0 < search.best_score_ < 1
    assert segmenter.random_state == inner.random_state == 0


@pytest.mark.parametrize("average", ["pooled", "image"])
def test_stability_of_images(shapes, average):
    """Stacks and lists give the same; segments of one image need no names in another."""
    images = shapes[0][:2]
    scope = {"pooled": "dataset", "image": "image"}[average]
    segmenter = AESegmenter(3, encoder="passthrough", scope=scope, random_state=0).fit(images)
    scorer = make_stability_scorer(average=average)

    assert scorer(segmenter, images) == scorer(segmenter, list(images)) > 0.9


def test_labels_reach_the_twin(shapes):
    """A classifier's twin is fitted to the held-out labels."""
    images, truth = shapes
    segmenter = AESegmenter(estimator=NearestCentroid(), encoder="passthrough", random_state=0)

    score = make_stability_scorer()(segmenter.fit(images[:1], truth[:1]), images[1:], truth[1:])

    assert score > 0.8


# ---- both


def test_scorers_of_codes_serve_inspection():
    """Without a y, the two bands that part the segments together matter, the others do not."""
    X = np.random.default_rng(0).normal(scale=0.1, size=(200, 4))
    X[100:, [0, 2]] += 5
    segmenter = rows_segmenter(2).fit(X)
    scorer = make_unsupervised_scorer(silhouette_score)

    importances = permutation_importance(segmenter, X, None, scoring=scorer, random_state=0)

    np.testing.assert_allclose(importances.importances_mean[[1, 3]], 0, atol=0.01)
    assert (importances.importances_mean[[0, 2]] > 0.1).all()


@pytest.mark.parametrize(
    "scorer",
    [
        make_unsupervised_scorer(silhouette_score),
        make_unsupervised_scorer(
            davies_bouldin_score, n_pixels=50, greater_is_better=False, average="image"
        ),
        make_unsupervised_scorer(silhouette_score, n_pixels=None, random_state=7),
        make_stability_scorer(),
        make_stability_scorer(silhouette_score, average="image", random_state=3),
    ],
    ids=repr,
)
def test_a_scorers_repr_is_the_call_that_made_it(scorer):
    """Evaluated, it gives the same scorer; so do pickles and clones."""
    for twin in (eval(repr(scorer)), pickle.loads(pickle.dumps(scorer)), clone(scorer, safe=False)):
        assert vars(twin) == vars(scorer)


def test_impossible_parameters_are_refused():
    """At once, with the value and those that are possible."""
    with pytest.raises(ValueError, match=r"'average' .*among .*'pooled'.* Got 'macro'"):
        make_unsupervised_scorer(silhouette_score, average="macro")
    with pytest.raises(ValueError, match=r"'n_pixels' .* in the range \[2, inf\) or None. Got 1"):
        make_unsupervised_scorer(silhouette_score, n_pixels=1)
    with pytest.raises(ValueError, match="'average' parameter of make_stability_scorer"):
        make_stability_scorer(average="macro")


@pytest.mark.parametrize(
    "scorer",
    [
        make_unsupervised_scorer(silhouette_score, average="image"),
        make_stability_scorer(average="image"),
    ],
    ids=repr,
)
def test_rows_have_no_images(scorer):
    """Averages over images of rows are refused."""
    X = rows_of_clusters(0, 3)
    with pytest.raises(ValueError, match="needs label maps, but y holds the labels of 120 rows"):
        scorer(rows_segmenter(2).fit(X), X)
