"""Scorers in scikit-learn's searches: which pixels count, and what happens at the edges."""

import pickle
from functools import partial

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.metrics import (
    accuracy_score,
    adjusted_mutual_info_score,
    adjusted_rand_score,
    balanced_accuracy_score,
    cohen_kappa_score,
    completeness_score,
    f1_score,
    fowlkes_mallows_score,
    get_scorer,
    hamming_loss,
    homogeneity_score,
    jaccard_score,
    matthews_corrcoef,
    normalized_mutual_info_score,
    rand_score,
    silhouette_score,
    v_measure_score,
    zero_one_loss,
)
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, cross_validate
from sklearn.tree import DecisionTreeClassifier

from sklearn_segae.metrics import make_segmentation_scorer, make_unsupervised_scorer, mean_iou


class Threshold(BaseEstimator):
    """A segmenter that labels bright pixels 1, in the container that the images came in."""

    def __init__(self, at=0.5):
        self.at = at

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        maps = [(image > self.at).astype(int) for image in X]
        return maps if isinstance(X, list) else np.stack(maps)


def bright_images(n=6):
    """Images (n, 5, 5), label maps that are right for threshold 0.5, a void row in each."""
    X = np.random.default_rng(0).random((n, 5, 5))
    y = (X > 0.5).astype(int)
    y[:, 2] = -1
    return X, y


@pytest.mark.parametrize("average", ["pooled", "image"])
@pytest.mark.parametrize("as_list", [False, True])
def test_scorers_work_in_cross_validation(average, as_list):
    """A scorer is called with estimator, images and maps, alone or as one of several."""
    X, y = bright_images()
    X, y = (list(X), list(y)) if as_list else (X, y)
    scorers = {
        "ari": make_segmentation_scorer(adjusted_rand_score, average=average),
        "miou": make_segmentation_scorer(mean_iou, average=average),
    }

    results = cross_validate(Threshold(), X, y, scoring=scorers, cv=3, error_score="raise")

    np.testing.assert_array_equal(results["test_ari"], 1)
    np.testing.assert_array_equal(results["test_miou"], 1)


def test_pooled_scores_are_those_of_all_pixels():
    """A metric of scikit-learn gets the flat labels of all pixels that count."""
    X, y = bright_images()
    y[y == 0] = 7

    score = make_segmentation_scorer(accuracy_score, ignore_label=7)(Threshold(0.8), X, y)

    bright = (y == 1).ravel()
    assert score == np.mean(X.ravel()[bright] > 0.8)


def test_averages_over_images_are_means_of_scores():
    """average="image" scores every image by itself, and leaves out those without labels."""
    X, y = bright_images()
    X[0, :2] = 0
    y[3] = -1

    score = make_segmentation_scorer(mean_iou, average="image")(Threshold(0.7), X, y)

    predicted = Threshold(0.7).predict(X)
    singles = [mean_iou(y[i], predicted[i]) for i in range(len(y)) if i != 3]
    assert score == pytest.approx(np.mean(singles))
    assert score != pytest.approx(make_segmentation_scorer(mean_iou)(Threshold(0.7), X, y))


def test_images_of_different_sizes_are_scored():
    """Lists are scored pooled and image by image."""
    X = [np.array([[0.1, 0.9]]), np.array([[0.9], [0.9], [0.1], [0.1]])]
    y = [np.array([[0, 1]]), np.array([[1], [0], [0], [1]])]

    pooled = make_segmentation_scorer(accuracy_score)(Threshold(), X, y)
    single = make_segmentation_scorer(accuracy_score, average="image")(Threshold(), X, y)

    assert pooled == pytest.approx(4 / 6)
    assert single == pytest.approx((1 + 1 / 2) / 2)


@pytest.mark.parametrize("average", ["pooled", "image"])
def test_losses_are_scored_with_a_minus(average):
    """greater_is_better=False turns the sign, so that larger scores are better ones."""
    X, y = bright_images()

    def loss(y_true, y_pred):
        return np.mean(y_true != y_pred)

    score = make_segmentation_scorer(loss, average=average, greater_is_better=False)

    assert score(Threshold(0.9), X, y) < score(Threshold(0.5), X, y) == 0


def test_scorers_are_pickled_and_cloned():
    """A scorer sent to another process, or cloned, scores the same."""
    X, y = bright_images()
    scorer = make_segmentation_scorer(mean_iou, ignore_label=3, average="image")

    for copy in (pickle.loads(pickle.dumps(scorer)), clone(scorer, safe=False)):
        assert copy(Threshold(0.7), X, y) == scorer(Threshold(0.7), X, y)
        assert repr(copy) == repr(scorer)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ignore_label": 0},
        {"average": "image", "greater_is_better": False},
        {"ignore_label": -7, "average": "image"},
    ],
)
def test_a_scorers_repr_is_the_call_that_made_it(options):
    """The representation can be evaluated, and names what is not the default."""
    scorer = make_segmentation_scorer(mean_iou, **options)

    twin = eval(repr(scorer))

    assert vars(twin) == vars(scorer)
    assert all(f"{name}={value!r}" in repr(scorer) for name, value in options.items())


def test_a_scorer_of_a_metric_with_options_has_a_repr():
    """A partial metric, the way to pass options, is shown like any other."""
    scorer = make_segmentation_scorer(partial(mean_iou, matched=False))

    assert "mean_iou" in repr(scorer)


def test_unknown_averages_are_refused():
    """The error shows the value and the two that are known."""
    with pytest.raises(ValueError, match=r"'average' .*among .*'pooled'.* Got 'macro'"):
        make_segmentation_scorer(mean_iou, average="macro")


@pytest.mark.parametrize(
    "average",
    [
        "pooled",
        "image",
    ],
)
def test_scoring_without_a_label_is_refused(average):
    """Where no image has a labeled pixel, there is an error and not NaN."""
    X, y = bright_images()
    scorer = make_segmentation_scorer(mean_iou, average=average)

    with pytest.raises(ValueError, match="no labeled pixel"):
        scorer(Threshold(), X, np.full_like(y, -1))


# ---- one segment left


def needs_two_segments(y_true, y_pred):
    """Raise as silhouettes do, or be as good as the accuracy."""
    if len(np.unique(y_pred)) < 2:
        raise ValueError("Number of labels is 1.")
    return accuracy_score(y_true, y_pred)


def nan_of_one_segment(y_true, y_pred):
    """Be NaN as a correlation is."""
    return accuracy_score(y_true, y_pred) if len(np.unique(y_pred)) > 1 else np.nan


@pytest.mark.parametrize("metric", [needs_two_segments, nan_of_one_segment])
@pytest.mark.parametrize("options", [{}, {"average": "image"}, {"greater_is_better": False}])
def test_one_segment_left_gives_the_worst_score(metric, options):
    """A metric that cannot cope with one segment scores -1, as a loss too."""
    X, y = bright_images()
    scorer = make_segmentation_scorer(metric, **options)

    assert scorer(Threshold(2), X, y) == -1
    assert scorer(Threshold(0.5), X, y) == (-1 if "greater_is_better" in options else 1)


def test_one_image_of_one_segment_is_one_bad_score():
    """With average="image" the other images keep theirs."""
    X, y = bright_images(4)
    X[0] = 0
    scorer = make_segmentation_scorer(needs_two_segments, average="image")

    assert scorer(Threshold(), X, y) == pytest.approx((-1 + 3) / 4)


def test_other_errors_of_a_metric_are_raised():
    """Where several segments are left, what the metric refuses is the caller's to know."""
    X, y = bright_images()

    def refuse(y_true, y_pred):
        raise ValueError("labels are wrong")

    with pytest.raises(ValueError, match="labels are wrong"):
        make_segmentation_scorer(refuse)(Threshold(), X, y)


@pytest.mark.parametrize("search", [GridSearchCV, HalvingGridSearchCV])
@pytest.mark.parametrize("metric", [needs_two_segments, nan_of_one_segment, adjusted_rand_score])
def test_searches_go_on_after_one_segment(search, metric):
    """The candidate that finds one segment is ranked last, by finite scores; no warning is seen."""
    X, y = bright_images(12)
    options = {"min_resources": 6} if search is HalvingGridSearchCV else {}
    scorer = make_segmentation_scorer(metric)

    found = search(
        Threshold(), {"at": [2, 0.5, 0.7]}, scoring=scorer, cv=3, error_score="raise", **options
    ).fit(X, y)

    assert found.best_params_ == {"at": 0.5}
    scores = found.cv_results_["mean_test_score"]
    assert np.isfinite(scores).all()
    assert scores[0] == scores.min()


@pytest.mark.parametrize(
    "metric",
    [
        accuracy_score,
        adjusted_mutual_info_score,
        adjusted_rand_score,
        balanced_accuracy_score,
        cohen_kappa_score,
        completeness_score,
        f1_score,
        fowlkes_mallows_score,
        hamming_loss,
        homogeneity_score,
        jaccard_score,
        matthews_corrcoef,
        normalized_mutual_info_score,
        rand_score,
        v_measure_score,
        zero_one_loss,
    ],
    ids=lambda metric: metric.__name__,
)
def test_metrics_of_scikit_learn_score_label_maps(metric):
    """A scorer is the metric of the flat labeled pixels, of one segment as of two."""
    X, y = bright_images()
    known = y != -1
    scorer = make_segmentation_scorer(metric)

    for at in (0.3, 0.7, 2):
        labels = Threshold(at).predict(X)
        assert scorer(Threshold(at), X, y) == pytest.approx(metric(y[known], labels[known]))


# ---- scorers of scikit-learn, by name


class Sloped(Threshold):
    """A threshold with probabilities and a decision function."""

    classes_ = np.array([0, 1])

    def decision_function(self, X):
        maps = [image - self.at for image in X]
        return maps if isinstance(X, list) else np.stack(maps)

    def predict_proba(self, X):
        maps = [np.stack([1 - image, image], -1) for image in X]
        return maps if isinstance(X, list) else np.stack(maps)


class RowClassifier(ClassifierMixin, Sloped):
    """The same for rows of one pixel each."""

    def __sklearn_is_fitted__(self):
        return True


@pytest.mark.parametrize(
    "name", ["accuracy", "f1", "f1_macro", "roc_auc", "neg_log_loss", "adjusted_rand_score"]
)
@pytest.mark.parametrize("as_list", [False, True])
def test_named_scorers_are_those_of_the_labeled_pixels(name, as_list):
    """Labels, probabilities and decision functions are those of rows; -1 and 7 are left out."""
    X, y = bright_images()
    y[0] = 1 - y[0]  # the scores of perfect labels are trivial
    y[:, 2], y[:, 3] = -1, 7
    known = (y != -1) & (y != 7)
    right = get_scorer(name)(RowClassifier(0.6), X[known], y[known])

    scorer = make_segmentation_scorer(name, ignore_label=7)
    X, y = (list(X), list(y)) if as_list else (X, y)

    assert scorer(Sloped(0.6), X, y) == pytest.approx(right)
    assert right not in (0, 1)


def test_named_scorers_average_over_images():
    """Images without labels are left out of the mean; sizes may differ."""
    X, y = bright_images(3)
    X, y = [*X, X[0, :4]], [*y, y[0, :4]]
    y[1] = np.full_like(y[1], -1)

    score = make_segmentation_scorer("f1_macro", average="image")(Threshold(0.7), X, y)

    pairs = [(t[t >= 0], (x > 0.7)[t >= 0]) for x, t in zip(X, y, strict=True)]
    assert score == pytest.approx(
        np.mean([f1_score(*pairs[i], average="macro") for i in (0, 2, 3)])
    )


def test_named_scorers_of_rows_and_clusterers():
    """Rows are scored as scikit-learn does; clusterers have no classes."""
    rng = np.random.default_rng(0)
    X = rng.random((60, 2))
    y = (X[:, 0] > 0.5).astype(int)
    model = DecisionTreeClassifier(max_depth=1, random_state=0).fit(X[:, 1:], y)

    score = make_segmentation_scorer("f1_macro")(model, X[:, 1:], y)

    assert score == get_scorer("f1_macro")(model, X[:, 1:], y)
    images, labels = bright_images()
    assert make_segmentation_scorer("v_measure_score")(Threshold(), images, labels) == 1


def test_a_search_takes_a_named_scorer():
    """Where the string alone gives NaN with a warning, the scorer ranks candidates."""
    X, y = bright_images()
    y[:, 2] = 0  # scikit-learn's would take -1 as a class
    with pytest.warns(UserWarning, match="Scoring failed"):
        failed = cross_validate(Threshold(), X, y, scoring="f1_macro", cv=3)["test_score"]
    scorer = pickle.loads(pickle.dumps(make_segmentation_scorer("f1_macro")))
    found = GridSearchCV(Threshold(), {"at": [0.9, 0.5]}, scoring=scorer, cv=3).fit(X, y)

    assert np.isnan(failed).all()
    assert found.best_params_ == {"at": 0.5}
    assert eval(repr(scorer)).__dict__ == vars(scorer)


@pytest.mark.parametrize(
    ("arguments", "y", "message"),
    [
        ({"metric": "f1_macr"}, 0, "'f1_macr' is not a valid scoring value"),
        ({"metric": "f1", "greater_is_better": False}, 0, "metric='f1' is a scorer, which has its"),
        ({"metric": "f1"}, None, "y=None, but this scorer needs true labels"),
        ({"metric": "f1"}, -1, "no labeled pixel"),
        ({"metric": "f1", "average": "image"}, -1, "no labeled pixel"),
        ({"metric": "f1"}, 0.5, "y holds 0.5, but labels are whole"),
    ],
)
def test_what_named_scorers_cannot_score_is_refused(arguments, y, message):
    """At once if possible, else when they are called."""
    X, _ = bright_images()
    with pytest.raises(ValueError, match=message):
        make_segmentation_scorer(**arguments)(Sloped(), X, y if y is None else np.full(X.shape, y))


@pytest.mark.parametrize("average", ["pooled", "image"])
def test_named_scorers_leave_out_pixels_without_data(average):
    """NaN in an image is as good as no label there."""
    X, y = bright_images()
    unlabeled, gaps = y.copy(), X.copy()
    unlabeled[:, 1], gaps[:, 1] = -1, np.nan
    unlabeled[3], gaps[3] = -1, np.nan
    scorer = make_segmentation_scorer("f1_macro", average=average)

    assert scorer(Threshold(0.7), gaps, y) == scorer(Threshold(0.7), X, unlabeled)


def test_named_scorers_refuse_maps_of_other_sizes():
    """Probabilities as labels: pixels would be compared with others."""
    X, y = bright_images()
    for name in ("f1", "neg_log_loss"):
        with pytest.raises(ValueError, match="Pass two label maps of the same images"):
            make_segmentation_scorer(name)(Sloped(), X, y.transpose(1, 2, 0))


# ---- rows


def test_rows_are_scored_by_their_flat_labels():
    """Pixels as rows have no images: pooled scores are theirs, in inspection too."""
    rng = np.random.default_rng(0)
    X = rng.random((80, 3))
    y = np.where(rng.random(80) < 0.2, -1, X[:, 1] > 0.5)
    model = DecisionTreeClassifier(random_state=0).fit(X[y >= 0], y[y >= 0])
    scorer = make_segmentation_scorer(accuracy_score)

    importances = permutation_importance(model, X, y, scoring=scorer, random_state=0)

    assert scorer(model, X, y) == 1
    assert importances.importances_mean.argmax() == 1
    with pytest.raises(
        ValueError, match="average='image' needs label maps, but y holds the labels of 80 rows"
    ):
        make_segmentation_scorer(accuracy_score, average="image")(model, X, y)


# ---- callbacks


def test_scores_are_monitored():
    """ScoringMonitor calls scorers after every step of a fit; it wants those of ours by name."""
    callback = pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9 has none")

    class Approaching(callback.CallbackSupportMixin, Threshold):
        """A threshold that comes closer to 0.5 step by step."""

        def fit(self, X, y=None):
            fitting = self._init_callback_context(max_subtasks=3)
            fitting.call_on_fit_task_begin(estimator=self, X=X, y=y)
            for at in (2, 0.7, 0.5):
                step = fitting.subcontext(task_name="step")
                step.call_on_fit_task_begin(estimator=self, X=X, y=y)
                learnt = {"at": at}
                step.call_on_fit_task_end(
                    estimator=self, X=X, y=y, reconstruction_attributes=lambda found=learnt: found
                )
            fitting.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
            return self

        def transform(self, X):
            return X[..., None]

    X, y = bright_images()
    scorers = {
        "agreement": make_segmentation_scorer(needs_two_segments),
        "silhouette": make_unsupervised_scorer(silhouette_score),
    }
    monitor = callback.ScoringMonitor(scoring=scorers)
    Approaching().set_callbacks(monitor).fit(X, y)

    steps = [entry for entry in monitor.get_logs().data if len(entry["task_id_path"]) == 2]
    agreement, silhouette = ([entry[name] for entry in steps] for name in scorers)
    assert agreement[0] == -1 < agreement[1] < agreement[2] == 1
    assert silhouette[0] == -1 < silhouette[1] < silhouette[2]
